//! Heads of the tree, and their text: a C2SP checkpoint as a signed note. The signed text has four lines, six for a
//! resumption; the published note adds an empty line and the line of the signature.

use std::fmt::{Display, Formatter};

use base64::prelude::{BASE64_STANDARD, Engine};
use chrono::{DateTime, SecondsFormat, Utc};
use tlog_tiles::Hash;
use uuid::Uuid;

use crate::key::KeyId;

/// Prefix of the names of logs, and so of every note.
pub const NAME: &str = "ocpizza-manager/";
/// Prefix of a signature's line: an em dash.
const DASH: &str = "— ";

/// Returns a log's name: the first line of its heads.
pub(crate) fn origin(log: Uuid) -> String {
    format!("{NAME}{log}")
}

/// Returns the log of a name.
pub(crate) fn log_of(name: &str) -> Option<Uuid> {
    let log = name.strip_prefix(NAME)?.parse().ok()?;
    (origin(log) == name).then_some(log)
}

/// Prefixes of the two lines that a resumption adds to a head.
const RESUMES: &str = "resumes ";
const REASON: &str = "reason ";
/// Placeholder for the root of a head of which only the size is known.
const UNKNOWN_ROOT: &str = "-";

/// The additional lines of a head from which an operator resumed sealing: the abandoned head, and the reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Resumption {
    /// Size of the abandoned head; the head's own size if no head was abandoned.
    pub size: u64,
    /// Root of the abandoned head; `None` if only its size is known.
    pub root: Option<Hash>,
    /// The operator's reason; one line.
    pub reason: String,
}

impl Resumption {
    fn lines(&self) -> String {
        let root = self.root.map_or_else(|| UNKNOWN_ROOT.to_owned(), |root| root.to_string());
        format!("{RESUMES}{} {root}\n{REASON}{}\n", self.size, self.reason)
    }

    fn of_lines(resumes: &str, reason: &str) -> Option<Self> {
        let (size, root) = resumes.strip_prefix(RESUMES)?.split_once(' ')?;
        let root = if root == UNKNOWN_ROOT { None } else { Some(Hash::parse_hash(root).ok()?) };
        let reason = reason.strip_prefix(REASON)?.to_owned();
        Some(Self { size: size.parse().ok()?, root, reason })
    }
}

/// The root of a log's tree at a size.
#[derive(Debug, Clone, PartialEq)]
pub struct TreeHead {
    /// Id of the log, created with its tables.
    pub log: Uuid,
    /// Number of events: those at positions 1 to `size`.
    pub size: u64,
    /// Root over these events.
    pub root: Hash,
    /// Time of signing, in microseconds.
    pub signed_at: DateTime<Utc>,
    /// Set if this is the note of a resumption: an operator resumed sealing from this head.
    pub resumption: Option<Resumption>,
}

impl TreeHead {
    /// Returns the log's name, `ocpizza-manager/<log id>`.
    pub fn origin(&self) -> String {
        origin(self.log)
    }

    /// Returns the signed text: name, size, root in base64 and time, a line each; then the lines of a resumption.
    pub fn body(&self) -> String {
        let signed_at = self.signed_at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let resumption = self.resumption.as_ref().map(Resumption::lines).unwrap_or_default();
        format!("{}\n{}\n{}\n{signed_at}\n{resumption}", self.origin(), self.size, self.root)
    }

    /// Returns whether this is the note of a resumption that abandons `other`: a head beyond its size, up to the size
    /// that it names, signed no later.
    pub fn gives_up(&self, other: &Self) -> bool {
        self.resumption.as_ref().is_some_and(|resumption| {
            self.log == other.log
                && self.size < other.size
                && other.size <= resumption.size
                && other.signed_at <= self.signed_at
                // A head of the named size must also have the named root.
                && (other.size < resumption.size || resumption.root.is_none_or(|root| root == other.root))
        })
    }

    fn of_lines(lines: &[&str]) -> Option<Self> {
        let (&[name, size, root, signed_at], more) = lines.split_first_chunk::<4>()?;
        let signed_at = DateTime::parse_from_rfc3339(signed_at).ok()?.to_utc();
        let root = Hash::parse_hash(root).ok()?;
        let resumption = match more {
            [] => None,
            [resumes, reason] => Some(Resumption::of_lines(resumes, reason)?),
            _ => return None,
        };
        Some(Self { log: log_of(name)?, size: size.parse().ok()?, root, signed_at, resumption })
    }
}

/// A head with its signature, to be checked by [`crate::TrustedKeys`].
#[derive(Debug, Clone, PartialEq)]
pub struct SignedHead {
    /// The head.
    pub head: TreeHead,
    /// Id of the key that it claims to be signed with.
    pub key_id: KeyId,
    /// Ed25519 over [`TreeHead::body`].
    pub signature: [u8; 64],
}

/// Writes the signed note as it is published, with a final line feed.
impl Display for SignedHead {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let signature = BASE64_STANDARD.encode([&self.key_id.0[..], &self.signature].concat());
        write!(f, "{}\n{DASH}{} {signature}\n", self.head.body(), self.head.origin())
    }
}

/// A text is not a signed head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: not a signed head as `ocpizza-manager audit seal` prints it")]
pub struct NoteError {
    /// Line in the text, from 1.
    pub line: usize,
}

/// Parses consecutive signed heads, with or without empty lines between them. Other signatures on a head, such as those
/// of witnesses, are ignored.
///
/// # Errors
/// [`NoteError`] at the first line that is not part of a signed head; at line 1 for a text without heads.
pub fn parse_notes(text: &str) -> Result<Vec<SignedHead>, NoteError> {
    let lines: Vec<&str> = text.lines().collect();
    let mut notes = Vec::new();
    let mut at = 0;
    loop {
        while lines.get(at).is_some_and(|line| line.is_empty()) {
            at += 1;
        }
        if at == lines.len() && !notes.is_empty() {
            return Ok(notes);
        }
        let bad = NoteError { line: at + 1 };
        let rest = lines.get(at..).unwrap_or_default();
        let body = rest.iter().position(|line| line.is_empty()).map(|end| &rest[..end]).ok_or(bad)?;
        let head = TreeHead::of_lines(body).ok_or(bad)?;
        // Any other spelling of the same values is not the signed text.
        if !head.body().lines().eq(body.iter().copied()) {
            return Err(bad);
        }
        let name = head.origin();
        at += body.len() + 1;
        let mut ours = None;
        while let Some(line) = lines.get(at).and_then(|line| line.strip_prefix(DASH)) {
            if let Some(text) = line.strip_prefix(&*name).and_then(|line| line.strip_prefix(' ')) {
                ours = ours.or(signature(text));
            }
            at += 1;
        }
        let (key_id, signature) = ours.ok_or(NoteError { line: at })?;
        notes.push(SignedHead { head, key_id, signature });
    }
}

fn signature(text: &str) -> Option<(KeyId, [u8; 64])> {
    let bytes = BASE64_STANDARD.decode(text).ok()?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    Some((KeyId(*id), signature.try_into().ok()?))
}

#[cfg(test)]
mod tests;
