//! Tests of decide and evolve: given events, when a command, then events or a refusal.

mod properties;
mod shelf;
mod signals;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::*;
use crate::ids::{IngredientCode, OrderId, PizzeriaId};
use crate::ingredients::{Ingredients, Quantity};
use crate::order::Missing;
use crate::testing::given;

fn now() -> DateTime<Utc> {
    DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn order(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number))
}

fn code(text: &str) -> IngredientCode {
    text.parse().unwrap()
}

fn lines(items: &[(&str, u32)]) -> Ingredients {
    items.iter().map(|(ingredient, quantity)| (code(ingredient), Quantity(*quantity))).collect()
}

fn missing(items: &[(&str, u32, u32)]) -> StockError {
    let missing = items.iter().map(|(ingredient, needed, available)| Missing {
        ingredient: code(ingredient),
        needed: Quantity(*needed),
        available: Quantity(*available),
    });
    StockError::Insufficient { missing: missing.collect() }
}

fn received(note: &str, items: &[(&str, u32)]) -> StockEvent {
    StockEvent::SupplyReceived {
        supplier: "Moulin".into(),
        delivery_note: note.into(),
        lines: lines(items),
        at: now(),
    }
}

fn threshold(ingredient: &str, threshold: u32) -> StockEvent {
    StockEvent::ThresholdSet { ingredient: code(ingredient), threshold: Quantity(threshold), at: now() }
}

fn low(ingredient: &str, available: i64, threshold: u32) -> StockEvent {
    StockEvent::StockLow {
        ingredient: code(ingredient),
        available,
        threshold: Quantity(threshold),
        at: now(),
    }
}

fn recovered(ingredient: &str, available: i64, threshold: u32) -> StockEvent {
    StockEvent::StockRecovered {
        ingredient: code(ingredient),
        available,
        threshold: Quantity(threshold),
        at: now(),
    }
}

fn reserved(number: u128, items: &[(&str, u32)]) -> StockEvent {
    StockEvent::IngredientsReserved { order: order(number), lines: lines(items), held: None, at: now() }
}

/// A count, as ingredient, expected and counted quantity.
fn counted(items: &[(&str, i64, u32)]) -> StockEvent {
    let lines = items.iter().map(|(ingredient, expected, counted)| Counted {
        ingredient: code(ingredient),
        expected: *expected,
        counted: Quantity(*counted),
    });
    StockEvent::StockCounted { lines: lines.collect(), at: now() }
}

fn short(ingredient: &str, missing: u32, orders: &[u128]) -> StockEvent {
    StockEvent::ReservationShort {
        ingredient: code(ingredient),
        missing: Quantity(missing),
        orders: orders.iter().map(|number| order(*number)).collect(),
        at: now(),
    }
}

fn reserve(number: u128, items: &[(&str, u32)]) -> StockCommand {
    StockCommand::Reserve { order: order(number), lines: lines(items), held: None, now: now() }
}

fn change(number: u128, items: &[(&str, u32)]) -> StockCommand {
    StockCommand::ChangeReservation { order: order(number), lines: lines(items), pieces: 1, now: now() }
}

fn count(items: &[(&str, u32)]) -> StockCommand {
    StockCommand::Count { lines: lines(items), now: now() }
}

fn waste(items: &[(&str, u32)]) -> StockCommand {
    StockCommand::Waste { reason: WasteReason::Dropped, lines: lines(items), now: now() }
}

fn wasted(items: &[(&str, u32)]) -> StockEvent {
    StockEvent::IngredientsWasted { reason: WasteReason::Dropped, lines: lines(items), at: now(), note: None }
}

fn discarded(wasted: Ingredients, restocked: Ingredients, reason: WasteReason) -> StockEvent {
    StockEvent::PreparedOrderDiscarded { order: order(1), wasted, restocked, reason, at: now() }
}

#[track_caller]
fn accepts(past: Vec<StockEvent>, command: StockCommand, expected: Vec<StockEvent>) -> Stock {
    given::<Stock>(past).when(|stock| decide(stock, command)).then(expected)
}

#[track_caller]
fn refuses(past: Vec<StockEvent>, command: StockCommand, expected: StockError) {
    given::<Stock>(past).when(|stock| decide(stock, command)).then_err(expected);
}

#[track_caller]
fn holds(stock: &Stock, ingredient: &str, on_hand: i64, reserved: i64) {
    let level = stock.level(&code(ingredient));
    assert_eq!((level.on_hand, level.reserved), (on_hand, reserved), "{ingredient}");
}

#[test]
fn reserving_leaves_on_hand_unchanged() {
    let stock = accepts(
        vec![received("1", &[("TOMATO", 100)])],
        reserve(1, &[("TOMATO", 80), ("BASIL", 0)]),
        vec![reserved(1, &[("TOMATO", 80)])],
    );
    holds(&stock, "TOMATO", 100, 80);
    assert_eq!(stock.accepted(), 1);
    assert_eq!(stock.reservation(order(1)), Some(&lines(&[("TOMATO", 80)])));
}

#[test]
fn reserving_too_much_names_every_missing_ingredient() {
    let past =
        vec![received("1", &[("TOMATO", 100), ("BASIL", 3), ("EGG", 9)]), reserved(1, &[("TOMATO", 60)])];
    refuses(
        past.clone(),
        reserve(2, &[("TOMATO", 41), ("BASIL", 4), ("EGG", 9), ("HAM", 1)]),
        missing(&[("BASIL", 4, 3), ("HAM", 1, 0), ("TOMATO", 41, 40)]),
    );
    accepts(past, reserve(2, &[("TOMATO", 40)]), vec![reserved(2, &[("TOMATO", 40)])]);
}

