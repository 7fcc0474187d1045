//! Checkpoints: the position that a read model or reactor has reached, with the number and the running digest of the
//! events counted. A checkpoint changes only in the transaction of the rows.

use domain::LogPosition;
use domain::policies::Start;
use sha2::{Digest, Sha256};
use sqlx::{FromRow, PgConnection, PgExecutor};

use crate::batches::Part;

/// The digest before the first event.
pub(crate) const START: [u8; 32] = [0; 32];

/// Position, number of events and digest of a read model or reactor.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Checkpoint {
    pub(crate) position: i64,
    #[sqlx(rename = "events_applied")]
    pub(crate) applied: i64,
    pub(crate) digest: Vec<u8>,
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self { position: 0, applied: 0, digest: START.to_vec() }
    }
}

/// Returns the digest after one more event.
pub(crate) fn chain(digest: &[u8], position: i64, event_type: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(digest)
        .chain_update(position.to_be_bytes())
        .chain_update(event_type)
        .finalize()
        .into()
}

impl Checkpoint {
    /// Returns the position of the last event counted.
    pub fn position(&self) -> LogPosition {
        LogPosition(self.position)
    }

    /// Counts one more event.
    pub fn count(&mut self, position: LogPosition, event_type: &str) {
        let digest = chain(&self.digest, position.0, event_type);
        self.digest.clear();
        self.digest.extend(digest);
        self.position = position.0;
        self.applied += 1;
    }

    /// Returns the checkpoint after these entries.
    pub(crate) fn after(&self, part: Part<'_>) -> Self {
        let mut next = self.clone();
        for (position, event_type) in part.marks() {
            next.count(position, event_type);
        }
        next
    }
}

/// Creates missing rows.
pub(crate) async fn ensure<'n>(
    db: impl PgExecutor<'_>,
    names: impl IntoIterator<Item = &'n str>,
) -> Result<(), sqlx::Error> {
    let names: Vec<&str> = names.into_iter().collect();
    sqlx::query("INSERT INTO checkpoints (name) SELECT unnest($1::text[]) ON CONFLICT (name) DO NOTHING")
        .bind(names)
        .execute(db)
        .await?;
    Ok(())
}

/// Creates the missing row of a reactor, at the first event or at the log's end.
pub(crate) async fn introduce(
    db: impl PgExecutor<'_>,
    name: &str,
    starts: Start,
) -> Result<bool, sqlx::Error> {
    let created = sqlx::query(
        "INSERT INTO checkpoints (name, position, events_applied, started) \
         SELECT $1, start.at, start.at, start.at \
         FROM (SELECT CASE WHEN $2 THEN 0 ELSE position END AS at FROM event_log_head) AS start \
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(name)
    .bind(starts == Start::Beginning)
    .execute(db)
    .await?;
    Ok(created.rows_affected() == 1)
}

/// Loads a checkpoint; the start if it has no row.
pub(crate) async fn load(db: impl PgExecutor<'_>, name: &str) -> Result<Checkpoint, sqlx::Error> {
    let sql = "SELECT position, events_applied, digest FROM checkpoints WHERE name = $1";
    Ok(sqlx::query_as(sql).bind(name).fetch_optional(db).await?.unwrap_or_default())
}

/// Loads a checkpoint that another process has moved, and creates its row if it was removed.
pub(crate) async fn reload(db: &mut PgConnection, name: &str) -> Result<Checkpoint, sqlx::Error> {
    ensure(&mut *db, [name]).await?;
    load(db, name).await
}

/// Moves a checkpoint and clears its failure. Returns `false` if another process has moved it.
///
/// It must be the transaction's first statement, so that one writer at a time changes the rows. The commit does not wait
/// for the disk: rows and checkpoint lost in a crash are rebuilt from the log.
pub(crate) async fn advance(
    db: &mut PgConnection,
    name: &str,
    from: &Checkpoint,
    to: &Checkpoint,
) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query(
        "WITH eventually AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)) \
         UPDATE checkpoints SET position = $4, events_applied = $5, digest = $6, updated_at = now(), \
         failed_position = NULL, failure = NULL FROM eventually \
         WHERE name = $1 AND position = $2 AND digest = $3",
    )
    .bind(name)
    .bind(from.position)
    .bind(&from.digest)
    .bind(to.position)
    .bind(to.applied)
    .bind(&to.digest)
    .execute(db)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// Writes a checkpoint for events that were counted elsewhere.
pub(crate) async fn put(
    db: impl PgExecutor<'_>,
    name: &str,
    checkpoint: &Checkpoint,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO checkpoints (name, position, events_applied, digest) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET position = excluded.position, \
         events_applied = excluded.events_applied, digest = excluded.digest, updated_at = now()",
    )
    .bind(name)
    .bind(checkpoint.position)
    .bind(checkpoint.applied)
    .bind(&checkpoint.digest)
    .execute(db)
    .await?;
    Ok(())
}

/// Records the failure that stopped it. Returns whether it is a new one.
pub(crate) async fn fail(
    db: impl PgExecutor<'_>,
    name: &str,
    position: LogPosition,
    reason: &str,
) -> Result<bool, sqlx::Error> {
    let noted = sqlx::query(
        "UPDATE checkpoints SET failed_position = $2, failure = $3, updated_at = now() WHERE name = $1 \
         AND (failed_position, failure) IS DISTINCT FROM ($2, $3)",
    )
    .bind(name)
    .bind(position.0)
    .bind(reason)
    .execute(db)
    .await?;
    Ok(noted.rows_affected() == 1)
}
