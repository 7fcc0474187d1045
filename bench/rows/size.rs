//! Size of the log: bytes an event, by type, and a delivered order's life. A generated log has the proportions of an
//! evening's events; sizes do not depend on the machine.

use std::collections::BTreeMap;

use anyhow::Result;
use bench::{Database, Measure, Row, Target, Unit};
use sqlx::Executor;

use crate::{Bench, million};

/// Events of the measured log.
const EVENTS: (u64, u64) = (20_000, 2_000);
/// Allowed ratio to [`REFERENCE`].
const LEAN: Target = Target::AtMost(0.75);
/// Program whose sizes are the reference: the last one before payloads were made lean. Its sizes were measured by these
/// queries, on a log of as many events that it generated with the same seed.
const REFERENCE: &str = "commit e2c2353";
const REFERENCE_EVENT: Event = Event { on_disk: 684.0, payload: 201.1, metadata: 200.3 };
const REFERENCE_LIFE: Life = Life { events: 16.3, on_disk: 10_711.0 };
/// Bytes of payload of the types that take the most of the log.
const REFERENCE_TYPES: &[(&str, f64)] = &[
    ("OrderPlaced", 1_013.7),
    ("IngredientsReserved", 235.1),
    ("ReservationConsumed", 234.9),
    ("DeliveryScheduled", 350.5),
    ("PaymentCaptured", 119.5),
    ("PreparationStarted", 108.0),
    ("ItemBaked", 64.0),
    ("DeliveryCompleted", 158.9),
    ("DeliveryAssigned", 126.2),
    ("OrderReady", 79.9),
    ("DeliveryPutDown", 111.0),
    ("DeliveryPickedUp", 111.0),
    ("DeliveryTaken", 109.0),
    ("OrderOutForDelivery", 65.0),
    ("PaymentAuthorised", 129.0),
    ("OrderDelivered", 60.0),
    ("OrderLinesChanged", 730.6),
    ("OrderHandedOver", 61.0),
    ("ReservationChanged", 369.6),
    ("StockCounted", 364.4),
    ("OrderRefused", 352.0),
];

/// Average bytes of an event.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
struct Event {
    /// Table and indexes.
    on_disk: f64,
    payload: f64,
    metadata: f64,
}

/// Averages of a delivered order: its own events, its delivery's, and those of stock and staff for it.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
struct Life {
    events: f64,
    on_disk: f64,
}

const EVENT: &str = "SELECT pg_total_relation_size('events')::float8 / count(*) AS on_disk, \
    avg(octet_length(payload::text))::float8 AS payload, avg(octet_length(metadata::text))::float8 AS metadata FROM events";

const TYPES: &str =
    "SELECT event_type, avg(octet_length(payload::text))::float8 FROM events GROUP BY event_type";

/// The row's bytes with its line pointer, and its share of the indexes.
const LIFE: &str = "WITH delivered AS (SELECT aggregate_id AS id FROM events WHERE event_type = 'OrderDelivered'), \
    ways AS (SELECT id, aggregate_id AS delivery FROM events JOIN delivered ON payload ->> 'order' = id \
        WHERE event_type = 'DeliveryScheduled'), \
    life AS (SELECT id, position FROM delivered JOIN events ON aggregate_type = 'order' AND aggregate_id = id \
        UNION SELECT id, position FROM ways JOIN events ON aggregate_type = 'delivery' AND aggregate_id = delivery \
        UNION SELECT id, position FROM delivered JOIN events ON aggregate_type = 'stock' AND payload ->> 'order' = id \
        UNION SELECT id, position FROM ways JOIN events ON aggregate_type = 'staff' AND payload ->> 'delivery' = delivery), \
    indexes AS (SELECT pg_indexes_size('events')::float8 / count(*) AS bytes FROM events) \
    SELECT count(*)::float8 / count(DISTINCT id) AS events, \
        sum(pg_column_size(e.*) + 4 + indexes.bytes)::float8 / count(DISTINCT id) AS on_disk \
    FROM life JOIN events AS e USING (position) CROSS JOIN indexes";

pub(crate) async fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let (database, events) = million::generated(bench, bench.length.pick(EVENTS.0, EVENTS.1)).await?;
    database.pool.execute("VACUUM (ANALYZE) events").await?;
    Ok(vec![event(&database, events).await?, life(&database).await?, types(&database).await?])
}

fn bytes(name: &str, ours: f64, reference: f64) -> Measure {
    Measure::beside(name, Unit::Bytes, vec![ours], vec![reference])
}

async fn event(database: &Database, events: i64) -> Result<Row> {
    let ours: Event = sqlx::query_as(EVENT).fetch_one(&database.pool).await?;
    let work = format!("an event of a generated log of {events}, on average");
    Ok(Row::new("size-event", &work, REFERENCE)
        .with(bytes("on disk", ours.on_disk, REFERENCE_EVENT.on_disk).to_reach(LEAN))
        .with(bytes("payload", ours.payload, REFERENCE_EVENT.payload).to_reach(LEAN))
        .with(bytes("metadata", ours.metadata, REFERENCE_EVENT.metadata)))
}

async fn life(database: &Database) -> Result<Row> {
    let ours: Life = sqlx::query_as(LIFE).fetch_one(&database.pool).await?;
    let count = Measure::beside("events", Unit::Count, vec![ours.events], vec![REFERENCE_LIFE.events]);
    Ok(Row::new("size-order", "the life of a delivered order: every event about it", REFERENCE)
        .with(bytes("on disk", ours.on_disk, REFERENCE_LIFE.on_disk).to_reach(LEAN))
        .with(count))
}

async fn types(database: &Database) -> Result<Row> {
    let ours: Vec<(String, f64)> = sqlx::query_as(TYPES).fetch_all(&database.pool).await?;
    let ours: BTreeMap<String, f64> = ours.into_iter().collect();
    let row = Row::new("size-types", "payload of an event, by type", REFERENCE);
    // A short log may lack a type.
    let known = REFERENCE_TYPES.iter().filter_map(|(name, size)| Some((name, ours.get(*name)?, size)));
    Ok(known.fold(row, |row, (name, ours, reference)| row.with(bytes(name, *ours, *reference))))
}
