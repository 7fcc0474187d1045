//! Slows down who guesses passwords or makes us send mail. Attempts are counted in the database, so that
//! all processes share the counts, and before anything costly is done. Neither e-mail addresses nor
//! clients' addresses are stored: only keyed hashes of them.
//!
//! A limit belongs to an effect, not to one of the mutations that have it. Reading whether an e-mail address
//! is taken needs an [`AddressLookUp`], sending a mail a `mail::MailPermit`; only counting gives either.

mod orders;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use super::devices::{self, Device};
use super::server_key::{Hash, ServerKey};
use crate::client_address::ClientAddress;
use crate::clock::Clock;
use crate::clock::in_seconds;

pub use orders::{CardAttempt, DECLINES_PER_ACCOUNT, REFUSALS_PER_CUSTOMER};

/// The sliding window that attempts are counted in.
pub const WINDOW: TimeDelta = TimeDelta::minutes(15);

/// How many times as many failures an address may have on accounts that are known there as on others: so many that
/// a guest cannot use them up on the staff of a shop, and few enough for an address that thousands share.
const KNOWN_ADDRESS_FACTOR: u32 = 10;

/// How many attempts there may be in any fifteen minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimits {
    /// Failures to sign in to one account, whether it exists or not: from all addresses that the account is not
    /// known to use together, and apart from each address and device that it is known to use. Also wrong
    /// passwords that one session gives to confirm a change.
    pub sign_in_per_account: u32,
    /// Failures to sign in from one address, to accounts that are not known to use it.
    pub sign_in_per_address: u32,
    /// Answers about whether an e-mail address is taken, to one client address and to one account: accounts
    /// made, addresses changed, staff hired.
    pub sign_up_per_address: u32,
    /// Mails of one kind to one e-mail address.
    pub mail_per_account: u32,
    /// Mails caused by one client address, and by one account.
    pub mail_per_address: u32,
}

impl Default for AttemptLimits {
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
pub enum AttemptError {
    /// Too many attempts; the next one is heard after so long.
    #[error("too many attempts; try again in {} seconds", in_seconds(*.0))]
    TooMany(Duration),
    /// The database did not answer: nobody is let through uncounted.
    #[error("attempts cannot be counted")]
    Database(#[from] sqlx::Error),
}

/// What causes an effect that is counted: the account that is signed in, if any, and the client's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The account that is signed in.
    pub account: Option<Uuid>,
    /// The client's address.
    pub address: ClientAddress,
}

/// An attempt to sign in: to which account, and from where.
#[derive(Debug, Clone, Copy)]
pub struct SignInClaim<'a> {
    /// The e-mail address, as given.
    pub email: &'a str,
    /// The account that has it.
    pub account: Option<Uuid>,
    /// The client's address.
    pub address: ClientAddress,
    /// The device token that an earlier sign-in has given, as given.
    pub device: Option<&'a str>,
}

/// Permission to read whether an e-mail address is taken, once; it was counted.
#[derive(Debug)]
#[must_use = "it was counted"]
pub struct AddressLookUp(());

impl AddressLookUp {
    /// Permission for the operator, who reads the database anyway.
    pub fn by_operator() -> Self {
        Self(())
    }
}

/// An attempt to give a password that was counted. It stays counted unless it is said to have succeeded.
#[derive(Debug)]
#[must_use = "a success is not counted"]
pub struct Attempt {
    /// The count that a success ends.
    account: Hash,
    /// The count that a success is taken back from.
    address: Option<Hash>,
    at: DateTime<Utc>,
}

/// Counts attempts. Cloning shares the counts, which are the database's.
#[derive(Debug, Clone)]
pub struct AttemptLimiter {
    pool: PgPool,
    key: ServerKey,
    clock: Clock,
    limits: AttemptLimits,
}

impl AttemptLimiter {
    /// Over the counts of a database.
    pub fn new(pool: PgPool, key: ServerKey, clock: Clock, limits: AttemptLimits) -> Self {
        Self { pool, key, clock, limits }
    }

