//! Brings the schema up to date, one process at a time and without blocking others: a statement that does not get its
//! lock soon leaves the queue, and its migration is retried. `rules` and `migrations/README.md` define what a migration
//! may contain.
//!
//! The advisory lock is polled. sqlx's own waits without limit, and a session waiting for it has a snapshot, for which
//! `CREATE INDEX CONCURRENTLY` of the lock's holder waits: a deadlock.

#[cfg(test)]
mod rules;
mod status;

use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError as SqlxError, Migration, Migrator};
use sqlx::{Connection, Executor, PgConnection};
use tokio::time::Instant;

pub use status::{MigrationState, MigrationStatus, status};

/// Key of the advisory lock of the process that migrates.
const LOCK_KEY: i64 = 0x6f_6370_697a_7a61;
/// Interval between two attempts to take the lock.
const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Longest delay between two tries of a migration.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(10);
/// Lock timeout of a migration outside a transaction, which blocks no other session.
const CONCURRENT_LOCK_TIMEOUT: &str = "SET lock_timeout = '10min'";
/// SQLSTATEs after which a migration is retried: lock timeout, deadlock.
const RETRIED_SQLSTATES: [&str; 2] = ["55P03", "40P01"];

/// Bounds on waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Longest wait for another process that migrates.
    pub turn: Duration,
    /// Longest wait for each lock on a table, during which other sessions may queue behind it.
    pub lock: Duration,
    /// Number of tries of a migration that does not get its locks.
    pub tries: u32,
    /// Delay between the first two tries; it doubles each time, up to ten seconds.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            turn: Duration::from_secs(60),
            lock: Duration::from_secs(2),
            tries: 10,
            pause: Duration::from_secs(1),
        }
    }
}

/// Why the schema is not up to date. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database does not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The applied migration differs from the program's file of that number.
    #[error("migration {0} was changed after it had been applied here: put its file back as it was")]
    Changed(String),
    /// Another process migrates.
    #[error("another process migrates this database, and has not finished within {} s: {holder}", waited.as_secs())]
    Busy {
        /// Time waited for it.
        waited: Duration,
        /// The process as the database knows it.
        holder: String,
    },
    /// Other sessions hold the tables.
    #[error(
        "migration {migration} did not get its locks in {tries} tries ({others}): \
         nothing of it is applied, and what runs goes on"
    )]
    Locked {
        /// Name of the migration.
        migration: String,
        /// Number of tries.
        tries: u32,
        /// The oldest open transaction.
        others: String,
    },
    /// The database refused the migration.
    #[error("migration {migration} failed, nothing of it is applied, and what runs goes on: {source}")]
    Failed {
        /// Name of the migration.
        migration: String,
        /// The cause.
        source: sqlx::Error,
    },
}

/// Result of rehearsing a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rehearsal {
    /// The migration of this name applies.
    Applies(String),
    /// The migration runs outside a transaction and was not tried: its name and its SQL.
    Untried(String, String),
}

/// Returns the name of a migration, such as `0003 accounts`.
fn name(migration: &Migration) -> String {
    format!("{:04} {}", migration.version, migration.description)
}

/// Applies the missing migrations, each in a transaction, and returns their names. `told` gets a line for each try that
/// failed for lack of a lock. Migrations of a newer program are ignored: they only add.
///
/// # Errors
/// [`MigrateError`]; the migration that it names is not applied, those before it are.
pub async fn run(
    db: &mut PgConnection,
    migrator: &Migrator,
    patience: Patience,
    told: &mut (dyn FnMut(&str) + Send),
) -> Result<Vec<String>, MigrateError> {
    take_turn(db, patience).await?;
    let applied = apply_missing(db, migrator, patience, told).await;
    give_turn(db).await?;
    applied
}

