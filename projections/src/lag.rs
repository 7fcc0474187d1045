//! Lag of read models, reactors and sealing behind the log, in events and in time, for monitoring.

use sqlx::{FromRow, PgConnection};
use transparency::{SealError, Signer};

use crate::registry::Model;

/// Lag of a read model or reactor.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Lag {
    /// Name, such as `order_details` or `reactor:delivery_scheduling`.
    pub name: String,
    /// Number of events not yet counted.
    pub events: i64,
    /// Age of the first of these in seconds; 0 without lag.
    pub seconds: f64,
    /// Whether an event has stopped it.
    pub stopped: bool,
}

impl Lag {
    /// Returns whether it is a read model.
    pub fn is_read_model(&self) -> bool {
        Model::ALL.iter().any(|model| model.name() == self.name)
    }
}

/// Returns the lag of everything with a checkpoint, by the database's clock.
///
/// # Errors
/// The database does not answer.
pub async fn lags(db: &mut PgConnection) -> Result<Vec<Lag>, sqlx::Error> {
    let sql = "SELECT c.name, greatest(h.position - c.position, 0) AS events, \
               coalesce(greatest(extract(epoch FROM clock_timestamp() - e.recorded_at), 0), 0)::float8 AS seconds, \
               c.failed_position IS NOT NULL AS stopped \
               FROM checkpoints c CROSS JOIN event_log_head h LEFT JOIN events e ON e.position = c.position + 1 \
               ORDER BY c.name";
    sqlx::query_as(sql).fetch_all(db).await
}

/// Lag of sealing.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct SealingLag {
    /// The last sealed position; 0 before the first head.
    pub position: i64,
    /// Number of events not yet sealed.
    pub events: i64,
    /// Age of the first of these in seconds; 0 without lag.
    pub seconds: f64,
    /// Why sealing cannot continue, as far as a few rows show.
    #[sqlx(skip)]
    pub stopped: Option<Stopped>,
}

/// Why sealing cannot continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Code of the error, [`SealError::code`].
    pub code: &'static str,
    /// Message of the error, with positions of the log.
    pub reason: String,
}

/// Returns the lag of sealing, by whichever process. With a signer its memory is checked too.
///
/// # Errors
/// The database does not answer.
pub async fn sealing(db: &mut PgConnection, signer: Option<&Signer>) -> Result<SealingLag, sqlx::Error> {
    let sql = "SELECT s.size AS position, greatest(h.position - s.size, 0) AS events, \
               coalesce(greatest(extract(epoch FROM clock_timestamp() - e.recorded_at), 0), 0)::float8 AS seconds \
               FROM (SELECT coalesce(max(size), 0) AS size FROM tree_heads) s CROSS JOIN event_log_head h \
               LEFT JOIN events e ON e.position = s.size + 1";
    let lag: SealingLag = sqlx::query_as(sql).fetch_one(&mut *db).await?;
    let stopped = match transparency::check_end(db, signer).await {
        Ok(()) => None,
        Err(SealError::Database(error)) => return Err(error),
        Err(error) => Some(Stopped { code: error.code(), reason: error.to_string() }),
    };
    Ok(SealingLag { stopped, ..lag })
}
