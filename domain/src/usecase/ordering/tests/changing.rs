//! Tests of changed lines: prices, reservation and obstacles.

use super::*;
use crate::Quantity;
use crate::money::Cents;
use crate::order::Missing;
use crate::pizzeria::Changes;

fn change(number: u128, lines: &[&str]) -> ChangeOrderLines {
    ChangeOrderLines {
        order: id(number),
        lines: lines.iter().map(|text| line(text)).collect(),
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
        reason: String::new(),
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
