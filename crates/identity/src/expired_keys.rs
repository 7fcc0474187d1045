//! Housekeeping of idempotency keys: those of callers go once they are older than the setting. Never those of the system's
//! own commands, nor one under which a payment is still being settled.

use chrono::TimeDelta;
use domain::access::Actor;
use sqlx::PgPool;
use uuid::Uuid;

/// Rows that one statement looks through.
const BATCH_ROWS: i64 = 5_000;
/// Statements of one visit: a table of millions of keys is gone through within a day.
const BATCHES_PER_RUN: usize = 4;

/// Looks through the table in the order of its key, a part at each visit, and begins again at its end: no index of ages
/// is kept up to date with every command for it.
#[derive(Debug, Default)]
pub struct ExpiredKeys {
    /// The last key that was looked at.
    after: Option<(Uuid, String)>,
}

impl ExpiredKeys {
    /// Looks through the next part, and removes what is older. Ages are by the database's clock, as the rows' times are.
    /// Safe beside commands and other processes: a key that is gone is one that was never used. Returns how many it has
    /// removed.
    ///
    /// # Errors
    /// When the database does not answer; what was removed before stays removed.
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

/// One part: how many went, and the last key that was looked at; `None` at the table's end.
async fn remove_batch(
    pool: &PgPool,
    after: Option<(Uuid, String)>,
    age: TimeDelta,
) -> Result<(u64, Option<(Uuid, String)>), sqlx::Error> {
    let (actor, key) = after.unwrap_or((Uuid::nil(), String::new()));
    // A reactor that follows the log anew, after a restore, must find what it has done: its keys stay.
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
