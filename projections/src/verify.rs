//! Holds read models against the log: were all events counted, once and in order, and are the rows
//! those that the log says. Changes nothing.

use domain::LogPosition;
use sqlx::{Connection, PgConnection, PgPool};

use crate::batches::BATCH;
use crate::checkpoint::{self, Checkpoint};
use crate::error::ProjectionError;
use crate::registry::{Model, Table};
use crate::scratch::{Scratch, schema};

/// Events read at once when the log is counted.
const CHUNK: i64 = 5_000;
/// Differing rows named, of each table.
const SHOWN: i64 = 100;

/// A row that is not what the log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The table.
    pub table: String,
    /// The row's key, its columns joined by `,`.
    pub key: String,
    /// `missing`, `unexpected` or `different`.
    pub what: &'static str,
}

/// What was found of a read model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelReport {
    /// Which.
    pub model: Model,
    /// Up to where.
    pub position: LogPosition,
    /// Events counted, by its checkpoint.
    pub applied: i64,
    /// Events in the log up to its position.
    pub expected: i64,
    /// Whether the running digest of what it counted is that of the log.
    pub digest_matches: bool,
    /// Rows compared, of all its tables.
    pub rows: i64,
    /// The first rows that differ, at most 100 a table.
    pub differences: Vec<Difference>,
}

impl ModelReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.applied == self.expected && self.digest_matches && self.differences.is_empty()
    }
}

/// Verifies every read model. `progress` hears how far each has come.
///
/// # Errors
/// When a read model cannot be verified: it is being rebuilt, an event cannot be read, the database fails.
pub async fn verify(
    pool: &PgPool,
    progress: &mut (dyn FnMut(Model, LogPosition) + Send),
) -> Result<Vec<ModelReport>, ProjectionError> {
    checkpoint::ensure(pool, Model::ALL.iter().map(|model| model.name())).await?;
    let mut counted = Vec::new();
    for model in Model::ALL {
        counted.push((*model, checkpoint::load(pool, model.name()).await?));
    }
    let counts = count_log(pool, &counted).await?;
    let mut reports = Vec::new();
    for ((model, checkpoint), (expected, digest)) in counted.into_iter().zip(counts) {
        let (rows, differences) = verify_rows(pool, model, progress).await?;
        reports.push(ModelReport {
            model,
            position: LogPosition(checkpoint.position),
            applied: checkpoint.applied,
            expected,
            digest_matches: digest == checkpoint.digest,
            rows,
            differences,
        });
    }
    Ok(reports)
}

/// Counts and digests the log once, up to each of the positions.
async fn count_log(
    pool: &PgPool,
    counted: &[(Model, Checkpoint)],
) -> Result<Vec<(i64, Vec<u8>)>, ProjectionError> {
    let last = counted.iter().map(|(_, checkpoint)| checkpoint.position).max().unwrap_or(0);
    let mut counts = vec![(0, checkpoint::START.to_vec()); counted.len()];
    let (mut count, mut digest, mut position) = (0, checkpoint::START.to_vec(), 0);
    while position < last {
        let events: Vec<(i64, String)> = sqlx::query_as(
            "SELECT position, event_type FROM events WHERE position > $1 AND position <= $2 \
             ORDER BY position LIMIT $3",
        )
        .bind(position)
        .bind(last)
        .bind(CHUNK)
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
                    *found = (count, digest.clone());
                }
            }
        }
    }
    Ok(counts)
}

/// Fills the tables a second time, up to where the live ones are, and compares row for row.
async fn verify_rows(
    pool: &PgPool,
    model: Model,
    progress: &mut (dyn FnMut(Model, LogPosition) + Send),
) -> Result<(i64, Vec<Difference>), ProjectionError> {
    let mut scratch = Scratch::create(pool, model).await?;
    let compared = compare(pool, &mut scratch, &mut |position| progress(model, position)).await;
    let removed = scratch.remove().await;
    let compared = compared?;
    removed?;
    Ok(compared)
}

async fn compare(
    pool: &PgPool,
    scratch: &mut Scratch,
    progress: &mut (dyn FnMut(LogPosition) + Send),
) -> Result<(i64, Vec<Difference>), ProjectionError> {
    let Scratch { db, filler } = scratch;
    let model = filler.model;
    loop {
        let live = checkpoint::load(pool, model.name()).await?.position;
        let at = filler.fill(db, LogPosition(live), progress).await?.position;
        if at < live || checkpoint::load(pool, model.name()).await?.position - at < BATCH {
            break;
        }
    }
    // From here on the live tables stand still; nothing of this is kept.
    let mut transaction = db.begin().await?;
    let live = filler.lock_live(&mut transaction).await?;
    filler.fill(&mut transaction, live, progress).await?;
    let (mut rows, mut differences) = (0, Vec::new());
    for table in model.tables() {
        let count = format!("SELECT count(*) FROM public.{}", table.name);
        let live_rows: i64 = sqlx::query_scalar(&count).fetch_one(&mut *transaction).await?;
        rows += live_rows;
        differences.extend(compare_table(&mut transaction, model, table).await?);
    }
    transaction.rollback().await?;
    Ok((rows, differences))
}

/// The rows of a table that are not in both sets, or not the same. Whole rows are compared as text,
/// documents by their bytes. The key is the primary key, so no row can hide behind an equal one.
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
         WHERE live.whole IS DISTINCT FROM filled.whole ORDER BY {keys} LIMIT {SHOWN}"
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
