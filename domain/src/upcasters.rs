//! Upcasters: convert stored events of earlier versions and names to today's as they are read. Stored events are never
//! rewritten. One stored event becomes zero, one or more events of its stream; together they keep its position and its
//! sequence, so a consumer takes them all, in their order, or none.
//!
//! To change an event, add a step to `UPCASTERS` from the version before, and a fixture of what is written now under
//! `domain/fixtures/events`. Existing fixtures are never edited or removed.
//! - A new payload: a piece of the same type, and its version in `VERSIONS`.
//! - Another name: a piece of the new type; the old name leaves the list of events, and its fixtures stay.
//! - A fact that was two: two pieces. One that nothing needs any more: no piece.

#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod fixtures;
mod order;
mod stock;

use serde_json::Value;

use crate::event::Unreadable;
use crate::stream::StreamType;

/// Version of an event whose payload has never changed.
const FIRST: &str = "1.0.0";

/// Versions written today of event types whose payload has changed.
const VERSIONS: &[(&str, &str)] = &[
    ("StockCounted", "2.0.0"),
    ("OrderPlaced", "2.0.0"),
    ("OrderLinesChanged", "2.0.0"),
    ("IngredientsWasted", "2.0.0"),
];

/// An event that a step makes of a stored one.
struct Piece {
    event_type: &'static str,
    version: &'static str,
    payload: Value,
}

/// Step from one version of an event to the pieces that follow from it. Further steps convert those.
struct Upcaster {
    stream: StreamType,
    event_type: &'static str,
    from: &'static str,
    /// Types of its pieces, for SQL that selects stored events by type.
    into: &'static [&'static str],
    lift: fn(Value) -> Vec<Piece>,
}

/// Steps, oldest first.
const UPCASTERS: &[Upcaster] = &[
    Upcaster {
        stream: StreamType::Stock,
        event_type: "StockCounted",
        from: FIRST,
        into: &["StockCounted"],
        lift: |payload| vec![piece("StockCounted", "2.0.0", stock::count_1_to_2(payload))],
    },
    Upcaster {
        stream: StreamType::Order,
        event_type: "OrderPlaced",
        from: FIRST,
        into: &["OrderPlaced"],
        lift: |payload| vec![piece("OrderPlaced", "2.0.0", order::placed_1_to_2(payload))],
    },
    Upcaster {
        stream: StreamType::Order,
        event_type: "OrderLinesChanged",
        from: FIRST,
        into: &["OrderLinesChanged"],
        lift: |payload| vec![piece("OrderLinesChanged", "2.0.0", order::lines_changed_1_to_2(payload))],
    },
    Upcaster {
        stream: StreamType::Stock,
        event_type: "IngredientsWasted",
        from: FIRST,
        into: &["IngredientsWasted", "PreparedOrderDiscarded"],
        lift: |payload| vec![stock::wasted_1(payload)],
    },
];

const fn piece(event_type: &'static str, version: &'static str, payload: Value) -> Piece {
    Piece { event_type, version, payload }
}

/// The steps and versions of a program.
struct Lifter {
    steps: &'static [Upcaster],
    versions: &'static [(&'static str, &'static str)],
}

const TODAY: Lifter = Lifter { steps: UPCASTERS, versions: VERSIONS };

/// Returns the version written today for an event type.
pub fn current_version(event_type: &str) -> &'static str {
    TODAY.current(event_type)
}

/// Returns whether events of this type were written once and are not any more.
pub fn is_retired(name: &str) -> bool {
    UPCASTERS.iter().any(|step| step.event_type == name) && name.parse::<crate::EventType>().is_err()
}

/// Returns whether a stored payload is read as it is.
pub(crate) fn is_current(stream: StreamType, event_type: &str, version: &str) -> bool {
    TODAY.step(stream, event_type, version).is_none() && version == TODAY.current(event_type)
}

/// Converts a stored payload to the payloads of today's events.
///
/// # Errors
/// [`Unreadable::Version`] if the steps do not lead to today's version: a newer program wrote the event, and its fields
/// may mean something else.
pub fn upcast(
    stream: StreamType,
    event_type: &str,
    version: &str,
    payload: Value,
) -> Result<Vec<Value>, Unreadable> {
    let mut lifted = Vec::new();
    TODAY.lift(stream, event_type, version, payload, &mut lifted)?;
    Ok(lifted)
}

