//! Tests of which events lead to which use cases. The use cases' decisions are tested elsewhere.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::*;
use crate::delivery::{DeliveryEvent, DeliveryFailure, Proof};
use crate::ids::{DeliveryId, OrderId, StaffId};
use crate::order::{Fulfilment, OrderError, OrderEvent, OrderStatus};

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
fn orders_catch_up_only_with_steps_that_release_0_1_stored_alone() {
    let (courier, at, note) = (StaffId(Uuid::from_u128(2)), at(), None);
    let (proof, reason) = (Proof::Code, DeliveryFailure::Absent);
    let stream = StreamId::delivery(DeliveryId::of(order()));
    let steps = |joint| {
        [
            DeliveryEvent::DeliveryPickedUp { courier, joint, at },
            DeliveryEvent::DeliveryCompleted { courier, proof: proof.clone(), joint, at },
            DeliveryEvent::DeliveryFailed { courier, reason, note: note.clone(), joint, at },
            DeliveryEvent::DeliveryReturned { joint, at },
        ]
    };
    for event in steps(false) {
        assert_eq!(follow(&stream, event), [("catchUpWithDelivery", stream.clone())]);
    }
    let others = [
        DeliveryEvent::DeliveryAssigned { courier, claimed: true, at },
        DeliveryEvent::DeliveryUnassigned { courier, at },
        DeliveryEvent::WrongCodeGiven { tries: 1, at },
        DeliveryEvent::DeliveryRetryScheduled { at },
    ];
    for event in steps(true).into_iter().chain(others) {
        assert_eq!(follow(&stream, event), []);
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
    assert!(!already_done(&OrderError::WrongState { status }.into()));
    assert!(!already_done(&OrderError::AlreadyClosed { status }.into()));
    assert!(!already_done(&OrderError::NotFound.into()));
    assert!(!already_done(&DeliveryError::NotFound.into()));
}
