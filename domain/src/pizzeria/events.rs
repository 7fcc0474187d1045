//! Events of a pizzeria. Stored for ever: a changed payload needs an upcaster.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::hours::WeeklyHours;
use super::place::Place;
use super::unpaid::UnpaidChanges;
use crate::ids::PizzeriaId;
use crate::money::Cents;
use crate::note::Reason;

/// Data of a pizzeria at its opening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Opening {
    /// Code.
    pub pizzeria: PizzeriaId,
    /// Name.
    pub name: String,
    /// Postal address, in one line.
    pub address: String,
    /// Place of the address.
    pub place: Place,
    /// Time zone.
    pub timezone: Tz,
    /// Opening hours.
    pub hours: WeeklyHours,
    /// Delivery radius, in metres.
    pub radius_m: u32,
    /// Delivery fee.
    pub delivery_fee: Cents,
    /// Minimum subtotal of a delivery.
    pub minimum: Cents,
    /// Limits on unpaid orders that differ from the defaults.
    #[serde(default, skip_serializing_if = "UnpaidChanges::is_empty")]
    pub unpaid: UnpaidChanges,
}

/// Changes of an update; `None` leaves a value as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Changes {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// All opening hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<WeeklyHours>,
    /// Delivery radius, in metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radius_m: Option<u32>,
    /// Delivery fee.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_fee: Option<Cents>,
    /// Minimum subtotal of a delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Cents>,
    /// Limits on unpaid orders.
    #[serde(skip_serializing_if = "UnpaidChanges::is_empty")]
    pub unpaid: UnpaidChanges,
}

/// Events of a pizzeria.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum PizzeriaEvent {
    /// The pizzeria opened.
    PizzeriaOpened {
        /// Opening data.
        opening: Box<Opening>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// Its data changed.
    PizzeriaUpdated {
        /// Changed values.
        changes: Changes,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// It stopped taking orders; a later pause replaces an earlier one.
    PizzeriaPaused {
        /// The pizzeria's reason.
        #[serde(flatten)]
        reason: Reason,
        /// End of the pause; `None` if it lasts until resumed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<DateTime<Utc>>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// It resumed taking orders.
    PizzeriaResumed {
        /// When it happened.
        at: DateTime<Utc>,
    },
}
