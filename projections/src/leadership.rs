//! Leader election: of all processes on a database, one holds the advisory lock of each name. One dedicated connection
//! holds all locks of a process, which are lost with it.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection, PgPool};
use tokio::sync::watch;

/// Interval at which a standby tries and the connection is checked.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Makes the database detect a dead holder within half a minute and release its locks.
const KEEPALIVE: &str =
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4";
/// Bound on connecting and on each statement.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);

/// The names that this process leads. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Leadership(watch::Receiver<BTreeSet<String>>);

/// The task that competes for the locks.
#[derive(Debug)]
pub(crate) struct Contender {
    pool: PgPool,
    names: Vec<String>,
    held: watch::Sender<BTreeSet<String>>,
}

/// Returns the task that competes for some names, and the view of its result.
pub(crate) fn compete(pool: PgPool, names: Vec<String>) -> (Leadership, Contender) {
    let (held, holds) = watch::channel(BTreeSet::new());
    (Leadership(holds), Contender { pool, names, held })
}

impl Leadership {
    /// Returns whether this process leads a name now.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.0.borrow().contains(name)
    }

    /// Waits until this process leads a name.
    pub(crate) async fn gained(&self, name: &str) {
        let mut held = self.0.clone();
        // The sender is dropped only when the process stops.
        if held.wait_for(|held| held.contains(name)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Contender {
    /// Competes. Never ends.
    pub(crate) async fn run(self) {
        loop {
            let Err(error) = self.contend().await;
            self.held.send_replace(BTreeSet::new());
            tracing::warn!(%error, "the connection that holds the runners' locks was lost");
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    async fn contend(&self) -> Result<Infallible, sqlx::Error> {
        let late = |_elapsed| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
        let options = self.pool.connect_options();
        let connecting = PgConnection::connect_with(&options);
        let mut db = tokio::time::timeout(DATABASE_TIMEOUT, connecting).await.map_err(late)??;
        db.execute(KEEPALIVE).await?;
        // Shows in `pg_stat_activity` which process holds the locks.
        let name = format!("SET application_name = 'ocpizza-manager runners {}'", std::process::id());
        db.execute(&*name).await?;
        loop {
            let wanted: Vec<String> = {
                let held = self.held.borrow();
                self.names.iter().filter(|name| !held.contains(*name)).cloned().collect()
            };
            let gained =
                tokio::time::timeout(DATABASE_TIMEOUT, lock(&mut db, &wanted)).await.map_err(late)??;
            if !gained.is_empty() {
                self.held.send_modify(|held| held.extend(gained));
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }
}

/// Takes the free locks among `wanted`; without any, pings the connection.
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

/// Returns the names among these whose locks any process holds.
pub(crate) async fn held_by_any_process(
    pool: &PgPool,
    names: &[String],
) -> Result<BTreeSet<String>, sqlx::Error> {
    // `pg_locks` shows the 64-bit key as two halves.
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
