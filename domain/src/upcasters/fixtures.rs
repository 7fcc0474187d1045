//! Tests of stored payloads: every shape of every event, as text, under `domain/fixtures/events`. A committed
//! file stands for events in production logs: it must load for ever and is never edited. `TYPE-VERSION.json` has an
//! event's fields as the version began; `TYPE-VERSION+NAME.json` has an optional field that was added since.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::closing::ClosingEvent;
use crate::customer::CustomerEvent;
use crate::delivery::DeliveryEvent;
use crate::menu::MenuEvent;
use crate::order::OrderEvent;
use crate::pizzeria::PizzeriaEvent;
use crate::staff::StaffEvent;
use crate::stock::StockEvent;
use crate::stream::StreamType;
use crate::{Event, EventType};

fn names(stream: StreamType) -> &'static [&'static str] {
    match stream {
        StreamType::Order => OrderEvent::NAMES,
        StreamType::Stock => StockEvent::NAMES,
        StreamType::Delivery => DeliveryEvent::NAMES,
        StreamType::Pizzeria => PizzeriaEvent::NAMES,
        StreamType::Menu => MenuEvent::NAMES,
        StreamType::Staff => StaffEvent::NAMES,
        StreamType::Customer => CustomerEvent::NAMES,
        StreamType::Closing => ClosingEvent::NAMES,
    }
}

/// Returns event type, version and text of every fixture.
pub(super) fn fixtures() -> Vec<(String, String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/events");
    let mut fixtures = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let (event_type, version) = stem.split_once('-').unwrap();
        let (version, _added) = version.split_once('+').unwrap_or((version, ""));
        let text = std::fs::read_to_string(&path).unwrap();
        fixtures.push((event_type.to_owned(), version.to_owned(), text.trim_end().to_owned()));
    }
    fixtures
}

/// Returns the kind of the streams that hold an event, also a retired one.
fn stream_of(event_type: &str) -> StreamType {
    let retired = UPCASTERS.iter().find(|step| step.event_type == event_type).map(|step| step.stream);
    let streams: Vec<StreamType> =
        StreamType::ALL.into_iter().filter(|stream| names(*stream).contains(&event_type)).collect();
    match streams[..] {
        [stream] => stream,
        _ => retired.unwrap_or_else(|| panic!("{event_type} is an event of {streams:?}")),
    }
}

fn lifted(event_type: &str, version: &str, text: &str) -> Vec<Event> {
    Event::from_stored(stream_of(event_type), event_type, version, text).unwrap()
}

/// Loads an event of the current version.
fn load(event_type: &str, version: &str, text: &str) -> Event {
    let [event] = &lifted(event_type, version, text)[..] else { panic!("{event_type} {version} is not one") };
    event.clone()
}

/// Fixtures of the current version of today's events.
fn current() -> impl Iterator<Item = (String, String, String)> {
    fixtures().into_iter().filter(|(event_type, version, _)| {
        is_current(stream_of(event_type), event_type, version) && !is_retired(event_type)
    })
}

#[test]
fn every_event_has_a_fixture_of_its_current_version() {
    let have: BTreeSet<(String, String)> =
        fixtures().into_iter().map(|(event_type, version, _)| (event_type, version)).collect();
    let missing: Vec<_> = StreamType::ALL
        .into_iter()
        .flat_map(|stream| names(stream).iter().copied())
        .map(|name| (name.to_owned(), current_version(name).to_owned()))
        .filter(|wanted| !have.contains(wanted))
        .collect();
    assert_eq!(missing, []);
}

#[test]
fn every_fixture_loads_as_the_events_that_it_stands_for() {
    for (event_type, version, text) in fixtures() {
        let names: Vec<&str> = lifted(&event_type, &version, &text).iter().map(Event::event_type).collect();
        let step = TODAY.step(stream_of(&event_type), &event_type, &version);
        match step {
            None => assert_eq!(names, [event_type]),
            // The names are found under the earlier one: SQL would miss them otherwise.
            Some(_) => assert!(names.iter().all(|name| with_earlier(vec![name]).contains(&&*event_type))),
        }
    }
}