    /// Counts an attempt to sign in. Call it before the password is computed, and [`AttemptLimiter::succeeded`] when it
    /// was right. A device or an address that the account is known to use has a count of its own, which failures
    /// elsewhere, or on other accounts, do not use up.
    ///
    /// # Errors
    /// [`AttemptError::TooMany`]; then nothing must be computed.
    pub async fn sign_in(&self, claim: SignInClaim<'_>) -> Result<Attempt, AttemptError> {
        let SignInClaim { email, account, address, device } = claim;
        let at = self.clock.now();
        if let Some(account) = account {
            if let Some(device) = device.and_then(|token| Device::read(&self.key, account, token, at)) {
                let own = self.key.hash(&format!("attempt sign-in device {account} {device}"));
                self.count(own, self.limits.sign_in_per_account, at).await?;
                return Ok(Attempt { account: own, address: None, at });
            }
            if devices::is_known(&self.pool, &self.key, account, address, at).await? {
                let (own, known) = (self.pair(account, address), self.address("sign-in known", address));
                self.count(own, self.limits.sign_in_per_account, at).await?;
                let limit = self.limits.sign_in_per_address.saturating_mul(KNOWN_ADDRESS_FACTOR);
                self.count(known, limit, at).await?;
                return Ok(Attempt { account: own, address: Some(known), at });
            }
        }
        let (account, address) = (self.account("sign-in", email), self.address("sign-in", address));
        // The address first: what it tries on an account that takes no more counts for it all the same.
        self.count(address, self.limits.sign_in_per_address, at).await?;
        self.count(account, self.limits.sign_in_per_account, at).await?;
        Ok(Attempt { account, address: Some(address), at })
    }

    /// Counts an attempt to confirm a change by the present password, within a session. Strangers without the
    /// session use none of it up.
    ///
    /// # Errors
    /// [`AttemptError::TooMany`]; then nothing must be computed.
    pub async fn confirm(&self, account: Uuid, session: Option<Uuid>) -> Result<Attempt, AttemptError> {
        let at = self.clock.now();
        let session = session.unwrap_or_default();
        let subject = self.key.hash(&format!("attempt confirm {account} {session}"));
        self.count(subject, self.limits.sign_in_per_account, at).await?;
        Ok(Attempt { account: subject, address: None, at })
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
        .bind(attempt.address.as_ref().map(|address| &address[..]))
        .bind(attempt.at)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Forgets the failures of an account, whose owner has shown otherwise who they are: by a token
    /// from their mail. Also those from the address that they do it at.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forgive(
        &self,
        db: impl PgExecutor<'_>,
        account: Uuid,
        email: &str,
        address: ClientAddress,
    ) -> Result<(), sqlx::Error> {
        let strangers = self.account("sign-in", email);
        let own = self.pair(account, address);
        let subjects = [&strangers[..], &own[..]];
        sqlx::query("DELETE FROM attempts WHERE subject = ANY($1)").bind(subjects).execute(db).await?;
        Ok(())
    }

    /// Counts an answer about whether an e-mail address is taken, whichever mutation gives it.
    ///
    /// # Errors
    /// [`AttemptError::TooMany`].
    pub async fn look_up(&self, origin: Origin) -> Result<AddressLookUp, AttemptError> {
        self.count_origin("look-up", origin, self.limits.sign_up_per_address).await?;
        Ok(AddressLookUp(()))
    }

    /// Counts a mail of a kind to an address, whether it belongs to an account or not.
    ///
    /// # Errors
    /// [`AttemptError::TooMany`].
    pub async fn mail(&self, kind: &str, email: &str, origin: Origin) -> Result<(), AttemptError> {
        self.count_origin("mail", origin, self.limits.mail_per_address).await?;
        self.count(self.account(kind, email), self.limits.mail_per_account, self.clock.now()).await
    }

    /// Counts an effect for the client's address, and for the account that is signed in.
    async fn count_origin(&self, kind: &str, origin: Origin, limit: u32) -> Result<(), AttemptError> {
        let now = self.clock.now();
        self.count(self.address(kind, origin.address), limit, now).await?;
        if let Some(account) = origin.account {
            self.count(self.key.hash(&format!("attempt {kind} by {account}")), limit, now).await?;
        }
        Ok(())
    }

    fn pair(&self, account: Uuid, address: ClientAddress) -> Hash {
        self.key.hash(&format!("attempt sign-in pair {account} {}", address.ip()))
    }

    fn account(&self, kind: &str, email: &str) -> Hash {
        self.key.hash(&format!("attempt {kind} account {}", email.trim().to_lowercase()))
    }

    fn address(&self, kind: &str, address: ClientAddress) -> Hash {
        self.key.hash(&format!("attempt {kind} address {}", address.ip()))
    }

    /// Counts an attempt if there is room for it. One statement, whose row lock makes the count exact
    /// however many there are at once; what is refused is not counted, so the window slides on.
    async fn count(&self, subject: Hash, limit: u32, now: DateTime<Utc>) -> Result<(), AttemptError> {
        self.count_within(subject, limit, WINDOW, now).await
    }

    /// As [`Self::count`], in a window of another length.
    async fn count_within(
        &self,
        subject: Hash,
        limit: u32,
        window: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<(), AttemptError> {
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
        .bind(now + window)
        .bind(now - window)
        .bind(i64::from(limit))
        .fetch_one(&self.pool)
        .await?;
        if counted {
            return Ok(());
        }
        let wait = oldest.map_or(window, |oldest| oldest + window - now);
        Err(AttemptError::TooMany(wait.to_std().unwrap_or(Duration::ZERO)))
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
