//! When an order is promised for. Pure; DOMAIN.md asks for a promised time and leaves the figures
//! to us, so these are our own.

use chrono::{DateTime, TimeDelta, Utc};

/// What any order takes, in minutes.
const BASE_MIN: i64 = 15;
/// What each pizza of the order adds, in minutes.
const A_PIZZA_MIN: i64 = 1;
/// What each order that waits to be started adds, in minutes.
const A_WAITING_ORDER_MIN: i64 = 2;
/// What any delivery adds, in minutes.
const DELIVERY_MIN: i64 = 8;
/// What each kilometre to the door adds once it has begun, in minutes.
const A_KILOMETRE_MIN: i64 = 3;
/// Promises are for full steps of so many minutes of the clock.
const STEP_MIN: i64 = 5;

/// The promise for an order of `pizzas` pizzas behind `waiting` orders, `distance_m` metres away if
/// it is delivered: rounded up to the clock's next full five minutes.
pub fn promise(now: DateTime<Utc>, pizzas: u32, waiting: usize, distance_m: Option<u32>) -> DateTime<Utc> {
    let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
    let minutes = (BASE_MIN + A_PIZZA_MIN * i64::from(pizzas))
        .saturating_add(waiting.saturating_mul(A_WAITING_ORDER_MIN))
        .saturating_add(
            distance_m.map_or(0, |metres| DELIVERY_MIN + A_KILOMETRE_MIN * i64::from(metres.div_ceil(1_000))),
        );
    let earliest =
        TimeDelta::try_minutes(minutes).and_then(|wait| now.checked_add_signed(wait)).unwrap_or(now);
    round_up(earliest)
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
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_promise_adds_up_and_is_rounded_up_to_five_minutes_of_the_clock() {
        let noon = at("2026-03-02T12:00:00Z");
        for (pizzas, waiting, distance_m, expected) in [
            (0, 0, None, "2026-03-02T12:15:00Z"),
            (1, 0, None, "2026-03-02T12:20:00Z"),         // 16
            (3, 1, None, "2026-03-02T12:20:00Z"),         // 20
            (2, 0, Some(0), "2026-03-02T12:25:00Z"),      // 25
            (2, 0, Some(1), "2026-03-02T12:30:00Z"),      // 28
            (2, 0, Some(1_000), "2026-03-02T12:30:00Z"),  // 28
            (2, 0, Some(1_001), "2026-03-02T12:35:00Z"),  // 31
            (1, 20, Some(3_000), "2026-03-02T13:15:00Z"), // 73
        ] {
            assert_eq!(promise(noon, pizzas, waiting, distance_m), at(expected), "{pizzas} {waiting}");
        }
    }

    #[test]
    fn a_fraction_of_a_second_is_rounded_up_too() {
        assert_eq!(promise(at("2026-03-02T12:00:00.000001Z"), 0, 0, None), at("2026-03-02T12:20:00Z"));
        assert_eq!(promise(at("2026-03-02T12:04:59Z"), 0, 0, None), at("2026-03-02T12:20:00Z"));
    }

    #[test]
    fn an_absurd_queue_does_not_overflow() {
        assert_eq!(promise(DateTime::<Utc>::MAX_UTC, 1, usize::MAX, None), DateTime::<Utc>::MAX_UTC);
    }
}
