//! Tests of changed lines: prices, reservation and obstacles.

use super::*;
use crate::Quantity;
use crate::ids::ItemCode;
use crate::menu::{MenuChanges, MenuEvent, Pizza, PizzaSize};
use crate::money::Cents;
use crate::note::{NotePurpose, NoteRef};
use crate::order::Missing;
use crate::pizzeria::Changes;
use crate::stock::StockEvent;

pub(super) fn change(number: u128, lines: &[&str]) -> ChangeOrderLines {
    ChangeOrderLines {
        order: id(number),
        edits: LineEdits::Whole(lines.iter().map(|text| line(text)).collect()),
        notes: Vec::new(),
        unnoted: Vec::new(),
        expected_total: None,
        bound: Bound::Vouched,
        load: KitchenLoad::default(),
        now: later(1),
    }
}

fn delivered(lines: &[&str]) -> MemoryStore {
    let mut store = MemoryStore::demo();
    let delivery =
        PlaceOrder { basket: basket(Delivery, lines), payment: PaymentIntent::OnDelivery, ..place(1, &[]) };
    store.execute(&delivery).unwrap();
    store
}

fn update(store: &mut MemoryStore, changes: Changes) {
    let event = PizzeriaEvent::PizzeriaUpdated { changes, at: now() };
    store.append(&StreamId::pizzeria(&p1()), event.into());
}

#[test]
fn lines_and_reservation_change_together() {
    let mut store = MemoryStore::demo();
    store.execute(&place(1, &["5 CHV M", "1 COLA"])).unwrap();
    assert_eq!(available(&store, "GOAT_CHEESE"), 250);
    // 8 need 560 of 600: the order's own reservation counts as available.
    let decision = store.execute(&change(1, &["8 CHV M"])).unwrap();
    assert_eq!(names(&decision), ["OrderLinesChanged", "ReservationChanged"]);
    assert_eq!((available(&store, "GOAT_CHEESE"), available(&store, "COLA")), (40, 60));
    let order = store.placed(id(1));
    assert_eq!((order.pricing.total, order.lines.len(), order.promises.len()), (Cents(8 * 1350), 1, 2));
    // 15 + 8 minutes from 19:01, without its own pizzas ahead: 19:25.
    assert_eq!(order.promised_at(), later(25));
    assert_eq!(store.stock(&p1()).accepted(), 1);
}

#[test]
fn a_shortage_leaves_the_order_unchanged() {
    let mut store = MemoryStore::demo();
    store.execute(&place(1, &["5 CHV M"])).unwrap();
    let missing =
        vec![Missing { ingredient: stocked("GOAT_CHEESE"), needed: Quantity(630), available: Quantity(600) }];
    refused(&mut store, &change(1, &["9 CHV M"]), OrderError::InsufficientStock { missing });
}

#[test]
fn a_delivery_keeps_its_fee_and_distance_when_fee_and_area_change() {
    let mut store = delivered(&["2 MAR M"]);
    let changes = Changes { radius_m: Some(100), delivery_fee: Some(Cents(990)), ..Changes::default() };
    update(&mut store, changes);
    store.execute(&change(1, &["3 MAR M"])).unwrap();
    let order = store.placed(id(1));
    assert_eq!((order.pricing.delivery_fee, order.pricing.total), (Cents(290), Cents(3590)));
    assert_eq!(order.distance_m, Some(556));
}

#[test]
fn changes_are_refused_like_placements() {
    let mut store = delivered(&["2 MAR M"]);
    refused(&mut store, &change(1, &[]), OrderError::EmptyOrder);
    refused(
        &mut store,
        &change(1, &["1 MAR M"]),
        OrderError::BelowMinimum { subtotal: Cents(1100), minimum: Cents(1500) },
    );
    refused(
        &mut store,
        &ChangeOrderLines { expected_total: Some(Cents(1)), ..change(1, &["3 MAR M"]) },
        OrderError::PriceChanged { expected: Cents(1), actual: Cents(3590) },
    );
    let event = StockEvent::PizzaBlocked {
        pizza: "MAR".parse().unwrap(),
        size: None,
        reason: crate::note::Reason::default(),
        at: now(),
    };
    store.append(&StreamId::stock(&p1()), event.into());
    refused(&mut store, &change(1, &["3 MAR M"]), OrderError::ItemBlocked { item: "MAR".parse().unwrap() });
    pause(&mut store);
    refused(&mut store, &change(1, &["3 REI M"]), OrderError::PizzeriaClosed);
}

