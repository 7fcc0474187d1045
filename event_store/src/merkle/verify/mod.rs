//! Verifying the log: every event's bytes are hashed again, in one pass and in flat memory, and compared with the stored
//! hashes, the stored heads and those that somebody has kept outside. What is wrong is named by its first position.

mod checkpoints;
mod finding;
mod tables;
mod walk;

use sqlx::postgres::PgConnection;
use sqlx::{Acquire, Executor, PgPool, Postgres, Transaction};
use uuid::Uuid;

pub use finding::{Finding, Wrong};

use super::head::SignedHead;
use super::heads;
use super::key::{TrustedKeys, Untrusted};
use checkpoints::Checkpoints;
use finding::first;
use walk::Walk;

/// Why a log could not be verified at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// A head that was given is not one of this log, or not trusted.
    #[error("the head over {size} events that was given cannot be used: {why}")]
    Given {
        /// Which.
        size: u64,
        /// Why.
        why: Untrusted,
    },
    /// A fault of the program.
    #[error(transparent)]
    Tree(#[from] super::TreeError),
}

/// What a log was found to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Which log.
    pub log: Uuid,
    /// How many events were read.
    pub events: u64,
    /// How many stored heads were reached.
    pub heads: u64,
    /// How many heads that were given were reached.
    pub given: u64,
    /// How many events are behind the last head that agrees: they are not yet sealed.
    pub unsealed: u64,
    /// The first thing that is wrong; none when all is as it was sealed.
    pub finding: Option<Finding>,
}

/// Verifies the log of a database. Heads are believed under the trusted keys; `given` are those kept outside. `progress`
/// hears how many events were read, of how many.
///
/// # Errors
/// When the database does not answer, or a given head cannot be used. What is wrong with the log is no error: it is in the
/// report.
pub async fn verify(
    pool: &PgPool,
    trusted: &TrustedKeys,
    given: &[SignedHead],
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Report, VerifyError> {
    // Two connections that see the same moment: one streams the events, the other reads what they are compared with.
    let (mut streaming, mut beside) = (pool.acquire().await?, pool.acquire().await?);
    let mut streaming = snapshot(&mut streaming, None).await?;
    let moment: String = sqlx::query_scalar("SELECT pg_export_snapshot()").fetch_one(&mut *streaming).await?;
    let mut beside = snapshot(&mut beside, Some(&moment)).await?;

    let log = heads::log_id(&mut *beside).await?;
    for head in given {
        let size = head.head.size;
        trusted.check(log, head).map_err(|why| VerifyError::Given { size, why })?;
    }
    let tables = tables::Tables::read(&mut beside).await?;
    let checkpoints = Checkpoints::new(given, trusted, log);
    let mut walk = Walk::new(checkpoints, tables.sealed.max(tables.hashed));
    walk.run(&mut streaming, &mut beside, &mut |done| progress(done, tables.position)).await?;
    let events = walk.events();
    let (mut findings, reached) = walk.finish(&mut beside).await?;
    findings.extend(tables.compare(events, reached.last_time));
    findings.extend(tables::sequences(&mut beside).await?);
    Ok(Report {
        log,
        events,
        heads: reached.heads,
        given: reached.given,
        unsealed: events.saturating_sub(reached.agreed),
        finding: first(findings),
    })
}

/// Begins to read as of one moment.
async fn snapshot<'c>(
    db: &'c mut PgConnection,
    moment: Option<&str>,
) -> Result<Transaction<'c, Postgres>, sqlx::Error> {
    let mut transaction = db.begin().await?;
    transaction.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    if let Some(moment) = moment {
        transaction.execute(&*format!("SET TRANSACTION SNAPSHOT '{moment}'")).await?;
    }
    // Whatever the statistics say: a sort of the whole log would be written to disk before the first row comes.
    transaction.execute("SET LOCAL enable_sort = off; SET LOCAL statement_timeout = 0").await?;
    Ok(transaction)
}
