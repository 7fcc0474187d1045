//! Payment service of the demo: accepts every card except one and moves no money. Its charges are a table, so that
//! all processes of a database share one service.

use domain::order::OnlinePayment;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};
use sqlx::PgPool;
use uuid::Uuid;

use crate::provider::{Charge, ChargeStatus, PaymentService, PaymentUnavailable};

/// The card token that [`DemoPayments`] declines.
pub const DECLINED_TOKEN: &str = "tok_declined";

/// Reason given for declining [`DECLINED_TOKEN`].
const CARD_DECLINED: &str = "card_declined";
/// Reason given for declining a key that was cancelled or refunded.
const WITHDRAWN: &str = "withdrawn";

/// Payment service for the demo and for tests.
#[derive(Debug, Clone)]
pub struct DemoPayments(PgPool);

impl DemoPayments {
    /// Uses the charges stored in this database.
    pub fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    async fn store(&self, charge: Charge) -> Result<OnlinePayment, sqlx::Error> {
        let declined = charge.card_token.as_deref() == Some(DECLINED_TOKEN);
        let status = if declined { "DECLINED" } else { "ACCEPTED" };
        sqlx::query(
            "INSERT INTO demo_charges (key, order_id, amount, status) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (key) DO NOTHING",
        )
        .bind(charge.key)
        .bind(charge.order.0)
        .bind(charge.amount.0)
        .bind(status)
        .execute(&self.0)
        .await?;
        // A repeated charge gets the stored answer.
        Ok(match self.look_up(charge.key).await? {
            Some(ChargeStatus::Accepted { reference }) => OnlinePayment::Accepted { reference },
            Some(ChargeStatus::Declined) => OnlinePayment::Declined { reason: CARD_DECLINED.to_owned() },
            Some(ChargeStatus::Cancelled | ChargeStatus::Refunded) | None => {
                OnlinePayment::Declined { reason: WITHDRAWN.to_owned() }
            }
        })
    }

    async fn look_up(&self, key: Uuid) -> Result<Option<ChargeStatus>, sqlx::Error> {
        let sql = "SELECT status FROM demo_charges WHERE key = $1";
        let status: Option<String> = sqlx::query_scalar(sql).bind(key).fetch_optional(&self.0).await?;
        Ok(status.map(|status| match &*status {
            "ACCEPTED" => ChargeStatus::Accepted { reference: format!("demo_{}", key.simple()) },
            "DECLINED" => ChargeStatus::Declined,
            "CANCELLED" => ChargeStatus::Cancelled,
            _ => ChargeStatus::Refunded,
        }))
    }

    async fn change(&self, sql: &'static str, key: Uuid) -> Result<(), sqlx::Error> {
        sqlx::query(sql).bind(key).execute(&self.0).await?;
        Ok(())
    }
}

impl PaymentService for DemoPayments {
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<OnlinePayment, PaymentUnavailable>> {
        self.store(charge).map_err(PaymentUnavailable::new).boxed()
    }

    fn find(&self, key: Uuid) -> BoxFuture<'_, Result<Option<ChargeStatus>, PaymentUnavailable>> {
        self.look_up(key).map_err(PaymentUnavailable::new).boxed()
    }

    fn cancel(&self, key: Uuid) -> BoxFuture<'_, Result<(), PaymentUnavailable>> {
        let sql =
            "INSERT INTO demo_charges (key, status) VALUES ($1, 'CANCELLED') ON CONFLICT (key) DO NOTHING";
        self.change(sql, key).map_err(PaymentUnavailable::new).boxed()
    }

    fn refund(&self, key: Uuid) -> BoxFuture<'_, Result<(), PaymentUnavailable>> {
        let sql = "UPDATE demo_charges SET status = 'REFUNDED' WHERE key = $1 AND status = 'ACCEPTED'";
        self.change(sql, key).map_err(PaymentUnavailable::new).boxed()
    }
}
