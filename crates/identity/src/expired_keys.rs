//! Deletion of old idempotency keys of callers. Never deletes keys of the system's own commands, nor the key of a
//! payment that is not settled.

use chrono::TimeDelta;
use domain::access::Actor;
use sqlx::PgPool;
use uuid::Uuid;

/// Rows that one statement scans.
const BATCH_ROWS: i64 = 5_000;
/// Statements per run. At this rate a table of millions of keys is scanned within a day.
const BATCHES_PER_RUN: usize = 4;

/// Scans the table in key order, a part per run, and restarts at its end. This needs no index on the age, which every
/// command would have to update.
#[derive(Debug, Default)]
pub struct ExpiredKeys {
    /// Last key that was scanned.
    after: Option<(Uuid, String)>,
}

impl ExpiredKeys {
    /// Scans the next part and deletes keys older than `age`, by the database's clock. Safe while commands and other
    /// processes run: a deleted key counts as unused. Returns the number of deleted keys.
    ///
    /// # Errors
    /// When the database does not answer; completed batches stay deleted.
    pub async fn remove(&mut self, pool: &PgPool, age: TimeDelta) -> Result<u64, sqlx::Error> {
        let mut removed = 0;
        for _ in 0..BATCHES_PER_RUN {
            let (count, last) = remove_batch(pool, self.after.take(), age).await?;
            removed += count;
            self.after = last;
            if self.after.is_none() {
                break;
            }
        }
        Ok(removed)
    }
}

/// Scans one batch. Returns the number of deleted keys and the last scanned key, or `None` at the table's end.
async fn remove_batch(
    pool: &PgPool,
    after: Option<(Uuid, String)>,
    age: TimeDelta,
) -> Result<(u64, Option<(Uuid, String)>), sqlx::Error> {
    let (actor, key) = after.unwrap_or((Uuid::nil(), String::new()));
    // Keys of the system stay: a reactor that reads the log again after a restore must find its earlier commands.
    let sql = "
WITH part AS (
    SELECT actor_id, key FROM idempotency_keys WHERE (actor_id, key) > ($1, $2) ORDER BY actor_id, key LIMIT $3
), gone AS (
    DELETE FROM idempotency_keys AS k USING part
    WHERE k.actor_id = part.actor_id AND k.key = part.key AND k.actor_id <> $4
      AND k.recorded_at < clock_timestamp() - $5::bigint * interval '1 second'
      AND NOT EXISTS (SELECT FROM payment_intents AS p
                      WHERE p.ending IS NULL AND p.actor_id = k.actor_id AND p.idempotency_key = k.key)
    RETURNING 1
)
SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM part), last.actor_id, last.key
FROM (SELECT) AS one LEFT JOIN (SELECT * FROM part ORDER BY actor_id DESC, key DESC LIMIT 1) AS last ON true";
    let (gone, seen, actor, key): (i64, i64, Option<Uuid>, Option<String>) = sqlx::query_as(sql)
        .bind(actor)
        .bind(key)
        .bind(BATCH_ROWS)
        .bind(Actor::system().id)
        .bind(age.num_seconds())
        .fetch_one(pool)
        .await?;
    let last = actor.zip(key).filter(|_| seen == BATCH_ROWS);
    Ok((u64::try_from(gone).unwrap_or_default(), last))
}
