//! The database of a command, and connections to it. Changes nothing in it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use event_store::MIGRATOR;
use secrecy::{ExposeSecret, SecretString};
use server::config::{Environment, Settings};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, PgPool};

/// Time within which the database must grant a connection to a command.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait of a request for a connection: then it is answered that the database is unavailable.
const POOL_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// Time between two attempts to connect to a database that is full or starting.
const RETRY_DELAY: Duration = Duration::from_millis(250);
/// Name of the database if the URL has none.
const DEFAULT_DATABASE: &str = "ocpizza_manager_db";

/// Time after its last use in which a connection is not tested again.
const UNTESTED_IDLE_TIME: Duration = Duration::from_secs(1);
/// Bounds the statements of a serving process to the time of a query.
const STATEMENT_TIMEOUT: &str = "SET statement_timeout = '10s'";

/// Default data directory of the demo.
pub(crate) const DATA_DIR: &str = ".ocpizza/";

/// Argument for the demo's data directory.
#[derive(Debug, clap::Args)]
pub(crate) struct DataDir {
    /// The demo's data directory, whose database is used when DATABASE_URL is not set
    #[arg(long, value_name = "DIR", default_value = DATA_DIR)]
    pub(crate) data_dir: PathBuf,
}

/// Returns `DATABASE_URL` or, if it is not set, the URL of the demo that runs on the data directory.
pub(crate) fn url(settings: &Settings, DataDir { data_dir }: &DataDir) -> anyhow::Result<SecretString> {
    if let Some(url) = &settings.database_url {
        return Ok(url.clone());
    }
    if settings.environment == Environment::Production {
        bail!("DATABASE_URL must be set when ENV is PRODUCTION");
    }
    let url = private_postgres::running_url(data_dir).with_context(|| {
        format!(
            "no database: set DATABASE_URL, or start a demo (none that this user can connect to runs on {})",
            data_dir.display()
        )
    })?;
    Ok(url.into())
}

/// The URL is not shown, because it may hold a password; nor is the library's own message, which may quote it.
const BAD_URL: &str = "DATABASE_URL must be postgres://user:password@host:5432/name, optionally with ?sslmode=disable, \
    allow, prefer, require, verify-ca or verify-full; the value set is not shown because it may hold a password";

/// Reads a URL with the parameters of libpq, TLS included.
pub(crate) fn options(url: &SecretString) -> anyhow::Result<PgConnectOptions> {
    let url = url.expose_secret();
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        bail!(BAD_URL);
    }
    let options: PgConnectOptions = url.parse().map_err(|_| anyhow!(BAD_URL))?;
    Ok(match options.get_database() {
        Some(_) => options,
        None => options.database(DEFAULT_DATABASE),
    })
}

/// Opens a connection. Waits while the database is full or starting.
pub(crate) async fn connect(url: &SecretString) -> anyhow::Result<PgConnection> {
    let options = options(url)?;
    let connecting = async {
        loop {
            match PgConnection::connect_with(&options).await {
                Err(sqlx::Error::Database(fault)) if is_transient(fault.code().as_deref()) => {
                    tokio::time::sleep(RETRY_DELAY).await;
                }
                connected => return connected,
            }
        }
    };
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
    connected
        .with_context(|| {
            format!(
                "the database of DATABASE_URL granted no connection within {} s: it is full or starting",
                CONNECT_TIMEOUT.as_secs()
            )
        })?
        .context("cannot connect to the database of DATABASE_URL")
}

/// Returns whether an error passes by itself: too many connections, or not started yet.
fn is_transient(code: Option<&str>) -> bool {
    code.is_some_and(|code| ["53300", "57P03"].contains(&code))
}

/// Opens a connection to a database that has every migration.
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

/// Opens a pool to a database that has every migration.
pub(crate) async fn pool(url: &SecretString, connections: u32) -> anyhow::Result<PgPool> {
    connect_pool(url, connections, PgPoolOptions::new().acquire_timeout(CONNECT_TIMEOUT)).await
}

/// Opens a pool for serving, whose statements and waits are bounded.
pub(crate) async fn serving_pool(url: &SecretString, connections: u32) -> anyhow::Result<PgPool> {
    let bounded =
        PgPoolOptions::new().acquire_timeout(POOL_ACQUIRE_TIMEOUT).after_connect(|connection, _| {
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
        // Testing a connection that was just used would double the round trips.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for >= UNTESTED_IDLE_TIME {
                    connection.ping().await?;
                }
                Ok(true)
            })
        });
    let connect_options = self::options(url)?;
    options.connect_with(connect_options).await.context("cannot connect to the database of DATABASE_URL")
}

/// Returns the number of migrations that the database lacks.
async fn pending_migrations(db: &mut PgConnection) -> anyhow::Result<usize> {
    let applied = applied_migrations(db).await?;
    Ok(MIGRATOR.iter().filter(|migration| !applied.contains(&migration.version)).count())
}

/// Returns the versions of the applied migrations, ascending.
pub(crate) async fn applied_migrations(db: &mut PgConnection) -> anyhow::Result<Vec<i64>> {
    let table: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations')::text").fetch_one(&mut *db).await?;
    if table.is_none() {
        return Ok(Vec::new());
    }
    let applied = sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version");
    Ok(applied.fetch_all(db).await?)
}
