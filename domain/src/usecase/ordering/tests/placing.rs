//! Placing: accepted, refused with a trace, refused without one.

use super::*;
use crate::order::Missing;
use crate::{Ingredients, Quantity};

#[test]
fn placing_appends_to_the_order_and_to_the_stock() {
    let mut world = World::demo();
    let decision = world.execute(&place(1, &["2 CHV L", "1 COLA"])).unwrap();
    assert_eq!(decision.refusal, None);
    assert_eq!(names(&decision), ["OrderPlaced", "IngredientsReserved"]);
    assert_eq!(decision.events[0].0, StreamId::order(id(1)));
    assert_eq!(decision.events[1].0, StreamId::stock(&p1()));
    let order = world.placed(id(1));
    assert_eq!((order.number.as_str(), order.status()), ("P1-000001", OrderStatus::Placed));
    assert_eq!(world.stock(&p1()).reservation(id(1)), Some(&order.needs));
    assert_eq!(level(&world, "GOAT_CHEESE"), (600, 204));
    assert_eq!(order.pricing.total, Cents(1750 * 2 + 220));
    assert_eq!((order.customer, order.contact), (place(1, &[]).customer, place(1, &[]).contact));
}

#[test]
fn numbers_count_the_accepted_orders_of_a_pizzeria() {
    let mut world = World::demo();
    world.execute(&place(1, &["1 MAR M"])).unwrap();
    assert!(world.execute(&place(2, &["31 CAL M"])).unwrap().refusal.is_some());
    world.execute(&place(3, &["1 MAR M"])).unwrap();
    let elsewhere = PlaceOrder { pizzeria: "P2".parse().unwrap(), ..place(4, &["1 MAR M"]) };
    world.execute(&elsewhere).unwrap();
    assert_eq!(world.placed(id(3)).number, "P1-000002");
    assert_eq!(world.placed(id(4)).number, "P2-000001");
}

#[test]
fn only_a_delivery_has_a_code_and_a_distance_and_only_an_online_order_a_deadline() {
    let mut world = World::demo();
    let delivery = PlaceOrder { basket: basket(Delivery, &["2 MAR M"]), ..placed_online(1, &[]) };
    world.execute(&delivery).unwrap();
    world.execute(&place(2, &["2 MAR M"])).unwrap();
    let (delivery, takeaway) = (world.placed(id(1)), world.placed(id(2)));
    assert_eq!((delivery.delivery_code.as_deref(), delivery.distance_m), (Some("0042"), Some(556)));
    assert_eq!((takeaway.delivery_code, takeaway.distance_m), (None, None));
    assert_eq!(delivery.progress, order::Progress::AwaitingPayment { expires_at: later(10) });
    assert_eq!(takeaway.progress, order::Progress::Placed { since: now() });
}

#[test]
fn a_promise_waits_for_the_pizzas_ahead() {
    let mut world = World::demo();
    for (number, pizzas) in [(1, 0), (2, 8), (3, 9), (4, 60)] {
        let load = KitchenLoad { pizzas, ..KitchenLoad::default() };
        let conditions = Conditions { load, ..Conditions::default() };
        world.execute(&PlaceOrder { conditions, ..place(number, &["1 MAR M"]) }).unwrap();
    }
    // 16, then 20, 21 and 46 minutes, to the next five.
    let promised = |number| (world.placed(id(number)).promised_at() - now()).num_minutes();
    assert_eq!([1, 2, 3, 4].map(promised), [20, 20, 25, 50]);
}

#[test]
fn a_want_of_stock_is_a_fact_that_names_everything_missing() {
    let mut world = World::demo();
    let asked = PlaceOrder {
        expected_total: Some(Cents(31 * 1300 + 61 * 220)),
        ..place(1, &["31 CAL M", "61 COLA"])
    };
    let decision = world.execute(&asked).unwrap();
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
    assert_eq!(world.order(id(1)).status(), Some(OrderStatus::Refused));
    assert_eq!(level(&world, "EGG"), (30, 0));
}

