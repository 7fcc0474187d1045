//! Every accepted order as a document. Refused orders are in the log only: they have no lines, price or progress.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::LogPosition;
use domain::ids::{CustomerId, OrderId, PizzeriaId};
use domain::order::{Fulfilment, OrderChannel, OrderStatus, PlacedOrder};
use event_store::RecordedEvent;
use serde::Serialize;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::apply_error::ApplyError;
use crate::fold::document;
use crate::orders;
use crate::page::{
    Cursor, List, NoRange, Page, PageArgs, PageError, SortKey, SortKind, instant, literal, push_any,
    push_pizzerias, range_of,
};

/// An order.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The order.
    pub order: Arc<PlacedOrder>,
    /// Version of its stream.
    pub version: i64,
    /// Position of its last event.
    pub position: LogPosition,
}

#[derive(FromRow)]
struct Stored {
    id: Uuid,
    number: String,
    placed_at: DateTime<Utc>,
    promised_at: DateTime<Utc>,
    version: i64,
    position: i64,
    document: Json<PlacedOrder>,
}

const COLUMNS: &str = "id, number, placed_at, promised_at, version, position, document";

impl From<Stored> for Row {
    fn from(stored: Stored) -> Self {
        Self {
            order: Arc::new(stored.document.0),
            version: stored.version,
            position: LogPosition(stored.position),
        }
    }
}

/// A filter on orders; a condition that is not set or empty does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Orders of these pizzerias.
    pub pizzerias: Vec<PizzeriaId>,
    /// Orders in these states.
    pub statuses: Vec<OrderStatus>,
    /// Orders of this channel.
    pub channel: Option<OrderChannel>,
    /// Orders with this way of fulfilment.
    pub fulfilment: Option<Fulfilment>,
    /// Orders of this customer.
    pub customer: Option<CustomerId>,
    /// The order with this number, such as `P1-000042`.
    pub number: Option<String>,
    /// Orders placed at this instant or later.
    pub placed_from: Option<DateTime<Utc>>,
    /// Orders placed before this instant.
    pub placed_to: Option<DateTime<Utc>>,
    /// Orders neither paid nor started, placed at this instant or before.
    pub unpaid_since: Option<DateTime<Utc>>,
}

/// The order of a list; ties by id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OrderSort {
    /// Newest first.
    #[default]
    PlacedAtDesc,
    /// Oldest first.
    PlacedAtAsc,
    /// By the latest promise, most urgent first.
    PromisedAtAsc,
    /// By number, ascending.
    NumberAsc,
    /// By number, descending.
    NumberDesc,
}

/// Returns the name that a unit variant serialises as, such as `ON_SITE`.
pub(crate) fn name<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(_) | Err(_) => String::new(),
    }
}

/// Returns whether the index of open orders has a status.
fn is_indexed(status: OrderStatus) -> bool {
    match status {
        OrderStatus::AwaitingPayment
        | OrderStatus::Placed
        | OrderStatus::InPreparation
        | OrderStatus::Ready
        | OrderStatus::OutForDelivery => true,
        OrderStatus::Refused
        | OrderStatus::Delivered
        | OrderStatus::NotDelivered
        | OrderStatus::Returned
        | OrderStatus::HandedOver
        | OrderStatus::Cancelled
        | OrderStatus::Expired => false,
    }
}

/// The access path to the rows of a list.
enum Access {
    /// An index in the list's order, or on a few rows.
    Index,
    /// The index of open orders.
    Open,
    /// A scan of a range of time.
    Range,
}

impl OrderFilter {
    fn access(&self, sort: OrderSort) -> Access {
        let Self { pizzerias, statuses, channel, fulfilment, customer, number, unpaid_since, .. } = self;
        let by_number = matches!(sort, OrderSort::NumberAsc | OrderSort::NumberDesc);
        if customer.is_some() || number.is_some() {
            Access::Index
        } else if unpaid_since.is_some() || !statuses.is_empty() && statuses.iter().copied().all(is_indexed) {
            Access::Open
        } else if !statuses.is_empty()
            || channel.is_some()
            || fulfilment.is_some()
            || by_number && pizzerias.len() > 1
        {
            Access::Range
        } else {
            Access::Index
        }
    }

