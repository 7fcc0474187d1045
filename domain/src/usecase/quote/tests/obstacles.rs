//! Tests of obstacles: hours, delivery area, minimum, blocks and shortages.

use super::*;

#[test]
fn rejects_promises_after_closing_time() {
    let mut store = MemoryStore::demo();
    let changes = Changes { hours: Some(crate::demo_data::regular_hours()), ..Changes::default() };
    let event = PizzeriaEvent::PizzeriaUpdated { changes, at: MemoryStore::now() };
    store.append(&StreamId::pizzeria(&p1()), event.into());
    // A Monday, open until 22:30 in Paris.
    let closes_at: DateTime<Utc> = "2026-03-02T21:30:00Z".parse().unwrap();
    let obstacles = |minutes, pizzas: &str, load| {
        let now = closes_at - chrono::TimeDelta::minutes(minutes);
        let asked = basket(Takeaway, &[pizzas]);
        let stock = store.stock(&p1());
        quote(&store.menu(), &store.pizzeria(&p1()), &stock, &asked, load, now).unwrap().obstacles
    };
    let idle = KitchenLoad::default();
    let too_soon = |minutes| {
        vec![OrderError::ClosesTooSoon {
            closes_at,
            promised_at: closes_at + chrono::TimeDelta::minutes(minutes),
        }]
    };
    assert_eq!(obstacles(20, "1 MAR M", idle), vec![]);
    assert_eq!(obstacles(3, "40 MAR M", idle), too_soon(55));
    assert_eq!(obstacles(15, "1 MAR M", idle), too_soon(5));
    assert_eq!(obstacles(20, "1 MAR M", KitchenLoad { pizzas: 20, ..idle }), too_soon(10));
    assert_eq!(obstacles(0, "1 MAR M", idle), vec![OrderError::PizzeriaClosed]);
}

#[test]
fn rejects_items_without_a_vat_rate() {
    let store = MemoryStore::demo();
    let long_ago = "2013-12-31T22:59:59Z".parse().unwrap();
    let quote = |now| {
        quote(
            &store.menu(),
            &store.pizzeria(&p1()),
            &store.stock(&p1()),
            &basket(Takeaway, &["1 MAR M"]),
            KitchenLoad::default(),
            now,
        )
    };
    assert_eq!(
        quote(long_ago),
        Err(vec![at(0, LinePart::Item, OrderError::NoVatRate { item: item("MAR") })])
    );
    // A second later it is 2014 in Paris, where the rates begin, though not yet in UTC.
    assert!(quote(long_ago + chrono::TimeDelta::seconds(1)).is_ok());
}

#[test]
fn rejects_orders_while_closed_or_paused() {
    let mut closed = MemoryStore::demo();
    let changes = Changes { hours: Some(WeeklyHours::default()), ..Changes::default() };
    let event = PizzeriaEvent::PizzeriaUpdated { changes, at: MemoryStore::now() };
    closed.append(&StreamId::pizzeria(&p1()), event.into());
    obstacles(&closed, &basket(Takeaway, &["1 MAR M"]), &[OrderError::PizzeriaClosed]);

    let mut paused = MemoryStore::demo();
    let event = PizzeriaEvent::PizzeriaPaused {
        reason: crate::note::Reason::default(),
        until: None,
        at: MemoryStore::now(),
    };
    paused.append(&StreamId::pizzeria(&p1()), event.into());
    obstacles(&paused, &basket(Takeaway, &["1 MAR M"]), &[OrderError::PizzeriaClosed]);
}

#[test]
fn rejects_deliveries_without_an_address_in_reach() {
    let store = MemoryStore::demo();
    let to = |place| Basket { place, ..basket(Delivery, &["2 MAR M"]) };
    obstacles(&store, &to(None), &[OrderError::AddressRequired]);
    let far = Place::from_degrees(48.859, 2.379).unwrap();
    let distance_m = far.distance_m(store.pizzeria(&p1()).place);
    obstacles(&store, &to(Some(far)), &[OrderError::OutOfDeliveryArea { distance_m, radius_m: 3_000 }]);
    obstacles(&store, &Basket { place: Some(far), ..basket(Takeaway, &["2 MAR M"]) }, &[]);
}

