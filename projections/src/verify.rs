//! Verifies read models against the log: whether all events were counted once and in order ([`count`]), and whether the
//! rows are those that the log gives ([`compare`]). The live tables stay in use.

use domain::LogPosition;
use sqlx::{Connection, PgConnection, PgPool};

use crate::batches::BATCH_ENTRIES;
use crate::checkpoint::{self, Checkpoint};
use crate::error::ProjectionError;
use crate::registry::{Model, Table};
use crate::scratch::{Purpose, Scratch, schema};

/// Events read at once to count the log.
const BATCH_EVENTS: i64 = 5_000;
/// Differing rows reported of each table.
const MAX_DIFFERENCES: i64 = 100;

/// A row that differs from the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The table.
    pub table: String,
    /// The row's key, its columns joined by `,`.
    pub key: String,
    /// Kind of difference: `missing`, `unexpected` or `different`.
    pub what: &'static str,
}

/// The current step of a verification, for progress reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Counting and digesting the log.
    Counting,
    /// Filling a read model a second time.
    Filling(Model),
    /// Comparing a read model row by row, without a position.
    Comparing(Model),
}

/// Callback that gets the position of each step.
pub type OnStep<'a> = &'a mut (dyn FnMut(Step, LogPosition) + Send);

/// A read model's checkpoint compared with the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The read model.
    pub model: Model,
    /// Position of the checkpoint.
    pub position: LogPosition,
    /// Number of events of the checkpoint.
    pub applied: i64,
    /// Number of events in the log up to the position.
    pub expected: i64,
    /// Whether the checkpoint's digest is that of the log.
    pub digest_matches: bool,
}

impl Count {
    /// Returns whether it has counted exactly the events of the log.
    pub fn is_sound(&self) -> bool {
        self.applied == self.expected && self.digest_matches
    }
}

/// A read model's rows compared with those that the log gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The read model.
    pub model: Model,
    /// Position of both sets of rows.
    pub position: LogPosition,
    /// Number of live rows of all tables.
    pub rows: i64,
    /// The first differing rows, at most 100 a table.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// Returns whether no row differs.
    pub fn is_sound(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Counts the log, and compares every read model's checkpoint with it. Reads each event's type once, and no payload.
///
/// # Errors
/// The database failed.
pub async fn count(pool: &PgPool, progress: OnStep<'_>) -> Result<Vec<Count>, ProjectionError> {
    checkpoint::ensure(pool, Model::ALL.iter().map(|model| model.name())).await?;
    let mut counted = Vec::new();
    for model in Model::ALL {
        counted.push((*model, checkpoint::load(pool, model.name()).await?));
    }
    let counts = count_log(pool, &counted, &mut |at| progress(Step::Counting, at)).await?;
    let reports = counted.into_iter().zip(counts).map(|((model, checkpoint), (expected, digest))| Count {
        model,
        position: LogPosition(checkpoint.position),
        applied: checkpoint.applied,
        expected,
        digest_matches: digest == checkpoint.digest,
    });
    Ok(reports.collect())
}

/// Fills every read model a second time beside the live one, and compares the two row by row.
///
/// # Errors
/// A read model is being rebuilt, an event cannot be read, or the database failed.
pub async fn compare(pool: &PgPool, progress: OnStep<'_>) -> Result<Vec<Comparison>, ProjectionError> {
    checkpoint::ensure(pool, Model::ALL.iter().map(|model| model.name())).await?;
    let mut comparisons = Vec::new();
    for model in Model::ALL {
        comparisons.push(compare_model(pool, *model, progress).await?);
    }
    Ok(comparisons)
}

/// [`Count`] and [`Comparison`] of a read model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelReport {
    /// The read model.
    pub model: Model,
    /// Position of the compared rows.
    pub position: LogPosition,
    /// Number of events of the checkpoint.
    pub applied: i64,
    /// Number of events in the log up to the checkpoint's position.
    pub expected: i64,
    /// Whether the checkpoint's digest is that of the log.
    pub digest_matches: bool,
    /// Number of live rows of all tables.
    pub rows: i64,
    /// The first differing rows, at most 100 a table.
    pub differences: Vec<Difference>,
}

impl ModelReport {
    /// Returns whether counts, digest and rows match the log.
    pub fn is_sound(&self) -> bool {
        self.applied == self.expected && self.digest_matches && self.differences.is_empty()
    }
}

/// Counts and compares every read model.
///
/// # Errors
/// As [`count`] and [`compare`].
pub async fn verify(pool: &PgPool, progress: OnStep<'_>) -> Result<Vec<ModelReport>, ProjectionError> {
    let counts = count(pool, progress).await?;
    let comparisons = compare(pool, progress).await?;
    let reports = counts.into_iter().zip(comparisons).map(|(count, comparison)| ModelReport {
        model: count.model,
        position: comparison.position,
        applied: count.applied,
        expected: count.expected,
        digest_matches: count.digest_matches,
        rows: comparison.rows,
        differences: comparison.differences,
    });
    Ok(reports.collect())
}

