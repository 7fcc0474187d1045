//! A courier's position as clients see it.

use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};
use domain::ids::StaffId;
use projections::courier_positions::Report;

use crate::field_access::open;
use crate::ids::GlobalId;

/// The last reported position of a delivery's courier.
#[derive(Debug, Clone, PartialEq, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct CourierPosition {
    /// The courier's id, that of a member of staff.
    pub courier_id: ID,
    /// Latitude in degrees, WGS 84.
    pub latitude: f64,
    /// Longitude in degrees, WGS 84.
    pub longitude: f64,
    /// The time of the report.
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
