//! Removes the application's data from its database: every table, but for the register of who was erased. Only when
//! a backup is there that has all of it.

use std::io::Read;

use sqlx::{Connection, Executor, PgConnection};

use super::format::FormatError;
use super::{erasures, tables, verify, write};

/// Why nothing was removed. One line each.
#[derive(Debug, thiserror::Error)]
pub enum DestroyError {
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// It is another database.
    #[error("nothing is removed: this is the database {actual}, not {given}")]
    OtherName {
        /// The name that was given.
        given: String,
        /// The name that it has.
        actual: String,
    },
    /// The backup is no good.
    #[error("nothing is removed: the backup cannot be relied on: {0}")]
    Backup(#[from] FormatError),
    /// The backup is of another log.
    #[error("nothing is removed: the backup is of another log")]
    OtherLog,
    /// The log has gone on since.
    #[error(
        "nothing is removed: the backup ends at position {backup}, the log at {log}: make another backup"
    )]
    Behind {
        /// Where the backup ends.
        backup: i64,
        /// Where the log ends.
        log: i64,
    },
    /// Facts are others by now.
    #[error("nothing is removed: {0} is not as it is in the backup: make another backup")]
    Changed(String),
    /// Somebody is there.
    #[error(
        "nothing is removed: the database is in use ({0}); stop the processes, or turn maintenance on \
         (ocpizza-manager maintenance on), or say --force-while-serving"
    )]
    InUse(String),
    /// A newer program has migrated the database.
    #[error("nothing is removed: the database has tables of a newer program ({0}): use that one")]
    NewerTables(String),
}

/// What was removed, and what stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DestroyReport {
    /// Tables that are gone.
    pub tables: usize,
    /// The log's last position.
    pub position: i64,
    /// Customers in the register of erasures, which stays.
    pub erased: usize,
}

/// Removes the application's data from the database of that name, once `backup` has shown to have all of it.
/// `force` does so also while processes use the database and it is not under maintenance.
///
/// # Errors
/// [`DestroyError`]; nothing is removed then.
pub async fn destroy(
    db: &mut PgConnection,
    name: &str,
    backup: impl Read,
    force: bool,
) -> Result<DestroyReport, DestroyError> {
    super::prepare(db, "destroy").await?;
    let actual: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(&mut *db).await?;
    if actual != name {
        return Err(DestroyError::OtherName { given: name.to_owned(), actual });
    }
    if let (Some(who), false) = (in_use(db).await?, force) {
        return Err(DestroyError::InUse(who));
    }
    let unknown = super::unknown_tables(db).await?;
    if !unknown.is_empty() {
        return Err(DestroyError::NewerTables(unknown.join(", ")));
    }
    let Ok(backup) = verify(backup, None)? else { return Err(DestroyError::OtherLog) };

    let mut transaction = db.begin().await?;
    let log: i64 = sqlx::query_scalar("SELECT position FROM event_log_head FOR UPDATE")
        .fetch_one(&mut *transaction)
        .await?;
    if super::log_id(&mut transaction).await? != backup.header.log_id {
        return Err(DestroyError::OtherLog);
    }
    if log != backup.header.position {
        return Err(DestroyError::Behind { backup: backup.header.position, log });
    }
    check_same(&mut transaction, &backup).await?;
    let erased = erasures::recorded_erasures(&mut transaction).await?;
    keep(&mut transaction, &erased).await?;
    let tables = remove(&mut transaction).await?;
    transaction.commit().await?;
    Ok(DestroyReport { tables, position: log, erased: erased.len() })
}

/// Who uses the database, unless it is under maintenance.
///
/// # Errors
/// When the database does not answer.
pub async fn in_use(db: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    if under_maintenance(db).await? {
        return Ok(None);
    }
    let sql = "SELECT format('%s connections, among them of %s', count(*), \
               COALESCE(string_agg(DISTINCT NULLIF(application_name, ''), ', '), 'programs without a name')) \
               FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' \
               AND pid <> pg_backend_pid() HAVING count(*) > 0";
    sqlx::query_scalar(sql).fetch_optional(db).await
}

async fn under_maintenance(db: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let there: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('public.maintenance')::text").fetch_one(&mut *db).await?;
    if there.is_none() {
        return Ok(false);
    }
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM maintenance WHERE message IS NOT NULL)")
        .fetch_one(db)
        .await
}

/// Whether the backup has all that there is; from here on nothing changes any more.
async fn check_same(db: &mut PgConnection, backup: &verify::VerifiedBackup) -> Result<(), DestroyError> {
    let names: Vec<String> = tables::kept().map(|table| format!("public.{}", table.name)).collect();
    db.execute(&*format!("LOCK TABLE {} IN EXCLUSIVE MODE", names.join(", "))).await?;
    for table in tables::kept().filter(|table| !table.is_sealed_again()) {
        let columns = super::columns(db, table.name).await?;
        let found = write::sum(db, table, &columns).await?;
        match backup.sums.iter().find(|sum| sum.table == table.name) {
            Some(sum) if *sum == found => {}
            _ if table.kind == tables::Kind::Log => return Err(DestroyError::OtherLog),
            _ => return Err(DestroyError::Changed(table.name.to_owned())),
        }
    }
    Ok(())
}

/// Keeps the register of erasures where no migration makes a table, so that the next one starts from nothing.
async fn keep(db: &mut PgConnection, erased: &[erasures::Erasure]) -> Result<(), sqlx::Error> {
    db.execute(
        "CREATE SCHEMA IF NOT EXISTS ocpizza_kept; \
         CREATE TABLE IF NOT EXISTS ocpizza_kept.erased_customers \
         (customer_id uuid PRIMARY KEY, erased_at timestamptz NOT NULL)",
    )
    .await?;
    erasures::store(db, "ocpizza_kept.erased_customers", erased).await
}

async fn remove(db: &mut PgConnection) -> Result<usize, sqlx::Error> {
    let names: Vec<String> = tables::all()
        .map(|table| table.name)
        .chain(["_sqlx_migrations"])
        .map(|name| format!("public.{name}"))
        .collect();
    db.execute(&*format!("DROP TABLE IF EXISTS {}", names.join(", "))).await?;
    for function in tables::FUNCTIONS {
        db.execute(&*format!("DROP FUNCTION IF EXISTS public.{function}")).await?;
    }
    let left: Vec<String> =
        sqlx::query_scalar("SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname LIKE 'rebuild\\_%'")
            .fetch_all(&mut *db)
            .await?;
    for schema in left {
        db.execute(&*format!("DROP SCHEMA {schema} CASCADE")).await?;
    }
    Ok(names.len())
}
