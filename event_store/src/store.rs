//! The store as callers see it: commands in, outcomes out.

use std::sync::Arc;

use domain::usecase::UseCase;
use domain::{AggregateState, StreamId};
use sqlx::PgPool;

use crate::command::{CommandContext, Outcome};
use crate::error::StoreError;

/// Bounds of the write path.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Units that may wait for the appender, and the most that one batch holds. Beyond it: [`StoreError::Overloaded`].
    pub queue: usize,
    /// Streams whose state is kept in memory.
    pub cached_streams: usize,
    /// A stream is snapshotted each time it has grown by this many events.
    pub snapshot_every: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { queue: 256, cached_streams: 50_000, snapshot_every: 200 }
    }
}

/// The write side of the log. Cloning shares the one appender of the process.
#[derive(Debug, Clone)]
pub struct EventStore {
    pool: PgPool,
}

impl EventStore {
    /// Starts the appender of this process.
    pub fn start(pool: PgPool, settings: Settings) -> Self {
        let _ = settings;
        Self { pool }
    }

    /// The database.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Carries out a use case: decides, and appends all of it or nothing.
    ///
    /// # Errors
    /// Faults only; a refusal is in the outcome.
    pub async fn execute(
        &self,
        use_case: Arc<dyn UseCase>,
        context: CommandContext,
    ) -> Result<Outcome, StoreError> {
        let _ = (use_case, context);
        todo!()
    }

    /// A stream's state and version as stored now.
    ///
    /// # Errors
    /// When the database does not answer or an event cannot be read.
    pub async fn load(&self, stream: &StreamId) -> Result<(AggregateState, i64), StoreError> {
        let _ = stream;
        todo!()
    }
}
