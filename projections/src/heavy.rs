//! Heavy reads: pages of events, lists of the past, causes, proofs. They share a limit, so that however many are asked
//! for, connections are left for everything else; each ends in the database when its caller gives it up.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Connection, Executor, PgConnection, PgPool, Postgres};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a heavy read waits for its turn.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a cancelled statement may take to be cancelled, and its connection to be closed.
const FAREWELL: Duration = Duration::from_secs(2);
/// One snapshot that changes nothing; no statement in it takes longer than callers wait.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = '5s'";

/// Why a heavy read was not begun.
#[derive(Debug, thiserror::Error)]
pub enum HeavyError {
    /// As many as may are under way.
    #[error("too many heavy reads are under way")]
    Busy,
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// The heavy reads of a process. Clones share the limit; the connections are the pool's.
#[derive(Debug, Clone)]
pub struct HeavyReads {
    pool: PgPool,
    permits: Arc<Semaphore>,
    patience: Duration,
}

/// How many heavy reads there may be at once over a pool: a third of its connections, and at most 8.
fn at_once(connections: u32) -> usize {
    usize::try_from(connections / 3).unwrap_or(1).clamp(1, 8)
}

impl HeavyReads {
    /// Over the connections of a pool.
    pub fn over(pool: &PgPool) -> Self {
        let permits = Arc::new(Semaphore::new(at_once(pool.options().get_max_connections())));
        Self { pool: pool.clone(), permits, patience: PATIENCE }
    }

    /// With another bound of the wait for a turn.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Waits for a turn, for reads that take connections of the pool themselves, one after the other.
    ///
    /// # Errors
    /// [`HeavyError::Busy`] when none comes.
    pub async fn permit(&self) -> Result<OwnedSemaphorePermit, HeavyError> {
        let permit = tokio::time::timeout(self.patience, self.permits.clone().acquire_owned()).await;
        permit.map_err(|_elapsed| HeavyError::Busy)?.map_err(|_closed| HeavyError::Busy)
    }

    /// Waits for a turn, and takes a connection as [`HeavyRead`].
    ///
    /// # Errors
    /// [`HeavyError`].
    pub async fn begin(&self) -> Result<HeavyRead, HeavyError> {
        self.begin_after(async |_db| Ok(())).await
    }

    /// As [`Self::begin`]; does something to the connection before the snapshot is taken.
    pub(crate) async fn begin_after(
        &self,
        prepare: impl AsyncFnOnce(&mut PgConnection) -> Result<(), sqlx::Error>,
    ) -> Result<HeavyRead, HeavyError> {
        let permit = self.permit().await?;
        let mut db = self.pool.acquire().await?;
        let process: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *db).await?;
        let mut read = HeavyRead { db: Some(db), process, pool: self.pool.clone(), permit: Some(permit) };
        prepare(&mut read).await?;
        read.execute(BEGIN).await?;
        Ok(read)
    }
}

/// A heavy read: a connection in a snapshot that changes nothing. Dropped before [`Self::finish`], whatever it is doing
/// is cancelled in the database, and the next one has its turn after that.
#[derive(Debug)]
pub struct HeavyRead {
    db: Option<PoolConnection<Postgres>>,
    process: i32,
    pool: PgPool,
    permit: Option<OwnedSemaphorePermit>,
}

impl Deref for HeavyRead {
    type Target = PgConnection;

    #[allow(clippy::expect_used)]
    fn deref(&self) -> &PgConnection {
        self.db.as_ref().expect("the connection is there until the read is dropped")
    }
}

impl DerefMut for HeavyRead {
    #[allow(clippy::expect_used)]
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.db.as_mut().expect("the connection is there until the read is dropped")
    }
}

impl HeavyRead {
    /// Ends it, and gives the connection back.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn finish(mut self) -> Result<(), sqlx::Error> {
        self.execute("COMMIT").await?;
        drop(self.db.take());
        Ok(())
    }
}

impl Drop for HeavyRead {
    fn drop(&mut self) {
        let (Some(db), Ok(runtime)) = (self.db.take(), tokio::runtime::Handle::try_current()) else { return };
        let (process, pool, permit) = (self.process, self.pool.clone(), self.permit.take());
        // The client of a connection cannot stop its statement; another connection can.
        runtime.spawn(async move {
            let cancel = sqlx::query("SELECT pg_cancel_backend($1)").bind(process).execute(&pool);
            if !matches!(tokio::time::timeout(FAREWELL, cancel).await, Ok(Ok(_))) {
                tracing::warn!("a read that was given up could not be cancelled; its timeout ends it");
            }
            let _ = tokio::time::timeout(FAREWELL, db.detach().close_hard()).await;
            drop(permit);
        });
    }
}
