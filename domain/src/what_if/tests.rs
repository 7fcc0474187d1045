//! Tests of replays: given recorded events and a policy, then the figures. An unchanged replay equals the
//! record.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::ids::IngredientCode;
use crate::ingredients::{Ingredients, Quantity};
use crate::money::Cents;
use crate::order::{CancelReason, Fulfilment, OrderChannel, OrderCommand, PaymentIntent};
use crate::stock::{StockCommand, WasteReason};
use crate::stream::AggregateState;
use crate::testing::MemoryStore;
use crate::testing::baskets::{basket, line, p1};
use crate::usecase::{
    CancelOrder, ChangeOrderLines, PlaceOrder, StartPreparation, ToOrder, ToStock, TransferStock, UseCase,
};

fn later(minutes: i64) -> DateTime<Utc> {
    MemoryStore::now() + TimeDelta::minutes(minutes)
}

fn id(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number))
}

fn code(text: &str) -> IngredientCode {
    text.parse().unwrap()
}

fn grams(ingredient: &str, quantity: u32) -> Ingredients {
    [(code(ingredient), Quantity(quantity))].into_iter().collect()
}

fn place(number: u128, fulfilment: Fulfilment, lines: &[&str], now: DateTime<Utc>) -> PlaceOrder {
    PlaceOrder {
        order: id(number),
        pizzeria: p1(),
        basket: basket(fulfilment, lines),
        channel: OrderChannel::Web,
        customer: None,
        contact: None,
        payment: match fulfilment {
            Fulfilment::Delivery => PaymentIntent::OnDelivery,
            Fulfilment::Takeaway | Fulfilment::OnSite => PaymentIntent::AtCounter,
        },
        expected_total: None,
        conditions: crate::usecase::Conditions::default(),
        now,
    }
}

fn to_order(number: u128, command: OrderCommand) -> ToOrder {
    ToOrder { name: "toOrder", order: id(number), command }
}

fn to_stock(command: StockCommand) -> ToStock {
    ToStock { name: "toStock", pizzeria: p1(), command }
}

fn waste(quantity: u32, now: DateTime<Utc>) -> ToStock {
    let (lines, reason) = (grams("GOAT_CHEESE", quantity), WasteReason::Spoiled);
    to_stock(StockCommand::Waste { reason, lines, now })
}

fn transfer(number: u128, from: &str, to: &str, quantity: u32, now: DateTime<Utc>) -> TransferStock {
    let (transfer, lines) = (Uuid::from_u128(number), grams("GOAT_CHEESE", quantity));
    TransferStock { transfer, from: from.parse().unwrap(), to: to.parse().unwrap(), lines, now }
}

/// Recorded events of a store, from the length of its log when the recording began.
struct Recording {
    store: MemoryStore,
    began: usize,
}

impl Recording {
    fn begin() -> Self {
        let mut recording = Self { store: MemoryStore::demo(), began: 0 };
        let (ingredient, threshold, now) = (code("GOAT_CHEESE"), Quantity(90), MemoryStore::now());
        recording.run(&to_stock(StockCommand::SetThreshold { ingredient, threshold, now }));
        recording.began = recording.store.log().len();
        recording
    }

    /// Runs a use case, accepted or refused.
    fn run(&mut self, use_case: &dyn UseCase) {
        let _ = self.store.execute(use_case);
    }

    /// Replays the events after a position of the log.
    fn replay_from(&self, from: usize, policy: Policy) -> BTreeMap<PizzeriaId, Row> {
        let mut states: BTreeMap<&StreamId, AggregateState> = BTreeMap::new();
        for (stream, event) in &self.store.log()[..from] {
            let state = states.entry(stream).or_insert_with(|| AggregateState::empty(stream.kind));
            state.evolve(event).unwrap();
        }
        let mut menu = Menu::default();
        let mut starting: BTreeMap<PizzeriaId, StartingState> = BTreeMap::new();
        for (stream, state) in states {
            match state {
                AggregateState::Menu(state) => menu = state,
                AggregateState::Stock(stock) => {
                    starting.entry(stream.id.parse().unwrap()).or_default().stock = stock
                }
                AggregateState::Pizzeria(pizzeria) => {
                    starting.entry(stream.id.parse().unwrap()).or_default().pizzeria = pizzeria;
                }
                _ => {}
            }
        }
        let mut replay = WhatIf::new(policy, menu, starting, MemoryStore::now());
        // One event a minute.
        for (minute, (stream, event)) in (0..).zip(&self.store.log()[from..]) {
            replay.record(stream, later(minute), event);
        }
        replay.finish(later(600))
    }