/// Every version that was ever written, retired names included, has a fixture; none is removed.
#[test]
fn every_upcaster_has_a_fixture_of_the_version_that_it_lifts() {
    let have: BTreeSet<(String, String)> =
        fixtures().into_iter().map(|(event_type, version, _)| (event_type, version)).collect();
    for step in UPCASTERS {
        let lifts = (step.event_type.to_owned(), step.from.to_owned());
        assert!(have.contains(&lifts), "a fixture of {lifts:?}");
    }
}

/// Leaves out fields that are null. Release 0.1 wrote them; since then they are omitted, in the same version.
fn without_nulls(text: &str) -> String {
    let mut lean = text.to_owned();
    while let Some(end) = lean.find(":null") {
        let start = lean[..end].rfind(",\"").unwrap();
        lean.replace_range(start..end + ":null".len(), "");
    }
    lean
}

#[test]
fn no_event_is_written_with_a_null() {
    for (event_type, version, text) in current() {
        let event = load(&event_type, &version, &without_nulls(&text));
        assert!(!serde_json::to_string(&event).unwrap().contains(":null"), "{event_type}");
    }
}

#[test]
fn fixtures_of_the_current_version_round_trip_byte_for_byte() {
    for (event_type, version, text) in current() {
        let event = load(&event_type, &version, &text);
        assert_eq!(event.version(), version);
        let lean = without_nulls(&text);
        assert_eq!(serde_json::to_string(&event).unwrap(), lean);
        let value: Value = serde_json::from_str(&lean).unwrap();
        assert_eq!(serde_json::to_value(&event).unwrap(), value);
    }
}

#[test]
fn no_event_carries_a_float() {
    fn floats(value: &Value) -> bool {
        match value {
            Value::Number(number) => number.is_f64(),
            Value::Array(items) => items.iter().any(floats),
            Value::Object(fields) => fields.values().any(floats),
            Value::Null | Value::Bool(_) | Value::String(_) => false,
        }
    }
    for (event_type, _, text) in fixtures() {
        assert!(!floats(&serde_json::from_str(&text).unwrap()), "{event_type}");
    }
}

#[test]
fn a_newer_version_of_a_known_type_is_unreadable_whatever_its_fields() {
    for (event_type, _, text) in current() {
        for newer in ["99.0.0", "1.0.1", ""] {
            let read = Event::from_stored(stream_of(&event_type), &event_type, newer, &text);
            assert!(read.is_err(), "{event_type}");
        }
    }
}

#[test]
fn unreadable_events_are_named() {
    let unreadable = Event::from_stored(StreamType::Stock, "OrderExpired", "1.0.0", "null").unwrap_err();
    let text = unreadable.to_string();
    assert!(text.starts_with("stored event OrderExpired version 1.0.0 of a stock stream"), "{text}");
}

#[test]
fn event_types_match_the_streams_of_their_events() {
    let listed: Vec<_> = EventType::ALL.iter().map(|one| (one.stream_type(), one.as_str())).collect();
    let named = StreamType::ALL.into_iter();
    let named: Vec<_> =
        named.flat_map(|stream| names(stream).iter().map(move |name| (stream, *name))).collect();
    let sorted = |mut pairs: Vec<(StreamType, &'static str)>| {
        pairs.sort_unstable();
        pairs
    };
    assert_eq!(sorted(listed), sorted(named));
}

#[test]
fn captures_charge_agrees_with_the_facts_of_every_event() {
    for (event_type, version, text) in fixtures() {
        for event in lifted(&event_type, &version, &text) {
            let charge = event.facts().money.and_then(|money| money.charge);
            assert_eq!(charge.is_some(), event.kind().captures_charge(), "{event_type}");
        }
    }
}
