//! Restores a backup into an empty database, in one transaction. Reads the written rows back and compares them with
//! the backup's digests. Does not rebuild read models: they follow from the log.

use std::io::{self, Read};

use event_store::MIGRATOR;
use identity::personal_data::erase_all_recorded;
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::cut::{self, Cut, RestoreTarget, RestoreTargetError};
use crate::erasures::{self, Erasure};
use crate::format::{FormatError, Header, Part, Reader, TableHead, TableSum};
use crate::{connection, tables, verify, write};

/// Reason why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The database did not answer, or refused a row.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The backup is not valid.
    #[error("nothing is restored: {0}")]
    Backup(#[from] FormatError),
    /// The backup cannot be opened.
    #[error("the backup cannot be opened")]
    Open(#[from] io::Error),
    /// The backup does not reach the restore target.
    #[error("nothing is restored: {0}")]
    Target(#[from] RestoreTargetError),
    /// The database is not empty.
    #[error(
        "the database is not empty: {0}; restore into another database, or remove the data first \
         (ocpizza-manager destroy)"
    )]
    NotEmpty(String),
    /// A newer program wrote the backup.
    #[error(
        "this program does not know all that the backup holds ({0}): use the program that wrote it, or a newer one"
    )]
    Newer(String),
    /// The written rows differ from the backup.
    #[error("nothing is restored: the rows of {0} read back differently; check the triggers of the database")]
    Differs(String),
}

/// Result of [`restore`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    /// Origin of the backup.
    pub header: Header,
    /// Tables of the backup.
    pub sums: Vec<TableSum>,
    /// Position of the last event restored.
    pub position: i64,
    /// Place where the log was cut; `None` if it is whole.
    pub cut: Option<Cut>,
    /// Customers that are erased.
    pub erased: usize,
    /// Captured charges that were cut off and that settlement will not handle.
    pub charges: Vec<Uuid>,
}

/// Restores a backup into a migrated, empty database, with the log up to `until`. Calls `open` twice: first to verify
/// the backup, then to restore it. Erases every customer that the backup, the database or `erased` lists. Memory does
/// not grow with the log.
///
/// # Errors
/// [`RestoreError`]; the database is then unchanged.
pub async fn restore<R: Read>(
    db: &mut PgConnection,
    open: impl Fn() -> io::Result<R>,
    until: Option<RestoreTarget>,
    erased: &[Erasure],
) -> Result<RestoreReport, RestoreError> {
    let verified = verify(open()?, until)??;
    check_known(&verified.header)?;
    connection::prepare(db, "restore").await?;
    let mut transaction = db.begin().await?;
    check_empty(&mut transaction).await?;
    let mut registered = erasures::left_behind(&mut transaction).await?;
    registered.extend_from_slice(erased);
    let heads = fill(&mut transaction, &mut Reader::open(open()?)?, verified.cut.as_ref()).await?;
    check_same(&mut transaction, &heads, &verified.sums, verified.cut.as_ref()).await?;
    erasures::store(&mut transaction, "public.erased_customers", &registered).await?;
    let erased = erase_all_recorded(&mut transaction).await?;
    let charges = match &verified.cut {
        Some(cut) => cut::apply(&mut transaction, cut).await?,
        None => Vec::new(),
    };
    set_head(&mut transaction).await?;
    projections::introduce(&mut transaction, domain::policies::ALL).await?;
    transaction.commit().await?;
    // The planner has no statistics of the new rows yet.
    db.execute("ANALYZE").await?;
    let position = verified.cut.as_ref().map_or(verified.header.position, |cut| cut.position);
    let verify::VerifiedBackup { header, sums, cut } = verified;
    Ok(RestoreReport { header, sums, position, cut, erased, charges })
}

/// Checks that this program knows every migration of the backup.
fn check_known(header: &Header) -> Result<(), RestoreError> {
    let newer: Vec<String> = header
        .migrations
        .iter()
        .filter(|version| !MIGRATOR.version_exists(**version))
        .map(|version| format!("migration {version:04}"))
        .collect();
    if newer.is_empty() { Ok(()) } else { Err(RestoreError::Newer(newer.join(", "))) }
}

