//! Tests of keeping the last director.

use uuid::Uuid;

use super::*;
use crate::staff::StaffEvent;
use crate::testing::MemoryStore;

fn person(number: u128) -> StaffId {
    StaffId(Uuid::from_u128(number))
}

fn change(number: u128, change: StaffChange) -> ManageStaff {
    let directors = vec![person(1), person(2), person(3)];
    let (by, now) = (Role::Director, MemoryStore::now());
    ManageStaff { staff: person(number), change, by, within: None, directors, now }
}

fn director() -> StaffChange {
    StaffChange::Hire { role: Role::Director, pizzeria: None }
}

#[test]
fn keeps_one_of_two_directors() {
    let mut store = MemoryStore::demo();
    store.execute(&change(1, director())).unwrap();
    store.execute(&change(2, director())).unwrap();
    let revoked = StaffEvent::StaffRevoked { at: MemoryStore::now() };
    let revoke = change(1, StaffChange::Revoke);
    assert_eq!(store.execute(&revoke), Ok(Decision::on(StreamId::staff(person(1)), vec![revoked])));
    assert_eq!(store.execute(&change(2, StaffChange::Revoke)), Err(StaffError::LastDirector.into()));
    let demote = StaffChange::Hire { role: Role::Auditor, pizzeria: None };
    assert_eq!(store.execute(&change(2, demote.clone())), Err(StaffError::LastDirector.into()));
    store.execute(&change(1, director())).unwrap();
    store.execute(&change(2, demote)).unwrap();
    assert_eq!((revoke.name(), change(2, director()).name()), ("revokeStaff", "hireStaff"));
}

#[test]
fn a_manager_changes_staff_of_their_own_pizzeria_only() {
    let mut store = MemoryStore::demo();
    let place = |code: &str| Some(code.parse().unwrap());
    let hire = |code| StaffChange::Hire { role: Role::Courier, pizzeria: place(code) };
    store.execute(&change(4, hire("P2"))).unwrap();
    let by_manager =
        |change_to, of| ManageStaff { by: Role::Manager, within: place(of), ..change(4, change_to) };
    let refused = StaffError::RoleNotAllowed { by: Role::Manager, role: Role::Courier };
    for change_to in [StaffChange::Revoke, hire("P1")] {
        assert_eq!(store.execute(&by_manager(change_to, "P1")), Err(refused.clone().into()));
    }
    store.execute(&by_manager(StaffChange::Revoke, "P2")).unwrap();
    // A former member of staff belongs to no pizzeria.
    store.execute(&by_manager(hire("P1"), "P1")).unwrap();
}
