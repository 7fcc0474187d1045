//! Sales by pizzeria and business day: the local day in the pizzeria's time zone, from 04:00 to 04:00, so that a Friday
//! evening that ends on Saturday at two counts as Friday. An order counts on the day on which it became PLACED; later
//! events correct that day. Money counts on the day it was paid or refunded.

mod ledger;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::ids::{OrderId, PizzeriaId};
use domain::order::{Order, PaymentMethod};
use domain::vat::VatRate;
use domain::{AggregateState, Cents, EventType, LogPosition, StreamId, StreamType};
use event_store::RecordedEvent;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::apply_error::ApplyError;
use crate::as_of::fold_stream;
use crate::fold::{FoldedState, document, happened};

use self::ledger::{Change, DEFAULT_ZONE, Ledger, Memo};

/// A day's sales at one VAT rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VatSum {
    /// Sum without VAT.
    pub net: Cents,
    /// VAT, rounded per order.
    pub tax: Cents,
    /// Sum with VAT.
    pub gross: Cents,
}

/// A day's figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Orders accepted on the day and not cancelled, expired or returned since.
    pub orders: i64,
    /// Their sum, with VAT and delivery.
    pub gross: Cents,
    /// Their sums by VAT rate.
    pub vat: BTreeMap<VatRate, VatSum>,
    /// Payments minus refunds on the day by method, for orders of any day.
    pub paid: BTreeMap<PaymentMethod, Cents>,
    /// Placements refused on the day for missing stock.
    pub refused: i64,
    /// Orders of the day that reached the customer after the latest promise.
    pub late: i64,
    /// Orders accepted on the day and cancelled or expired since.
    pub cancelled: i64,
    /// Orders accepted on the day that came back undelivered.
    pub returned: i64,
}

/// A pizzeria's business day with its figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The pizzeria.
    pub pizzeria: PizzeriaId,
    /// The local day on which the business day began.
    pub day: NaiveDate,
    /// The figures.
    pub figures: Figures,
    /// Position of the last event that changed them.
    pub position: LogPosition,
}

pub(crate) async fn apply(db: &mut PgConnection, events: &[RecordedEvent]) -> Result<(), ApplyError> {
    let mut ledger = Ledger::default();
    let mut orders = BTreeSet::new();
    for event in events.iter().filter(|event| event.stream.kind == StreamType::Order) {
        let order: OrderId = event.stream.id.parse().map_err(|_| ApplyError::StreamId { kind: "order" })?;
        orders.insert(order);
    }
    ledger.zones = load_zones(db).await?;
    ledger.memos = load_memos(db, &orders).await?;
    restore_lines(db, &mut ledger.memos, events).await?;
    for event in events {
        let order = match event.stream.kind {
            StreamType::Order => event.stream.id.parse().ok(),
            StreamType::Stock
            | StreamType::Delivery
            | StreamType::Pizzeria
            | StreamType::Menu
            | StreamType::Staff
            | StreamType::Customer
            | StreamType::Closing => None,
        };
        for happened in &event.events {
            ledger.record(happened, order, event.position.0);
        }
    }
    if events.iter().any(|event| event.stream.kind == StreamType::Pizzeria) {
        store_zones(db, &ledger.zones).await?;
    }
    let memos: Vec<_> = ledger.memos.iter().filter(|(order, _)| orders.contains(order)).collect();
    store_memos(db, &memos).await?;
    store_days(db, ledger.days).await
}

async fn load_zones(db: &mut PgConnection) -> Result<BTreeMap<String, Tz>, ApplyError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT pizzeria, timezone FROM daily_sales_zones").fetch_all(db).await?;
    let zones = rows.into_iter().map(|(pizzeria, zone)| (pizzeria, zone.parse().unwrap_or(DEFAULT_ZONE)));
    Ok(zones.collect())
}

async fn store_zones(db: &mut PgConnection, zones: &BTreeMap<String, Tz>) -> Result<(), ApplyError> {
    sqlx::query(
        "INSERT INTO daily_sales_zones (pizzeria, timezone) SELECT * FROM unnest($1::text[], $2::text[]) \
         ON CONFLICT (pizzeria) DO UPDATE SET timezone = EXCLUDED.timezone",
    )
    .bind(zones.keys().cloned().collect::<Vec<_>>())
    .bind(zones.values().map(|zone| zone.name()).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

async fn load_memos(
    db: &mut PgConnection,
    orders: &BTreeSet<OrderId>,
) -> Result<BTreeMap<OrderId, Memo>, ApplyError> {
    if orders.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<Uuid> = orders.iter().map(|order| order.0).collect();
    let rows: Vec<(Uuid, Json<Memo>)> = sqlx::query_as(
        "SELECT k.id, t.document FROM unnest($1::uuid[]) AS k(id) CROSS JOIN LATERAL \
         (SELECT document FROM daily_sales_orders WHERE id = k.id LIMIT 1) AS t",
    )
    .bind(ids)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(id, memo)| (OrderId(id), memo.0)).collect())
}

