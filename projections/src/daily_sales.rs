//! Takings by pizzeria and business day: the local day in the pizzeria's zone, cut at 04:00, so that a
//! Friday evening that ends on Saturday at two is Friday's. An order counts on the day on which it was
//! accepted for good (PLACED); what happens to it later corrects that day. Money counts on the day it moved.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use domain::ids::{OrderId, PizzeriaId};
use domain::order::{Order, OrderEvent, PaymentMethod, PlacedOrder, Pricing, Progress};
use domain::pizzeria::PizzeriaEvent;
use domain::vat::VatRate;
use domain::{Cents, Event, LogPosition, StreamType};
use event_store::RecordedEvent;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::error::ApplyError;
use crate::fold::document;

/// When a business day begins, in hours after local midnight.
const DAY_BEGINS: i64 = 4;
/// The zone of a pizzeria of which no opening is known (DOMAIN.md: Europe/Paris).
const DEFAULT_ZONE: Tz = Tz::Europe__Paris;

/// One rate's part of a day's takings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VatSum {
    /// Without VAT.
    pub net: Cents,
    /// The VAT, as rounded once an order.
    pub tax: Cents,
    /// With VAT.
    pub gross: Cents,
}

/// A day's figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Orders accepted on the day and not cancelled or expired since.
    pub orders: i64,
    /// What they come to, VAT and delivery included.
    pub gross: Cents,
    /// The same by VAT rate.
    pub vat: BTreeMap<VatRate, VatSum>,
    /// What came in less what went back on the day, by method, of whatever day's orders.
    pub paid: BTreeMap<PaymentMethod, Cents>,
    /// Placements refused on the day for want of stock.
    pub refused: i64,
    /// Of the orders, those that reached the customer after the latest promise.
    pub late: i64,
    /// Orders accepted on the day and cancelled or expired since.
    pub cancelled: i64,
}

/// A pizzeria's business day on which something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where.
    pub pizzeria: PizzeriaId,
    /// The local day that the business day began on.
    pub day: NaiveDate,
    /// The figures.
    pub figures: Figures,
    /// The last event that changed them.
    pub position: LogPosition,
}

/// What is remembered of an order: itself, without what no figure needs, and where it was counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Memo {
    order: PlacedOrder,
    counted: Option<Counted>,
}

/// What an order added to which day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Counted {
    day: NaiveDate,
    pricing: Pricing,
    late: bool,
}

/// The figures and memos that a batch touches.
#[derive(Debug, Default)]
struct Ledger {
    zones: BTreeMap<String, Tz>,
    memos: BTreeMap<OrderId, Memo>,
    days: BTreeMap<(PizzeriaId, NaiveDate), Change>,
}

/// What a batch adds to a day.
#[derive(Debug, Default)]
struct Change {
    figures: Figures,
    position: i64,
}

/// The business day of an instant.
fn business_day(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    // By the clock on the wall: on the days that clocks change, too, the day begins at its 04:00.
    let local = at.with_timezone(&zone).naive_local();
    (local - TimeDelta::hours(DAY_BEGINS)).date()
}

impl Figures {
    /// Adds an order's prices, or with −1 takes them out again.
    fn add_order(&mut self, pricing: &Pricing, sign: i64) {
        self.orders += sign;
        self.add_pricing(pricing, sign);
    }

    fn add_pricing(&mut self, pricing: &Pricing, sign: i64) {
        self.gross.0 += sign * pricing.total.0;
        for part in &pricing.vat {
            let sum = self.vat.entry(part.rate).or_default();
            sum.net.0 += sign * part.net.0;
            sum.tax.0 += sign * part.tax.0;
            sum.gross.0 += sign * part.gross.0;
        }
    }

    fn add(&mut self, other: &Self) {
        self.orders += other.orders;
        self.gross = self.gross + other.gross;
        for (rate, part) in &other.vat {
            let sum = self.vat.entry(*rate).or_default();
            *sum = VatSum { net: sum.net + part.net, tax: sum.tax + part.tax, gross: sum.gross + part.gross };
        }
        for (method, amount) in &other.paid {
            let sum = self.paid.entry(*method).or_default();
            *sum = *sum + *amount;
        }
        self.refused += other.refused;
        self.late += other.late;
        self.cancelled += other.cancelled;
        // What came to nothing is not shown, whether it cancelled out in one batch or over several.
        self.vat.retain(|_, sum| *sum != VatSum::default());
        self.paid.retain(|_, sum| *sum != Cents::ZERO);
    }
}

impl Ledger {
    fn zone(&self, pizzeria: &PizzeriaId) -> Tz {
        self.zones.get(pizzeria.as_str()).copied().unwrap_or(DEFAULT_ZONE)
    }

    fn change(&mut self, pizzeria: &PizzeriaId, day: NaiveDate, position: i64) -> &mut Figures {
        let change = self.days.entry((pizzeria.clone(), day)).or_default();
        change.position = position;
        &mut change.figures
    }

    /// The figures of the day on which something happened.
    fn at(&mut self, pizzeria: &PizzeriaId, at: DateTime<Utc>, position: i64) -> &mut Figures {
        let day = business_day(at, self.zone(pizzeria));
        self.change(pizzeria, day, position)
    }

    fn record(&mut self, event: &Event, order: Option<OrderId>, position: i64) {
        match (event, order) {
            (Event::Pizzeria(PizzeriaEvent::PizzeriaOpened { opening, .. }), _) => {
                self.zones.insert(opening.pizzeria.to_string(), opening.timezone);
            }
            (Event::Order(event), Some(order)) => self.record_order(event, order, position),
            (
                Event::Order(_)
                | Event::Pizzeria(
                    PizzeriaEvent::PizzeriaUpdated { .. }
                    | PizzeriaEvent::PizzeriaPaused { .. }
                    | PizzeriaEvent::PizzeriaResumed { .. },
                )
                | Event::Stock(_)
                | Event::Delivery(_)
                | Event::Menu(_)
                | Event::Staff(_),
                _,
            ) => {}
        }
    }

