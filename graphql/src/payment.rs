//! Asking for money online: the seam where a payment service provider is plugged in. Knows no order's state.

use std::fmt;

use domain::Cents;
use domain::ids::OrderId;
use domain::order::OnlinePayment;
use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};

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
    pub key: String,
}

/// The payment service did not answer; whether it took the money is not known. Asking again with
/// the same key is safe.
#[derive(Debug, thiserror::Error)]
#[error("the payment service is unavailable")]
pub struct PaymentUnavailable;

/// A payment service provider. [`DemoPayments`] stands in for it; a real one is another
/// implementation of this trait, given to the schema in its place.
pub trait PaymentService: fmt::Debug + Send + Sync {
    /// Takes money, or says why not. Must be idempotent by [`Charge::key`].
    ///
    /// # Errors
    /// [`PaymentUnavailable`] when it gives no answer.
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<OnlinePayment, PaymentUnavailable>>;

    /// Gives back, whole, what was taken under a reference: the order did not accept it after all.
    /// Must be idempotent.
    ///
    /// # Errors
    /// [`PaymentUnavailable`] when it gives no answer.
    fn void(&self, reference: String) -> BoxFuture<'_, Result<(), PaymentUnavailable>>;
}

/// The card token that [`DemoPayments`] declines.
pub const DECLINED_TOKEN: &str = "tok_declined";

/// Stands in for a provider in the demo and in tests: takes any card but [`DECLINED_TOKEN`], moves no money.
#[derive(Debug, Clone, Copy, Default)]
pub struct DemoPayments;

impl PaymentService for DemoPayments {
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<OnlinePayment, PaymentUnavailable>> {
        let answer = if charge.card_token.as_deref() == Some(DECLINED_TOKEN) {
            OnlinePayment::Declined { reason: "card_declined".to_owned() }
        } else {
            let digest = Sha256::digest(charge.key.as_bytes());
            let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            OnlinePayment::Accepted { reference: format!("demo_{hex}") }
        };
        Box::pin(std::future::ready(Ok(answer)))
    }

    fn void(&self, _reference: String) -> BoxFuture<'_, Result<(), PaymentUnavailable>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn charge(key: &str, card_token: Option<&str>) -> Charge {
        Charge {
            order: OrderId(Uuid::nil()),
            amount: Cents(100),
            card_token: card_token.map(str::to_owned),
            key: key.to_owned(),
        }
    }

    #[tokio::test]
    async fn the_same_key_has_the_same_reference() {
        let first = DemoPayments.charge(charge("a", None)).await.unwrap();
        assert_eq!(DemoPayments.charge(charge("a", Some("tok_visa"))).await.unwrap(), first);
        assert_ne!(DemoPayments.charge(charge("b", None)).await.unwrap(), first);
    }

    #[tokio::test]
    async fn the_declined_card_is_declined() {
        let answer = DemoPayments.charge(charge("a", Some(DECLINED_TOKEN))).await.unwrap();
        assert_eq!(answer, OnlinePayment::Declined { reason: "card_declined".to_owned() });
    }
}
