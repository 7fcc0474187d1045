//! Every delivery as a document. Couriers' positions are in `courier_positions`: they are not events.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::delivery::{Delivery, DeliveryStatus, ScheduledDelivery};
use domain::ids::{CustomerId, DeliveryId, OrderId, PizzeriaId, StaffId};
use domain::{AggregateState, LogPosition, StreamType};
use event_store::RecordedEvent;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::apply_error::ApplyError;
use crate::fold::{FoldedState, Place, document, fold};
use crate::page::{
    Cursor, List, NoRange, Page, PageArgs, PageError, SortKind, instant, literal, push_any, push_pizzerias,
    range_of,
};

/// A delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The delivery.
    pub delivery: Arc<ScheduledDelivery>,
    /// Version of its stream.
    pub version: i64,
    /// Position of its last event.
    pub position: LogPosition,
}

#[derive(FromRow)]
struct Stored {
    id: Uuid,
    scheduled_at: DateTime<Utc>,
    promised_at: DateTime<Utc>,
    version: i64,
    position: i64,
    document: Json<ScheduledDelivery>,
}

const COLUMNS: &str = "id, scheduled_at, promised_at, version, position, document";

impl From<Stored> for Row {
    fn from(stored: Stored) -> Self {
        Self {
            delivery: Arc::new(stored.document.0),
            version: stored.version,
            position: LogPosition(stored.position),
        }
    }
}

/// A filter on deliveries; a condition that is not set or empty does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Deliveries from these pizzerias.
    pub pizzerias: Vec<PizzeriaId>,
    /// Deliveries in these states.
    pub statuses: Vec<DeliveryStatus>,
    /// Deliveries that this courier carries or delivered.
    pub courier: Option<StaffId>,
    /// The delivery of this order.
    pub order: Option<OrderId>,
    /// Deliveries of this customer's orders.
    pub customer: Option<CustomerId>,
    /// Deliveries scheduled at this instant or later.
    pub scheduled_from: Option<DateTime<Utc>>,
    /// Deliveries scheduled before this instant.
    pub scheduled_to: Option<DateTime<Utc>>,
    /// Deliveries that this courier may see: their own, and those waiting for a courier.
    pub visible_to_courier: Option<StaffId>,
}

/// The order of a list; ties by id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeliverySort {
    /// Most urgent first.
    #[default]
    PromisedAtAsc,
    /// Newest first.
    ScheduledAtDesc,
    /// Oldest first.
    ScheduledAtAsc,
}

/// Returns whether the index of open deliveries has a status.
fn is_indexed(status: DeliveryStatus) -> bool {
    match status {
        DeliveryStatus::Scheduled
        | DeliveryStatus::Assigned
        | DeliveryStatus::PickedUp
        | DeliveryStatus::RetryScheduled => true,
        DeliveryStatus::Failed | DeliveryStatus::Delivered | DeliveryStatus::Returned => false,
    }
}

/// The access path to the rows of a list.
enum Access {
    /// An index in the list's order, or on a few rows.
    Index,
    /// The deliveries that a courier may see.
    Courier(StaffId),
    /// The index of open deliveries.
    Open,
    /// A scan of a range of time.
    Range,
}

impl DeliveryFilter {
    fn access(&self, sort: DeliverySort) -> Access {
        let Self { pizzerias, statuses, courier, order, customer, visible_to_courier, .. } = self;
        if let Some(courier) = visible_to_courier {
            return Access::Courier(*courier);
        }
        let by_schedule = match sort {
            DeliverySort::PromisedAtAsc => false,
            DeliverySort::ScheduledAtDesc | DeliverySort::ScheduledAtAsc => true,
        };
        if courier.is_some() || order.is_some() || customer.is_some() {
            Access::Index
        } else if !statuses.is_empty() && statuses.iter().copied().all(is_indexed) {
            Access::Open
        } else if !statuses.is_empty() || by_schedule && pizzerias.len() != 1 {
            Access::Range
        } else {
            Access::Index
        }
    }

