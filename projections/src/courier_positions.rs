//! The latest reported position of each courier under way: one row a delivery and a notification, never an event.

use chrono::{DateTime, Utc};
use domain::ids::{DeliveryId, StaffId};
use domain::pizzeria::Place;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgExecutor};
use uuid::Uuid;

/// NOTIFY channel of reports.
pub const CHANNEL: &str = "courier_positions";

/// A report, as it is stored and notified.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The delivery.
    pub delivery_id: Uuid,
    /// The courier who carries it.
    pub courier_id: Uuid,
    /// Degrees, WGS 84.
    pub latitude: f64,
    /// Degrees, WGS 84.
    pub longitude: f64,
    /// When the server received it.
    pub reported_at: DateTime<Utc>,
}

/// Stores a report unless the delivery has a later one, and notifies every process, in one statement.
///
/// # Errors
/// When the database does not answer.
pub async fn report(
    db: impl PgExecutor<'_>,
    delivery: DeliveryId,
    courier: StaffId,
    at: Place,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let report = Report {
        delivery_id: delivery.0,
        courier_id: courier.0,
        latitude: at.latitude(),
        longitude: at.longitude(),
        reported_at: now,
    };
    let notice = serde_json::to_string(&report).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "WITH stored AS ( \
           INSERT INTO courier_positions AS held (delivery_id, courier_id, latitude, longitude, reported_at) \
           VALUES ($1, $2, $3, $4, $5) \
           ON CONFLICT (delivery_id) DO UPDATE SET courier_id = excluded.courier_id, \
             latitude = excluded.latitude, longitude = excluded.longitude, reported_at = excluded.reported_at \
           WHERE held.reported_at <= excluded.reported_at \
           RETURNING delivery_id) \
         SELECT pg_notify($6, $7) FROM stored",
    )
    .bind(report.delivery_id)
    .bind(report.courier_id)
    .bind(report.latitude)
    .bind(report.longitude)
    .bind(report.reported_at)
    .bind(CHANNEL)
    .bind(notice)
    .execute(db)
    .await?;
    Ok(())
}

/// Returns the latest report of each of these deliveries.
///
/// # Errors
/// When the database does not answer.
pub async fn latest(db: impl PgExecutor<'_>, deliveries: &[DeliveryId]) -> Result<Vec<Report>, sqlx::Error> {
    let ids: Vec<Uuid> = deliveries.iter().map(|delivery| delivery.0).collect();
    sqlx::query_as(
        "SELECT delivery_id, courier_id, latitude, longitude, reported_at FROM courier_positions \
         WHERE delivery_id = ANY($1)",
    )
    .bind(ids)
    .fetch_all(db)
    .await
}
