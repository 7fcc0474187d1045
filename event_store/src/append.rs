//! Group commit: one appender a process turns everything that is waiting into one statement.
//!
//! The statement locks the one-row head, gives consecutive positions, inserts, and notifies once;
//! so positions are gapless and in commit order, whatever the number of processes. It writes
//! nothing when somebody else was quicker on one of the streams. Then the appender settles: it
//! stops further decisions, takes the head's lock, reads what it has missed, decides every waiting
//! command again in their order, and stores the result under the same lock. So a conflict costs its
//! neighbours a moment, never their answer, and a caller never has to try again.

use std::collections::{HashMap, HashSet};

use domain::{LogPosition, StreamId, StreamType};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::idempotency;
use crate::unit_of_work::Unit;

/// Stores a batch, if every stream is as it was when the batch was decided. No row comes back when
/// something that was only read has moved on, or when a stream does not reach as far as the batch
/// goes on from (memory was ahead of the log: a failover, a restore).
///
/// A stream that is written needs no comparing with what is newer, nor does a key: both are unique
/// (error 23505). What was only read is compared as of the statement's start. A menu or a pizzeria's
/// pause stored while this statement waits for the head's lock moves `settings_position`: Postgres
/// evaluates the condition of an UPDATE again on the row that it gets the lock of, while the
/// subquery stays as of the start, so the two differ and nothing is written.
const APPEND: &str = "
WITH stale AS MATERIALIZED (
    SELECT EXISTS (
        SELECT 1 FROM unnest($1::text[], $2::text[], $3::bigint[]) AS seen(type, id, sequence),
        LATERAL (SELECT 1 FROM events e
                 WHERE e.aggregate_type = seen.type AND e.aggregate_id = seen.id
                   AND e.sequence = seen.sequence + 1 LIMIT 1) AS newer
    ) OR EXISTS (
        SELECT 1 FROM unnest($4::text[], $5::text[], $6::bigint[]) AS before(type, id, sequence)
        LEFT JOIN LATERAL (SELECT 1 AS found FROM events e
                 WHERE e.aggregate_type = before.type AND e.aggregate_id = before.id
                   AND e.sequence = before.sequence LIMIT 1) AS last ON true
        WHERE last.found IS NULL
    ) AS yes
), head AS (
    UPDATE event_log_head
    SET position = position + cardinality($9::bigint[]),
        recorded_at = GREATEST(recorded_at, clock_timestamp()),
        settings_position = CASE WHEN $32 THEN position + cardinality($9::bigint[]) ELSE settings_position END
    WHERE id AND NOT (SELECT yes FROM stale)
      AND settings_position = (SELECT at_start.settings_position FROM event_log_head AS at_start)
    RETURNING position - cardinality($9::bigint[]) AS base, recorded_at
), written AS (
    INSERT INTO events (position, aggregate_type, aggregate_id, sequence, event_type, event_version,
                        recorded_at, payload, metadata)
    SELECT head.base + e.ordinal, e.type, e.id, e.sequence, e.event_type, e.event_version,
           head.recorded_at, e.payload::json, e.metadata::json
    FROM head, unnest($7::text[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[])
         WITH ORDINALITY AS e(type, id, sequence, event_type, event_version, payload, metadata, ordinal)
), keys AS (
    INSERT INTO idempotency_keys (actor_id, key, fingerprint, aggregate_type, aggregate_id, sequence,
                                  position, refusal, recorded_at)
    SELECT k.actor_id, k.key, k.fingerprint, k.type, k.id, k.sequence, head.base + k.ordinal, k.refusal::json,
           head.recorded_at
    FROM head, unnest($14::uuid[], $15::text[], $16::bytea[], $17::text[], $18::text[], $19::bigint[],
                      $20::bigint[], $21::text[])
         AS k(actor_id, key, fingerprint, type, id, sequence, ordinal, refusal)
), people AS (
    INSERT INTO contacts (id, name, phone, email, street, postcode, city, latitude, longitude, note,
                          customer_id, order_id, recorded_at)
    SELECT c.id, c.name, c.phone, c.email, c.street, c.postcode, c.city, c.latitude, c.longitude, c.note,
           c.customer_id, c.order_id, head.recorded_at
    FROM head, unnest($22::uuid[], $23::text[], $24::text[], $25::text[], $26::text[], $27::text[], $28::text[],
                      $29::float8[], $30::float8[], $31::text[], $33::uuid[], $34::uuid[])
         AS c(id, name, phone, email, street, postcode, city, latitude, longitude, note, customer_id, order_id)
)
SELECT base, pg_notify('events', (base + cardinality($9::bigint[]))::text) IS NULL FROM head";

/// Compares without writing, for a batch of refusals that nobody gave a key.
const COMPARE: &str = "
SELECT EXISTS (
    SELECT 1 FROM unnest($1::text[], $2::text[], $3::bigint[]) AS seen(type, id, sequence),
    LATERAL (SELECT 1 FROM events e
             WHERE e.aggregate_type = seen.type AND e.aggregate_id = seen.id
               AND e.sequence = seen.sequence + 1 LIMIT 1) AS newer
)";

/// What a batch was decided on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Basis {
    /// On states in memory: they are compared with what is stored.
    Memory,
    /// On what was read under the head's lock: there is nothing to compare.
    Locked,
}

