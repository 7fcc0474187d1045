//! A second set of a read model's tables in a schema of their own, filled by the model's own code: the connection's
//! `search_path` finds these tables first. Used to rebuild and to verify, one at a time for each read model.

use domain::LogPosition;
use sqlx::{Connection, PgConnection, PgPool};

use crate::batches::Batches;
use crate::checkpoint::{self, Checkpoint};
use crate::error::ProjectionError;
use crate::registry::Model;
use crate::runner;

/// The second set of tables. If it is dropped without `remove`, the next one removes the rest.
pub(crate) struct Scratch {
    pub(crate) db: PgConnection,
    pub(crate) filler: Filler,
}

/// The purpose of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Replace the live tables.
    Swap,
    /// Compare with the live tables and drop; unlogged.
    Compare,
}

/// Fills the tables, on their connection or in a transaction of it.
pub(crate) struct Filler {
    pub(crate) model: Model,
    batches: Batches,
}

/// Returns the schema of a read model's second tables.
pub(crate) fn schema(model: Model) -> String {
    format!("rebuild_{model}")
}

/// Takes the session lock against concurrent rebuilds. Returns `false` if another session holds it.
async fn lock(db: &mut PgConnection, model: Model) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended($1, 0))")
        .bind(schema(model))
        .fetch_one(db)
        .await
}

async fn drop_schema(db: &mut PgConnection, model: Model) -> Result<(), sqlx::Error> {
    sqlx::query(&format!("DROP SCHEMA IF EXISTS {} CASCADE", schema(model))).execute(db).await?;
    Ok(())
}

/// Removes the schemas of killed rebuilds.
pub(crate) async fn remove_left_over(pool: &PgPool) -> Result<(), sqlx::Error> {
    let left: Vec<String> =
        sqlx::query_scalar("SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'rebuild\\_%'")
            .fetch_all(pool)
            .await?;
    let left = Model::ALL.iter().filter(|model| left.contains(&schema(**model))).copied();
    for model in left {
        // On a connection of its own, whose end releases the lock. A running rebuild holds the lock.
        let mut db = PgConnection::connect_with(&pool.connect_options()).await?;
        if lock(&mut db, model).await? {
            drop_schema(&mut db, model).await?;
            tracing::info!(%model, "what an interrupted rebuild had left was removed");
        }
        db.close().await?;
    }
    Ok(())
}

impl Scratch {
    /// Creates empty tables, at the start of the log.
    ///
    /// # Errors
    /// [`ProjectionError::Busy`] if another session has them; the database failed.
    pub(crate) async fn create(
        pool: &PgPool,
        model: Model,
        purpose: Purpose,
    ) -> Result<Self, ProjectionError> {
        let schema = schema(model);
        let kind = match purpose {
            Purpose::Swap => "TABLE",
            Purpose::Compare => "UNLOGGED TABLE",
        };
        let options =
            (*pool.connect_options()).clone().options([("search_path", format!("{schema},public"))]);
        let mut db = PgConnection::connect_with(&options).await?;
        if !lock(&mut db, model).await? {
            return Err(ProjectionError::Busy(model));
        }
        checkpoint::ensure(pool, [model.name()]).await?;
        drop_schema(&mut db, model).await?;
        sqlx::query(&format!("CREATE SCHEMA {schema}")).execute(&mut db).await?;
        for table in model.tables().iter().map(|table| table.name).chain(["checkpoints"]) {
            let sql = format!("CREATE {kind} {schema}.{table} (LIKE public.{table} INCLUDING ALL)");
            sqlx::query(&sql).execute(&mut db).await?;
        }
        checkpoint::ensure(&mut db, [model.name()]).await?;
        Ok(Self { db, filler: Filler { model, batches: Batches::of_models(pool.clone(), &[model]) } })
    }

    /// Removes remaining tables, and releases the lock.
    pub(crate) async fn remove(mut self) -> Result<(), sqlx::Error> {
        drop_schema(&mut self.db, self.filler.model).await?;
        // Explicitly: the server detects the session's end with a delay, during which a next rebuild would be refused.
        sqlx::query("SELECT pg_advisory_unlock(hashtextextended($1, 0))")
            .bind(schema(self.filler.model))
            .execute(&mut self.db)
            .await?;
        self.db.close().await
    }
}

impl Filler {
    /// Fills the tables up to a position, and returns their checkpoint; one transaction a batch, or a savepoint within a
    /// transaction.
    ///
    /// # Errors
    /// An event cannot be applied, or the database failed.
    pub(crate) async fn fill(
        &self,
        db: &mut PgConnection,
        up_to: LogPosition,
        progress: &mut (dyn FnMut(LogPosition) + Send),
    ) -> Result<Checkpoint, ProjectionError> {
        let model = self.model;
        let mut at = checkpoint::load(&mut *db, model.name()).await?;
        while at.position < up_to.0 {
            let batch = self.batches.after(at.position).await?;
            let (wanted, _) = batch.all().split_after(up_to);
            if wanted.is_empty() {
                break;
            }
            at = match runner::apply(db, model, &at, wanted).await? {
                Some(at) => at,
                None => checkpoint::load(&mut *db, model.name()).await?,
            };
            progress(LogPosition(at.position));
        }
        Ok(at)
    }

    /// Returns the position of the live tables in the connection's snapshot.
    pub(crate) async fn live(&self, db: &mut PgConnection) -> Result<LogPosition, sqlx::Error> {
        let sql = "SELECT position FROM public.checkpoints WHERE name = $1";
        sqlx::query_scalar(sql).bind(self.model.name()).fetch_one(db).await.map(LogPosition)
    }

    /// Locks the live checkpoint, and with it the live tables, for the rest of the transaction.
    pub(crate) async fn lock_live(&self, db: &mut PgConnection) -> Result<LogPosition, sqlx::Error> {
        let sql = "SELECT position FROM public.checkpoints WHERE name = $1 FOR UPDATE";
        sqlx::query_scalar(sql).bind(self.model.name()).fetch_one(db).await.map(LogPosition)
    }
}
