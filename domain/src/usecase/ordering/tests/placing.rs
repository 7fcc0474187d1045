//! Tests of placing: accepted, refused and stored, refused and not stored.

use super::*;
use crate::Quantity;
use crate::order::Missing;

#[test]
fn placing_appends_to_the_order_and_to_the_stock() {
    let mut store = MemoryStore::demo();
    let decision = store.execute(&place(1, &["2 CHV L", "1 COLA"])).unwrap();
    assert_eq!(decision.refusal, None);
    assert_eq!(names(&decision), ["OrderPlaced", "IngredientsReserved"]);
    assert_eq!(decision.events[0].0, StreamId::order(id(1)));
    assert_eq!(decision.events[1].0, StreamId::stock(&p1()));
    let order = store.placed(id(1));
    assert_eq!((order.number.as_str(), order.status()), ("P1-000001", OrderStatus::Placed));
    assert_eq!(store.stock(&p1()).reservation(id(1)), Some(&needs(&store, 1)));
    assert_eq!(level(&store, "GOAT_CHEESE"), (600, 204));
    assert_eq!(order.pricing.total, Cents(1750 * 2 + 220));
    assert_eq!((order.customer, order.contact), (place(1, &[]).customer, place(1, &[]).contact));
}

#[test]
fn numbers_orders_per_pizzeria() {
    let mut store = MemoryStore::demo();
    store.execute(&place(1, &["1 MAR M"])).unwrap();
    assert!(store.execute(&place(2, &["31 CAL M"])).unwrap().refusal.is_some());
    store.execute(&place(3, &["1 MAR M"])).unwrap();
    let elsewhere = PlaceOrder { pizzeria: "P2".parse().unwrap(), ..place(4, &["1 MAR M"]) };
    store.execute(&elsewhere).unwrap();
    assert_eq!(store.placed(id(3)).number, "P1-000002");
    assert_eq!(store.placed(id(4)).number, "P2-000001");
}

#[test]
fn stores_no_code_and_sets_deadlines_for_online_orders() {
    let mut store = MemoryStore::demo();
    let delivery = PlaceOrder { basket: basket(Delivery, &["2 MAR M"]), ..placed_online(1, &[]) };
    store.execute(&delivery).unwrap();
    store.execute(&place(2, &["2 MAR M"])).unwrap();
    let (delivery, takeaway) = (store.placed(id(1)), store.placed(id(2)));
    assert_eq!((delivery.delivery_code.as_deref(), delivery.distance_m), (None, Some(556)));
    assert_eq!((takeaway.delivery_code, takeaway.distance_m), (None, None));
    assert_eq!(delivery.progress, order::Progress::AwaitingPayment { expires_at: later(10) });
    assert_eq!(takeaway.progress, order::Progress::Placed { since: now() });
}

#[test]
fn promises_include_the_pizzas_ahead() {
    let mut store = MemoryStore::demo();
    for (number, pizzas) in [(1, 0), (2, 8), (3, 9), (4, 60)] {
        let load = KitchenLoad { pizzas, ..KitchenLoad::default() };
        let conditions = Conditions { load, ..Conditions::default() };
        store.execute(&PlaceOrder { conditions, ..place(number, &["1 MAR M"]) }).unwrap();
    }
    // 16, then 20, 21 and 46 minutes, to the next five.
    let promised = |number| (store.placed(id(number)).promised_at() - now()).num_minutes();
    assert_eq!([1, 2, 3, 4].map(promised), [20, 20, 25, 50]);
}

#[test]
fn stores_a_refusal_that_names_everything_missing() {
    let mut store = MemoryStore::demo();
    let asked = PlaceOrder {
        expected_total: Some(Cents(31 * 1300 + 61 * 220)),
        ..place(1, &["31 CAL M", "61 COLA"])
    };
    let decision = store.execute(&asked).unwrap();
    let missing: Vec<_> = [("COLA", 61, 60), ("EGG", 31, 30)]
        .into_iter()
        .map(|(code, needed, available)| Missing {
            ingredient: stocked(code),
            needed: Quantity(needed),
            available: Quantity(available),
        })
        .collect();
    let event = OrderEvent::OrderRefused {
        order: id(1),
        pizzeria: p1(),
        channel: OrderChannel::Web,
        customer: asked.customer,
        asked: vec![
            AskedLine { item: line("31 CAL M").item, size: line("31 CAL M").size, quantity: 31 },
            AskedLine { item: line("61 COLA").item, size: None, quantity: 61 },
        ],
        total: Cents(31 * 1300 + 61 * 220),
        missing: missing.clone(),
        at: now(),
    };
    assert_eq!(decision.events, [(StreamId::order(id(1)), Event::Order(event))]);
    assert_eq!(decision.refusal, Some(OrderError::InsufficientStock { missing }.into()));
    assert_eq!(store.order(id(1)).status(), Some(OrderStatus::Refused));
    assert_eq!(level(&store, "EGG"), (30, 0));
}

