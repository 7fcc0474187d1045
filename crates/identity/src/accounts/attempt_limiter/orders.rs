//! What an account may try with orders: cards that are declined, and refusals that are stored for good. Counted like
//! attempts to sign in: exactly, and over all processes.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::HolderId;
use uuid::Uuid;

use super::{AttemptError, AttemptLimiter, Hash};

/// Declined cards of one account within an hour; the next payment is not tried.
pub const DECLINES_PER_ACCOUNT: u32 = 10;
/// Refused orders of one customer that are stored within an hour; the next one is only answered.
pub const REFUSALS_PER_CUSTOMER: u32 = 20;
/// The sliding window of both.
const HOUR: TimeDelta = TimeDelta::hours(1);

/// A payment by card that was counted. It stays counted unless it is taken back.
#[derive(Debug)]
#[must_use = "a payment that was not declined is taken back"]
pub struct CardAttempt {
    account: Hash,
    at: DateTime<Utc>,
}

impl AttemptLimiter {
    /// Counts a payment by card of an account. Call it before the payment service is asked, and
    /// [`AttemptLimiter::take_back`] unless the card was declined: so no more are under way than may be declined.
    ///
    /// # Errors
    /// [`AttemptError::TooMany`]; then the payment service must not be asked.
    pub async fn card(&self, account: Uuid) -> Result<CardAttempt, AttemptError> {
        let at = self.clock.now();
        let account = self.key.hash(&format!("declined card account {account}"));
        self.count_within(account, DECLINES_PER_ACCOUNT, HOUR, at).await?;
        Ok(CardAttempt { account, at })
    }

    /// Takes an attempt back whose card was not declined.
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

    /// Whether another refused order of a customer may be stored; counts it if so. A customer is an account, a
    /// telephone number or an address; each of them counts.
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