    /// Refuses a list that would scan the whole table: by a closed status, channel or fulfilment, without a range of
    /// time.
    ///
    /// # Errors
    /// [`NoRange`].
    pub fn check(&self, sort: OrderSort) -> Result<(), NoRange> {
        match self.access(sort) {
            Access::Index | Access::Open => Ok(()),
            Access::Range => range_of(self.placed_from, self.placed_to).map(|_| ()),
        }
    }

    /// Returns the relation to query. `OFFSET 0` fences the access path: because of the limit the planner might choose
    /// another index.
    fn table(&self, sort: OrderSort) -> String {
        let only = match (self.access(sort), range_of(self.placed_from, self.placed_to)) {
            (Access::Open, _) if self.unpaid_since.is_some() => {
                "status IN ('AWAITING_PAYMENT', 'PLACED')".to_owned()
            }
            (Access::Open, _) => {
                let statuses = self.statuses.iter().map(|status| literal(status.as_str()));
                format!("status IN ({})", statuses.collect::<Vec<_>>().join(", "))
            }
            (Access::Range, Ok((from, to))) => {
                let pizzeria = match &self.pizzerias[..] {
                    [pizzeria] => format!(" AND pizzeria = {}", literal(pizzeria.as_str())),
                    _ => String::new(),
                };
                format!("placed_at >= {} AND placed_at < {}{pizzeria}", instant(from), instant(to))
            }
            (Access::Index, _) | (Access::Range, Err(NoRange)) => return "order_details".to_owned(),
        };
        format!("(SELECT * FROM order_details WHERE {only} OFFSET 0) AS order_details")
    }

    /// Appends the conditions for a sorted list. A pizzeria's numbers begin with its code, so a list by number uses a
    /// range of numbers; a condition on the pizzeria would make the planner read all of its orders.
    fn push_in_order(&self, query: &mut QueryBuilder<'_, Postgres>, sort: OrderSort) {
        match (&self.pizzerias[..], sort) {
            ([pizzeria], OrderSort::NumberAsc | OrderSort::NumberDesc)
                if *pizzeria != PizzeriaId::functional_check() =>
            {
                Self { pizzerias: Vec::new(), ..self.clone() }.push(query);
                query.push(" AND number >= ").push_bind(format!("{pizzeria}-"));
                query.push(" AND number < ").push_bind(format!("{pizzeria}."));
            }
            _ => self.push(query),
        }
    }

    fn push(&self, query: &mut QueryBuilder<'_, Postgres>) {
        self.push_lasting(query);
        if let Some(since) = self.unpaid_since {
            // The statuses match the index of open orders.
            let unpaid = " AND status IN ('AWAITING_PAYMENT', 'PLACED') AND due > 0 AND placed_at <= ";
            query.push(unpaid).push_bind(since);
        }
        push_any(query, "status", self.statuses.iter().map(|status| status.as_str().to_owned()).collect());
    }

    /// Appends the conditions on columns that never change.
    pub(crate) fn push_lasting(&self, query: &mut QueryBuilder<'_, Postgres>) {
        push_pizzerias(query, &self.pizzerias);
        if let Some(channel) = &self.channel {
            query.push(" AND channel = ").push_bind(name(channel));
        }
        if let Some(fulfilment) = &self.fulfilment {
            query.push(" AND fulfilment = ").push_bind(name(fulfilment));
        }
        if let Some(customer) = self.customer {
            query.push(" AND customer = ").push_bind(customer.0);
        }
        if let Some(number) = &self.number {
            // Postgres neither stores nor accepts NUL.
            query.push(" AND number = ").push_bind(number.replace('\0', "\u{fffd}"));
        }
        if let Some(from) = self.placed_from {
            query.push(" AND placed_at >= ").push_bind(from);
        }
        if let Some(to) = self.placed_to {
            query.push(" AND placed_at < ").push_bind(to);
        }
    }
}