    fn replay(&self, policy: Policy) -> Row {
        self.replay_from(self.began, policy).remove(&p1()).unwrap()
    }

    /// Makes an order and hands it over.
    fn cook(&mut self, number: u128, from: i64, to: i64) {
        self.run(&StartPreparation { by: None, order: id(number), now: later(from) });
        self.run(&to_order(number, OrderCommand::MarkReady { now: later(to) }));
        let amount = self.store.placed(id(number)).pricing.total;
        let method = crate::order::PaymentMethod::Cash;
        self.run(&to_order(number, OrderCommand::RecordPayment { method, amount, now: later(to) }));
        self.run(&to_order(number, OrderCommand::HandOver { now: later(to + 1) }));
    }
}

/// Returns the recorded goat cheese scenario: five orders, six refusals, a waste and a cancellation.
fn goat_cheese() -> Recording {
    let mut recording = Recording::begin();
    for (number, lines) in [(1, "2 CHV L"), (2, "3 4FR M"), (3, "2 CHV M")] {
        recording.run(&place(number, Fulfilment::Takeaway, &[lines], MemoryStore::now()));
    }
    recording.run(&waste(60, MemoryStore::now()));
    recording.run(&place(4, Fulfilment::Takeaway, &["1 CHV M"], MemoryStore::now()));
    for (number, lines) in (10..).zip(["1 CHV S", "1 CHV M", "1 CHV L", "1 4FR S", "1 4FR M", "1 4FR L"]) {
        recording.run(&place(number, Fulfilment::Takeaway, &[lines], MemoryStore::now()));
    }
    recording.run(&CancelOrder {
        order: id(4),
        reason: CancelReason::CustomerRequest,
        even_started: false,
        now: later(1),
    });
    recording
}

fn for_all(rules: Rules) -> Policy {
    Policy { all: rules, pizzerias: BTreeMap::new() }
}

fn opening(ingredient: &str, quantity: u32) -> Policy {
    let opening_stock = [(code(ingredient), Quantity(quantity))].into();
    for_all(Rules { opening_stock, ..Rules::default() })
}

#[test]
fn an_unchanged_replay_equals_the_recorded_evening() {
    let row = goat_cheese().replay(Policy::default());
    assert_eq!(row.recorded, row.unchanged);
    assert_eq!(row.changed, row.unchanged);
    let told = &row.recorded;
    assert_eq!((told.orders, told.refused, told.sold, told.low), (4, 6, 3, 1));
    // 2 × 17.50 + 3 × 13.50 + 2 × 13.50
    assert_eq!((told.takings, told.waste.clone()), (Cents(10_250), grams("GOAT_CHEESE", 60)));
}

#[test]
fn more_opening_stock_accepts_every_order() {
    let row = goat_cheese().replay(opening("GOAT_CHEESE", 2_000));
    let (was, is) = (&row.unchanged, &row.changed);
    assert_eq!((was.refused, is.refused, is.orders, is.sold), (6, 0, 10, 9));
    // S is 2.50 less and L 4.00 more: (11.00 + 13.50 + 17.50) twice more.
    assert_eq!(is.takings, was.takings + Cents(8_400));
    assert_eq!((is.waste.clone(), is.untimed), (was.waste.clone(), 6));
    assert_eq!(is.takings_by_rate.values().copied().sum::<Cents>(), is.takings);
}

