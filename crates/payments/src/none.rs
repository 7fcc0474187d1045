//! Payment service of a production without a provider. Moves no money and never accepts a charge.

use domain::order::OnlinePayment;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use uuid::Uuid;

use crate::provider::{Charge, ChargeStatus, PaymentService, PaymentUnavailable};

/// Answers every call with [`PaymentUnavailable`].
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPayments;

fn unavailable<T: Send + 'static>() -> BoxFuture<'static, Result<T, PaymentUnavailable>> {
    ready(Err(PaymentUnavailable::new("no payment provider is configured"))).boxed()
}

impl PaymentService for NoPayments {
    fn is_available(&self) -> bool {
        false
    }

    fn charge(&self, _charge: Charge) -> BoxFuture<'_, Result<OnlinePayment, PaymentUnavailable>> {
        unavailable()
    }

    fn find(&self, _key: Uuid) -> BoxFuture<'_, Result<Option<ChargeStatus>, PaymentUnavailable>> {
        unavailable()
    }

    fn cancel(&self, _key: Uuid) -> BoxFuture<'_, Result<(), PaymentUnavailable>> {
        unavailable()
    }

    fn refund(&self, _key: Uuid) -> BoxFuture<'_, Result<(), PaymentUnavailable>> {
        unavailable()
    }
}