/// Reads the lines of changed orders from the log if their memo, of release 0.1, has none.
async fn restore_lines(
    db: &mut PgConnection,
    memos: &mut BTreeMap<OrderId, Memo>,
    events: &[RecordedEvent],
) -> Result<(), ApplyError> {
    let changed = happened(events).filter(|(_, event)| event.kind() == EventType::OrderLinesChanged);
    let changed: BTreeSet<&StreamId> = changed.map(|(recorded, _)| &recorded.stream).collect();
    for stream in changed {
        let memo = stream.id.parse().ok().and_then(|order: OrderId| memos.get_mut(&order));
        let Some(memo) = memo.filter(|memo| memo.order.lines.is_empty()) else { continue };
        let first = events.iter().find(|event| event.stream == *stream).map(|event| event.position.0);
        let before = LogPosition(first.unwrap_or_default() - 1);
        let empty = FoldedState { state: AggregateState::empty(StreamType::Order), version: 0, position: 0 };
        let folded = fold_stream(&mut *db, stream, empty, before).await?;
        if let AggregateState::Order(Order::Placed(order)) = folded.state {
            (memo.order.lines, memo.order.last_line) = (order.lines, order.last_line);
        }
    }
    Ok(())
}

async fn store_memos(db: &mut PgConnection, memos: &[(&OrderId, &Memo)]) -> Result<(), ApplyError> {
    if memos.is_empty() {
        return Ok(());
    }
    let documents =
        memos.iter().map(|(_, memo)| document("daily_sales_orders", memo)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query(
        "INSERT INTO daily_sales_orders (id, document) \
         SELECT id, document::json FROM unnest($1::uuid[], $2::text[]) AS new(id, document) \
         ON CONFLICT (id) DO UPDATE SET document = EXCLUDED.document",
    )
    .bind(memos.iter().map(|(order, _)| order.0).collect::<Vec<_>>())
    .bind(documents)
    .execute(db)
    .await?;
    Ok(())
}

async fn store_days(
    db: &mut PgConnection,
    days: BTreeMap<(PizzeriaId, NaiveDate), Change>,
) -> Result<(), ApplyError> {
    if days.is_empty() {
        return Ok(());
    }
    let pizzerias: Vec<String> = days.keys().map(|(pizzeria, _)| pizzeria.to_string()).collect();
    let dates: Vec<NaiveDate> = days.keys().map(|(_, day)| *day).collect();
    let rows: Vec<(String, NaiveDate, Json<Figures>)> = sqlx::query_as(
        "SELECT k.pizzeria, k.day, t.document FROM unnest($1::text[], $2::date[]) AS k(pizzeria, day) \
         CROSS JOIN LATERAL (SELECT document FROM daily_sales \
         WHERE pizzeria = k.pizzeria AND day = k.day LIMIT 1) AS t",
    )
    .bind(&pizzerias)
    .bind(&dates)
    .fetch_all(&mut *db)
    .await?;
    let mut before: BTreeMap<(String, NaiveDate), Figures> =
        rows.into_iter().map(|(pizzeria, day, figures)| ((pizzeria, day), figures.0)).collect();
    let mut positions = Vec::new();
    let mut documents = Vec::new();
    for ((pizzeria, day), change) in days {
        let mut figures = before.remove(&(pizzeria.to_string(), day)).unwrap_or_default();
        figures.add(&change.figures);
        positions.push(change.position);
        documents.push(document("daily_sales", &figures)?);
    }
    sqlx::query(
        "INSERT INTO daily_sales (pizzeria, day, position, document) \
         SELECT pizzeria, day, position, document::json \
         FROM unnest($1::text[], $2::date[], $3::bigint[], $4::text[]) AS new(pizzeria, day, position, document) \
         ON CONFLICT (pizzeria, day) DO UPDATE SET document = EXCLUDED.document, \
         position = greatest(daily_sales.position, EXCLUDED.position)",
    )
    .bind(pizzerias)
    .bind(dates)
    .bind(positions)
    .bind(documents)
    .execute(db)
    .await?;
    Ok(())
}

#[derive(FromRow)]
struct Stored {
    pizzeria: Json<PizzeriaId>,
    day: NaiveDate,
    position: i64,
    document: Json<Figures>,
}

/// Returns the days `from` to `to` of some pizzerias, both included, by pizzeria and day. Days without events are left
/// out.
///
/// # Errors
/// The database does not answer.
pub async fn range(
    pool: &PgPool,
    pizzerias: &[PizzeriaId],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<Row>, sqlx::Error> {
    range_in(&mut *pool.acquire().await?, "daily_sales", pizzerias, from, to).await
}

/// Returns the days of a relation like `daily_sales`.
pub(crate) async fn range_in(
    db: &mut PgConnection,
    table: &str,
    pizzerias: &[PizzeriaId],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<Row>, sqlx::Error> {
    let sql = format!(
        "SELECT to_json(pizzeria) AS pizzeria, day, position, document FROM {table} AS days \
         JOIN (SELECT DISTINCT unnest($1::text[]) AS pizzeria) AS asked USING (pizzeria) \
         WHERE day BETWEEN $2 AND $3 ORDER BY days.pizzeria, day"
    );
    let pizzerias: Vec<&str> = pizzerias.iter().map(PizzeriaId::as_str).collect();
    let rows: Vec<Stored> = sqlx::query_as(&sql).bind(pizzerias).bind(from).bind(to).fetch_all(db).await?;
    let rows = rows.into_iter().map(|row| Row {
        pizzeria: row.pizzeria.0,
        day: row.day,
        figures: row.document.0,
        position: LogPosition(row.position),
    });
    Ok(rows.collect())
}
