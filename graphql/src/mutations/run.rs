//! What every mutation does: under which key, execute, and the outcome as a payload. The use case
//! decides; nothing here does.

use std::sync::Arc;

use async_graphql::Context;
use async_graphql::registry::MetaType;
use chrono::{DateTime, Utc};
use domain::access::Actor;
use domain::delivery::{Delivery, DeliveryError};
use domain::ids::PizzeriaId;
use domain::order::{Order, OrderError};
use domain::usecase::{BasketLine, Refusal, RefusalCode, UseCase};
use domain::{AggregateState, LogPosition, StreamId};
use event_store::{CommandContext, Idempotency, NewContact, NewNote, Outcome};
use uuid::{NoContext, Timestamp, Uuid};

use super::fingerprint::{fingerprint, keyed_fingerprint};
use crate::context::{ApiContext, Caller, Services};
use crate::error::ApiError;
use crate::inputs::{InputRule, ProblemKind, Problems, StockLineInput};
use crate::scalars;
use crate::types::actions::{self, Beside};
use crate::types::menu_origin::sees_stock;
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
    /// Notes to be stored with the command.
    pub notes: Vec<NewNote>,
}

impl Asked {
    /// Reads both: a key of 1 to 255 characters, and a version that is not negative.
    pub fn read(
        problems: &mut Problems,
        idempotency_key: Option<String>,
        expected_version: Option<i64>,
    ) -> Self {
        if let Some(kind) = idempotency_key.as_deref().and_then(wrong_key) {
            problems.add("idempotencyKey", kind);
        }
        if let Some(version) = expected_version {
            problems.number::<i64>("expectedVersion", version, 0, i64::from(i32::MAX));
        }
        Self { idempotency_key, expected_version, ..Self::default() }
    }
}

/// What makes a text no idempotency key.
fn wrong_key(key: &str) -> Option<ProblemKind> {
    match key.chars().count() {
        0 => Some(InputRule::Empty.into()),
        1..=KEY_MAX if key.contains('\0') => Some(InputRule::Characters.into()),
        1..=KEY_MAX => None,
        _ => Some(ProblemKind::TooLong(KEY_MAX)),
    }
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
        self.locate(|error, refusal| error.at_line_of(refusal, lines));
        self
    }

    /// As [`Answer::at_line_of`], for the lines of a command to a stock.
    pub fn at_stock_line_of(mut self, lines: &[StockLineInput]) -> Self {
        self.locate(|error, refusal| error.at_stock_line_of(refusal, lines));
        self
    }

    /// Says of each user error where it belongs, by the refusal that it is of.
    pub fn locate(&mut self, place: impl Fn(UserError, &Refusal) -> UserError) {
        let errors = std::mem::take(&mut self.user_errors);
        let refusals = self.outcome.refusal.iter().flat_map(Refusal::each);
        self.user_errors =
            errors.into_iter().zip(refusals).map(|(error, refusal)| place(error, refusal)).collect();
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
            /// The thing as it is after the command; as it was, when the command was refused; null when
            /// the input could not be used.
            pub $entity: Option<$type>,
            /// The position of the last event that was stored; none when nothing was.
            pub position: Option<$crate::scalars::LogPosition>,
            /// Why not, when it was refused: everything at once.
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

        impl From<Vec<$crate::types::user_error::UserError>> for $name {
            fn from(user_errors: Vec<$crate::types::user_error::UserError>) -> Self {
                Self { $entity: None, position: None, user_errors }
            }
        }
    )+};
}
pub(super) use payloads;

/// The payload of a mutation: of its answer, or of the problems that its input has, as user errors.
///
/// # Errors
/// Whatever else failed.
pub(super) fn settled<A: Into<P>, P: From<Vec<UserError>>>(
    ctx: &Context<'_>,
    answer: Result<A, ApiError>,
) -> Result<P, ApiError> {
    match answer {
        Ok(answer) => Ok(answer.into()),
        Err(ApiError::InvalidInput(error)) => Ok(error.user_errors(ctx.caller()?.lang).into()),
        Err(error) => Err(error),
    }
}

