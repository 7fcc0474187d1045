//! Findings about a log: what is wrong, at which positions.

use std::fmt::{Display, Formatter};

use chrono::TimeDelta;
use domain::LogPosition;

use crate::key::{KeyId, TrustError};
use crate::witness::{KeptIn, MAX_SEALING_DELAY};

/// Kind of a finding about an event, or a range of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindingKind {
    /// The event is missing.
    Missing,
    /// Two events have the position.
    Twice,
    /// A column has an impossible value.
    Unreadable,
    /// The event's bytes are not the sealed ones.
    NotTheSealed,
    /// The event is the sealed one, but its stored hash was changed.
    StoredHash,
    /// The event is sealed, but its stored hash is missing.
    NoHash,
    /// The events are the sealed ones, but the stored hash of their subtree was changed.
    StoredSubtree,
    /// The event was recorded before its predecessor.
    Earlier,
    /// The sequence does not follow that of its predecessor in the stream.
    Sequence,
    /// Some of these events were changed, removed or inserted compared to a trusted head, and the stored hashes with them.
    NotOfHead {
        /// Size of the head.
        size: u64,
        /// Whether the head was kept outside.
        given: bool,
        /// The key that signed it.
        key: KeyId,
    },
    /// The log ends before a signed head.
    CutOff {
        /// Size of the head.
        size: u64,
        /// Whether the head was kept outside.
        given: bool,
    },
    /// The head over these events is not trusted.
    Head(TrustError),
    /// The head over these events cannot have been written by this program.
    DamagedHead,
    /// The head over these events is dated before its predecessor.
    HeadTime,
    /// The head over these events was signed too long after the first of them was recorded.
    LateHead {
        /// Wait of the first event.
        waited: TimeDelta,
    },
    /// A head over these events was signed, but is no longer stored.
    HeadLost {
        /// Size of the head.
        size: u64,
        /// The place that remembers it.
        kept_in: KeptIn,
    },
    /// A head over some of these events is missing: a head follows at least every thousand events.
    HeadsMissing,
    /// The hashes of these events are stored, but their head is missing.
    HeadGone,
    /// The head row has another last position.
    LogHead(u64),
    /// The head row has an earlier time than the last event, or a later position of settings.
    LogRow,
}

impl FindingKind {
    /// Returns whether the finding is about a head, and not about a particular event.
    fn is_about_heads(&self) -> bool {
        match self {
            Self::Head(_)
            | Self::DamagedHead
            | Self::HeadTime
            | Self::LateHead { .. }
            | Self::HeadLost { .. }
            | Self::HeadsMissing
            | Self::HeadGone => true,
            Self::Missing
            | Self::Twice
            | Self::Unreadable
            | Self::NotTheSealed
            | Self::StoredHash
            | Self::NoHash
            | Self::StoredSubtree
            | Self::Earlier
            | Self::Sequence
            | Self::NotOfHead { .. }
            | Self::CutOff { .. }
            | Self::LogHead(_)
            | Self::LogRow => false,
        }
    }
}

fn kept(given: bool) -> &'static str {
    if given { "the published head" } else { "the head" }
}

impl Display for FindingKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no event"),
            Self::Twice => f.write_str("there is more than one event"),
            Self::Unreadable => f.write_str("the event's row cannot be read"),
            Self::NotTheSealed => f.write_str("the event is not the one that was sealed"),
            Self::StoredHash => {
                f.write_str("the event is the one that was sealed, but its stored hash was changed")
            }
            Self::NoHash => f.write_str("the event is sealed, but its stored hash is gone"),
            Self::StoredSubtree => f.write_str("the stored hash over these events was changed"),
            Self::Earlier => f.write_str("the event was recorded before the one in front of it"),
            Self::Sequence => f.write_str("the event does not follow the one before it in its stream"),
            Self::NotOfHead { size, given, key } => write!(
                f,
                "not the events of {} over {size} events, signed with {key}: something here was changed, removed or \
                 inserted, and the stored hashes with it",
                kept(*given)
            ),
            Self::CutOff { size, given } => {
                write!(f, "there are no such events, but {} over {size} events was signed", kept(*given))
            }
            Self::Head(why) => write!(f, "the head over these events cannot be believed: {why}"),
            Self::DamagedHead => f.write_str("the head over these events is damaged"),
            Self::HeadTime => {
                f.write_str("the head over these events is dated before the one in front of it")
            }
            Self::LateHead { waited } => write!(
                f,
                "the head over these events was signed {} h after the first of them was recorded, more than {} h: it does \
                 not show that they were there, and the tree may have been started again over a log that was rewritten",
                waited.num_hours(),
                MAX_SEALING_DELAY.num_hours()
            ),
            Self::HeadLost { size, kept_in } => write!(
                f,
                "a head over {size} events was signed (known from {kept_in}) and is no longer stored: the log was taken \
                 back or rewritten since"
            ),
            Self::HeadsMissing => f.write_str("a head over some of these events is missing"),
            Self::HeadGone => f.write_str("these events were sealed, and their head is gone"),
            Self::LogHead(position) => {
                write!(f, "the row of event_log_head says that the log ends at {position}")
            }
            Self::LogRow => f.write_str("the row of event_log_head does not fit the last event"),
        }
    }
}

/// A finding and its range of positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The first position.
    pub first: LogPosition,
    /// The last position; equal to `first` for one event.
    pub last: LogPosition,
    /// The kind of finding.
    pub wrong: FindingKind,
    /// A position of the range with a finding of its own.
    pub within: Option<(LogPosition, FindingKind)>,
}

impl Finding {
    pub(super) fn at(position: LogPosition, wrong: FindingKind) -> Self {
        Self { first: position, last: position, wrong, within: None }
    }

    /// Returns a finding about the events after `after` and up to `last`.
    pub(super) fn between(after: u64, last: u64, wrong: FindingKind) -> Self {
        Self { first: position(after.saturating_add(1)), last: position(last), wrong, within: None }
    }
}

/// Converts a number of events to the position of the last one.
pub(super) fn position(size: u64) -> LogPosition {
    LogPosition(i64::try_from(size).unwrap_or(i64::MAX))
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            write!(f, "position {}: {}", self.first, self.wrong)?;
        } else {
            write!(f, "positions {} to {}: {}", self.first, self.last, self.wrong)?;
        }
        match &self.within {
            Some((position, wrong)) => write!(f, "; at position {position}: {wrong}"),
            None => Ok(()),
        }
    }
}

/// Returns the first finding by position. Findings about events come before those about heads, which tell nothing about
/// the change. A range also names a position within it that has a finding of its own.
pub(super) fn first(mut findings: Vec<Finding>) -> Option<Finding> {
    findings.sort_by_key(|finding| (finding.wrong.is_about_heads(), finding.first, finding.last));
    let mut findings = findings.into_iter();
    let mut first = findings.next()?;
    if first.first != first.last {
        let exact = findings.find(|other| {
            other.first == other.last && first.first <= other.first && other.first <= first.last
        });
        first.within = exact.map(|other| (other.first, other.wrong));
    }
    Some(first)
}
