//! Upcasters: convert stored payloads of earlier versions to today's shape as they are read. Stored events
//! are never rewritten.
//!
//! To change an event's payload, add a step to `UPCASTERS` from the version before, which raises
//! [`current_version`], and a fixture of the new version under `domain/fixtures/events`. Existing fixtures
//! are never edited.

#[cfg(test)]
mod fixtures;
mod stock;

use serde_json::Value;

/// Version of an event whose payload has never changed.
const FIRST: &str = "1.0.0";

/// Step that converts the payload of `event_type` at version `from` to the next version.
struct Upcaster {
    event_type: &'static str,
    from: &'static str,
    to: &'static str,
    lift: fn(Value) -> Value,
}

/// Steps, each from one version to the next.
const UPCASTERS: &[Upcaster] =
    &[Upcaster { event_type: "StockCounted", from: FIRST, to: "2.0.0", lift: stock::count_1_to_2 }];

/// Returns the version written today for an event type.
pub fn current_version(event_type: &str) -> &'static str {
    current_in(UPCASTERS, event_type)
}

fn current_in(steps: &[Upcaster], event_type: &str) -> &'static str {
    steps.iter().rev().find(|step| step.event_type == event_type).map_or(FIRST, |step| step.to)
}

/// Converts a stored payload from its version to today's, one step at a time. Returns `None` if no steps lead there:
/// a newer program wrote the event, and its fields may mean something else.
pub fn upcast(event_type: &str, version: &str, payload: Value) -> Option<Value> {
    upcast_with(UPCASTERS, event_type, version, payload)
}

fn upcast_with(steps: &[Upcaster], event_type: &str, version: &str, payload: Value) -> Option<Value> {
    let mut version = version;
    let mut payload = payload;
    while let Some(step) = steps.iter().find(|s| s.event_type == event_type && s.from == version) {
        payload = (step.lift)(payload);
        version = step.to;
    }
    (version == current_in(steps, event_type)).then_some(payload)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn applies_steps_in_order_and_only_to_their_event() {
        let steps = [
            Upcaster { event_type: "A", from: "1.0.0", to: "2.0.0", lift: |_| json!(2) },
            Upcaster { event_type: "A", from: "2.0.0", to: "3.0.0", lift: |v| json!([v, 3]) },
        ];
        assert_eq!(upcast_with(&steps, "A", "1.0.0", json!(1)), Some(json!([2, 3])));
        assert_eq!(upcast_with(&steps, "A", "2.0.0", json!(1)), Some(json!([1, 3])));
        assert_eq!(upcast_with(&steps, "A", "3.0.0", json!(1)), Some(json!(1)));
        assert_eq!(upcast_with(&steps, "B", "1.0.0", json!(1)), Some(json!(1)));
    }

    #[test]
    fn lifts_no_version_that_does_not_lead_to_todays() {
        let steps = [Upcaster { event_type: "A", from: "1.0.0", to: "2.0.0", lift: |_| json!(2) }];
        for (event_type, version) in [("A", "3.0.0"), ("A", "2.0.1"), ("A", ""), ("B", "2.0.0")] {
            assert_eq!(upcast_with(&steps, event_type, version, json!(1)), None, "{event_type} {version}");
        }
    }
}
