//! A PostgreSQL server of one test, reached over TCP by a role with a password, as in production. It writes to
//! disk and can be stopped and restarted.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use private_postgres::{self, Durability, Options, PrivatePostgres};
use sqlx::{Connection, Executor, PgConnection};

/// Password of the role `app`.
pub const PASSWORD: &str = "s3cret";
/// Connections reserved for the superuser.
const RESERVED: u16 = 3;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A server; stopped, and its data removed, when the value is dropped.
#[derive(Debug)]
pub struct OwnPostgres {
    data_dir: PathBuf,
    port: u16,
    connections: u16,
    running: Option<PrivatePostgres>,
}

impl OwnPostgres {
    /// Starts a server with an empty database `ocpizza_manager_db`, whose role `app` has a connection limit.
    pub async fn start(connections: u16) -> Self {
        let name = format!("ocpizza-own-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let data_dir = PathBuf::from("/var/tmp").join(name);
        let mut this = Self { data_dir, port, connections, running: None };
        this.run().await;
        let mut admin = this.admin().await;
        let hba: String = sqlx::query_scalar("SHOW hba_file").fetch_one(&mut admin).await.expect("a path");
        for statement in [
            format!("CREATE ROLE app LOGIN PASSWORD '{PASSWORD}' CONNECTION LIMIT {connections}"),
            "CREATE DATABASE ocpizza_manager_db OWNER app".to_owned(),
            format!(
                "COPY (SELECT unnest(array['local all all trust', 'host all all 127.0.0.1/32 scram-sha-256'])) \
                 TO '{hba}'"
            ),
            "SELECT pg_reload_conf()".to_owned(),
        ] {
            admin.execute(&*statement).await.expect("the server is prepared");
        }
        admin.close().await.expect("closes");
        this
    }

    /// A `DATABASE_URL`; `rest` follows the port.
    pub fn url(&self, host: &str, rest: &str) -> String {
        format!("postgres://app:{PASSWORD}@{host}:{}{rest}", self.port)
    }

    /// A connection of the superuser.
    pub async fn admin(&self) -> PgConnection {
        let running = self.running.as_ref().expect("it runs");
        let url = running.database_url("postgres").replace("port=5432", &format!("port={}", self.port));
        PgConnection::connect(&url).await.expect("connects")
    }

    /// Starts it again.
    pub async fn run(&mut self) {
        let options = Options {
            data_dir: self.data_dir.clone(),
            durability: Durability::Durable,
            may_install: true,
            max_connections: self.connections + RESERVED,
            on_notice: Box::new(|_| {}),
            is_stopped: Box::new(|| false),
        };
        let port = self.port.to_string();
        let starting = move || {
            PrivatePostgres::start_with(options, &[("listen_addresses", "127.0.0.1"), ("port", &port)])
        };
        let started = tokio::task::spawn_blocking(starting).await.expect("no panic");
        self.running = Some(started.expect("a Postgres of its own starts"));
    }

    /// Stops it; every connection ends.
    pub async fn stop(&mut self) {
        let running = self.running.take().expect("it runs");
        tokio::task::spawn_blocking(move || running.stop()).await.expect("no panic");
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        drop(self.running.take());
        if private_postgres::erase(&self.data_dir).is_ok() {
            let _ = std::fs::remove_dir_all(&self.data_dir);
        }
    }
}
