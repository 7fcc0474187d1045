//! Walks the tree from the first leaf to the last: hashes exported events, takes the other subtrees from the proof, and
//! compares the root with the signed head.

use std::io;

use transparency::{EMPTY_HASH, Hash, TreeHead};

use super::{VerifyError, unreadable, wrong};
use crate::format::{self, Format, Rows};
use crate::proof::{self, Paths, Proof};
use crate::row::Row;
use crate::select::matches;
use crate::tree::{Range, Subtree};

/// Checks all of an export, and returns the number of redacted rows. `earlier` are published heads, sorted by size.
pub(super) fn walk(
    paths: &Paths,
    proof: &Proof,
    format: Format,
    head: &TreeHead,
    earlier: &[TreeHead],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, VerifyError> {
    let rows = match format::rows(format, &paths.events) {
        Ok(rows) => rows,
        Err(error) if is_content(&error) => {
            return wrong(format!("the file of the events is not one of an export as {format}"));
        }
        Err(error) => return Err(unreadable(&paths.events)(error)),
    };
    let mut reader = Reader { rows, proof, read: 0, last: 0, redacted: 0, sequence: None };
    let mut tree = Tree { range: Range::default(), earlier };
    tree.compare()?;
    let lines = proof::tree(&paths.tree).map_err(unreadable(&paths.tree))?;
    for (line, subtree) in (1..).zip(lines) {
        let (subtree, exported) = match subtree {
            Ok(subtree) => subtree,
            Err(error) if is_content(&error) => return wrong(format!("line {line} of the tree is damaged")),
            Err(error) => return Err(unreadable(&paths.tree)(error)),
        };
        let Subtree { start, size, hash } = subtree;
        let (first, last) = (start + 1, start + size);
        if start != tree.range.end() || last > head.size {
            return wrong(format!("line {line} of the tree is not the next part of it"));
        }
        if !is_as_said(proof, head, first, last, exported) {
            return wrong(format!(
                "line {line} of the tree: positions {first} to {last} are not as the proof says"
            ));
        }
        if !exported {
            tree.push(subtree)?;
            continue;
        }
        let mut block = Range::default();
        for position in first..=last {
            let leaf = reader.leaf(Some(position))?;
            block.push(leaf);
            tree.push(leaf)?;
        }
        if block.root() != Some(hash) {
            return wrong(format!(
                "positions {first} to {last}: the events are not those whose hash is in the tree"
            ));
        }
        progress(last, head.size);
    }
    if tree.range.end() != head.size {
        return wrong(format!("the tree ends at position {} of {}", tree.range.end(), head.size));
    }
    if tree.root() != head.root {
        return wrong("the events and the tree do not lead to the signed head");
    }
    let sealed = reader.read;
    reader.unsealed(head.size)?;
    if sealed != proof.sealed {
        return wrong(format!("the proof speaks of {} sealed events, and there are {sealed}", proof.sealed));
    }
    Ok(reader.redacted)
}

/// Returns whether a subtree is marked as exported consistently with the proof: inside the range only, and all of the
/// range if nothing else restricts it.
fn is_as_said(proof: &Proof, head: &TreeHead, first: u64, last: u64, exported: bool) -> bool {
    let (from, to) = (proof.from, proof.to.min(head.size));
    let is_inside = from <= first && last <= to;
    let is_outside = last < from || to < first;
    if exported { is_inside } else { is_outside || !proof.is_whole() }
}

/// Returns whether an error is about a file's content.
fn is_content(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

/// The tree up to the current leaf.
struct Tree<'a> {
    range: Range,
    /// Published heads beyond the current leaf.
    earlier: &'a [TreeHead],
}

impl Tree<'_> {
    fn root(&self) -> Hash {
        self.range.root().unwrap_or(EMPTY_HASH)
    }

    fn push(&mut self, subtree: Subtree) -> Result<(), VerifyError> {
        self.range.push(subtree);
        self.compare()
    }

    /// Compares with the published heads of the current size.
    fn compare(&mut self) -> Result<(), VerifyError> {
        let end = self.range.end();
        while let Some((head, later)) = self.earlier.split_first().filter(|(head, _)| head.size <= end) {
            let size = head.size;
            if size < end {
                return wrong(format!(
                    "the published head of {size} events ends among events that are not exported: \
                     export with --head to compare"
                ));
            }
            if head.root != self.root() {
                return wrong(format!(
                    "the published head of {size} events is not one of this log: the events up to there were others"
                ));
            }
            self.earlier = later;
        }
        Ok(())
    }
}

