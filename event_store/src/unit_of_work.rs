//! A unit of work: the decision of one command on one or several streams. It is stored as a whole or not at all.

use std::sync::Arc;

use domain::usecase::{Refusal, UseCase};
use domain::{AggregateState, Event, StreamId};
use tokio::sync::oneshot;

use crate::command::{CommandContext, CommandResult};
use crate::error::StoreError;
use crate::log::Metadata;

/// An event with its sequence and its exact text.
#[derive(Debug)]
pub(crate) struct NewEvent {
    pub stream: StreamId,
    pub sequence: i64,
    pub event: Event,
    pub payload: String,
}

/// A decision, and the versions that it was made on.
#[derive(Debug)]
pub(crate) struct PendingDecision {
    /// Every stream that was read, with its version; the first is the command's own stream.
    pub based_on: Vec<(StreamId, i64)>,
    pub events: Vec<NewEvent>,
    pub refusal: Option<Refusal>,
    /// The refusal's JSON, stored under the idempotency key.
    pub refusal_text: Option<String>,
    /// State of the command's own stream after the decision.
    pub state: Arc<AggregateState>,
    pub version: i64,
}

/// A command, and the channel that its result is sent on.
#[derive(Debug)]
pub(crate) struct Command {
    pub use_case: Arc<dyn UseCase>,
    pub context: CommandContext,
    /// JSON stored with each of its events.
    pub metadata: String,
    pub reply: oneshot::Sender<Result<CommandResult, StoreError>>,
}

/// A decided command in the queue of the appender.
#[derive(Debug)]
pub(crate) struct Unit {
    pub command: Command,
    pub decision: PendingDecision,
}

impl Command {
    pub fn new(
        use_case: Arc<dyn UseCase>,
        context: CommandContext,
        reply: oneshot::Sender<Result<CommandResult, StoreError>>,
    ) -> Result<Self, StoreError> {
        let metadata = serde_json::to_string(&Metadata {
            actor: context.actor.id,
            role: context.actor.role,
            command: use_case.name().to_owned(),
            command_id: context.command_id,
            correlation_id: context.correlation_id.clone(),
            causation_id: context.causation,
            class: None,
        })?;
        Ok(Self { use_case, context, metadata, reply })
    }

    /// Sends the result. A caller that has disconnected needs none.
    pub fn reply(self, result: Result<CommandResult, StoreError>) {
        let _ = self.reply.send(result);
    }
}
