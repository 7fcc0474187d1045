//! What every mutation does: under which key, execute, and the outcome as a payload. The use case
//! decides; nothing here does.

use std::sync::Arc;

use async_graphql::Context;
use chrono::{DateTime, Utc};
use domain::access::Actor;
use domain::delivery::Delivery;
use domain::order::Order;
use domain::usecase::{BasketLine, RefusalCode, UseCase};
use domain::{AggregateState, LogPosition};
use event_store::{CommandContext, Idempotency, NewContact, Outcome};
use uuid::{NoContext, Timestamp, Uuid};

use super::fingerprint::{fingerprint, keyed_fingerprint};
use crate::context::{ApiContext, Caller, Services};
use crate::error::ApiError;
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
        | AggregateState::Customer(_)
        | AggregateState::Closing(_) => Vec::new(),
    };
    vec![UserError::new(refusal, *lang, actions)]
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

/// A reason or a name that may be left out.
pub(super) fn reason(field: &str, value: Option<&str>) -> Result<String, ApiError> {
    Ok(inputs::optional_text(field, value, inputs::NAME_MAX)?.unwrap_or_default())
}
