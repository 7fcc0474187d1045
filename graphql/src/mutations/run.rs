//! Shared steps of mutations: read the command's options, execute, build the payload. The use case decides.

use std::sync::Arc;

use async_graphql::Context;
use async_graphql::registry::MetaType;
use chrono::{DateTime, Utc};
use domain::access::Actor;
use domain::delivery::{Delivery, DeliveryError};
use domain::ids::PizzeriaId;
use domain::order::{Order, OrderError};
use domain::usecase::{Refusal, RefusalCode, UseCase};
use domain::{AggregateState, LogPosition, StreamId};
use event_store::{CommandContext, CommandResult, Idempotency};
use uuid::{NoContext, Timestamp, Uuid};

use super::fingerprint::{fingerprint, keyed_fingerprint};
use crate::context::{ApiContext, Caller, Services};
use crate::error::ApiError;
use crate::inputs::{InputRule, ProblemKind, Problems};
use crate::types::actions::{self, OrderFacts};
use crate::types::menu_origin::sees_stock;
use crate::types::user_error::UserError;

/// Maximum length of an idempotency key, in characters.
const KEY_MAX: usize = 255;

/// Checks an idempotency key (1 to 255 characters) and an expected version (not negative).
pub(super) fn check_options(
    problems: &mut Problems,
    idempotency_key: Option<&str>,
    expected_version: Option<i64>,
) {
    if let Some(kind) = idempotency_key.and_then(wrong_key) {
        problems.add("idempotencyKey", kind);
    }
    if let Some(version) = expected_version {
        problems.number::<i64>("expectedVersion", version, 0, i64::from(i32::MAX));
    }
}

/// Returns the problem of an invalid idempotency key.
fn wrong_key(key: &str) -> Option<ProblemKind> {
    match key.chars().count() {
        0 => Some(InputRule::Empty.into()),
        1..=KEY_MAX if key.contains('\0') => Some(InputRule::Characters.into()),
        1..=KEY_MAX => None,
        _ => Some(ProblemKind::TooLong(KEY_MAX)),
    }
}

/// The payload of a mutation. `seen` is a log position that the result's state includes, even if nothing was
/// stored.
pub(super) trait Payload: From<Vec<UserError>> {
    fn of(result: &CommandResult, seen: LogPosition, user_errors: Vec<UserError>) -> Self;
}

/// Defines payloads of one changed entity: the entity, the log position and the user errors.
macro_rules! payloads {
    ($entity:ident: $type:ty, $of_result:expr; $($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Debug, async_graphql::SimpleObject)]
        #[graphql(directive = crate::field_access::open::apply())]
        pub struct $name {
            /// The entity after the command; its unchanged state if the command was refused; `null` if the
            /// input was invalid.
            pub $entity: Option<$type>,
            /// Log position of the last event that was stored; `null` when nothing was stored.
            pub position: Option<$crate::scalars::Position>,
            /// Why the command was refused, all reasons at once; empty when it was accepted.
            pub user_errors: Vec<$crate::types::user_error::UserError>,
        }

        impl $crate::mutations::run::Payload for $name {
            fn of(
                result: &event_store::CommandResult,
                seen: domain::LogPosition,
                user_errors: Vec<$crate::types::user_error::UserError>,
            ) -> Self {
                let position = result.position.map($crate::scalars::Position);
                Self { $entity: ($of_result)(result, seen), position, user_errors }
            }
        }

        impl From<Vec<$crate::types::user_error::UserError>> for $name {
            fn from(user_errors: Vec<$crate::types::user_error::UserError>) -> Self {
                Self { $entity: None, position: None, user_errors }
            }
        }
    )+};
}
pub(super) use payloads;

/// Returns a mutation's payload; the problems of an invalid input become its user errors.
///
/// # Errors
/// Returns every other failure.
pub(super) fn settled<P: From<Vec<UserError>>>(
    ctx: &Context<'_>,
    payload: Result<P, ApiError>,
) -> Result<P, ApiError> {
    match payload {
        Err(ApiError::InvalidInput(error)) => Ok(error.user_errors(ctx.caller()?.lang).into()),
        Ok(_) | Err(_) => payload,
    }
}

/// Returns the payload of an input with problems; `None` when it has no problems.
///
/// # Errors
/// Fails without request data.
pub(super) fn payload_if_invalid<P: From<Vec<UserError>>>(
    ctx: &Context<'_>,
    problems: Problems,
) -> Result<Option<P>, ApiError> {
    let user_errors = problems.user_errors(ctx.caller()?.lang);
    Ok(Some(user_errors).filter(|user_errors| !user_errors.is_empty()).map(Into::into))
}

