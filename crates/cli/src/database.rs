//! Which database a command is about, and connections to it. Changes nothing in it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use event_store::MIGRATOR;
use secrecy::{ExposeSecret, SecretString};
use server::config::{Environment, Settings};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, PgPool};

/// How long the database may take to let us in.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a request may wait for a connection: a database that is away is said to be within that time.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How often a database that has no room, or is starting, is asked again.
const AGAIN: Duration = Duration::from_millis(250);
/// The database, when its address names none.
const NAME: &str = "ocpizza_manager_db";

/// How long a connection is taken to be alive after it was used.
const TRUSTED: Duration = Duration::from_secs(1);
/// How long a statement may run while serving: as long as a query.
const STATEMENT_TIMEOUT: &str = "SET statement_timeout = '10s'";

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
    if settings.environment == Environment::Production {
        bail!("DATABASE_URL must be set when ENV is PRODUCTION");
    }
    let url = private_postgres::running_url(data_dir).with_context(|| {
        format!(
            "no database: set DATABASE_URL, or start a demo (none that you may enter runs on {})",
            data_dir.display()
        )
    })?;
    Ok(url.into())
}

/// How to connect: all that a URL of libpq may say, TLS included.
pub(crate) fn options(url: &SecretString) -> anyhow::Result<PgConnectOptions> {
    let url = url.expose_secret();
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        bail!("DATABASE_URL cannot be used: it does not begin with postgres://");
    }
    let options: PgConnectOptions = url.parse().context("DATABASE_URL cannot be used")?;
    Ok(match options.get_database() {
        Some(_) => options,
        None => options.database(NAME),
    })
}

/// One connection. Where there is no room for one, or the database is just starting, it is waited for.
pub(crate) async fn connect(url: &SecretString) -> anyhow::Result<PgConnection> {
    let options = options(url)?;
    let connecting = async {
        loop {
            match PgConnection::connect_with(&options).await {
                Err(sqlx::Error::Database(fault)) if passes(fault.code().as_deref()) => {
                    tokio::time::sleep(AGAIN).await;
                }
                connected => return connected,
            }
        }
    };
    let connected = tokio::time::timeout(PATIENCE, connecting).await;
    connected
        .with_context(|| {
            format!("the database of DATABASE_URL had no place for us within {} s", PATIENCE.as_secs())
        })?
        .context("cannot connect to the database of DATABASE_URL")
}

/// Whether what the database said will pass: no room for one more connection, or not started yet.
fn passes(code: Option<&str>) -> bool {
    code.is_some_and(|code| ["53300", "57P03"].contains(&code))
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
    connect_pool(url, connections, PgPoolOptions::new().acquire_timeout(PATIENCE)).await
}

/// A pool for serving: none of its statements may run for longer than a caller would wait.
pub(crate) async fn serving_pool(url: &SecretString, connections: u32) -> anyhow::Result<PgPool> {
    let bounded = PgPoolOptions::new().acquire_timeout(ANSWER_WITHIN).after_connect(|connection, _| {
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
    let connect_options = self::options(url)?;
    options.connect_with(connect_options).await.context("cannot connect to the database of DATABASE_URL")
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
