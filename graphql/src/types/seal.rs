//! Proofs of the log's integrity: signed heads of the tree over its events, inclusion and consistency proofs.
//! Hashes are in base64, as in signed notes.

use async_graphql::SimpleObject;
use base64::prelude::{BASE64_STANDARD, Engine};
use chrono::{DateTime, Utc};
use domain::LogPosition;
use transparency::{Hash, StoredHead};

use crate::field_access::open;
use crate::scalars::Position;

/// A signed head of the Merkle tree (RFC 6962, SHA-256) over the log's events. A client that keeps a head can
/// later prove that no event at or below its size was altered, inserted or removed.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct TreeHead {
    /// Number of events covered: those at positions 1 to `size`.
    pub size: Position,
    /// The root hash of the tree, in base64.
    pub root_hash: String,
    /// The time of signing.
    pub signed_at: DateTime<Utc>,
    /// The signature, Ed25519 over the note's first four lines, in base64.
    pub signature: String,
    /// Id of the signing key: 8 hexadecimal digits.
    pub key_id: String,
    /// The public key, as the verifier key of a signed note. Compare it with a copy obtained from a trusted
    /// source.
    pub public_key: String,
    /// The head as a signed note (C2SP checkpoint), to keep and to pass to `ocpizza-manager audit verify
    /// --head`.
    pub note: String,
}

/// Returns the size of a head as the position of its last event.
pub fn size_of(head: &StoredHead) -> LogPosition {
    LogPosition(i64::try_from(head.signed.head.size).unwrap_or(i64::MAX))
}

/// Returns whether a head covers a position.
pub fn covers(head: &StoredHead, position: LogPosition) -> bool {
    position <= size_of(head)
}

impl From<StoredHead> for TreeHead {
    fn from(stored: StoredHead) -> Self {
        let signed = &stored.signed;
        Self {
            size: Position(size_of(&stored)),
            root_hash: signed.head.root.to_string(),
            signed_at: signed.head.signed_at,
            signature: BASE64_STANDARD.encode(signed.signature),
            key_id: signed.key_id.to_string(),
            public_key: stored.public_key.to_string(),
            note: signed.to_string(),
        }
    }
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::to_string).collect()
}

/// A proof that a tree contains an event: a Merkle audit path.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct InclusionProof {
    /// The event's log position; its leaf index is one less.
    pub position: Position,
    /// Number of events in the tree.
    pub size: Position,
    /// The hash of the event's leaf, in base64.
    pub leaf_hash: String,
    /// The root hash that the path leads to, in base64.
    pub root_hash: String,
    /// The sibling hashes from the leaf up to the root, in base64.
    pub hashes: Vec<String>,
}

impl InclusionProof {
    /// Converts the proof of an event in a tree.
    pub fn new(position: LogPosition, size: LogPosition, proof: &transparency::InclusionProof) -> Self {
        Self {
            position: Position(position),
            size: Position(size),
            leaf_hash: proof.leaf.to_string(),
            root_hash: proof.root.to_string(),
            hashes: texts(&proof.path),
        }
    }
}

/// A proof that a tree is the beginning of a larger tree.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct ConsistencyProof {
    /// Number of events in the smaller tree.
    pub from: Position,
    /// Number of events in the larger tree.
    pub to: Position,
    /// The root hash of the smaller tree, in base64.
    pub from_root_hash: String,
    /// The root hash of the larger tree, in base64.
    pub to_root_hash: String,
    /// The hashes that lead to both roots (RFC 6962, 2.1.2), in base64.
    pub hashes: Vec<String>,
}

impl ConsistencyProof {
    /// Converts the proof between two trees.
    pub fn new(from: LogPosition, to: LogPosition, proof: &transparency::ConsistencyProof) -> Self {
        Self {
            from: Position(from),
            to: Position(to),
            from_root_hash: proof.from_root.to_string(),
            to_root_hash: proof.to_root.to_string(),
            hashes: texts(&proof.path),
        }
    }
}
