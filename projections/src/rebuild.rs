//! Fills a read model anew beside the live one, which goes on serving and advancing, and swaps it in at
//! the end in one transaction. Readers wait for the moment of the swap, no longer.

use std::time::Duration;

use domain::LogPosition;
use event_store::log;
use sqlx::PgPool;

use crate::batches::BATCH;
use crate::checkpoint;
use crate::error::ProjectionError;
use crate::registry::Model;
use crate::scratch::{Scratch, schema};

/// Tries to swap before giving up: a dump or a long query may hold the tables for a while.
const SWAPS: u32 = 60;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// Rebuilds a read model from the whole log and says up to where. `progress` hears how far it has come.
/// A read model that had stopped goes on from there.
///
/// # Errors
/// [`ProjectionError::Busy`] while somebody else rebuilds or verifies the same one; a poison event; the
/// database. The live tables are as they were then.
pub async fn rebuild(
    pool: &PgPool,
    model: Model,
    progress: &mut (dyn FnMut(LogPosition) + Send),
) -> Result<LogPosition, ProjectionError> {
    let mut scratch = Scratch::create(pool, model).await?;
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
    let mut tries = 0;
    loop {
        // Until so little is missing that it can be added while the live tables stand still.
        loop {
            let head = log::head(pool).await?;
            scratch.fill(head, progress).await?;
            let now = log::head(pool).await?;
            if scratch.position() < head || now.0 - scratch.position().0 < BATCH {
                break;
            }
        }
        tries += 1;
        match swap(scratch, progress).await {
            Err(ProjectionError::Database(sqlx::Error::Database(error)))
                if error.code().as_deref() == Some("55P03") && tries < SWAPS =>
            {
                sqlx::query("ROLLBACK").execute(&mut scratch.db).await?;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                sqlx::query("ROLLBACK").execute(&mut scratch.db).await?;
                return Err(error);
            }
            Ok(()) => return Ok(scratch.position()),
        }
    }
}

async fn swap(
    scratch: &mut Scratch,
    progress: &mut (dyn FnMut(LogPosition) + Send),
) -> Result<(), ProjectionError> {
    let model = scratch.model;
    let schema = schema(model);
    sqlx::query("BEGIN").execute(&mut scratch.db).await?;
    // Readers that come while the swap waits for a long query wait behind it: not for long, then again.
    sqlx::query("SET LOCAL lock_timeout = '2s'").execute(&mut scratch.db).await?;
    let live = scratch.lock_live().await?;
    scratch.fill(LogPosition(live.position), progress).await?;
    let filled = checkpoint::load(&mut scratch.db, model.name()).await?;
    for table in model.tables() {
        let name = table.name;
        sqlx::query(&format!("DROP TABLE public.{name}")).execute(&mut scratch.db).await?;
        sqlx::query(&format!("ALTER TABLE {schema}.{name} SET SCHEMA public"))
            .execute(&mut scratch.db)
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
    .execute(&mut scratch.db)
    .await?;
    sqlx::query("COMMIT").execute(&mut scratch.db).await?;
    Ok(())
}