#[test]
fn rejects_late_changes_before_pricing() {
    let mut store = MemoryStore::demo();
    refused(&mut store, &change(1, &["1 XXX M"]), OrderError::NotFound);
    store.execute(&place(1, &["1 MAR M"])).unwrap();
    store.execute(&StartPreparation { by: None, order: id(1), now: now() }).unwrap();
    refused(&mut store, &change(1, &["1 XXX M"]), OrderError::TooLate { status: OrderStatus::InPreparation });
    store.execute(&cancel(1, true)).unwrap();
    refused(&mut store, &change(1, &["1 MAR M"]), OrderError::TooLate { status: OrderStatus::Cancelled });
    store.execute(&place(2, &["31 CAL M"])).unwrap();
    refused(&mut store, &change(2, &["1 MAR M"]), OrderError::TooLate { status: OrderStatus::Refused });
}

fn edit(added: &[&str], edited: &[(u32, u32)], removed: &[u32]) -> ChangeOrderLines {
    let edits = LineEdits::ByLine {
        added: added.iter().map(|text| line(text)).collect(),
        edited: edited.iter().map(|(line, quantity)| (*line, Some(*quantity))).collect(),
        removed: removed.to_vec(),
    };
    ChangeOrderLines { edits, ..change(1, &[]) }
}

/// Returns number, item, pieces and price of one piece of each line of the order.
fn lines_of(store: &MemoryStore) -> Vec<(u32, String, u32, i64)> {
    let of = |line: &order::OrderLine| (line.line, line.item.to_string(), line.quantity, line.unit_price.0);
    store.placed(id(1)).lines.iter().map(of).collect()
}

fn is(number: u32, item: &str, quantity: u32, price: i64) -> (u32, String, u32, i64) {
    (number, item.to_owned(), quantity, price)
}

fn publish(store: &mut MemoryStore, changes: MenuChanges) {
    let version = store.menu().version + 1;
    let event = MenuEvent::MenuPublished { version, changes: Box::new(changes), at: now() };
    store.append(&StreamId::menu(), event.into());
}

/// Publishes a pizza with something changed.
fn republish(store: &mut MemoryStore, code: &str, change: impl Fn(&mut Pizza)) {
    let mut pizza = store.menu().pizzas[&code.parse::<ItemCode>().unwrap()].clone();
    change(&mut pizza);
    publish(store, MenuChanges { pizzas: vec![pizza], ..MenuChanges::default() });
}

fn count(store: &mut MemoryStore, code: &str, quantity: u32) {
    let lines = [(stocked(code), Quantity(quantity))].into_iter().collect();
    store.stocked(&p1(), StockCommand::Count { lines, now: now() });
}

fn block(store: &mut MemoryStore, code: &str) {
    let pizza = code.parse().unwrap();
    store.stocked(
        &p1(),
        StockCommand::Block { pizza, size: None, reason: crate::note::Reason::default(), now: now() },
    );
}

#[test]
fn dropping_a_cola_keeps_a_reservation_that_a_count_left_short() {
    for drop_cola in [change(1, &["2 CHV M"]), edit(&[], &[], &[2])] {
        let mut store = MemoryStore::demo();
        store.execute(&place(1, &["2 CHV M", "1 COLA"])).unwrap();
        count(&mut store, "GOAT_CHEESE", 100);
        store.execute(&drop_cola).unwrap();
        assert_eq!(lines_of(&store), [is(1, "CHV", 2, 1350)]);
        assert_eq!(level(&store, "GOAT_CHEESE"), (100, 140));
        assert_eq!(available(&store, "COLA"), 60);
        // More of what is short is refused.
        let missing = vec![Missing {
            ingredient: stocked("GOAT_CHEESE"),
            needed: Quantity(210),
            available: Quantity(100),
        }];
        refused(&mut store, &edit(&[], &[(1, 3)], &[]), OrderError::InsufficientStock { missing });
    }
}

#[test]
fn a_line_that_stays_is_not_refused_because_it_was_blocked_later() {
    let blocked = || OrderError::ItemBlocked { item: "SAU".parse().unwrap() };
    for add_cola in [change(1, &["1 SAU M", "1 COLA"]), edit(&["1 COLA"], &[], &[])] {
        let mut store = MemoryStore::demo();
        store.execute(&place(1, &["1 SAU M"])).unwrap();
        block(&mut store, "SAU");
        store.execute(&add_cola).unwrap();
        assert_eq!(lines_of(&store), [is(1, "SAU", 1, 1450), is(2, "COLA", 1, 220)]);
        refused(&mut store, &edit(&[], &[(1, 2)], &[]), blocked());
        refused(&mut store, &edit(&["1 SAU S"], &[], &[]), blocked());
    }
}

