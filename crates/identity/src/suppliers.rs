//! Names of suppliers, beside the log: events carry a supplier's id.

use chrono::{DateTime, Utc};
use domain::stock::Supplier;
use sqlx::PgPool;
use uuid::Uuid;

/// Returns the supplier of a name, spelt the same; stores an unknown one.
///
/// # Errors
/// When the database does not answer.
pub async fn named(pool: &PgPool, name: String, now: DateTime<Utc>) -> Result<Supplier, sqlx::Error> {
    // An update that changes nothing, so that a row that another request stored is returned, too.
    let id: Uuid = sqlx::query_scalar(
        "INSERT INTO suppliers (id, name, known_at) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
    )
    .bind(Uuid::new_v4())
    .bind(&name)
    .bind(now)
    .fetch_one(pool)
    .await?;
    Ok(Supplier { id: id.to_string(), name })
}

/// Returns the suppliers by name, at most `limit`.
///
/// # Errors
/// When the database does not answer.
pub async fn first(pool: &PgPool, limit: i64) -> Result<Vec<Supplier>, sqlx::Error> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as("SELECT id, name FROM suppliers ORDER BY name LIMIT $1")
        .bind(limit)
        .fetch_all(pool)
        .await?;
    Ok(rows.into_iter().map(|(id, name)| Supplier { id: id.to_string(), name }).collect())
}