#[test]
fn an_order_reserves_once() {
    refuses(
        vec![received("1", &[("TOMATO", 100)]), reserved(1, &[("TOMATO", 1)])],
        reserve(1, &[("TOMATO", 1)]),
        StockError::AlreadyReserved { order: order(1) },
    );
}

#[test]
fn keeps_an_empty_reservation() {
    let stock = accepts(vec![], reserve(1, &[]), vec![reserved(1, &[])]);
    let past = vec![reserved(1, &[])];
    assert_eq!(stock.waiting_orders(), 1);
    let consumed = StockEvent::ReservationConsumed { order: order(1), lines: lines(&[]), at: now() };
    accepts(past, StockCommand::Consume { order: order(1), now: now() }, vec![consumed]);
}

#[test]
fn changing_counts_the_current_reservation_as_available() {
    let past =
        || vec![received("1", &[("TOMATO", 100), ("EGG", 5)]), reserved(1, &[("TOMATO", 80), ("EGG", 2)])];
    let changed = StockEvent::ReservationChanged {
        order: order(1),
        lines: lines(&[("TOMATO", 100)]),
        previous: lines(&[("EGG", 2), ("TOMATO", 80)]),
        pieces: None,
        at: now(),
    };
    let stock = accepts(past(), change(1, &[("TOMATO", 100)]), vec![changed]);
    holds(&stock, "TOMATO", 100, 100);
    holds(&stock, "EGG", 5, 0);
    assert_eq!(stock.accepted(), 1);
    refuses(
        past(),
        change(1, &[("TOMATO", 101), ("HAM", 1)]),
        missing(&[("HAM", 1, 0), ("TOMATO", 101, 100)]),
    );
    refuses(past(), change(2, &[]), StockError::NoReservation { order: order(2) });
}

#[test]
fn short_reservations_may_shrink_but_not_grow() {
    let past = || {
        vec![
            received("1", &[("TOMATO", 100)]),
            reserved(1, &[("TOMATO", 80)]),
            counted(&[("TOMATO", 100, 10)]),
        ]
    };
    let changed = |quantity| StockEvent::ReservationChanged {
        order: order(1),
        lines: lines(&[("TOMATO", quantity)]),
        previous: lines(&[("TOMATO", 80)]),
        pieces: None,
        at: now(),
    };
    accepts(past(), change(1, &[("TOMATO", 80)]), vec![changed(80)]);
    accepts(past(), change(1, &[("TOMATO", 79)]), vec![changed(79)]);
    refuses(past(), change(1, &[("TOMATO", 81)]), missing(&[("TOMATO", 81, 10)]));
}

#[test]
fn releasing_frees_the_reservation() {
    let past = vec![received("1", &[("TOMATO", 100)]), reserved(1, &[("TOMATO", 80)])];
    let released =
        StockEvent::ReservationReleased { order: order(1), lines: lines(&[("TOMATO", 80)]), at: now() };
    let stock = accepts(past, StockCommand::Release { order: order(1), now: now() }, vec![released]);
    holds(&stock, "TOMATO", 100, 0);
    assert_eq!(stock.reservation(order(1)), None);
    refuses(
        vec![],
        StockCommand::Release { order: order(1), now: now() },
        StockError::NoReservation { order: order(1) },
    );
}

#[test]
fn consuming_lowers_on_hand_and_keeps_available() {
    let past = vec![
        received("1", &[("TOMATO", 100)]),
        threshold("TOMATO", 50),
        reserved(1, &[("TOMATO", 80)]),
        low("TOMATO", 20, 50),
    ];
    let consumed =
        StockEvent::ReservationConsumed { order: order(1), lines: lines(&[("TOMATO", 80)]), at: now() };
    let stock = accepts(past, StockCommand::Consume { order: order(1), now: now() }, vec![consumed]);
    holds(&stock, "TOMATO", 20, 0);
    refuses(
        vec![],
        StockCommand::Consume { order: order(1), now: now() },
        StockError::NoReservation { order: order(1) },
    );
}

#[test]
fn consumes_even_after_a_count_left_too_little() {
    let past = vec![
        received("1", &[("TOMATO", 100)]),
        reserved(1, &[("TOMATO", 80)]),
        reserved(2, &[("TOMATO", 20)]),
        counted(&[("TOMATO", 100, 10)]),
    ];
    let consumed =
        StockEvent::ReservationConsumed { order: order(1), lines: lines(&[("TOMATO", 80)]), at: now() };
    let stock = accepts(past, StockCommand::Consume { order: order(1), now: now() }, vec![consumed]);
    holds(&stock, "TOMATO", -70, 20);
}

#[test]
fn discarding_a_prepared_order_leaves_on_hand_unchanged() {
    let past = vec![received("1", &[("TOMATO", 100)])];
    for reason in [WasteReason::Mistake, WasteReason::Uncollected] {
        let lines = lines(&[("TOMATO", 80)]);
        let command =
            StockCommand::DiscardOrder { order: order(1), lines: lines.clone(), reason, now: now() };
        let event = discarded(lines, Ingredients::new(), reason);
        holds(&accepts(past.clone(), command, vec![event]), "TOMATO", 100, 0);
    }
}

#[test]
fn what_is_restocked_of_a_discarded_order_is_on_hand_again() {
    let past = vec![received("1", &[("TOMATO", 100)])];
    let event = discarded(lines(&[("TOMATO", 80)]), lines(&[("COLA", 1)]), WasteReason::Mistake);
    let stock = given::<Stock>([past, vec![event]].concat()).state;
    holds(&stock, "TOMATO", 100, 0);
    holds(&stock, "COLA", 1, 0);
}
