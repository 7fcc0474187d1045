//! Tests of explanations: what changed, and why a pizza could not be made.

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::event::Event;
use crate::ids::{IngredientCode, ItemCode, LogPosition, OrderId};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::PizzaSize;
use crate::order::OrderEvent;
use crate::stock::{Stock, StockCommand, StockEvent, WasteReason};
use crate::stream::{AggregateState, StreamId, StreamType};
use crate::testing::MemoryStore;
use crate::testing::baskets::p1;

fn code(text: &str) -> IngredientCode {
    text.parse().unwrap()
}

fn grams(ingredient: &str, quantity: u32) -> Ingredients {
    [(code(ingredient), Quantity(quantity))].into_iter().collect()
}

fn order(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number))
}

fn reserve(number: u128, quantity: u32) -> StockCommand {
    let lines = grams("GOAT_CHEESE", quantity);
    StockCommand::Reserve { order: order(number), lines, held: None, now: MemoryStore::now() }
}

fn receive(note: &str, quantity: u32) -> StockCommand {
    StockCommand::Receive {
        supplier: "Fromagerie".into(),
        delivery_note: note.into(),
        lines: grams("GOAT_CHEESE", quantity),
        now: MemoryStore::now(),
    }
}

fn waste(quantity: u32) -> StockCommand {
    let (lines, reason) = (grams("GOAT_CHEESE", quantity), WasteReason::Spoiled);
    StockCommand::Waste { reason, lines, now: MemoryStore::now() }
}

fn block(pizza: &str) -> StockCommand {
    let (pizza, reason) = (pizza.parse().unwrap(), "oven".into());
    StockCommand::Block { pizza, size: None, reason, now: MemoryStore::now() }
}

fn mark(index: usize) -> Mark {
    let position = i64::try_from(index).unwrap() + 1;
    Mark { position: LogPosition(position), at: MemoryStore::now() + TimeDelta::seconds(position) }
}

/// Explains a pizza from the events of P1's stock, from index `from` of the store's log on.
fn explain_from(store: &MemoryStore, pizza: &str, size: PizzaSize, from: usize) -> Explanation {
    let (menu, pizza): (_, ItemCode) = (store.menu(), pizza.parse().unwrap());
    let events = store.log().iter().enumerate().filter_map(|(index, (stream, event))| match event {
        Event::Stock(event) if *stream == StreamId::stock(&p1()) => Some((index, event)),
        _ => None,
    });
    let (earlier, later): (Vec<_>, Vec<_>) = events.partition(|(index, _)| *index < from);
    let mut stock = Stock::default();
    earlier.iter().for_each(|(_, event)| stock.evolve(event));
    let recipe = menu.recipe(&pizza, size).unwrap();
    let mut trace = Trace::new(&pizza, size, recipe, stock, earlier.is_empty());
    for (index, event) in later {
        trace.record(mark(index), event);
    }
    trace.explain(&menu)
}

fn explain(store: &MemoryStore, pizza: &str, size: PizzaSize) -> Explanation {
    explain_from(store, pizza, size, 0)
}

/// Returns the scenario of DOMAIN.md up to a step, each with the quantity available after it.
fn evening(steps: usize) -> MemoryStore {
    let mut store = MemoryStore::demo();
    let commands = [
        reserve(1, 2 * 102),
        reserve(2, 3 * 40),
        reserve(3, 2 * 70),
        waste(60),
        reserve(4, 70),
        StockCommand::Release { order: order(4), now: MemoryStore::now() },
        StockCommand::ReceiveTransfer {
            transfer: Uuid::from_u128(9),
            from: "P2".parse().unwrap(),
            lines: grams("GOAT_CHEESE", 500),
            now: MemoryStore::now(),
        },
    ];
    for command in commands.into_iter().take(steps) {
        store.stocked(&p1(), command);
    }
    store
}

fn levels(shortage: &Shortage) -> Vec<(&'static str, i64, i64, i64)> {
    let movements = shortage.movements.iter();
    movements.map(|moved| (moved.event_type, moved.quantity(), moved.before, moved.after)).collect()
}

