//! Adapter to cqrs-es: a [`cqrs_es::CqrsFramework`] over [`Framework`] writes to the same streams, through the same
//! appender, as the use cases do; over [`ForeignStreams`] it stores aggregates that the domain does not know.
//!
//! postgres-es reads the streams, because it knows the table's columns. It must never write: its writes take one
//! round trip an event, in a transaction of their own.

mod foreign;

use std::collections::HashMap;
use std::sync::Arc;

use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::{PersistedEventRepository, SerializedEvent};
use cqrs_es::{AggregateContext, AggregateError, DomainEvent, EventEnvelope};
use domain::access::Actor;
use domain::event::UnreadableEvent;
use domain::upcasters;
use domain::usecase::{Decision, Refusal, States, UseCase};
use domain::{Aggregate, Event, StreamId};
pub use foreign::ForeignStreams;
use postgres_es::PostgresEventRepository;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::command::CommandContext;
use crate::error::StoreError;
use crate::store::EventStore;

/// An aggregate of the domain under the traits of cqrs-es, which the domain does not depend on.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Framework<A: Aggregate>(pub A);

/// An event of such an aggregate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct FrameworkEvent<A: Aggregate>(pub A::Event);

impl<A: Aggregate> DomainEvent for FrameworkEvent<A> {
    fn event_type(&self) -> String {
        A::event_name(&self.0).to_owned()
    }

    fn event_version(&self) -> String {
        upcasters::current_version(A::event_name(&self.0)).to_owned()
    }
}

impl<A: Aggregate> cqrs_es::Aggregate for Framework<A> {
    const TYPE: &'static str = A::STREAM.as_str();
    type Command = A::Command;
    type Event = FrameworkEvent<A>;
    type Error = A::Error;
    type Services = ();

    async fn handle(
        &mut self,
        command: A::Command,
        _services: &(),
        sink: &EventSink<Self>,
    ) -> Result<(), A::Error> {
        for event in self.0.decide(command)? {
            sink.write(FrameworkEvent(event), self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: FrameworkEvent<A>) {
        self.0.evolve(&event.0);
    }
}

/// An aggregate at a version.
#[derive(Debug)]
pub struct Loaded<A: Aggregate> {
    id: String,
    aggregate: Framework<A>,
    version: i64,
}

impl<A: Aggregate> AggregateContext<Framework<A>> for Loaded<A> {
    fn aggregate(&mut self) -> &mut Framework<A> {
        &mut self.aggregate
    }
}

/// Events decided by the framework, to be appended at exactly one version.
#[derive(Debug)]
struct Commit {
    stream: StreamId,
    events: Vec<Event>,
}

impl UseCase for Commit {
    fn name(&self) -> &'static str {
        "commit"
    }

    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        vec![self.stream.clone()]
    }

    fn decide(&self, _states: &States<'_>) -> Result<Decision, Refusal> {
        Ok(Decision::on(self.stream.clone(), self.events.clone()))
    }
}

fn fault<E: std::error::Error>(error: impl std::error::Error + Send + Sync + 'static) -> AggregateError<E> {
    AggregateError::UnexpectedError(Box::new(error))
}

/// Reads a stream as stored. Its metadata is a map of strings, although releases up to 0.1 wrote a number.
async fn stored<A: cqrs_es::Aggregate>(
    pool: &PgPool,
    id: &str,
) -> Result<Vec<SerializedEvent>, AggregateError<A::Error>> {
    let mut events = PostgresEventRepository::new(pool.clone()).get_events::<A>(id).await?;
    for value in events.iter_mut().filter_map(|event| event.metadata.as_object_mut()).flatten() {
        if !value.1.is_string() {
            *value.1 = Value::String(value.1.to_string());
        }
    }
    Ok(events)
}

/// Returns the events that a stored one stands for; they share its sequence.
fn lift<A: Aggregate>(
    event: SerializedEvent,
) -> Result<Vec<EventEnvelope<Framework<A>>>, AggregateError<A::Error>> {
    let (event_type, version) = (&event.event_type, &event.event_version);
    let payloads = upcasters::upcast(A::STREAM, event_type, version, event.payload.clone());
    let unreadable = |reason| fault(UnreadableEvent::new(A::STREAM.as_str(), event_type, version, reason));
    let pieces = payloads.map_err(unreadable)?.into_iter();
    let pieces = pieces.map(|payload| SerializedEvent { payload, ..event.clone() });
    pieces.map(|piece| EventEnvelope::try_from(piece).map_err(AggregateError::from)).collect()
}

impl<A: Aggregate> cqrs_es::EventStore<Framework<A>> for EventStore {
    type AC = Loaded<A>;

    async fn load_events(
        &self,
        id: &str,
    ) -> Result<Vec<EventEnvelope<Framework<A>>>, AggregateError<A::Error>> {
        let mut lifted = Vec::new();
        for event in stored::<Framework<A>>(self.pool(), id).await? {
            lifted.extend(lift(event)?);
        }
        Ok(lifted)
    }

    async fn load_aggregate(&self, id: &str) -> Result<Loaded<A>, AggregateError<A::Error>> {
        let mut loaded: Loaded<A> = Loaded { id: id.to_owned(), aggregate: Framework::default(), version: 0 };
        for event in stored::<Framework<A>>(self.pool(), id).await? {
            loaded.version = i64::try_from(event.sequence).map_err(fault)?;
            for envelope in lift::<A>(event)? {
                loaded.aggregate.0.evolve(&envelope.payload.0);
            }
        }
        Ok(loaded)
    }

    /// Keeps the metadata's `correlationId`. The actor is the system.
    async fn commit(
        &self,
        events: Vec<FrameworkEvent<A>>,
        context: Loaded<A>,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<Framework<A>>>, AggregateError<A::Error>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let use_case = Commit {
            stream: StreamId::new(A::STREAM, context.id.clone()),
            events: events.iter().map(|event| event.0.clone().into()).collect(),
        };
        let correlation = metadata.get("correlationId").cloned().unwrap_or_default();
        let mut command = CommandContext::new(Actor::system(), Uuid::now_v7(), correlation);
        command.expected_version = Some(context.version);
        let result = self.execute(Arc::new(use_case), command).await.map_err(|error| match error {
            StoreError::Conflict => AggregateError::AggregateConflict,
            error => AggregateError::DatabaseConnectionError(Box::new(error)),
        })?;
        if result.refusal.is_some() {
            return Err(AggregateError::AggregateConflict);
        }
        let first = usize::try_from(context.version).map_err(fault)? + 1;
        let envelopes = events.into_iter().enumerate().map(|(ordinal, payload)| EventEnvelope {
            aggregate_id: context.id.clone(),
            sequence: first + ordinal,
            payload,
            metadata: metadata.clone(),
        });
        Ok(envelopes.collect())
    }
}
