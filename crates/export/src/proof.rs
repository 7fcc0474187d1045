//! The proof of an export, a small JSON file beside the events, and the tree's hashes, line by line in a third file. This
//! module checks their form only.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use transparency::Hash;

use crate::tree::Subtree;

/// Version of the files' form.
pub(crate) const FORM: &str = "ocpizza-manager-export/1";
/// Upper bound on a proof file; larger input is rejected.
const MAX_PROOF_BYTES: u64 = 1024 * 1024;
/// Upper bound on a line of the tree's file.
const MAX_LINE_BYTES: u64 = 1024;

/// Paths of an export's three files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The events.
    pub events: PathBuf,
    /// `EVENTS.proof.json`.
    pub proof: PathBuf,
    /// `EVENTS.tree.jsonl`.
    pub tree: PathBuf,
}

impl Paths {
    /// Returns the paths for a file of events.
    pub fn of(events: &Path) -> Self {
        let beside = |ending: &str| {
            let mut name = events.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        Self { events: events.to_owned(), proof: beside(".proof.json"), tree: beside(".tree.jsonl") }
    }
}

/// The proof of an export. `docs/audit.md` specifies each field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Version of the form, `ocpizza-manager-export/1`.
    pub form: String,
    /// Format of the events: `jsonl`, `csv` or `parquet`.
    pub format: String,
    /// Id of the log.
    pub log_id: String,
    /// The signed head as a note.
    pub head: String,
    /// The public key of the head.
    pub public_key: String,
    /// First position of the range.
    pub from: u64,
    /// Last position of the range.
    pub to: u64,
    /// Exported streams or kinds of streams; all if empty.
    pub streams: Vec<String>,
    /// Exported event types; all if empty.
    pub types: Vec<String>,
    /// Number of events covered by the head.
    pub sealed: u64,
    /// Number of events after the head, which nothing proves yet.
    pub unsealed: u64,
    /// SHA-256 of the file of the events, in hex.
    pub events_sha256: String,
    /// SHA-256 of the file of the tree, in hex.
    pub tree_sha256: String,
    /// SHA-256 of this file without this field's line and the comma before it, in hex: detects damage, not forgery.
    pub checksum: String,
}

fn checksum_of(body: &str) -> String {
    hex::encode(Sha256::digest(body))
}

impl Proof {
    /// Returns the file's text with its checksum.
    pub(crate) fn to_text(&self) -> serde_json::Result<String> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        let body = text.replace(&self.checksum_line(), "");
        let summed = Self { checksum: checksum_of(&body), ..self.clone() };
        Ok(serde_json::to_string_pretty(&summed)? + "\n")
    }

    fn checksum_line(&self) -> String {
        format!(",\n  \"checksum\": \"{}\"", self.checksum)
    }

    /// Reads a proof; `None` if it is damaged or of another form.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        let mut text = String::new();
        let read = File::open(path)?.take(MAX_PROOF_BYTES).read_to_string(&mut text);
        match read {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(None),
            read => read?,
        };
        let proof: Option<Self> = serde_json::from_str(&text).ok();
        Ok(proof.filter(|proof| {
            proof.form == FORM && proof.checksum == checksum_of(&text.replace(&proof.checksum_line(), ""))
        }))
    }

    /// Returns whether the range alone selects the events, so that none may be missing.
    pub(crate) fn is_whole(&self) -> bool {
        self.streams.is_empty() && self.types.is_empty()
    }
}

/// A line of the tree's file: a complete subtree with the positions of its first and last event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TreeLine {
    from: u64,
    to: u64,
    /// Whether all of its events are exported.
    exported: bool,
    hash: String,
}

impl TreeLine {
    pub(crate) fn of(subtree: Subtree, exported: bool) -> Self {
        let Subtree { start, size, hash } = subtree;
        Self { from: start + 1, to: start + size, exported, hash: hash.to_string() }
    }

    /// Returns the subtree and whether its events are exported; `None` if it is not a complete subtree.
    fn subtree(&self) -> Option<(Subtree, bool)> {
        let start = self.from.checked_sub(1)?;
        let size = self.to.checked_sub(start)?;
        let subtree = Subtree { start, size, hash: Hash::parse_hash(&self.hash).ok()? };
        Subtree::fits(start, size).then_some((subtree, self.exported))
    }
}

/// Reads the lines of a tree's file, with an error of the kind `InvalidData` for a line that is not a subtree.
pub(crate) fn tree(path: &Path) -> io::Result<impl Iterator<Item = io::Result<(Subtree, bool)>> + use<>> {
    let mut lines = BufReader::new(File::open(path)?);
    let mut text = Vec::new();
    let mut line = move || -> io::Result<Option<(Subtree, bool)>> {
        text.clear();
        if (&mut lines).take(MAX_LINE_BYTES).read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        let line: TreeLine = serde_json::from_slice(&text)?;
        line.subtree().map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
    };
    Ok(std::iter::from_fn(move || line().transpose()))
}
