//! Tests of orders that follow their deliveries.

use super::*;

/// Runs every policy over the log, from an index on, as a reactor does.
fn react(store: &mut MemoryStore, from: usize) {
    let mut next = from;
    while let Some((stream, event)) = store.log().get(next).cloned() {
        for policies::Policy { follow, .. } in policies::ALL {
            for use_case in follow(&stream, &event) {
                if let Err(refusal) = store.execute(use_case.as_ref()) {
                    assert!(policies::already_done(&refusal), "{refusal:?}");
                }
            }
        }
        next += 1;
    }
}

/// Returns the events of the order, from an index of the log on.
fn of_the_order(store: &MemoryStore, from: usize) -> Vec<OrderEvent> {
    let events = store.log()[from..].iter().filter_map(|(_, event)| match event {
        Event::Order(event) => Some(event.clone()),
        _ => None,
    });
    events.collect()
}

#[test]
fn an_order_takes_each_step_of_its_delivery_in_the_same_decision() {
    let mut store = store();
    place(&mut store, 1, Fulfilment::Delivery);
    let start = store.log().len();
    make(&mut store, 1);
    react(&mut store, start);
    assert_eq!(state(&store, 1).scheduled().map(ScheduledDelivery::status), Some(DeliveryStatus::Scheduled));
    let at = now() + TimeDelta::minutes(9);
    let complete = DeliveryCommand::Complete { by: None, proof: proof(CODE), now: at };
    let retry = DeliveryCommand::Retry { by: None, now: now() };
    for (command, status, steps) in [
        (DeliveryCommand::Assign { courier: staff(1), claimed: true, now: now() }, OrderStatus::Ready, 0),
        (pick_up(), OrderStatus::OutForDelivery, 1),
        (fail(), OrderStatus::NotDelivered, 1),
        (retry, OrderStatus::NotDelivered, 0),
        (pick_up(), OrderStatus::OutForDelivery, 1),
        (code("9999"), OrderStatus::OutForDelivery, 0),
        (complete, OrderStatus::Delivered, 1),
    ] {
        let from = store.log().len();
        let decision = store.execute(&to_delivery(1, command)).unwrap();
        let of_order = decision.events.iter().filter(|(stream, _)| *stream == StreamId::order(order(1)));
        assert_eq!((of_order.count(), store.placed(order(1)).status()), (steps, status));
        // No reactor follows.
        let length = store.log().len();
        react(&mut store, from);
        assert_eq!(store.log().len(), length);
    }
    let (ready_at, out) = (now(), OrderEvent::OrderOutForDelivery { at: now() });
    assert_eq!(
        of_the_order(&store, start),
        [
            OrderEvent::PreparationStarted { by: None, at: now() },
            OrderEvent::OrderReady { fulfilment: Fulfilment::Delivery, at: ready_at },
            out.clone(),
            OrderEvent::OrderNotDelivered { reason: DeliveryFailure::Absent, at: now() },
            out,
            OrderEvent::OrderDelivered { at },
        ]
    );
    let length = store.log().len();
    react(&mut store, 0);
    assert_eq!(store.log().len(), length);
}

#[test]
fn a_returned_delivery_returns_its_order() {
    let mut store = store();
    ready(&mut store, 1);
    store.execute(&claim(1, 1)).unwrap();
    for command in [pick_up(), fail(), DeliveryCommand::Return { by: None, now: now() }] {
        store.execute(&to_delivery(1, command)).unwrap();
    }
    assert_eq!(store.placed(order(1)).status(), OrderStatus::Returned);
}

/// Stores a delivery's step as release 0.1 did: without the order's.
fn alone(store: &mut MemoryStore, command: DeliveryCommand) {
    for event in delivery::decide(&state(store, 1), command).unwrap() {
        let mut event = event;
        match &mut event {
            DeliveryEvent::DeliveryPickedUp { joint, .. }
            | DeliveryEvent::DeliveryCompleted { joint, .. }
            | DeliveryEvent::DeliveryFailed { joint, .. }
            | DeliveryEvent::DeliveryReturned { joint, .. } => *joint = false,
            _ => {}
        }
        store.append(&StreamId::delivery(delivery(1)), event.into());
    }
}

fn at(minutes: i64) -> DateTime<Utc> {
    now() + TimeDelta::minutes(minutes)
}

fn pick_up_at(minutes: i64) -> DeliveryCommand {
    DeliveryCommand::PickUp { by: None, now: at(minutes) }
}

fn fail_at(minutes: i64) -> DeliveryCommand {
    DeliveryCommand::Fail { by: None, reason: DeliveryFailure::Absent, now: at(minutes) }
}

#[test]
fn orders_catch_up_with_steps_that_release_0_1_stored_alone() {
    let returned = DeliveryCommand::Return { by: None, now: at(3) };
    let completed = DeliveryCommand::Complete { by: None, proof: proof(CODE), now: at(3) };
    for (commands, status) in [
        (vec![pick_up_at(1)], OrderStatus::OutForDelivery),
        (vec![pick_up_at(1), fail_at(2)], OrderStatus::NotDelivered),
        (vec![pick_up_at(1), fail_at(2), returned], OrderStatus::Returned),
        (vec![pick_up_at(1), completed], OrderStatus::Delivered),
    ] {
        let mut store = store();
        ready(&mut store, 1);
        store.execute(&claim(1, 1)).unwrap();
        let from = store.log().len();
        commands.into_iter().for_each(|command| alone(&mut store, command));
        react(&mut store, from);
        assert_eq!((store.placed(order(1)).status(), store.placed(order(1)).out_at), (status, Some(at(1))));
        let length = store.log().len();
        react(&mut store, from);
        assert_eq!(store.log().len(), length, "a replay adds nothing");
    }
}

#[test]
fn the_next_step_brings_along_what_the_order_missed() {
    let mut store = store();
    ready(&mut store, 1);
    store.execute(&claim(1, 1)).unwrap();
    alone(&mut store, pick_up_at(1));
    alone(&mut store, fail_at(2));
    let from = store.log().len();
    store.execute(&to_delivery(1, DeliveryCommand::Return { by: None, now: at(3) })).unwrap();
    let expected = [
        OrderEvent::OrderOutForDelivery { at: at(1) },
        OrderEvent::OrderNotDelivered { reason: DeliveryFailure::Absent, at: at(2) },
        OrderEvent::OrderReturned { at: at(3) },
    ];
    assert_eq!(of_the_order(&store, from), expected);
}

#[test]
fn refuses_a_step_that_the_order_cannot_take() {
    let mut store = store();
    ready(&mut store, 1);
    store.execute(&claim(1, 1)).unwrap();
    let cancelled = OrderEvent::OrderCancelled { reason: order::CancelReason::Other, note: None, at: now() };
    store.append(&StreamId::order(order(1)), cancelled.into());
    let refusal = OrderError::WrongState { status: OrderStatus::Cancelled };
    assert_eq!(store.execute(&to_delivery(1, pick_up())), Err(refusal.into()));
    let catching_up = CatchUpWithDelivery { delivery: delivery(2) };
    assert_eq!(store.execute(&catching_up), Err(DeliveryError::NotFound.into()));
}
