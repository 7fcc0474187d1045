//! Dead letters: commands that a policy sent and that were refused, or that failed for good. The reactor continues; an
//! operator mends the cause and sends the command again. A row names the command and never holds its input: a retry derives
//! the command from its event again.

use chrono::{DateTime, Utc};
use domain::policies::{Policy, already_done};
use domain::{LogPosition, policies};
use event_store::{EventStore, LogError, StoreError, log};
use sqlx::{FromRow, PgExecutor, PgPool};

use crate::reactor::{self, Reaction};

/// A command that did not get through.
#[derive(Debug, Clone, FromRow)]
pub struct DeadLetter {
    /// Number of the row.
    pub id: i64,
    /// The policy.
    pub policy: String,
    /// Position of the event that the command follows from.
    pub position: i64,
    /// Name of the command.
    pub command: String,
    /// The stream that it is sent to.
    pub target: String,
    /// Code of the refusal, or the fault.
    pub reason: String,
    /// How often it was sent.
    pub attempts: i32,
    /// When it was first sent.
    pub first_at: DateTime<Utc>,
    /// When it was last sent.
    pub last_at: DateTime<Utc>,
    key: String,
}

/// Returns the dead letters, oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<DeadLetter>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM dead_letters ORDER BY id").fetch_all(db).await
}

/// Returns the number of dead letters of each policy of this program.
///
/// # Errors
/// The database does not answer.
pub async fn counts(db: impl PgExecutor<'_>) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let names: Vec<&str> = policies::ALL.iter().map(|policy| policy.name).collect();
    let sql = "SELECT p.name, (SELECT count(*) FROM dead_letters d WHERE d.policy = p.name) \
               FROM unnest($1::text[]) AS p(name)";
    sqlx::query_as(sql).bind(names).fetch_all(db).await
}

/// Stores a command that did not get through, or counts another attempt.
pub(crate) async fn bury(
    db: impl PgExecutor<'_>,
    policy: &Policy,
    position: LogPosition,
    reaction: &Reaction,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO dead_letters (key, policy, position, command, target, reason) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key) DO UPDATE SET \
         reason = excluded.reason, attempts = dead_letters.attempts + 1, last_at = now()",
    )
    .bind(reaction.key())
    .bind(policy.name)
    .bind(position.0)
    .bind(reaction.use_case.name())
    .bind(reaction.target.to_string())
    .bind(reason)
    .execute(db)
    .await?;
    Ok(())
}

/// Removes a dead letter without sending it. Returns whether there was one.
///
/// # Errors
/// The database does not answer.
pub async fn discard(db: impl PgExecutor<'_>, id: i64) -> Result<bool, sqlx::Error> {
    let removed = sqlx::query("DELETE FROM dead_letters WHERE id = $1").bind(id).execute(db).await?;
    Ok(removed.rows_affected() == 1)
}

/// Result of [`retry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryResult {
    /// The command got through, or its step had been taken; the row is removed.
    Done,
    /// It was refused again, for this reason.
    Refused(String),
    /// The policy no longer sends this command for the event: the row can only be discarded.
    NotSentAnyMore,
}

/// Why a dead letter could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// The database does not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The event cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The command failed; whether it was stored may be unknown, and it can be sent again.
    #[error("the command failed")]
    Store(#[from] StoreError),
}

/// Sends a dead letter again, under its key: a command that was stored meanwhile has no second effect.
///
/// # Errors
/// [`RetryError`]; the row stays.
pub async fn retry(
    pool: &PgPool,
    store: &EventStore,
    policies: &[Policy],
    letter: &DeadLetter,
) -> Result<RetryResult, RetryError> {
    let Some(policy) = policies.iter().find(|policy| policy.name == letter.policy) else {
        return Ok(RetryResult::NotSentAnyMore);
    };
    let entry = log::read_after(pool, LogPosition(letter.position - 1), 1).await?.into_iter().next();
    let Some(entry) = entry else { return Ok(RetryResult::NotSentAnyMore) };
    let event = entry.readable()?;
    let reactions = reactor::reactions_to(policy, &event);
    let Some(reaction) = reactions.into_iter().find(|reaction| reaction.key() == letter.key) else {
        return Ok(RetryResult::NotSentAnyMore);
    };
    let result = store.execute(reaction.use_case.clone(), reaction.context.clone()).await?;
    match result.refusal.filter(|refusal| !already_done(refusal)) {
        None => {
            discard(pool, letter.id).await?;
            Ok(RetryResult::Done)
        }
        Some(refusal) => {
            let reason = refusal.code().as_str();
            bury(pool, policy, event.position, &reaction, reason).await?;
            Ok(RetryResult::Refused(reason.to_owned()))
        }
    }
}
