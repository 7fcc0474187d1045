use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Europe::Paris;

use super::*;
use crate::ids::{LogPosition, PizzeriaId};
use crate::money::Cents;
use crate::order::PaymentMethod;
use crate::testing::given;
use crate::vat::{VatPart, VatRate};

mod properties;

fn p1() -> PizzeriaId {
    "P1".parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn totals(placed: u64, gross: i64) -> Totals {
    let (net, tax) = (Cents(gross - gross / 11), Cents(gross / 11));
    let method = PaymentMethod::Card;
    Totals {
        placed,
        gross: Cents(gross),
        vat: vec![VatPart { rate: VatRate(1_000), net, tax, gross: Cents(gross) }],
        payments: vec![PaymentTotal { method, captured: Cents(gross), refunded: Cents::ZERO }],
        ..Totals::default()
    }
}

fn close(on: &str, after: i64, upto: i64, totals: Totals) -> ClosingCommand {
    ClosingCommand::CloseDay {
        pizzeria: p1(),
        day: day(on),
        after: LogPosition(after),
        upto: LogPosition(upto),
        totals,
        head: None,
        now: at("2026-03-03T03:01:00Z"),
    }
}

fn closed(on: &str, number: u32, part: (i64, i64), totals: Totals, cumulative: Totals) -> ClosingEvent {
    let closing = DayClosing {
        pizzeria: p1(),
        day: day(on),
        number,
        after: LogPosition(part.0),
        upto: LogPosition(part.1),
        totals,
        cumulative,
        head: None,
    };
    ClosingEvent::DayClosed { closing: Box::new(closing), at: at("2026-03-03T03:01:00Z") }
}

fn monday() -> ClosingEvent {
    closed("2026-03-02", 1, (0, 90), totals(2, 2_200), totals(2, 2_200))
}

#[test]
fn closes_a_day_with_daily_and_cumulative_figures() {
    given::<Closing>([])
        .when(|state| decide(state, close("2026-03-02", 0, 90, totals(2, 2_200))))
        .then([monday()]);
    let tuesday = closed("2026-03-03", 2, (90, 250), totals(1, 1_100), totals(3, 3_300));
    let state = given::<Closing>([monday()])
        .when(|state| decide(state, close("2026-03-03", 90, 250, totals(1, 1_100))))
        .then([tuesday]);
    assert_eq!((state.number, state.upto, state.cumulative), (2, LogPosition(250), totals(3, 3_300)));
}

#[test]
fn closes_a_day_without_events() {
    let nothing = closed("2026-03-03", 2, (90, 90), Totals::default(), totals(2, 2_200));
    given::<Closing>([monday()])
        .when(|state| decide(state, close("2026-03-03", 90, 90, Totals::default())))
        .then([nothing]);
}

#[test]
fn rejects_closing_a_day_twice_or_out_of_order() {
    for on in ["2026-03-02", "2026-03-01"] {
        given::<Closing>([monday()])
            .when(|state| decide(state, close(on, 90, 91, Totals::default())))
            .then_err(ClosingError::AlreadyClosed { day: day("2026-03-02") });
    }
}

#[test]
fn rejects_a_part_of_the_log_that_does_not_follow_the_last() {
    for (after, upto) in [(89, 250), (91, 250), (0, 250), (90, 89)] {
        given::<Closing>([monday()])
            .when(|state| decide(state, close("2026-03-03", after, upto, Totals::default())))
            .then_err(ClosingError::NotNext);
    }
}

#[test]
fn business_days_end_at_four_local_time() {
    for (on, end) in [
        ("2026-03-02", "2026-03-03T03:00:00Z"),
        // The nights of 29 March and 25 October 2026, when clocks change: 23 and 25 hours.
        ("2026-03-27", "2026-03-28T03:00:00Z"),
        ("2026-03-28", "2026-03-29T02:00:00Z"),
        ("2026-10-23", "2026-10-24T02:00:00Z"),
        ("2026-10-24", "2026-10-25T03:00:00Z"),
    ] {
        let end = at(end);
        assert_eq!(business_day_end(day(on), Paris), Some(end), "{on}");
        assert_eq!(business_day(end - chrono::TimeDelta::microseconds(1), Paris), day(on));
        assert_eq!(business_day(end, Paris), day(on).succ_opt().unwrap());
    }
    // Cairo once skipped from 00:00 to 01:00; Lord Howe moves its clocks by half an hour.
    for zone in [chrono_tz::Africa::Cairo, chrono_tz::Australia::Lord_Howe] {
        for on in (0..400).map(|n| day("2026-01-01") + chrono::Days::new(n)) {
            let end = business_day_end(on, zone).unwrap();
            assert_eq!(business_day(end, zone), on.succ_opt().unwrap(), "{zone} {on}");
        }
    }
}
