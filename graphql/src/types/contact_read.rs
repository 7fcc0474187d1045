//! A record that a member of staff read a customer's contact, for the director.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use domain::ids::{CustomerId, OrderId, StaffId};
use projections::contact_reads::Row;

use super::enums::Role;
use super::order::Order;
use super::page::connection;
use super::staff::Staff;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::open;
use crate::ids::GlobalId;
use crate::loaders::OrderOf;

/// A record that a contact was read.
#[derive(Debug, Clone)]
pub struct ContactRead(Row);

impl From<Row> for ContactRead {
    fn from(row: Row) -> Self {
        Self(row)
    }
}

/// A record that a member of staff read a contact. It is written before the contact is shown, once a minute
/// per reader and order.
#[Object(directive = open::apply())]
impl ContactRead {
    /// The member of staff who read the contact.
    async fn reader(&self) -> Staff {
        Staff(StaffId(self.0.reader_id))
    }

    /// The reader's role at that time.
    async fn role(&self) -> Result<Role, ApiError> {
        let role: domain::access::Role = self.0.role.parse().map_err(ApiError::permanent)?;
        Ok(role.into())
    }

    /// The customer's id; `null` for a customer without an account. The id stays after the customer is
    /// erased.
    async fn customer_id(&self) -> Option<ID> {
        self.0.customer_id.map(|id| CustomerId(id).to_global())
    }

    /// The contact's id, as events name it.
    async fn contact_id(&self) -> ID {
        ID(self.0.contact_id.to_string())
    }

    /// The id of the order on which the contact was read.
    async fn order_id(&self) -> ID {
        OrderId(self.0.order_id).to_global()
    }

    /// The order; `null` if the read model does not have it yet.
    async fn order(&self, ctx: &Context<'_>) -> Result<Option<Order>, ApiError> {
        Ok(ctx.loaders()?.load_one(OrderOf(OrderId(self.0.order_id))).await?.map(Into::into))
    }

    /// The code of the order's pizzeria.
    async fn pizzeria_code(&self) -> &str {
        &self.0.pizzeria
    }

    /// The time of the first read in that minute.
    async fn read_at(&self) -> DateTime<Utc> {
        self.0.read_at
    }
}

connection!(ContactReadConnection, ContactReadEdge, ContactRead, "reads of contacts");
