//! Money: taken at the counter or the door, asked for online, given back. The domain decides what is
//! due; [`crate::payment`] asks for it.

use async_graphql::{Context, ID, InputObject, Object};
use domain::access::Permission;
use domain::ids::OrderId;
use domain::order::{OnlinePayment, Order as OrderState, OrderCommand};
use domain::usecase::{Refusal, ToOrder};
use domain::{AggregateState, Cents};
use event_store::CommandContext;

use super::allowed::{Fresh, allowed_order, order_allowed_to};
use super::run::{Answer, Asked, command_context, execute, execute_in, payloads};
use crate::context::{ApiContext, Caller, Services};
use crate::error::ApiError;
use crate::inputs;
use crate::payment::{Charge, PaymentUnavailable};
use crate::requires::{requires, roles};
use crate::scalars::Decimal;
use crate::types::enums::PaymentMethod;
use crate::types::order::Order;

/// Money that was taken.
#[derive(Debug, InputObject)]
pub struct RecordPaymentInput {
    /// The order.
    pub order_id: ID,
    /// How it was paid.
    pub method: PaymentMethod,
    /// How much, at most what is due.
    pub amount: Decimal,
    /// 1 to 255 characters: the same key with the same input answers the same.
    pub idempotency_key: Option<String>,
    /// The version that was seen; another one is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

/// An order to be paid online, whole.
#[derive(Debug, InputObject)]
pub struct PayOnlineInput {
    /// The order.
    pub order_id: ID,
    /// The card, as the payment service's page named it. The demo's service declines `tok_declined`.
    pub card_token: Option<String>,
    /// 1 to 255 characters: the same key with the same input answers the same, and is charged once.
    pub idempotency_key: Option<String>,
    /// The version that was seen; another one is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

/// Money that goes back.
#[derive(Debug, InputObject)]
pub struct RefundOrderInput {
    /// The order.
    pub order_id: ID,
    /// How it goes back.
    pub method: PaymentMethod,
    /// How much, at most what was paid by that method.
    pub amount: Decimal,
    /// 1 to 255 characters: the same key with the same input answers the same.
    pub idempotency_key: Option<String>,
    /// The version that was seen; another one is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

payloads! { order: Order, Order::of_outcome;
    /// The order with the payment.
    RecordPaymentPayload,
    /// The order with the payment; with a declined one, too.
    PayOnlinePayload,
    /// The order with the refund.
    RefundOrderPayload,
}

/// Money.
#[derive(Debug, Default)]
pub struct PaymentMutation;

/// Money.
#[Object]
impl PaymentMutation {
    /// Records money taken at the counter or at the door.
    #[graphql(directive = requires::apply(roles(Permission::RecordPayment)))]
    async fn record_payment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "For which order, how, and how much.")] input: RecordPaymentInput,
    ) -> Result<RecordPaymentPayload, ApiError> {
        let order = allowed_order(ctx, &input.order_id, Permission::RecordPayment, Fresh::AsKnown).await?;
        let amount = inputs::amount("input.amount", input.amount)?;
        let command = OrderCommand::RecordPayment { method: input.method.into(), amount, now: ctx.now()? };
        let asked = Asked {
            idempotency_key: input.idempotency_key,
            expected_version: input.expected_version,
            contact: None,
        };
        Ok(execute(ctx, ToOrder { name: "recordPayment", order: order.id, command }, asked).await?.into())
    }

    /// Pays all that is due, through the payment service. A declined payment is stored, and refused
    /// with `PAYMENT_DECLINED`.
    #[graphql(directive = requires::apply(roles(Permission::PayOnline)))]
    async fn pay_online(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which order, and by which card.")] input: PayOnlineInput,
    ) -> Result<PayOnlinePayload, ApiError> {
        let card = input.card_token.as_deref();
        let card = inputs::optional_text("input.cardToken", card, inputs::NAME_MAX)?;
        let asked = Asked {
            idempotency_key: input.idempotency_key.clone(),
            expected_version: input.expected_version,
            contact: None,
        };
        let context = command_context(ctx, asked)?;
        let (services, caller) = (ctx.services()?.clone(), ctx.caller()?.clone());
        // On its own: a client that goes away must not leave money taken and nothing stored.
        let paying =
            tokio::spawn(async move { pay(&services, &caller, &input.order_id, card, context).await });
        Ok(paying.await.map_err(ApiError::internal)??.into())
    }

    /// Gives money back.
    #[graphql(directive = requires::apply(roles(Permission::RefundOrder)))]
    async fn refund_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "For which order, how, and how much.")] input: RefundOrderInput,
    ) -> Result<RefundOrderPayload, ApiError> {
        let order = allowed_order(ctx, &input.order_id, Permission::RefundOrder, Fresh::AsKnown).await?;
        let amount = inputs::amount("input.amount", input.amount)?;
        let command = OrderCommand::Refund { method: input.method.into(), amount, now: ctx.now()? };
        let asked = Asked {
            idempotency_key: input.idempotency_key,
            expected_version: input.expected_version,
            contact: None,
        };
        Ok(execute(ctx, ToOrder { name: "refundOrder", order: order.id, command }, asked).await?.into())
    }
}

/// How often an order may change between asking for its money and storing the answer.
const TRIES: usize = 3;

