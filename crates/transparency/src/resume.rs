//! Resumptions: after a failover, a restore or a long time without a process, an operator resumes sealing from the last
//! stored head. A signed note names the abandoned head and the reason, and is kept for auditors.

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};

use crate::head::{Resumption, SignedHead, TreeHead};
use crate::seal::{self, Signer};
use crate::{SealError, heads, witness};

/// Longest reason, in characters.
pub const MAX_REASON_CHARS: usize = 200;

/// A reason is not one line of bounded length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("--reason must be one line of 1 to {MAX_REASON_CHARS} characters without control characters")]
pub struct ReasonError;

/// Returns a trimmed and checked reason.
///
/// # Errors
/// [`ReasonError`].
pub fn reason(text: &str) -> Result<String, ReasonError> {
    let text = text.trim();
    let is_one_line = !text.chars().any(|each| each.is_control() || ['\u{2028}', '\u{2029}'].contains(&each));
    if (1..=MAX_REASON_CHARS).contains(&text.chars().count()) && is_one_line {
        Ok(text.to_owned())
    } else {
        Err(ReasonError)
    }
}

impl Signer {
    /// Resumes sealing from the last stored head, although heads beyond it are remembered or the next event is old;
    /// stores and returns the signed note. `given` are heads kept outside the database.
    ///
    /// # Errors
    /// [`SealError`] if the last head itself is invalid: it is not signed with a trusted key, disagrees with the stored
    /// hashes, or the log ends before it.
    pub async fn resume(
        &self,
        db: &mut PgConnection,
        reason: &str,
        given: &[TreeHead],
        now: DateTime<Utc>,
    ) -> Result<SignedHead, SealError> {
        let mut transaction = db.begin().await?;
        seal::lock(&mut transaction).await?;
        let log = heads::log_id(&mut *transaction).await?;
        let tree = self.tree(&mut transaction, log).await?.tree;
        let floors = witness::floors(&mut transaction, Some(&self.witness)).await?;
        // The largest known head, with its root if any place knows it.
        let known = floors.iter().map(|floor| (floor.size, floor.root, floor.at));
        let known = known.chain(given.iter().map(|head| (head.size, Some(head.root), head.signed_at)));
        let known: Vec<_> = known.collect();
        let gave_up = known.iter().max_by_key(|(size, root, _)| (*size, root.is_some()));
        let gave_up = gave_up.filter(|(size, _, _)| *size > tree.size());
        let (size, root) = gave_up.map_or((tree.size(), None), |(size, root, _)| (*size, *root));
        let signed_at = known.iter().map(|(_, _, at)| *at).fold(now, DateTime::max);
        let resumption = Resumption { size, root, reason: reason.to_owned() };
        let head = TreeHead {
            log,
            size: tree.size(),
            root: tree.root()?,
            signed_at: seal::microseconds(signed_at),
            resumption: Some(resumption),
        };
        let signed = self.key.sign(head);
        let cut = i64::try_from(signed.head.size).unwrap_or(i64::MAX);
        sqlx::query("INSERT INTO tree_resumptions (size, signed_at, note) VALUES ($1, $2, $3)")
            .bind(cut)
            .bind(signed.head.signed_at)
            .bind(signed.to_string())
            .execute(&mut *transaction)
            .await?;
        // Later heads are published although heads of their size were before.
        sqlx::query("UPDATE head_publications SET size = LEAST(size, $1)")
            .bind(cut)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(signed)
    }
}
