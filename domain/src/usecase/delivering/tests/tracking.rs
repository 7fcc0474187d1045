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

#[test]
fn orders_follow_their_delivery_idempotently() {
    let mut store = store();
    place(&mut store, 1, Fulfilment::Delivery);
    let start = store.log().len();
    make(&mut store, 1);
    react(&mut store, start);
    assert_eq!(state(&store, 1).scheduled().map(ScheduledDelivery::status), Some(DeliveryStatus::Scheduled));
    let at = now() + TimeDelta::minutes(9);
    let steps = [
        DeliveryCommand::Assign { courier: staff(1), claimed: true, now: now() },
        pick_up(),
        fail(),
        DeliveryCommand::Retry { by: None, now: now() },
        pick_up(),
        DeliveryCommand::Complete { by: None, proof: proof(CODE), now: at },
    ];
    for command in steps {
        let from = store.log().len();
        store.execute(&to_delivery(1, command)).unwrap();
        react(&mut store, from);
    }
    let of_the_order: Vec<OrderEvent> = store.log()[start..]
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Order(event) => Some(event.clone()),
            _ => None,
        })
        .collect();
    let (ready_at, out) = (now(), OrderEvent::OrderOutForDelivery { at: now() });
    assert_eq!(
        of_the_order,
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
    let from = store.log().len();
    store.execute(&claim(1, 1)).unwrap();
    for command in [pick_up(), fail(), DeliveryCommand::Return { by: None, now: now() }] {
        store.execute(&to_delivery(1, command)).unwrap();
    }
    react(&mut store, from);
    assert_eq!(store.placed(order(1)).status(), OrderStatus::Returned);
}

#[test]
fn rejects_tracking_an_unknown_delivery() {
    let step = TrackDelivery { delivery: delivery(1), step: DeliveryStep::PickedUp, now: now() };
    assert_eq!(store().execute(&step), Err(DeliveryError::NotFound.into()));
    assert_eq!(step.name(), "markOutForDelivery");
}
