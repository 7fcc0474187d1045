//! Property tests: invariants of a stock under any commands and events.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;
use crate::ids::ItemCode;
use crate::menu::PizzaSize;

const CODES: [&str; 4] = ["TOMATO", "EGG", "HAM", "BASIL"];

fn some_code() -> impl Strategy<Value = IngredientCode> {
    (0..CODES.len()).prop_map(|index| code(CODES[index]))
}

fn some_lines() -> impl Strategy<Value = Ingredients> {
    btree_map(some_code(), (0u32..200).prop_map(Quantity), 0..4).prop_map(|map| map.into_iter().collect())
}

fn some_order() -> impl Strategy<Value = OrderId> {
    (1u128..6).prop_map(order)
}

fn some_size() -> impl Strategy<Value = Option<PizzaSize>> {
    prop_oneof![Just(None), Just(Some(PizzaSize::M))]
}

/// Generates any command, valid or not, over few orders and ingredients.
fn some_command() -> impl Strategy<Value = StockCommand> {
    let pizzeria = || "P2".parse::<PizzeriaId>().unwrap();
    let pizza = || "CHV".parse::<ItemCode>().unwrap();
    let reason = WasteReason::Spoiled;
    prop_oneof![
        4 => (some_order(), some_lines())
            .prop_map(|(order, lines)| StockCommand::Reserve { order, lines, held: None, now: now() }),
        2 => (some_order(), some_lines())
            .prop_map(|(order, lines)| StockCommand::ChangeReservation { order, lines, pieces: 1, now: now() }),
        1 => some_order().prop_map(|order| StockCommand::Release { order, now: now() }),
        1 => some_order().prop_map(|order| StockCommand::Consume { order, now: now() }),
        1 => (some_order(), some_lines())
            .prop_map(move |(order, lines)| StockCommand::DiscardOrder { order, lines, reason, now: now() }),
        3 => (0u32..20, some_lines()).prop_map(|(note, lines)| StockCommand::Receive {
            supplier: "Moulin".into(),
            delivery_note: note.to_string(),
            lines,
            now: now(),
        }),
        1 => some_lines().prop_map(|lines| StockCommand::Count { lines, now: now() }),
        1 => some_lines().prop_map(move |lines| StockCommand::Waste { reason, lines, now: now() }),
        1 => some_lines().prop_map(move |lines| StockCommand::SendTransfer {
            transfer: Uuid::nil(),
            to: pizzeria(),
            lines,
            now: now(),
        }),
        1 => some_lines().prop_map(move |lines| StockCommand::ReceiveTransfer {
            transfer: Uuid::nil(),
            from: pizzeria(),
            lines,
            now: now(),
        }),
        1 => (some_code(), 0u32..150).prop_map(|(ingredient, threshold)| StockCommand::SetThreshold {
            ingredient,
            threshold: Quantity(threshold),
            now: now(),
        }),
        1 => some_size().prop_map(move |size| StockCommand::Block {
            pizza: pizza(),
            size,
            reason: crate::note::Reason::default(),
            now: now(),
        }),
        1 => some_size().prop_map(move |size| StockCommand::Unblock { pizza: pizza(), size, now: now() }),
    ]
}

