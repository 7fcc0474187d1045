//! The selection of exported events: a range of the log, restricted to some streams and types.

use chrono::{DateTime, Utc};
use domain::LogPosition;

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A position, inclusive.
    Position(LogPosition),
    /// An instant: inclusive as the start of a range, exclusive as its end.
    Instant(DateTime<Utc>),
}

/// A text is neither a position nor an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("neither a position, 1 or more, nor an instant such as 2026-11-24T18:00:00Z")]
pub struct BoundError;

impl std::str::FromStr for Bound {
    type Err = BoundError;
    fn from_str(text: &str) -> Result<Self, BoundError> {
        if let Ok(position) = text.parse() {
            return if position >= 1 { Ok(Self::Position(LogPosition(position))) } else { Err(BoundError) };
        }
        let instant = DateTime::parse_from_rfc3339(text).map_err(|_| BoundError)?;
        Ok(Self::Instant(instant.with_timezone(&Utc)))
    }
}

/// A selection of events: every condition that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Start of the range; by default the start of the log.
    pub from: Option<Bound>,
    /// End of the range; by default the end of the log.
    pub to: Option<Bound>,
    /// Streams (`order:<uuid>`) or kinds of streams (`order`); all if empty.
    pub streams: Vec<String>,
    /// Event types; all if empty.
    pub types: Vec<String>,
    /// Includes events after the last head, which nothing proves.
    pub unsealed: bool,
}

/// Returns whether an event is selected.
pub(crate) fn matches(streams: &[String], types: &[String], kind: &str, id: &str, event_type: &str) -> bool {
    let of_stream = |name: &String| {
        name == kind || name.split_once(':').is_some_and(|(named, within)| named == kind && within == id)
    };
    (streams.is_empty() || streams.iter().any(of_stream))
        && (types.is_empty() || types.iter().any(|name| name == event_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_position_or_an_instant() {
        assert_eq!("17".parse(), Ok(Bound::Position(LogPosition(17))));
        let instant = "2026-11-24T19:00:00+01:00".parse::<Bound>();
        assert_eq!(instant, "2026-11-24T18:00:00Z".parse());
        for text in ["0", "-1", "", "yesterday", "2026-11-24", "1.5"] {
            assert_eq!(text.parse::<Bound>(), Err(BoundError), "{text}");
        }
    }

    #[test]
    fn selects_a_stream_by_name_or_kind() {
        let of = |streams: &[&str], types: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            matches(&owned(streams), &owned(types), "stock", "P1", "StockLow")
        };
        assert!(of(&[], &[]) && of(&["stock"], &[]) && of(&["order", "stock:P1"], &["StockLow"]));
        assert!(!of(&["stock:P2"], &[]) && !of(&["order"], &[]) && !of(&["stock"], &["StockCounted"]));
    }
}
