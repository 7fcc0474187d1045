//! Test databases: one PostgreSQL server per run in its fast mode, one migrated template, and a copy of it per
//! test.

use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::thread;

use event_store::MIGRATOR;
use private_postgres::{self, Durability, Options, PrivatePostgres};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, Executor, PgConnection, PgPool};

/// The template of the tests' databases.
const TEMPLATE: &str = "template_ocpizza";
/// Parent directory of the servers' data.
const ROOT: &str = "/var/tmp";
const PREFIX: &str = "ocpizza-tests-";

struct Server {
    postgres: Mutex<PrivatePostgres>,
    /// Names of databases to drop.
    finished: Sender<String>,
}

static SERVER: OnceLock<Server> = OnceLock::new();
impl Server {
    fn url(&self, database: &str) -> String {
        self.postgres.lock().expect("not poisoned").database_url(database)
    }
}

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A migrated database of one test, dropped with the value.
#[derive(Debug)]
pub struct Database {
    /// Connection pool.
    pub pool: PgPool,
    /// URL for other processes.
    pub url: String,
    name: String,
}

impl Database {
    /// Creates a migrated, empty database.
    pub async fn create() -> Self {
        Self::copy_of(TEMPLATE).await
    }

    /// Creates a database without tables, under a name that no other test of the run uses.
    pub async fn empty(name: &str) -> Self {
        Self::make(name.to_owned(), "template1").await
    }

    /// Creates a copy of a database without connections.
    pub async fn copy_of(template: &str) -> Self {
        Self::make(format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed)), template).await
    }

    async fn make(name: String, template: &str) -> Self {
        let server =
            tokio::task::spawn_blocking(|| SERVER.get_or_init(start)).await.expect("the server starts");
        let mut admin = PgConnection::connect(&server.url("postgres")).await.expect("connects");
        admin
            .execute(&*format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"))
            .await
            .expect("a database is copied from the template");
        admin.close().await.expect("closes");
        let url = server.url(&name);
        let pool = PgPoolOptions::new().max_connections(20).connect(&url).await.expect("connects");
        Self { pool, url, name }
    }

    /// Keeps the database as a template until the end of the run; returns its name.
    pub fn keep(mut self) -> String {
        std::mem::take(&mut self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(server) = SERVER.get().filter(|_| !self.name.is_empty()) {
            // The receiver is gone at the end of the run.
            let _ = server.finished.send(std::mem::take(&mut self.name));
        }
    }
}

fn start() -> Server {
    sweep();
    let data_dir = PathBuf::from(ROOT).join(format!("{PREFIX}{}", process::id()));
    let postgres = PrivatePostgres::start(Options {
        data_dir,
        durability: Durability::Fast,
        may_install: true,
        max_connections: 300,
        on_notice: Box::new(|notice| {
            #[allow(clippy::print_stderr)] // an installation takes a while: say so
            {
                eprintln!("{notice}");
            }
        }),
        is_stopped: Box::new(|| false),
    })
    .expect("a private Postgres starts");
    let (finished, dropping) = channel::<String>();
    let admin_url = postgres.database_url("postgres");
    let template_url = postgres.database_url(TEMPLATE);
    let (ready, prepared) = channel();
    // On a runtime of its own, because tests end theirs before their databases are dropped.
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut admin = PgConnection::connect(&admin_url).await.expect("connects");
            admin.execute(&*format!("CREATE DATABASE {TEMPLATE}")).await.expect("creates the template");
            let mut template = PgConnection::connect(&template_url).await.expect("connects");
            MIGRATOR.run(&mut template).await.expect("migrates");
            template.close().await.expect("closes");
            ready.send(()).expect("the starter waits");
            while let Ok(name) = dropping.recv() {
                // A database that cannot be dropped is removed with the server.
                let _ = admin.execute(&*format!("DROP DATABASE {name} WITH (FORCE)")).await;
            }
        });
    });
    prepared.recv().expect("the template is made");
    Server { postgres: Mutex::new(postgres), finished }
}

/// Removes the data of earlier runs.
fn sweep() {
    let Ok(entries) = std::fs::read_dir(ROOT) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let over = name
            .strip_prefix(PREFIX)
            .is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists());
        if over {
            // A server that is still stopping keeps its directory until the next sweep.
            if private_postgres::erase(&path).is_ok() {
                let _ = std::fs::remove_dir_all(&path);
            }
        }
    }
}