/// The payload of an input that has problems; `None` when it has none.
///
/// # Errors
/// When nothing is known of the caller.
pub(super) fn told<P: From<Vec<UserError>>>(
    ctx: &Context<'_>,
    problems: Problems,
) -> Result<Option<P>, ApiError> {
    let user_errors = problems.user_errors(ctx.caller()?.lang);
    Ok(Some(user_errors).filter(|user_errors| !user_errors.is_empty()).map(Into::into))
}

/// Adds to the problems of an input what the use case that can be made of the rest would be refused for, as
/// things are known to this process, so that a form shows everything at once. Stores nothing.
///
/// # Errors
/// `NOT_FOUND` when the thing does not exist; faults of the store.
pub(super) async fn refused_as_well(
    ctx: &Context<'_>,
    problems: &mut Problems,
    use_case: &impl UseCase,
    pizzeria: Option<&PizzeriaId>,
    in_input: impl Fn(Refusal) -> Option<Refusal>,
) -> Result<(), ApiError> {
    let (store, caller) = (&ctx.services()?.store, ctx.caller()?);
    let mut known: Vec<(StreamId, Arc<AggregateState>)> = Vec::new();
    // Which streams are needed shows when the first are there; it settles after a few calls.
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
        return Err(ApiError::NotFound("thing"));
    }
    // Who may not read a stock is told its figures by `quoteOrder` only, which caps them.
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
    context_of(ctx, ctx.caller()?.actor()?.clone(), asked, fingerprint)
}

/// As [`command_context`], for an input that holds a secret, by whoever is found to act.
pub(super) fn secret_context(
    ctx: &Context<'_>,
    actor: Actor,
    asked: Asked,
) -> Result<CommandContext, ApiError> {
    context_of(ctx, actor, asked, keyed_fingerprint)
}

fn context_of(
    ctx: &Context<'_>,
    actor: Actor,
    asked: Asked,
    fingerprint: impl FnOnce(&Context<'_>) -> Result<[u8; 32], ApiError>,
) -> Result<CommandContext, ApiError> {
    let caller = ctx.caller()?;
    let mut context = CommandContext::new(actor, fresh_id(ctx.now()?), &*caller.request_id);
    context.expected_version = asked.expected_version;
    context.contact = asked.contact;
    context.notes = asked.notes;
    if let Some(key) = asked.idempotency_key {
        if let Some(kind) = wrong_key(&key) {
            let mut problems = Problems::default();
            problems.add("idempotencyKey", kind);
            problems.check()?;
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
    let context = command_context(ctx, asked)?;
    let mut answer = execute_in(ctx.services()?, ctx.caller()?, use_case, context).await?;
    for error in &mut answer.user_errors {
        // A refusal of several mutations names the field of the one that has it.
        error.field = error.field.take().filter(|path| input_has(ctx, path));
    }
    Ok(answer)
}

/// Whether the input of this mutation, `PlaceOrderInput` of `placeOrder`, has the field that a path begins with.
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
    let user_errors = user_errors(services, caller, &outcome);
    let seen = outcome.position.unwrap_or(*services.follower.head().borrow());
    Ok(Answer { outcome, seen, user_errors })
}

fn user_errors(services: &Services, caller: &Caller, outcome: &Outcome) -> Vec<UserError> {
    let Some(refusal) = &outcome.refusal else { return Vec::new() };
    let (now, online) = (services.clock.now(), services.payments.is_available());
    let Caller { actor, lang, .. } = caller;
    let actor = actor.as_ref();
    let actions = match &*outcome.state {
        AggregateState::Order(Order::Placed(order)) => {
            // What a courier does to an order is refused first for being another's.
            let carried = !matches!(refusal, Refusal::Delivery(DeliveryError::NotYours));
            actions::on_order(order, actor, Beside { carried, online }, now, *lang)
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
    let pizzeria = match &*outcome.state {
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

/// Goes on to its end although the client may go away: between an event and the row that it is about, there
/// is no place to stop.
///
/// # Errors
/// What the work fails with.
pub(super) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::spawn(work).await.map_err(ApiError::internal)?
}