#[test]
fn other_refusals_store_nothing() {
    let mut store = MemoryStore::demo();
    refused(&mut store, &place(1, &[]), OrderError::EmptyOrder);
    let unknown = Box::new(OrderError::UnknownItem { item: "XXX".parse().unwrap() });
    let unknown = OrderError::Line { index: 0, part: order::LinePart::Item, error: unknown };
    refused(&mut store, &place(1, &["1 XXX M"]), unknown);
    refused(
        &mut store,
        &PlaceOrder { pizzeria: "P9".parse().unwrap(), ..place(1, &["1 MAR M"]) },
        PizzeriaError::NotFound,
    );
    refused(
        &mut store,
        &PlaceOrder { basket: basket(Delivery, &["1 MAR M"]), ..placed_online(1, &[]) },
        OrderError::BelowMinimum { subtotal: Cents(1100), minimum: Cents(1500) },
    );
    let nowhere = Basket { place: None, ..basket(Delivery, &["2 MAR M"]) };
    refused(
        &mut store,
        &PlaceOrder { basket: nowhere, ..placed_online(1, &[]) },
        OrderError::AddressRequired,
    );
    refused(
        &mut store,
        &PlaceOrder { expected_total: Some(Cents(1000)), ..place(1, &["1 MAR M"]) },
        OrderError::PriceChanged { expected: Cents(1000), actual: Cents(1100) },
    );
    pause(&mut store);
    refused(&mut store, &place(1, &["1 MAR M"]), OrderError::PizzeriaClosed);
    assert_eq!(store.order(id(1)), Order::NotPlaced);
}

#[test]
fn reports_other_obstacles_before_a_shortage() {
    let mut store = MemoryStore::demo();
    let missing = vec![Missing { ingredient: stocked("EGG"), needed: Quantity(31), available: Quantity(30) }];
    let dear = OrderError::PriceChanged { expected: Cents(1), actual: Cents(31 * 1300) };
    let wanting = OrderError::InsufficientStock { missing };
    let asked = PlaceOrder { expected_total: Some(Cents(1)), ..place(1, &["31 CAL M"]) };
    let several = |errors: &[&OrderError]| {
        Refusal::Several(errors.iter().map(|error| Refusal::from((*error).clone())).collect())
    };
    refused(&mut store, &asked, several(&[&dear, &wanting]));
    pause(&mut store);
    refused(&mut store, &asked, several(&[&OrderError::PizzeriaClosed, &dear, &wanting]));
}

#[test]
fn reports_contradictions_with_all_other_obstacles() {
    let mut store = MemoryStore::demo();
    let asked = PlaceOrder {
        basket: basket(Delivery, &["1 MAR M"]),
        channel: OrderChannel::Counter,
        ..place(1, &[])
    };
    let expected = [
        OrderError::ChannelNotAllowed { channel: OrderChannel::Counter },
        OrderError::PaymentNotAllowed { payment: PaymentIntent::AtCounter, fulfilment: Delivery },
        OrderError::BelowMinimum { subtotal: Cents(1100), minimum: Cents(1500) },
    ];
    refused(&mut store, &asked, Refusal::Several(expected.map(Refusal::from).to_vec()));
}

#[test]
fn rejects_a_second_placement_of_an_id() {
    let mut store = MemoryStore::demo();
    store.execute(&place(1, &["1 MAR M"])).unwrap();
    store.execute(&place(2, &["31 CAL M"])).unwrap();
    refused(&mut store, &place(1, &["1 MAR M"]), OrderError::AlreadyPlaced);
    refused(&mut store, &place(2, &["1 MAR M"]), OrderError::AlreadyPlaced);
}

#[test]
fn a_placed_order_keeps_its_prices_and_recipe_when_the_menu_changes() {
    let mut store = MemoryStore::demo();
    store.execute(&place(1, &["1 MAR M"])).unwrap();
    let before = store.placed(id(1));
    let changes = crate::menu::MenuChanges { withdrawn: vec!["MAR".parse().unwrap()], ..Default::default() };
    let event = crate::menu::MenuEvent::MenuPublished { version: 2, changes: Box::new(changes), at: now() };
    store.append(&StreamId::menu(), event.into());
    assert_eq!(store.placed(id(1)), before);
    let started = store.execute(&StartPreparation { by: None, order: id(1), now: now() }).unwrap();
    assert_eq!(names(&started), ["PreparationStarted", "ReservationConsumed"]);
    assert_eq!(level(&store, "BASIL"), (396, 0));
}

#[test]
fn sells_the_last_pizza_once() {
    let mut store = MemoryStore::demo();
    let outcomes: Vec<_> = (1..=64)
        .map(|number| store.execute(&place(number, &["16 CAL M"])).unwrap().refusal.is_none())
        .collect();
    assert_eq!(outcomes.iter().filter(|accepted| **accepted).count(), 1);
    assert!(outcomes[0]);
    assert_eq!(level(&store, "EGG"), (30, 16));
    let reserved = needs(&store, 1);
    assert_eq!(reserved.get(&stocked("EGG")), Quantity(16));
}
