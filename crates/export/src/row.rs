//! A row of an export: an event with every field of its leaf as stored, and the leaf's hash.

use chrono::{DateTime, Utc};
use domain::LogPosition;
use serde::{Deserialize, Serialize};
use transparency::{Hash, StoredEvent};

use crate::redact;

/// The columns in order, the same in every format.
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

/// Format of an instant: UTC with microseconds.
const INSTANT_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// An event as exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Position in the log, from 1.
    pub position: i64,
    /// Kind of the stream.
    pub aggregate_type: String,
    /// Id of the stream within its kind.
    pub aggregate_id: String,
    /// Position in the stream, from 1.
    pub sequence: i64,
    /// Type of the event.
    pub event_type: String,
    /// Version of the payload.
    pub event_version: String,
    /// Time of recording: RFC 3339 with six decimals, in UTC, ending in `Z`.
    pub recorded_at: String,
    /// Exact text of the payload; empty if it is redacted.
    pub payload: String,
    /// Exact text of the metadata.
    pub metadata: String,
    /// SHA-256 of the leaf, in base64.
    pub leaf_hash: String,
}

impl Row {
    /// Computes the hash of its leaf from the other columns; `None` if the time is malformed.
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

    /// Returns the given hash of a redacted row; `None` for any other row.
    pub(crate) fn given_hash(&self) -> Option<Hash> {
        let may_be = self.payload.is_empty() && redact::TYPES.contains(&&*self.event_type);
        let hash = Hash::parse_hash(&self.leaf_hash).ok().filter(|_| may_be)?;
        // Only the canonical spelling.
        (hash.to_string() == self.leaf_hash).then_some(hash)
    }

    /// Returns the name of its stream, such as `order:<uuid>`.
    pub(crate) fn stream(&self) -> String {
        format!("{}:{}", self.aggregate_type, self.aggregate_id)
    }
}

/// Formats an instant as in a row.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.format(INSTANT_FORMAT).to_string()
}

/// Parses an instant in its canonical spelling to microseconds since 1970.
pub(crate) fn micros(text: &str) -> Option<i64> {
    let at = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
    (instant(at) == text).then(|| at.timestamp_micros())
}
