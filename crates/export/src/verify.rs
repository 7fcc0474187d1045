//! Verifies an export without database or settings, in constant memory, and names the first error. Checks and messages
//! are those of `docs/audit/verify.py`.

mod report;
mod walk;

use std::io;
use std::path::Path;

use transparency::{PublicKey, SignedHead, TreeHead, TrustedKeys, parse_notes};

use crate::files::sha256;
use crate::format::Format;
use crate::proof::{Paths, Proof};
pub use report::{Trust, VerificationReport};

/// Knowledge of the verifier from other sources.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Trusted keys of the log; if empty, the export's own key is used, which only shows that the export is consistent.
    pub public_keys: Vec<PublicKey>,
    /// Heads published earlier, from which the exported log must have grown.
    pub heads: Vec<SignedHead>,
}

/// Why an export is not valid.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Path of the file.
        path: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The files differ from what was exported; the message says where and how.
    #[error("{0}")]
    Wrong(String),
}

fn wrong<T>(what: impl Into<String>) -> Result<T, VerifyError> {
    Err(VerifyError::Wrong(what.into()))
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> VerifyError {
    move |source| VerifyError::Unreadable { path: path.display().to_string(), source }
}

/// Verifies an export by the file of its events. `progress` gets the position reached, and the head's size.
///
/// # Errors
/// The first error found.
pub fn verify(
    events: &Path,
    options: &Options,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<VerificationReport, VerifyError> {
    let paths = Paths::of(events);
    let Some(proof) = Proof::read(&paths.proof).map_err(unreadable(&paths.proof))? else {
        return wrong("the proof is damaged, or of another form");
    };
    let Ok(format) = proof.format.parse::<Format>() else {
        return wrong("the proof is damaged, or of another form");
    };
    let (signed, trust, keys) = check_head(&proof, options)?;
    let mut earlier = Vec::new();
    let mut given_up = Vec::new();
    let resumptions = options.heads.iter().filter(|note| note.head.resumption.is_some());
    let resumptions: Vec<_> = resumptions.map(|note| &note.head).collect();
    for note in &options.heads {
        let head = check_earlier(note, &keys, &signed.head)?;
        if resumptions.iter().any(|resumption| resumption.gives_up(head)) {
            given_up.push(head.size);
        } else if head.size > signed.head.size {
            return wrong(format!(
                "the published head has {} events, and the export's {}: it is older, or its end was cut off",
                head.size, signed.head.size
            ));
        } else if head.size > 0 {
            earlier.push(head.clone());
        }
    }
    earlier.sort_by_key(|head| head.size);
    let redacted = walk::walk(&paths, &proof, format, &signed.head, &earlier, progress)?;
    for (path, sum, name) in
        [(&paths.events, &proof.events_sha256, "events"), (&paths.tree, &proof.tree_sha256, "tree")]
    {
        if sha256(path).map_err(unreadable(path))? != *sum {
            return wrong(format!("the file of the {name} has other bytes than the one that was exported"));
        }
    }
    let earlier = earlier.iter().map(|head| head.size).collect();
    let resumptions = resumptions.into_iter().cloned().collect();
    Ok(VerificationReport {
        proof,
        head: signed.head,
        key: signed.key_id,
        trust,
        earlier,
        resumptions,
        given_up,
        redacted,
    })
}

/// Returns the export's head after checking its signature.
fn check_head(proof: &Proof, options: &Options) -> Result<(SignedHead, Trust, TrustedKeys), VerifyError> {
    let notes = parse_notes(&proof.head).unwrap_or_default();
    let Ok([signed]) = <[SignedHead; 1]>::try_from(notes) else {
        return wrong("the proof has no signed head");
    };
    if signed.to_string() != proof.head {
        return wrong("the proof has no signed head");
    }
    if signed.head.log.to_string() != proof.log_id {
        return wrong(format!(
            "the log is {} by the proof and {} by its head",
            proof.log_id, signed.head.log
        ));
    }
    let Ok(own) = proof.public_key.parse::<PublicKey>() else {
        return wrong("the proof has no public key");
    };
    let (keys, trust) = match &options.public_keys[..] {
        [] => (vec![own.clone()], Trust::Own),
        given => (given.to_vec(), Trust::Given),
    };
    if !keys.contains(&own) {
        return wrong(format!("the export's key is {}, which is not one that was given", own.id()));
    }
    if TrustedKeys::from_iter([own.clone()]).check(signed.head.log, &signed).is_err() {
        return wrong(format!("the head is not signed with the key {}", own.id()));
    }
    Ok((signed, trust, keys.into_iter().collect()))
}

/// Returns a published head after checking that it is a trusted head of this log.
fn check_earlier<'a>(
    signed: &'a SignedHead,
    keys: &TrustedKeys,
    head: &TreeHead,
) -> Result<&'a TreeHead, VerifyError> {
    let size = signed.head.size;
    if keys.check(head.log, signed).is_err() {
        return wrong(format!(
            "the published head of {size} events is not one of this log with a key that is trusted"
        ));
    }
    Ok(&signed.head)
}