/// Generates any event, possible or not.
fn some_event() -> impl Strategy<Value = StockEvent> {
    let at = now();
    let from: PizzeriaId = "P2".parse().unwrap();
    let to = from.clone();
    let pizza: ItemCode = "CHV".parse().unwrap();
    let unblocked = pizza.clone();
    prop_oneof![
        (some_order(), some_lines()).prop_map(move |(order, lines)| StockEvent::IngredientsReserved {
            order,
            lines,
            held: None,
            at
        }),
        (some_order(), some_lines(), some_lines()).prop_map(move |(order, lines, previous)| {
            StockEvent::ReservationChanged { order, lines, previous, pieces: None, at }
        }),
        (some_order(), some_lines()).prop_map(move |(order, lines)| StockEvent::ReservationReleased {
            order,
            lines,
            at
        }),
        (some_order(), some_lines()).prop_map(move |(order, lines)| StockEvent::ReservationConsumed {
            order,
            lines,
            at
        }),
        some_lines().prop_map(move |lines| StockEvent::SupplyReceived {
            supplier: String::new(),
            delivery_note: String::new(),
            lines,
            at,
        }),
        some_lines().prop_map(move |lines| StockEvent::StockCounted {
            lines: lines
                .iter()
                .map(|(code, counted)| Counted { ingredient: code.clone(), expected: 3, counted })
                .collect(),
            at,
        }),
        some_lines().prop_map(move |lines| {
            StockEvent::IngredientsWasted { reason: WasteReason::Other, lines, at, note: None }
        }),
        (some_order(), some_lines(), some_lines()).prop_map(move |(order, wasted, restocked)| {
            StockEvent::PreparedOrderDiscarded { order, wasted, restocked, reason: WasteReason::Other, at }
        }),
        some_lines().prop_map(move |lines| StockEvent::TransferSent {
            transfer: Uuid::nil(),
            to: to.clone(),
            lines,
            at,
        }),
        some_lines().prop_map(move |lines| StockEvent::TransferReceived {
            transfer: Uuid::nil(),
            from: from.clone(),
            lines,
            at,
        }),
        (some_code(), any::<u32>()).prop_map(move |(ingredient, threshold)| StockEvent::ThresholdSet {
            ingredient,
            threshold: Quantity(threshold),
            at,
        }),
        some_code().prop_map(|code| low(code.as_str(), 1, 2)),
        some_code().prop_map(|code| recovered(code.as_str(), 2, 2)),
        some_code().prop_map(|code| short(code.as_str(), 1, &[])),
        some_size().prop_map(move |size| StockEvent::PizzaBlocked {
            pizza: pizza.clone(),
            size,
            reason: crate::note::Reason::default(),
            at,
        }),
        some_size().prop_map(move |size| StockEvent::PizzaUnblocked { pizza: unblocked.clone(), size, at }),
    ]
}

fn add_up(stock: &Stock) -> BTreeMap<IngredientCode, i64> {
    let mut sums = BTreeMap::new();
    for (_, lines) in stock.reservations() {
        for (ingredient, quantity) in lines.iter() {
            *sums.entry(ingredient.clone()).or_default() += quantity.signed();
        }
    }
    sums
}

fn levels_hold(stock: &Stock) -> Result<(), TestCaseError> {
    let reserved = add_up(stock);
    for (ingredient, level) in stock.levels() {
        prop_assert!(level.shown().on_hand >= 0, "{ingredient} on hand");
        prop_assert_eq!(level.reserved, reserved.get(ingredient).copied().unwrap_or(0), "{}", ingredient);
    }
    Ok(())
}

/// Returns what an event moves on the shelf; of a count, its variance.
fn movement(event: &StockEvent) -> Vec<(IngredientCode, i64)> {
    let all = |lines: &Ingredients, sign: i64| {
        lines.iter().map(|(code, quantity)| (code.clone(), sign * quantity.signed())).collect()
    };
    match event {
        StockEvent::SupplyReceived { lines, .. } | StockEvent::TransferReceived { lines, .. } => {
            all(lines, 1)
        }
        StockEvent::ReservationConsumed { lines, .. }
        | StockEvent::IngredientsWasted { lines, .. }
        | StockEvent::TransferSent { lines, .. } => all(lines, -1),
        StockEvent::PreparedOrderDiscarded { restocked, .. } => all(restocked, 1),
        StockEvent::StockCounted { lines, .. } => {
            lines.iter().map(|line| (line.ingredient.clone(), line.variance())).collect()
        }
        StockEvent::IngredientsReserved { .. }
        | StockEvent::ReservationChanged { .. }
        | StockEvent::ReservationReleased { .. }
        | StockEvent::ThresholdSet { .. }
        | StockEvent::StockLow { .. }
        | StockEvent::StockRecovered { .. }
        | StockEvent::ReservationShort { .. }
        | StockEvent::PizzaBlocked { .. }
        | StockEvent::PizzaUnblocked { .. } => Vec::new(),
    }
}