#[test]
fn lines_that_stay_may_be_withdrawn_from_the_menu() {
    let extra = || BasketLine { extras: vec![stocked("EGG")], ..line("1 MAR M") };
    let with_cola = vec![line("1 SAU M"), extra(), line("1 COLA")];
    for add_cola in [
        ChangeOrderLines { edits: LineEdits::Whole(with_cola), ..change(1, &[]) },
        edit(&["1 COLA"], &[], &[]),
    ] {
        let mut store = MemoryStore::demo();
        let mut placing = place(1, &["1 SAU M"]);
        placing.basket.lines.push(extra());
        store.execute(&placing).unwrap();
        let reserved = needs(&store, 1);
        let withdrawn = vec!["SAU".parse().unwrap()];
        let changes =
            MenuChanges { withdrawn, withdrawn_extras: vec![stocked("EGG")], ..MenuChanges::default() };
        publish(&mut store, changes);
        store.execute(&add_cola).unwrap();
        assert_eq!(lines_of(&store), [is(1, "SAU", 1, 1450), is(2, "MAR", 1, 1200), is(3, "COLA", 1, 220)]);
        let at = |error| OrderError::Line { index: 0, part: order::LinePart::Item, error: Box::new(error) };
        let unknown = at(OrderError::UnknownItem { item: "SAU".parse().unwrap() });
        refused(&mut store, &edit(&[], &[(1, 2)], &[]), unknown);
        // A withdrawn recipe is given back as it was reserved.
        store.execute(&edit(&[], &[], &[3])).unwrap();
        assert_eq!(store.stock(&p1()).reservation(id(1)), Some(&reserved));
        store.execute(&edit(&[], &[], &[1])).unwrap();
        assert_eq!(level(&store, "SALMON"), (2_000, 0));
    }
}

#[test]
fn lines_that_stay_keep_their_price_and_more_of_them_has_todays() {
    let mut store = MemoryStore::demo();
    store.execute(&place(1, &["1 MAR M"])).unwrap();
    let dearer = |pizza: &mut Pizza| pizza.sizes.get_mut(&PizzaSize::M).unwrap().price = Cents(1300);
    republish(&mut store, "MAR", dearer);
    store.execute(&change(1, &["1 MAR M", "1 COLA"])).unwrap();
    assert_eq!(lines_of(&store), [is(1, "MAR", 1, 1100), is(2, "COLA", 1, 220)]);
    assert_eq!(store.placed(id(1)).pricing.total, Cents(1320));
    store.execute(&edit(&[], &[(1, 3), (2, 2)], &[])).unwrap();
    let grown = [is(1, "MAR", 1, 1100), is(2, "COLA", 2, 220), is(3, "MAR", 2, 1300)];
    assert_eq!(lines_of(&store), grown);
}

#[test]
fn lines_that_stay_keep_their_recipe_and_give_it_back() {
    let mut store = MemoryStore::demo();
    store.execute(&place(1, &["3 MAR M"])).unwrap();
    let richer = |pizza: &mut Pizza| {
        pizza.sizes.get_mut(&PizzaSize::M).unwrap().recipe.add(&stocked("BASIL"), Quantity(6));
    };
    republish(&mut store, "MAR", richer);
    assert_eq!(level(&store, "BASIL"), (400, 12));
    store.execute(&edit(&[], &[(1, 2)], &[])).unwrap();
    assert_eq!(level(&store, "BASIL"), (400, 8));
    store.execute(&edit(&[], &[(1, 3)], &[])).unwrap();
    assert_eq!(lines_of(&store), [is(1, "MAR", 2, 1100), is(2, "MAR", 1, 1100)]);
    assert_eq!(level(&store, "BASIL"), (400, 18));
    store.execute(&StartPreparation { by: None, order: id(1), now: now() }).unwrap();
    store.execute(&cancel(1, true)).unwrap();
    assert_eq!(needs(&store, 1).get(&stocked("BASIL")), Quantity(18));
}

