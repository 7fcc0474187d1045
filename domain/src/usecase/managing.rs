//! Hiring and revoking, decided together with the directors' states: the group never loses its last director.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use super::{Decision, Refusal, States, UseCase};
use crate::access::Role;
use crate::ids::{PizzeriaId, StaffId};
use crate::staff::{self, Employed, StaffCommand, StaffError};
use crate::stream::StreamId;

/// The change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaffChange {
    /// `hireStaff`: hire a person, or change their role or pizzeria.
    Hire {
        /// Role.
        role: Role,
        /// The pizzeria; `None` for the group's staff.
        pizzeria: Option<PizzeriaId>,
    },
    /// `revokeStaff`.
    Revoke,
}

/// `hireStaff` and `revokeStaff`. The directors' streams are read, not written; the store compares them too, so two
/// directors cannot revoke each other.
#[derive(Debug, Clone)]
pub struct ManageStaff {
    /// The member of staff.
    pub staff: StaffId,
    /// The change.
    pub change: StaffChange,
    /// Role of the caller.
    pub by: Role,
    /// The pizzeria that the caller manages; `None` for the whole group.
    pub within: Option<PizzeriaId>,
    /// Candidates that include every current director.
    pub directors: Vec<StaffId>,
    /// Current time, given by the caller.
    pub now: DateTime<Utc>,
}

impl ManageStaff {
    fn others(&self) -> impl Iterator<Item = StaffId> {
        self.directors.iter().copied().filter(|director| *director != self.staff)
    }
}

impl UseCase for ManageStaff {
    fn name(&self) -> &'static str {
        match self.change {
            StaffChange::Hire { .. } => "hireStaff",
            StaffChange::Revoke => "revokeStaff",
        }
    }

    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        std::iter::once(self.staff).chain(self.others()).map(StreamId::staff).collect()
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let held = states.staff(self.staff).employed().filter(|held| held.active);
        // The person may have moved since the caller was authorised.
        if let (Some(held), Some(within)) = (held, &self.within)
            && held.pizzeria.as_ref() != Some(within)
        {
            return Err(StaffError::RoleNotAllowed { by: self.by, role: held.role }.into());
        }
        let is_director = |id: &StaffId| states.staff(*id).employed().is_some_and(Employed::is_director);
        let (by, other_directors, now) = (self.by, self.others().filter(is_director).count(), self.now);
        let command = match self.change.clone() {
            StaffChange::Hire { role, pizzeria } => {
                StaffCommand::Hire { staff: self.staff, role, pizzeria, by, other_directors, now }
            }
            StaffChange::Revoke => StaffCommand::Revoke { by, other_directors, now },
        };
        let events = staff::decide(states.staff(self.staff), command)?;
        Ok(Decision::on(StreamId::staff(self.staff), events))
    }
}
