//! Long logs in one statement: rows as the store writes them, of a stream type without consumers.

use sqlx::PgPool;

/// Appends events in one statement: five per stream, a thousand per instant.
pub async fn grow(pool: &PgPool, events: i64) {
    sqlx::query(
        r#"WITH head AS (
            UPDATE event_log_head SET position = position + $1,
                recorded_at = greatest(recorded_at, clock_timestamp()) + $1 * interval '1 microsecond'
            RETURNING position - $1 AS base, recorded_at
        )
        INSERT INTO events (position, aggregate_type, aggregate_id, sequence, event_type, event_version, recorded_at,
                            payload, metadata)
        SELECT base + n, 'simulated', md5((base + (n - 1) / 5)::text)::uuid::text, (n - 1) % 5 + 1, 'Happened', '1.0',
            recorded_at - ($1 - n / 1000 * 1000) * interval '1 microsecond',
            format('{"type":"Happened","number":%s,"note":"a%s"}', base + n, repeat('x', (n * 7919 % 400)::int))::json,
            format('{"actor":"00000000-0000-0000-0000-000000000000","role":"SYSTEM","command":"happen","commandId":"%s",'
                '"correlationId":"é%s"}', md5(n::text)::uuid, n)::json
        FROM head, generate_series(1, $1) AS n"#,
    )
    .bind(events)
    .execute(pool)
    .await
    .expect("a longer log");
}
