//! Where every read model and reactor is, as anybody with the database can see it. Changes nothing.

use std::collections::BTreeMap;

use domain::LogPosition;
use event_store::log;
use sqlx::{FromRow, PgPool};

use crate::error::ProjectionError;
use crate::registry::Model;
use crate::{account_access, leadership, reactor};

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

#[derive(Default, FromRow)]
struct Stored {
    name: String,
    position: i64,
    events_applied: i64,
    failed_position: Option<i64>,
    failure: Option<String>,
}

impl Status {
    /// How many events it is behind.
    pub fn lag(&self) -> i64 {
        (self.head.0 - self.position.0).max(0)
    }
}

/// Where every read model and reactor is; `RunsAt::Elsewhere` for whatever is run, by whomever.
///
/// # Errors
/// When the database does not answer.
pub async fn status(pool: &PgPool) -> Result<Vec<Status>, ProjectionError> {
    let head = log::head(pool).await?;
    let sql = "SELECT name, position, events_applied, failed_position, failure FROM checkpoints";
    let rows: Vec<Stored> = sqlx::query_as(sql).fetch_all(pool).await?;
    let mut stored: BTreeMap<String, Stored> = rows.into_iter().map(|row| (row.name.clone(), row)).collect();
    let names = names();
    let run = leadership::held_by_anybody(pool, &names).await?;
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

/// Everything that has a checkpoint: the read models, then the reactors.
pub(crate) fn names() -> Vec<String> {
    let models = Model::ALL.iter().map(|model| model.name().to_owned());
    let policies = domain::policies::ALL.iter().map(|policy| reactor::name(policy.name));
    models.chain(policies).chain([account_access::NAME.to_owned()]).collect()
}
