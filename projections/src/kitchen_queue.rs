//! The kitchen queue: orders that have not left the kitchen. Orders awaiting payment are stored but not shown, because
//! the event that places them later does not contain the order.

use std::sync::Arc;

use domain::LogPosition;
use domain::ids::PizzeriaId;
use domain::order::{OrderStatus, PlacedOrder};
use event_store::RecordedEvent;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};

use crate::apply_error::ApplyError;
use crate::fold::document;
use crate::order_details::Row;
use crate::orders;

#[derive(FromRow)]
struct Stored {
    version: i64,
    position: i64,
    document: Json<PlacedOrder>,
}

impl From<Stored> for Row {
    fn from(stored: Stored) -> Self {
        Self {
            order: Arc::new(stored.document.0),
            version: stored.version,
            position: LogPosition(stored.position),
        }
    }
}

/// Returns whether an order of this status stays in the table.
fn stays(status: OrderStatus) -> bool {
    match status {
        OrderStatus::AwaitingPayment | OrderStatus::Placed | OrderStatus::InPreparation => true,
        OrderStatus::Refused
        | OrderStatus::Ready
        | OrderStatus::OutForDelivery
        | OrderStatus::Delivered
        | OrderStatus::NotDelivered
        | OrderStatus::Returned
        | OrderStatus::HandedOver
        | OrderStatus::Cancelled
        | OrderStatus::Expired => false,
    }
}

pub(crate) async fn apply(db: &mut PgConnection, events: &[RecordedEvent]) -> Result<(), ApplyError> {
    let (staying, gone): (Vec<_>, Vec<_>) = orders::touched(db, "kitchen_queue", events)
        .await?
        .into_iter()
        .partition(|folded| stays(folded.state.status()));
    let gone: Vec<_> = gone.iter().map(|folded| folded.state.id.0).collect();
    orders::remove(db, "kitchen_queue", &gone).await?;
    if staying.is_empty() {
        return Ok(());
    }
    let documents = staying
        .iter()
        .map(|folded| document("kitchen_queue", &folded.state))
        .collect::<Result<Vec<_>, _>>()?;
    sqlx::query(
        "INSERT INTO kitchen_queue (id, pizzeria, status, placed_at, version, position, document) \
         SELECT id, pizzeria, status, placed_at, version, position, document::json \
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[], $6::bigint[], \
         $7::text[]) AS new(id, pizzeria, status, placed_at, version, position, document) \
         ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status, version = EXCLUDED.version, \
         position = EXCLUDED.position, document = EXCLUDED.document",
    )
    .bind(staying.iter().map(|row| row.state.id.0).collect::<Vec<_>>())
    .bind(staying.iter().map(|row| row.state.pizzeria.as_str()).collect::<Vec<_>>())
    .bind(staying.iter().map(|row| row.state.status().as_str()).collect::<Vec<_>>())
    .bind(staying.iter().map(|row| row.state.placed_at).collect::<Vec<_>>())
    .bind(staying.iter().map(|row| row.version).collect::<Vec<_>>())
    .bind(staying.iter().map(|row| row.position).collect::<Vec<_>>())
    .bind(documents)
    .execute(db)
    .await?;
    Ok(())
}

/// Returns a pizzeria's orders placed and in preparation, oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn queue(
    pool: &PgPool,
    pizzeria: &PizzeriaId,
    limit: Option<i64>,
) -> Result<Vec<Row>, sqlx::Error> {
    queue_in(&mut *pool.acquire().await?, "kitchen_queue", pizzeria, limit).await
}

/// Returns the queue of a relation.
pub(crate) async fn queue_in(
    db: &mut PgConnection,
    table: &str,
    pizzeria: &PizzeriaId,
    limit: Option<i64>,
) -> Result<Vec<Row>, sqlx::Error> {
    let sql = format!(
        "SELECT version, position, document FROM {table} \
         WHERE pizzeria = $1 AND status IN ('PLACED', 'IN_PREPARATION') ORDER BY placed_at, id LIMIT $2"
    );
    let rows: Vec<Stored> = sqlx::query_as(&sql).bind(pizzeria.as_str()).bind(limit).fetch_all(db).await?;
    Ok(rows.into_iter().map(Row::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_stays_until_it_is_ready_or_closed() {
        let staying: Vec<_> = OrderStatus::ALL.into_iter().filter(|status| stays(*status)).collect();
        assert_eq!(staying, [OrderStatus::AwaitingPayment, OrderStatus::Placed, OrderStatus::InPreparation]);
    }
}
