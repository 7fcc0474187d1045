//! Mutations of payments: recorded by staff, charged online, refunded. The domain decides what is due;
//! [`payments`] calls the provider.

use async_graphql::{Context, ID, InputObject, Object};
use domain::access::Permission;
use domain::ids::OrderId;
use domain::order::{MAX_DECLINES, OnlinePayment, Order as OrderState, OrderCommand};
use domain::usecase::{Noted, RecordPayment, Refusal, RefusalCode, ToOrder};
use domain::{AggregateState, Cents, StreamId};
use event_store::{CommandContext, CommandResult, Idempotency};
use identity::accounts::{AttemptError, CardAttempt, DECLINES_PER_ACCOUNT};
use payments::intents::{self, Intent, OpenOutcome, PaymentRequest};
use payments::settle::SettleError;
use payments::{Charge, PaymentUnavailable};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::allowed::{AllowedOrder, Consistency, allowed_order, order_allowed_to};
use super::notes::{About, references};
use super::run::{execute, execute_in, fresh_id, payload, payloads, read_context, settled};
use crate::context::{ApiContext, Caller, Services};
use crate::error::ApiError;
use crate::field_access::requires;
use crate::inputs::{NAME_MAX, Problems};
use crate::scalars::Decimal;
use crate::types::actions::acting_courier;
use crate::types::enums::PaymentMethod;
use crate::types::order::Order;

/// The payment to record.
#[derive(Debug, InputObject)]
pub struct RecordPaymentInput {
    /// The order.
    pub order_id: ID,
    /// The method of payment; `ONLINE` is refused with `PAYMENT_METHOD_NOT_ALLOWED`.
    pub method: PaymentMethod,
    /// The amount, at most the amount due.
    pub amount: Decimal,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

/// The order to pay online in full.
#[derive(Debug, InputObject)]
pub struct PayOnlineInput {
    /// The order.
    pub order_id: ID,
    /// The card token from the payment service's page. The demo's service declines `tok_declined`.
    pub card_token: Option<String>,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result and is
    /// charged once, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

/// The refund.
#[derive(Debug, InputObject)]
pub struct RefundOrderInput {
    /// The order.
    pub order_id: ID,
    /// The method of the refund; `ONLINE` is refused with `PAYMENT_METHOD_NOT_ALLOWED`.
    pub method: PaymentMethod,
    /// The amount, at most the amount paid by that method.
    pub amount: Decimal,
    /// The reason for the staff, at most 500 characters.
    pub comment: Option<String>,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

payloads! { order: Order, Order::of_result;
    /// The order with the payment.
    RecordPaymentPayload,
    /// The order with the payment, also with a declined one.
    PayOnlinePayload,
    /// The order with the refund.
    RefundOrderPayload,
}

/// Mutations of payments.
#[derive(Debug, Default)]
pub struct PaymentMutation;

/// Mutations of payments.
#[Object]
impl PaymentMutation {
    /// Records a payment at the counter or at the door, by any method except `ONLINE`, which only the payment
    /// provider confirms. A courier records it for a delivery that they carry or have delivered.
    #[graphql(directive = requires::apply(Permission::RecordPayment))]
    async fn record_payment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: RecordPaymentInput,
    ) -> Result<RecordPaymentPayload, ApiError> {
        let order = allowed_order(ctx, &input.order_id, Consistency::AsKnown).await?;
        let by = acting_courier(ctx.caller()?.actor()?);
        let payload = async {
            let mut problems = Problems::default();
            let amount = problems.amount("amount", input.amount);
            let context = read_context(ctx, &mut problems, input.idempotency_key, input.expected_version)?;
            let (method, amount) = (input.method.into(), problems.all(amount)?);
            let record = RecordPayment { order: order.id, method, amount, by, now: ctx.now()? };
            execute(ctx, record, context).await
        };
        settled(ctx, payload.await)
    }

