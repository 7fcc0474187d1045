//! Report of a verified export.

use std::fmt::{Display, Formatter, Result};

use transparency::{KeyId, TreeHead};

use crate::proof::Proof;

/// Source of the key that the head was checked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The verifier gave the key.
    Given,
    /// The key is the export's own.
    Own,
}

/// A valid export. Its text says what that proves, and what not.
#[derive(Debug, Clone, PartialEq)]
pub struct VerificationReport {
    /// The export's proof.
    pub proof: Proof,
    /// The signed head.
    pub head: TreeHead,
    /// The key that signed it.
    pub key: KeyId,
    /// Source of the key.
    pub trust: Trust,
    /// Sizes of the published heads that it was compared with.
    pub earlier: Vec<u64>,
    /// The resumptions among the published heads.
    pub resumptions: Vec<TreeHead>,
    /// Sizes of the published heads that these abandoned, which were not compared.
    pub given_up: Vec<u64>,
    /// Number of rows without payload, because it held the code of an open delivery.
    pub redacted: u64,
}

impl Display for VerificationReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { proof, head, key, trust, earlier, resumptions, given_up, redacted } = self;
        let signed_at = proof.head.lines().nth(3).unwrap_or_default();
        writeln!(f, "log       {}", head.log)?;
        writeln!(f, "head      {} events, signed at {signed_at} with the key {key}", head.size)?;
        match trust {
            Trust::Given => writeln!(f, "key       the one that was given")?,
            Trust::Own => writeln!(
                f,
                "key       the export's own: shows only that the export agrees with itself; --public-key shows whose it is"
            )?,
        }
        for size in earlier {
            writeln!(f, "published the head of {size} events is one of this log")?;
        }
        for TreeHead { size, resumption, .. } in resumptions {
            let Some(resumption) = resumption else { continue };
            writeln!(
                f,
                "resumed   behind position {size}, heads up to {} events were given up: {}",
                resumption.size, resumption.reason
            )?;
        }
        for size in given_up {
            writeln!(f, "given up  the published head of {size} events is not compared")?;
        }
        let Proof { from, to, sealed, unsealed, .. } = proof;
        let to_sealed = to.min(&head.size);
        if proof.is_whole() {
            writeln!(
                f,
                "sealed    {sealed} events, all of positions {from} to {to_sealed}: none altered, none missing"
            )?;
        } else {
            let mut of = proof.streams.clone();
            of.extend(proof.types.iter().cloned());
            writeln!(
                f,
                "sealed    {sealed} events of {} at positions {from} to {to_sealed}: none altered; only an export \
                 without --stream and --type shows that none is missing",
                of.join(", ")
            )?;
        }
        if *redacted > 0 {
            writeln!(
                f,
                "redacted  {redacted} events are without payload, their hash is taken as given: what their rows say is not \
                 proven; each held the code of a delivery that was not over"
            )?;
        }
        if *unsealed > 0 {
            writeln!(f, "unsealed  {unsealed} events behind the head: nothing proves them yet")?;
        }
        Ok(())
    }
}
