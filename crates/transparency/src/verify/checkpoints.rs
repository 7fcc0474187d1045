//! The heads that a log is compared with, stored and given, in order of size. Stored ones are read in batches.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use tlog_tiles::Hash;
use uuid::Uuid;

use super::finding::{Finding, FindingKind};
use crate::head::SignedHead;
use crate::heads::{HEADS, Row};
use crate::key::{KeyId, TrustError, TrustedKeys};
use crate::seal::EVENTS_PER_HEAD;

/// Stored heads read at once.
const BATCH_HEADS: i64 = 500;

/// A trusted head.
#[derive(Debug)]
pub(super) struct Checkpoint {
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) key: KeyId,
    pub(super) given: bool,
    /// Whether a resumption has abandoned it.
    pub(super) is_given_up: bool,
    /// Time of signing of a stored head; `None` for others.
    pub(super) signed_at: Option<DateTime<Utc>>,
}

/// The heads that are not yet reached.
pub(super) struct Checkpoints<'a> {
    trusted: &'a TrustedKeys,
    log: Uuid,
    /// Given heads (`true`) and resumptions of the database (`false`).
    given: VecDeque<(&'a SignedHead, bool)>,
    resumptions: &'a [SignedHead],
    stored: VecDeque<Row>,
    /// Size of the last stored head taken.
    last_stored: u64,
    /// Time of the last readable one.
    last_signed: Option<DateTime<Utc>>,
    all_read: bool,
    /// Findings about the heads themselves.
    pub(super) findings: Vec<Finding>,
    pub(super) stored_reached: u64,
}

fn size_of(row: &Row) -> u64 {
    u64::try_from(row.size).unwrap_or_default()
}

impl<'a> Checkpoints<'a> {
    /// Takes `given` heads, kept outside, and the database's `resumptions`; both must be trusted.
    pub(super) fn new(
        given: &'a [SignedHead],
        resumptions: &'a [SignedHead],
        trusted: &'a TrustedKeys,
        log: Uuid,
    ) -> Self {
        let resumed = resumptions.iter().map(|head| (head, false));
        let mut all: Vec<_> = given.iter().map(|head| (head, true)).chain(resumed).collect();
        all.retain(|(head, _)| head.head.size > 0);
        all.sort_by_key(|(head, _)| head.head.size);
        Self {
            trusted,
            log,
            given: all.into(),
            resumptions,
            stored: VecDeque::new(),
            last_stored: 0,
            last_signed: None,
            all_read: false,
            findings: Vec::new(),
            stored_reached: 0,
        }
    }

    async fn fill(&mut self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.stored.is_empty() && !self.all_read {
            let sql = format!("{HEADS} WHERE size > $1 ORDER BY size LIMIT $2");
            let after = i64::try_from(self.last_stored).unwrap_or(i64::MAX);
            let rows: Vec<Row> = sqlx::query_as(&sql).bind(after).bind(BATCH_HEADS).fetch_all(db).await?;
            self.all_read = rows.is_empty();
            self.stored = rows.into();
        }
        Ok(())
    }

    /// Returns the size of the next head.
    pub(super) async fn next_size(&mut self, db: &mut PgConnection) -> Result<Option<u64>, sqlx::Error> {
        self.fill(db).await?;
        let stored = self.stored.front().map(size_of);
        let given = self.given.front().map(|(head, _)| head.head.size);
        Ok(stored.into_iter().chain(given).min())
    }

    /// Takes the trusted heads of a size, and adds findings about the others.
    pub(super) async fn take(
        &mut self,
        db: &mut PgConnection,
        size: u64,
    ) -> Result<Vec<Checkpoint>, sqlx::Error> {
        let mut taken = Vec::new();
        while let Some((head, given)) = self.given.front().copied().filter(|(head, _)| head.head.size == size)
        {
            self.given.pop_front();
            // Their signatures were checked before.
            let is_given_up = self.resumptions.iter().any(|it| it.head.gives_up(&head.head));
            let SignedHead { head, key_id: key, .. } = head;
            taken.push(Checkpoint { size, root: head.root, key: *key, given, is_given_up, signed_at: None });
        }
        self.fill(db).await?;
        if self.stored.front().is_some_and(|row| size_of(row) == size)
            && let Some(row) = self.stored.pop_front()
        {
            taken.extend(self.stored_one(row, size));
        }
        Ok(taken)
    }

    fn stored_one(&mut self, row: Row, size: u64) -> Option<Checkpoint> {
        let before = std::mem::replace(&mut self.last_stored, size);
        let mut wrong = |what| self.findings.push(Finding::between(before, size, what));
        if size.saturating_sub(before) > EVENTS_PER_HEAD {
            wrong(FindingKind::HeadsMissing);
        }
        let Some(head) = row.decode() else {
            wrong(FindingKind::DamagedHead);
            return None;
        };
        self.stored_reached += 1;
        if let Err(why) = self.trusted.check(self.log, &head.signed) {
            wrong(FindingKind::Head(why));
            return None;
        }
        if head.public_key.id() != head.signed.key_id {
            wrong(FindingKind::Head(TrustError::UnknownKey(head.public_key.id())));
        }
        let signed_at = head.signed.head.signed_at;
        if self.last_signed.is_some_and(|last| signed_at < last) {
            wrong(FindingKind::HeadTime);
        }
        self.last_signed = Some(signed_at);
        let SignedHead { head, key_id: key, .. } = head.signed;
        let (root, signed_at) = (head.root, Some(signed_at));
        Some(Checkpoint { size, root, key, given: false, is_given_up: false, signed_at })
    }
}