#[test]
fn less_opening_stock_serves_the_first_orders() {
    let row = goat_cheese().replay(opening("GOAT_CHEESE", 250));
    // 204 g for the first; the second and third are refused, and 60 g are wasted although reserved.
    let is = &row.changed;
    assert_eq!((is.orders, is.refused, is.sold), (1, 9, 1));
    assert_eq!((is.takings, is.waste.clone()), (Cents(3_500), grams("GOAT_CHEESE", 60)));
    let row = goat_cheese().replay(opening("GOAT_CHEESE", 200));
    // The stock suffices for the second refusal, not for the first: 3 × 13.50.
    assert_eq!((row.changed.orders, row.changed.takings), (1, Cents(4_050)));
    let row = goat_cheese().replay(opening("GOAT_CHEESE", 30));
    assert_eq!(
        (row.changed.orders, row.changed.waste.clone()),
        (0, grams("GOAT_CHEESE", 30)),
        "no more than there is"
    );
}

#[test]
fn restocks_after_the_delay() {
    let rule = |delay_minutes| {
        let restock =
            vec![Restock { ingredient: code("GOAT_CHEESE"), quantity: Quantity(500), delay_minutes }];
        for_all(Rules { restock, ..Rules::default() })
    };
    let recording = goat_cheese();
    let late = recording.replay(rule(60 * 24));
    assert_eq!((late.changed.clone(), late.recorded.low), (late.unchanged, 1), "too late for the recording");
    // It is low once the 60 g are wasted; a minute later there are 576 g.
    let soon = recording.replay(rule(1)).changed;
    assert_eq!((soon.restocked, soon.refused, soon.orders), (1, 0, 10));
}

#[test]
fn thresholds_apply_to_the_whole_period() {
    let thresholds = [(code("GOAT_CHEESE"), Quantity(500))].into();
    let mut recording = goat_cheese();
    let set =
        StockCommand::SetThreshold { ingredient: code("GOAT_CHEESE"), threshold: Quantity(1), now: later(2) };
    recording.run(&to_stock(set));
    let row = recording.replay(for_all(Rules { thresholds, ..Rules::default() }));
    assert_eq!((row.unchanged.clone(), row.changed.low), (row.recorded, 1));
    assert_eq!(row.changed.takings, row.unchanged.takings);
}

#[test]
fn fee_and_minimum_change_delivery_takings() {
    let mut recording = Recording::begin();
    recording.run(&place(1, Fulfilment::Delivery, &["2 MAR M"], MemoryStore::now()));
    recording.run(&place(2, Fulfilment::Delivery, &["3 MAR M"], MemoryStore::now()));
    recording.run(&place(3, Fulfilment::Takeaway, &["1 MAR M"], MemoryStore::now()));
    let fee = recording.replay(for_all(Rules { delivery_fee: Some(Cents(100)), ..Rules::default() }));
    assert_eq!(fee.recorded, fee.unchanged);
    assert_eq!(fee.recorded.takings, Cents(2_490 + 3_590 + 1_100));
    assert_eq!(fee.changed.takings, Cents(2_300 + 3_400 + 1_100));
    let minimum = recording.replay(for_all(Rules { minimum: Some(Cents(3_000)), ..Rules::default() }));
    assert_eq!((minimum.changed.below_minimum, minimum.changed.orders), (1, 2));
    assert_eq!(minimum.changed.takings, Cents(3_590 + 1_100));
}

#[test]
fn kitchen_size_changes_lateness() {
    let mut recording = Recording::begin();
    for number in 1..=3 {
        recording.run(&place(number, Fulfilment::Takeaway, &["1 MAR M"], MemoryStore::now()));
    }
    // Promised for 20 minutes (two more per waiting order); started one after the other, ten minutes each.
    for (number, from) in [(1, 0), (2, 10), (3, 20)] {
        recording.cook(number, from, from + 10);
    }
    let kitchen =
        |orders_at_once| for_all(Rules { orders_at_once: Some(orders_at_once), ..Rules::default() });
    let alone = recording.replay(kitchen(1));
    assert_eq!(alone.recorded, alone.unchanged);
    assert_eq!((alone.recorded.late, alone.recorded.late_seconds), (2, (1 + 11) * 60));
    assert_eq!((alone.changed.late, alone.changed.late_seconds), (2, (1 + 11) * 60), "as it was");
    let three = recording.replay(kitchen(3));
    assert_eq!((three.changed.late, three.changed.kitchen_most), (0, 3));
    assert_eq!(three.changed.takings, three.recorded.takings);
}

