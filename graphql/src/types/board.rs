//! The board of open orders, as displayed in a pizzeria.

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use domain::ids::PizzeriaId;
use messages::labels;
use projections::order_board::{Count, Row};

use super::enums::{Fulfilment, OrderChannel, OrderStatus};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::open;
use crate::ids::GlobalId;
use crate::scalars::Money;

/// The open orders of a pizzeria.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct OrderBoard {
    /// Number of open orders by status; statuses without orders are omitted.
    pub counts: Vec<StatusCount>,
    /// The orders, oldest first.
    pub orders: Vec<BoardOrder>,
}

/// Number of open orders with a status.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct StatusCount {
    /// The status.
    pub status: OrderStatus,
    /// The number of orders.
    pub orders: i64,
}

/// An open order, as the board shows it.
#[derive(Debug, Clone)]
pub struct BoardOrder(pub Row);

impl OrderBoard {
    /// Builds the board from the rows shown and the counts by status.
    pub fn of(rows: Vec<Row>, pizzeria: &PizzeriaId, mut counts: Vec<Count>) -> Self {
        counts.retain(|count| count.pizzeria == *pizzeria);
        counts.sort_by_key(|count| count.status);
        Self {
            counts: counts
                .into_iter()
                .map(|count| StatusCount { status: count.status.into(), orders: count.orders })
                .collect(),
            orders: rows.into_iter().map(BoardOrder).collect(),
        }
    }
}

/// An open order, in short form.
#[Object(directive = open::apply())]
impl BoardOrder {
    /// The order's id.
    async fn id(&self) -> ID {
        self.0.order.to_global()
    }

    /// The order's number, such as `P1-000042`.
    async fn number(&self) -> &str {
        &self.0.number
    }

    /// The order's version, for `expectedVersion`.
    async fn version(&self) -> Result<i32, ApiError> {
        crate::scalars::int(self.0.version)
    }

    /// The order's status.
    async fn status(&self) -> OrderStatus {
        self.0.status.into()
    }

    /// The status in the caller's language.
    async fn status_label(&self, ctx: &Context<'_>) -> Result<&'static str, ApiError> {
        Ok(labels::order_status(self.0.status, self.0.fulfilment, ctx.caller()?.lang))
    }

    /// The channel through which the order was placed.
    async fn channel(&self) -> OrderChannel {
        self.0.channel.into()
    }

    /// How the order reaches the customer.
    async fn fulfilment(&self) -> Fulfilment {
        self.0.fulfilment.into()
    }

    /// When it was placed.
    async fn placed_at(&self) -> DateTime<Utc> {
        self.0.placed_at
    }

    /// The promised time.
    async fn promised_at(&self) -> DateTime<Utc> {
        self.0.promised_at
    }

    /// Whether the promised time has passed.
    async fn late(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        Ok(ctx.now()? > self.0.promised_at)
    }

    /// The total price, VAT and delivery included.
    async fn total(&self) -> Money {
        self.0.total.into()
    }

    /// The amount still due; negative when a refund is owed.
    async fn due(&self) -> Money {
        self.0.due.into()
    }
}
