//! Streams of aggregates that the domain does not know. Never writes a stream of the domain.

use std::collections::HashMap;
use std::fmt;

use cqrs_es::{Aggregate, AggregateContext, AggregateError, DomainEvent, EventEnvelope};
use domain::StreamType;
use domain::access::Actor;
use serde_json::Value;
use uuid::Uuid;

use super::{fault, stored};
use crate::append::{self, AppendResult, ForeignEvent, ForeignEvents};
use crate::log::Metadata;
use crate::store::EventStore;

/// A log as cqrs-es sees it for any aggregate whose `TYPE` is not a kind of the domain's streams:
/// `CqrsFramework::new(ForeignStreams::of(store), queries, services)`. Its events take positions of the same log, so they
/// are sealed, exported and backed up with it; read models count them.
#[derive(Debug, Clone)]
pub struct ForeignStreams(EventStore);

impl ForeignStreams {
    /// Returns the foreign streams of a log.
    pub fn of(store: EventStore) -> Self {
        Self(store)
    }
}

/// A foreign aggregate at a version.
pub struct Loaded<A> {
    id: String,
    aggregate: A,
    version: i64,
}

impl<A> fmt::Debug for Loaded<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}

impl<A: Aggregate> AggregateContext<A> for Loaded<A> {
    fn aggregate(&mut self) -> &mut A {
        &mut self.aggregate
    }
}

/// The `TYPE` of an aggregate cannot be a kind of foreign streams.
#[derive(Debug, thiserror::Error)]
#[error(
    "the aggregate's TYPE must be lower-case letters, digits, _ or -, and no kind of the domain's streams, not {0:?}"
)]
struct UnusableType(&'static str);

fn check(kind: &'static str) -> Result<(), UnusableType> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    if kind.is_empty() || !kind.chars().all(is_plain) || kind.parse::<StreamType>().is_ok() {
        return Err(UnusableType(kind));
    }
    Ok(())
}

/// Returns the caller's metadata with the log's own entries, which replace those of the same name. The caller may name the
/// `command` and the `correlationId`.
fn stamped(mut given: HashMap<String, String>) -> Result<HashMap<String, String>, serde_json::Error> {
    let own = serde_json::to_value(Metadata {
        actor: Actor::system().id,
        role: Actor::system().role,
        command: given.remove("command").unwrap_or_else(|| "commit".to_owned()),
        command_id: Uuid::now_v7(),
        correlation_id: given.remove("correlationId").unwrap_or_default(),
        causation_id: None,
        class: None,
    })?;
    if let Value::Object(fields) = own {
        given.extend(fields.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))));
    }
    Ok(given)
}

impl<A: Aggregate> cqrs_es::EventStore<A> for ForeignStreams {
    type AC = Loaded<A>;

    async fn load_events(&self, id: &str) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let stored = stored::<A>(self.0.pool(), id).await?;
        stored.into_iter().map(|event| EventEnvelope::try_from(event).map_err(AggregateError::from)).collect()
    }

    async fn load_aggregate(&self, id: &str) -> Result<Loaded<A>, AggregateError<A::Error>> {
        let mut loaded = Loaded { id: id.to_owned(), aggregate: A::default(), version: 0 };
        let events: Vec<EventEnvelope<A>> = self.load_events(id).await?;
        for envelope in events {
            loaded.version = i64::try_from(envelope.sequence).map_err(fault)?;
            loaded.aggregate.apply(envelope.payload);
        }
        Ok(loaded)
    }

    async fn commit(
        &self,
        events: Vec<A::Event>,
        context: Loaded<A>,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        check(A::TYPE).map_err(fault)?;
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let metadata = stamped(metadata).map_err(fault)?;
        let row = |event: &A::Event| {
            let payload = serde_json::to_string(event)?;
            Ok(ForeignEvent { event_type: event.event_type(), event_version: event.event_version(), payload })
        };
        let rows: Result<Vec<_>, serde_json::Error> = events.iter().map(row).collect();
        let foreign = ForeignEvents {
            kind: A::TYPE,
            id: &context.id,
            version: context.version,
            events: rows.map_err(fault)?,
            metadata: &serde_json::to_string(&metadata).map_err(fault)?,
        };
        let database = |error: sqlx::Error| AggregateError::DatabaseConnectionError(Box::new(error));
        let mut connection = self.0.pool().acquire().await.map_err(database)?;
        match append::append_foreign(&mut connection, &foreign).await.map_err(database)? {
            AppendResult::After(base) => self.0.has_stored(base, events.len()),
            AppendResult::Conflict => return Err(AggregateError::AggregateConflict),
        }
        let first = usize::try_from(context.version).map_err(fault)? + 1;
        let envelopes = events.into_iter().zip(first..).map(|(payload, sequence)| EventEnvelope {
            aggregate_id: context.id.clone(),
            sequence,
            payload,
            metadata: metadata.clone(),
        });
        Ok(envelopes.collect())
    }
}