#[test]
fn explains_each_step_of_the_goat_cheese_scenario() {
    let used = [
        ("IngredientsReserved", -204, 600, 396),
        ("IngredientsReserved", -120, 396, 276),
        ("IngredientsReserved", -140, 276, 136),
        ("IngredientsWasted", -60, 136, 76),
        ("IngredientsReserved", -70, 76, 6),
        ("ReservationReleased", 70, 6, 76),
    ];
    // By step: the number of large pizzas, and the grams lacking for one more.
    for (step, makeable, lacking) in
        [(0, 5, 0), (1, 3, 0), (2, 2, 0), (3, 1, 0), (4, 0, 26), (5, 0, 96), (6, 0, 26), (7, 5, 0)]
    {
        let store = evening(step);
        let told = explain(&store, "CHV", PizzaSize::L);
        assert_eq!((told.makeable.count, told.complete), (makeable, true), "step {step}");
        assert_eq!(told.makeable.limiting, Some(code("GOAT_CHEESE")));
        if makeable > 0 {
            assert_eq!((told.shortages, told.since), (vec![], None), "step {step}");
            continue;
        }
        let [short] = &told.shortages[..] else { panic!("one is short: {:?}", told.shortages) };
        assert_eq!(
            (short.ingredient.clone(), short.needed.0, short.lacking()),
            (code("GOAT_CHEESE"), 102, lacking)
        );
        assert_eq!(levels(short), used[..step], "step {step}");
        let opening = short.replenished.as_ref().unwrap();
        assert_eq!((opening.event_type, opening.quantity(), opening.after), ("SupplyReceived", 600, 600));
        // Short since the waste, not since the last order, whether it was given back or not.
        assert_eq!((short.since, told.since), (Some(short.movements[3].mark), short.since), "step {step}");
        assert_eq!(short.movements[0].order, Some(order(1)));
    }
    // A medium pizza could be made until the last order, and again after its cancellation.
    for (step, makeable) in [(4, 1), (5, 0), (6, 1), (7, 8)] {
        assert_eq!(explain(&evening(step), "CHV", PizzaSize::M).makeable.count, makeable, "step {step}");
    }
    let told = explain(&evening(5), "4FR", PizzaSize::S);
    assert_eq!((told.shortages[0].needed.0, told.shortages[0].lacking()), (26, 20));
    assert_eq!(told.since, Some(told.shortages[0].movements[4].mark));
}

#[test]
fn reports_whether_the_events_read_suffice() {
    let mut store = evening(5);
    store.stocked(&p1(), receive("F-2", 20));
    let whole = explain(&store, "CHV", PizzaSize::M);
    assert_eq!(
        (whole.shortages[0].lacking(), whole.shortages[0].moved),
        (44, 6),
        "twenty grams are not enough"
    );
    // The demo's log ends before the evening: its opening delivery is not read.
    let opening = MemoryStore::demo().log().len();
    let late = explain_from(&store, "CHV", PizzaSize::M, opening);
    assert!(!late.complete);
    assert_eq!(levels(&late.shortages[0]), levels(&whole.shortages[0]));
    assert_eq!((late.since, late.shortages[0].replenished.clone()), (whole.since, None));

    store.stocked(&p1(), receive("F-3", 100));
    store.stocked(&p1(), reserve(5, 100));
    let again = explain_from(&store, "CHV", PizzaSize::M, opening + 2);
    assert!(again.complete, "what left enough is read");
    assert_eq!(levels(&again.shortages[0]), [("IngredientsReserved", -100, 126, 26)]);
    assert_eq!(again.since, Some(again.shortages[0].movements[0].mark));
}

#[test]
fn names_a_block_with_its_reason() {
    let mut store = MemoryStore::demo();
    store.stocked(&p1(), block("CHV"));
    let told = explain(&store, "CHV", PizzaSize::M);
    let since = Some(mark(store.log().len() - 1));
    assert_eq!(told.block, Some(Block { reason: "oven".into(), since }));
    assert_eq!((told.since, told.shortages.len(), told.makeable.blocked), (since, 0, true));
    assert_eq!(explain(&store, "4FR", PizzaSize::M).block, None);
}

