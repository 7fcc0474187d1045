//! No payment provider: what production has until one is configured. Moves no money and never claims to.

use domain::order::OnlinePayment;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use uuid::Uuid;

use super::{Charge, ChargeStatus, PaymentService, PaymentUnavailable};

/// Refuses everything that would need a provider.
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
