//! When an order is promised for. Pure; DOMAIN.md asks for a promised time and leaves the figures
//! to us, so these are our own.
//!
//! Work ahead of an order counts by pizzas, whether it waits or has begun: beginning it makes no promise
//! earlier, and only what leaves the kitchen does.

use chrono::{DateTime, TimeDelta, Utc};

use crate::order::{OrderStatus, PlacedOrder};

/// What any order takes, in minutes.
const BASE_MIN: i64 = 15;
/// What each pizza of the order adds, in minutes.
const A_PIZZA_MIN: i64 = 1;
/// Pizzas of other orders that the kitchen makes in a minute.
const PIZZAS_AHEAD_A_MINUTE: u32 = 2;
/// What any delivery adds, in minutes.
const DELIVERY_MIN: i64 = 8;
/// What each kilometre to the door adds once it has begun, in minutes.
const A_KILOMETRE_MIN: i64 = 3;
/// What a waiting delivery adds for each courier's turn, in minutes.
const A_COURIERS_TURN_MIN: i64 = 10;
/// Promises are for full steps of so many minutes of the clock.
const STEP_MIN: i64 = 5;

/// The work ahead of a new order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KitchenLoad {
    /// Pizzas that are not out of the oven, of orders that wait and of orders in preparation.
    pub pizzas: u32,
    /// Deliveries that no courier has left with.
    pub deliveries: u32,
    /// Couriers of the pizzeria; none counts as one.
    pub couriers: u32,
}

/// The pizzas of an order that the kitchen has still to make: those of an accepted order that are not out of the
/// oven. Beginning the order changes nothing about it.
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

/// The promise for an order of `pizzas` pizzas behind other work, `distance_m` metres away if
/// it is delivered: rounded up to the clock's next full five minutes.
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

/// What the way to the door adds, in minutes: the wait for a courier, and the ride.
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
    fn a_promise_adds_up_and_is_rounded_up_to_five_minutes_of_the_clock() {
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
    fn work_ahead_counts_by_pizzas_and_not_by_orders() {
        let noon = at("2026-03-02T12:00:00Z");
        // Twelve orders of five pizzas.
        assert_eq!(promise(noon, 1, load(60, 0, 3), None), at("2026-03-02T12:50:00Z"));
    }

    #[test]
    fn a_fraction_of_a_second_is_rounded_up_too() {
        let none = KitchenLoad::default();
        assert_eq!(promise(at("2026-03-02T12:00:00.000001Z"), 0, none, None), at("2026-03-02T12:20:00Z"));
        assert_eq!(promise(at("2026-03-02T12:04:59Z"), 0, none, None), at("2026-03-02T12:20:00Z"));
    }

    #[test]
    fn an_absurd_queue_does_not_overflow() {
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
