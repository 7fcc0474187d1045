//! What has happened to a pizzeria.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::hours::WeeklyHours;
use super::place::Place;
use super::unpaid::UnpaidChanges;
use crate::event::event_names;
use crate::ids::PizzeriaId;
use crate::money::Cents;

/// Everything that an opening says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Opening {
    /// Its code.
    pub pizzeria: PizzeriaId,
    /// Its name.
    pub name: String,
    /// Its postal address, in one line.
    pub address: String,
    /// Where that is.
    pub place: Place,
    /// Its time zone.
    pub timezone: Tz,
    /// When it is open.
    pub hours: WeeklyHours,
    /// How far it delivers, in metres.
    pub radius_m: u32,
    /// What a delivery costs.
    pub delivery_fee: Cents,
    /// The least that is delivered, without the fee.
    pub minimum: Cents,
    /// How much may be held unpaid, where it is not what it usually is.
    #[serde(default, skip_serializing_if = "UnpaidChanges::is_empty")]
    pub unpaid: UnpaidChanges,
}

/// What an update changes; what is none stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Changes {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its opening hours, whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<WeeklyHours>,
    /// How far it delivers, in metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radius_m: Option<u32>,
    /// What a delivery costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_fee: Option<Cents>,
    /// The least that is delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Cents>,
    /// How much may be held unpaid.
    #[serde(skip_serializing_if = "UnpaidChanges::is_empty")]
    pub unpaid: UnpaidChanges,
}

/// The events of a pizzeria's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum PizzeriaEvent {
    /// It opened.
    PizzeriaOpened {
        /// As what.
        opening: Box<Opening>,
        /// When.
        at: DateTime<Utc>,
    },
    /// Something about it changed.
    PizzeriaUpdated {
        /// What.
        changes: Changes,
        /// When.
        at: DateTime<Utc>,
    },
    /// It takes no orders for now; of two in a row the later one holds.
    PizzeriaPaused {
        /// Why, in its own words.
        reason: String,
        /// Until when; until resumed, when not said.
        until: Option<DateTime<Utc>>,
        /// When.
        at: DateTime<Utc>,
    },
    /// It takes orders again.
    PizzeriaResumed {
        /// When.
        at: DateTime<Utc>,
    },
}

event_names!(PizzeriaEvent, Pizzeria: PizzeriaOpened, PizzeriaUpdated, PizzeriaPaused, PizzeriaResumed);