/// Applies the missing migrations in a transaction that is rolled back.
///
/// # Errors
/// The [`MigrateError`] that [`run`] would return. Nothing is changed in any case.
pub async fn rehearse(
    db: &mut PgConnection,
    migrator: &Migrator,
    patience: Patience,
    told: &mut (dyn FnMut(&str) + Send),
) -> Result<Vec<Rehearsal>, MigrateError> {
    take_turn(db, patience).await?;
    let rehearsed = rehearse_missing(db, migrator, patience, told).await;
    give_turn(db).await?;
    rehearsed
}

async fn take_turn(db: &mut PgConnection, patience: Patience) -> Result<(), MigrateError> {
    // Names this process to others that wait for the lock.
    let named = sqlx::query("SELECT set_config('application_name', $1, false)");
    named.bind(format!("ocpizza-manager migrate {}", std::process::id())).execute(&mut *db).await?;
    let deadline = Instant::now() + patience.turn;
    loop {
        let taken: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(LOCK_KEY).fetch_one(&mut *db).await?;
        if taken {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let holder = holder(db).await?;
            return Err(MigrateError::Busy { waited: patience.turn, holder });
        }
        tokio::time::sleep(LOCK_POLL_INTERVAL).await;
    }
}

async fn give_turn(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    db.execute("RESET lock_timeout").await?;
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(LOCK_KEY).execute(db).await?;
    Ok(())
}

/// Returns the process that holds the lock.
async fn holder(db: &mut PgConnection) -> Result<String, sqlx::Error> {
    let sql = "
SELECT format('process %s of the database (%s), connected since %s', a.pid,
              COALESCE(NULLIF(a.application_name, ''), 'without a name'),
              to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC'))
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32 | l.objid::bigint) = $1";
    let holder: Option<String> = sqlx::query_scalar(sql).bind(LOCK_KEY).fetch_optional(db).await?;
    Ok(holder.unwrap_or_else(|| "it has just finished".to_owned()))
}

/// Returns the oldest open transaction, which may block a migration.
async fn oldest_transaction(db: &mut PgConnection) -> Result<String, sqlx::Error> {
    let sql = "
SELECT format('the oldest open transaction is of process %s of the database (%s)', pid,
              COALESCE(NULLIF(application_name, ''), 'without a name'))
FROM pg_stat_activity
WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
ORDER BY xact_start LIMIT 1";
    let oldest: Option<String> = sqlx::query_scalar(sql).fetch_optional(db).await?;
    Ok(oldest.unwrap_or_else(|| "no transaction is open any more".to_owned()))
}

/// Returns the missing migrations, after comparing the applied ones.
async fn missing<'m>(
    db: &mut PgConnection,
    migrator: &'m Migrator,
) -> Result<Vec<&'m Migration>, MigrateError> {
    let all = status(db, migrator).await?;
    if let Some(changed) = all.iter().find(|one| matches!(one.state, MigrationState::Changed(_))) {
        return Err(MigrateError::Changed(changed.name()));
    }
    let pending: Vec<i64> =
        all.iter().filter(|one| one.state == MigrationState::Pending).map(|one| one.version).collect();
    Ok(migrator.iter().filter(|migration| pending.contains(&migration.version)).collect())
}

async fn apply_missing(
    db: &mut PgConnection,
    migrator: &Migrator,
    patience: Patience,
    told: &mut (dyn FnMut(&str) + Send),
) -> Result<Vec<String>, MigrateError> {
    db.ensure_migrations_table().await.map_err(database)?;
    let mut applied = Vec::new();
    for migration in missing(db, migrator).await? {
        let mut tries = Tries::new(migration, patience);
        loop {
            let done = apply(db, migration, patience).await;
            if tries.is_over(db, done, told).await? {
                break;
            }
        }
        applied.push(name(migration));
    }
    Ok(applied)
}

/// Tries a migration once.
async fn apply(db: &mut PgConnection, migration: &Migration, patience: Patience) -> Result<(), sqlx::Error> {
    if migration.no_tx {
        db.execute(CONCURRENT_LOCK_TIMEOUT).await?;
        // An interrupted try leaves an invalid index.
        if let Some(index) = concurrent_index(&migration.sql) {
            db.execute(&*format!("DROP INDEX CONCURRENTLY IF EXISTS {index}")).await?;
        }
    } else {
        db.execute(&*lock_timeout(patience)).await?;
    }
    db.apply(migration).await.map(|_| ()).map_err(cause)
}

