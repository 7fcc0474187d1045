//! [`cqrs_es::EventStore`] for the log: a [`cqrs_es::CqrsFramework`] over one aggregate writes to the same streams,
//! through the same appender, as the use cases do.
//!
//! Reads use postgres-es, which knows the table's columns. Its writes are not used: they take a round trip an event.

use std::collections::HashMap;
use std::sync::Arc;

use cqrs_es::persist::PersistedEventRepository;
use cqrs_es::{Aggregate, AggregateContext, AggregateError, EventEnvelope};
use domain::access::Actor;
use domain::upcasters;
use domain::usecase::{Decision, Refusal, States, UseCase};
use domain::{Event, StreamId};
use postgres_es::PostgresEventRepository;
use uuid::Uuid;

use crate::command::CommandContext;
use crate::error::StoreError;
use crate::store::EventStore;

/// A cqrs-es aggregate at a version.
#[derive(Debug)]
pub struct Loaded<A> {
    id: String,
    aggregate: A,
    version: i64,
}

impl<A: Aggregate> AggregateContext<A> for Loaded<A> {
    fn aggregate(&mut self) -> &mut A {
        &mut self.aggregate
    }
}

/// Use case that appends events decided by cqrs-es.
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

impl<A> cqrs_es::EventStore<A> for EventStore
where
    A: Aggregate,
    A::Event: Into<Event>,
{
    type AC = Loaded<A>;

    async fn load_events(&self, id: &str) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let stored = PostgresEventRepository::new(self.pool().clone()).get_events::<A>(id).await?;
        let lifted = stored.into_iter().map(|mut event| {
            event.payload = upcasters::upcast(&event.event_type, &event.event_version, event.payload);
            EventEnvelope::try_from(event).map_err(AggregateError::from)
        });
        lifted.collect()
    }

    async fn load_aggregate(&self, id: &str) -> Result<Loaded<A>, AggregateError<A::Error>> {
        let mut loaded = Loaded { id: id.to_owned(), aggregate: A::default(), version: 0 };
        let events: Vec<EventEnvelope<A>> = self.load_events(id).await?;
        for envelope in events {
            loaded.aggregate.apply(envelope.payload);
            loaded.version = i64::try_from(envelope.sequence).map_err(fault)?;
        }
        Ok(loaded)
    }

    /// Keeps the metadata's `correlationId`. The actor is the system.
    async fn commit(
        &self,
        events: Vec<A::Event>,
        context: Loaded<A>,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let kind = A::TYPE.parse().map_err(fault)?;
        let use_case = Commit {
            stream: StreamId::new(kind, context.id.clone()),
            events: events.iter().cloned().map(Into::into).collect(),
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
