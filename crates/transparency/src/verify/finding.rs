//! What is wrong with a log, and where.

use std::fmt::{Display, Formatter};

use chrono::TimeDelta;
use domain::LogPosition;

use crate::key::{KeyId, Untrusted};
use crate::witness::{KeptIn, LATEST};

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// There is no event.
    Missing,
    /// There are two events.
    Twice,
    /// A column is not what it can be.
    Unreadable,
    /// The event's bytes are not those that were sealed.
    NotTheSealed,
    /// The event is the sealed one, and its stored hash is not.
    StoredHash,
    /// It has no stored hash, though it is sealed.
    NoHash,
    /// A stored hash of a subtree is not that of its events, which are the sealed ones.
    StoredSubtree,
    /// It was recorded before the event in front of it.
    Earlier,
    /// Its sequence does not follow that of the event before it in its stream.
    Sequence,
    /// Among these are events that are not those of a head that is trusted, or some are missing; the stored hashes were
    /// made to fit.
    NotOfHead {
        /// How many events the head has.
        size: u64,
        /// Whether it was kept outside.
        given: bool,
        /// The key that signed it.
        key: KeyId,
    },
    /// The log ends before a head that was signed.
    CutOff {
        /// How many events the head has.
        size: u64,
        /// Whether it was kept outside.
        given: bool,
    },
    /// The head over them is not to be believed.
    Head(Untrusted),
    /// The head over them cannot have been written by this program.
    DamagedHead,
    /// The head over them is dated before the one in front of it.
    HeadTime,
    /// The head over them was signed long after the first of them was recorded.
    LateHead {
        /// How long that one had waited.
        waited: TimeDelta,
    },
    /// A head over them was signed, and is no longer among the stored ones.
    HeadLost {
        /// How many events the head has.
        size: u64,
        /// Where it is remembered.
        kept_in: KeptIn,
    },
    /// There is no head over them, though a head follows every thousand events.
    HeadsMissing,
    /// Their hashes are stored, and the head that sealed them is gone.
    HeadGone,
    /// The log's own row says that it ends elsewhere.
    LogHead(u64),
    /// The log's own row has an earlier time than the last event, or settings that are to come.
    LogRow,
}

impl Wrong {
    /// Whether it is about a head that is not to be believed, and so about no event in particular.
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

impl Display for Wrong {
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
                LATEST.num_hours()
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

/// Something wrong, and the positions that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The first position.
    pub first: LogPosition,
    /// The last; the first, when it is about one event.
    pub last: LogPosition,
    /// What is wrong.
    pub wrong: Wrong,
    /// A position among these that is wrong by itself.
    pub within: Option<(LogPosition, Wrong)>,
}

impl Finding {
    pub(super) fn at(position: LogPosition, wrong: Wrong) -> Self {
        Self { first: position, last: position, wrong, within: None }
    }

    /// About the events behind some and up to others.
    pub(super) fn between(after: u64, last: u64, wrong: Wrong) -> Self {
        Self { first: position(after.saturating_add(1)), last: position(last), wrong, within: None }
    }
}

/// A number of events as the position of the last of them.
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

/// The first by position. What is wrong with events comes before heads that are not to be believed: those say nothing of
/// what happened. Of a range, a position that is wrong by itself is named too.
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
