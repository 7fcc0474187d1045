//! Tamper evidence: the log as the leaves of a Merkle tree (RFC 6962), and signed heads of it. What has been sealed
//! cannot be altered, taken out or put in without a head that somebody kept disagreeing. The formats are in
//! `docs/audit.md`; the writer never waits for any of this.
//!
//! - [`StoredEvent`]: an event's exact bytes, the leaf.
//! - [`Frontier`], [`prove_inclusion`], [`prove_consistency`] and their checks: the tree, by `tlog_tiles`.
//! - [`TreeHead`], [`SignedHead`]: a head, and its text as a C2SP signed note.
//! - [`seal`]: makes tree and heads grow to the log's end. [`latest`], [`heads_after`], [`inclusion`],
//!   [`consistency`]: what is sealed.
//! - [`Signer`]: seals, and remembers apart from the database which heads it has signed; [`Witness`] is its memory.
//! - [`verify`]: reads all of it again, and names the first position that is wrong.
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

pub use head::{BadNote, NAME, Resumption, SignedHead, TreeHead, parse_notes};
pub use heads::{
    Consistency, Inclusion, StoredHead, consistency, heads_after, inclusion, latest, log_id, sealed,
};
pub use key::{BadKey, KeyId, PublicKey, SealingKey, TrustedKeys, Untrusted};
pub use leaf::StoredEvent;
pub use resume::{BadReason, LONGEST_REASON, reason};
pub use seal::{EVERY, SealError, Signer, Until, check_end, seal};
pub use tlog_tiles::{EMPTY_HASH, Hash};
pub use tree::{Frontier, TreeError, check_consistency, check_inclusion, prove_consistency, prove_inclusion};
pub use verify::{Delay, Finding, Report, VerifyError, Wrong, verify};
pub use witness::{KeptIn, LATEST, Witness};
