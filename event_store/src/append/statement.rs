//! Builds the statement that stores a batch, with only the parts that the batch needs: a part costs the database CPU
//! even over empty arrays. A connection keeps at most a few dozen variants prepared.

use sqlx::{Postgres, QueryBuilder};

use super::columns::{Columns, Contacts, Events, Keys, Notes, Streams, count};

/// Returns the statement that stores a batch if every stream is at the version that the batch was
/// decided on. It returns no row if a stream that was only read has advanced, or if a written stream
/// ends before the batch's first event for it (memory was ahead of the log: a failover, a restore).
///
/// Written streams and keys need no comparison with newer rows: both are unique (error 23505).
/// Streams that were only read are compared as of the statement's start. A menu or a pizzeria's pause
/// stored while this statement waits for the head's lock changes `settings_position`: Postgres
/// evaluates the UPDATE's condition again on the locked row, while the subquery keeps the value as of
/// the start, so the two differ and nothing is written.
pub(super) fn of(columns: Columns<'_>) -> QueryBuilder<'_, Postgres> {
    let Columns { seen, before, events, keys, contacts, notes, settings } = columns;
    let (compares, follows) = (!seen.id.is_empty(), !before.id.is_empty());
    let mut sql = QueryBuilder::new("WITH ");
    if compares || follows {
        sql.push("stale AS MATERIALIZED (SELECT ");
        if compares {
            push_newer(&mut sql, seen);
        }
        if compares && follows {
            sql.push(" OR ");
        }
        if follows {
            push_missing(&mut sql, before);
        }
        sql.push(" AS yes), ");
    }
    let size = count(events.id.len());
    sql.push("head AS (UPDATE event_log_head SET position = position + ").push_bind(size);
    sql.push(", recorded_at = GREATEST(recorded_at, clock_timestamp())");
    if settings {
        sql.push(", settings_position = position + ").push_bind(size);
    }
    sql.push(" WHERE id");
    if compares || follows {
        sql.push(" AND NOT (SELECT yes FROM stale)");
    }
    if compares {
        sql.push(
            " AND settings_position = (SELECT at_start.settings_position FROM event_log_head AS at_start \
             WHERE at_start.id)",
        );
    }
    sql.push(" RETURNING position - ").push_bind(size).push(" AS base, position AS reached, recorded_at)");
    if !events.id.is_empty() {
        push_events(&mut sql, events);
    }
    if !keys.key.is_empty() {
        push_keys(&mut sql, keys);
    }
    if !contacts.id.is_empty() {
        push_contacts(&mut sql, contacts);
    }
    if !notes.id.is_empty() {
        push_notes(&mut sql, notes);
    }
    sql.push(" SELECT base, pg_notify('events', reached::text) IS NULL FROM head");
    sql
}

/// Condition: one of these streams has an event after the sequence.
fn push_newer<'a>(sql: &mut QueryBuilder<'a, Postgres>, seen: Streams<'a>) {
    sql.push("EXISTS (SELECT 1 FROM ");
    push_streams(sql, seen);
    sql.push(
        " AS seen(type, id, sequence),
        LATERAL (SELECT 1 FROM events e
                 WHERE e.aggregate_type = seen.type AND e.aggregate_id = seen.id
                   AND e.sequence = seen.sequence + 1 LIMIT 1) AS newer)",
    );
}

/// Condition: one of these streams ends before the sequence.
fn push_missing<'a>(sql: &mut QueryBuilder<'a, Postgres>, before: Streams<'a>) {
    sql.push("EXISTS (SELECT 1 FROM ");
    push_streams(sql, before);
    sql.push(
        " AS before(type, id, sequence)
        LEFT JOIN LATERAL (SELECT 1 AS found FROM events e
                 WHERE e.aggregate_type = before.type AND e.aggregate_id = before.id
                   AND e.sequence = before.sequence LIMIT 1) AS last ON true
        WHERE last.found IS NULL)",
    );
}

fn push_streams<'a>(sql: &mut QueryBuilder<'a, Postgres>, streams: Streams<'a>) {
    sql.push("unnest(").push_bind(streams.kind);
    sql.push("::text[],").push_bind(streams.id);
    sql.push("::text[],").push_bind(streams.sequence);
    sql.push("::bigint[])");
}

