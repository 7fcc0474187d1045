//! Tamper evidence: the log as the leaves of a Merkle tree (RFC 6962), with signed heads. A sealed event that is
//! changed, removed or inserted disagrees with every head kept outside the database. `docs/audit.md` describes the
//! formats. Commands never wait for sealing.
//!
//! - [`StoredEvent`]: an event's exact bytes, the leaf.
//! - [`Frontier`], [`prove_inclusion`], [`prove_consistency`] and their checks: the tree, by `tlog_tiles`.
//! - [`TreeHead`], [`SignedHead`]: a head, and its text as a C2SP signed note.
//! - [`seal`]: extends tree and heads to the log's end. [`latest`], [`heads_after`], [`inclusion`], [`consistency`]
//!   read them.
//! - [`Signer`]: seals, and remembers the heads it has signed outside the database; [`Witness`] is its memory.
//! - [`verify`]: reads log and tree again, and names the first wrong position.
//! - [`SealingKey`], [`PublicKey`], [`TrustedKeys`]: Ed25519.

mod head;
mod heads;
mod key;
mod leaf;
mod resume;
mod seal;
mod stored;
mod tiles;
mod tree;
mod verify;
mod witness;

pub use head::{NAME, NoteError, Resumption, SignedHead, TreeHead, parse_notes};
pub use heads::{
    ConsistencyProof, InclusionProof, StoredHead, consistency, heads_after, inclusion, latest, log_id, sealed,
};
pub use key::{KeyError, KeyId, PublicKey, SealingKey, TrustError, TrustedKeys};
pub use leaf::StoredEvent;
pub use resume::{MAX_REASON_CHARS, ReasonError, reason};
pub use seal::{EVENTS_PER_HEAD, SealError, Signer, Until, check_end, seal};
pub use tlog_tiles::{EMPTY_HASH, Hash};
pub use tree::{Frontier, TreeError, check_consistency, check_inclusion, prove_consistency, prove_inclusion};
pub use verify::{Delay, Finding, FindingKind, Report, VerifyError, verify};
pub use witness::{KeptIn, MAX_SEALING_DELAY, Witness};
