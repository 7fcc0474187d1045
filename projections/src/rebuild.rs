//! Rebuilds a read model beside the live one, which stays in use, and swaps the tables in one transaction. Readers wait
//! for the swap only.

use std::time::Duration;

use domain::LogPosition;
use event_store::log;
use sqlx::{Connection, PgConnection, PgPool};

use crate::batches::BATCH_ENTRIES;
use crate::error::ProjectionError;
use crate::registry::Model;
use crate::scratch::{Filler, Purpose, Scratch, schema};

/// Attempts to swap: a dump or a long query may hold the tables for a while.
const MAX_SWAP_ATTEMPTS: u32 = 60;
/// SQLSTATE of a lock timeout.
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// Delay between two attempts.
const SWAP_RETRY_DELAY: Duration = Duration::from_millis(500);

/// Rebuilds a read model from the whole log, and returns the position reached. `progress` gets the position of each
/// batch. A stopped read model continues from there.
///
/// # Errors
/// [`ProjectionError::Busy`] while another process rebuilds or verifies the model; an event cannot be applied; the
/// database failed. The live tables are unchanged then.
pub async fn rebuild(
    pool: &PgPool,
    model: Model,
    progress: &mut (dyn FnMut(LogPosition) + Send),
) -> Result<LogPosition, ProjectionError> {
    let mut scratch = Scratch::create(pool, model, Purpose::Swap).await?;
    let rebuilt = fill_and_swap(pool, &mut scratch, progress).await;
    let removed = scratch.remove().await;
    let position = rebuilt?;
    removed?;
    Ok(position)
}

async fn fill_and_swap(
    pool: &PgPool,
    scratch: &mut Scratch,
    progress: &mut (dyn FnMut(LogPosition) + Send),
) -> Result<LogPosition, ProjectionError> {
    let Scratch { db, filler } = scratch;
    let mut tries = 0;
    loop {
        // Until the rest is small enough to be applied while the live checkpoint is locked.
        loop {
            let head = log::head(pool).await?;
            let at = filler.fill(db, head, progress).await?.position;
            if at < head.0 || log::head(pool).await?.0 - at < BATCH_ENTRIES {
                break;
            }
        }
        tries += 1;
        match swap(db, filler, progress).await {
            Err(ProjectionError::Database(sqlx::Error::Database(error)))
                if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) && tries < MAX_SWAP_ATTEMPTS =>
            {
                tokio::time::sleep(SWAP_RETRY_DELAY).await;
            }
            swapped => return swapped,
        }
    }
}

async fn swap(
    db: &mut PgConnection,
    filler: &Filler,
    progress: &mut (dyn FnMut(LogPosition) + Send),
) -> Result<LogPosition, ProjectionError> {
    let model = filler.model;
    let schema = schema(model);
    let mut transaction = db.begin().await?;
    let live = filler.lock_live(&mut transaction).await?;
    let filled = filler.fill(&mut transaction, live, progress).await?;
    // Bounded: readers queue behind a swap that waits for a long query.
    sqlx::query("SET LOCAL lock_timeout = '2s'").execute(&mut *transaction).await?;
    for table in model.tables() {
        let name = table.name;
        sqlx::query(&format!("DROP TABLE public.{name}")).execute(&mut *transaction).await?;
        sqlx::query(&format!("ALTER TABLE {schema}.{name} SET SCHEMA public"))
            .execute(&mut *transaction)
            .await?;
    }
    sqlx::query(
        "UPDATE public.checkpoints SET position = $2, events_applied = $3, digest = $4, updated_at = now(), \
         failed_position = NULL, failure = NULL WHERE name = $1",
    )
    .bind(model.name())
    .bind(filled.position)
    .bind(filled.applied)
    .bind(&filled.digest)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(LogPosition(filled.position))
}
