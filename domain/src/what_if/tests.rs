//! Given an evening and a policy, then the figures: unchanged, they are exactly those that are recorded.

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
use crate::testing::World;
use crate::testing::baskets::{basket, line, p1};
use crate::usecase::{
    CancelOrder, ChangeOrderLines, PlaceOrder, StartPreparation, ToOrder, ToStock, TransferStock, UseCase,
};

fn later(minutes: i64) -> DateTime<Utc> {
    World::now() + TimeDelta::minutes(minutes)
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
        delivery_code: "0042".into(),
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

/// A world, and how long its log was when the evening began.
struct Evening {
    world: World,
    began: usize,
}

impl Evening {
    fn begin() -> Self {
        let mut evening = Self { world: World::demo(), began: 0 };
        let (ingredient, threshold, now) = (code("GOAT_CHEESE"), Quantity(90), World::now());
        evening.run(&to_stock(StockCommand::SetThreshold { ingredient, threshold, now }));
        evening.began = evening.world.log().len();
        evening
    }

    /// Whatever comes of it.
    fn run(&mut self, use_case: &dyn UseCase) {
        let _ = self.world.execute(use_case);
    }

    /// Replays what followed an event of the log.
    fn replay_from(&self, from: usize, policy: Policy) -> BTreeMap<PizzeriaId, Row> {
        let mut states: BTreeMap<&StreamId, AggregateState> = BTreeMap::new();
        for (stream, event) in &self.world.log()[..from] {
            let state = states.entry(stream).or_insert_with(|| AggregateState::empty(stream.kind));
            state.evolve(event).unwrap();
        }
        let mut menu = Menu::default();
        let mut openings: BTreeMap<PizzeriaId, Opening> = BTreeMap::new();
        for (stream, state) in states {
            match state {
                AggregateState::Menu(state) => menu = state,
                AggregateState::Stock(stock) => {
                    openings.entry(stream.id.parse().unwrap()).or_default().stock = stock
                }
                AggregateState::Pizzeria(pizzeria) => {
                    openings.entry(stream.id.parse().unwrap()).or_default().pizzeria = pizzeria;
                }
                _ => {}
            }
        }
        let mut replay = WhatIf::new(policy, menu, openings, World::now());
        // One event a minute.
        for (minute, (stream, event)) in (0..).zip(&self.world.log()[from..]) {
            replay.record(stream, later(minute), event);
        }
        replay.finish(later(600))
    }

    fn replay(&self, policy: Policy) -> Row {
        self.replay_from(self.began, policy).remove(&p1()).unwrap()
    }

    /// Makes an order and hands it over.
    fn cook(&mut self, number: u128, from: i64, to: i64) {
        self.run(&StartPreparation { order: id(number), now: later(from) });
        self.run(&to_order(number, OrderCommand::MarkReady { now: later(to) }));
        let amount = self.world.placed(id(number)).pricing.total;
        let method = crate::order::PaymentMethod::Cash;
        self.run(&to_order(number, OrderCommand::RecordPayment { method, amount, now: later(to) }));
        self.run(&to_order(number, OrderCommand::HandOver { now: later(to + 1) }));
    }
}

/// The evening of the goat cheese: five orders, six refusals, a waste and a cancellation.
fn goat_cheese() -> Evening {
    let mut evening = Evening::begin();
    for (number, lines) in [(1, "2 CHV L"), (2, "3 4FR M"), (3, "2 CHV M")] {
        evening.run(&place(number, Fulfilment::Takeaway, &[lines], World::now()));
    }
    evening.run(&waste(60, World::now()));
    evening.run(&place(4, Fulfilment::Takeaway, &["1 CHV M"], World::now()));
    for (number, lines) in (10..).zip(["1 CHV S", "1 CHV M", "1 CHV L", "1 4FR S", "1 4FR M", "1 4FR L"]) {
        evening.run(&place(number, Fulfilment::Takeaway, &[lines], World::now()));
    }
    evening.run(&CancelOrder {
        order: id(4),
        reason: CancelReason::CustomerRequest,
        even_started: false,
        now: later(1),
    });
    evening
}

fn for_all(rules: Rules) -> Policy {
    Policy { all: rules, pizzerias: BTreeMap::new() }
}

fn opening(ingredient: &str, quantity: u32) -> Policy {
    let opening_stock = [(code(ingredient), Quantity(quantity))].into();
    for_all(Rules { opening_stock, ..Rules::default() })
}

#[test]
fn unchanged_the_evening_of_the_goat_cheese_is_what_is_recorded() {
    let row = goat_cheese().replay(Policy::default());
    assert_eq!(row.recorded, row.unchanged);
    assert_eq!(row.changed, row.unchanged);
    let told = &row.recorded;
    assert_eq!((told.orders, told.refused, told.sold, told.low), (4, 6, 3, 1));
    // 2 × 17.50 + 3 × 13.50 + 2 × 13.50
    assert_eq!((told.takings, told.waste.clone()), (Cents(10_250), grams("GOAT_CHEESE", 60)));
}

#[test]
fn with_more_goat_cheese_in_the_morning_nobody_is_refused() {
    let row = goat_cheese().replay(opening("GOAT_CHEESE", 2_000));
    let (was, is) = (&row.unchanged, &row.changed);
    assert_eq!((was.refused, is.refused, is.orders, is.sold), (6, 0, 10, 9));
    // S is 2.50 less and L 4.00 more: (11.00 + 13.50 + 17.50) twice more.
    assert_eq!(is.takings, was.takings + Cents(8_400));
    assert_eq!((is.waste.clone(), is.untimed), (was.waste.clone(), 6));
    assert_eq!(is.takings_by_rate.values().copied().sum::<Cents>(), is.takings);
}

#[test]
fn with_less_those_who_came_first_are_served_and_free_nothing_that_they_did_not_use() {
    let row = goat_cheese().replay(opening("GOAT_CHEESE", 250));
    // 204 for the first; the second and third are refused, and sixty grams are thrown away although reserved.
    let is = &row.changed;
    assert_eq!((is.orders, is.refused, is.sold), (1, 9, 1));
    assert_eq!((is.takings, is.waste.clone()), (Cents(3_500), grams("GOAT_CHEESE", 60)));
    let row = goat_cheese().replay(opening("GOAT_CHEESE", 200));
    // Not the first, for whom it does not suffice, but the second: 3 × 13.50.
    assert_eq!((row.changed.orders, row.changed.takings), (1, Cents(4_050)));
    let row = goat_cheese().replay(opening("GOAT_CHEESE", 30));
    assert_eq!(
        (row.changed.orders, row.changed.waste.clone()),
        (0, grams("GOAT_CHEESE", 30)),
        "no more than there is"
    );
}

#[test]
fn goods_that_are_ordered_when_it_is_low_come_in_after_their_time() {
    let rule = |delay_minutes| {
        let restock =
            vec![Restock { ingredient: code("GOAT_CHEESE"), quantity: Quantity(500), delay_minutes }];
        for_all(Rules { restock, ..Rules::default() })
    };
    let evening = goat_cheese();
    let late = evening.replay(rule(60 * 24));
    assert_eq!((late.changed.clone(), late.recorded.low), (late.unchanged, 1), "too late for the evening");
    // It is low once the sixty grams are thrown away; a minute later there are 576.
    let soon = evening.replay(rule(1)).changed;
    assert_eq!((soon.restocked, soon.refused, soon.orders), (1, 0, 10));
}

#[test]
fn another_threshold_holds_for_the_whole_period() {
    let thresholds = [(code("GOAT_CHEESE"), Quantity(500))].into();
    let mut evening = goat_cheese();
    let set =
        StockCommand::SetThreshold { ingredient: code("GOAT_CHEESE"), threshold: Quantity(1), now: later(2) };
    evening.run(&to_stock(set));
    let row = evening.replay(for_all(Rules { thresholds, ..Rules::default() }));
    assert_eq!((row.unchanged.clone(), row.changed.low), (row.recorded, 1));
    assert_eq!(row.changed.takings, row.unchanged.takings);
}

#[test]
fn another_fee_and_minimum_change_what_deliveries_bring() {
    let mut evening = Evening::begin();
    evening.run(&place(1, Fulfilment::Delivery, &["2 MAR M"], World::now()));
    evening.run(&place(2, Fulfilment::Delivery, &["3 MAR M"], World::now()));
    evening.run(&place(3, Fulfilment::Takeaway, &["1 MAR M"], World::now()));
    let fee = evening.replay(for_all(Rules { delivery_fee: Some(Cents(100)), ..Rules::default() }));
    assert_eq!(fee.recorded, fee.unchanged);
    assert_eq!(fee.recorded.takings, Cents(2_490 + 3_590 + 1_100));
    assert_eq!(fee.changed.takings, Cents(2_300 + 3_400 + 1_100));
    let minimum = evening.replay(for_all(Rules { minimum: Some(Cents(3_000)), ..Rules::default() }));
    assert_eq!((minimum.changed.below_minimum, minimum.changed.orders), (1, 2));
    assert_eq!(minimum.changed.takings, Cents(3_590 + 1_100));
}

#[test]
fn a_smaller_kitchen_is_later_and_a_larger_one_earlier() {
    let mut evening = Evening::begin();
    for number in 1..=3 {
        evening.run(&place(number, Fulfilment::Takeaway, &["1 MAR M"], World::now()));
    }
    // Promised for 20 minutes (two more a waiting order); begun one after the other, ten minutes each.
    for (number, from) in [(1, 0), (2, 10), (3, 20)] {
        evening.cook(number, from, from + 10);
    }
    let kitchen =
        |orders_at_once| for_all(Rules { orders_at_once: Some(orders_at_once), ..Rules::default() });
    let alone = evening.replay(kitchen(1));
    assert_eq!(alone.recorded, alone.unchanged);
    assert_eq!((alone.recorded.late, alone.recorded.late_seconds), (2, (1 + 11) * 60));
    assert_eq!((alone.changed.late, alone.changed.late_seconds), (2, (1 + 11) * 60), "as it was");
    let three = evening.replay(kitchen(3));
    assert_eq!((three.changed.late, three.changed.kitchen_most), (0, 3));
    assert_eq!(three.changed.takings, three.recorded.takings);
}

#[test]
fn what_is_not_there_is_not_sent_and_not_received() {
    let mut evening = goat_cheese();
    let p2: PizzeriaId = "P2".parse().unwrap();
    evening.run(&transfer(9, "P2", "P1", 500, later(3)));
    let rules = Rules { opening_stock: [(code("GOAT_CHEESE"), Quantity(400))].into(), ..Rules::default() };
    let policy = Policy { all: Rules::default(), pizzerias: [(p2.clone(), rules)].into() };
    let rows = evening.replay_from(evening.began, policy);
    assert_eq!((rows[&p2].changed.transfers_refused, rows[&p2].unchanged.transfers_refused), (1, 0));
    assert_eq!(rows[&p1()].changed, rows[&p1()].unchanged);
}

/// A step of a random evening.
fn step(evening: &mut Evening, number: u128, (kind, about, quantity): (u8, u8, u32)) {
    let now = later(i64::try_from(number).unwrap_or(0));
    let about_order = u128::from(about);
    let lines = [format!("{} CHV L", quantity % 4 + 1), format!("{} 4FR M", quantity % 3 + 1)];
    match kind {
        0..=3 => {
            let fulfilment = if kind == 0 { Fulfilment::Delivery } else { Fulfilment::Takeaway };
            evening.run(&place(number, fulfilment, &[&lines[usize::from(kind % 2)]], now));
        }
        4 => {
            let lines = vec![line(&lines[0])];
            evening.run(&ChangeOrderLines {
                order: id(about_order),
                lines,
                expected_total: None,
                bound: crate::usecase::Bound::Vouched,
                load: crate::policies::promise::KitchenLoad::default(),
                now,
            });
        }
        5 => {
            let reason = CancelReason::Other;
            evening.run(&CancelOrder { order: id(about_order), reason, even_started: true, now });
        }
        6 => evening.run(&StartPreparation { order: id(about_order), now }),
        7 => evening.run(&to_order(about_order, OrderCommand::MarkReady { now })),
        8 => evening.run(&to_order(about_order, OrderCommand::HandOver { now })),
        9 => evening.run(&waste(quantity, now)),
        10 => evening.run(&to_stock(StockCommand::Count { lines: grams("GOAT_CHEESE", quantity), now })),
        11 => evening.run(&transfer(number, "P2", "P1", quantity, now)),
        12 => evening.run(&transfer(number, "P1", "P2", quantity, now)),
        _ => {
            let threshold = Quantity(quantity / 2);
            let command = StockCommand::SetThreshold { ingredient: code("GOAT_CHEESE"), threshold, now };
            evening.run(&to_stock(command));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn unchanged_every_evening_is_exactly_what_is_recorded_from_whenever_it_is_replayed(
        steps in prop::collection::vec((0_u8..14, 0_u8..40, 0_u32..400), 1..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut evening = Evening::begin();
        for (number, one) in (0_u128..).zip(steps) {
            step(&mut evening, number, one);
        }
        let rows = evening.replay_from(evening.began, Policy::default());
        for (pizzeria, row) in rows {
            prop_assert_eq!(&row.recorded, &row.unchanged, "{}", &pizzeria);
            prop_assert_eq!(&row.unchanged, &row.changed, "{}", &pizzeria);
        }
        // A period that begins in the middle: orders that are older go on.
        let from = evening.began + cut.index(evening.world.log().len() - evening.began + 1);
        // Never between the events of one command.
        let is_cut = |at: usize| !matches!(
            evening.world.log().get(at),
            Some((_, Event::Stock(_) | Event::Order(OrderEvent::OrderCancelled { .. }))),
        );
        if let Some(from) = (from..=evening.world.log().len()).find(|at| is_cut(*at)) {
            for (pizzeria, row) in evening.replay_from(from, Policy::default()) {
                prop_assert_eq!(&row.recorded, &row.unchanged, "{}", &pizzeria);
            }
        }
    }
}
