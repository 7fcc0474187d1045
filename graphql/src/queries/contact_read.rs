//! Who of the staff has read whose contact.

use async_graphql::{Context, ID, InputObject, Object};
use chrono::{DateTime, Utc};
use domain::access::{Permission, Scope};
use domain::ids::{CustomerId, OrderId, StaffId};
use projections::contact_reads;
use projections::page::{NoRange, PageArgs};

use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::roles_directive::{requires, roles};
use crate::types::contact_read::ContactReadConnection;

/// Queries over reads of contacts.
#[derive(Debug, Default)]
pub struct ContactReadQuery;

/// Which reads; everything that is given must hold.
#[derive(Debug, Default, InputObject)]
pub struct ContactReadFilter {
    /// By a member of staff; without a customer `from` and `to` are needed, at most 31 days apart.
    pub reader_id: Option<ID>,
    /// Of a customer's contacts.
    pub customer_id: Option<ID>,
    /// For an order; without a customer `from` and `to` are needed, at most 31 days apart.
    pub order_id: Option<ID>,
    /// At this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// Before this instant.
    pub to: Option<DateTime<Utc>>,
}

#[Object]
impl ContactReadQuery {
    /// Who of the staff has read whose contact, when, and for which order; the latest first.
    #[graphql(directive = requires::apply(roles(Permission::ReadContactReads)))]
    async fn contact_reads(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] filter: Option<ContactReadFilter>,
        #[graphql(desc = "The first so many, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "The last so many, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
    ) -> Result<ContactReadConnection, ApiError> {
        ctx.caller()?.authorize(Permission::ReadContactReads, Scope::Group)?;
        let asked = filter.unwrap_or_default();
        let (reader, customer, order) = (asked.reader_id, asked.customer_id, asked.order_id);
        let filter = contact_reads::ContactReadFilter {
            reader: reader.map(|id| StaffId::required(&id, "filter.readerId")).transpose()?.map(|id| id.0),
            customer: customer
                .map(|id| CustomerId::required(&id, "filter.customerId"))
                .transpose()?
                .map(|id| id.0),
            order: order.map(|id| OrderId::required(&id, "filter.orderId")).transpose()?.map(|id| id.0),
            from: asked.from,
            to: asked.to,
        };
        filter.check().map_err(|NoRange| {
            ApiError::bad_input(
                "filter.readerId, filter.orderId: reads are looked through one by one: give filter.from and filter.to, at \
                 most 31 days apart, or a customer",
            )
        })?;
        let args = PageArgs::new(first, after.as_deref(), last, before.as_deref())?;
        Ok(contact_reads::page(&ctx.services()?.pool, &filter, &args).await?.into())
    }
}
