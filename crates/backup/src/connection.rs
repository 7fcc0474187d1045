//! The database connection of a backup command: its settings, and what it reads from the catalog.

use sqlx::{Executor, PgConnection};
use uuid::Uuid;

use crate::tables;

/// Session settings that make every server write values as the same text, and read that text back as the same values.
const TEXT_SETTINGS: &str = "SET DateStyle = 'ISO'; SET TimeZone = 'UTC'; SET IntervalStyle = 'postgres'; \
    SET extra_float_digits = 1; SET bytea_output = 'hex'; SET client_encoding = 'UTF8'; \
    SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '10s'; \
    SET search_path = public";

/// Sets up a connection that copies rows, named after its command.
pub(super) async fn prepare(db: &mut PgConnection, command: &str) -> Result<(), sqlx::Error> {
    db.execute(TEXT_SETTINGS).await?;
    let named = sqlx::query("SELECT set_config('application_name', $1, false)");
    named.bind(format!("ocpizza-manager {command} {}", std::process::id())).execute(db).await?;
    Ok(())
}

/// Returns the stored columns of a table, in order.
pub(super) async fn columns(db: &mut PgConnection, table: &str) -> Result<Vec<String>, sqlx::Error> {
    let sql = "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass('public.' || $1) \
               AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum";
    sqlx::query_scalar(sql).bind(table).fetch_all(db).await
}

/// Returns the tables of the schema that this program does not know: a newer program created them.
pub(super) async fn unknown_tables(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let known: Vec<&str> = tables::all().map(|table| table.name).chain(["_sqlx_migrations"]).collect();
    let sql = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace \
               AND relkind IN ('r', 'p') AND NOT relname = ANY($1) \
               AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e') ORDER BY 1";
    sqlx::query_scalar(sql).bind(known).fetch_all(db).await
}

/// Whether a table, given with its schema, exists.
pub(super) async fn exists(db: &mut PgConnection, table: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(table).fetch_one(db).await
}

/// Returns the log's id, or `None` if the log has none yet.
pub(super) async fn log_id(db: &mut PgConnection) -> Result<Option<Uuid>, sqlx::Error> {
    if !exists(db, "public.log_identity").await? {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT log_id FROM log_identity").fetch_optional(db).await
}
