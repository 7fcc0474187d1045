//! Which events are exported: a range of the log, and of it those of some streams and types.

use chrono::{DateTime, Utc};
use domain::LogPosition;

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A position, itself included.
    Position(LogPosition),
    /// An instant: a range begins with what was recorded at it or later, and ends with what was recorded before it.
    Instant(DateTime<Utc>),
}

/// Neither a position nor an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("neither a position, 1 or more, nor an instant such as 2026-11-24T18:00:00Z")]
pub struct BadBound;

impl std::str::FromStr for Bound {
    type Err = BadBound;
    fn from_str(text: &str) -> Result<Self, BadBound> {
        if let Ok(position) = text.parse() {
            return if position >= 1 { Ok(Self::Position(LogPosition(position))) } else { Err(BadBound) };
        }
        let instant = DateTime::parse_from_rfc3339(text).map_err(|_| BadBound)?;
        Ok(Self::Instant(instant.with_timezone(&Utc)))
    }
}

/// Which events; everything that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// From here; from the beginning when it is not given.
    pub from: Option<Bound>,
    /// Up to here; to the end when it is not given.
    pub to: Option<Bound>,
    /// Of these streams (`order:<uuid>`) or kinds of streams (`order`); of all when empty.
    pub streams: Vec<String>,
    /// Of these types; of all when empty.
    pub types: Vec<String>,
    /// Also what the last head has not sealed yet, which nothing proves.
    pub unsealed: bool,
}

/// Whether an event is one of those that were asked for.
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
            assert_eq!(text.parse::<Bound>(), Err(BadBound), "{text}");
        }
    }

    #[test]
    fn a_stream_is_asked_for_by_its_name_or_its_kind() {
        let of = |streams: &[&str], types: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            matches(&owned(streams), &owned(types), "stock", "P1", "StockLow")
        };
        assert!(of(&[], &[]) && of(&["stock"], &[]) && of(&["order", "stock:P1"], &["StockLow"]));
        assert!(!of(&["stock:P2"], &[]) && !of(&["order"], &[]) && !of(&["stock"], &["StockCounted"]));
    }
}
