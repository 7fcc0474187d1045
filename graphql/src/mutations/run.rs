//! What every mutation does: who may, under which key, execute, and the outcome as a payload. The
//! use case decides; nothing here does.

use async_graphql::{Context, ID, Value};
use chrono::{DateTime, Utc};
use domain::access::{Permission, Scope, roles_of};
use domain::delivery::{Delivery, ScheduledDelivery};
use domain::ids::{DeliveryId, OrderId, PizzeriaId};
use domain::order::Order;
use domain::usecase::{BasketLine, RefusalCode, UseCase};
use domain::{AggregateState, LogPosition, StreamId};
use event_store::{CommandContext, Idempotency, NewContact, Outcome};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use uuid::{NoContext, Timestamp, Uuid};

use crate::context::{ApiContext, Caller, Services};
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::inputs::{self, StockLineInput, Unusable};
use crate::scalars;
use crate::types::actions;
use crate::types::user_error::UserError;

/// Longest idempotency key, in characters.
const KEY_MAX: usize = 255;

/// What a caller says beside the command itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub idempotency_key: Option<String>,
    pub expected_version: Option<i64>,
    /// Personal data to be stored with the command.
    pub contact: Option<NewContact>,
}

/// A mutation's outcome, on its way into a payload.
#[derive(Debug)]
pub(super) struct Answer {
    pub outcome: Outcome,
    /// A position that the outcome's state is of, also when nothing was stored.
    pub seen: LogPosition,
    pub user_errors: Vec<UserError>,
}

impl Answer {
    /// With the line of an order that it was refused for, where that is known.
    pub fn at_line_of(mut self, lines: &[BasketLine]) -> Self {
        if let Some(refusal) = &self.outcome.refusal {
            let errors = std::mem::take(&mut self.user_errors);
            self.user_errors = errors.into_iter().map(|error| error.at_line_of(refusal, lines)).collect();
        }
        self
    }

    /// As [`Answer::at_line_of`], for the lines of a command to a stock.
    pub fn at_stock_line_of(mut self, lines: &[StockLineInput]) -> Self {
        if let Some(refusal) = &self.outcome.refusal {
            let errors = std::mem::take(&mut self.user_errors);
            self.user_errors =
                errors.into_iter().map(|error| error.at_stock_line_of(refusal, lines)).collect();
        }
        self
    }

    /// The position of the command's last event.
    pub fn position(&self) -> Option<scalars::LogPosition> {
        self.outcome.position.map(scalars::LogPosition)
    }
}

/// A payload of one changed thing: the thing, the log's position, and the refusals.
macro_rules! payloads {
    ($entity:ident: $type:ty, $of_outcome:expr; $($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Debug, async_graphql::SimpleObject)]
        pub struct $name {
            /// The thing as it is after the command; as it was, when the command was refused; none when
            /// the input named what cannot exist.
            pub $entity: Option<$type>,
            /// The position of the last event that was stored; none when nothing was.
            pub position: Option<$crate::scalars::LogPosition>,
            /// Why not, when the domain refused.
            pub user_errors: Vec<$crate::types::user_error::UserError>,
        }

        impl From<$crate::mutations::run::Answer> for $name {
            fn from(answer: $crate::mutations::run::Answer) -> Self {
                Self {
                    $entity: ($of_outcome)(&answer.outcome, answer.seen),
                    position: answer.position(),
                    user_errors: answer.user_errors,
                }
            }
        }

        impl From<$crate::types::user_error::UserError> for $name {
            fn from(error: $crate::types::user_error::UserError) -> Self {
                Self { $entity: None, position: None, user_errors: vec![error] }
            }
        }
    )+};
}
pub(super) use payloads;

/// The payload of a mutation, and of one whose input names what can be no code.
///
/// # Errors
/// Whatever failed.
pub(super) fn settled<P: From<Answer> + From<UserError>>(
    ctx: &Context<'_>,
    answer: Result<Answer, Unusable>,
) -> Result<P, ApiError> {
    match answer {
        Ok(answer) => Ok(answer.into()),
        Err(Unusable::Unknown(unknown)) => Ok(UserError::unknown(unknown, ctx.caller()?.lang).into()),
        Err(Unusable::Failed(error)) => Err(error),
    }
}

/// A new id of version 7: what is made together lies together.
pub(super) fn fresh_id(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos()))
}

/// Who, why and under which promises.
///
/// # Errors
/// `UNAUTHENTICATED` for nobody; `BAD_USER_INPUT` for a key that is none.
pub(super) fn command_context(ctx: &Context<'_>, asked: Asked) -> Result<CommandContext, ApiError> {
    let caller = ctx.caller()?;
    let actor = caller.actor()?.clone();
    let mut context = CommandContext::new(actor, fresh_id(ctx.now()?), &*caller.request_id);
    context.expected_version = asked.expected_version;
    context.contact = asked.contact;
    if let Some(key) = asked.idempotency_key {
        let field = "input.idempotencyKey";
        if key.chars().any(|char| char == '\0') || !(1..=KEY_MAX).contains(&key.chars().count()) {
            return Err(ApiError::bad_input(format!("{field}: 1 to {KEY_MAX} characters")));
        }
        context.idempotency = Some(Idempotency { key, fingerprint: fingerprint(ctx)? });
    }
    Ok(context)
}