/// Checks that the database is empty, and locks it against writers until the transaction ends.
async fn check_empty(db: &mut PgConnection) -> Result<(), RestoreError> {
    let position: i64 =
        sqlx::query_scalar("SELECT position FROM event_log_head FOR UPDATE").fetch_one(&mut *db).await?;
    if position > 0 {
        return Err(RestoreError::NotEmpty(format!("its log has {position} events")));
    }
    db.execute(&*format!("LOCK TABLE {} IN EXCLUSIVE MODE", tables::kept_names())).await?;
    for table in tables::kept().filter(|table| !table.is_prefilled()) {
        let sql = format!("SELECT EXISTS (SELECT FROM public.{})", table.name);
        if sqlx::query_scalar::<_, bool>(&sql).fetch_one(&mut *db).await? {
            return Err(RestoreError::NotEmpty(format!("there are rows in {}", table.name)));
        }
    }
    Ok(())
}

/// Copies the rows into their tables.
async fn fill<R: Read>(
    db: &mut PgConnection,
    reader: &mut Reader<R>,
    cut: Option<&Cut>,
) -> Result<Vec<TableHead>, RestoreError> {
    let mut heads = Vec::new();
    let mut next = reader.next()?;
    loop {
        let head = match next {
            Part::Table(head) => head,
            Part::Rows(_) | Part::End(_) => return Ok(heads),
        };
        let table = tables::kept_by_name(&head.table);
        let table = table.ok_or_else(|| RestoreError::Newer(format!("the table {}", head.table)))?;
        if table.is_prefilled() {
            db.execute(&*format!("DELETE FROM public.{}", table.name)).await?;
        }
        let only = cut.and_then(|cut| cut::only(table.name, cut)).map(|only| format!(" WHERE {only}"));
        let sql = format!(
            "COPY public.{} ({}) FROM STDIN{}",
            table.name,
            tables::quoted_list(&head.columns),
            only.unwrap_or_default()
        );
        let mut copy = db.copy_in_raw(&sql).await?;
        next = loop {
            match reader.next() {
                Ok(Part::Rows(rows)) => {
                    copy.send(rows).await?;
                }
                Ok(other) => break other,
                Err(error) => {
                    copy.abort("the backup is not valid").await?;
                    return Err(error.into());
                }
            }
        };
        copy.finish().await?;
        set_sequences(db, table.name).await?;
        heads.push(head);
    }
}

/// Moves the table's sequences past the restored values.
async fn set_sequences(db: &mut PgConnection, table: &str) -> Result<(), sqlx::Error> {
    let sql = "SELECT quote_ident(attname), pg_get_serial_sequence('public.' || $1, attname) FROM pg_attribute \
               WHERE attrelid = to_regclass('public.' || $1) AND attnum > 0 AND NOT attisdropped \
               AND pg_get_serial_sequence('public.' || $1, attname) IS NOT NULL";
    let sequences: Vec<(String, String)> = sqlx::query_as(sql).bind(table).fetch_all(&mut *db).await?;
    for (column, sequence) in sequences {
        let sql = format!(
            "SELECT setval($1::regclass, max({column})) FROM public.{table} HAVING max({column}) > 0"
        );
        sqlx::query(&sql).bind(sequence).execute(&mut *db).await?;
    }
    Ok(())
}

/// Reads every table back and compares it with the backup.
async fn check_same(
    db: &mut PgConnection,
    heads: &[TableHead],
    sums: &[TableSum],
    cut: Option<&Cut>,
) -> Result<(), RestoreError> {
    for (head, sum) in heads.iter().zip(sums) {
        let Some(table) = tables::kept_by_name(&head.table) else { continue };
        let found = write::sum(db, table, &head.columns).await?;
        let same = match cut {
            Some(cut) if table.kind == tables::Kind::Log => {
                found.rows == cut.position.unsigned_abs() && found.sha256 == cut.sha256
            }
            Some(cut) if cut::only(table.name, cut).is_some() => found.rows <= sum.rows,
            _ => found == *sum,
        };
        if !same {
            return Err(RestoreError::Differs(head.table.clone()));
        }
    }
    Ok(())
}

/// Derives the head row from the log.
async fn set_head(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    let sql = "
UPDATE event_log_head SET
    position = last.position,
    recorded_at = GREATEST(last.recorded_at, (SELECT max(recorded_at) FROM idempotency_keys)),
    settings_position = (SELECT COALESCE(max(position), 0) FROM events
                         WHERE aggregate_type IN ('menu', 'pizzeria'))
FROM (SELECT position, recorded_at FROM events ORDER BY position DESC LIMIT 1) AS last";
    sqlx::query(sql).execute(&mut *db).await?;
    // Wakes the followers of the log.
    db.execute("SELECT pg_notify('events', position::text) FROM event_log_head").await?;
    Ok(())
}