#[test]
fn transfers_that_cannot_be_sent_are_not_received() {
    let mut recording = goat_cheese();
    let p2: PizzeriaId = "P2".parse().unwrap();
    recording.run(&transfer(9, "P2", "P1", 500, later(3)));
    let rules = Rules { opening_stock: [(code("GOAT_CHEESE"), Quantity(400))].into(), ..Rules::default() };
    let policy = Policy { all: Rules::default(), pizzerias: [(p2.clone(), rules)].into() };
    let rows = recording.replay_from(recording.began, policy);
    assert_eq!((rows[&p2].changed.transfers_refused, rows[&p2].unchanged.transfers_refused), (1, 0));
    assert_eq!(rows[&p1()].changed, rows[&p1()].unchanged);
}

/// Runs a step of a random recording.
fn step(recording: &mut Recording, number: u128, (kind, about, quantity): (u8, u8, u32)) {
    let now = later(i64::try_from(number).unwrap_or(0));
    let about_order = u128::from(about);
    let lines = [format!("{} CHV L", quantity % 4 + 1), format!("{} 4FR M", quantity % 3 + 1)];
    match kind {
        0..=3 => {
            let fulfilment = if kind == 0 { Fulfilment::Delivery } else { Fulfilment::Takeaway };
            recording.run(&place(number, fulfilment, &[&lines[usize::from(kind % 2)]], now));
        }
        4 => {
            let lines = vec![line(&lines[0])];
            recording.run(&ChangeOrderLines {
                order: id(about_order),
                edits: crate::usecase::LineEdits::Whole(lines),
                notes: Vec::new(),
                unnoted: Vec::new(),
                expected_total: None,
                bound: crate::usecase::Bound::Vouched,
                load: crate::policies::promise::KitchenLoad::default(),
                now,
            });
        }
        5 => {
            let reason = CancelReason::Other;
            recording.run(&CancelOrder { order: id(about_order), reason, even_started: true, now });
        }
        6 => recording.run(&StartPreparation { by: None, order: id(about_order), now }),
        7 => recording.run(&to_order(about_order, OrderCommand::MarkReady { now })),
        8 => recording.run(&to_order(about_order, OrderCommand::HandOver { now })),
        9 => recording.run(&waste(quantity, now)),
        10 => recording.run(&to_stock(StockCommand::Count { lines: grams("GOAT_CHEESE", quantity), now })),
        11 => recording.run(&transfer(number, "P2", "P1", quantity, now)),
        12 => recording.run(&transfer(number, "P1", "P2", quantity, now)),
        _ => {
            let threshold = Quantity(quantity / 2);
            let command = StockCommand::SetThreshold { ingredient: code("GOAT_CHEESE"), threshold, now };
            recording.run(&to_stock(command));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn unchanged_replays_equal_the_record_from_any_point(
        steps in prop::collection::vec((0_u8..14, 0_u8..40, 0_u32..400), 1..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut recording = Recording::begin();
        for (number, one) in (0_u128..).zip(steps) {
            step(&mut recording, number, one);
        }
        let rows = recording.replay_from(recording.began, Policy::default());
        for (pizzeria, row) in rows {
            prop_assert_eq!(&row.recorded, &row.unchanged, "{}", &pizzeria);
            prop_assert_eq!(&row.unchanged, &row.changed, "{}", &pizzeria);
        }
        // A period that begins in the middle: older orders continue.
        let from = recording.began + cut.index(recording.store.log().len() - recording.began + 1);
        // Never between the events of one command.
        let is_cut = |at: usize| !matches!(
            recording.store.log().get(at),
            Some((_, Event::Stock(_) | Event::Order(OrderEvent::OrderCancelled { .. }))),
        );
        if let Some(from) = (from..=recording.store.log().len()).find(|at| is_cut(*at)) {
            for (pizzeria, row) in recording.replay_from(from, Policy::default()) {
                prop_assert_eq!(&row.recorded, &row.unchanged, "{}", &pizzeria);
            }
        }
    }
}