/// Carries out a use case that the caller was found to be allowed.
///
/// # Errors
/// `NOT_FOUND` when the thing does not exist; faults of the store.
pub(super) async fn execute(
    ctx: &Context<'_>,
    use_case: impl UseCase + 'static,
    asked: Asked,
) -> Result<Answer, ApiError> {
    execute_in(ctx.services()?, ctx.caller()?, use_case, command_context(ctx, asked)?).await
}

/// As [`execute`], in a context that is there already, and for longer than the request may live.
///
/// # Errors
/// As [`execute`].
pub(super) async fn execute_in(
    services: &Services,
    caller: &Caller,
    use_case: impl UseCase + 'static,
    context: CommandContext,
) -> Result<Answer, ApiError> {
    let outcome = services.store.execute(Arc::new(use_case), context).await?;
    if outcome.refusal.as_ref().is_some_and(|refusal| refusal.code() == RefusalCode::NotFound) {
        return Err(ApiError::NotFound("thing"));
    }
    let user_errors = user_errors(caller, services.clock.now(), &outcome);
    let seen = outcome.position.unwrap_or(*services.follower.head().borrow());
    Ok(Answer { outcome, seen, user_errors })
}

fn user_errors(caller: &Caller, now: DateTime<Utc>, outcome: &Outcome) -> Vec<UserError> {
    let Some(refusal) = &outcome.refusal else { return Vec::new() };
    let Caller { actor, lang, .. } = caller;
    let actor = actor.as_ref();
    let actions = match &*outcome.state {
        AggregateState::Order(Order::Placed(order)) => actions::on_order(order, actor, now, *lang),
        AggregateState::Delivery(Delivery::Scheduled(delivery)) => {
            actions::on_delivery(delivery, actor, now, *lang)
        }
        AggregateState::Order(Order::NotPlaced | Order::Refused(_))
        | AggregateState::Delivery(Delivery::NotScheduled)
        | AggregateState::Stock(_)
        | AggregateState::Pizzeria(_)
        | AggregateState::Menu(_)
        | AggregateState::Staff(_)
        | AggregateState::Customer(_) => Vec::new(),
    };
    vec![UserError::new(refusal, *lang, actions)]
}

/// That the caller's role may at all: asked before anything is looked up.
fn of_a_role(caller: &Caller, permission: Permission) -> Result<(), ApiError> {
    let actor = caller.actor()?;
    if roles_of(permission).contains(&actor.role) { Ok(()) } else { Err(ApiError::Forbidden) }
}

/// An order that the caller was found to be allowed to touch.
#[derive(Debug)]
pub(super) struct AllowedOrder {
    pub id: OrderId,
    pub state: Arc<AggregateState>,
    pub version: i64,
}

impl AllowedOrder {
    /// Whether the caller may do something else to it, too.
    pub fn also(&self, caller: &Caller, permission: Permission) -> bool {
        scope_of_order(&self.state).is_some_and(|scope| caller.may(permission, scope))
    }
}

fn scope_of_order(state: &AggregateState) -> Option<Scope<'_>> {
    match state {
        AggregateState::Order(Order::Refused(refused)) => {
            Some(Scope::Own { customer: None, pizzeria: &refused.pizzeria })
        }
        AggregateState::Order(Order::Placed(order)) => {
            Some(Scope::Own { customer: order.customer, pizzeria: &order.pizzeria })
        }
        _ => None,
    }
}

/// How fresh a state has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fresh {
    /// As this process last knew it: enough for whose it is, which never changes.
    AsKnown,
    /// As stored now.
    AsStored,
}

async fn state_of(
    services: &Services,
    stream: &StreamId,
    fresh: Fresh,
) -> Result<(Arc<AggregateState>, i64), ApiError> {
    let store = &services.store;
    match fresh {
        Fresh::AsKnown => Ok(store.recall(stream).await?),
        Fresh::AsStored => {
            let (state, version) = store.load(stream).await?;
            Ok((Arc::new(state), version))
        }
    }
}

/// Looks an order up, and whether the caller may.
///
/// # Errors
/// `BAD_USER_INPUT` for what is no order's id; `NOT_FOUND` for no order, and for a customer's that is
/// not theirs; `FORBIDDEN` for another pizzeria's.
pub(super) async fn allowed_order(
    ctx: &Context<'_>,
    id: &ID,
    permission: Permission,
    fresh: Fresh,
) -> Result<AllowedOrder, ApiError> {
    order_allowed_to(ctx.services()?, ctx.caller()?, id, permission, fresh).await
}

