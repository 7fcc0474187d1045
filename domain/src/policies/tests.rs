//! Tests of which events lead to which use cases. The use cases' decisions are tested elsewhere.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::*;
use crate::delivery::{DeliveryEvent, DeliveryFailure, Proof};
use crate::ids::{DeliveryId, OrderId, StaffId};
use crate::order::{Fulfilment, OrderEvent, OrderStatus};

fn at() -> DateTime<Utc> {
    DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn order() -> OrderId {
    OrderId(Uuid::from_u128(1))
}

/// Returns the use cases that follow, by name and first stream.
fn follow(stream: &StreamId, event: impl Into<Event>) -> Vec<(&'static str, StreamId)> {
    let event = event.into();
    let asked = ALL.iter().flat_map(|policy| {
        let asked = (policy.follow)(stream, &event);
        assert!(asked.is_empty() || policy.follows == stream.kind, "{}", policy.name);
        asked
    });
    asked.map(|use_case| (use_case.name(), use_case.streams(&Default::default()).remove(0))).collect()
}

#[test]
fn schedules_only_ready_delivery_orders() {
    let stream = StreamId::order(order());
    let ready = |fulfilment| OrderEvent::OrderReady { fulfilment, at: at() };
    let delivery = StreamId::delivery(DeliveryId::of(order()));
    assert_eq!(follow(&stream, ready(Fulfilment::Delivery)), [("scheduleDelivery", delivery)]);
    assert_eq!(follow(&stream, ready(Fulfilment::Takeaway)), []);
    assert_eq!(follow(&stream, ready(Fulfilment::OnSite)), []);
    assert_eq!(follow(&stream, OrderEvent::OrderExpired { at: at() }), []);
}

#[test]
fn follows_a_deliverys_steps() {
    let (courier, at) = (StaffId(Uuid::from_u128(2)), at());
    let stream = StreamId::delivery(DeliveryId::of(order()));
    for (event, expected) in [
        (DeliveryEvent::DeliveryAssigned { courier, claimed: true, at }, None),
        (DeliveryEvent::DeliveryUnassigned { courier, at }, None),
        (DeliveryEvent::DeliveryPickedUp { courier, at }, Some("markOutForDelivery")),
        (DeliveryEvent::WrongCodeGiven { tries: 1, at }, None),
        (DeliveryEvent::DeliveryCompleted { courier, proof: Proof::Code, at }, Some("markDelivered")),
        (
            DeliveryEvent::DeliveryFailed { courier, reason: DeliveryFailure::Absent, at, note: None },
            Some("markNotDelivered"),
        ),
        (DeliveryEvent::DeliveryRetryScheduled { at }, None),
        (DeliveryEvent::DeliveryReturned { at }, Some("markReturned")),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|name| (name, stream.clone())).collect();
        assert_eq!(follow(&stream, event), expected);
    }
}

#[test]
fn ignores_streams_that_name_no_order() {
    let stream = StreamId::new(StreamType::Order, "not an id");
    assert_eq!(follow(&stream, OrderEvent::OrderReady { fulfilment: Fulfilment::Delivery, at: at() }), []);
}

#[test]
fn tells_repeated_steps_from_impossible_ones() {
    let status = OrderStatus::Delivered;
    assert!(already_done(&DeliveryError::AlreadyScheduled.into()));
    assert!(already_done(&OrderError::WrongState { status }.into()));
    assert!(already_done(&OrderError::AlreadyClosed { status }.into()));
    assert!(!already_done(&OrderError::NotFound.into()));
    assert!(!already_done(&DeliveryError::NotFound.into()));
}
