//! Hiring and revoking, decided with the directors in view: the group always has one.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use super::{Decision, Refusal, States, UseCase};
use crate::access::Role;
use crate::ids::{PizzeriaId, StaffId};
use crate::staff::{self, Employed, StaffCommand};
use crate::stream::StreamId;

/// What is to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaffChange {
    /// `hireStaff`: hire somebody, or change the role or the pizzeria of somebody who works here.
    Hire {
        /// As what.
        role: Role,
        /// Where; none for the group's people.
        pizzeria: Option<PizzeriaId>,
    },
    /// `revokeStaff`.
    Revoke,
}

/// `hireStaff` and `revokeStaff`. The directors' streams are read, not written: of two processes that
/// revoke each other's director at once both could succeed, so callers take turns.
#[derive(Debug, Clone)]
pub struct ManageStaff {
    /// Who.
    pub staff: StaffId,
    /// What is to change.
    pub change: StaffChange,
    /// The role of whoever asks.
    pub by: Role,
    /// Who may be a director now; all who are must be among them.
    pub directors: Vec<StaffId>,
    /// Now.
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
