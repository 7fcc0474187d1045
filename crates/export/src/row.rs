//! A row of an export: an event as the log holds it, every field of its leaf as it was stored, and the leaf's hash.

use chrono::{DateTime, Utc};
use domain::LogPosition;
use serde::{Deserialize, Serialize};
use transparency::{Hash, StoredEvent};

use crate::redact;

/// The columns, in order; the same in every format.
pub(crate) const COLUMNS: [&str; 10] = [
    "position",
    "aggregate_type",
    "aggregate_id",
    "sequence",
    "event_type",
    "event_version",
    "recorded_at",
    "payload",
    "metadata",
    "leaf_hash",
];

/// How an instant is written: microseconds, UTC.
const INSTANT: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// An event as exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its place in the log, from 1.
    pub position: i64,
    /// The kind of its stream.
    pub aggregate_type: String,
    /// Its stream within the kind.
    pub aggregate_id: String,
    /// Its place in its stream, from 1.
    pub sequence: i64,
    /// Its type.
    pub event_type: String,
    /// The version of its payload.
    pub event_version: String,
    /// When it was recorded: RFC 3339 with six decimals, in UTC, ending in `Z`.
    pub recorded_at: String,
    /// The payload's exact text; empty where it is redacted.
    pub payload: String,
    /// The metadata's exact text.
    pub metadata: String,
    /// SHA-256 of its leaf, in base64.
    pub leaf_hash: String,
}

impl Row {
    /// The hash of its leaf, from all that is in it but the hash that it says; none when its time is not one.
    pub(crate) fn computed_hash(&self) -> Option<Hash> {
        let leaf = StoredEvent {
            position: LogPosition(self.position),
            aggregate_type: &self.aggregate_type,
            aggregate_id: &self.aggregate_id,
            sequence: self.sequence,
            event_type: &self.event_type,
            event_version: &self.event_version,
            recorded_at: micros(&self.recorded_at)?,
            payload: &self.payload,
            metadata: &self.metadata,
        };
        Some(leaf.hash())
    }

    /// The hash of the leaf of a redacted row, which is given and not computed; none for a row that is not redacted.
    pub(crate) fn given_hash(&self) -> Option<Hash> {
        let may_be = self.payload.is_empty() && redact::TYPES.contains(&&*self.event_type);
        let hash = Hash::parse_hash(&self.leaf_hash).ok().filter(|_| may_be)?;
        // Only the one way of writing it.
        (hash.to_string() == self.leaf_hash).then_some(hash)
    }

    /// The name of its stream, `order:<uuid>`.
    pub(crate) fn stream(&self) -> String {
        format!("{}:{}", self.aggregate_type, self.aggregate_id)
    }
}

/// An instant as a row has it.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.format(INSTANT).to_string()
}

/// Microseconds since 1970 of an instant, written in the one way that there is.
pub(crate) fn micros(text: &str) -> Option<i64> {
    let at = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
    (instant(at) == text).then(|| at.timestamp_micros())
}
