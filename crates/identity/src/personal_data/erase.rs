//! Erasing a customer: every row that says who they are. Events, read models and totals stay as they are:
//! they carry ids that mean nothing any more.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use domain::ids::CustomerId;
use domain::personal_data::erasing_types;
use sqlx::{Connection, PgConnection, PgExecutor};
use uuid::Uuid;

use crate::accounts::session;

/// Contacts that staff took by phone or at the counter, of orders that are over, with the account's e-mail
/// address, if it was verified: whoever reads its mail is the person. A telephone number is only claimed, and so
/// is an address that was never verified: they are no key to what others have given.
const TAKEN_BY_STAFF: &str = "
DELETE FROM contacts c USING accounts a
WHERE a.id = $1 AND a.email_verified_at IS NOT NULL AND c.customer_id IS NULL AND c.closed_at IS NOT NULL
  AND lower(c.email) = a.email";

/// The notes of those orders; before their contacts, which tell them.
const NOTES_TAKEN_BY_STAFF: &str = "
DELETE FROM notes n USING contacts c, accounts a
WHERE n.order_id = c.order_id AND a.id = $1 AND a.email_verified_at IS NOT NULL AND c.customer_id IS NULL
  AND c.closed_at IS NOT NULL AND lower(c.email) = a.email";

/// Erases every row that says who a customer is, and ends their sessions. Done again, it erases what was
/// stored since.
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
        // A key is the client's own text, and its fingerprint is of all that was given with it.
        "DELETE FROM idempotency_keys WHERE actor_id = $1",
        // The last place of a courier is the customer's door.
        "DELETE FROM courier_positions p USING deliveries d WHERE d.id = p.delivery_id AND d.customer = $1",
        // Last: tokens and sessions go with it.
        "DELETE FROM accounts WHERE id = $1 AND role = 'CUSTOMER'",
    ] {
        sqlx::query(statement).bind(customer.0).execute(&mut *tx).await?;
    }
    tx.commit().await
}

/// Erases every customer again whom the log or this database knows to be erased: for a database whose rows
/// are from an older backup. Gives how many there are.
///
/// # Errors
/// When the database does not answer.
pub async fn erase_all_recorded(db: &mut PgConnection) -> Result<usize, sqlx::Error> {
    let recorded: Vec<(Uuid, DateTime<Utc>)> = sqlx::query_as(
        "SELECT aggregate_id::uuid, recorded_at FROM events \
         WHERE aggregate_type = 'customer' AND event_type = ANY($1) \
         UNION SELECT customer_id, erased_at FROM erased_customers",
    )
    .bind(erasing_types())
    .fetch_all(&mut *db)
    .await?;
    let mut done = HashSet::new();
    for (customer, at) in recorded {
        if done.insert(customer) {
            erase_customer(db, CustomerId(customer), at).await?;
        }
    }
    Ok(done.len())
}

/// Those among some customers who have been erased.
///
/// # Errors
/// When the database does not answer.
pub async fn erased_among(db: impl PgExecutor<'_>, ids: &[Uuid]) -> Result<HashSet<Uuid>, sqlx::Error> {
    let sql = "SELECT customer_id FROM erased_customers WHERE customer_id = ANY($1)";
    Ok(sqlx::query_scalar(sql).bind(ids).fetch_all(db).await?.into_iter().collect())
}
