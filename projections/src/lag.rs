//! How far read models, reactors and sealing are behind the log, in events and in time, for whoever watches over
//! them.

use sqlx::{FromRow, PgConnection};
use transparency::{SealError, Signer};

use crate::registry::Model;

/// How far something is behind.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Lag {
    /// `order_details`, `reactor:delivery_scheduling`.
    pub name: String,
    /// How many events of the log it has not counted.
    pub events: i64,
    /// How old the first of these is, in seconds; 0 when there is none.
    pub seconds: f64,
    /// Whether an event has stopped it.
    pub stopped: bool,
}

impl Lag {
    /// Whether it is a read model, and no reactor.
    pub fn is_read_model(&self) -> bool {
        Model::ALL.iter().any(|model| model.name() == self.name)
    }
}

/// How far everything that has a checkpoint is behind. Times are the database's, as those of the events are.
///
/// # Errors
/// When the database does not answer.
pub async fn lags(db: &mut PgConnection) -> Result<Vec<Lag>, sqlx::Error> {
    let sql = "SELECT c.name, greatest(h.position - c.position, 0) AS events, \
               coalesce(greatest(extract(epoch FROM clock_timestamp() - e.recorded_at), 0), 0)::float8 AS seconds, \
               c.failed_position IS NOT NULL AS stopped \
               FROM checkpoints c CROSS JOIN event_log_head h LEFT JOIN events e ON e.position = c.position + 1 \
               ORDER BY c.name";
    sqlx::query_as(sql).fetch_all(db).await
}

/// How far the log is sealed.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct SealingLag {
    /// The last position that is sealed; 0 when none is.
    pub position: i64,
    /// How many events of the log are not sealed yet.
    pub events: i64,
    /// How old the first of these is, in seconds; 0 when there is none.
    pub seconds: f64,
    /// Why nothing can be sealed on top of what is, as far as that shows without reading the log.
    #[sqlx(skip)]
    pub stopped: Option<Stopped>,
}

/// Why nothing can be sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The fault's name, [`SealError::code`].
    pub code: &'static str,
    /// What it is, with positions of the log.
    pub reason: String,
}

/// How far the log is sealed, whichever process does it. With a signer, what its process remembers counts too.
///
/// # Errors
/// When the database does not answer.
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
