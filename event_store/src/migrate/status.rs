//! Compares the migrations of the database with those of the program.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::migrate::Migrator;

/// State of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// Applied at this time.
    Applied(DateTime<Utc>),
    /// Not yet applied.
    Pending,
    /// Applied at this time by a newer program; unknown to this one.
    Unknown(DateTime<Utc>),
    /// Applied at this time; the program's file of that number differs.
    Changed(DateTime<Utc>),
}

/// A migration and its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Number.
    pub version: i64,
    /// Name of the file without number and ending.
    pub description: String,
    /// The state.
    pub state: MigrationState,
}

impl MigrationStatus {
    /// Returns number and description, such as `0003 accounts`.
    pub fn name(&self) -> String {
        format!("{:04} {}", self.version, self.description)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    version: i64,
    description: String,
    installed_on: DateTime<Utc>,
    checksum: Vec<u8>,
}

/// Returns the state of every migration, by number.
///
/// # Errors
/// The database does not answer.
pub async fn status(db: &mut PgConnection, migrator: &Migrator) -> Result<Vec<MigrationStatus>, sqlx::Error> {
    let mut applied: BTreeMap<i64, Row> = rows(db).await?.into_iter().map(|row| (row.version, row)).collect();
    let mut all: Vec<MigrationStatus> = migrator
        .iter()
        .filter(|migration| !migration.migration_type.is_down_migration())
        .map(|migration| MigrationStatus {
            version: migration.version,
            description: migration.description.clone().into_owned(),
            state: match applied.remove(&migration.version) {
                None => MigrationState::Pending,
                Some(row) if row.checksum == *migration.checksum => MigrationState::Applied(row.installed_on),
                Some(row) => MigrationState::Changed(row.installed_on),
            },
        })
        .collect();
    all.extend(applied.into_values().map(|row| MigrationStatus {
        version: row.version,
        description: row.description,
        state: MigrationState::Unknown(row.installed_on),
    }));
    all.sort_by_key(|one| one.version);
    Ok(all)
}

async fn rows(db: &mut PgConnection) -> Result<Vec<Row>, sqlx::Error> {
    let table: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations')::text").fetch_one(&mut *db).await?;
    if table.is_none() {
        return Ok(Vec::new());
    }
    let sql = "SELECT version, description, installed_on, checksum FROM _sqlx_migrations WHERE success";
    sqlx::query_as(sql).fetch_all(db).await
}
