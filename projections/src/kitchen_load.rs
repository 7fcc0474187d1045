//! The work ahead of a new order at a pizzeria: from the kitchen's queue, the deliveries and who works there. A
//! figure to promise by, of a moment ago; nothing is decided by it that must be exact.

use domain::access::Role;
use domain::ids::PizzeriaId;
use domain::policies::promise::{KitchenLoad, pizzas_left};
use sqlx::PgPool;

use crate::kitchen_queue;

/// The oldest orders of a kitchen that are looked at: hours of work, more than any promise.
const ORDERS: i64 = 100;
/// The deliveries that are counted at most.
const DELIVERIES: i64 = 1_000;

/// The work ahead at a pizzeria.
///
/// # Errors
/// When the database does not answer.
pub async fn kitchen_load(pool: &PgPool, pizzeria: &PizzeriaId) -> Result<KitchenLoad, sqlx::Error> {
    let queue = kitchen_queue::queue(pool, pizzeria, Some(ORDERS)).await?;
    let pizzas = queue.iter().fold(0, |pizzas: u32, row| pizzas.saturating_add(pizzas_left(&row.order)));
    // As the index of open deliveries has them; one whose courier has left waits no longer.
    let (deliveries, couriers): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM (SELECT FROM deliveries \
           WHERE status IN ('SCHEDULED', 'ASSIGNED', 'PICKED_UP', 'RETRY_SCHEDULED') AND status <> 'PICKED_UP' \
           AND pizzeria = $1 LIMIT $2) AS waiting), \
         (SELECT count(*) FROM accounts WHERE role = $3 AND pizzeria = $1 AND active)",
    )
    .bind(pizzeria.as_str())
    .bind(DELIVERIES)
    .bind(Role::Courier.as_str())
    .fetch_one(pool)
    .await?;
    let count = |rows: i64| u32::try_from(rows).unwrap_or(u32::MAX);
    Ok(KitchenLoad { pizzas, deliveries: count(deliveries), couriers: count(couriers) })
}
