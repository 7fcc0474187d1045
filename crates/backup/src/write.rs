//! Writes a backup from one snapshot, table by table, as the rows arrive. Blocks only migrations.

use std::io::Write;

use futures_util::TryStreamExt;
use sqlx::{Connection, Executor, PgConnection};

use crate::connection;
use crate::format::{FORMAT, FormatError, Header, RowDigest, TableHead, TableSum, Writer, event_rows};
use crate::tables::{self, Table};

/// Reason why a backup was not written.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The file cannot be written.
    #[error("the backup cannot be written")]
    Write(#[from] FormatError),
    /// A newer program has migrated the database.
    #[error(
        "the database has tables of a newer program ({0}): use that program, which knows whether a backup holds them"
    )]
    NewerTables(String),
    /// The log has a gap.
    #[error("the log has {events} events but its head is at {position}: events are missing")]
    Hole {
        /// Number of events.
        events: u64,
        /// Position of the head.
        position: i64,
    },
}

/// Progress of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupProgress {
    /// Number of events that will be written.
    Events(u64),
    /// Start of a table.
    Table(&'static str),
    /// A row was written.
    Row,
}

/// Writes one snapshot of everything that a restore needs, while other processes read and write. `program` is the
/// program's version. Memory does not grow with the log. Returns `out` with the header and the sums.
///
/// # Errors
/// [`BackupError`]; `out` then holds no valid backup.
pub async fn backup<W: Write>(
    db: &mut PgConnection,
    out: W,
    program: &str,
    progress: &mut (dyn FnMut(BackupProgress) + Send),
) -> Result<(Header, Vec<TableSum>, W), BackupError> {
    connection::prepare(db, "backup").await?;
    let mut snapshot = db.begin().await?;
    begin(&mut snapshot).await?;
    let header = header(&mut snapshot, program).await?;
    progress(BackupProgress::Events(header.position.unsigned_abs()));
    let mut writer = Writer::begin(out, &header)?;
    for table in tables::kept() {
        progress(BackupProgress::Table(table.name));
        let columns = connection::columns(&mut snapshot, table.name).await?;
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
    let events = event_rows(&sums);
    if events != header.position.unsigned_abs() {
        return Err(BackupError::Hole { events, position: header.position });
    }
    Ok((header, sums, out))
}

/// Locks the tables against migrations and takes the snapshot.
async fn begin(db: &mut PgConnection) -> Result<(), BackupError> {
    db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    // LOCK TABLE takes no snapshot: the first query does.
    let names = tables::kept_names();
    db.execute(&*format!("LOCK TABLE {names}, public.event_log_head IN ACCESS SHARE MODE")).await?;
    let unknown = connection::unknown_tables(db).await?;
    if unknown.is_empty() { Ok(()) } else { Err(BackupError::NewerTables(unknown.join(", "))) }
}

async fn header(db: &mut PgConnection, program: &str) -> Result<Header, sqlx::Error> {
    let sql = "SELECT position, now() FROM event_log_head";
    let (position, taken_at) = sqlx::query_as(sql).fetch_one(&mut *db).await?;
    let sql = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";
    let migrations = sqlx::query_scalar(sql).fetch_all(&mut *db).await?;
    let log_id = connection::log_id(db).await?;
    Ok(Header { format: FORMAT, program: program.to_owned(), log_id, position, taken_at, migrations })
}

/// Counts and digests the current rows of a table.
pub(super) async fn sum(
    db: &mut PgConnection,
    table: Table,
    columns: &[String],
) -> Result<TableSum, sqlx::Error> {
    let mut digest = RowDigest::default();
    let mut rows = db.copy_out_raw(&table.copy_out(columns)).await?;
    while let Some(row) = rows.try_next().await? {
        digest.add(&row);
    }
    Ok(digest.of(table.name))
}
