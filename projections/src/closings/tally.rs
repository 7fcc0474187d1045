//! Counts a part of the log into figures. What an order was before the part is folded from its own stream, so
//! that a part can begin anywhere.

use std::sync::Arc;

use domain::closing::Ledger;
use domain::event::UnreadableEvent;
use domain::ids::OrderId;
use domain::{AggregateState, Event, LogPosition, StreamType};
use event_store::{LogEntry, LogError, StoreError};
use sqlx::PgPool;

use crate::as_of::{self, AsOfError};

/// Orders that are remembered before those that are over are forgotten: what bounds the memory.
const REMEMBERED: usize = 20_000;
/// Entries read at once.
pub(super) const BATCH: i64 = 1_000;

/// Why closings cannot be counted.
#[derive(Debug, thiserror::Error)]
pub enum ClosingsError {
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A state of the past could not be had.
    #[error(transparent)]
    Past(#[from] AsOfError),
    /// A command could not be carried out.
    #[error("a day cannot be closed")]
    Store(#[from] StoreError),
    /// An order's event is of a newer program.
    #[error("the event at position {position} cannot be read")]
    Unreadable {
        /// Where.
        position: LogPosition,
        /// Why.
        #[source]
        source: Arc<UnreadableEvent>,
    },
}

/// Figures by pizzeria of the entries counted so far.
pub(super) struct Tally {
    pool: PgPool,
    pub(super) ledger: Ledger,
}

impl Tally {
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool, ledger: Ledger::default() }
    }

    /// Counts an entry; those that are not of orders say nothing.
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
        let (Event::Order(happened), Ok(order)) = (&event.event, event.stream.id.parse::<OrderId>()) else {
            return Ok(());
        };
        if event.sequence > 1 && !self.ledger.knows(order) {
            let before = LogPosition(event.position.0 - 1);
            let mut db = self.pool.acquire().await?;
            let past = as_of::stream(&mut db, &event.stream, before).await?;
            if let AggregateState::Order(state) = past.state {
                self.ledger.recall(order, state);
            }
        }
        self.ledger.apply(order, happened);
        if self.ledger.len() > REMEMBERED {
            self.ledger.forget_closed();
        }
        Ok(())
    }
}