#[test]
fn never_stocked_ingredients_are_short_from_the_start() {
    let menu = MemoryStore::demo().menu();
    let pizza = "CHV".parse().unwrap();
    let recipe = menu.recipe(&pizza, PizzaSize::S).unwrap();
    let told = Trace::new(&pizza, PizzaSize::S, recipe, Stock::default(), true).explain(&menu);
    assert_eq!((told.makeable.count, told.since, told.complete), (0, None, true));
    assert_eq!(told.shortages.len(), recipe.iter().count());
    assert_eq!(Some(&told.shortages[0].ingredient), told.makeable.limiting.as_ref());
}

#[test]
fn keeps_the_latest_movements_and_counts_all() {
    let store = MemoryStore::demo();
    let (menu, pizza): (_, ItemCode) = (store.menu(), "CHV".parse().unwrap());
    let recipe = menu.recipe(&pizza, PizzaSize::M).unwrap();
    let mut trace = Trace::new(&pizza, PizzaSize::M, recipe, Stock::default(), true);
    for index in 0..MOVEMENTS_KEPT + 5 {
        let lines = grams("GOAT_CHEESE", 1);
        let order = order(index as u128);
        let event = StockEvent::IngredientsReserved { order, lines, held: None, at: MemoryStore::now() };
        trace.record(mark(index), &event);
    }
    let told = trace.explain(&menu);
    let short = told.shortages.iter().find(|short| short.ingredient == code("GOAT_CHEESE")).unwrap();
    assert_eq!((short.movements.len(), short.moved), (MOVEMENTS_KEPT, MOVEMENTS_KEPT + 5));
    assert_eq!(short.movements[0].mark, mark(5));
}

#[test]
fn changes_name_the_shallowest_places_that_differ() {
    let (mut stock, lines) = (Stock::default(), grams("A", 5));
    stock.evolve(&StockEvent::SupplyReceived {
        supplier: "S".into(),
        delivery_note: "N".into(),
        lines,
        at: MemoryStore::now(),
    });
    let before = AggregateState::Stock(stock.clone());
    stock.evolve(&StockEvent::IngredientsReserved {
        order: order(1),
        lines: grams("A", 2),
        held: None,
        at: MemoryStore::now(),
    });
    let seen = |before: &AggregateState, after: &AggregateState| -> Vec<_> {
        let found = changes(before, after).unwrap().into_iter();
        found.map(|change| (change.path, change.before, change.after)).collect()
    };
    assert_eq!(
        seen(&before, &AggregateState::Stock(stock)),
        [
            ("/accepted".to_owned(), Some(json!(0)), Some(json!(1))),
            ("/levels/A/reserved".to_owned(), Some(json!(0)), Some(json!(2))),
            ("/waiting".to_owned(), Some(json!(0)), Some(json!(1))),
        ]
    );
    let empty = AggregateState::empty(StreamType::Stock);
    let level = json!({ "onHand": 5, "reserved": 0, "threshold": 0, "low": false });
    assert_eq!(seen(&empty, &before), [("/levels/A".to_owned(), None, Some(level))]);
    assert_eq!(seen(&before, &before), []);
}

#[test]
fn baking_a_line_is_one_change() {
    let mut state = AggregateState::empty(StreamType::Order);
    let stored = include_str!("../../fixtures/events/OrderPlaced-1.0.0.json");
    let placed = Event::from_stored(StreamType::Order, "OrderPlaced", "1.0.0", stored).unwrap();
    placed.iter().for_each(|event| state.evolve(event).unwrap());
    let before = state.clone();
    state.evolve(&OrderEvent::ItemBaked { line: 1, at: MemoryStore::now() }.into()).unwrap();
    let [change] = &changes(&before, &state).unwrap()[..] else { panic!("one change") };
    assert_eq!((&*change.path, &change.after), ("/lines/0/baked", &Some(json!(true))));
}
