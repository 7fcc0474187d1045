//! A courier's position as clients see it.

use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};
use domain::ids::StaffId;
use projections::courier_positions::Report;

use crate::ids::GlobalId;

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
