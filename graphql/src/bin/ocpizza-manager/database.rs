//! Which database a command is about, and connections to it. Changes nothing in it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use event_store::MIGRATOR;
use graphql::config::Settings;
use graphql::private_postgres;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, Executor, PgConnection, PgPool};

/// How long the database may take to let us in.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection is taken to be alive after it was used.
const TRUSTED: Duration = Duration::from_secs(1);
/// How long a statement may run while serving.
const STATEMENT_TIMEOUT: &str = "SET statement_timeout = '30s'";

/// Where the demo keeps its database when nothing else is said.
pub(crate) const DATA_DIR: &str = ".ocpizza/";

/// Where the demo keeps its database.
#[derive(Debug, clap::Args)]
pub(crate) struct DataDir {
    /// The demo's data directory; where its database is found when DATABASE_URL is not set
    #[arg(long, value_name = "DIR", default_value = DATA_DIR)]
    pub(crate) data_dir: PathBuf,
}

/// `DATABASE_URL`, or else the database of the demo that runs on the data directory.
pub(crate) fn url(settings: &Settings, DataDir { data_dir }: &DataDir) -> anyhow::Result<SecretString> {
    if let Some(url) = &settings.database_url {
        return Ok(url.clone());
    }
    let url = private_postgres::running_url(data_dir).with_context(|| {
        format!(
            "no database: set DATABASE_URL, or start a demo (none that you may enter runs on {})",
            data_dir.display()
        )
    })?;
    Ok(url.into())
}

/// One connection.
pub(crate) async fn connect(url: &SecretString) -> anyhow::Result<PgConnection> {
    let connecting = PgConnection::connect(url.expose_secret());
    let connected = tokio::time::timeout(PATIENCE, connecting).await;
    connected
        .with_context(|| format!("the database did not answer within {} s", PATIENCE.as_secs()))?
        .context("cannot connect to the database")
}

/// One connection, to a database with today's tables.
pub(crate) async fn connect_migrated(url: &SecretString) -> anyhow::Result<PgConnection> {
    let mut connection = connect(url).await?;
    check_migrated(&mut connection).await?;
    Ok(connection)
}

async fn check_migrated(db: &mut PgConnection) -> anyhow::Result<()> {
    let pending = pending_migrations(db).await?;
    if pending > 0 {
        bail!("the database lacks {pending} migrations: run ocpizza-manager migrate");
    }
    Ok(())
}

/// A pool, once a connection has shown that there is a database with today's tables.
pub(crate) async fn pool(url: &SecretString, connections: u32) -> anyhow::Result<PgPool> {
    connect_pool(url, connections, PgPoolOptions::new()).await
}

/// A pool for serving: none of its statements may run for longer than a caller would wait.
pub(crate) async fn serving_pool(url: &SecretString, connections: u32) -> anyhow::Result<PgPool> {
    let bounded = PgPoolOptions::new().after_connect(|connection, _| {
        Box::pin(async move { connection.execute(STATEMENT_TIMEOUT).await.map(|_| ()) })
    });
    connect_pool(url, connections, bounded).await
}

async fn connect_pool(
    url: &SecretString,
    connections: u32,
    options: PgPoolOptions,
) -> anyhow::Result<PgPool> {
    connect_migrated(url).await?.close().await?;
    let options = options
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        // A connection that has just been used is alive: asking each time would double the round trips.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for >= TRUSTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        });
    options.connect(url.expose_secret()).await.context("cannot connect to the database")
}

/// How many migrations the database lacks.
async fn pending_migrations(db: &mut PgConnection) -> anyhow::Result<usize> {
    let applied = applied_migrations(db).await?;
    Ok(MIGRATOR.iter().filter(|migration| !applied.contains(&migration.version)).count())
}

/// The versions of the migrations that have been applied, ascending.
pub(crate) async fn applied_migrations(db: &mut PgConnection) -> anyhow::Result<Vec<i64>> {
    let table: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations')::text").fetch_one(&mut *db).await?;
    if table.is_none() {
        return Ok(Vec::new());
    }
    let applied = sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version");
    Ok(applied.fetch_all(db).await?)
}