    /// Refuses a list that would scan the whole table: by a closed status, or of all pizzerias in the order of
    /// scheduling, without a range of time.
    ///
    /// # Errors
    /// [`NoRange`].
    pub fn check(&self, sort: DeliverySort) -> Result<(), NoRange> {
        match self.access(sort) {
            Access::Index | Access::Courier(_) | Access::Open => Ok(()),
            Access::Range => range_of(self.scheduled_from, self.scheduled_to).map(|_| ()),
        }
    }

    /// Returns the relation to query. `OFFSET 0` fences the access path: because of the limit the planner might choose
    /// another index.
    fn table(&self, sort: DeliverySort) -> String {
        let rows = match (self.access(sort), range_of(self.scheduled_from, self.scheduled_to)) {
            (Access::Courier(StaffId(courier)), _) => format!(
                "SELECT * FROM deliveries WHERE courier = '{courier}' UNION ALL \
                 SELECT * FROM deliveries WHERE courier IS NULL AND status IN ('SCHEDULED', 'RETRY_SCHEDULED')"
            ),
            (Access::Open, _) => {
                let statuses = self.statuses.iter().map(|status| literal(status.as_str()));
                let statuses = statuses.collect::<Vec<_>>().join(", ");
                format!("SELECT * FROM deliveries WHERE status IN ({statuses}) OFFSET 0")
            }
            // The index begins with the pizzeria.
            (Access::Range, Ok((from, to))) => format!(
                "SELECT d.* FROM pizzerias AS p CROSS JOIN LATERAL (SELECT * FROM deliveries WHERE pizzeria = p.id \
                 AND scheduled_at >= {} AND scheduled_at < {} OFFSET 0) AS d",
                instant(from),
                instant(to)
            ),
            (Access::Index, _) | (Access::Range, Err(NoRange)) => return "deliveries".to_owned(),
        };
        format!("({rows}) AS deliveries")
    }

    /// Appends the conditions on columns that never change.
    pub(crate) fn push_lasting(&self, query: &mut QueryBuilder<'_, Postgres>) {
        push_pizzerias(query, &self.pizzerias);
        if let Some(order) = self.order {
            query.push(" AND order_id = ").push_bind(order.0);
        }
        if let Some(customer) = self.customer {
            query.push(" AND customer = ").push_bind(customer.0);
        }
        if let Some(from) = self.scheduled_from {
            query.push(" AND scheduled_at >= ").push_bind(from);
        }
        if let Some(to) = self.scheduled_to {
            query.push(" AND scheduled_at < ").push_bind(to);
        }
    }

    fn push(&self, query: &mut QueryBuilder<'_, Postgres>) {
        self.push_lasting(query);
        push_any(query, "status", self.statuses.iter().map(|status| status.as_str().to_owned()).collect());
        if let Some(courier) = self.courier {
            query.push(" AND courier = ").push_bind(courier.0);
        }
        if let Some(courier) = self.visible_to_courier {
            query.push(" AND (courier = ").push_bind(courier.0);
            query.push(" OR (courier IS NULL AND status IN ('SCHEDULED', 'RETRY_SCHEDULED')))");
        }
    }
}

