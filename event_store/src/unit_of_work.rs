//! A unit of work: what one command decided, for one or several streams; all of it is stored, or none.

use std::sync::Arc;

use domain::usecase::{Refusal, UseCase};
use domain::{AggregateState, Event, StreamId};
use tokio::sync::oneshot;

use crate::command::{CommandContext, Outcome};
use crate::error::StoreError;
use crate::log::Metadata;

/// An event with its place in its stream and its exact text.
#[derive(Debug)]
pub(crate) struct NewEvent {
    pub stream: StreamId,
    pub sequence: i64,
    pub event: Event,
    pub payload: String,
}

/// What was decided, and what it was decided on.
#[derive(Debug)]
pub(crate) struct Decided {
    /// Every stream that was looked at, with its version then; the first is the command's own.
    pub based_on: Vec<(StreamId, i64)>,
    pub events: Vec<NewEvent>,
    pub refusal: Option<Refusal>,
    /// The refusal as stored under an idempotency key.
    pub refusal_text: Option<String>,
    /// The command's own stream after the decision.
    pub state: Arc<AggregateState>,
    pub version: i64,
}

/// A command on its way into the log.
#[derive(Debug)]
pub(crate) struct Unit {
    pub use_case: Arc<dyn UseCase>,
    pub context: CommandContext,
    /// Stored with each of its events.
    pub metadata: String,
    pub decided: Decided,
    pub answer: oneshot::Sender<Result<Outcome, StoreError>>,
}

impl Unit {
    /// The metadata of a command's events, as stored.
    pub fn metadata(use_case: &dyn UseCase, context: &CommandContext) -> Result<String, StoreError> {
        Ok(serde_json::to_string(&Metadata {
            actor: context.actor.id,
            role: context.actor.role,
            command: use_case.name().to_owned(),
            command_id: context.command_id,
            correlation_id: context.correlation_id.clone(),
            causation_id: context.causation,
        })?)
    }
}