/// What a batch came to.
pub(crate) enum Appended {
    /// It is stored, after this position.
    After(LogPosition),
    /// Somebody was quicker; nothing was stored.
    Conflict,
}

/// The batch as columns, as the statement takes them.
#[derive(Default)]
struct Columns {
    seen_type: Vec<&'static str>,
    seen_id: Vec<String>,
    seen_version: Vec<i64>,
    before_type: Vec<&'static str>,
    before_id: Vec<String>,
    before_sequence: Vec<i64>,
    event_stream_type: Vec<&'static str>,
    event_stream_id: Vec<String>,
    event_sequence: Vec<i64>,
    event_type: Vec<&'static str>,
    event_version: Vec<&'static str>,
    event_payload: Vec<String>,
    event_metadata: Vec<String>,
    key_actor: Vec<Uuid>,
    key: Vec<String>,
    key_fingerprint: Vec<Vec<u8>>,
    key_stream_type: Vec<&'static str>,
    key_stream_id: Vec<String>,
    key_version: Vec<i64>,
    key_ordinal: Vec<Option<i64>>,
    key_refusal: Vec<Option<String>>,
    contact_id: Vec<Uuid>,
    contact_name: Vec<Option<String>>,
    contact_phone: Vec<Option<String>>,
    contact_email: Vec<Option<String>>,
    contact_street: Vec<Option<String>>,
    contact_postcode: Vec<Option<String>>,
    contact_city: Vec<Option<String>>,
    contact_latitude: Vec<Option<f64>>,
    contact_longitude: Vec<Option<f64>>,
    contact_note: Vec<Option<String>>,
    /// Whether an event is of a stream that commands read without writing it.
    settings: bool,
    contact_customer: Vec<Option<Uuid>>,
    contact_order: Vec<Option<Uuid>>,
}

impl Columns {
    fn of(units: &[Unit], basis: Basis) -> Self {
        let mut columns = Self::default();
        for unit in units {
            columns.add_events(unit);
            columns.add_key(unit);
            columns.add_contact(unit);
        }
        let written = columns.add_before(units);
        match basis {
            Basis::Memory => columns.add_seen(units, &written),
            Basis::Locked => {}
        }
        columns
    }

    fn add_events(&mut self, unit: &Unit) {
        for event in &unit.decided.events {
            self.settings |= is_setting(event.stream.kind);
            self.event_stream_type.push(event.stream.kind.as_str());
            self.event_stream_id.push(event.stream.id.to_string());
            self.event_sequence.push(event.sequence);
            self.event_type.push(event.event.event_type());
            self.event_version.push(event.event.version());
            self.event_payload.push(event.payload.clone());
            self.event_metadata.push(unit.metadata.clone());
        }
    }

    fn add_key(&mut self, unit: &Unit) {
        let Some((idempotency, answer)) = idempotency::to_be_stored(unit) else { return };
        self.key_actor.push(unit.context.actor.id);
        self.key.push(idempotency.key.clone());
        self.key_fingerprint.push(answer.fingerprint);
        self.key_stream_type.push(answer.stream.kind.as_str());
        self.key_stream_id.push(answer.stream.id.to_string());
        self.key_version.push(answer.version);
        let stored = !unit.decided.events.is_empty();
        self.key_ordinal.push(stored.then(|| ordinal(self.event_sequence.len())));
        self.key_refusal.push(unit.decided.refusal_text.clone());
    }

