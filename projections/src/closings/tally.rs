//! Counts a part of the log into figures. The earlier state of an order is folded from its stream, so a part can begin
//! anywhere.

use std::sync::Arc;

use domain::closing::Ledger;
use domain::event::UnreadableEvent;
use domain::ids::OrderId;
use domain::{AggregateState, Event, LogPosition, StreamType};
use event_store::{LogEntry, LogError, StoreError};
use sqlx::PgPool;

use crate::as_of::{self, AsOfError};

/// Orders kept in memory before closed ones are dropped.
const MAX_KEPT_ORDERS: usize = 20_000;
/// Entries read at once.
pub(super) const BATCH_ENTRIES: i64 = 1_000;

/// Why closings cannot be counted.
#[derive(Debug, thiserror::Error)]
pub enum ClosingsError {
    /// The database does not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A past state cannot be read.
    #[error(transparent)]
    Past(#[from] AsOfError),
    /// A command failed.
    #[error("a day cannot be closed")]
    Store(#[from] StoreError),
    /// This program cannot read an order's event.
    #[error("the event at position {position} cannot be read")]
    Unreadable {
        /// Position of the event.
        position: LogPosition,
        /// The cause.
        #[source]
        source: Arc<UnreadableEvent>,
    },
}

/// Figures by pizzeria of the entries counted.
pub(super) struct Tally {
    pool: PgPool,
    pub(super) ledger: Ledger,
}

impl Tally {
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool, ledger: Ledger::default() }
    }

    /// Counts an entry; only events of orders matter.
    pub(super) async fn count(&mut self, entry: &LogEntry) -> Result<(), ClosingsError> {
        let event = match entry {
            LogEntry::Event(event) if event.stream.kind == StreamType::Order => event,
            LogEntry::Event(_) => return Ok(()),
            LogEntry::Unreadable(record) if record.stream_type == StreamType::Order.as_str() => {
                return Err(ClosingsError::Unreadable {
                    position: record.position,
                    source: Arc::clone(&record.reason),
                });
            }
            LogEntry::Unreadable(_) => return Ok(()),
        };
        let Ok(order) = event.stream.id.parse::<OrderId>() else { return Ok(()) };
        if event.sequence > 1 && !self.ledger.knows(order) {
            let before = LogPosition(event.position.0 - 1);
            let mut db = self.pool.acquire().await?;
            let past = as_of::stream(&mut db, &event.stream, before).await?;
            if let AggregateState::Order(state) = past.state {
                self.ledger.recall(order, state);
            }
        }
        for happened in &event.events {
            if let Event::Order(happened) = happened {
                self.ledger.apply(order, happened);
            }
        }
        if self.ledger.len() > MAX_KEPT_ORDERS {
            self.ledger.forget_closed();
        }
        Ok(())
    }
}
