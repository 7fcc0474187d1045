//! Who acts, and in which role. Deny by default; one function decides.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{InvalidId, PizzeriaId};

/// The roles of DOMAIN.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Orders for themselves.
    Customer,
    /// Takes orders by phone and at the counter (standardiste).
    Receptionist,
    /// Makes the pizzas.
    Pizzaiolo,
    /// Delivers (livreur).
    Courier,
    /// Runs a pizzeria (gérant).
    Manager,
    /// Runs the group.
    Director,
    /// Reads everything, changes nothing.
    Auditor,
    /// Reactors and the functional check.
    System,
}

impl Role {
    /// Every role, in the order of DOMAIN.md.
    pub const ALL: [Self; 8] = [
        Self::Customer,
        Self::Receptionist,
        Self::Pizzaiolo,
        Self::Courier,
        Self::Manager,
        Self::Director,
        Self::Auditor,
        Self::System,
    ];

    /// The name stored and shown, `MANAGER`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "CUSTOMER",
            Self::Receptionist => "RECEPTIONIST",
            Self::Pizzaiolo => "PIZZAIOLO",
            Self::Courier => "COURIER",
            Self::Manager => "MANAGER",
            Self::Director => "DIRECTOR",
            Self::Auditor => "AUDITOR",
            Self::System => "SYSTEM",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(InvalidId { kind: "role" })
    }
}

/// Who acts: carried by every command and stored with every event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The account, or the nil UUID for the system.
    pub id: Uuid,
    /// In which role.
    pub role: Role,
    /// The pizzeria that a member of staff works in; none for customers and the group's people.
    pub pizzeria: Option<PizzeriaId>,
}

impl Actor {
    /// The system itself: reactors, timers.
    pub fn system() -> Self {
        Self { id: Uuid::nil(), role: Role::System, pizzeria: None }
    }
}
