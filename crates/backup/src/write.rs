//! Writes a backup: one snapshot, table by table, as the rows come. Nobody waits for it but a migration.

use std::io::Write;

use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use sqlx::{Connection, Executor, PgConnection};

use super::format::{FORMAT, FormatError, Header, TableHead, TableSum, Writer};
use super::tables::{self, Table};

/// Why there is no backup. One line each.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The file cannot be written.
    #[error("the backup cannot be written: {0}")]
    Write(#[from] FormatError),
    /// A newer program has migrated the database.
    #[error(
        "the database has tables of a newer program ({0}), and this one does not know whether they belong in a backup"
    )]
    NewerTables(String),
    /// The log has a hole.
    #[error("the log has {events} events, and its head is at {position}: it is not whole")]
    Hole {
        /// How many there are.
        events: u64,
        /// How many there should be.
        position: i64,
    },
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupProgress {
    /// This many events will be written.
    Events(u64),
    /// A table is begun.
    Table(&'static str),
    /// Another row is written.
    Row,
}

/// Writes everything that a restore needs, of one moment, while others read and write. `program` is the program's
/// version; memory does not grow with the log. Gives also what was written to.
///
/// # Errors
/// [`BackupError`]; what was written until then is no backup.
pub async fn backup<W: Write>(
    db: &mut PgConnection,
    out: W,
    program: &str,
    progress: &mut (dyn FnMut(BackupProgress) + Send),
) -> Result<(Header, Vec<TableSum>, W), BackupError> {
    super::prepare(db, "backup").await?;
    let mut snapshot = db.begin().await?;
    begin(&mut snapshot).await?;
    let header = header(&mut snapshot, program).await?;
    progress(BackupProgress::Events(header.position.unsigned_abs()));
    let mut writer = Writer::begin(out, &header)?;
    for table in tables::kept() {
        progress(BackupProgress::Table(table.name));
        let columns = super::columns(&mut snapshot, table.name).await?;
        let copy = table.copy_out(&columns);
        writer.table(TableHead { table: table.name.to_owned(), columns })?;
        let mut rows = snapshot.copy_out_raw(&copy).await?;
        while let Some(row) = rows.try_next().await? {
            writer.row(&row)?;
            progress(BackupProgress::Row);
        }
    }
    let (sums, out) = writer.finish()?;
    snapshot.rollback().await?;
    let events = sums.iter().find(|sum| sum.table == "events").map_or(0, |sum| sum.rows);
    if events != header.position.unsigned_abs() {
        return Err(BackupError::Hole { events, position: header.position });
    }
    Ok((header, sums, out))
}

/// Takes the snapshot, once no migration can change a table any more.
async fn begin(db: &mut PgConnection) -> Result<(), BackupError> {
    db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    let names: Vec<String> = tables::kept().map(|table| format!("public.{}", table.name)).collect();
    // It takes no snapshot: the first query does.
    db.execute(&*format!("LOCK TABLE {}, public.event_log_head IN ACCESS SHARE MODE", names.join(", ")))
        .await?;
    let unknown = super::unknown_tables(db).await?;
    if unknown.is_empty() { Ok(()) } else { Err(BackupError::NewerTables(unknown.join(", "))) }
}

async fn header(db: &mut PgConnection, program: &str) -> Result<Header, sqlx::Error> {
    let sql = "SELECT position, now() FROM event_log_head";
    let (position, taken_at) = sqlx::query_as(sql).fetch_one(&mut *db).await?;
    let sql = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";
    let migrations = sqlx::query_scalar(sql).fetch_all(&mut *db).await?;
    let log_id = super::log_id(db).await?;
    Ok(Header { format: FORMAT, program: program.to_owned(), log_id, position, taken_at, migrations })
}

/// What a table's rows come to now.
pub(super) async fn sum(
    db: &mut PgConnection,
    table: Table,
    columns: &[String],
) -> Result<TableSum, sqlx::Error> {
    let (mut count, mut digest) = (0, Sha256::new());
    let mut rows = db.copy_out_raw(&table.copy_out(columns)).await?;
    while let Some(row) = rows.try_next().await? {
        count += 1;
        digest.update(&row);
    }
    Ok(TableSum { table: table.name.to_owned(), rows: count, sha256: hex::encode(digest.finalize()) })
}