fn push_events<'a>(sql: &mut QueryBuilder<'a, Postgres>, events: Events<'a>) {
    sql.push(
        ", written AS (
            INSERT INTO events (position, aggregate_type, aggregate_id, sequence, event_type, event_version,
                                recorded_at, payload, metadata)
            SELECT head.base + e.ordinal, e.type, e.id, e.sequence, e.event_type, e.event_version,
                   head.recorded_at, e.payload::json, e.metadata::json
            FROM head, unnest(",
    );
    sql.push_bind(events.kind).push("::text[],");
    sql.push_bind(events.id).push("::text[],");
    sql.push_bind(events.sequence).push("::bigint[],");
    sql.push_bind(events.event_type).push("::text[],");
    sql.push_bind(events.event_version).push("::text[],");
    sql.push_bind(events.payload).push("::text[],");
    sql.push_bind(events.metadata);
    sql.push(
        "::text[]) WITH ORDINALITY
            AS e(type, id, sequence, event_type, event_version, payload, metadata, ordinal))",
    );
}

fn push_keys<'a>(sql: &mut QueryBuilder<'a, Postgres>, keys: Keys<'a>) {
    sql.push(
        ", keys AS (
            INSERT INTO idempotency_keys (actor_id, key, fingerprint, aggregate_type, aggregate_id, sequence,
                                          position, refusal, recorded_at)
            SELECT k.actor_id, k.key, k.fingerprint, k.type, k.id, k.sequence, head.base + k.ordinal,
                   k.refusal::json, head.recorded_at
            FROM head, unnest(",
    );
    sql.push_bind(keys.actor).push("::uuid[],");
    sql.push_bind(keys.key).push("::text[],");
    sql.push_bind(keys.fingerprint).push("::bytea[],");
    sql.push_bind(keys.kind).push("::text[],");
    sql.push_bind(keys.id).push("::text[],");
    sql.push_bind(keys.version).push("::bigint[],");
    sql.push_bind(keys.ordinal).push("::bigint[],");
    sql.push_bind(keys.refusal);
    sql.push("::text[]) AS k(actor_id, key, fingerprint, type, id, sequence, ordinal, refusal))");
}

fn push_contacts<'a>(sql: &mut QueryBuilder<'a, Postgres>, contacts: Contacts<'a>) {
    sql.push(
        ", people AS (
            INSERT INTO contacts (id, name, phone, email, street, postcode, city, latitude, longitude, note,
                                  customer_id, order_id, recorded_at)
            SELECT c.id, c.name, c.phone, c.email, c.street, c.postcode, c.city, c.latitude, c.longitude, c.note,
                   c.customer_id, c.order_id, head.recorded_at
            FROM head, unnest(",
    );
    sql.push_bind(contacts.id).push("::uuid[],");
    for texts in
        [contacts.name, contacts.phone, contacts.email, contacts.street, contacts.postcode, contacts.city]
    {
        sql.push_bind(texts).push("::text[],");
    }
    sql.push_bind(contacts.latitude).push("::float8[],");
    sql.push_bind(contacts.longitude).push("::float8[],");
    sql.push_bind(contacts.note).push("::text[],");
    sql.push_bind(contacts.customer).push("::uuid[],");
    sql.push_bind(contacts.order);
    sql.push(
        "::uuid[]) AS c(id, name, phone, email, street, postcode, city, latitude, longitude, note,
                         customer_id, order_id))",
    );
}

fn push_notes<'a>(sql: &mut QueryBuilder<'a, Postgres>, notes: Notes<'a>) {
    // The retention of a reason starts now; that of a note for the kitchen or the courier when the order is closed.
    sql.push(
        ", notes_written AS (
            INSERT INTO notes (id, purpose, order_id, line, customer_id, text, salt, created_at, closed_at)
            SELECT n.id, n.purpose, n.order_id, n.line, n.customer_id, n.text, n.salt, head.recorded_at,
                   CASE WHEN n.purpose = 'REASON' THEN head.recorded_at END
            FROM head, unnest(",
    );
    sql.push_bind(notes.id).push("::uuid[],");
    sql.push_bind(notes.purpose).push("::text[],");
    sql.push_bind(notes.order).push("::uuid[],");
    sql.push_bind(notes.line).push("::bigint[],");
    sql.push_bind(notes.customer).push("::uuid[],");
    sql.push_bind(notes.text).push("::text[],");
    sql.push_bind(notes.salt);
    sql.push("::bytea[]) AS n(id, purpose, order_id, line, customer_id, text, salt))");
}
