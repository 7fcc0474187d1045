//! Authorization: roles, permissions and scopes. Denies by default; only [`authorize`] and its two parts decide.

mod permission;
#[cfg(test)]
mod tests;

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use permission::{Permission, roles_of};

use crate::ids::{CustomerId, InvalidId, PizzeriaId};

coded! { $ for_each_role
    /// Roles of DOMAIN.md.
    pub enum Role {
        /// Orders for themselves.
        Customer = "CUSTOMER",
        /// Takes orders by phone and at the counter (standardiste).
        Receptionist = "RECEPTIONIST",
        /// Makes the pizzas.
        Pizzaiolo = "PIZZAIOLO",
        /// Delivers (livreur).
        Courier = "COURIER",
        /// Runs a pizzeria (gérant).
        Manager = "MANAGER",
        /// Runs the group.
        Director = "DIRECTOR",
        /// Reads everything, changes nothing.
        Auditor = "AUDITOR",
        /// Reactors and the functional check.
        System = "SYSTEM",
    }
}

impl Role {
    /// Whether this role may hire or revoke `role`. A role never hires a higher one; customers and the system
    /// are never hired.
    pub fn may_hire(self, role: Self) -> bool {
        match self {
            Self::Manager => matches!(role, Self::Receptionist | Self::Pizzaiolo | Self::Courier),
            Self::Director | Self::System => match role {
                Self::Receptionist
                | Self::Pizzaiolo
                | Self::Courier
                | Self::Manager
                | Self::Director
                | Self::Auditor => true,
                Self::Customer | Self::System => false,
            },
            Self::Customer | Self::Receptionist | Self::Pizzaiolo | Self::Courier | Self::Auditor => false,
        }
    }
}

impl FromStr for Role {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(InvalidId { kind: "role" })
    }
}

/// Account of the functional check.
const FUNCTIONAL_CHECK: Uuid = Uuid::from_u128(0x0c91_22a0_c4ec_4c00_8000_0000_0000_0001);

/// Actor of a command, stored with every event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The account, or the nil UUID for the system.
    pub id: Uuid,
    /// Role in which the actor acts.
    pub role: Role,
    /// The pizzeria of a member of staff; `None` for customers and the group's staff.
    pub pizzeria: Option<PizzeriaId>,
}

impl Actor {
    /// The system: reactors and timers.
    pub fn system() -> Self {
        Self { id: Uuid::nil(), role: Role::System, pizzeria: None }
    }

    /// The functional check: the system, confined to the pizzeria reserved for it.
    pub fn functional_check() -> Self {
        let pizzeria = Some(PizzeriaId::functional_check());
        Self { id: FUNCTIONAL_CHECK, role: Role::System, pizzeria }
    }

    /// Whether the actor is confined to the functional check.
    pub fn is_functional_check(&self) -> bool {
        self.role == Role::System && self.pizzeria.is_some()
    }
}

/// Scope in which a permission is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// The whole group, or several pizzerias.
    Group,
    /// A pizzeria, or its stock, kitchen or list of orders.
    Pizzeria(&'a PizzeriaId),
    /// Something in a pizzeria that a customer may own: an order, a quote, a delivery. Before it exists, the
    /// customer for whom it is made.
    Own {
        /// The customer, if they have an account.
        customer: Option<CustomerId>,
        /// The pizzeria.
        pizzeria: &'a PizzeriaId,
    },
    /// Something that belongs to one account: the account itself, its list of orders.
    Account(Uuid),
}

impl Scope<'_> {
    /// Returns the pizzeria of the scope, if it has one.
    fn pizzeria(&self) -> Option<&PizzeriaId> {
        match self {
            Self::Pizzeria(pizzeria) | Self::Own { pizzeria, .. } => Some(pizzeria),
            Self::Group | Self::Account(_) => None,
        }
    }

    fn is_account_of(&self, actor: &Actor) -> bool {
        matches!(self, Self::Account(account) if *account == actor.id)
    }
}

/// Why access is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The caller has not signed in.
    #[error("sign in first")]
    Unauthenticated,
    /// The role or the pizzeria of the caller does not permit it.
    #[error("not allowed")]
    Forbidden,
    /// A customer asked for something that is not theirs; whether it exists is not revealed.
    #[error("not found")]
    NotFound,
}

/// Checks that the caller's role has a permission: the part of [`authorize`] that needs no scope. The API
/// checks it before it resolves a field.
///
/// # Errors
/// [`Denied::Unauthenticated`] for an anonymous caller, [`Denied::Forbidden`] for another role.
pub fn has_permission(actor: Option<&Actor>, permission: Permission) -> Result<&Actor, Denied> {
    let actor = actor.ok_or(Denied::Unauthenticated)?;
    let of_check = !actor.is_functional_check() || permission.is_of_functional_check();
    if of_check && roles_of(permission).contains(&actor.role) { Ok(actor) } else { Err(Denied::Forbidden) }
}

/// Decides whether an actor has a permission in a scope. Everything that the table of [`Permission`] does not
/// grant is denied.
///
/// # Errors
/// [`Denied`], never an empty answer.
pub fn authorize(actor: Option<&Actor>, permission: Permission, scope: Scope<'_>) -> Result<(), Denied> {
    let actor = has_permission(actor, permission)?;
    if permission == Permission::ManageOwnAccount {
        return if scope.is_account_of(actor) { Ok(()) } else { Err(Denied::Forbidden) };
    }
    if permission.is_shared() { Ok(()) } else { reaches(Some(actor), scope) }
}

/// Decides whether a scope is within an actor's reach, whatever the permission: the part of [`authorize`] that
/// needs no permission. For resolvers of fields whose permission is checked already.
///
/// # Errors
/// [`Denied`], never an empty answer.
pub fn reaches(actor: Option<&Actor>, scope: Scope<'_>) -> Result<(), Denied> {
    let actor = actor.ok_or(Denied::Unauthenticated)?;
    if actor.is_functional_check() {
        let here = scope.pizzeria().is_some_and(|pizzeria| actor.pizzeria.as_ref() == Some(pizzeria));
        return if here { Ok(()) } else { Err(Denied::Forbidden) };
    }
    if scope.is_account_of(actor) {
        return Ok(());
    }
    if scope.pizzeria().is_some_and(PizzeriaId::is_functional_check) {
        // Only auditors and the system see the pizzeria of the functional check.
        return match actor.role {
            Role::Auditor | Role::System => Ok(()),
            Role::Customer => Err(Denied::NotFound),
            Role::Receptionist | Role::Pizzaiolo | Role::Courier | Role::Manager | Role::Director => {
                Err(Denied::Forbidden)
            }
        };
    }
    match actor.role {
        Role::Director | Role::Auditor | Role::System => Ok(()),
        Role::Customer => match scope {
            Scope::Own { customer: Some(customer), .. } if customer.0 == actor.id => Ok(()),
            Scope::Own { .. } | Scope::Account(_) => Err(Denied::NotFound),
            Scope::Group | Scope::Pizzeria(_) => Err(Denied::Forbidden),
        },
        Role::Receptionist | Role::Pizzaiolo | Role::Courier | Role::Manager => match scope {
            Scope::Pizzeria(pizzeria) | Scope::Own { pizzeria, .. }
                if actor.pizzeria.as_ref() == Some(pizzeria) =>
            {
                Ok(())
            }
            Scope::Pizzeria(_) | Scope::Own { .. } | Scope::Group | Scope::Account(_) => {
                Err(Denied::Forbidden)
            }
        },
    }
}
