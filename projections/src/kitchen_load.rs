//! The work ahead of a new order at a pizzeria, from the kitchen queue, deliveries and couriers. An estimate for
//! promises, slightly out of date.

use domain::access::Role;
use domain::ids::PizzeriaId;
use domain::policies::promise::{KitchenLoad, pizzas_left};
use sqlx::PgPool;

use crate::kitchen_queue;

/// Orders of a kitchen counted, oldest first: hours of work, beyond any promise.
const MAX_ORDERS: i64 = 100;
/// Deliveries counted.
const MAX_DELIVERIES: i64 = 1_000;

/// Returns the work ahead at a pizzeria.
///
/// # Errors
/// The database does not answer.
pub async fn kitchen_load(pool: &PgPool, pizzeria: &PizzeriaId) -> Result<KitchenLoad, sqlx::Error> {
    let queue = kitchen_queue::queue(pool, pizzeria, Some(MAX_ORDERS)).await?;
    let pizzas = queue.iter().fold(0, |pizzas: u32, row| pizzas.saturating_add(pizzas_left(&row.order)));
    // The status list matches the index of open deliveries; a picked up delivery does not wait.
    let (deliveries, couriers): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM (SELECT FROM deliveries \
           WHERE status IN ('SCHEDULED', 'ASSIGNED', 'PICKED_UP', 'RETRY_SCHEDULED') AND status <> 'PICKED_UP' \
           AND pizzeria = $1 LIMIT $2) AS waiting), \
         (SELECT count(*) FROM accounts WHERE role = $3 AND pizzeria = $1 AND active)",
    )
    .bind(pizzeria.as_str())
    .bind(MAX_DELIVERIES)
    .bind(Role::Courier.as_str())
    .fetch_one(pool)
    .await?;
    let count = |rows: i64| u32::try_from(rows).unwrap_or(u32::MAX);
    Ok(KitchenLoad { pizzas, deliveries: count(deliveries), couriers: count(couriers) })
}
