//! The contract between this application and a payment service provider.

use std::error::Error;
use std::fmt;

use domain::Cents;
use domain::ids::OrderId;
use domain::order::OnlinePayment;
use futures_util::future::BoxFuture;
use uuid::Uuid;

/// A request to charge a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Order that is paid.
    pub order: OrderId,
    /// Amount; greater than zero.
    pub amount: Cents,
    /// Card token from the provider's page in the browser; `None` selects the provider's default card.
    pub card_token: Option<String>,
    /// Idempotency key: a key is charged once, and a repeated charge gets the same answer.
    pub key: Uuid,
}

/// State of a charge at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeStatus {
    /// The provider took the money.
    Accepted {
        /// The provider's reference.
        reference: String,
    },
    /// The provider declined the card.
    Declined,
    /// No money was taken, and none will be.
    Cancelled,
    /// The provider took the money and returned it.
    Refunded,
}

/// The payment service did not answer, so the result is unknown. Repeating the call with the same key is safe.
#[derive(Debug, thiserror::Error)]
#[error("the payment service is unavailable")]
pub struct PaymentUnavailable(#[source] Option<Box<dyn Error + Send + Sync>>);

impl PaymentUnavailable {
    /// With a cause.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Some(reason.into()))
    }

    /// Without a known cause.
    pub fn silent() -> Self {
        Self(None)
    }
}

/// A payment service provider. [`DemoPayments`](crate::DemoPayments) replaces it in development and
/// [`NoPayments`](crate::NoPayments) in production; a real provider is another implementation of this trait.
pub trait PaymentService: fmt::Debug + Send + Sync {
    /// Whether a provider is configured. If not, orders to be paid online and online payments are refused.
    fn is_available(&self) -> bool {
        true
    }

    /// Charges a card. Must be idempotent by [`Charge::key`], and decline a key that was cancelled or refunded.
    ///
    /// # Errors
    /// [`PaymentUnavailable`] when the provider does not answer.
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<OnlinePayment, PaymentUnavailable>>;

    /// Returns the state of a charge, or `None` if the key is unknown.
    ///
    /// # Errors
    /// [`PaymentUnavailable`] when the provider does not answer.
    fn find(&self, key: Uuid) -> BoxFuture<'_, Result<Option<ChargeStatus>, PaymentUnavailable>>;

    /// Prevents any later charge under a key; an earlier charge stays. Must be idempotent.
    ///
    /// # Errors
    /// [`PaymentUnavailable`] when the provider does not answer.
    fn cancel(&self, key: Uuid) -> BoxFuture<'_, Result<(), PaymentUnavailable>>;

    /// Returns the full amount that was charged under a key. Must be idempotent.
    ///
    /// # Errors
    /// [`PaymentUnavailable`] when the provider does not answer.
    fn refund(&self, key: Uuid) -> BoxFuture<'_, Result<(), PaymentUnavailable>>;
}