#[test]
fn other_refusals_store_nothing() {
    let mut world = World::demo();
    refused(&mut world, &place(1, &[]), OrderError::EmptyOrder);
    let unknown = Box::new(OrderError::UnknownItem { item: "XXX".parse().unwrap() });
    let unknown = OrderError::Line { index: 0, part: order::LinePart::Item, error: unknown };
    refused(&mut world, &place(1, &["1 XXX M"]), unknown);
    refused(
        &mut world,
        &PlaceOrder { pizzeria: "P9".parse().unwrap(), ..place(1, &["1 MAR M"]) },
        PizzeriaError::NotFound,
    );
    refused(
        &mut world,
        &PlaceOrder { basket: basket(Delivery, &["1 MAR M"]), ..placed_online(1, &[]) },
        OrderError::BelowMinimum { subtotal: Cents(1100), minimum: Cents(1500) },
    );
    let nowhere = Basket { place: None, ..basket(Delivery, &["2 MAR M"]) };
    refused(
        &mut world,
        &PlaceOrder { basket: nowhere, ..placed_online(1, &[]) },
        OrderError::AddressRequired,
    );
    refused(
        &mut world,
        &PlaceOrder { expected_total: Some(Cents(1000)), ..place(1, &["1 MAR M"]) },
        OrderError::PriceChanged { expected: Cents(1000), actual: Cents(1100) },
    );
    pause(&mut world);
    refused(&mut world, &place(1, &["1 MAR M"]), OrderError::PizzeriaClosed);
    assert_eq!(world.order(id(1)), Order::NotPlaced);
}

#[test]
fn another_obstacle_or_price_comes_before_a_want_of_stock_and_all_are_said() {
    let mut world = World::demo();
    let missing = vec![Missing { ingredient: stocked("EGG"), needed: Quantity(31), available: Quantity(30) }];
    let dear = OrderError::PriceChanged { expected: Cents(1), actual: Cents(31 * 1300) };
    let wanting = OrderError::InsufficientStock { missing };
    let asked = PlaceOrder { expected_total: Some(Cents(1)), ..place(1, &["31 CAL M"]) };
    let several = |errors: &[&OrderError]| {
        Refusal::Several(errors.iter().map(|error| Refusal::from((*error).clone())).collect())
    };
    refused(&mut world, &asked, several(&[&dear, &wanting]));
    pause(&mut world);
    refused(&mut world, &asked, several(&[&OrderError::PizzeriaClosed, &dear, &wanting]));
}

#[test]
fn what_contradicts_itself_is_refused_with_everything_else() {
    let mut world = World::demo();
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
    refused(&mut world, &asked, Refusal::Several(expected.map(Refusal::from).to_vec()));
}

#[test]
fn an_id_is_placed_once_accepted_or_refused() {
    let mut world = World::demo();
    world.execute(&place(1, &["1 MAR M"])).unwrap();
    world.execute(&place(2, &["31 CAL M"])).unwrap();
    refused(&mut world, &place(1, &["1 MAR M"]), OrderError::AlreadyPlaced);
    refused(&mut world, &place(2, &["1 MAR M"]), OrderError::AlreadyPlaced);
}

#[test]
fn a_placed_order_keeps_its_prices_and_recipe_when_the_menu_changes() {
    let mut world = World::demo();
    world.execute(&place(1, &["1 MAR M"])).unwrap();
    let before = world.placed(id(1));
    let changes = crate::menu::MenuChanges { withdrawn: vec!["MAR".parse().unwrap()], ..Default::default() };
    let event = crate::menu::MenuEvent::MenuPublished { version: 2, changes: Box::new(changes), at: now() };
    world.append(&StreamId::menu(), event.into());
    assert_eq!(world.placed(id(1)), before);
    let started = world.execute(&StartPreparation { order: id(1), now: now() }).unwrap();
    assert_eq!(names(&started), ["PreparationStarted", "ReservationConsumed"]);
    assert_eq!(level(&world, "BASIL"), (396, 0));
}

#[test]
fn the_last_one_goes_to_one() {
    let mut world = World::demo();
    let outcomes: Vec<_> = (1..=64)
        .map(|number| world.execute(&place(number, &["16 CAL M"])).unwrap().refusal.is_none())
        .collect();
    assert_eq!(outcomes.iter().filter(|accepted| **accepted).count(), 1);
    assert!(outcomes[0]);
    assert_eq!(level(&world, "EGG"), (30, 16));
    let reserved: Ingredients = world.placed(id(1)).needs;
    assert_eq!(reserved.get(&stocked("EGG")), Quantity(16));
}
