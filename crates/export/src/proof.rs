//! What an export says of itself: its proof, a small JSON file beside the events, and the tree's hashes, line by
//! line in a third file. Texts only; nothing is checked here but their form.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use transparency::Hash;

use crate::tree::Subtree;

/// The version of the files' form.
pub(crate) const FORM: &str = "ocpizza-manager-export/1";
/// A proof is a page of text: more is none.
const LARGEST: u64 = 1024 * 1024;
/// And a line of the tree a few words.
const LONGEST_LINE: u64 = 1024;

/// Where an export's three files are.
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
    /// By the file of the events.
    pub fn of(events: &Path) -> Self {
        let beside = |ending: &str| {
            let mut name = events.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        Self { events: events.to_owned(), proof: beside(".proof.json"), tree: beside(".tree.jsonl") }
    }
}

/// What an export says of itself. `docs/audit.md` describes each field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// `ocpizza-manager-export/1`.
    pub form: String,
    /// `jsonl`, `csv` or `parquet`.
    pub format: String,
    /// The log's id.
    pub log_id: String,
    /// The signed head, a note.
    pub head: String,
    /// The public half of the key that signed it.
    pub public_key: String,
    /// The first position that was looked at.
    pub from: u64,
    /// The last one.
    pub to: u64,
    /// Only events of these streams or kinds of streams; of all when empty.
    pub streams: Vec<String>,
    /// Only events of these types; of all when empty.
    pub types: Vec<String>,
    /// Events that the head has sealed.
    pub sealed: u64,
    /// Events behind the head, after the sealed ones: nothing proves them yet.
    pub unsealed: u64,
    /// SHA-256 of the file of the events, in hex.
    pub events_sha256: String,
    /// SHA-256 of the file of the tree, in hex.
    pub tree_sha256: String,
    /// SHA-256 of this file without the line of this field and the comma before it, in hex: finds damage, and no
    /// intent.
    pub checksum: String,
}

fn checksum_of(body: &str) -> String {
    hex::encode(Sha256::digest(body))
}

impl Proof {
    /// The file's text, with the checksum set.
    pub(crate) fn to_text(&self) -> serde_json::Result<String> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        let body = text.replace(&self.checksum_line(), "");
        let summed = Self { checksum: checksum_of(&body), ..self.clone() };
        Ok(serde_json::to_string_pretty(&summed)? + "\n")
    }

    fn checksum_line(&self) -> String {
        format!(",\n  \"checksum\": \"{}\"", self.checksum)
    }

    /// Reads it. None when it is not a proof of this form, or is damaged.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        let mut text = String::new();
        let read = File::open(path)?.take(LARGEST).read_to_string(&mut text);
        match read {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(None),
            read => read?,
        };
        let proof: Option<Self> = serde_json::from_str(&text).ok();
        Ok(proof.filter(|proof| {
            proof.form == FORM && proof.checksum == checksum_of(&text.replace(&proof.checksum_line(), ""))
        }))
    }

    /// Whether nothing but the range says which events are in it: then none may be missing.
    pub(crate) fn is_whole(&self) -> bool {
        self.streams.is_empty() && self.types.is_empty()
    }
}

/// A line of the tree's file: a complete subtree, by the positions of its first and last event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TreeLine {
    from: u64,
    to: u64,
    /// Whether its events are exported, all of them.
    exported: bool,
    hash: String,
}

impl TreeLine {
    pub(crate) fn of(subtree: Subtree, exported: bool) -> Self {
        let Subtree { start, size, hash } = subtree;
        Self { from: start + 1, to: start + size, exported, hash: hash.to_string() }
    }

    /// The subtree, and whether its events are exported; none when it is not one.
    fn subtree(&self) -> Option<(Subtree, bool)> {
        let start = self.from.checked_sub(1)?;
        let size = self.to.checked_sub(start)?;
        let subtree = Subtree { start, size, hash: Hash::parse_hash(&self.hash).ok()? };
        Subtree::fits(start, size).then_some((subtree, self.exported))
    }
}

/// The lines of a tree's file; an error of the kind `InvalidData` where one is not a subtree.
pub(crate) fn tree(path: &Path) -> io::Result<impl Iterator<Item = io::Result<(Subtree, bool)>> + use<>> {
    let mut lines = BufReader::new(File::open(path)?);
    let mut text = Vec::new();
    let mut line = move || -> io::Result<Option<(Subtree, bool)>> {
        text.clear();
        if (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        let line: TreeLine = serde_json::from_slice(&text)?;
        line.subtree().map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
    };
    Ok(std::iter::from_fn(move || line().transpose()))
}
