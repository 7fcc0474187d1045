//! The pass over the events: hashes each into a tree of its own, and compares that with the stored hashes event by event,
//! and with each head at its size.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt;
use sqlx::PgConnection;
use tlog_tiles::{Hash, record_hash};

use super::checkpoints::{Checkpoint, Checkpoints};
use super::finding::{Finding, FindingKind, position};
use crate::head::SignedHead;
use crate::stored::{COLUMNS, stored_event};
use crate::tiles::{self, GrowingTree, Tile, Tiles, WIDTH};
use crate::witness::{MAX_SEALING_DELAY, waited};

/// Tiles of leaves read at once: half a megabyte.
const BATCH_TILES: u64 = 64;
/// Events between two reports of the progress.
const PROGRESS_EVENTS: u64 = 1_000;

/// The wait of an event for its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// The first event that the head covers and the previous head does not.
    pub position: domain::LogPosition,
    /// From the recording, or a resumption before it, to the signing of the head.
    pub waited: TimeDelta,
}

/// Counters of the pass.
#[derive(Debug, Default)]
pub(super) struct WalkCounters {
    pub(super) heads: u64,
    pub(super) given: u64,
    /// Heads that the log disagrees with and a resumption has abandoned.
    pub(super) given_up: u64,
    /// The longest wait of an event.
    pub(super) longest: Option<Delay>,
    /// Size of the last agreeing head.
    pub(super) agreed: u64,
    /// Time of the last event's recording, in microseconds since 1970.
    pub(super) last_time: i64,
}

/// The pass.
pub(super) struct Walk<'a> {
    checkpoints: Checkpoints<'a>,
    resumptions: &'a [SignedHead],
    /// Size of the last stored head.
    covered: u64,
    /// Time of the recording of the first event after it, in microseconds.
    first_uncovered: Option<i64>,
    next_head: Option<u64>,
    tree: GrowingTree,
    leaf: Vec<u8>,
    /// Stored hashes of a batch of leaves.
    stored: Tiles,
    /// Number of leaves whose hashes should be stored.
    hashed: u64,
    /// An event or subtree that disagrees with its stored hash; the next head tells which of them was changed.
    suspect: Option<Finding>,
    findings: Vec<Finding>,
    /// Findings about heads alone, after which the pass continues.
    findings_of_heads: Vec<Finding>,
    reached: WalkCounters,
}

/// Whether the pass continues.
enum Step {
    Next,
    Stop,
}

/// Returns whether an error is about a row's content.
fn is_unreadable(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
}

impl<'a> Walk<'a> {
    pub(super) fn new(checkpoints: Checkpoints<'a>, resumptions: &'a [SignedHead], hashed: u64) -> Self {
        Self {
            checkpoints,
            resumptions,
            covered: 0,
            first_uncovered: None,
            next_head: None,
            tree: GrowingTree::default(),
            leaf: Vec::new(),
            stored: Tiles::default(),
            hashed,
            suspect: None,
            findings: Vec::new(),
            findings_of_heads: Vec::new(),
            reached: WalkCounters { last_time: i64::MIN, ..WalkCounters::default() },
        }
    }

    /// Returns the number of events read.
    pub(super) fn events(&self) -> u64 {
        self.tree.size()
    }

    /// Reads the log to its end, or to the first finding that ends the pass.
    pub(super) async fn run(
        &mut self,
        streaming: &mut PgConnection,
        beside: &mut PgConnection,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), super::VerifyError> {
        self.next_head = self.checkpoints.next_size(beside).await?;
        let sql = format!("SELECT {COLUMNS} FROM events ORDER BY position");
        let mut rows = sqlx::query(&sql).fetch(streaming);
        while let Some(row) = rows.try_next().await? {
            let at = self.tree.size();
            let expected = position(at + 1);
            let event = match stored_event(&row) {
                Ok(event) => event,
                Err(error) if is_unreadable(&error) => {
                    self.findings.push(Finding::at(expected, FindingKind::Unreadable));
                    break;
                }
                Err(error) => return Err(error.into()),
            };
            if event.position != expected {
                let (at, wrong) = if event.position > expected {
                    (expected, FindingKind::Missing)
                } else {
                    (event.position, FindingKind::Twice)
                };
                self.findings.push(Finding::at(at, wrong));
                break;
            }
            if event.recorded_at < self.reached.last_time {
                self.findings.push(Finding::at(expected, FindingKind::Earlier));
            }
            self.reached.last_time = event.recorded_at;
            self.first_uncovered.get_or_insert(event.recorded_at);
            event.encode_into(&mut self.leaf);
            let hash = record_hash(&self.leaf);
            self.compare_leaf(beside, at, hash).await?;
            let full = self.tree.push(hash)?;
            self.compare_tiles(beside, full).await?;
            if self.next_head == Some(self.tree.size()) && matches!(self.at_head(beside).await?, Step::Stop) {
                break;
            }
            if self.tree.size().is_multiple_of(PROGRESS_EVENTS) {
                progress(self.tree.size());
            }
        }
        progress(self.tree.size());
        Ok(())
    }

    fn suspect(&mut self, finding: Finding) {
        self.suspect.get_or_insert(finding);
    }

