//! Removes every table of the application from its database, except the register of erased customers. Requires a
//! backup that holds all of the data.

use std::io::Read;

use sqlx::{Connection, Executor, PgConnection};

use crate::format::FormatError;
use crate::{connection, erasures, tables, verify, write};

/// Reason why nothing was removed.
#[derive(Debug, thiserror::Error)]
pub enum DestroyError {
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The connection leads to another database.
    #[error("nothing is removed: --name must be {actual}, the database of DATABASE_URL, not {given}")]
    OtherName {
        /// Given name.
        given: String,
        /// Name of the connected database.
        actual: String,
    },
    /// The backup is not valid.
    #[error("nothing is removed: the backup cannot be relied on: {0}")]
    Backup(#[from] FormatError),
    /// The backup is of another log.
    #[error("nothing is removed: the backup is of another log: make a backup of this database")]
    OtherLog,
    /// The log has grown since the backup.
    #[error(
        "nothing is removed: the backup ends at position {backup}, the log at {log}: make another backup"
    )]
    Behind {
        /// Last position of the backup.
        backup: i64,
        /// Last position of the log.
        log: i64,
    },
    /// A table of facts has changed since the backup.
    #[error("nothing is removed: {0} is not as it is in the backup: make another backup")]
    Changed(String),
    /// Processes are connected and maintenance is off.
    #[error(
        "nothing is removed: the database is in use ({0}); stop the processes, turn maintenance on \
         (ocpizza-manager maintenance on), or give --force-while-serving"
    )]
    InUse(String),
    /// A newer program has migrated the database.
    #[error("nothing is removed: the database has tables of a newer program ({0}): use that program")]
    NewerTables(String),
}

/// Result of [`destroy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DestroyReport {
    /// Tables removed.
    pub tables: usize,
    /// Last position of the log.
    pub position: i64,
    /// Customers in the register of erasures, which is kept.
    pub erased: usize,
}

/// Removes the application's data from the database named `name` after checking that `backup` holds all of it.
/// `force` also removes it while processes use the database without maintenance.
///
/// # Errors
/// [`DestroyError`]; nothing is removed then.
pub async fn destroy(
    db: &mut PgConnection,
    name: &str,
    backup: impl Read,
    force: bool,
) -> Result<DestroyReport, DestroyError> {
    connection::prepare(db, "destroy").await?;
    let actual: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(&mut *db).await?;
    if actual != name {
        return Err(DestroyError::OtherName { given: name.to_owned(), actual });
    }
    if let (Some(who), false) = (in_use(db).await?, force) {
        return Err(DestroyError::InUse(who));
    }
    let unknown = connection::unknown_tables(db).await?;
    if !unknown.is_empty() {
        return Err(DestroyError::NewerTables(unknown.join(", ")));
    }
    let Ok(backup) = verify(backup, None)? else { return Err(DestroyError::OtherLog) };

    let mut transaction = db.begin().await?;
    let log: i64 = sqlx::query_scalar("SELECT position FROM event_log_head FOR UPDATE")
        .fetch_one(&mut *transaction)
        .await?;
    if connection::log_id(&mut transaction).await? != backup.header.log_id {
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

/// Describes the connections that use the database, or returns `None` if there are none or maintenance is on.
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
    if !connection::exists(db, "public.maintenance").await? {
        return Ok(false);
    }
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM maintenance WHERE message IS NOT NULL)")
        .fetch_one(db)
        .await
}

/// Locks the tables against changes and compares them with the backup.
async fn check_same(db: &mut PgConnection, backup: &verify::VerifiedBackup) -> Result<(), DestroyError> {
    db.execute(&*format!("LOCK TABLE {} IN EXCLUSIVE MODE", tables::kept_names())).await?;
    for table in tables::kept().filter(|table| !table.is_sealed_again()) {
        let columns = connection::columns(db, table.name).await?;
        let found = write::sum(db, table, &columns).await?;
        match backup.sums.iter().find(|sum| sum.table == table.name) {
            Some(sum) if *sum == found => {}
            _ if table.kind == tables::Kind::Log => return Err(DestroyError::OtherLog),
            _ => return Err(DestroyError::Changed(table.name.to_owned())),
        }
    }
    Ok(())
}

/// Stores the register of erasures in a schema of its own, so that the next migration starts from an empty one.
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