/// Adds the refusals of a use case built from the valid part of the input, decided on this process's cached
/// state, so that a form shows everything at once. Stores nothing.
///
/// # Errors
/// `NOT_FOUND` when the entity does not exist; faults of the store.
pub(super) async fn add_refusals(
    ctx: &Context<'_>,
    problems: &mut Problems,
    use_case: &impl UseCase,
    pizzeria: Option<&PizzeriaId>,
    in_input: impl Fn(Refusal) -> Option<Refusal>,
) -> Result<(), ApiError> {
    let (store, caller) = (&ctx.services()?.store, ctx.caller()?);
    let mut known: Vec<(StreamId, Arc<AggregateState>)> = Vec::new();
    // The required streams depend on those loaded before; this settles after a few iterations.
    for _ in 0..3 {
        let states = known.iter().map(|(stream, state)| (stream, &**state)).collect();
        let needed = use_case.streams(&states);
        let missing: Vec<_> =
            needed.into_iter().filter(|stream| known.iter().all(|(known, _)| known != stream)).collect();
        if missing.is_empty() {
            break;
        }
        for stream in missing {
            let (state, _) = store.recall(&stream).await?;
            known.push((stream, state));
        }
    }
    let states = known.iter().map(|(stream, state)| (stream, &**state)).collect();
    let refusal = match use_case.decide(&states) {
        Ok(decision) => decision.refusal,
        Err(refusal) => Some(refusal),
    };
    if refusal.as_ref().is_some_and(|refusal| refusal.code() == RefusalCode::NotFound) {
        return Err(ApiError::NotFound("entity"));
    }
    // Callers who may not read the stock learn its figures only through `quoteOrder`, which caps them.
    let told = |refusal: &Refusal| {
        let of_stock = matches!(
            refusal,
            Refusal::Order(OrderError::InsufficientStock { .. } | OrderError::RefusalNotStored { .. })
        );
        !of_stock || sees_stock(caller, pizzeria)
    };
    let refusals = refusal.iter().flat_map(Refusal::each).filter(|refusal| told(refusal));
    problems.refuse_all(refusals.cloned().filter_map(in_input));
    Ok(())
}

/// A UUIDv7: rows created together are adjacent in the index.
pub(super) fn fresh_id(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos()))
}

/// Returns the context of a command by the caller, and adds the problems of key and version.
///
/// # Errors
/// `UNAUTHENTICATED` for an anonymous caller.
pub(super) fn read_context(
    ctx: &Context<'_>,
    problems: &mut Problems,
    idempotency_key: Option<String>,
    expected_version: Option<i64>,
) -> Result<CommandContext, ApiError> {
    check_options(problems, idempotency_key.as_deref(), expected_version);
    let key = idempotency_key.filter(|key| wrong_key(key).is_none());
    context_of(ctx, ctx.caller()?.actor()?.clone(), key, expected_version, fingerprint)
}

/// Returns the context of a command by the caller.
///
/// # Errors
/// `UNAUTHENTICATED` for an anonymous caller; `BAD_USER_INPUT` for an invalid key.
pub(super) fn command_context(
    ctx: &Context<'_>,
    idempotency_key: Option<String>,
    expected_version: Option<i64>,
) -> Result<CommandContext, ApiError> {
    let mut problems = Problems::default();
    let context = read_context(ctx, &mut problems, idempotency_key, None)?;
    problems.check()?;
    Ok(CommandContext { expected_version, ..context })
}

/// Returns the context of a command whose input holds a secret, by the given actor. The options must be checked.
///
/// # Errors
/// Faults of the request.
pub(super) fn secret_context(
    ctx: &Context<'_>,
    actor: Actor,
    idempotency_key: Option<String>,
    expected_version: Option<i64>,
) -> Result<CommandContext, ApiError> {
    context_of(ctx, actor, idempotency_key, expected_version, keyed_fingerprint)
}

