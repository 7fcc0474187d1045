//! Tests of notes on the events that they are about.

use super::*;
use crate::ids::NoteId;
use crate::order::{CancelReason, Fulfilment, OrderEvent};
use crate::policies::promise::KitchenLoad;
use crate::testing::MemoryStore;
use crate::testing::baskets::basket;
use crate::usecase::{Bound, CancelOrder, ChangeOrderLines, Conditions, PlaceOrder};

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

fn change(lines: &[&str], notes: Vec<NoteRef>, cleared: Vec<u32>) -> NotedLines<ChangeOrderLines> {
    let lines = basket(Fulfilment::Takeaway, lines).lines;
    let (order, now) = (id(), MemoryStore::now());
    let use_case = ChangeOrderLines {
        order,
        lines: lines.clone(),
        expected_total: None,
        bound: Bound::Vouched,
        load: KitchenLoad::default(),
        now,
    };
    NotedLines { use_case, order, lines, notes, cleared }
}

fn numbers(store: &MemoryStore) -> Vec<(u128, Option<u32>)> {
    store.placed(id()).notes.iter().map(|note| (note.id.0.as_u128(), note.line)).collect()
}

#[test]
fn placed_orders_refer_to_their_notes() {
    let order = store().placed(id());
    assert_eq!(order.note(NotePurpose::Kitchen, None).unwrap().id.0.as_u128(), 1);
    assert_eq!(order.note(NotePurpose::Kitchen, Some(2)).unwrap().id.0.as_u128(), 2);
    assert_eq!(order.note(NotePurpose::Delivery, None), None);
}

#[test]
fn unchanged_lines_keep_their_notes_under_new_numbers() {
    let mut store = store();
    store.execute(&change(&["3 REI M", "1 MAR M", "1 MAR L"], Vec::new(), Vec::new())).unwrap();
    assert_eq!(numbers(&store), [(1, None), (2, Some(1))]);
    store
        .execute(&change(&["1 MAR M", "1 REI M"], vec![note(3, NotePurpose::Kitchen, Some(1))], Vec::new()))
        .unwrap();
    assert_eq!(numbers(&store), [(1, None), (3, Some(1)), (2, Some(2))]);
}

#[test]
fn removes_notes_with_their_line_or_when_cleared() {
    let mut gone = store();
    gone.execute(&change(&["1 MAR M"], Vec::new(), Vec::new())).unwrap();
    assert_eq!(numbers(&gone), [(1, None)]);
    let mut cleared = store();
    cleared.execute(&change(&["1 MAR M", "2 REI M"], Vec::new(), vec![2])).unwrap();
    assert_eq!(numbers(&cleared), [(1, None)]);
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
