//! Tests of notes on the events that they are about.

use super::*;
use crate::ids::{NoteId, OrderId};
use crate::order::{CancelReason, Fulfilment, OrderEvent};
use crate::testing::MemoryStore;
use crate::testing::baskets::basket;
use crate::usecase::{CancelOrder, Conditions, PlaceOrder};

fn note(number: u128, purpose: NotePurpose, line: Option<u32>) -> NoteRef {
    NoteRef { id: NoteId(uuid::Uuid::from_u128(number)), purpose, sha256: "00".repeat(32), line }
}

fn id() -> OrderId {
    OrderId(uuid::Uuid::from_u128(1))
}

fn place(lines: &[&str]) -> PlaceOrder {
    PlaceOrder {
        order: id(),
        pizzeria: "P1".parse().unwrap(),
        basket: basket(Fulfilment::Takeaway, lines),
        channel: crate::order::OrderChannel::Counter,
        customer: None,
        contact: None,
        payment: crate::order::PaymentIntent::AtCounter,
        expected_total: None,
        conditions: Conditions::default(),
        now: MemoryStore::now(),
    }
}

/// Returns a store with an order of two lines, a note on the order and one on its second line.
fn store() -> MemoryStore {
    let mut store = MemoryStore::demo();
    let notes = vec![note(1, NotePurpose::Kitchen, None), note(2, NotePurpose::Kitchen, Some(2))];
    store.execute(&Noted { use_case: place(&["1 MAR M", "2 REI M"]), notes }).unwrap();
    store
}

#[test]
fn placed_orders_refer_to_their_notes() {
    let order = store().placed(id());
    assert_eq!(order.note(NotePurpose::Kitchen, None).unwrap().id.0.as_u128(), 1);
    assert_eq!(order.note(NotePurpose::Kitchen, Some(2)).unwrap().id.0.as_u128(), 2);
    assert_eq!(order.note(NotePurpose::Delivery, None), None);
}

#[test]
fn attaches_the_comment_to_the_cancellation_only() {
    let mut store = store();
    let cancel = CancelOrder {
        order: id(),
        reason: CancelReason::Other,
        even_started: false,
        now: MemoryStore::now(),
    };
    store.execute(&Noted { use_case: cancel, notes: vec![note(9, NotePurpose::Reason, None)] }).unwrap();
    assert_eq!(store.placed(id()).cancel_note.unwrap().id.0.as_u128(), 9);
}

#[test]
fn events_round_trip_with_and_without_notes() {
    let event =
        OrderEvent::OrderCancelled { reason: CancelReason::Other, at: MemoryStore::now(), note: None };
    assert!(!serde_json::to_string(&event).unwrap().contains("note"));
    let note = Some(note(9, NotePurpose::Reason, None));
    let event = OrderEvent::OrderCancelled { reason: CancelReason::Other, at: MemoryStore::now(), note };
    let text = serde_json::to_string(&event).unwrap();
    assert_eq!(serde_json::from_str::<OrderEvent>(&text).unwrap(), event);
}
