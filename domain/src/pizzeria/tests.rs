//! Tests of decide and evolve: given events, when a command, then events or a refusal.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;
use crate::demo_data;
use crate::money::Cents;
use crate::testing::{MemoryStore, given};

fn now() -> DateTime<Utc> {
    MemoryStore::now()
}

fn later(minutes: i64) -> DateTime<Utc> {
    now() + TimeDelta::minutes(minutes)
}

fn opening() -> Opening {
    Opening { hours: demo_data::regular_hours(), ..demo_data::pizzerias().remove(0) }
}

fn opened() -> PizzeriaEvent {
    PizzeriaEvent::PizzeriaOpened { opening: Box::new(opening()), at: now() }
}

fn paused(until: Option<DateTime<Utc>>) -> PizzeriaEvent {
    PizzeriaEvent::PizzeriaPaused { reason: "oven".into(), until, at: now() }
}

fn does(command: PizzeriaCommand) -> impl FnOnce(&Pizzeria) -> Result<Vec<PizzeriaEvent>, PizzeriaError> {
    |state| decide(state, command)
}

fn open(opening: Opening) -> PizzeriaCommand {
    PizzeriaCommand::Open { opening: Box::new(opening), now: now() }
}

fn update(changes: Changes) -> PizzeriaCommand {
    PizzeriaCommand::Update { changes, days: WeeklyHours::default(), closed: Vec::new(), now: now() }
}

