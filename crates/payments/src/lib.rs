//! Asking for money online: the seam where a payment service provider is plugged in, and what makes sure
//! that no charge is made twice or forgotten. Knows no order's state.
//!
//! An intent is written down before anything is charged, and closed once the order has taken the money or
//! it went back (`intents`). What a request leaves open is settled by whichever process comes to it first
//! (`settle`).

pub mod demo;
pub mod intents;
pub mod none;
pub mod settle;

use std::error::Error;
use std::fmt;

use domain::Cents;
use domain::ids::OrderId;
use domain::order::OnlinePayment;
use futures_util::future::BoxFuture;
use uuid::Uuid;

pub use demo::{DECLINED_TOKEN, DemoPayments};
pub use none::NoPayments;
pub use settle::Settlement;

/// A request for money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// What it is for.
    pub order: OrderId,
    /// How much; more than zero.
    pub amount: Cents,
    /// The card, as the provider's page in the browser named it; the provider's default when none.
    pub card_token: Option<String>,
    /// The same key is charged once, and answered the same, however often it comes.
    pub key: Uuid,
}

/// What the payment service knows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeStatus {
    /// It took the money.
    Accepted {
        /// Its reference.
        reference: String,
    },
    /// It did not take the money.
    Declined,
    /// Nothing was taken, and nothing will be.
    Cancelled,
    /// It took the money and gave it back.
    Refunded,
}

/// The payment service did not answer; whether it did what was asked is not known. Asking again with
/// the same key is safe.
#[derive(Debug, thiserror::Error)]
#[error("the payment service is unavailable")]
pub struct PaymentUnavailable(#[source] Option<Box<dyn Error + Send + Sync>>);

impl PaymentUnavailable {
    /// For a reason.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Some(reason.into()))
    }

    /// Without a word.
    pub fn silent() -> Self {
        Self(None)
    }
}

/// A payment service provider. [`DemoPayments`] stands in for it in development and [`NoPayments`] in production;
/// a real one is another implementation of this trait, given to the process in its place.
pub trait PaymentService: fmt::Debug + Send + Sync {
    /// Whether there is a provider behind it. Without one nothing is paid online: neither an order to be paid online
    /// nor a payment is accepted.
    fn is_available(&self) -> bool {
        true
    }

    /// Takes money, or says why not. Must be idempotent by [`Charge::key`]; a key that was cancelled or
    /// refunded is declined.
    ///
    /// # Errors
    /// [`PaymentUnavailable`] when it gives no answer.
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<OnlinePayment, PaymentUnavailable>>;

    /// What became of a charge; none when there was none under the key.
    ///
    /// # Errors
    /// [`PaymentUnavailable`] when it gives no answer.
    fn find(&self, key: Uuid) -> BoxFuture<'_, Result<Option<ChargeStatus>, PaymentUnavailable>>;

    /// Makes sure that nothing is taken under a key any more. What was taken before stays. Must be idempotent.
    ///
    /// # Errors
    /// [`PaymentUnavailable`] when it gives no answer.
    fn cancel(&self, key: Uuid) -> BoxFuture<'_, Result<(), PaymentUnavailable>>;

    /// Gives back, whole, what was taken under a key. Must be idempotent.
    ///
    /// # Errors
    /// [`PaymentUnavailable`] when it gives no answer.
    fn refund(&self, key: Uuid) -> BoxFuture<'_, Result<(), PaymentUnavailable>>;
}
