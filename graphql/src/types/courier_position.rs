//! Where a courier is: many and short-lived, so the latest row only and a notification; never an event.

use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};
use domain::ids::{DeliveryId, StaffId};
use domain::pizzeria::Place;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgExecutor};
use uuid::Uuid;

use crate::ids::GlobalId;

/// The channel that a report notifies.
pub const CHANNEL: &str = "courier_positions";

/// Where the courier of a delivery last said they were.
#[derive(Debug, Clone, PartialEq, SimpleObject)]
pub struct CourierPosition {
    /// The courier: a member of staff's id.
    pub courier_id: ID,
    /// Degrees, WGS 84.
    pub latitude: f64,
    /// Degrees, WGS 84.
    pub longitude: f64,
    /// When they said so.
    pub reported_at: DateTime<Utc>,
}

/// A report, as it is stored and notified.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Of which delivery.
    pub delivery_id: Uuid,
    /// By whom.
    pub courier_id: Uuid,
    /// Degrees, WGS 84.
    pub latitude: f64,
    /// Degrees, WGS 84.
    pub longitude: f64,
    /// When.
    pub reported_at: DateTime<Utc>,
}

impl From<Report> for CourierPosition {
    fn from(report: Report) -> Self {
        Self {
            courier_id: StaffId(report.courier_id).to_global(),
            latitude: report.latitude,
            longitude: report.longitude,
            reported_at: report.reported_at,
        }
    }
}

/// Stores a report as the delivery's latest, unless a later one is there, and tells every process; in
/// one statement.
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

/// The latest reports of these deliveries.
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