    /// Compares an event's hash with its stored hash.
    async fn compare_leaf(
        &mut self,
        db: &mut PgConnection,
        index: u64,
        hash: Hash,
    ) -> Result<(), sqlx::Error> {
        if index >= self.hashed {
            return Ok(());
        }
        let (tile, within) = (index / WIDTH as u64, index % WIDTH as u64);
        if within == 0 && tile.is_multiple_of(BATCH_TILES) {
            self.stored = tiles::read(db, (tile..tile + BATCH_TILES).map(|tile| (0, tile))).await?;
        }
        let start = usize::try_from(within).unwrap_or_default() * hash.0.len();
        match self.stored.get(0, tile).and_then(|hashes| hashes.get(start..start + hash.0.len())) {
            Some(stored) if stored == hash.0 => {}
            Some(_) => self.suspect(Finding::at(position(index + 1), FindingKind::NotTheSealed)),
            None => self.suspect(Finding::at(position(index + 1), FindingKind::NoHash)),
        }
        Ok(())
    }

    /// Compares hashes of subtrees with the stored ones.
    async fn compare_tiles(&mut self, db: &mut PgConnection, tiles: Vec<Tile>) -> Result<(), sqlx::Error> {
        for tile in tiles.into_iter().filter(|tile| tile.level > 0) {
            // Events covered by one hash of the tile.
            let covers = 1_u64 << (8 * u32::from(tile.level));
            let first = tile.tile * covers * WIDTH as u64;
            let hashes = (tile.hashes.len() / 32) as u64;
            if first + hashes * covers > self.hashed {
                continue;
            }
            let stored = tiles::read(db, std::iter::once((tile.level, tile.tile))).await?;
            if stored.get(tile.level, tile.tile) != Some(&tile.hashes) {
                let wrong = FindingKind::StoredSubtree;
                self.suspect(Finding::between(first, first + hashes * covers, wrong));
            }
        }
        Ok(())
    }

    /// Compares the tree with the heads of its size.
    async fn at_head(&mut self, db: &mut PgConnection) -> Result<Step, super::VerifyError> {
        let size = self.tree.size();
        let (mut agrees, mut disagrees) = (false, None);
        let root = self.tree.root()?;
        for checkpoint in self.checkpoints.take(db, size).await? {
            let Checkpoint { size, root: signed, key, given, is_given_up, signed_at } = checkpoint;
            self.reached.given += u64::from(given);
            if let Some(signed_at) = signed_at {
                self.delayed(size, signed_at);
            }
            if signed == root {
                agrees = true;
            } else if is_given_up {
                self.reached.given_up += 1;
            } else {
                disagrees = Some(FindingKind::NotOfHead { size, given, key });
            }
        }
        self.next_head = self.checkpoints.next_size(db).await?;
        if let Some(wrong) = disagrees {
            // An event that disagrees with its stored hash is the changed one.
            let range = Finding::between(self.reached.agreed, size, wrong);
            let event = self.suspect.take().filter(|suspect| suspect.wrong != FindingKind::StoredSubtree);
            self.findings.push(event.unwrap_or(range));
            return Ok(Step::Stop);
        }
        if agrees {
            self.reached.agreed = size;
            if let Some(suspect) = self.suspect.take() {
                let wrong = match suspect.wrong {
                    FindingKind::NotTheSealed => FindingKind::StoredHash,
                    other => other,
                };
                self.findings.push(Finding { wrong, ..suspect });
            }
        }
        Ok(Step::Next)
    }

    /// Records the wait of the first event that a stored head covers.
    fn delayed(&mut self, size: u64, signed_at: DateTime<Utc>) {
        let before = std::mem::replace(&mut self.covered, size);
        let recorded_at = self.first_uncovered.take().and_then(DateTime::from_timestamp_micros);
        let Some(recorded_at) = recorded_at else { return };
        let position = position(before + 1);
        let waited = waited(position, recorded_at, signed_at, self.resumptions);
        if waited > MAX_SEALING_DELAY {
            self.findings_of_heads.push(Finding::between(before, size, FindingKind::LateHead { waited }));
        }
        if self.reached.longest.is_none_or(|longest| longest.waited < waited) {
            self.reached.longest = Some(Delay { position, waited });
        }
    }

    /// Returns findings and counters. If the log was read to its end, heads beyond it are findings.
    pub(super) async fn finish(
        mut self,
        db: &mut PgConnection,
    ) -> Result<(Vec<Finding>, WalkCounters), super::VerifyError> {
        let partial: Vec<Tile> = self.tree.partial_tiles().collect();
        if self.findings.is_empty() && self.tree.size() == self.hashed {
            self.compare_tiles(db, partial).await?;
        }
        let stopped = !self.findings.is_empty();
        self.findings.extend(self.suspect.take());
        if !stopped {
            self.cut_off(db).await?;
        }
        self.reached.heads = self.checkpoints.stored_reached;
        self.findings.append(&mut self.checkpoints.findings);
        self.findings.append(&mut self.findings_of_heads);
        Ok((self.findings, self.reached))
    }

    /// Adds a finding for the largest trusted head beyond the log's end.
    async fn cut_off(&mut self, db: &mut PgConnection) -> Result<(), super::VerifyError> {
        let events = self.tree.size();
        let mut beyond = None;
        while let Some(size) = self.checkpoints.next_size(db).await? {
            for Checkpoint { size, given, is_given_up, .. } in self.checkpoints.take(db, size).await? {
                if is_given_up {
                    self.reached.given_up += 1;
                } else {
                    beyond = Some(Finding::between(events, size, FindingKind::CutOff { size, given }));
                }
            }
        }
        self.findings.extend(beyond);
        Ok(())
    }
}
