//! The board of open orders: what hangs on the wall of a pizzeria.

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use domain::ids::PizzeriaId;
use messages::labels;
use projections::order_board::{Count, Row};

use super::enums::{Fulfilment, OrderChannel, OrderStatus};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::scalars::Money;

/// The open orders of a pizzeria.
#[derive(Debug, SimpleObject)]
pub struct OrderBoard {
    /// How many there are, by status; a status that none has is left out.
    pub counts: Vec<StatusCount>,
    /// The orders, oldest first.
    pub orders: Vec<BoardOrder>,
}

/// How many open orders have a status.
#[derive(Debug, SimpleObject)]
pub struct StatusCount {
    /// The status.
    pub status: OrderStatus,
    /// How many.
    pub orders: i64,
}

/// An open order, as the board shows it.
#[derive(Debug, Clone)]
pub struct BoardOrder(pub Row);

impl OrderBoard {
    /// From the rows of the board that are shown, and how many there are.
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

/// An open order, in short.
#[Object]
impl BoardOrder {
    /// The order's id.
    async fn id(&self) -> ID {
        self.0.order.to_global()
    }

    /// Its number, `P1-000042`.
    async fn number(&self) -> &str {
        &self.0.number
    }

    /// Its version.
    async fn version(&self) -> Result<i32, ApiError> {
        crate::scalars::int(self.0.version)
    }

    /// Where it stands.
    async fn status(&self) -> OrderStatus {
        self.0.status.into()
    }

    /// Where it stands, in the caller's language.
    async fn status_label(&self, ctx: &Context<'_>) -> Result<&'static str, ApiError> {
        Ok(labels::order_status(self.0.status, self.0.fulfilment, ctx.caller()?.lang))
    }

    /// How it came in.
    async fn channel(&self) -> OrderChannel {
        self.0.channel.into()
    }

    /// How it leaves.
    async fn fulfilment(&self) -> Fulfilment {
        self.0.fulfilment.into()
    }

    /// When it was placed.
    async fn placed_at(&self) -> DateTime<Utc> {
        self.0.placed_at
    }

    /// When it is promised for.
    async fn promised_at(&self) -> DateTime<Utc> {
        self.0.promised_at
    }

    /// Whether its promise has passed.
    async fn late(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        Ok(ctx.now()? > self.0.promised_at)
    }

    /// What is to be paid.
    async fn total(&self) -> Money {
        self.0.total.into()
    }

    /// What is still to be paid; negative when money is owed back.
    async fn due(&self) -> Money {
        self.0.due.into()
    }
}