pub(crate) async fn apply(db: &mut PgConnection, events: &[RecordedEvent]) -> Result<(), ApplyError> {
    let place = Place { table: "deliveries", key: "id", key_type: "uuid" };
    let stored =
        |delivery: ScheduledDelivery| AggregateState::Delivery(Delivery::Scheduled(Box::new(delivery)));
    let rows: Vec<FoldedState<Box<ScheduledDelivery>>> =
        fold(db, &place, StreamType::Delivery, events, stored)
            .await?
            .into_iter()
            .filter_map(|(_, folded)| match folded.state {
                AggregateState::Delivery(Delivery::Scheduled(state)) => {
                    Some(FoldedState { state, version: folded.version, position: folded.position })
                }
                AggregateState::Delivery(Delivery::NotScheduled)
                | AggregateState::Order(_)
                | AggregateState::Stock(_)
                | AggregateState::Pizzeria(_)
                | AggregateState::Menu(_)
                | AggregateState::Staff(_)
                | AggregateState::Customer(_)
                | AggregateState::Closing(_) => None,
            })
            .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let documents =
        rows.iter().map(|row| document("deliveries", &row.state)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query(
        "INSERT INTO deliveries (id, order_id, pizzeria, status, courier, customer, scheduled_at, \
         promised_at, version, position, document) \
         SELECT id, order_id, pizzeria, status, courier, customer, scheduled_at, promised_at, version, \
         position, document::json \
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], \
         $7::timestamptz[], $8::timestamptz[], $9::bigint[], $10::bigint[], $11::text[]) AS new(id, order_id, \
         pizzeria, status, courier, customer, scheduled_at, promised_at, version, position, document) \
         ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status, courier = EXCLUDED.courier, \
         version = EXCLUDED.version, position = EXCLUDED.position, document = EXCLUDED.document",
    )
    .bind(rows.iter().map(|row| row.state.id.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.order.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.pizzeria.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.status().as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.courier().map(|id| id.0)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.customer.map(|id| id.0)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.scheduled_at).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state.promised_at).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.version).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.position).collect::<Vec<_>>())
    .bind(documents)
    .execute(db)
    .await?;
    Ok(())
}

async fn found(pool: &PgPool, column: &str, ids: Vec<Uuid>) -> Result<Vec<Row>, sqlx::Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM (SELECT DISTINCT unnest($1::uuid[]) AS asked) AS keys \
         CROSS JOIN LATERAL (SELECT {COLUMNS} FROM deliveries WHERE {column} = keys.asked LIMIT 1) AS found"
    );
    let rows: Vec<Stored> = sqlx::query_as(&sql).bind(ids).fetch_all(pool).await?;
    Ok(rows.into_iter().map(Row::from).collect())
}

/// Returns deliveries by id, in no particular order; unknown ids are left out.
///
/// # Errors
/// The database does not answer.
pub async fn by_ids(pool: &PgPool, ids: &[DeliveryId]) -> Result<Vec<Row>, sqlx::Error> {
    found(pool, "id", ids.iter().map(|id| id.0).collect()).await
}

/// Returns the deliveries of some orders, in no particular order; an order has at most one.
///
/// # Errors
/// The database does not answer.
pub async fn by_orders(pool: &PgPool, orders: &[OrderId]) -> Result<Vec<Row>, sqlx::Error> {
    found(pool, "order_id", orders.iter().map(|id| id.0).collect()).await
}

/// Returns a page of deliveries.
///
/// # Errors
/// [`PageError::Cursor`] for a cursor of another list; the database does not answer.
pub async fn page(
    pool: &PgPool,
    filter: &DeliveryFilter,
    sort: DeliverySort,
    args: &PageArgs,
) -> Result<Page<Row>, PageError> {
    page_in(&mut *pool.acquire().await?, &filter.table(sort), filter, sort, args).await
}

/// Returns a page of deliveries of a relation.
pub(crate) async fn page_in(
    db: &mut PgConnection,
    table: &str,
    filter: &DeliveryFilter,
    sort: DeliverySort,
    args: &PageArgs,
) -> Result<Page<Row>, PageError> {
    let (name, column, descending) = match sort {
        DeliverySort::PromisedAtAsc => ("deliveries by promisedAt ascending", "promised_at", false),
        DeliverySort::ScheduledAtDesc => ("deliveries by scheduledAt descending", "scheduled_at", true),
        DeliverySort::ScheduledAtAsc => ("deliveries by scheduledAt ascending", "scheduled_at", false),
    };
    let list = List {
        name,
        table,
        columns: COLUMNS,
        column,
        kind: SortKind::Instant,
        descending,
        filter: &|query| filter.push(query),
    };
    let place = |stored: &Stored| {
        let key = match sort {
            DeliverySort::PromisedAtAsc => stored.promised_at,
            DeliverySort::ScheduledAtDesc | DeliverySort::ScheduledAtAsc => stored.scheduled_at,
        };
        Cursor(key.into(), stored.id)
    };
    Ok(list.page(db, args, place).await?.map(Row::from))
}