/// As [`allowed_order`], for longer than the request may live.
///
/// # Errors
/// As [`allowed_order`].
pub(super) async fn order_allowed_to(
    services: &Services,
    caller: &Caller,
    id: &ID,
    permission: Permission,
    fresh: Fresh,
) -> Result<AllowedOrder, ApiError> {
    of_a_role(caller, permission)?;
    let id = OrderId::required(id, "input.orderId")?;
    let (state, version) = state_of(services, &StreamId::order(id), fresh).await?;
    caller.authorize(permission, scope_of_order(&state).ok_or(ApiError::NotFound("order"))?)?;
    Ok(AllowedOrder { id, state, version })
}

/// Looks a delivery up, and whether the caller may.
///
/// # Errors
/// As [`allowed_order`].
pub(super) async fn allowed_delivery(
    ctx: &Context<'_>,
    id: &ID,
    permission: Permission,
    fresh: Fresh,
) -> Result<(ScheduledDelivery, i64), ApiError> {
    let caller = ctx.caller()?;
    of_a_role(caller, permission)?;
    let id = DeliveryId::required(id, "input.deliveryId")?;
    let (state, version) = state_of(ctx.services()?, &StreamId::delivery(id), fresh).await?;
    let AggregateState::Delivery(Delivery::Scheduled(delivery)) = &*state else {
        return Err(ApiError::NotFound("delivery"));
    };
    let scope = Scope::Own { customer: delivery.customer, pizzeria: &delivery.pizzeria };
    caller.authorize(permission, scope)?;
    Ok(((**delivery).clone(), version))
}

/// A pizzeria that the caller was found to be allowed to touch; whether it exists, the domain says.
///
/// # Errors
/// `BAD_USER_INPUT` for what is no pizzeria's id; `FORBIDDEN` for another pizzeria.
pub(super) fn allowed_pizzeria(
    ctx: &Context<'_>,
    id: &ID,
    permission: Permission,
) -> Result<PizzeriaId, ApiError> {
    let caller = ctx.caller()?;
    of_a_role(caller, permission)?;
    let pizzeria = PizzeriaId::required(id, "input.pizzeriaId")?;
    caller.authorize(permission, Scope::Pizzeria(&pizzeria))?;
    Ok(pizzeria)
}

/// A reason or a name that may be left out.
pub(super) fn reason(field: &str, value: Option<&str>) -> Result<String, ApiError> {
    Ok(inputs::optional_text(field, value, inputs::NAME_MAX)?.unwrap_or_default())
}

/// SHA-256 of the mutation and its input, but for the idempotency key: the same for the same wish,
/// however it is written.
fn fingerprint(ctx: &Context<'_>) -> Result<[u8; 32], ApiError> {
    let field = ctx.field();
    let arguments =
        field.arguments().map_err(|error| ApiError::bad_input(error.message))?.into_iter().collect();
    let mut text = field.name().to_owned();
    canonical(&Value::Object(arguments), 0, &mut text);
    Ok(Sha256::digest(text.as_bytes()).into())
}

/// Keys in order, nulls as if they were not there, an enum's value as its text: a literal and a
/// variable are the same.
fn canonical(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields
                .iter()
                .filter(|(_, value)| **value != Value::Null)
                .filter(|(name, _)| !(depth == 1 && *name == "idempotencyKey"))
                .collect();
            fields.sort_unstable_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (name, value) in fields {
                out.push_str(name);
                out.push(':');
                canonical(value, depth + 1, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::List(items) => {
            out.push('[');
            for item in items {
                canonical(item, depth + 1, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Enum(name) => out.push_str(&Value::String(name.to_string()).to_string()),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Boolean(_) | Value::Binary(_) => {
            out.push_str(&value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{Name, value};

    use super::*;

    fn text(arguments: Value) -> String {
        let mut text = String::new();
        canonical(&arguments, 0, &mut text);
        text
    }

    #[test]
    fn the_same_wish_has_the_same_text_however_it_is_written() {
        let one =
            value!({ "input": { "size": "M", "lines": [{ "b": 1, "a": "x" }], "idempotencyKey": "k1" } });
        let two = value!({ "input": {
            "idempotencyKey": "k2", "note": null, "lines": [{ "a": "x", "b": 1 }], "size": "M",
        } });
        assert_eq!(text(one), text(two));
        assert_eq!(text(Value::Enum(Name::new("M"))), text(Value::String("M".to_owned())));
    }

    #[test]
    fn another_wish_has_another_text() {
        let wish = |quantity: i32| value!({ "input": { "lines": [{ "quantity": (quantity) }] } });
        assert_ne!(text(wish(1)), text(wish(2)));
        // What is called so further down is part of the wish.
        let below = |key: &str| value!({ "input": { "lines": [{ "idempotencyKey": (key) }] } });
        assert_ne!(text(below("a")), text(below("b")));
        // A text cannot pass for another structure.
        assert_ne!(text(value!({ "a": "x,b:y" })), text(value!({ "a": "x", "b": "y" })));
    }
}