    /// Pays the full amount due through the payment service. A declined payment is stored and refused with
    /// `PAYMENT_DECLINED`. After five declined payments of an order, or ten of an account within an hour, the
    /// next is refused with `TOO_MANY_DECLINES` without an attempt. Without a payment provider the command is
    /// refused with `ONLINE_PAYMENT_UNAVAILABLE`.
    #[graphql(directive = requires::apply(Permission::PayOnline))]
    async fn pay_online(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: PayOnlineInput,
    ) -> Result<PayOnlinePayload, ApiError> {
        let mut problems = Problems::default();
        let card = problems.optional_text("cardToken", input.card_token.as_deref(), NAME_MAX);
        let context = read_context(ctx, &mut problems, input.idempotency_key, input.expected_version)?;
        if let Err(error) = problems.check() {
            return settled(ctx, Err(error));
        }
        let (services, caller) = (ctx.services()?.clone(), ctx.caller()?.clone());
        // Runs in its own task: a disconnecting client must not leave a charge without an event.
        let paying = tokio::spawn(async move {
            let result = pay(&services, &caller, &input.order_id, card, context).await?;
            Ok(payload(&services, &caller, &result))
        });
        paying.await.map_err(ApiError::internal)?
    }

    /// Refunds a payment that staff recorded. Online payments are refunded when the order is cancelled.
    #[graphql(directive = requires::apply(Permission::RefundOrder))]
    async fn refund_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: RefundOrderInput,
    ) -> Result<RefundOrderPayload, ApiError> {
        let order = allowed_order(ctx, &input.order_id, Consistency::AsKnown).await?;
        let payload = async {
            let mut problems = Problems::default();
            let amount = problems.amount("amount", input.amount);
            let comment = problems.note("comment", input.comment.as_deref());
            let context = read_context(ctx, &mut problems, input.idempotency_key, input.expected_version)?;
            let (method, amount) = (input.method.into(), problems.all(amount)?);
            let command = OrderCommand::Refund { method, amount, now: ctx.now()? };
            let refund = ToOrder { name: "refundOrder", order: order.id, command };
            let notes = About { order: Some(order.id), customer: order.customer() }.comment(comment);
            let use_case = Noted { use_case: refund, notes: references(&notes) };
            execute(ctx, use_case, CommandContext { notes, ..context }).await
        };
        settled(ctx, payload.await)
    }
}

/// Number of attempts when the order changes between charge and event.
const PAYMENT_ATTEMPTS_MAX: usize = 3;

/// Charges the amount due, then stores the outcome on the version for which it was due, so that the captured
/// amount equals the charged amount. A charge that the order does not accept is refunded.
///
/// Any failure leaves an open intent, which is settled later: captured or refunded.
async fn pay(
    services: &Services,
    caller: &Caller,
    id: &ID,
    card_token: Option<String>,
    context: CommandContext,
) -> Result<CommandResult, ApiError> {
    let account = context.actor.id;
    for _ in 0..PAYMENT_ATTEMPTS_MAX {
        let order = order_allowed_to(services, caller, id, Consistency::AsStored).await?;
        let result = match intent_for(services, &context, &order).await? {
            Some(intent) => match attempt(services, &order, account).await? {
                Ok(attempt) => {
                    let result = charge(services, intent, card_token.clone(), &context).await?;
                    let refusal = result.as_ref().and_then(|result| result.refusal.as_ref());
                    if refusal.map(Refusal::code) != Some(RefusalCode::PaymentDeclined) {
                        services.attempt_limiter.take_back(attempt).await?;
                    }
                    result
                }
                Err(not_asked) => {
                    return store_outcome(services, order.id, not_asked, context.clone()).await;
                }
            },
            None => {
                // No charge: the order refuses, or the result under this key is returned again.
                let outcome = OnlinePayment::Declined { reason: "nothing_due".to_owned() };
                let mut at_version = context.clone();
                at_version.expected_version.get_or_insert(order.version);
                Some(store_outcome(services, order.id, outcome, at_version).await?)
            }
        };
        let stale = |result: &CommandResult| matches!(result.refusal, Some(Refusal::StaleVersion { .. }));
        match result {
            Some(result) if context.expected_version.is_some() || !stale(&result) => return Ok(result),
            Some(_) | None => {}
        }
    }
    Err(ApiError::Conflict)
}

/// Counts an attempt to pay by card, or returns why the payment service is not called. Such a refusal has the
/// order's error codes and stores nothing.
async fn attempt(
    services: &Services,
    order: &AllowedOrder,
    account: Uuid,
) -> Result<Result<CardAttempt, OnlinePayment>, ApiError> {
    if !services.payments.is_available() {
        return Ok(Err(OnlinePayment::Unavailable));
    }
    match &*order.state {
        AggregateState::Order(OrderState::Placed(order)) if order.is_barred() => {
            return Ok(Err(OnlinePayment::Barred { max: MAX_DECLINES }));
        }
        _ => {}
    }
    match services.attempt_limiter.card(account).await {
        Ok(attempt) => Ok(Ok(attempt)),
        Err(AttemptError::TooMany(_)) => Ok(Err(OnlinePayment::Barred { max: DECLINES_PER_ACCOUNT })),
        Err(AttemptError::Database(error)) => Err(error.into()),
    }
}

/// Returns the charge for the order's current state; `None` if nothing is due, if the key was answered, or if
/// the caller expects another version.
async fn intent_for(
    services: &Services,
    context: &CommandContext,
    order: &AllowedOrder,
) -> Result<Option<Intent>, ApiError> {
    let due = match &*order.state {
        AggregateState::Order(OrderState::Placed(order)) => order.due(),
        _ => Cents::ZERO,
    };
    let answered = match &context.idempotency {
        Some(given) => services.store.has_answered(context.actor.id, &given.key).await?,
        None => false,
    };
    let stale = context.expected_version.is_some_and(|seen| seen != order.version);
    if due <= Cents::ZERO || answered || stale {
        return Ok(None);
    }
    // A charge is stored once: under the caller's key, or under a key of its own.
    let own = || Idempotency {
        key: format!("payOnline:{}", context.command_id),
        fingerprint: Sha256::digest(context.command_id.as_bytes()).into(),
    };
    Ok(Some(Intent {
        id: fresh_id(services.clock.now()),
        order: order.id,
        version: order.version,
        amount: due,
        request: PaymentRequest {
            actor: context.actor.clone(),
            command_id: context.command_id,
            correlation_id: context.correlation_id.clone(),
            idempotency: context.idempotency.clone().unwrap_or_else(own),
        },
    }))
}

/// Charges under an open intent and stores the outcome. Returns `None` if the order changed or another
/// payment of it was settled in between.
async fn charge(
    services: &Services,
    intent: Intent,
    card_token: Option<String>,
    context: &CommandContext,
) -> Result<Option<CommandResult>, ApiError> {
    let (settlement, version) = (services.settlement(), intent.version);
    let intent = match intents::open(&services.pool, intent).await? {
        OpenOutcome::Own(intent) => intent,
        // The order has changed: the old charge will not be captured.
        OpenOutcome::Other(other) if other.version != version => {
            settlement.abandon(&other).await?;
            return Ok(None);
        }
        // Another caller's payment in progress: fails without waiting.
        OpenOutcome::Other(other) => {
            return if settlement.settle(&other).await?.is_some() {
                Ok(None)
            } else {
                Err(ApiError::Conflict)
            };
        }
    };
    // From here on no other payment can start; a payment completed before may have changed the amount due.
    let (_, now_at) = services.store.load(&StreamId::order(intent.order)).await?;
    if now_at != version {
        settlement.abandon(&intent).await?;
        return Ok(None);
    }
    let Intent { id: key, order, amount, .. } = intent;
    let outcome = services.payments.charge(Charge { order, amount, card_token, key }).await?;
    let result = store_outcome(services, order, outcome.clone(), intent.request.at(version)).await?;
    if let Err(error) = settlement.conclude(&intent, &outcome).await {
        // The result stands; the intent stays open and is concluded later.
        let (request_id, cause) = (&context.correlation_id, event_store::chain(&error));
        tracing::warn!(request_id, %order, cause, "a payment is not concluded yet");
    }
    Ok(Some(result))
}

/// Stores the payment service's outcome.
async fn store_outcome(
    services: &Services,
    order: OrderId,
    outcome: OnlinePayment,
    context: CommandContext,
) -> Result<CommandResult, ApiError> {
    let command = OrderCommand::PayOnline { outcome, now: services.clock.now() };
    execute_in(services, ToOrder { name: "payOnline", order, command }, context).await
}

impl From<PaymentUnavailable> for ApiError {
    fn from(error: PaymentUnavailable) -> Self {
        let message = "the payment service does not answer; try again with the same idempotency key";
        Self::Unavailable(message.to_owned(), Some(std::sync::Arc::new(error)))
    }
}

impl From<SettleError> for ApiError {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::Database(error) => error.into(),
            SettleError::Log(error) => error.into(),
            SettleError::Store(error) => error.into(),
            SettleError::Payments(error) => error.into(),
        }
    }
}