fn context_of(
    ctx: &Context<'_>,
    actor: Actor,
    idempotency_key: Option<String>,
    expected_version: Option<i64>,
    fingerprint: impl FnOnce(&Context<'_>) -> Result<[u8; 32], ApiError>,
) -> Result<CommandContext, ApiError> {
    let idempotency = match idempotency_key {
        Some(key) => Some(Idempotency { key, fingerprint: fingerprint(ctx)? }),
        None => None,
    };
    let correlation_id = ctx.services()?.correlation_id(&ctx.caller()?.request_id);
    let context = CommandContext::new(actor, fresh_id(ctx.now()?), correlation_id);
    Ok(CommandContext { idempotency, expected_version, ..context })
}

/// Executes a use case that the caller is authorized for.
///
/// # Errors
/// `NOT_FOUND` if the entity does not exist; faults of the store.
pub(super) async fn execute<P: Payload>(
    ctx: &Context<'_>,
    use_case: impl UseCase + 'static,
    context: CommandContext,
) -> Result<P, ApiError> {
    let result = execute_in(ctx.services()?, use_case, context).await?;
    payload_at(ctx, &result, |error, _refusal| error)
}

/// Executes as [`execute`], with unchecked options.
///
/// # Errors
/// As [`execute`].
pub(super) async fn execute_with<P: Payload>(
    ctx: &Context<'_>,
    use_case: impl UseCase + 'static,
    idempotency_key: Option<String>,
    expected_version: Option<i64>,
) -> Result<P, ApiError> {
    match command_context(ctx, idempotency_key, expected_version) {
        Ok(context) => settled(ctx, execute(ctx, use_case, context).await),
        Err(error) => settled(ctx, Err(error)),
    }
}

/// Returns the payload of a result; `locate` names the input field of a user error.
///
/// # Errors
/// Faults of the request.
pub(super) fn payload_at<P: Payload>(
    ctx: &Context<'_>,
    result: &CommandResult,
    locate: impl Fn(UserError, &Refusal) -> UserError,
) -> Result<P, ApiError> {
    let refusals = result.refusal.iter().flat_map(Refusal::each);
    let errors = input_errors(ctx, result)?.into_iter().zip(refusals);
    let located = errors.map(|(error, refusal)| locate(error, refusal)).collect();
    Ok(P::of(result, seen(ctx.services()?, result), located))
}

// Several mutations share this refusal; only those whose input has the field name it.
pub(super) fn input_errors(ctx: &Context<'_>, result: &CommandResult) -> Result<Vec<UserError>, ApiError> {
    let mut errors = user_errors(ctx.services()?, ctx.caller()?, result);
    for error in &mut errors {
        error.field = error.field.take().filter(|path| input_has(ctx, path));
    }
    Ok(errors)
}

/// Returns the payload of a result outside of a request.
pub(super) fn payload<P: Payload>(services: &Services, caller: &Caller, result: &CommandResult) -> P {
    P::of(result, seen(services, result), user_errors(services, caller, result))
}

/// Returns a log position that the result's state includes, even if nothing was stored.
pub(super) fn seen(services: &Services, result: &CommandResult) -> LogPosition {
    result.position.unwrap_or(*services.follower.head().borrow())
}

/// Returns whether this mutation's input (`PlaceOrderInput` of `placeOrder`) has the first field of a path.
fn input_has(ctx: &Context<'_>, path: &[String]) -> bool {
    let Some(name) = path.get(1) else { return true };
    let mutation = ctx.field().name();
    let input =
        mutation.split_at_checked(1).map(|(first, rest)| format!("{}{rest}Input", first.to_uppercase()));
    let input = input.and_then(|input| ctx.schema_env.registry.types.get(&input));
    match input {
        Some(MetaType::InputObject { input_fields, .. }) => input_fields.contains_key(name),
        Some(_) | None => true,
    }
}

/// Executes as [`execute`], for work that may outlive the request.
///
/// # Errors
/// As [`execute`].
pub(super) async fn execute_in(
    services: &Services,
    use_case: impl UseCase + 'static,
    context: CommandContext,
) -> Result<CommandResult, ApiError> {
    let result = services.store.execute(Arc::new(use_case), context).await?;
    if result.refusal.as_ref().is_some_and(|refusal| refusal.code() == RefusalCode::NotFound) {
        return Err(ApiError::NotFound("entity"));
    }
    Ok(result)
}

/// Returns the user errors of a refused command.
pub(super) fn user_errors(services: &Services, caller: &Caller, result: &CommandResult) -> Vec<UserError> {
    let Some(refusal) = &result.refusal else { return Vec::new() };
    let (now, online) = (services.clock.now(), services.payments.is_available());
    let Caller { actor, lang, .. } = caller;
    let actor = actor.as_ref();
    let actions = match &*result.state {
        AggregateState::Order(Order::Placed(order)) => {
            // A courier's action on another courier's order is refused first.
            let carried = !matches!(refusal, Refusal::Delivery(DeliveryError::NotYours));
            actions::on_order(order, actor, OrderFacts { carried, online }, now, *lang)
        }
        AggregateState::Delivery(Delivery::Scheduled(delivery)) => {
            let owed = match refusal {
                Refusal::Order(OrderError::NotPaid { due }) => Some(*due),
                _ => None,
            };
            actions::on_delivery(delivery, actor, owed, now, *lang)
        }
        AggregateState::Order(Order::NotPlaced | Order::Refused(_))
        | AggregateState::Delivery(Delivery::NotScheduled)
        | AggregateState::Stock(_)
        | AggregateState::Pizzeria(_)
        | AggregateState::Menu(_)
        | AggregateState::Staff(_)
        | AggregateState::Customer(_)
        | AggregateState::Closing(_) => Vec::new(),
    };
    let pizzeria = match &*result.state {
        AggregateState::Order(Order::Placed(order)) => Some(&order.pizzeria),
        AggregateState::Order(Order::Refused(order)) => Some(&order.pizzeria),
        AggregateState::Order(Order::NotPlaced)
        | AggregateState::Delivery(_)
        | AggregateState::Stock(_)
        | AggregateState::Pizzeria(_)
        | AggregateState::Menu(_)
        | AggregateState::Staff(_)
        | AggregateState::Customer(_)
        | AggregateState::Closing(_) => None,
    };
    let exact = sees_stock(caller, pizzeria);
    let error = |refusal: &Refusal| {
        let error = UserError::new(refusal, *lang, actions.clone());
        if exact { error } else { error.without_stock_figures(refusal, *lang) }
    };
    refusal.each().iter().map(error).collect()
}

/// Runs to completion even if the client disconnects: the work must not stop between an event and its row.
///
/// # Errors
/// Returns the failure of the work.
pub(super) async fn run_to_completion<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::spawn(work).await.map_err(ApiError::internal)?
}
