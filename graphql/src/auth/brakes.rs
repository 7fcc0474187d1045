//! Slows down who guesses passwords or makes us send mail. Attempts are counted in the database, so that
//! all processes share the counts, and before anything costly is done. Neither e-mail addresses nor
//! clients' addresses are stored: only keyed hashes of them.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgExecutor, PgPool};

use super::key::{Hash, Key};
use crate::clock::Clock;
use crate::error::in_seconds;
use crate::http::client_address::ClientAddress;

/// The sliding window that attempts are counted in.
pub const WINDOW: TimeDelta = TimeDelta::minutes(15);

/// How many attempts there may be in any fifteen minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrakeLimits {
    /// Failures to sign in to one account, whether it exists or not.
    pub sign_in_per_account: u32,
    /// Failures to sign in from one address.
    pub sign_in_per_address: u32,
    /// Accounts made from one address.
    pub sign_up_per_address: u32,
    /// Mails to one account: to reset its password, or to show that its address is right.
    pub mail_per_account: u32,
    /// Mails asked for from one address.
    pub mail_per_address: u32,
}

impl Default for BrakeLimits {
    fn default() -> Self {
        Self {
            sign_in_per_account: 10,
            sign_in_per_address: 100,
            sign_up_per_address: 60,
            mail_per_account: 5,
            mail_per_address: 60,
        }
    }
}

/// Why somebody must wait.
#[derive(Debug, thiserror::Error)]
pub enum BrakeError {
    /// Too many attempts; the next one is heard after so long.
    #[error("too many attempts; try again in {} seconds", in_seconds(*.0))]
    TooMany(Duration),
    /// The database did not answer: nobody is let through uncounted.
    #[error("attempts cannot be counted")]
    Database(#[from] sqlx::Error),
}

/// An attempt to sign in that was counted. It stays counted unless it is said to have succeeded.
#[derive(Debug)]
#[must_use = "a success is not counted"]
pub struct Attempt {
    account: Hash,
    address: Hash,
    at: DateTime<Utc>,
}

/// Counts attempts. Cloning shares the counts, which are the database's.
#[derive(Debug, Clone)]
pub struct Brakes {
    pool: PgPool,
    key: Key,
    clock: Clock,
    limits: BrakeLimits,
}

impl Brakes {
    /// Over the counts of a database.
    pub fn new(pool: PgPool, key: Key, clock: Clock, limits: BrakeLimits) -> Self {
        Self { pool, key, clock, limits }
    }

    /// Counts an attempt to sign in, or to show the present password. Call it before the password is
    /// computed, and [`Brakes::succeeded`] when it was right.
    ///
    /// # Errors
    /// [`BrakeError::TooMany`]; then nothing must be computed.
    pub async fn sign_in(&self, email: &str, address: ClientAddress) -> Result<Attempt, BrakeError> {
        let at = self.clock.now();
        let attempt = Attempt {
            account: self.account("sign-in", email),
            address: self.address("sign-in", address),
            at,
        };
        // The address first: what it tries on an account that takes no more counts for it all the same.
        self.count(attempt.address, self.limits.sign_in_per_address, at).await?;
        self.count(attempt.account, self.limits.sign_in_per_account, at).await?;
        Ok(attempt)
    }

    /// Takes an attempt back that was right, and forgets the failures of its account.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn succeeded(&self, attempt: Attempt) -> Result<(), sqlx::Error> {
        sqlx::query(
            "WITH forgotten AS (DELETE FROM attempts WHERE subject = $1) \
             UPDATE attempts SET made_at = made_at[:array_position(made_at, $3) - 1] \
             || made_at[array_position(made_at, $3) + 1:] WHERE subject = $2 AND $3 = ANY(made_at)",
        )
        .bind(&attempt.account[..])
        .bind(&attempt.address[..])
        .bind(attempt.at)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Forgets the failures of an account, whose owner has shown otherwise who they are: by a token
    /// from their mail.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forgive(&self, db: impl PgExecutor<'_>, email: &str) -> Result<(), sqlx::Error> {
        let account = self.account("sign-in", email);
        sqlx::query("DELETE FROM attempts WHERE subject = $1").bind(&account[..]).execute(db).await?;
        Ok(())
    }

    /// Counts an attempt to make an account.
    ///
    /// # Errors
    /// [`BrakeError::TooMany`].
    pub async fn sign_up(&self, address: ClientAddress) -> Result<(), BrakeError> {
        let address = self.address("sign-up", address);
        self.count(address, self.limits.sign_up_per_address, self.clock.now()).await
    }

    /// Counts a wish for a mail to somebody, whether they have an account or not.
    ///
    /// # Errors
    /// [`BrakeError::TooMany`].
    pub async fn mail(&self, email: &str, address: ClientAddress) -> Result<(), BrakeError> {
        let now = self.clock.now();
        self.count(self.address("mail", address), self.limits.mail_per_address, now).await?;
        self.count(self.account("mail", email), self.limits.mail_per_account, now).await
    }

    fn account(&self, kind: &str, email: &str) -> Hash {
        self.key.hash(&format!("attempt {kind} account {}", email.trim().to_lowercase()))
    }

    fn address(&self, kind: &str, address: ClientAddress) -> Hash {
        self.key.hash(&format!("attempt {kind} address {}", address.ip()))
    }

    /// Counts an attempt if there is room for it. One statement, whose row lock makes the count exact
    /// however many there are at once; what is refused is not counted, so the window slides on.
    async fn count(&self, subject: Hash, limit: u32, now: DateTime<Utc>) -> Result<(), BrakeError> {
        let (counted, oldest): (bool, Option<DateTime<Utc>>) = sqlx::query_as(
            "WITH counted AS ( \
                 INSERT INTO attempts AS a (subject, made_at, over_at) \
                 SELECT $1, ARRAY[$2::timestamptz], $3 WHERE $5 > 0 \
                 ON CONFLICT (subject) DO UPDATE SET over_at = excluded.over_at, \
                     made_at = ARRAY(SELECT at FROM unnest(a.made_at) at WHERE at > $4 ORDER BY at) || $2 \
                 WHERE (SELECT count(*) FROM unnest(a.made_at) at WHERE at > $4) < $5 \
                 RETURNING 1) \
             SELECT EXISTS (SELECT FROM counted), \
                 (SELECT min(at) FROM attempts, unnest(made_at) at WHERE subject = $1 AND at > $4)",
        )
        .bind(&subject[..])
        .bind(now)
        .bind(now + WINDOW)
        .bind(now - WINDOW)
        .bind(i64::from(limit))
        .fetch_one(&self.pool)
        .await?;
        if counted {
            return Ok(());
        }
        let wait = oldest.map_or(WINDOW, |oldest| oldest + WINDOW - now);
        Err(BrakeError::TooMany(wait.to_std().unwrap_or(Duration::ZERO)))
    }
}

/// Removes counts whose window is over.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn remove_over(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM attempts WHERE over_at < $1").bind(now).execute(db).await?;
    Ok(())
}