    fn record_order(&mut self, event: &OrderEvent, id: OrderId, position: i64) {
        if let OrderEvent::OrderRefused { pizzeria, at, .. } = event {
            self.at(pizzeria, *at, position).refused += 1;
            return;
        }
        let memo = self.memos.remove(&id);
        let (mut state, counted) = match memo {
            Some(Memo { order, counted }) => (Order::Placed(Box::new(order)), counted),
            None => (Order::NotPlaced, None),
        };
        state.evolve(event);
        let Order::Placed(order) = state else { return };
        self.record_money(event, &order, position);
        let counted = self.count(&order, counted, position);
        self.memos.insert(id, Memo { order: slim(*order), counted });
    }

    fn record_money(&mut self, event: &OrderEvent, order: &PlacedOrder, position: i64) {
        let (method, amount, at) = match event {
            OrderEvent::PaymentCaptured { method, amount, at, .. } => (*method, *amount, *at),
            OrderEvent::PaymentRefunded { method, amount, at } => (*method, -*amount, *at),
            OrderEvent::OrderPlaced { .. }
            | OrderEvent::OrderRefused { .. }
            | OrderEvent::OrderLinesChanged { .. }
            | OrderEvent::OrderCancelled { .. }
            | OrderEvent::OrderExpired { .. }
            | OrderEvent::PaymentAuthorised { .. }
            | OrderEvent::PaymentDeclined { .. }
            | OrderEvent::PreparationStarted { .. }
            | OrderEvent::ItemBaked { .. }
            | OrderEvent::OrderReady { .. }
            | OrderEvent::OrderHandedOver { .. }
            | OrderEvent::OrderOutForDelivery { .. }
            | OrderEvent::OrderDelivered { .. }
            | OrderEvent::OrderNotDelivered { .. }
            | OrderEvent::OrderReturned { .. } => return,
        };
        let paid = self.at(&order.pizzeria, at, position).paid.entry(method).or_default();
        *paid = *paid + amount;
    }

    /// Brings the day that an order counts on in line with what the order is now.
    fn count(&mut self, order: &PlacedOrder, before: Option<Counted>, position: i64) -> Option<Counted> {
        let closed = match order.progress {
            Progress::Cancelled { .. } | Progress::Expired { .. } => true,
            Progress::AwaitingPayment { .. }
            | Progress::Placed { .. }
            | Progress::InPreparation { .. }
            | Progress::Ready { .. }
            | Progress::OutForDelivery { .. }
            | Progress::Delivered { .. }
            | Progress::NotDelivered { .. }
            | Progress::Returned { .. }
            | Progress::HandedOver { .. } => false,
        };
        let Some(counted) = before else {
            let Progress::Placed { since } = order.progress else { return None };
            let day = business_day(since, self.zone(&order.pizzeria));
            self.change(&order.pizzeria, day, position).add_order(&order.pricing, 1);
            return Some(Counted { day, pricing: order.pricing.clone(), late: false });
        };
        if closed {
            let figures = self.change(&order.pizzeria, counted.day, position);
            figures.add_order(&counted.pricing, -1);
            figures.late -= i64::from(counted.late);
            figures.cancelled += 1;
            return None;
        }
        let now = Counted { day: counted.day, pricing: order.pricing.clone(), late: order.is_late() };
        if now != counted {
            let figures = self.change(&order.pizzeria, counted.day, position);
            figures.add_pricing(&counted.pricing, -1);
            figures.add_pricing(&now.pricing, 1);
            figures.late += i64::from(now.late) - i64::from(counted.late);
        }
        Some(now)
    }
}

/// An order without what no later figure needs: the same whether taken off once or after each event.
fn slim(mut order: PlacedOrder) -> PlacedOrder {
    order.lines = Vec::new();
    order.needs = domain::Ingredients::new();
    order.payments = Vec::new();
    order.promises = order.promises.pop().into_iter().collect();
    order
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
    for event in events {
        let order = match event.stream.kind {
            StreamType::Order => event.stream.id.parse().ok(),
            StreamType::Stock
            | StreamType::Delivery
            | StreamType::Pizzeria
            | StreamType::Menu
            | StreamType::Staff => None,
        };
        ledger.record(&event.event, order, event.position.0);
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
         ON CONFLICT (pizzeria, day) DO UPDATE SET position = EXCLUDED.position, document = EXCLUDED.document",
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

/// The days of some pizzerias from one day to another, both included, by pizzeria and day. Days on
/// which nothing happened are left out.
///
/// # Errors
/// When the database does not answer.
pub async fn range(
    pool: &PgPool,
    pizzerias: &[PizzeriaId],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<Row>, sqlx::Error> {
    let sql = "SELECT to_json(pizzeria) AS pizzeria, day, position, document FROM daily_sales \
               JOIN (SELECT DISTINCT unnest($1::text[]) AS pizzeria) AS asked USING (pizzeria) \
               WHERE day BETWEEN $2 AND $3 ORDER BY daily_sales.pizzeria, day";
    let pizzerias: Vec<&str> = pizzerias.iter().map(PizzeriaId::as_str).collect();
    let rows: Vec<Stored> = sqlx::query_as(sql).bind(pizzerias).bind(from).bind(to).fetch_all(pool).await?;
    let rows = rows.into_iter().map(|row| Row {
        pizzeria: row.pizzeria.0,
        day: row.day,
        figures: row.document.0,
        position: LogPosition(row.position),
    });
    Ok(rows.collect())
}
