//! The state of a pizzeria, folded from its events.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::events::PizzeriaEvent;
use super::hours::WeeklyHours;
use super::place::Place;
use super::unpaid::UnpaidLimits;
use crate::ids::PizzeriaId;
use crate::money::Cents;

/// A pause in taking orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Why, in the pizzeria's words.
    pub reason: String,
    /// Until when; until resumed, when not said.
    pub until: Option<DateTime<Utc>>,
}

/// A pizzeria that has opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenedPizzeria {
    /// Its code.
    pub id: PizzeriaId,
    /// Its name.
    pub name: String,
    /// Its postal address.
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
    /// How much one customer may hold unpaid.
    #[serde(default)]
    pub unpaid: UnpaidLimits,
    /// The pause it last took, if it was not resumed.
    pub pause: Option<Pause>,
}

/// The state of a pizzeria's stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Pizzeria {
    /// Nothing has happened.
    #[default]
    NotOpened,
    /// It has opened.
    Opened(Box<OpenedPizzeria>),
}

impl OpenedPizzeria {
    /// Whether it takes orders at an instant: within its hours, and not paused.
    pub fn takes_orders(&self, at: DateTime<Utc>) -> bool {
        self.hours.is_open(at, self.timezone) && !self.is_paused(at)
    }

    /// When the opening hours that hold at an instant end; `None` when it is closed then, and when they do
    /// not end within a week.
    pub fn closes_at(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.hours.closes_at(at, self.timezone)
    }

    /// Whether it is paused at an instant.
    pub fn is_paused(&self, at: DateTime<Utc>) -> bool {
        self.pause.as_ref().is_some_and(|pause| pause.until.is_none_or(|until| at < until))
    }
}

impl Pizzeria {
    /// The pizzeria, if it has opened.
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
