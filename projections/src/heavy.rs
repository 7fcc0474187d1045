//! Heavy reads: pages of events, past lists, causes, proofs. They share a limit, so that connections are left for other
//! queries. A dropped read is cancelled in the database.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Connection, Executor, PgConnection, PgPool, Postgres};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Longest wait for a permit.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(3);
/// Bound on cancelling a statement, and on closing its connection.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);
/// Begins a read-only snapshot whose statements are bounded.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = '5s'";

/// Why a heavy read did not begin.
#[derive(Debug, thiserror::Error)]
pub enum HeavyError {
    /// The limit is reached.
    #[error("too many heavy reads are under way")]
    Busy,
    /// The database does not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// The limit of heavy reads of a process, shared by clones.
#[derive(Debug, Clone)]
pub struct HeavyReads {
    pool: PgPool,
    permits: Arc<Semaphore>,
    permit_timeout: Duration,
}

/// Returns the limit of heavy reads for a pool: a third of its connections, at most 8.
fn max_reads(connections: u32) -> usize {
    usize::try_from(connections / 3).unwrap_or(1).clamp(1, 8)
}

impl HeavyReads {
    /// Returns the limit for a pool.
    pub fn over(pool: &PgPool) -> Self {
        let permits = Arc::new(Semaphore::new(max_reads(pool.options().get_max_connections())));
        Self { pool: pool.clone(), permits, permit_timeout: PERMIT_TIMEOUT }
    }

    /// Replaces the longest wait for a permit.
    #[must_use]
    pub fn with_permit_timeout(self, permit_timeout: Duration) -> Self {
        Self { permit_timeout, ..self }
    }

    /// Waits for a permit, for reads that take their connections from the pool one after the other.
    ///
    /// # Errors
    /// [`HeavyError::Busy`] if none is free in time.
    pub async fn permit(&self) -> Result<OwnedSemaphorePermit, HeavyError> {
        let permit = tokio::time::timeout(self.permit_timeout, self.permits.clone().acquire_owned()).await;
        permit.map_err(|_elapsed| HeavyError::Busy)?.map_err(|_closed| HeavyError::Busy)
    }

    /// Waits for a permit, and begins a [`HeavyRead`].
    ///
    /// # Errors
    /// [`HeavyError`].
    pub async fn begin(&self) -> Result<HeavyRead, HeavyError> {
        self.begin_after(async |_db| Ok(())).await
    }

    /// Begins as [`Self::begin`], after preparing the connection.
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

/// A connection in a read-only snapshot. Dropping it before [`Self::finish`] cancels its statement in the database, and
/// then releases the permit.
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
    /// Commits, and returns the connection to the pool.
    ///
    /// # Errors
    /// The database does not answer.
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
        // A statement can only be cancelled from another connection.
        runtime.spawn(async move {
            let cancel = sqlx::query("SELECT pg_cancel_backend($1)").bind(process).execute(&pool);
            if !matches!(tokio::time::timeout(CANCEL_TIMEOUT, cancel).await, Ok(Ok(_))) {
                tracing::warn!("a read that was given up could not be cancelled; its timeout ends it");
            }
            let _ = tokio::time::timeout(CANCEL_TIMEOUT, db.detach().close_hard()).await;
            drop(permit);
        });
    }
}
