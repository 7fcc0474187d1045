//! Erasure of a customer: deletes every row that identifies them. Events, read models and totals keep ids that
//! identify no person.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::ids::CustomerId;
use domain::personal_data::erasing_types;
use sqlx::{Connection, PgConnection, PgExecutor};
use uuid::Uuid;

use crate::accounts::session;

/// Contacts of closed orders that staff entered with the account's verified e-mail address. Telephone numbers and
/// unverified addresses are only claims, so they must not delete the contacts of others.
const TAKEN_BY_STAFF: &str = "
DELETE FROM contacts c USING accounts a
WHERE a.id = $1 AND a.email_verified_at IS NOT NULL AND c.customer_id IS NULL AND c.closed_at IS NOT NULL
  AND lower(c.email) = a.email";

/// Notes of those orders. Runs before the contacts are deleted, because it joins them.
const NOTES_TAKEN_BY_STAFF: &str = "
DELETE FROM notes n USING contacts c, accounts a
WHERE n.order_id = c.order_id AND a.id = $1 AND a.email_verified_at IS NOT NULL AND c.customer_id IS NULL
  AND c.closed_at IS NOT NULL AND lower(c.email) = a.email";

/// Deletes every row that identifies a customer and ends their sessions. A repeated call deletes rows stored since.
///
/// # Errors
/// When the database does not answer; nothing is erased then.
pub async fn erase_customer(
    db: &mut PgConnection,
    customer: CustomerId,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    sqlx::query(
        "INSERT INTO erased_customers (customer_id, erased_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    )
    .bind(customer.0)
    .bind(at)
    .execute(&mut *tx)
    .await?;
    session::end_all_of(&mut *tx, customer.0, None).await?;
    for statement in [
        NOTES_TAKEN_BY_STAFF,
        TAKEN_BY_STAFF,
        "DELETE FROM contacts WHERE customer_id = $1",
        "DELETE FROM notes WHERE customer_id = $1",
        // A key is text of the client, and its fingerprint covers the whole input.
        "DELETE FROM idempotency_keys WHERE actor_id = $1",
        // A courier's last position is the customer's door.
        "DELETE FROM courier_positions p USING deliveries d WHERE d.id = p.delivery_id AND d.customer = $1",
        // Last: the deletion cascades to tokens and sessions.
        "DELETE FROM accounts WHERE id = $1 AND role = 'CUSTOMER'",
    ] {
        sqlx::query(statement).bind(customer.0).execute(&mut *tx).await?;
    }
    tx.commit().await
}

/// Returns every erasure that the log or the register holds: the customer and the time.
///
/// # Errors
/// When the database does not answer.
pub async fn recorded_erasures(db: &mut PgConnection) -> Result<Vec<(Uuid, DateTime<Utc>)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT aggregate_id::uuid, recorded_at FROM events \
         WHERE aggregate_type = 'customer' AND event_type = ANY($1) \
         UNION SELECT customer_id, erased_at FROM erased_customers",
    )
    .bind(erasing_types())
    .fetch_all(db)
    .await
}

/// Erases every customer again that the log or the register lists, for a database restored from an older backup.
/// Returns their number.
///
/// # Errors
/// When the database does not answer.
pub async fn erase_all_recorded(db: &mut PgConnection) -> Result<usize, sqlx::Error> {
    let recorded: HashMap<Uuid, DateTime<Utc>> = recorded_erasures(db).await?.into_iter().collect();
    for (customer, at) in &recorded {
        erase_customer(db, CustomerId(*customer), *at).await?;
    }
    Ok(recorded.len())
}

/// Returns the customers among `ids` that are erased.
///
/// # Errors
/// When the database does not answer.
pub async fn erased_among(db: impl PgExecutor<'_>, ids: &[Uuid]) -> Result<HashSet<Uuid>, sqlx::Error> {
    let sql = "SELECT customer_id FROM erased_customers WHERE customer_id = ANY($1)";
    Ok(sqlx::query_scalar(sql).bind(ids).fetch_all(db).await?.into_iter().collect())
}
