//! State of a pizzeria, folded from its events. Folding never fails.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::events::PizzeriaEvent;
use super::hours::WeeklyHours;
use super::place::Place;
use super::unpaid::UnpaidLimits;
use crate::ids::PizzeriaId;
use crate::money::Cents;
use crate::note::Reason;

/// Pause during which no orders are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The pizzeria's reason.
    #[serde(flatten)]
    pub reason: Reason,
    /// End of the pause; `None` if it lasts until resumed.
    pub until: Option<DateTime<Utc>>,
}

/// A pizzeria that has opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenedPizzeria {
    /// Code.
    pub id: PizzeriaId,
    /// Name.
    pub name: String,
    /// Postal address.
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
    /// Limits on one customer's unpaid orders.
    #[serde(default)]
    pub unpaid: UnpaidLimits,
    /// The last pause, unless it was resumed.
    pub pause: Option<Pause>,
}

/// State of a pizzeria.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Pizzeria {
    /// The stream is empty.
    #[default]
    NotOpened,
    /// The pizzeria has opened.
    Opened(Box<OpenedPizzeria>),
}

impl OpenedPizzeria {
    /// Whether it takes orders at an instant: it is open and not paused.
    pub fn takes_orders(&self, at: DateTime<Utc>) -> bool {
        self.hours.is_open(at, self.timezone) && !self.is_paused(at)
    }

    /// Returns when the current opening hours end; `None` if it is closed, or does not close within a week.
    pub fn closes_at(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.hours.closes_at(at, self.timezone)
    }

    /// Whether it is paused at an instant.
    pub fn is_paused(&self, at: DateTime<Utc>) -> bool {
        self.pause.as_ref().is_some_and(|pause| pause.until.is_none_or(|until| at < until))
    }
}

impl Pizzeria {
    /// Returns the pizzeria, if it has opened.
    pub fn opened(&self) -> Option<&OpenedPizzeria> {
        match self {
            Self::Opened(pizzeria) => Some(pizzeria),
            Self::NotOpened => None,
        }
    }

    /// Applies one event. Total: an event that cannot follow changes nothing.
    pub fn evolve(&mut self, event: &PizzeriaEvent) {
        match (&mut *self, event) {
            (Self::NotOpened, PizzeriaEvent::PizzeriaOpened { opening, .. }) => {
                *self = Self::Opened(Box::new(OpenedPizzeria {
                    id: opening.pizzeria.clone(),
                    name: opening.name.clone(),
                    address: opening.address.clone(),
                    place: opening.place,
                    timezone: opening.timezone,
                    hours: opening.hours.clone(),
                    radius_m: opening.radius_m,
                    delivery_fee: opening.delivery_fee,
                    minimum: opening.minimum,
                    unpaid: opening.unpaid.of(UnpaidLimits::default()),
                    pause: None,
                }));
            }
            (Self::Opened(pizzeria), PizzeriaEvent::PizzeriaUpdated { changes, .. }) => {
                if let Some(name) = &changes.name {
                    pizzeria.name.clone_from(name);
                }
                if let Some(hours) = &changes.hours {
                    pizzeria.hours = hours.clone();
                }
                pizzeria.radius_m = changes.radius_m.unwrap_or(pizzeria.radius_m);
                pizzeria.delivery_fee = changes.delivery_fee.unwrap_or(pizzeria.delivery_fee);
                pizzeria.minimum = changes.minimum.unwrap_or(pizzeria.minimum);
                pizzeria.unpaid = changes.unpaid.of(pizzeria.unpaid);
            }
            (Self::Opened(pizzeria), PizzeriaEvent::PizzeriaPaused { reason, until, .. }) => {
                pizzeria.pause = Some(Pause { reason: reason.clone(), until: *until });
            }
            (Self::Opened(pizzeria), PizzeriaEvent::PizzeriaResumed { .. }) => pizzeria.pause = None,
            (Self::Opened(_), PizzeriaEvent::PizzeriaOpened { .. })
            | (
                Self::NotOpened,
                PizzeriaEvent::PizzeriaUpdated { .. }
                | PizzeriaEvent::PizzeriaPaused { .. }
                | PizzeriaEvent::PizzeriaResumed { .. },
            ) => {}
        }
    }
}
