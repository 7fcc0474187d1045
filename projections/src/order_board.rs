//! The order board: one small row per open order, for counts and displays. Closed orders are removed.

use chrono::{DateTime, Utc};
use domain::ids::{OrderId, PizzeriaId};
use domain::order::{Fulfilment, OrderChannel, OrderStatus, Progress};
use domain::{Cents, LogPosition};
use event_store::RecordedEvent;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::apply_error::ApplyError;
use crate::fold::document;
use crate::order_details::name;
use crate::orders;

/// An open order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Id of the order.
    pub order: OrderId,
    /// Number of the order, such as `P1-000042`.
    pub number: String,
    /// The pizzeria.
    pub pizzeria: PizzeriaId,
    /// The state.
    pub status: OrderStatus,
    /// The channel.
    pub channel: OrderChannel,
    /// The way of fulfilment.
    pub fulfilment: Fulfilment,
    /// Time of placement.
    pub placed_at: DateTime<Utc>,
    /// Latest promised time.
    pub promised_at: DateTime<Utc>,
    /// Total price.
    pub total: Cents,
    /// Amount still to be paid; negative if a refund is owed.
    pub due: Cents,
    /// Version of its stream.
    pub version: i64,
    /// Position of its last event.
    pub position: LogPosition,
}

/// Number of open orders of a pizzeria in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The pizzeria.
    pub pizzeria: PizzeriaId,
    /// The state.
    pub status: OrderStatus,
    /// Number of orders, at least 1.
    pub orders: i64,
}

#[derive(FromRow)]
struct Stored {
    id: Uuid,
    number: String,
    pizzeria: Json<PizzeriaId>,
    status: Json<OrderStatus>,
    channel: Json<OrderChannel>,
    fulfilment: Json<Fulfilment>,
    placed_at: DateTime<Utc>,
    promised_at: DateTime<Utc>,
    total: i64,
    due: i64,
    version: i64,
    position: i64,
}

pub(crate) async fn apply(db: &mut PgConnection, events: &[RecordedEvent]) -> Result<(), ApplyError> {
    let (open, closed): (Vec<_>, Vec<_>) = orders::touched(db, "order_board", events)
        .await?
        .into_iter()
        .partition(|folded| !folded.state.status().is_closed());
    let closed: Vec<Uuid> = closed.iter().map(|folded| folded.state.id.0).collect();
    orders::remove(db, "order_board", &closed).await?;
    if open.is_empty() {
        return Ok(());
    }
    let documents =
        open.iter().map(|row| document("order_board", &row.state)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query(
        "INSERT INTO order_board (id, number, pizzeria, status, channel, fulfilment, placed_at, promised_at, \
         expires_at, total, due, version, position, document) \
         SELECT id, number, pizzeria, status, channel, fulfilment, placed_at, promised_at, expires_at, total, \
         due, version, position, document::json \
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], \
         $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::bigint[], $11::bigint[], \
         $12::bigint[], $13::bigint[], $14::text[]) AS new(id, number, pizzeria, status, channel, fulfilment, \
         placed_at, promised_at, expires_at, total, due, version, position, document) \
         ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status, promised_at = EXCLUDED.promised_at, \
         expires_at = EXCLUDED.expires_at, total = EXCLUDED.total, due = EXCLUDED.due, \
         version = EXCLUDED.version, position = EXCLUDED.position, document = EXCLUDED.document",
    )
    .bind(open.iter().map(|row| row.state.id.0).collect::<Vec<_>>())
    .bind(open.iter().map(|row| row.state.number.as_str()).collect::<Vec<_>>())
    .bind(open.iter().map(|row| row.state.pizzeria.as_str()).collect::<Vec<_>>())
    .bind(open.iter().map(|row| row.state.status().as_str()).collect::<Vec<_>>())
    .bind(open.iter().map(|row| name(&row.state.channel)).collect::<Vec<_>>())
    .bind(open.iter().map(|row| name(&row.state.fulfilment)).collect::<Vec<_>>())
    .bind(open.iter().map(|row| row.state.placed_at).collect::<Vec<_>>())
    .bind(open.iter().map(|row| row.state.promised_at()).collect::<Vec<_>>())
    .bind(open.iter().map(|row| expires_at(&row.state.progress)).collect::<Vec<_>>())
    .bind(open.iter().map(|row| row.state.pricing.total.0).collect::<Vec<_>>())
    .bind(open.iter().map(|row| row.state.due().0).collect::<Vec<_>>())
    .bind(open.iter().map(|row| row.version).collect::<Vec<_>>())
    .bind(open.iter().map(|row| row.position).collect::<Vec<_>>())
    .bind(documents)
    .execute(db)
    .await?;
    Ok(())
}

fn expires_at(progress: &Progress) -> Option<DateTime<Utc>> {
    match progress {
        Progress::AwaitingPayment { expires_at } => Some(*expires_at),
        Progress::Placed { .. }
        | Progress::InPreparation { .. }
        | Progress::Ready { .. }
        | Progress::OutForDelivery { .. }
        | Progress::Delivered { .. }
        | Progress::NotDelivered { .. }
        | Progress::Returned { .. }
        | Progress::HandedOver { .. }
        | Progress::Cancelled { .. }
        | Progress::Expired { .. } => None,
    }
}

/// Returns the open orders of a pizzeria, or of all, oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn board(
    pool: &PgPool,
    pizzeria: Option<&PizzeriaId>,
    limit: Option<i64>,
) -> Result<Vec<Row>, sqlx::Error> {
    let sql = "SELECT id, number, to_json(pizzeria) AS pizzeria, to_json(status) AS status, \
               to_json(channel) AS channel, to_json(fulfilment) AS fulfilment, placed_at, promised_at, total, \
               due, version, position FROM order_board WHERE $1::text IS NULL OR pizzeria = $1 \
               ORDER BY order_board.pizzeria, placed_at, id LIMIT $2";
    let rows: Vec<Stored> =
        sqlx::query_as(sql).bind(pizzeria.map(PizzeriaId::as_str)).bind(limit).fetch_all(pool).await?;
    let rows = rows.into_iter().map(|row| Row {
        order: OrderId(row.id),
        number: row.number,
        pizzeria: row.pizzeria.0,
        status: row.status.0,
        channel: row.channel.0,
        fulfilment: row.fulfilment.0,
        placed_at: row.placed_at,
        promised_at: row.promised_at,
        total: Cents(row.total),
        due: Cents(row.due),
        version: row.version,
        position: LogPosition(row.position),
    });
    Ok(rows.collect())
}

