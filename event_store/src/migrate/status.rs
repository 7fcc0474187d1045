//! Which migrations the database has, against those that the program has. Changes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::migrate::Migrator;

/// How a migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// Applied, and when.
    Applied(DateTime<Utc>),
    /// To be applied.
    Pending,
    /// Applied by a newer program, and when; this one does not know it.
    Unknown(DateTime<Utc>),
    /// Applied, and when; this program has something else under its number.
    Changed(DateTime<Utc>),
}

/// A migration, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its number.
    pub version: i64,
    /// What its file is called.
    pub description: String,
    /// How it stands.
    pub state: MigrationState,
}

impl MigrationStatus {
    /// `0003 accounts`.
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

/// How every migration stands, by number.
///
/// # Errors
/// When the database does not answer.
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