/// The rows, and counters of those read.
struct Reader<'a> {
    rows: Rows,
    proof: &'a Proof,
    /// Number of rows read.
    read: u64,
    /// Position of the last row.
    last: u64,
    /// Number of rows whose hash was taken as given.
    redacted: u64,
    /// Sequence of the last event, if the export is of one stream.
    sequence: Option<i64>,
}

impl Reader<'_> {
    /// Returns the leaf of the next event, at a given position or at any later one.
    fn leaf(&mut self, position: Option<u64>) -> Result<Subtree, VerifyError> {
        let Some(row) = self.rows.next() else {
            return wrong(match position {
                Some(position) => format!("the events end before position {position}"),
                None => "the events end before the last that the proof speaks of".to_owned(),
            });
        };
        self.read += 1;
        let n = self.read;
        let row: Row = match row {
            Ok(row) => row,
            Err(error) if is_content(&error) => return wrong(format!("row {n} is not an event")),
            Err(source) => return Err(VerifyError::Unreadable { path: format!("row {n}"), source }),
        };
        let at = u64::try_from(row.position).unwrap_or(0);
        if at <= self.last || position.is_some_and(|position| position != at) {
            let expected = position.unwrap_or(self.last + 1);
            return wrong(format!("row {n}: position {} where {expected} must be", row.position));
        }
        self.last = at;
        let place = format!("row {n}, position {at}");
        let given = row.given_hash();
        self.redacted += u64::from(given.is_some());
        let computed = || row.computed_hash().filter(|hash| hash.to_string() == row.leaf_hash);
        let Some(hash) = given.or_else(computed) else {
            return wrong(format!("{place}: the event is not the one that was exported"));
        };
        let Proof { streams, types, .. } = self.proof;
        if !matches(streams, types, &row.aggregate_type, &row.aggregate_id, &row.event_type) {
            return wrong(format!("{place}: the event is none of those that the proof speaks of"));
        }
        if let [stream] = &streams[..]
            && types.is_empty()
            && *stream == row.stream()
        {
            // In an export of one stream, sequences must be consecutive.
            if self.sequence.is_some_and(|last| last.checked_add(1) != Some(row.sequence)) {
                return wrong(format!(
                    "{place}: an event of the stream is missing before sequence {}",
                    row.sequence
                ));
            }
            self.sequence = Some(row.sequence);
        }
        Ok(Subtree { start: at - 1, size: 1, hash })
    }

    /// Checks the unsealed events, and that no row follows them.
    fn unsealed(&mut self, size: u64) -> Result<(), VerifyError> {
        let from = self.proof.from.max(size.saturating_add(1));
        self.last = from - 1;
        for n in 0..self.proof.unsealed {
            self.leaf(self.proof.is_whole().then_some(from.saturating_add(n)))?;
            if self.last > self.proof.to {
                return wrong(format!("row {}: more events than the proof speaks of", self.read));
            }
        }
        let all = self.proof.to.saturating_sub(from - 1);
        if self.proof.is_whole() && self.proof.unsealed != all {
            return wrong(format!(
                "the proof speaks of {} unsealed events, and there are {all}",
                self.proof.unsealed
            ));
        }
        match self.rows.next() {
            Some(_) => wrong(format!("row {}: more events than the proof speaks of", self.read + 1)),
            None => Ok(()),
        }
    }
}
