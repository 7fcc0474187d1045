//! Who runs what: of all processes on a database, one holds the advisory lock of each name. All locks of
//! a process are held by one connection of its own, and with it they are lost.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection, PgPool};
use tokio::sync::watch;

/// How often a standby tries, and how often the connection is looked after.
const RETRY: Duration = Duration::from_secs(1);
/// Lets the database notice within half a minute that a holder's machine is gone, and free its locks.
const KEEPALIVE: &str =
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4";
/// How long the database may take to answer before the connection is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// What this process runs. Cloning shares it.
#[derive(Debug, Clone)]
pub(crate) struct Leadership(watch::Receiver<BTreeSet<String>>);

/// What competes for the locks, to be run as a task.
#[derive(Debug)]
pub(crate) struct Contender {
    pool: PgPool,
    names: Vec<String>,
    held: watch::Sender<BTreeSet<String>>,
}

/// Prepares to compete for some names.
pub(crate) fn compete(pool: PgPool, names: Vec<String>) -> (Leadership, Contender) {
    let (held, holds) = watch::channel(BTreeSet::new());
    (Leadership(holds), Contender { pool, names, held })
}

impl Leadership {
    /// Whether this process runs it now.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.0.borrow().contains(name)
    }

    /// Waits until this process is to run it.
    pub(crate) async fn gained(&self, name: &str) {
        let mut held = self.0.clone();
        // Nobody competes any more only while the process stops.
        if held.wait_for(|held| held.contains(name)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Contender {
    /// Competes for ever.
    pub(crate) async fn run(self) {
        loop {
            let Err(error) = self.contend().await;
            self.held.send_replace(BTreeSet::new());
            tracing::warn!(%error, "the connection that holds the runners' locks was lost");
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn contend(&self) -> Result<Infallible, sqlx::Error> {
        let late = |_elapsed| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
        let options = self.pool.connect_options();
        let connecting = PgConnection::connect_with(&options);
        let mut db = tokio::time::timeout(PATIENCE, connecting).await.map_err(late)??;
        db.execute(KEEPALIVE).await?;
        // So that an operator can tell who runs what, in `pg_stat_activity` by the holder of the locks.
        let name = format!("SET application_name = 'ocpizza-manager runners {}'", std::process::id());
        db.execute(&*name).await?;
        loop {
            let wanted: Vec<String> = {
                let held = self.held.borrow();
                self.names.iter().filter(|name| !held.contains(*name)).cloned().collect()
            };
            let gained = tokio::time::timeout(PATIENCE, lock(&mut db, &wanted)).await.map_err(late)??;
            if !gained.is_empty() {
                self.held.send_modify(|held| held.extend(gained));
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// Takes those of the locks that are free; with none wanted, only sees that the connection is alive.
async fn lock(db: &mut PgConnection, wanted: &[String]) -> Result<Vec<String>, sqlx::Error> {
    if wanted.is_empty() {
        db.ping().await?;
        return Ok(Vec::new());
    }
    let sql =
        "SELECT name, pg_try_advisory_lock(hashtextextended(name, 0)) FROM unnest($1::text[]) AS t(name)";
    let tried: Vec<(String, bool)> = sqlx::query_as(sql).bind(wanted).fetch_all(db).await?;
    Ok(tried.into_iter().filter_map(|(name, gained)| gained.then_some(name)).collect())
}

/// The names among these whose locks somebody holds.
pub(crate) async fn held_by_anybody(
    pool: &PgPool,
    names: &[String],
) -> Result<BTreeSet<String>, sqlx::Error> {
    // A lock's 64-bit key is shown as two halves.
    let held: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM unnest($1::text[]) AS t(name) JOIN pg_locks ON locktype = 'advisory' AND granted \
         AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND ((classid::bigint << 32) | objid::bigint) = hashtextextended(name, 0)",
    )
    .bind(names)
    .fetch_all(pool)
    .await?;
    Ok(held.into_iter().collect())
}
