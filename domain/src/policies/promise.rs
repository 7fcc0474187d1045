//! Promised times of orders. Pure: it never looks at a state. DOMAIN.md asks for a promised time and leaves
//! the figures open; these are this program's own.
//!
//! Work ahead of an order counts by pizzas, waiting or begun: only what leaves the kitchen makes a promise
//! earlier.

use chrono::{DateTime, TimeDelta, Utc};

use crate::order::{OrderStatus, PlacedOrder};

/// Base time of an order, in minutes.
const BASE_MIN: i64 = 15;
/// Time added by each pizza of the order, in minutes.
const A_PIZZA_MIN: i64 = 1;
/// Pizzas of other orders that the kitchen makes per minute.
const PIZZAS_AHEAD_A_MINUTE: u32 = 2;
/// Time added by a delivery, in minutes.
const DELIVERY_MIN: i64 = 8;
/// Time added by each begun kilometre, in minutes.
const A_KILOMETRE_MIN: i64 = 3;
/// Time added by each courier's turn for waiting deliveries, in minutes.
const A_COURIERS_TURN_MIN: i64 = 10;
/// Promises are rounded up to steps of this many minutes.
const STEP_MIN: i64 = 5;

/// Work ahead of a new order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KitchenLoad {
    /// Pizzas not yet baked, of waiting orders and orders in preparation.
    pub pizzas: u32,
    /// Deliveries that no courier has picked up.
    pub deliveries: u32,
    /// Couriers of the pizzeria; 0 counts as 1.
    pub couriers: u32,
}

/// Returns the pizzas that the kitchen still has to make: those of an accepted order that are not baked.
pub fn pizzas_left(order: &PlacedOrder) -> u32 {
    match order.status() {
        OrderStatus::Placed | OrderStatus::InPreparation => {
            let left = order.lines.iter().filter(|line| line.size.is_some() && !line.baked);
            left.fold(0, |pizzas: u32, line| pizzas.saturating_add(line.quantity))
        }
        OrderStatus::Refused
        | OrderStatus::AwaitingPayment
        | OrderStatus::Ready
        | OrderStatus::OutForDelivery
        | OrderStatus::Delivered
        | OrderStatus::NotDelivered
        | OrderStatus::Returned
        | OrderStatus::HandedOver
        | OrderStatus::Cancelled
        | OrderStatus::Expired => 0,
    }
}

/// Returns the promised time of an order of `pizzas` pizzas behind other work, `distance_m` metres away if it
/// is delivered, rounded up to full five minutes.
pub fn promise(
    now: DateTime<Utc>,
    pizzas: u32,
    ahead: KitchenLoad,
    distance_m: Option<u32>,
) -> DateTime<Utc> {
    let kitchen = i64::from(ahead.pizzas.div_ceil(PIZZAS_AHEAD_A_MINUTE));
    let minutes = BASE_MIN + A_PIZZA_MIN * i64::from(pizzas) + kitchen + road(ahead, distance_m);
    let earliest =
        TimeDelta::try_minutes(minutes).and_then(|wait| now.checked_add_signed(wait)).unwrap_or(now);
    round_up(earliest)
}

/// Returns the minutes that a delivery adds: the wait for a courier, and the ride.
fn road(ahead: KitchenLoad, distance_m: Option<u32>) -> i64 {
    let Some(metres) = distance_m else { return 0 };
    let turns = ahead.deliveries / ahead.couriers.max(1);
    A_COURIERS_TURN_MIN * i64::from(turns)
        + DELIVERY_MIN
        + A_KILOMETRE_MIN * i64::from(metres.div_ceil(1_000))
}

fn round_up(at: DateTime<Utc>) -> DateTime<Utc> {
    let step = STEP_MIN * 60_000;
    let past = at.timestamp_millis().rem_euclid(step);
    let missing = if past == 0 && at.timestamp_subsec_nanos() == 0 { 0 } else { step - past };
    let rounded = at.timestamp_millis().saturating_add(missing);
    DateTime::from_timestamp_millis(rounded).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn load(pizzas: u32, deliveries: u32, couriers: u32) -> KitchenLoad {
        KitchenLoad { pizzas, deliveries, couriers }
    }

    #[test]
    fn rounds_promises_up_to_five_minutes() {
        let noon = at("2026-03-02T12:00:00Z");
        for (pizzas, ahead, distance_m, expected) in [
            (0, load(0, 0, 0), None, "2026-03-02T12:15:00Z"),
            (1, load(0, 0, 0), None, "2026-03-02T12:20:00Z"), // 16
            (3, load(3, 0, 0), None, "2026-03-02T12:20:00Z"), // 20
            (2, load(0, 0, 0), Some(0), "2026-03-02T12:25:00Z"), // 25
            (2, load(0, 0, 0), Some(1), "2026-03-02T12:30:00Z"), // 28
            (2, load(0, 0, 0), Some(1_000), "2026-03-02T12:30:00Z"), // 28
            (2, load(0, 0, 0), Some(1_001), "2026-03-02T12:35:00Z"), // 31
            (1, load(80, 0, 3), Some(3_000), "2026-03-02T13:15:00Z"), // 73
            (2, load(0, 2, 3), Some(1_000), "2026-03-02T12:30:00Z"), // 28: a courier is free
            (2, load(0, 9, 3), Some(1_000), "2026-03-02T13:00:00Z"), // 58
            (2, load(0, 9, 3), None, "2026-03-02T12:20:00Z"), // 17: no courier is needed
            (2, load(0, 1, 0), Some(1_000), "2026-03-02T12:40:00Z"), // 38
        ] {
            assert_eq!(promise(noon, pizzas, ahead, distance_m), at(expected), "{pizzas} {ahead:?}");
        }
    }

    #[test]
    fn counts_work_ahead_by_pizzas() {
        let noon = at("2026-03-02T12:00:00Z");
        // Twelve orders of five pizzas.
        assert_eq!(promise(noon, 1, load(60, 0, 3), None), at("2026-03-02T12:50:00Z"));
    }

    #[test]
    fn rounds_fractions_of_a_second_up() {
        let none = KitchenLoad::default();
        assert_eq!(promise(at("2026-03-02T12:00:00.000001Z"), 0, none, None), at("2026-03-02T12:20:00Z"));
        assert_eq!(promise(at("2026-03-02T12:04:59Z"), 0, none, None), at("2026-03-02T12:20:00Z"));
    }

    #[test]
    fn does_not_overflow_with_a_huge_queue() {
        let absurd = load(u32::MAX, u32::MAX, 0);
        let promised = promise(DateTime::<Utc>::MAX_UTC, u32::MAX, absurd, Some(u32::MAX));
        assert_eq!(promised, DateTime::<Utc>::MAX_UTC);
    }

    proptest! {
        #[test]
        fn more_work_ahead_never_makes_a_promise_earlier(
            pizzas in 0..200_u32, ahead in 0..500_u32, more in 0..500_u32,
            deliveries in 0..50_u32, couriers in 0..9_u32, metres in proptest::option::of(0..9_000_u32),
        ) {
            let now = at("2026-03-02T12:00:00Z");
            let before = promise(now, pizzas, load(ahead, deliveries, couriers), metres);
            let after = promise(now, pizzas, load(ahead + more, deliveries + 1, couriers), metres);
            prop_assert!(before <= after);
        }
    }
}
