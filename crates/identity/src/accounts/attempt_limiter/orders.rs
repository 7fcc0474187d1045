//! Limits on orders: declined cards and stored refusals. Counted like attempts to sign in: exactly, and across all
//! processes.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::HolderId;
use uuid::Uuid;

use super::{AttemptError, AttemptLimiter, Hash};

/// Declined cards of one account within an hour; further payments are barred.
pub const DECLINES_PER_ACCOUNT: u32 = 10;
/// Refused orders of one customer stored within an hour; further refusals are answered without being stored.
pub const REFUSALS_PER_CUSTOMER: u32 = 20;
/// Sliding window of both limits.
const HOUR: TimeDelta = TimeDelta::hours(1);

/// A counted card payment. It stays counted unless [`AttemptLimiter::take_back`] is called.
#[derive(Debug)]
#[must_use = "take back a payment that was not declined"]
pub struct CardAttempt {
    account: Hash,
    at: DateTime<Utc>,
}

impl AttemptLimiter {
    /// Counts a card payment of an account. Call it before the charge, and [`AttemptLimiter::take_back`] unless the card
    /// was declined, so that concurrent payments never exceed the limit of declines.
    ///
    /// # Errors
    /// [`AttemptError::TooMany`]; the card must not be charged then.
    pub async fn card(&self, account: Uuid) -> Result<CardAttempt, AttemptError> {
        let at = self.clock.now();
        let account = self.key.hash(&format!("declined card account {account}"));
        self.count_within(account, DECLINES_PER_ACCOUNT, HOUR, at).await?;
        Ok(CardAttempt { account, at })
    }

    /// Subtracts an attempt whose card was not declined.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take_back(&self, attempt: CardAttempt) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE attempts SET made_at = made_at[:array_position(made_at, $2) - 1] \
             || made_at[array_position(made_at, $2) + 1:] WHERE subject = $1 AND $2 = ANY(made_at)",
        )
        .bind(&attempt.account[..])
        .bind(attempt.at)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Returns whether another refused order of a customer may be stored, and counts it. Each holder id of the customer
    /// (account, telephone number, address) has its own count.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stores_refusal(&self, customer: &[HolderId]) -> Result<bool, sqlx::Error> {
        let now = self.clock.now();
        for holder in customer {
            let subject = self.key.hash(&format!("refused order of {holder}"));
            match self.count_within(subject, REFUSALS_PER_CUSTOMER, HOUR, now).await {
                Ok(()) => {}
                Err(AttemptError::TooMany(_)) => return Ok(false),
                Err(AttemptError::Database(error)) => return Err(error),
            }
        }
        Ok(true)
    }
}
