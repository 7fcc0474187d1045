//! Limits on password guesses, address lookups and mails. Counts attempts before any costly work, in the database, so
//! that all processes share the counts. Stores keyed hashes, never e-mail addresses or client addresses.
//!
//! A limit belongs to an effect, whichever mutation causes it: reading whether an e-mail address is taken requires an
//! [`AddressLookUp`], sending a mail a `mail::MailPermit`, and only a counted attempt returns either.

mod orders;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use super::devices::{self, Device};
use super::server_key::{Hash, ServerKey};
use crate::client_address::ClientAddress;
use crate::clock::{Clock, in_seconds};

pub use orders::{CardAttempt, DECLINES_PER_ACCOUNT, REFUSALS_PER_CUSTOMER};

/// Sliding window in which attempts are counted.
pub const WINDOW: TimeDelta = TimeDelta::minutes(15);

/// Factor by which more failures are allowed from an address on accounts known there than on others: enough that a
/// guest cannot lock out the staff of a shop, and few enough for an address that thousands share.
const KNOWN_ADDRESS_FACTOR: u32 = 10;

/// Attempts allowed within any fifteen minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimits {
    /// Failed sign-ins to one account, existing or not: one count for all unknown addresses together, and one for each
    /// known address and device. Also wrong passwords that one session gives to confirm a change.
    pub sign_in_per_account: u32,
    /// Failed sign-ins from one address to accounts that are not known there.
    pub sign_in_per_address: u32,
    /// Lookups of whether an e-mail address is taken, per client address and per account: sign-ups, changes of address
    /// and hirings.
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

/// Reason why an attempt is refused.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// Too many attempts; the next one is accepted after this time.
    #[error("too many attempts; try again in {} seconds", in_seconds(*.0))]
    TooMany(Duration),
    /// The database did not answer. Uncounted attempts are refused.
    #[error("attempts cannot be counted")]
    Database(#[from] sqlx::Error),
}

/// Cause of a counted effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Signed-in account, if any.
    pub account: Option<Uuid>,
    /// Address of the client.
    pub address: ClientAddress,
}

/// An attempt to sign in.
#[derive(Debug, Clone, Copy)]
pub struct SignInClaim<'a> {
    /// E-mail address as given.
    pub email: &'a str,
    /// Account with this address, if any.
    pub account: Option<Uuid>,
    /// Address of the client.
    pub address: ClientAddress,
    /// Device token of an earlier sign-in, as given.
    pub device: Option<&'a str>,
}

/// Permission to read once whether an e-mail address is taken. The lookup is already counted.
#[derive(Debug)]
#[must_use = "the lookup is already counted"]
pub struct AddressLookUp(());

impl AddressLookUp {
    /// Permission for the operator, who can read the database anyway.
    pub fn by_operator() -> Self {
        Self(())
    }
}

/// A counted password attempt. It stays counted unless [`AttemptLimiter::succeeded`] is called.
#[derive(Debug)]
#[must_use = "a success is not counted"]
pub struct Attempt {
    /// Count that a success deletes.
    account: Hash,
    /// Count that a success subtracts this attempt from.
    address: Option<Hash>,
    at: DateTime<Utc>,
}

/// Counts attempts in the database. Clones and processes share the counts.
#[derive(Debug, Clone)]
pub struct AttemptLimiter {
    pool: PgPool,
    key: ServerKey,
    clock: Clock,
    limits: AttemptLimits,
}

impl AttemptLimiter {
    /// Creates a limiter over the counts of a database.
    pub fn new(pool: PgPool, key: ServerKey, clock: Clock, limits: AttemptLimits) -> Self {
        Self { pool, key, clock, limits }
    }

    /// Counts an attempt to sign in. Call it before the password is verified, and [`AttemptLimiter::succeeded`] if the
    /// password is correct. Each known device and address of an account has its own count, which failures elsewhere or
    /// on other accounts do not use up.
    ///
    /// # Errors
    /// [`AttemptError::TooMany`]; the password must not be verified then.
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
        // The address first, so that attempts on a blocked account count for it too.
        self.count(address, self.limits.sign_in_per_address, at).await?;
        self.count(account, self.limits.sign_in_per_account, at).await?;
        Ok(Attempt { account, address: Some(address), at })
    }

    /// Counts an attempt to confirm a change with the present password. The count belongs to the session, so that
    /// callers without it cannot use it up.
    ///
    /// # Errors
    /// [`AttemptError::TooMany`]; the password must not be verified then.
    pub async fn confirm(&self, account: Uuid, session: Option<Uuid>) -> Result<Attempt, AttemptError> {
        let at = self.clock.now();
        let session = session.unwrap_or_default();
        let subject = self.key.hash(&format!("attempt confirm {account} {session}"));
        self.count(subject, self.limits.sign_in_per_account, at).await?;
        Ok(Attempt { account: subject, address: None, at })
    }

    /// Subtracts a successful attempt and deletes the failures of its account.
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

    /// Deletes the failures of an account whose holder has used a mailed token, and those from the holder's address.
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

    /// Counts a lookup of whether an e-mail address is taken.
    ///
    /// # Errors
    /// [`AttemptError::TooMany`].
    pub async fn look_up(&self, origin: Origin) -> Result<AddressLookUp, AttemptError> {
        self.count_origin("look-up", origin, self.limits.sign_up_per_address).await?;
        Ok(AddressLookUp(()))
    }

    /// Counts a mail of a kind to an address, whether or not an account has it.
    ///
    /// # Errors
    /// [`AttemptError::TooMany`].
    pub async fn mail(&self, kind: &str, email: &str, origin: Origin) -> Result<(), AttemptError> {
        self.count_origin("mail", origin, self.limits.mail_per_address).await?;
        self.count(self.account(kind, email), self.limits.mail_per_account, self.clock.now()).await
    }

    /// Counts an effect for the client's address and for the signed-in account.
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

    /// Counts an attempt within the limit. One statement, whose row lock makes the count exact under concurrency.
    /// Refused attempts are not counted, so that the window slides on.
    async fn count(&self, subject: Hash, limit: u32, now: DateTime<Utc>) -> Result<(), AttemptError> {
        self.count_within(subject, limit, WINDOW, now).await
    }

    /// Like [`Self::count`], with a window of another length.
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

/// Deletes counts whose window is over.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn remove_expired(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM attempts WHERE over_at < $1").bind(now).execute(db).await?;
    Ok(())
}
