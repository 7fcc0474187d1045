//! What proves the log: signed heads of the tree over its events, and proofs. Hashes are in base64, as in the notes.

use async_graphql::SimpleObject;
use base64::prelude::{BASE64_STANDARD, Engine};
use chrono::{DateTime, Utc};
use domain::LogPosition;
use transparency::{Hash, StoredHead};

use crate::scalars::Position;

/// A signed head of the Merkle tree (RFC 6962, SHA-256) over the log's events. Whoever keeps one can prove later that
/// nothing below its size was altered, inserted or removed.
#[derive(Debug, Clone, SimpleObject)]
pub struct TreeHead {
    /// How many events it covers: those at positions 1 to this.
    pub size: Position,
    /// The root over them, in base64.
    pub root_hash: String,
    /// When it was signed.
    pub signed_at: DateTime<Utc>,
    /// The signature, Ed25519 over the note's first four lines, in base64.
    pub signature: String,
    /// Which key signed it: 8 hexadecimal digits.
    pub key_id: String,
    /// The public half of that key, as the verifier key of a signed note. Compare it with one that you were given.
    pub public_key: String,
    /// The head as a signed note (C2SP checkpoint): what to keep, and to hand to `ocpizza-manager audit verify --head`.
    pub note: String,
}

/// How many events a head covers, as the position of the last of them.
pub fn size_of(head: &StoredHead) -> LogPosition {
    LogPosition(i64::try_from(head.signed.head.size).unwrap_or(i64::MAX))
}

/// Whether a head covers a position.
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

/// That an event is in the tree of a size: a Merkle audit path.
#[derive(Debug, Clone, SimpleObject)]
pub struct InclusionProof {
    /// The event's place in the log; its leaf's index is one less.
    pub position: Position,
    /// How many events the tree has.
    pub size: Position,
    /// The hash of the event's leaf, in base64.
    pub leaf_hash: String,
    /// The root that the path leads to, in base64.
    pub root_hash: String,
    /// The siblings on the way from the leaf to the root, from below, in base64.
    pub hashes: Vec<String>,
}

impl InclusionProof {
    /// Of an event, in a tree.
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

/// That a tree is the beginning of a larger one.
#[derive(Debug, Clone, SimpleObject)]
pub struct ConsistencyProof {
    /// How many events the smaller has.
    pub from: Position,
    /// How many the larger has.
    pub to: Position,
    /// The root of the smaller, in base64.
    pub from_root_hash: String,
    /// The root of the larger, in base64.
    pub to_root_hash: String,
    /// The hashes that lead to both, as in RFC 6962, 2.1.2, in base64.
    pub hashes: Vec<String>,
}

impl ConsistencyProof {
    /// Between two trees.
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