/// Asks for what is due, then stores the answer on the very version that it was due at, so that what
/// is captured is what was charged. Money that the order does not accept goes back.
async fn pay(
    services: &Services,
    caller: &Caller,
    id: &ID,
    card_token: Option<String>,
    context: CommandContext,
) -> Result<Answer, ApiError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let order = order_allowed_to(services, caller, id, Permission::PayOnline, Fresh::AsStored).await?;
        let due = match &*order.state {
            AggregateState::Order(OrderState::Placed(order)) => order.due(),
            _ => Cents::ZERO,
        };
        let answered = match &context.idempotency {
            Some(given) => services.store.has_answered(context.actor.id, &given.key).await?,
            None => false,
        };
        let stale = context.expected_version.is_some_and(|seen| seen != order.version);
        let outcome = if due > Cents::ZERO && !answered && !stale {
            let key = charge_key(&context, due, order.version);
            let charge = Charge { order: order.id, amount: due, card_token: card_token.clone(), key };
            services.payments.charge(charge).await?
        } else {
            // Nothing is asked for: the order refuses, or the answer under this key is given again.
            OnlinePayment::Declined { reason: "nothing_due".to_owned() }
        };
        let charged = match &outcome {
            OnlinePayment::Accepted { reference } => Some(reference.clone()),
            OnlinePayment::Declined { .. } => None,
        };
        let command = OrderCommand::PayOnline { outcome, now: services.clock.now() };
        let mut at_version = context.clone();
        at_version.expected_version.get_or_insert(order.version);
        let to_order = ToOrder { name: "payOnline", order: order.id, command };
        let answer = match execute_in(services, caller, to_order, at_version).await {
            Ok(answer) => answer,
            Err(fault) => {
                if let Some(reference) = charged {
                    not_stored(services, &context, order.id, reference, &fault).await;
                }
                return Err(fault);
            }
        };
        let Some(refusal) = &answer.outcome.refusal else { return Ok(answer) };
        if let Some(reference) = charged {
            services.payments.void(reference).await?;
        }
        let changed = matches!(refusal, Refusal::StaleVersion { .. });
        if changed && context.expected_version.is_none() {
            if tries < TRIES {
                continue;
            }
            return Err(ApiError::Conflict);
        }
        return Ok(answer);
    }
}

/// What becomes of money that was taken when storing it failed with a fault. It goes back only where
/// it is certain that nothing was stored, and that nobody can ask for the same charge again: without
/// an idempotency key, when the command was never begun. After `UNAVAILABLE` the transaction may have
/// been committed all the same, and giving the money back would leave an order that counts as paid;
/// with a key, trying again finds the same charge. What is kept is in the log, to be settled by
/// hand if nobody tries again.
async fn not_stored(
    services: &Services,
    context: &CommandContext,
    order: OrderId,
    reference: String,
    fault: &ApiError,
) {
    let never_begun = matches!(fault, ApiError::Overloaded | ApiError::Conflict);
    let voided = never_begun
        && context.idempotency.is_none()
        && services.payments.void(reference.clone()).await.is_ok();
    if !voided {
        let cause = crate::error::chain(fault);
        let request_id = &context.correlation_id;
        tracing::error!(request_id, %order, reference, cause, "a charge is not known to be stored");
    }
}

/// The same for the same wish, an idempotency key's or this one command's, at one version of the
/// order: what was charged at an earlier version was given back, and its reference is used up.
fn charge_key(context: &CommandContext, due: Cents, version: i64) -> String {
    let wish = match &context.idempotency {
        Some(idempotency) => {
            let wish: String = idempotency.fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}:{}:{wish}", context.actor.id, idempotency.key)
        }
        None => context.command_id.to_string(),
    };
    format!("{wish}:{due}:{version}")
}

impl From<PaymentUnavailable> for ApiError {
    fn from(error: PaymentUnavailable) -> Self {
        let message = "the payment service does not answer; try again with the same idempotency key";
        Self::Unavailable(message.to_owned(), Some(std::sync::Arc::new(error)))
    }
}

#[cfg(test)]
mod tests {
    use domain::access::Actor;
    use domain::access::Role;
    use event_store::Idempotency;
    use uuid::Uuid;

    use super::*;

    fn context(command: u128, key: Option<&str>) -> CommandContext {
        let actor = Actor { id: Uuid::from_u128(1), role: Role::Customer, pizzeria: None };
        let mut context = CommandContext::new(actor, Uuid::from_u128(command), "request");
        context.idempotency = key.map(|key| Idempotency { key: key.to_owned(), fingerprint: [7; 32] });
        context
    }

    #[test]
    fn a_wish_is_charged_once_at_a_version_and_anew_at_the_next() {
        let due = Cents(1250);
        let first = charge_key(&context(1, Some("k")), due, 3);
        assert_eq!(charge_key(&context(2, Some("k")), due, 3), first, "tried again with its key");
        assert_ne!(charge_key(&context(2, Some("k")), due, 4), first, "the order has changed since");
        assert_ne!(charge_key(&context(2, Some("other")), due, 3), first);
        assert_ne!(charge_key(&context(1, None), due, 3), charge_key(&context(2, None), due, 3));
    }
}
