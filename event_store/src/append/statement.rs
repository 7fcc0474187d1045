//! Builds the statement that stores a batch, with only the parts that the batch needs: a part costs the database CPU
//! even over empty arrays. A connection keeps at most a few dozen variants prepared.

use sqlx::{Postgres, QueryBuilder};

use super::columns::{Columns, Contacts, Events, Keys, Notes, count};

/// Returns the statement that stores a batch if every stream that it looked at is at the version that it was decided on.
///
/// `lock_log_head` (migration 0034) takes the head's lock and then compares, with a snapshot of its own, so it sees what
/// was stored while it waited: also a stream that is shorter than in memory (a failover, a restore). It fails with
/// SQLSTATE 40001 otherwise. Streams that the batch begins and keys are unique (error 23505).
pub(super) fn of(columns: Columns<'_>) -> QueryBuilder<'_, Postgres> {
    let Columns { seen, events, keys, contacts, notes, settings } = columns;
    let mut sql = QueryBuilder::new("WITH head AS MATERIALIZED (SELECT * FROM lock_log_head(");
    sql.push_bind(count(events.id.len())).push(", ").push_bind(settings).push(", ");
    sql.push_bind(seen.kind).push("::text[],");
    sql.push_bind(seen.id).push("::text[],");
    sql.push_bind(seen.sequence).push("::bigint[]))");
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
