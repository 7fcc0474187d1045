//! Status of every read model and reactor, read from the database.

use std::collections::BTreeMap;

use domain::LogPosition;
use event_store::log;
use sqlx::{FromRow, PgPool};

use crate::error::ProjectionError;
use crate::registry::Model;
use crate::{account_access, leadership, reactor};

/// Why a read model or reactor has stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Position of the event that stopped it.
    pub position: LogPosition,
    /// The reason, without values of the event.
    pub reason: String,
}

/// The process that runs a read model or reactor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunsAt {
    /// This process.
    Here,
    /// Another process; this one would take over.
    Elsewhere,
    /// No process at the moment.
    Nowhere,
}

/// Status of a read model or reactor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Name, such as `order_details` or `reactor:delivery_scheduling`.
    pub name: String,
    /// Position of the last event counted.
    pub position: LogPosition,
    /// Position of the log's last event.
    pub head: LogPosition,
    /// Number of events counted; equals `position` unless events were skipped or counted twice.
    pub applied: i64,
    /// The failure that stopped it.
    pub failure: Option<Failure>,
    /// The process that runs it.
    pub runs_at: RunsAt,
}

#[derive(Default, FromRow)]
struct Stored {
    name: String,
    position: i64,
    events_applied: i64,
    failed_position: Option<i64>,
    failure: Option<String>,
}

impl Status {
    /// Returns the number of events that it is behind.
    pub fn lag(&self) -> i64 {
        (self.head.0 - self.position.0).max(0)
    }
}

/// Returns the status of every read model and reactor; `RunsAt::Elsewhere` for those that any process runs.
///
/// # Errors
/// The database does not answer.
pub async fn status(pool: &PgPool) -> Result<Vec<Status>, ProjectionError> {
    let head = log::head(pool).await?;
    let sql = "SELECT name, position, events_applied, failed_position, failure FROM checkpoints";
    let rows: Vec<Stored> = sqlx::query_as(sql).fetch_all(pool).await?;
    let mut stored: BTreeMap<String, Stored> = rows.into_iter().map(|row| (row.name.clone(), row)).collect();
    let names = names();
    let run = leadership::held_by_any_process(pool, &names).await?;
    let status = names.into_iter().map(|name| {
        let row = stored.remove(&name).unwrap_or_default();
        Status {
            position: LogPosition(row.position),
            head: head.max(LogPosition(row.position)),
            applied: row.events_applied,
            failure: row.failed_position.map(|position| Failure {
                position: LogPosition(position),
                reason: row.failure.unwrap_or_default(),
            }),
            runs_at: if run.contains(&name) { RunsAt::Elsewhere } else { RunsAt::Nowhere },
            name,
        }
    });
    Ok(status.collect())
}

/// Returns the names of everything with a checkpoint: the read models, then the reactors.
pub(crate) fn names() -> Vec<String> {
    let models = Model::ALL.iter().map(|model| model.name().to_owned());
    let policies = domain::policies::ALL.iter().map(|policy| reactor::name(policy.name));
    models.chain(policies).chain([account_access::NAME.to_owned()]).collect()
}
