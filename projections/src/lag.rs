//! How far read models and reactors are behind the log, in events and in time, for whoever watches over them.

use sqlx::{FromRow, PgConnection};

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
