//! The query for reads of customers' contacts by staff.

use async_graphql::{Context, ID, InputObject, Object};
use chrono::{DateTime, Utc};
use domain::access::{Permission, Scope};
use domain::ids::{CustomerId, OrderId, StaffId};
use projections::contact_reads;
use projections::page::{NoRange, PageArgs};

use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::requires;
use crate::ids::GlobalId;
use crate::types::contact_read::ContactReadConnection;

/// Queries for reads of contacts.
#[derive(Debug, Default)]
pub struct ContactReadQuery;

/// Filters reads of contacts; all given conditions must hold.
#[derive(Debug, Default, InputObject)]
pub struct ContactReadFilter {
    /// Reads by this member of staff. Without `customerId`, `from` and `to` are required, at most 31 days
    /// apart.
    pub reader_id: Option<ID>,
    /// Reads of this customer's contacts.
    pub customer_id: Option<ID>,
    /// Reads for this order. Without `customerId`, `from` and `to` are required, at most 31 days apart.
    pub order_id: Option<ID>,
    /// Reads at or after this time.
    pub from: Option<DateTime<Utc>>,
    /// Reads before this time.
    pub to: Option<DateTime<Utc>>,
}

#[Object]
impl ContactReadQuery {
    /// Reads of customers' contacts by staff, each with its order, latest first.
    #[graphql(directive = requires::apply(Permission::ReadContactReads))]
    async fn contact_reads(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only items that match.")] filter: Option<ContactReadFilter>,
        #[graphql(desc = "Returns the first `n` items (1–100).")] first: Option<i32>,
        #[graphql(desc = "Returns the items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the last `n` items (1–100).")] last: Option<i32>,
        #[graphql(desc = "Returns the items before this cursor.")] before: Option<String>,
    ) -> Result<ContactReadConnection, ApiError> {
        ctx.caller()?.reach(Scope::Group)?;
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
                "filter.readerId, filter.orderId: filter.from and filter.to, at most 31 days apart, or filter.customerId are \
                 required",
            )
        })?;
        let args = PageArgs::new(first, after.as_deref(), last, before.as_deref())?;
        Ok(contact_reads::page(&ctx.services()?.pool, &filter, &args).await?.into())
    }
}