/// Checks that an event never takes more than is available, nor makes a shortage worse.
fn not_oversold(before: &Stock, after: &Stock, event: &StockEvent) -> Result<(), TestCaseError> {
    let takes = matches!(
        event,
        StockEvent::IngredientsReserved { .. }
            | StockEvent::ReservationChanged { .. }
            | StockEvent::TransferSent { .. }
    );
    for (ingredient, level) in after.levels() {
        let fell = level.available() < before.available(ingredient);
        prop_assert!(!(takes && fell) || level.available() >= 0, "{ingredient} oversold by {event:?}");
    }
    Ok(())
}

/// Checks that an ingredient is marked low exactly if it is below its threshold.
fn low_is_said(stock: &Stock) -> Result<(), TestCaseError> {
    for (ingredient, level) in stock.levels() {
        let is_low = level.threshold.0 > 0 && level.available() < level.threshold.signed();
        prop_assert_eq!(level.low, is_low, "{}", ingredient);
    }
    Ok(())
}

proptest! {
    #[test]
    fn never_oversold_under_any_sequence_of_commands(commands in vec(some_command(), 0..60)) {
        let mut stock = Stock::default();
        for command in commands {
            for event in decide(&stock, command).unwrap_or_default() {
                let before = stock.clone();
                stock.evolve(&event);
                not_oversold(&before, &stock, &event)?;
                levels_hold(&stock)?;
            }
            low_is_said(&stock)?;
        }
    }

    #[test]
    fn evolve_is_total_over_any_events(events in vec(some_event(), 0..60)) {
        let mut stock = Stock::default();
        for event in events {
            stock.evolve(&event);
            for (ingredient, level) in stock.levels() {
                let shown = level.shown();
                prop_assert!(shown.on_hand >= 0 && shown.reserved >= 0, "{}", ingredient);
            }
        }
    }

    #[test]
    fn movements_and_the_variances_of_counts_add_up_to_what_is_on_hand(
        commands in vec(some_command(), 0..60),
    ) {
        let mut stock = Stock::default();
        let mut moved = BTreeMap::<IngredientCode, i64>::new();
        for command in commands {
            for event in decide(&stock, command).unwrap_or_default() {
                stock.evolve(&event);
                for (ingredient, quantity) in movement(&event) {
                    *moved.entry(ingredient).or_default() += quantity;
                }
            }
        }
        for (ingredient, level) in stock.levels() {
            prop_assert_eq!(level.on_hand, moved.get(ingredient).copied().unwrap_or(0), "{}", ingredient);
        }
    }

    #[test]
    fn levels_evolve_without_reservations(commands in vec(some_command(), 0..40)) {
        let mut whole = Stock::default();
        let mut levels = Stock::default();
        for command in commands {
            for event in decide(&whole, command).unwrap_or_default() {
                whole.evolve(&event);
                levels.evolve(&event);
                levels = levels.levels_only();
                prop_assert_eq!(&levels, &whole.clone().levels_only());
            }
        }
    }

    #[test]
    fn any_prefix_of_a_valid_history_loads(commands in vec(some_command(), 0..40)) {
        let mut history = Vec::new();
        let mut states = vec![Stock::default()];
        for command in commands {
            let stock = states.last().cloned().unwrap_or_default();
            for event in decide(&stock, command).unwrap_or_default() {
                let mut next = states.last().cloned().unwrap_or_default();
                next.evolve(&event);
                states.push(next);
                history.push(event);
            }
        }
        for (length, expected) in states.iter().enumerate() {
            let stored: Vec<StockEvent> = history[..length]
                .iter()
                .map(|event| serde_json::from_str(&serde_json::to_string(event).unwrap()).unwrap())
                .collect();
            prop_assert_eq!(&given::<Stock>(stored).state, expected);
            let snapshot = serde_json::to_string(expected).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Stock>(&snapshot).unwrap(), expected);
        }
    }
}