fn pause(until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> PizzeriaCommand {
    PizzeriaCommand::Pause { reason: "oven".into(), until, now }
}

#[test]
fn opens_once() {
    let pizzeria = given([]).when(does(open(opening()))).then([opened()]);
    assert!(pizzeria.opened().unwrap().takes_orders(now()));
    given([opened()]).when(does(open(opening()))).then_err(PizzeriaError::AlreadyOpened);
}

#[test]
fn rejects_opening_data_out_of_range() {
    let long = "é".repeat(201);
    for (opening, field) in [
        (Opening { name: String::new(), ..opening() }, "name"),
        (Opening { name: "  ".into(), ..opening() }, "name"),
        (Opening { name: long.clone(), ..opening() }, "name"),
        (Opening { address: long, ..opening() }, "address"),
        (Opening { radius_m: 50_001, ..opening() }, "radius_m"),
        (Opening { delivery_fee: Cents(-1), ..opening() }, "delivery_fee"),
        (Opening { minimum: Cents(Cents::MAX_INPUT.0 + 1), ..opening() }, "minimum"),
    ] {
        given([]).when(does(open(opening))).then_err(PizzeriaError::OutOfRange { field: field.into() });
    }
    let widest = Opening {
        name: "é".repeat(200),
        radius_m: 50_000,
        delivery_fee: Cents(0),
        minimum: Cents::MAX_INPUT,
        ..opening()
    };
    let event = PizzeriaEvent::PizzeriaOpened { opening: Box::new(widest.clone()), at: now() };
    given([]).when(does(open(widest))).then([event]);
}

#[test]
fn updates_only_the_named_values() {
    let changes = Changes { minimum: Some(Cents(2000)), ..Changes::default() };
    let event = PizzeriaEvent::PizzeriaUpdated { changes: changes.clone(), at: now() };
    let pizzeria = given([opened()]).when(does(update(changes))).then([event]);
    let pizzeria = pizzeria.opened().unwrap();
    assert_eq!((pizzeria.minimum, pizzeria.delivery_fee), (Cents(2000), Cents(290)));
}

#[test]
fn rejects_empty_or_invalid_updates() {
    given([opened()]).when(does(update(Changes::default()))).then_err(PizzeriaError::NothingToChange);
    for (changes, field) in [
        (Changes { name: Some(String::new()), ..Changes::default() }, "name"),
        (Changes { radius_m: Some(50_001), ..Changes::default() }, "radius_m"),
        (Changes { delivery_fee: Some(Cents(-1)), ..Changes::default() }, "delivery_fee"),
        (Changes { minimum: Some(Cents(-1)), ..Changes::default() }, "minimum"),
    ] {
        given([opened()])
            .when(does(update(changes)))
            .then_err(PizzeriaError::OutOfRange { field: field.into() });
    }
}

#[test]
fn pauses_until_the_end_or_a_resume() {
    let until = Some(later(30));
    let pizzeria = given([opened()]).when(does(pause(until, now()))).then([paused(until)]);
    let takes = |minutes| pizzeria.opened().unwrap().takes_orders(later(minutes));
    assert_eq!((takes(0), takes(29), takes(30)), (false, false, true));

    let resumed = PizzeriaEvent::PizzeriaResumed { at: later(5) };
    let pizzeria =
        given([opened(), paused(None)]).when(does(PizzeriaCommand::Resume { now: later(5) })).then([resumed]);
    assert!(pizzeria.opened().unwrap().takes_orders(later(5)));
}

#[test]
fn rejects_repeated_and_past_pauses() {
    given([opened(), paused(None)]).when(does(pause(None, later(1)))).then_err(PizzeriaError::AlreadyPaused);
    let until = Some(later(30));
    given([opened(), paused(until)])
        .when(does(pause(until, later(1))))
        .then_err(PizzeriaError::AlreadyPaused);
    given([opened()]).when(does(pause(Some(now()), now()))).then_err(PizzeriaError::PauseInThePast);
}

#[test]
fn changes_end_or_reason_of_a_running_pause() {
    let running = || [opened(), paused(Some(later(30)))];
    for until in [Some(later(60)), Some(later(10)), None] {
        let replaced = PizzeriaEvent::PizzeriaPaused { reason: "oven".into(), until, at: later(5) };
        // An omitted reason stays.
        let command = PizzeriaCommand::Pause { reason: crate::note::Reason::default(), until, now: later(5) };
        let pizzeria = given(running()).when(does(command)).then([replaced]);
        let pause = pizzeria.opened().unwrap().pause.clone().unwrap();
        assert_eq!((pause.until, pause.reason), (until, "oven".into()));
    }
    let until = Some(later(30));
    let command = PizzeriaCommand::Pause { reason: "flood".into(), until, now: later(5) };
    let renamed = PizzeriaEvent::PizzeriaPaused { reason: "flood".into(), until, at: later(5) };
    given(running()).when(does(command)).then([renamed]);
    given(running()).when(does(pause(Some(later(5)), later(5)))).then_err(PizzeriaError::PauseInThePast);
}

#[test]
fn ignores_an_expired_pause() {
    let ran_out = paused(Some(later(30)));
    given([opened(), ran_out.clone()])
        .when(does(PizzeriaCommand::Resume { now: later(30) }))
        .then_err(PizzeriaError::NotPaused);
    let again = PizzeriaEvent::PizzeriaPaused { reason: "oven".into(), until: None, at: later(30) };
    given([opened(), ran_out]).when(does(pause(None, later(30)))).then([again]);
}

#[test]
fn rejects_resuming_without_a_pause() {
    given([opened()]).when(does(PizzeriaCommand::Resume { now: now() })).then_err(PizzeriaError::NotPaused);
}

#[test]
fn rejects_commands_before_opening() {
    let changes = Changes { minimum: Some(Cents(0)), ..Changes::default() };
    for command in [update(changes), pause(None, now()), PizzeriaCommand::Resume { now: now() }] {
        given([]).when(does(command)).then_err(PizzeriaError::NotFound);
    }
}

#[test]
fn keeps_hours_of_unnamed_days() {
    use chrono::Weekday::{Fri, Mon, Sun};
    let span = |day, from| OpeningSpan { day, from, to: from + 60 };
    let week = WeeklyHours::new(vec![span(Mon, 600), span(Fri, 600), span(Sun, 600)]).unwrap();
    let days = WeeklyHours::new(vec![span(Mon, 720)]).unwrap();
    assert_eq!(week.with_days(&days, &[]).spans(), [span(Mon, 720), span(Fri, 600), span(Sun, 600)]);
    assert_eq!(week.with_days(&days, &[Sun]).spans(), [span(Mon, 720), span(Fri, 600)]);

    let changes = Changes::default();
    let update = PizzeriaCommand::Update { changes, days, closed: vec![Sun], now: now() };
    let pizzeria = given([opened()]).when(does(update)).accepted();
    let hours = &pizzeria.opened().unwrap().hours;
    let on = |day| hours.spans().iter().filter(|span| span.day == day).count();
    assert_eq!((on(Mon), on(Fri), on(Sun)), (1, 2, 0));
}

#[test]
fn rejects_spans_that_leave_their_day() {
    let span = |from, to| WeeklyHours::new(vec![OpeningSpan { day: chrono::Weekday::Mon, from, to }]);
    assert!(span(0, 1440).is_ok());
    assert_eq!(span(60, 60), Err(InvalidHours));
    assert_eq!(span(0, 1441), Err(InvalidHours));
}

#[test]
fn closes_where_no_span_continues() {
    let paris = chrono_tz::Europe::Paris;
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let regular = demo_data::regular_hours();
    // Monday, closed until 18:00, then until 22:30 in Paris; Friday until 23:30.
    for (when, closes) in [
        ("2026-03-02T16:59:00Z", None),
        ("2026-03-02T17:00:00Z", Some("2026-03-02T21:30:00Z")),
        ("2026-03-02T21:29:59Z", Some("2026-03-02T21:30:00Z")),
        ("2026-03-02T21:30:00Z", None),
        ("2026-03-06T20:00:00Z", Some("2026-03-06T22:30:00Z")),
    ] {
        assert_eq!(regular.closes_at(at(when), paris), closes.map(at), "{when}");
    }
    assert_eq!(WeeklyHours::always().closes_at(at("2026-03-02T17:00:00Z"), paris), None);
    // Past midnight, and through the night in which clocks go from 2:00 to 3:00.
    let night = |day, from, to| OpeningSpan { day, from, to };
    use chrono::Weekday::{Sat, Sun};
    let spans = vec![night(Sat, 1200, 1320), night(Sat, 1320, 1440), night(Sun, 0, 150)];
    let nights = WeeklyHours::new(spans).unwrap();
    assert_eq!(nights.closes_at(at("2026-03-07T20:00:00Z"), paris), Some(at("2026-03-08T01:30:00Z")));
    assert_eq!(nights.closes_at(at("2026-03-28T20:00:00Z"), paris), Some(at("2026-03-29T01:30:00Z")));
}

#[test]
fn sets_unpaid_limits_one_by_one_within_range() {
    let bound = |orders, pieces| Some(UnpaidLimit { orders, pieces });
    let unpaid = |unpaid| Changes { unpaid, ..Changes::default() };
    let changes = unpaid(UnpaidChanges { unverified: bound(1, 4), ..UnpaidChanges::default() });
    let updated = PizzeriaEvent::PizzeriaUpdated { changes: changes.clone(), at: now() };
    let pizzeria = given([opened()]).when(does(update(changes))).then([updated]);
    let limits = pizzeria.opened().unwrap().unpaid;
    assert_eq!((Some(limits.unverified), Some(limits.account)), (bound(1, 4), bound(200, 2_000)));
    for wrong in [bound(10_001, 1), bound(1, 100_001)] {
        given([opened()])
            .when(does(update(unpaid(UnpaidChanges { caller: wrong, ..UnpaidChanges::default() }))))
            .then_err(PizzeriaError::OutOfRange { field: "unpaid".into() });
    }
}

#[test]
fn computes_distances_on_the_globe() {
    let place = |lat, lon| Place::from_degrees(lat, lon).unwrap();
    // Montmartre to Voltaire, by the haversine formula on a sphere of 6,371,008.8 m.
    let distance = place(48.892, 2.344).distance_m(place(48.859, 2.379));
    assert!((4_460..4_490).contains(&distance), "{distance}");
    // One degree of a great circle is 111,195 m; half the girth is 20,015,114 m.
    assert_eq!(place(0.0, 0.0).distance_m(place(1.0, 0.0)), 111_195);
    assert_eq!(place(0.0, 0.0).distance_m(place(0.0, 180.0)), 20_015_114);
    for (lat, lon) in [(90.1, 0.0), (0.0, -180.1), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
        assert_eq!(Place::from_degrees(lat, lon), Err(InvalidPlace));
    }
}

fn any_event() -> impl Strategy<Value = PizzeriaEvent> {
    prop_oneof![
        Just(opened()),
        any::<Option<u32>>().prop_map(|radius_m| PizzeriaEvent::PizzeriaUpdated {
            changes: Changes { radius_m, ..Changes::default() },
            at: now()
        }),
        prop::option::of(-100_i64..100).prop_map(|until| paused(until.map(later))),
        Just(PizzeriaEvent::PizzeriaResumed { at: now() }),
    ]
}

proptest! {
    #[test]
    fn evolve_is_total(events in prop::collection::vec(any_event(), 0..20)) {
        let opens = events.contains(&opened());
        prop_assert_eq!(given::<Pizzeria>(events).state.opened().is_some(), opens);
    }
}
