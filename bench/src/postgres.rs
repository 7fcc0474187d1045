//! The private PostgreSQL of a run, durable as in production.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use event_store::MIGRATOR;
use private_postgres::{self, Durability, Options, PrivatePostgres};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, Executor, PgConnection, PgPool};

/// Kind of disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// The machine's disk.
    Own,
    /// An emulated slow disk: each commit waits 1.5 ms before it is flushed.
    Slow,
}

impl Disk {
    fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Own => &[],
            // PostgreSQL waits only if this many other transactions are open: from zero.
            Self::Slow => &[("commit_delay", "1500"), ("commit_siblings", "0")],
        }
    }
}

/// A server; stopped, and its data removed, on drop.
#[derive(Debug)]
pub struct Cluster {
    data_dir: PathBuf,
    postmaster: u32,
    server: Option<PrivatePostgres>,
    next: AtomicU32,
}

/// Settings besides PostgreSQL's defaults, for both sides of every comparison; `fsync` and `synchronous_commit`
/// stay on.
const SETTINGS: &[(&str, &str)] = &[
    ("shared_buffers", "1GB"),
    // No checkpoint during a measurement.
    ("max_wal_size", "16GB"),
    ("checkpoint_timeout", "30min"),
];

impl Cluster {
    /// Starts a server.
    pub async fn start(disk: Disk) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ocpizza-bench-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let data_dir = PathBuf::from("/var/tmp").join(name);
        let options = Options {
            data_dir: data_dir.clone(),
            durability: Durability::Durable,
            may_install: true,
            max_connections: 400,
            on_notice: Box::new(note),
            is_stopped: Box::new(|| false),
        };
        let settings = [SETTINGS, disk.settings()].concat();
        let starting = move || PrivatePostgres::start_with(options, &settings);
        let server = tokio::task::spawn_blocking(starting).await??;
        let mut this = Self { data_dir, postmaster: 0, server: Some(server), next: AtomicU32::new(0) };
        let mut admin = this.admin().await?;
        let data: String = sqlx::query_scalar("SHOW data_directory").fetch_one(&mut admin).await?;
        admin.close().await?;
        let pid = std::fs::read_to_string(PathBuf::from(data).join("postmaster.pid"))?;
        this.postmaster = pid.lines().next().unwrap_or_default().trim().parse().context("postmaster.pid")?;
        Ok(this)
    }

    /// Process id of the postmaster.
    pub fn postmaster(&self) -> u32 {
        self.postmaster
    }

    fn url(&self, database: &str) -> Result<String> {
        Ok(self.server.as_ref().context("the server runs until it is dropped")?.database_url(database))
    }

    async fn admin(&self) -> Result<PgConnection> {
        Ok(PgConnection::connect(&self.url("postgres")?).await?)
    }

    /// PostgreSQL's version as text.
    pub async fn version(&self) -> Result<String> {
        let mut admin = self.admin().await?;
        Ok(sqlx::query_scalar("SHOW server_version").fetch_one(&mut admin).await?)
    }

    /// Creates a migrated, empty database.
    pub async fn database(&self) -> Result<Database> {
        let database = self.bare_database().await?;
        let mut connection = PgConnection::connect(&database.url).await?;
        MIGRATOR.run(&mut connection).await?;
        connection.close().await?;
        Ok(database)
    }

    /// Creates a database without tables.
    pub async fn bare_database(&self) -> Result<Database> {
        let name = format!("bench_{}", self.next.fetch_add(1, Ordering::Relaxed));
        let mut admin = self.admin().await?;
        admin.execute(&*format!("CREATE DATABASE {name}")).await?;
        admin.close().await?;
        let url = self.url(&name)?;
        // Connects lazily: connections are processes of PostgreSQL.
        let pool = PgPoolOptions::new().max_connections(20).connect_lazy(&url)?;
        Ok(Database { name, url, pool, admin_url: self.url("postgres")?, postmaster: self.postmaster })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.server.take());
        if private_postgres::erase(&self.data_dir).is_ok() {
            let _ = std::fs::remove_dir_all(&self.data_dir);
        }
    }
}

/// A database of the server, removed with the server or by [`Database::remove`].
#[derive(Debug)]
pub struct Database {
    /// Name.
    pub name: String,
    /// URL for other processes.
    pub url: String,
    /// Pool of up to 20 connections.
    pub pool: PgPool,
    /// Process id of the postmaster.
    pub postmaster: u32,
    admin_url: String,
}

impl Database {
    /// Removes it, closing all connections.
    pub async fn remove(self) -> Result<()> {
        self.pool.close().await;
        let mut admin = PgConnection::connect(&self.admin_url).await?;
        admin.execute(&*format!("DROP DATABASE {} WITH (FORCE)", self.name)).await?;
        Ok(admin.close().await?)
    }
}

/// Prints progress on stderr.
#[allow(clippy::print_stderr)] // a run of minutes says what it does
pub fn note(line: &str) {
    eprintln!("{line}");
}