async fn rehearse_missing(
    db: &mut PgConnection,
    migrator: &Migrator,
    patience: Patience,
    told: &mut (dyn FnMut(&str) + Send),
) -> Result<Vec<Rehearsal>, MigrateError> {
    let missing = missing(db, migrator).await?;
    db.execute(&*lock_timeout(patience)).await?;
    let mut failures = missing.first().map(|first| Tries::new(first, patience));
    while let Some(tries) = &mut failures {
        let mut transaction = db.begin().await?;
        let (mut tried, mut at) = (Ok(()), 0);
        for migration in missing.iter().filter(|migration| !migration.no_tx) {
            at = migration.version;
            tried = transaction.execute(&*migration.sql).await.map(|_| ());
            if tried.is_err() {
                break;
            }
        }
        transaction.rollback().await?;
        if let Some(migration) = missing.iter().find(|migration| migration.version == at) {
            tries.migration = migration;
        }
        if tries.is_over(db, tried, told).await? {
            break;
        }
    }
    Ok(missing
        .into_iter()
        .map(|migration| match migration.no_tx {
            true => Rehearsal::Untried(name(migration), migration.sql.clone().into_owned()),
            false => Rehearsal::Applies(name(migration)),
        })
        .collect())
}

fn lock_timeout(patience: Patience) -> String {
    format!("SET lock_timeout = '{}ms'", patience.lock.as_millis().max(1))
}

/// Counts the tries of one migration.
struct Tries<'m> {
    migration: &'m Migration,
    patience: Patience,
    made: u32,
}

impl<'m> Tries<'m> {
    fn new(migration: &'m Migration, patience: Patience) -> Self {
        Self { migration, patience, made: 0 }
    }

    /// Returns whether the try succeeded. After a lock timeout it waits for the next try.
    async fn is_over(
        &mut self,
        db: &mut PgConnection,
        tried: Result<(), sqlx::Error>,
        told: &mut (dyn FnMut(&str) + Send),
    ) -> Result<bool, MigrateError> {
        let Err(error) = tried else { return Ok(true) };
        let migration = name(self.migration);
        let code = error.as_database_error().and_then(|error| error.code());
        if !code.is_some_and(|code| RETRIED_SQLSTATES.contains(&&*code)) {
            return Err(MigrateError::Failed { migration, source: error });
        }
        self.made += 1;
        // This statement also ends the failed transaction.
        let others = oldest_transaction(db).await?;
        if self.made >= self.patience.tries {
            return Err(MigrateError::Locked { migration, tries: self.made, others });
        }
        let pause =
            self.patience.pause.saturating_mul(2_u32.saturating_pow(self.made - 1)).min(MAX_RETRY_DELAY);
        told(&format!(
            "migration {migration} waits for locks ({others}): try {} of {} in {:.1} s",
            self.made + 1,
            self.patience.tries,
            pause.as_secs_f32(),
        ));
        tokio::time::sleep(pause).await;
        Ok(false)
    }
}

fn cause(error: SqlxError) -> sqlx::Error {
    match error {
        SqlxError::Execute(error) | SqlxError::ExecuteMigration(error, _) => error,
        other => sqlx::Error::Migrate(Box::new(other)),
    }
}

fn database(error: SqlxError) -> MigrateError {
    MigrateError::Database(cause(error))
}

/// Returns the index that a migration creates concurrently.
fn concurrent_index(sql: &str) -> Option<&str> {
    let mut words = sql.split_whitespace();
    words.find(|word| word.eq_ignore_ascii_case("CONCURRENTLY"))?;
    words.next().filter(|name| !["IF", "ON"].contains(&&*name.to_uppercase()))
}