/// Counts and digests the log up to each checkpoint, in one pass.
async fn count_log(
    pool: &PgPool,
    counted: &[(Model, Checkpoint)],
    progress: &mut (dyn FnMut(LogPosition) + Send),
) -> Result<Vec<(i64, Vec<u8>)>, ProjectionError> {
    let last = counted.iter().map(|(_, checkpoint)| checkpoint.position).max().unwrap_or(0);
    let mut counts = vec![(0, checkpoint::START.to_vec()); counted.len()];
    let (mut count, mut digest, mut position) = (0, checkpoint::START, 0);
    while position < last {
        let events: Vec<(i64, String)> = sqlx::query_as(
            "SELECT position, event_type FROM events WHERE position > $1 AND position <= $2 \
             ORDER BY position LIMIT $3",
        )
        .bind(position)
        .bind(last)
        .bind(BATCH_EVENTS)
        .fetch_all(pool)
        .await?;
        if events.is_empty() {
            break;
        }
        for (at, event_type) in events {
            count += 1;
            digest = checkpoint::chain(&digest, at, &event_type);
            position = at;
            for ((_, checkpoint), found) in counted.iter().zip(&mut counts) {
                if at <= checkpoint.position {
                    found.0 = count;
                    found.1.copy_from_slice(&digest);
                }
            }
        }
        progress(LogPosition(position));
    }
    Ok(counts)
}

async fn compare_model(
    pool: &PgPool,
    model: Model,
    progress: OnStep<'_>,
) -> Result<Comparison, ProjectionError> {
    let mut scratch = Scratch::create(pool, model, Purpose::Compare).await?;
    let compared = fill_and_compare(pool, &mut scratch, progress).await;
    let removed = scratch.remove().await;
    let compared = compared?;
    removed?;
    Ok(compared)
}

/// Fills the second tables up to the live position, and compares row by row.
async fn fill_and_compare(
    pool: &PgPool,
    scratch: &mut Scratch,
    progress: OnStep<'_>,
) -> Result<Comparison, ProjectionError> {
    let Scratch { db, filler } = scratch;
    let model = filler.model;
    let mut filling = |at| progress(Step::Filling(model), at);
    loop {
        let live = checkpoint::load(pool, model.name()).await?.position;
        let at = filler.fill(db, LogPosition(live), &mut filling).await?.position;
        if at < live || checkpoint::load(pool, model.name()).await?.position - at < BATCH_ENTRIES {
            break;
        }
    }
    // One snapshot of the live tables, which are not locked.
    let mut snapshot = db.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(&mut *snapshot).await?;
    let live = filler.live(&mut snapshot).await?;
    filler.fill(&mut snapshot, live, &mut filling).await?;
    let (mut rows, mut differences) = (0, Vec::new());
    for table in model.tables() {
        progress(Step::Comparing(model), live);
        let count = format!("SELECT count(*) FROM public.{}", table.name);
        let live_rows: i64 = sqlx::query_scalar(&count).fetch_one(&mut *snapshot).await?;
        rows += live_rows;
        differences.extend(compare_table(&mut snapshot, model, table).await?);
    }
    snapshot.rollback().await?;
    Ok(Comparison { model, position: live, rows, differences })
}

/// Returns the rows that are missing in one set or differ. Rows are compared as text, documents by their bytes, joined by
/// the primary key.
async fn compare_table(
    db: &mut PgConnection,
    model: Model,
    table: &Table,
) -> Result<Vec<Difference>, sqlx::Error> {
    let Table { name, key } = table;
    let keys = key.join(", ");
    let shown = key.iter().map(|column| format!("{column}::text")).collect::<Vec<_>>().join(", ");
    let schema = schema(model);
    let sql = format!(
        "WITH live AS (SELECT {keys}, t::text AS whole FROM public.{name} AS t), \
         filled AS (SELECT {keys}, t::text AS whole FROM {schema}.{name} AS t) \
         SELECT concat_ws(',', {shown}), live.whole IS NULL, filled.whole IS NULL \
         FROM live FULL JOIN filled USING ({keys}) \
         WHERE live.whole IS DISTINCT FROM filled.whole ORDER BY {keys} LIMIT {MAX_DIFFERENCES}"
    );
    let found: Vec<(String, bool, bool)> = sqlx::query_as(&sql).fetch_all(db).await?;
    let differences = found.into_iter().map(|(key, missing, unexpected)| Difference {
        table: (*name).to_owned(),
        key,
        what: match (missing, unexpected) {
            (true, _) => "missing",
            (false, true) => "unexpected",
            (false, false) => "different",
        },
    });
    Ok(differences.collect())
}
