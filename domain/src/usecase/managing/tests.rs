//! Tests of keeping the last director.

use uuid::Uuid;

use super::*;
use crate::staff::{StaffError, StaffEvent};
use crate::testing::MemoryStore;

fn person(number: u128) -> StaffId {
    StaffId(Uuid::from_u128(number))
}

fn change(number: u128, change: StaffChange) -> ManageStaff {
    let directors = vec![person(1), person(2), person(3)];
    ManageStaff { staff: person(number), change, by: Role::Director, directors, now: MemoryStore::now() }
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