/// Adds the earlier names under which events of these types may be stored, for SQL.
pub(crate) fn with_earlier(names: Vec<&'static str>) -> Vec<&'static str> {
    TODAY.with_earlier(names)
}

impl Lifter {
    fn current(&self, event_type: &str) -> &'static str {
        self.versions.iter().find(|(name, _)| *name == event_type).map_or(FIRST, |(_, version)| version)
    }

    fn step(&self, stream: StreamType, event_type: &str, version: &str) -> Option<&Upcaster> {
        let starts = |s: &&Upcaster| s.event_type == event_type && s.from == version && s.stream == stream;
        self.steps.iter().find(starts)
    }

    fn lift(
        &self,
        stream: StreamType,
        event_type: &str,
        version: &str,
        mut payload: Value,
        lifted: &mut Vec<Value>,
    ) -> Result<(), Unreadable> {
        if let Some(step) = self.step(stream, event_type, version) {
            for piece in (step.lift)(payload) {
                self.lift(stream, piece.event_type, piece.version, piece.payload, lifted)?;
            }
            return Ok(());
        }
        let current = self.current(event_type);
        if version != current {
            return Err(Unreadable::Version(current));
        }
        if let Value::Object(fields) = &mut payload {
            fields.insert("type".to_owned(), event_type.into());
        }
        lifted.push(payload);
        Ok(())
    }

    fn with_earlier(&self, mut names: Vec<&'static str>) -> Vec<&'static str> {
        // A step's pieces may be lifted by a later one, so the steps are followed backwards.
        for step in self.steps.iter().rev() {
            if !names.contains(&step.event_type) && step.into.iter().any(|name| names.contains(name)) {
                names.push(step.event_type);
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// `Hired` was retired for `Joined` and `Moved`; `Joined` has changed since; `Seen` is read no more.
    const STEPS: &[Upcaster] = &[
        Upcaster {
            stream: StreamType::Staff,
            event_type: "Hired",
            from: "1.0.0",
            into: &["Joined", "Moved"],
            lift: |fields| {
                let joined = piece("Joined", "1.0.0", json!({ "role": fields["role"] }));
                let moved = piece("Moved", "1.0.0", json!({ "to": fields["at"] }));
                if fields["again"] == true { vec![moved] } else { vec![joined, moved] }
            },
        },
        Upcaster {
            stream: StreamType::Staff,
            event_type: "Seen",
            from: "1.0.0",
            into: &[],
            lift: |_| Vec::new(),
        },
        Upcaster {
            stream: StreamType::Staff,
            event_type: "Joined",
            from: "1.0.0",
            into: &["Joined"],
            lift: |fields| vec![piece("Joined", "2.0.0", json!({ "as": fields["role"] }))],
        },
    ];
    const NEWER: Lifter = Lifter { steps: STEPS, versions: &[("Joined", "2.0.0")] };

    fn lift(event_type: &str, version: &str, payload: Value) -> Option<Vec<Value>> {
        let mut lifted = Vec::new();
        let result = NEWER.lift(StreamType::Staff, event_type, version, payload, &mut lifted);
        result.ok().map(|()| lifted)
    }

    #[test]
    fn lifts_one_stored_event_into_none_one_or_more() {
        let hired = |again: bool| json!({ "type": "Hired", "role": "COOK", "at": "P1", "again": again });
        let joined = json!({ "type": "Joined", "as": "COOK" });
        let moved = json!({ "type": "Moved", "to": "P1" });
        assert_eq!(lift("Hired", "1.0.0", hired(false)), Some(vec![joined.clone(), moved.clone()]));
        assert_eq!(lift("Hired", "1.0.0", hired(true)), Some(vec![moved.clone()]));
        assert_eq!(lift("Seen", "1.0.0", json!({ "type": "Seen" })), Some(Vec::new()));
        let first = json!({ "type": "Joined", "role": "COOK" });
        assert_eq!(lift("Joined", "1.0.0", first), Some(vec![joined.clone()]));
        assert_eq!(lift("Joined", "2.0.0", joined.clone()), Some(vec![joined]));
        assert_eq!(lift("Moved", "1.0.0", moved.clone()), Some(vec![moved]));
    }

    #[test]
    fn lifts_no_version_that_does_not_lead_to_todays() {
        for (event_type, version) in
            [("Joined", "3.0.0"), ("Joined", "2.0.1"), ("Joined", ""), ("Moved", "2.0.0"), ("Hired", "2.0.0")]
        {
            assert_eq!(lift(event_type, version, json!({})), None, "{event_type} {version}");
        }
        let elsewhere = NEWER.step(StreamType::Order, "Hired", "1.0.0");
        assert!(elsewhere.is_none(), "a step holds for streams of its kind");
    }

    #[test]
    fn sql_finds_events_under_their_earlier_names() {
        assert_eq!(NEWER.with_earlier(vec!["Joined"]), ["Joined", "Hired"]);
        assert_eq!(NEWER.with_earlier(vec!["Moved"]), ["Moved", "Hired"]);
        assert_eq!(NEWER.with_earlier(vec!["Seen", "Placed"]), ["Seen", "Placed"]);
    }
}
