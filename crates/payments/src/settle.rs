//! Settlement of payment intents: captures or refunds a charge, by the state of the payment service and of the
//! order's stream. Any process may settle an intent at any time, also while its request runs.
//!
//! An intent can be captured only at the order version that it was made at. Once the stream is past that version, it
//! shows for good whether the charge was captured, so no process refunds what another one captures.

use std::sync::Arc;
use std::time::Duration;

use domain::StreamId;
use domain::order::{OnlinePayment, OrderCommand};
use domain::usecase::ToOrder;
use event_store::{EventStore, LogError, StoreError, chain, log};
use identity::clock::Clock;
use sqlx::PgPool;

use crate::intents::{self, Ending, Intent};
use crate::provider::{ChargeStatus, PaymentService, PaymentUnavailable};

/// Interval between sweeps for open intents.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Intents settled in one sweep.
const INTENTS_PER_SWEEP: i64 = 20;

/// Settles payment intents.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The database.
    pub pool: PgPool,
    /// Event store that payments are appended to.
    pub store: EventStore,
    /// Payment service that the charges were made at.
    pub payments: Arc<dyn PaymentService>,
    /// The clock.
    pub clock: Clock,
}

/// Reason why an intent could not be settled; a later attempt may succeed.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The order's stream could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The payment could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The payment service did not answer.
    #[error(transparent)]
    Payments(#[from] PaymentUnavailable),
}

impl Settlement {
    /// Settles an intent whose request may be over. Returns `None` while the request may still charge.
    ///
    /// # Errors
    /// [`SettleError`]; the call may be repeated.
    pub async fn settle(&self, intent: &Intent) -> Result<Option<Ending>, SettleError> {
        match self.payments.find(intent.id).await? {
            Some(status) => Ok(Some(self.settle_as(intent, status).await?)),
            None if intents::is_overdue(&self.pool, intent.id).await? => {
                Ok(Some(self.abandon(intent).await?))
            }
            None => Ok(None),
        }
    }

    /// Settles an intent now: captures or refunds its charge and prevents later charges.
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub async fn abandon(&self, intent: &Intent) -> Result<Ending, SettleError> {
        // Cancel first: a charge either came before and is found, or is declined.
        self.payments.cancel(intent.id).await?;
        let status = self.payments.find(intent.id).await?.unwrap_or(ChargeStatus::Cancelled);
        self.settle_as(intent, status).await
    }

    async fn settle_as(&self, intent: &Intent, status: ChargeStatus) -> Result<Ending, SettleError> {
        match status {
            ChargeStatus::Accepted { reference } => {
                let outcome = OnlinePayment::Accepted { reference };
                let command = OrderCommand::PayOnline { outcome: outcome.clone(), now: self.clock.now() };
                let pay = ToOrder { name: "payOnline", order: intent.order, command };
                self.store.execute(Arc::new(pay), intent.request.at(intent.version)).await?;
                self.conclude(intent, &outcome).await
            }
            ChargeStatus::Declined | ChargeStatus::Cancelled => self.end(intent, Ending::NotCharged).await,
            ChargeStatus::Refunded => self.end(intent, Ending::Refunded).await,
        }
    }

    /// Closes an intent after the service's answer was stored: the order has captured the charge, or never will.
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub async fn conclude(&self, intent: &Intent, outcome: &OnlinePayment) -> Result<Ending, SettleError> {
        let ending = match outcome {
            OnlinePayment::Declined { .. } | OnlinePayment::Unavailable | OnlinePayment::Barred { .. } => {
                Ending::NotCharged
            }
            OnlinePayment::Accepted { reference } if self.is_captured(intent, reference).await? => {
                Ending::Captured
            }
            OnlinePayment::Accepted { .. } => {
                self.payments.refund(intent.id).await?;
                Ending::Refunded
            }
        };
        self.end(intent, ending).await
    }

    async fn end(&self, intent: &Intent, ending: Ending) -> Result<Ending, SettleError> {
        intents::close(&self.pool, intent.id, ending, self.clock.now()).await?;
        Ok(ending)
    }

    /// Whether the order captured a charge. The capture is one of the two events after the intent's version, or none.
    async fn is_captured(&self, intent: &Intent, reference: &str) -> Result<bool, LogError> {
        let stream = StreamId::order(intent.order);
        let (after, up_to) = (intent.version, intent.version.saturating_add(2));
        let events = log::read_stream(&self.pool, &stream, after, up_to).await?;
        let charge = Some(Some(reference));
        let mut happened = events.iter().flat_map(|recorded| &recorded.events);
        Ok(happened.any(|event| event.facts().money.map(|money| money.charge) == charge))
    }

    /// Settles intents that their requests left open. Runs for ever.
    pub async fn sweep(self) {
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            let claimed = match intents::claim(&self.pool, INTENTS_PER_SWEEP).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "open payment intents could not be claimed");
                    continue;
                }
            };
            for intent in claimed {
                let (order, request_id) = (intent.order, &intent.request.correlation_id);
                match self.settle(&intent).await {
                    Ok(Some(ending)) => {
                        let ending = ending.as_str();
                        tracing::info!(request_id, %order, ending, "an interrupted payment was settled");
                        metrics::counter!("ocpizza_payments_settled_total", "ending" => ending).increment(1);
                    }
                    Ok(None) => {}
                    Err(error) => {
                        let cause = chain(&error);
                        tracing::warn!(request_id, %order, cause, "an interrupted payment is not settled yet");
                    }
                }
            }
        }
    }
}