pub(crate) async fn apply(db: &mut PgConnection, events: &[RecordedEvent]) -> Result<(), ApplyError> {
    let rows = orders::touched(db, "order_details", events).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let documents =
        rows.iter().map(|row| document("order_details", &row.state)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query(
        "INSERT INTO order_details (id, number, pizzeria, status, channel, fulfilment, customer, contact, \
         placed_at, promised_at, total, due, version, position, document) \
         SELECT id, number, pizzeria, status, channel, fulfilment, customer, contact, placed_at, promised_at, \
         total, due, version, position, document::json \
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[], \
         $8::uuid[], $9::timestamptz[], $10::timestamptz[], $11::bigint[], $12::bigint[], $13::bigint[], \
         $14::bigint[], $15::text[]) AS new(id, number, pizzeria, status, channel, fulfilment, customer, \
         contact, placed_at, promised_at, total, due, version, position, document) \
         ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status, promised_at = EXCLUDED.promised_at, \
         total = EXCLUDED.total, due = EXCLUDED.due, version = EXCLUDED.version, \
         position = EXCLUDED.position, document = EXCLUDED.document",
    )
    .bind(rows.iter().map(|row| row.state.id.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.number.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.pizzeria.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.status().as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| name(&row.state.channel)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| name(&row.state.fulfilment)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.customer.map(|id| id.0)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.contact.map(|id| id.0)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.placed_at).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.promised_at()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.pricing.total.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.due().0).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.version).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.position).collect::<Vec<_>>())
    .bind(documents)
    .execute(db)
    .await?;
    Ok(())
}

/// Returns orders by id, in no particular order; unknown ids are left out.
///
/// # Errors
/// The database does not answer.
pub async fn by_ids(pool: &PgPool, ids: &[OrderId]) -> Result<Vec<Row>, sqlx::Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM (SELECT DISTINCT unnest($1::uuid[]) AS asked) AS keys \
         CROSS JOIN LATERAL (SELECT {COLUMNS} FROM order_details WHERE id = keys.asked LIMIT 1) AS found"
    );
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<Stored> = sqlx::query_as(&sql).bind(ids).fetch_all(pool).await?;
    Ok(rows.into_iter().map(Row::from).collect())
}

/// Returns the number of orders by state, in the order of an order's life, without zeros.
///
/// # Errors
/// The database does not answer.
pub async fn counts(pool: &PgPool) -> Result<Vec<(OrderStatus, i64)>, sqlx::Error> {
    let sql = "SELECT to_json(status), count(*) FROM order_details GROUP BY order_details.status";
    let rows: Vec<(Json<OrderStatus>, i64)> = sqlx::query_as(sql).fetch_all(pool).await?;
    let mut counts: Vec<(OrderStatus, i64)> =
        rows.into_iter().map(|(status, orders)| (status.0, orders)).collect();
    counts.sort_unstable_by_key(|(status, _)| *status);
    Ok(counts)
}

/// Returns a page of orders.
///
/// # Errors
/// [`PageError::Cursor`] for a cursor of another list; the database does not answer.
pub async fn page(
    pool: &PgPool,
    filter: &OrderFilter,
    sort: OrderSort,
    args: &PageArgs,
) -> Result<Page<Row>, PageError> {
    page_in(&mut *pool.acquire().await?, &filter.table(sort), filter, sort, args).await
}

/// Returns a page of orders of a relation.
pub(crate) async fn page_in(
    db: &mut PgConnection,
    table: &str,
    filter: &OrderFilter,
    sort: OrderSort,
    args: &PageArgs,
) -> Result<Page<Row>, PageError> {
    let (name, column, kind, descending) = match sort {
        OrderSort::PlacedAtDesc => ("orders by placedAt descending", "placed_at", SortKind::Instant, true),
        OrderSort::PlacedAtAsc => ("orders by placedAt ascending", "placed_at", SortKind::Instant, false),
        OrderSort::PromisedAtAsc => {
            ("orders by promisedAt ascending", "promised_at", SortKind::Instant, false)
        }
        OrderSort::NumberAsc => ("orders by number ascending", "number", SortKind::Text, false),
        OrderSort::NumberDesc => ("orders by number descending", "number", SortKind::Text, true),
    };
    let restrict = |query: &mut QueryBuilder<'_, Postgres>| filter.push_in_order(query, sort);
    let list = List { name, table, columns: COLUMNS, column, kind, descending, filter: &restrict };
    let place = |stored: &Stored| {
        let key = match sort {
            OrderSort::PlacedAtDesc | OrderSort::PlacedAtAsc => stored.placed_at.into(),
            OrderSort::PromisedAtAsc => stored.promised_at.into(),
            OrderSort::NumberAsc | OrderSort::NumberDesc => SortKey::Text(stored.number.clone()),
        };
        Cursor(key, stored.id)
    };
    Ok(list.page(db, args, place).await?.map(Row::from))
}