#[test]
fn reductions_are_not_refused_for_later_minimums_and_hours() {
    let mut store = delivered(&["3 MAR M"]);
    update(&mut store, Changes { minimum: Some(Cents(4000)), ..Changes::default() });
    pause(&mut store);
    let promised = store.placed(id(1)).promised_at();
    store.execute(&change(1, &["2 MAR M"])).unwrap();
    assert_eq!(lines_of(&store), [is(1, "MAR", 2, 1100)]);
    // A smaller order keeps its promise.
    assert_eq!((store.placed(id(1)).promised_at(), store.placed(id(1)).promises.len()), (promised, 1));
    // The minimum of its placement still holds, and more is an order at this hour.
    let below = OrderError::BelowMinimum { subtotal: Cents(1100), minimum: Cents(1500) };
    refused(&mut store, &edit(&[], &[(1, 1)], &[]), below);
    refused(&mut store, &edit(&["1 COLA"], &[], &[]), OrderError::PizzeriaClosed);
}

#[test]
fn numbers_of_lines_stay_and_are_never_given_again() {
    let mut store = MemoryStore::demo();
    store.execute(&place(1, &["1 MAR M", "2 REI M", "1 COLA"])).unwrap();
    store.execute(&change(1, &["1 COLA", "3 REI M", "1 CAL M"])).unwrap();
    assert_eq!(lines_of(&store), [is(2, "REI", 3, 1250), is(3, "COLA", 1, 220), is(4, "CAL", 1, 1300)]);
    store.execute(&edit(&["1 WATER"], &[], &[4])).unwrap();
    assert_eq!(lines_of(&store).last(), Some(&is(5, "WATER", 1, 180)));
    refused(&mut store, &edit(&[], &[], &[4]), OrderError::UnknownLine { line: 4 });
    refused(&mut store, &edit(&[], &[(2, 4)], &[2]), {
        Refusal::all(vec![OrderError::UnknownLine { line: 2 }.into(); 2]).unwrap()
    });
    refused(&mut store, &edit(&[], &[], &[2, 3, 5]), OrderError::EmptyOrder);
    let at = |error| OrderError::Line { index: 1, part: order::LinePart::Quantity, error: Box::new(error) };
    refused(&mut store, &edit(&["1 COLA"], &[(2, 0)], &[]), at(OrderError::InvalidQuantity { max: 99 }));
}

fn note(number: u128, line: Option<u32>) -> NoteRef {
    let (id, purpose) = (crate::ids::NoteId(Uuid::from_u128(number)), NotePurpose::Kitchen);
    NoteRef { id, purpose, sha256: "00".repeat(32), line }
}

/// An order with a note on its second line.
fn noted() -> MemoryStore {
    let mut store = MemoryStore::demo();
    let notes = vec![note(1, None), note(2, Some(2))];
    store.execute(&crate::usecase::Noted { use_case: place(1, &["1 MAR M", "2 REI M"]), notes }).unwrap();
    store
}

fn notes_of(store: &MemoryStore) -> Vec<(u128, Option<u32>)> {
    store.placed(id(1)).notes.iter().map(|note| (note.id.0.as_u128(), note.line)).collect()
}

#[test]
fn lines_that_stay_keep_their_notes() {
    let mut store = noted();
    store.execute(&change(1, &["3 REI M", "1 MAR M", "1 MAR L"])).unwrap();
    assert_eq!(notes_of(&store), [(1, None), (2, Some(2))]);
    // A note is given by the index of its edit: a new line's, and another one for a line that stays.
    let notes = vec![note(3, Some(1)), note(4, Some(2))];
    let edits =
        LineEdits::ByLine { added: vec![line("1 COLA")], edited: vec![(2, None)], removed: Vec::new() };
    store.execute(&ChangeOrderLines { edits, notes, ..change(1, &[]) }).unwrap();
    assert_eq!(notes_of(&store), [(1, None), (3, Some(4)), (4, Some(2))]);
}

#[test]
fn notes_end_with_their_line_or_when_cleared() {
    let mut gone = noted();
    gone.execute(&change(1, &["1 MAR M"])).unwrap();
    assert_eq!(notes_of(&gone), [(1, None)]);
    let mut cleared = noted();
    let clear = ChangeOrderLines { unnoted: vec![2], ..change(1, &["1 MAR M", "2 REI M"]) };
    cleared.execute(&clear).unwrap();
    assert_eq!(notes_of(&cleared), [(1, None)]);
}