    fn add_contact(&mut self, unit: &Unit) {
        let Some(contact) = &unit.context.contact else { return };
        if unit.decided.refusal.is_some() {
            return;
        }
        self.contact_id.push(contact.id.0);
        self.contact_name.push(contact.name.clone());
        self.contact_phone.push(contact.phone.clone());
        self.contact_email.push(contact.email.clone());
        self.contact_street.push(contact.street.clone());
        self.contact_postcode.push(contact.postcode.clone());
        self.contact_city.push(contact.city.clone());
        self.contact_latitude.push(contact.latitude);
        self.contact_longitude.push(contact.longitude);
        self.contact_note.push(contact.note.clone());
        self.contact_customer.push(contact.customer.map(|customer| customer.0));
        self.contact_order.push(contact.order.map(|order| order.0));
    }

    /// The streams that this batch writes, each with the event that it goes on from, if there is one.
    fn add_before<'a>(&mut self, units: &'a [Unit]) -> HashSet<&'a StreamId> {
        let mut written = HashSet::new();
        for event in units.iter().flat_map(|unit| &unit.decided.events) {
            if written.insert(&event.stream) && event.sequence > 1 {
                self.before_type.push(event.stream.kind.as_str());
                self.before_id.push(event.stream.id.to_string());
                self.before_sequence.push(event.sequence - 1);
            }
        }
        written
    }

    /// Streams that were looked at and that this batch does not write, each once.
    fn add_seen(&mut self, units: &[Unit], written: &HashSet<&StreamId>) {
        let mut seen = HashMap::new();
        for (stream, version) in units.iter().flat_map(|unit| &unit.decided.based_on) {
            if !written.contains(stream) {
                seen.insert(stream, *version);
            }
        }
        for (stream, version) in seen {
            self.seen_type.push(stream.kind.as_str());
            self.seen_id.push(stream.id.to_string());
            self.seen_version.push(version);
        }
    }
}

/// Whether commands read streams of this kind that they do not write.
pub(crate) fn is_setting(kind: StreamType) -> bool {
    match kind {
        StreamType::Menu | StreamType::Pizzeria => true,
        StreamType::Order
        | StreamType::Stock
        | StreamType::Delivery
        | StreamType::Staff
        | StreamType::Customer
        | StreamType::Closing => false,
    }
}

fn ordinal(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Stores a batch in one statement, or says that somebody was quicker.
pub(crate) async fn append(
    db: &mut PgConnection,
    units: &[Unit],
    basis: Basis,
) -> Result<Appended, sqlx::Error> {
    let c = Columns::of(units, basis);
    if c.event_sequence.is_empty() && c.key.is_empty() {
        let moved: bool = sqlx::query_scalar(COMPARE)
            .bind(&c.seen_type)
            .bind(&c.seen_id)
            .bind(&c.seen_version)
            .fetch_one(db)
            .await?;
        return Ok(if moved { Appended::Conflict } else { Appended::After(LogPosition::START) });
    }
    let stored = sqlx::query(APPEND)
        .bind(&c.seen_type)
        .bind(&c.seen_id)
        .bind(&c.seen_version)
        .bind(&c.before_type)
        .bind(&c.before_id)
        .bind(&c.before_sequence)
        .bind(&c.event_stream_type)
        .bind(&c.event_stream_id)
        .bind(&c.event_sequence)
        .bind(&c.event_type)
        .bind(&c.event_version)
        .bind(&c.event_payload)
        .bind(&c.event_metadata)
        .bind(&c.key_actor)
        .bind(&c.key)
        .bind(&c.key_fingerprint)
        .bind(&c.key_stream_type)
        .bind(&c.key_stream_id)
        .bind(&c.key_version)
        .bind(&c.key_ordinal)
        .bind(&c.key_refusal)
        .bind(&c.contact_id)
        .bind(&c.contact_name)
        .bind(&c.contact_phone)
        .bind(&c.contact_email)
        .bind(&c.contact_street)
        .bind(&c.contact_postcode)
        .bind(&c.contact_city)
        .bind(&c.contact_latitude)
        .bind(&c.contact_longitude)
        .bind(&c.contact_note)
        .bind(c.settings)
        .bind(&c.contact_customer)
        .bind(&c.contact_order)
        .fetch_optional(db)
        .await;
    match stored {
        Ok(Some(row)) => Ok(Appended::After(LogPosition(row.try_get(0)?))),
        Ok(None) => Ok(Appended::Conflict),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(Appended::Conflict),
        Err(error) => Err(error),
    }
}