#[test]
fn includes_the_edge_of_the_delivery_area() {
    for (radius_m, expected) in
        [(556, vec![]), (555, vec![OrderError::OutOfDeliveryArea { distance_m: 556, radius_m: 555 }])]
    {
        let mut store = MemoryStore::demo();
        let changes = Changes { radius_m: Some(radius_m), ..Changes::default() };
        let event = PizzeriaEvent::PizzeriaUpdated { changes, at: MemoryStore::now() };
        store.append(&StreamId::pizzeria(&p1()), event.into());
        assert_eq!(near().distance_m(store.pizzeria(&p1()).place), 556);
        obstacles(&store, &basket(Delivery, &["2 MAR M"]), &expected);
    }
}

#[test]
fn applies_the_minimum_to_deliveries_without_the_fee() {
    // With the fee of 2.90 it would be 17.30.
    let smaller = ["1 VEG S", "1 COLA", "1 COLA"];
    assert_eq!(quoted(&MemoryStore::demo(), &basket(Takeaway, &smaller)).unwrap().pricing.total, Cents(1440));
    obstacles(
        &MemoryStore::demo(),
        &basket(Delivery, &smaller),
        &[OrderError::BelowMinimum { subtotal: Cents(1440), minimum: Cents(1500) }],
    );
    obstacles(&MemoryStore::demo(), &basket(Takeaway, &smaller), &[]);
    obstacles(&MemoryStore::demo(), &basket(Delivery, &["1 MAR L"]), &[]); // exactly 15.00
}

#[test]
fn rejects_blocked_sizes() {
    let mut store = MemoryStore::demo();
    for (pizza, size) in [("MAR", Some(PizzaSize::L)), ("REI", None)] {
        let event = StockEvent::PizzaBlocked {
            pizza: item(pizza),
            size,
            reason: "oven".into(),
            at: MemoryStore::now(),
        };
        store.append(&StreamId::stock(&p1()), event.into());
    }
    let blocked = |code| OrderError::ItemBlocked { item: item(code) };
    obstacles(&store, &basket(Takeaway, &["1 MAR M"]), &[]);
    obstacles(
        &store,
        &basket(Takeaway, &["1 REI S", "1 MAR L", "1 REI M", "1 MAR M"]),
        &[blocked("MAR"), blocked("REI")],
    );
}

#[test]
fn names_every_missing_ingredient_with_quantities() {
    let store = MemoryStore::demo();
    let missing = |code, needed, available| Missing {
        ingredient: stocked(code),
        needed: Quantity(needed),
        available: Quantity(available),
    };
    // 31 eggs of 30, 61 colas of 60; over two lines each.
    let quote = quoted(&store, &basket(Takeaway, &["15 CAL L", "1 CAL S", "60 COLA", "1 COLA"])).unwrap();
    let expected = vec![missing("COLA", 61, 60), missing("EGG", 31, 30)];
    assert_eq!(quote.missing, expected);
    assert_eq!(quote.obstacles, [OrderError::InsufficientStock { missing: expected }]);
    obstacles(&store, &basket(Takeaway, &["15 CAL L", "60 COLA"]), &[]);
}

#[test]
fn lists_obstacles_in_the_order_of_the_checks() {
    let mut store = MemoryStore::demo();
    let event = PizzeriaEvent::PizzeriaPaused {
        reason: crate::note::Reason::default(),
        until: None,
        at: MemoryStore::now(),
    };
    store.append(&StreamId::pizzeria(&p1()), event.into());
    let event = StockEvent::PizzaBlocked {
        pizza: item("MAR"),
        size: None,
        reason: crate::note::Reason::default(),
        at: MemoryStore::now(),
    };
    store.append(&StreamId::stock(&p1()), event.into());
    let event = StockEvent::StockCounted {
        lines: vec![crate::stock::Counted {
            ingredient: stocked("BASIL"),
            expected: 400,
            counted: Quantity(0),
        }],
        at: MemoryStore::now(),
    };
    store.append(&StreamId::stock(&p1()), event.into());
    let quote = quoted(&store, &Basket { place: None, ..basket(Delivery, &["1 MAR M"]) }).unwrap();
    assert_eq!(
        quote.obstacles,
        [
            OrderError::PizzeriaClosed,
            OrderError::AddressRequired,
            OrderError::BelowMinimum { subtotal: Cents(1100), minimum: Cents(1500) },
            OrderError::ItemBlocked { item: item("MAR") },
            OrderError::InsufficientStock { missing: quote.missing.clone() },
        ]
    );
}
