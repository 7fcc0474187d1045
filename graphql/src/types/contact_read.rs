//! That somebody of the staff has read a customer's contact, as the director sees it.

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
use crate::ids::GlobalId;
use crate::loaders::OrderOf;

/// That somebody has read a contact.
#[derive(Debug, Clone)]
pub struct ContactRead(Row);

impl From<Row> for ContactRead {
    fn from(row: Row) -> Self {
        Self(row)
    }
}

/// That somebody of the staff has read a contact: noted before it was shown, once a minute for a reader
/// and an order.
#[Object]
impl ContactRead {
    /// Who.
    async fn reader(&self) -> Staff {
        Staff(StaffId(self.0.reader_id))
    }

    /// In which role.
    async fn role(&self) -> Result<Role, ApiError> {
        let role: domain::access::Role = self.0.role.parse().map_err(ApiError::permanent)?;
        Ok(role.into())
    }

    /// Whose, when it is a customer with an account; the id stays when the customer is erased.
    async fn customer_id(&self) -> Option<ID> {
        self.0.customer_id.map(|id| CustomerId(id).to_global())
    }

    /// Which contact, as events name it.
    async fn contact_id(&self) -> ID {
        ID(self.0.contact_id.to_string())
    }

    /// Why: the order's id.
    async fn order_id(&self) -> ID {
        OrderId(self.0.order_id).to_global()
    }

    /// Why: the order; none when the read model has it not yet.
    async fn order(&self, ctx: &Context<'_>) -> Result<Option<Order>, ApiError> {
        Ok(ctx.loaders()?.load_one(OrderOf(OrderId(self.0.order_id))).await?.map(Into::into))
    }

    /// The code of the order's pizzeria.
    async fn pizzeria_code(&self) -> &str {
        &self.0.pizzeria
    }

    /// When, first in that minute.
    async fn read_at(&self) -> DateTime<Utc> {
        self.0.read_at
    }
}

connection!(ContactReadConnection, ContactReadEdge, ContactRead, "reads of contacts");
