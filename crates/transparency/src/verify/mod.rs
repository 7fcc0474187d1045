//! Verifies the log: hashes every event again, in one pass and in constant memory, and compares with the stored hashes,
//! the stored heads and heads kept outside. Names the first wrong position.

mod checkpoints;
mod finding;
mod tables;
mod walk;

use sqlx::postgres::PgConnection;
use sqlx::{Acquire, Executor, PgPool, Postgres, Transaction};
use uuid::Uuid;

pub use finding::{Finding, FindingKind};
pub use walk::Delay;

use super::head::{SignedHead, TreeHead, parse_notes};
use super::key::{TrustError, TrustedKeys};
use super::{heads, witness};
use checkpoints::Checkpoints;
use finding::first;
use walk::Walk;

/// Why a log cannot be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The database does not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// A given head is of another log, or not trusted.
    #[error("the head over {size} events that was given cannot be used: {why}")]
    Given {
        /// Size of the head.
        size: u64,
        /// The cause.
        why: TrustError,
    },
    /// A bug.
    #[error(transparent)]
    Tree(#[from] super::TreeError),
}

/// Result of [`verify`].
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Id of the log.
    pub log: Uuid,
    /// Number of events read.
    pub events: u64,
    /// Number of stored heads reached.
    pub heads: u64,
    /// Number of given heads reached.
    pub given: u64,
    /// Number of given heads that the log disagrees with and a resumption has abandoned.
    pub given_up: u64,
    /// The resumptions, oldest first.
    pub resumptions: Vec<TreeHead>,
    /// The longest wait of an event for its head.
    pub longest: Option<Delay>,
    /// Number of events after the last agreeing head: they are not yet sealed.
    pub unsealed: u64,
    /// The first finding; `None` if the log is as it was sealed.
    pub finding: Option<Finding>,
}

/// Verifies the log of a database with the trusted keys and the heads `given`, which were kept outside. `progress` gets the
/// number of events read, and the total.
///
/// # Errors
/// The database does not answer, or a given head cannot be used. Whatever is wrong with the log is part of the report.
pub async fn verify(
    pool: &PgPool,
    trusted: &TrustedKeys,
    given: &[SignedHead],
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Report, VerifyError> {
    // Two connections on the same snapshot: one streams the events, the other reads hashes and heads.
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
    let (resumptions, mut found) = stored_resumptions(&mut beside, trusted, log).await?;
    let floors = witness::floors(&mut beside, None).await?;
    if let Some(lost) = witness::lost(&mut beside, &floors, &resumptions).await? {
        let witness::Floor { size, kept_in, .. } = lost;
        found.push(Finding::between(
            tables.sealed.min(size - 1),
            size,
            FindingKind::HeadLost { size, kept_in },
        ));
    }
    // Resumptions kept outside count too, even if the database has lost them.
    let mut known = resumptions.clone();
    known.extend(given.iter().filter(|head| head.head.resumption.is_some()).cloned());
    let checkpoints = Checkpoints::new(given, &known, trusted, log);
    let mut walk = Walk::new(checkpoints, &known, tables.sealed.max(tables.hashed));
    walk.run(&mut streaming, &mut beside, &mut |done| progress(done, tables.position)).await?;
    let events = walk.events();
    let (mut findings, reached) = walk.finish(&mut beside).await?;
    findings.extend(tables.compare(events, reached.last_time));
    findings.extend(tables::sequences(&mut beside).await?);
    findings.append(&mut found);
    Ok(Report {
        log,
        events,
        heads: reached.heads,
        given: reached.given,
        given_up: reached.given_up,
        resumptions: resumptions.into_iter().map(|signed| signed.head).collect(),
        longest: reached.longest,
        unsealed: events.saturating_sub(reached.agreed),
        finding: first(findings),
    })
}

/// Returns the trusted resumptions of the database, and findings about the others.
async fn stored_resumptions(
    db: &mut PgConnection,
    trusted: &TrustedKeys,
    log: Uuid,
) -> Result<(Vec<SignedHead>, Vec<Finding>), sqlx::Error> {
    let notes: Vec<(i64, String)> =
        sqlx::query_as("SELECT size, note FROM tree_resumptions ORDER BY id").fetch_all(db).await?;
    let (mut believed, mut findings) = (Vec::new(), Vec::new());
    for (size, note) in notes {
        let size = u64::try_from(size).unwrap_or_default();
        let signed = parse_notes(&note).ok().and_then(|notes| notes.into_iter().next());
        let wrong = match signed.filter(|signed| signed.head.resumption.is_some() && signed.head.size == size)
        {
            None => FindingKind::DamagedHead,
            Some(signed) => match trusted.check(log, &signed) {
                Ok(()) => {
                    believed.push(signed);
                    continue;
                }
                Err(why) => FindingKind::Head(why),
            },
        };
        findings.push(Finding::between(size, size.saturating_add(1), wrong));
    }
    Ok((believed, findings))
}

/// Begins a read-only transaction on a snapshot.
async fn snapshot<'c>(
    db: &'c mut PgConnection,
    moment: Option<&str>,
) -> Result<Transaction<'c, Postgres>, sqlx::Error> {
    let mut transaction = db.begin().await?;
    transaction.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    if let Some(moment) = moment {
        transaction.execute(&*format!("SET TRANSACTION SNAPSHOT '{moment}'")).await?;
    }
    // Whatever the statistics are: a sort would write the whole log to disk before the first row.
    transaction.execute("SET LOCAL enable_sort = off; SET LOCAL statement_timeout = 0").await?;
    Ok(transaction)
}
