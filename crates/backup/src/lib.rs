//! Backups: the log and the facts that are in no event, of one moment, in a file that proves to be whole; and what
//! is done with one. Read models are not in it: a restore makes them anew from the log. See `docs/backup.md`.
//!
//! Files are written and read on the calling thread: for a command, not for a process that serves.

mod cut;
mod destroy;
mod erasures;
mod file;
mod format;
mod restore;
pub mod tables;
mod verify;
mod write;

pub use cut::{Cut, RestoreTarget, RestoreTargetError};
pub use destroy::{DestroyError, DestroyReport, destroy, in_use};
pub use erasures::{Erasure, ErasuresError, read_erasures, recorded_erasures, write_erasures};
pub use file::AtomicFile;
pub use format::{FormatError, Header, TableSum};
pub use restore::{RestoreError, RestoreReport, restore};
pub use verify::{VerifiedBackup, verify};
pub use write::{BackupError, BackupProgress, backup};

use sqlx::{Executor, PgConnection};

/// How values are written as text: the same on every server, and read back as the very same values.
const TEXT_SETTINGS: &str = "SET DateStyle = 'ISO'; SET TimeZone = 'UTC'; SET IntervalStyle = 'postgres'; \
    SET extra_float_digits = 1; SET bytea_output = 'hex'; SET client_encoding = 'UTF8'; \
    SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '10s'; \
    SET search_path = public";

/// Prepares a connection to give and take rows.
async fn prepare(db: &mut PgConnection, what: &str) -> Result<(), sqlx::Error> {
    db.execute(TEXT_SETTINGS).await?;
    let named = sqlx::query("SELECT set_config('application_name', $1, false)");
    named.bind(format!("ocpizza-manager {what} {}", std::process::id())).execute(db).await?;
    Ok(())
}

/// The columns of a table that are stored, in their order.
async fn columns(db: &mut PgConnection, table: &str) -> Result<Vec<String>, sqlx::Error> {
    let sql = "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass('public.' || $1) \
               AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum";
    sqlx::query_scalar(sql).bind(table).fetch_all(db).await
}

/// Names of columns as SQL takes them, a list.
fn listed(columns: &[String]) -> String {
    let quoted = columns.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
    quoted.collect::<Vec<_>>().join(", ")
}

/// Tables of the schema that this program does not know: a newer one made them.
async fn unknown_tables(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let known: Vec<&str> = tables::all().map(|table| table.name).chain(["_sqlx_migrations"]).collect();
    let sql = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace \
               AND relkind IN ('r', 'p') AND NOT relname = ANY($1) \
               AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e') ORDER BY 1";
    sqlx::query_scalar(sql).bind(known).fetch_all(db).await
}

/// The log's own id, once it has one.
async fn log_id(db: &mut PgConnection) -> Result<Option<uuid::Uuid>, sqlx::Error> {
    let there: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('public.log_identity')::text").fetch_one(&mut *db).await?;
    if there.is_none() {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT log_id FROM log_identity").fetch_optional(db).await
}
