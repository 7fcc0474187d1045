//! An order as clients see it.

use std::sync::Arc;

use async_graphql::{ID, Object};
use domain::order::{Order as OrderState, PlacedOrder};
use domain::{AggregateState, LogPosition};
use event_store::Outcome;

use super::enums::OrderStatus;
use crate::ids::GlobalId;
use crate::scalars::Money;

/// An order that was accepted, at one version.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its state.
    pub order: Arc<PlacedOrder>,
    /// The version of its stream.
    pub version: i64,
    /// The log's position that this state is of, at least.
    pub position: LogPosition,
}

impl Order {
    /// From a state that somebody folded; none for an order that was never accepted.
    pub fn of(state: &OrderState, version: i64, position: LogPosition) -> Option<Self> {
        Some(Self { order: Arc::new(state.placed()?.clone()), version, position })
    }

    /// From a command's outcome; `head` is the position to show when nothing was stored.
    pub fn of_outcome(outcome: &Outcome, head: LogPosition) -> Option<Self> {
        match &*outcome.state {
            AggregateState::Order(state) => {
                Self::of(state, outcome.version, outcome.position.unwrap_or(head))
            }
            _ => None,
        }
    }
}

/// An order: what was asked, what it costs, and where it stands.
#[Object]
impl Order {
    /// Its id.
    pub async fn id(&self) -> ID {
        self.order.id.to_global()
    }

    /// The number people say, `P1-000042`.
    async fn number(&self) -> &str {
        &self.order.number
    }

    /// Where it stands.
    async fn status(&self) -> OrderStatus {
        self.order.status().into()
    }

    /// Its version, for `expectedVersion`.
    async fn version(&self) -> i64 {
        self.version
    }

    /// What is to be paid.
    async fn total(&self) -> Money {
        self.order.pricing.total.into()
    }
}