/// Returns the number of open orders by pizzeria and state, without zeros.
///
/// # Errors
/// The database does not answer.
pub async fn counts(pool: &PgPool) -> Result<Vec<Count>, sqlx::Error> {
    type Counted = (Json<PizzeriaId>, Json<OrderStatus>, i64);
    let rows: Vec<Counted> = sqlx::query_as(
        "SELECT to_json(pizzeria), to_json(status), count(*) FROM order_board \
         GROUP BY order_board.pizzeria, order_board.status ORDER BY order_board.pizzeria, order_board.status",
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(pizzeria, status, orders)| Count { pizzeria: pizzeria.0, status: status.0, orders })
        .collect())
}

/// Returns the number of stuck orders by pizzeria and state: not expired although payment was due before `unpaid_since`,
/// or still open although promised before `promised_before`. Orders of the functional check are left out.
///
/// # Errors
/// The database does not answer.
pub async fn stuck(
    db: &mut PgConnection,
    unpaid_since: DateTime<Utc>,
    promised_before: DateTime<Utc>,
) -> Result<Vec<(String, String, i64)>, sqlx::Error> {
    let sql = "SELECT pizzeria::text, status::text, count(*) FROM order_board \
               WHERE pizzeria <> $1 AND (expires_at < $2 OR (expires_at IS NULL AND promised_at < $3)) \
               GROUP BY pizzeria, status";
    let check = PizzeriaId::functional_check();
    let query = sqlx::query_as(sql).bind(check.as_str()).bind(unpaid_since).bind(promised_before);
    query.fetch_all(db).await
}

/// Returns orders whose payment is overdue, the longest overdue first, at most `limit`, without those in `except`.
///
/// # Errors
/// The database does not answer.
pub async fn unpaid_at(
    pool: &PgPool,
    now: DateTime<Utc>,
    except: &[OrderId],
    limit: i64,
) -> Result<Vec<OrderId>, sqlx::Error> {
    let sql = "SELECT board.id FROM order_board AS board \
               LEFT JOIN unnest($2::uuid[]) AS put_aside (id) ON put_aside.id = board.id \
               WHERE expires_at <= $1 AND put_aside.id IS NULL ORDER BY expires_at, board.id LIMIT $3";
    let except: Vec<Uuid> = except.iter().map(|order| order.0).collect();
    let ids: Vec<Uuid> = sqlx::query_scalar(sql).bind(now).bind(except).bind(limit).fetch_all(pool).await?;
    Ok(ids.into_iter().map(OrderId).collect())
}
