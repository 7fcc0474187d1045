//! An event's exact bytes as a leaf of the tree: every stored column is part of them.

use domain::LogPosition;
use tlog_tiles::{Hash, record_hash};

/// An event as stored. It is not decoded: an event that this program cannot read is a leaf too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredEvent<'a> {
    /// Position in the log, from 1; the leaf's index is one less.
    pub position: LogPosition,
    /// Kind of the stream.
    pub aggregate_type: &'a str,
    /// Id of the stream within its kind.
    pub aggregate_id: &'a str,
    /// Position in the stream, from 1.
    pub sequence: i64,
    /// Type of the event.
    pub event_type: &'a str,
    /// Version of the payload.
    pub event_version: &'a str,
    /// Time of recording, in microseconds since 1970.
    pub recorded_at: i64,
    /// Exact text of the payload.
    pub payload: &'a str,
    /// Exact text of the metadata.
    pub metadata: &'a str,
}

fn push_text(leaf: &mut Vec<u8>, text: &str) {
    // A PostgreSQL text has at most 1 GiB.
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    leaf.extend_from_slice(&length.to_be_bytes());
    leaf.extend_from_slice(text.as_bytes());
}

impl StoredEvent<'_> {
    /// Writes the leaf into a cleared buffer: numbers as 8 bytes big endian, texts as their length in 4 bytes and their
    /// UTF-8 bytes.
    pub fn encode_into(&self, leaf: &mut Vec<u8>) {
        leaf.clear();
        leaf.extend_from_slice(&self.position.0.to_be_bytes());
        push_text(leaf, self.aggregate_type);
        push_text(leaf, self.aggregate_id);
        leaf.extend_from_slice(&self.sequence.to_be_bytes());
        push_text(leaf, self.event_type);
        push_text(leaf, self.event_version);
        leaf.extend_from_slice(&self.recorded_at.to_be_bytes());
        push_text(leaf, self.payload);
        push_text(leaf, self.metadata);
    }

    /// Returns the leaf.
    pub fn encode(&self) -> Vec<u8> {
        let mut leaf = Vec::with_capacity(128 + self.payload.len() + self.metadata.len());
        self.encode_into(&mut leaf);
        leaf
    }

    /// Returns the leaf's hash: SHA-256 of a zero byte and the leaf.
    pub fn hash(&self) -> Hash {
        record_hash(&self.encode())
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    const EVENT: StoredEvent<'static> = StoredEvent {
        position: LogPosition(258),
        aggregate_type: "order",
        aggregate_id: "é",
        sequence: 3,
        event_type: "OrderPlaced",
        event_version: "2",
        recorded_at: 1_795_545_600_000_001,
        payload: r#"{"a": 1}"#,
        metadata: "{}",
    };

    #[test]
    fn the_bytes_are_those_of_the_documents() {
        let mut expected = Vec::new();
        expected.extend([0, 0, 0, 0, 0, 0, 1, 2]);
        expected.extend(b"\0\0\0\x05order");
        expected.extend(b"\0\0\0\x02\xc3\xa9");
        expected.extend([0, 0, 0, 0, 0, 0, 0, 3]);
        expected.extend(b"\0\0\0\x0bOrderPlaced");
        expected.extend(b"\0\0\0\x012");
        expected.extend(1_795_545_600_000_001_i64.to_be_bytes());
        expected.extend(b"\0\0\0\x08{\"a\": 1}");
        expected.extend(b"\0\0\0\x02{}");
        assert_eq!(EVENT.encode(), expected);
        let hash = Sha256::new().chain_update([0]).chain_update(&expected).finalize();
        assert_eq!(EVENT.hash().0, <[u8; 32]>::from(hash));
    }

    #[test]
    fn no_two_events_share_a_leaf() {
        // Text moved to a neighbouring field gives other bytes.
        let moved = StoredEvent { aggregate_type: "orde", aggregate_id: "ré", ..EVENT };
        let spaced = StoredEvent { payload: r#"{"a":1}"#, ..EVENT };
        let earlier = StoredEvent { recorded_at: EVENT.recorded_at - 1, ..EVENT };
        for other in [moved, spaced, earlier] {
            assert_ne!(other.encode(), EVENT.encode());
        }
    }
}
