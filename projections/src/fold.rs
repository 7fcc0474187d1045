//! Loads states stored as JSON documents, and folds the events of a batch into them by the domain's `evolve`. Each read
//! model writes its own columns.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AggregateState, Event, StreamId, StreamType};
use event_store::RecordedEvent;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::apply_error::ApplyError;

/// A state with the version of its stream and the position of its last event.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldedState<S> {
    /// The state.
    pub state: S,
    /// Version of the stream; 0 before the first event.
    pub version: i64,
    /// Position of the last event; 0 before the first.
    pub position: i64,
}

impl<S: Default> Default for FoldedState<S> {
    fn default() -> Self {
        Self { state: S::default(), version: 0, position: 0 }
    }
}

/// Returns the events that stored ones stand for, each with its record.
pub(crate) fn happened(events: &[RecordedEvent]) -> impl Iterator<Item = (&RecordedEvent, &Event)> {
    events.iter().flat_map(|recorded| recorded.events.iter().map(move |event| (recorded, event)))
}

/// A table of documents: its name, its key column and the key's type.
pub(crate) struct Place {
    pub(crate) table: &'static str,
    pub(crate) key: &'static str,
    pub(crate) key_type: &'static str,
}

/// Loads the documents of these keys in one query. It joins an array key by key: `= ANY($1)` prepared on an empty table
/// would keep scanning it.
pub(crate) async fn load<S>(
    db: &mut PgConnection,
    place: &Place,
    keys: &BTreeSet<String>,
) -> Result<BTreeMap<String, FoldedState<S>>, ApplyError>
where
    S: DeserializeOwned + Send + Unpin + 'static,
{
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let Place { table, key, key_type } = place;
    let sql = format!(
        "SELECT k.key, t.version, t.position, t.document FROM unnest($1::text[]) AS k(key) CROSS JOIN LATERAL \
         (SELECT version, position, document FROM {table} WHERE {key} = k.key::{key_type} LIMIT 1) AS t"
    );
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let rows: Vec<(String, i64, i64, Json<S>)> = sqlx::query_as(&sql).bind(keys).fetch_all(db).await?;
    let folded = rows
        .into_iter()
        .map(|(key, version, position, state)| (key, FoldedState { state: state.0, version, position }));
    Ok(folded.collect())
}

/// Returns the streams of a kind that a batch changes, each with its state after the batch. `stored` converts a document
/// to a state.
pub(crate) async fn fold<S>(
    db: &mut PgConnection,
    place: &Place,
    kind: StreamType,
    events: &[RecordedEvent],
    stored: impl Fn(S) -> AggregateState,
) -> Result<Vec<(StreamId, FoldedState<AggregateState>)>, ApplyError>
where
    S: DeserializeOwned + Send + Unpin + 'static,
{
    let mut first: BTreeMap<&StreamId, i64> = BTreeMap::new();
    for event in events.iter().filter(|event| event.stream.kind == kind) {
        first.entry(&event.stream).or_insert(event.sequence);
    }
    if place.key_type == "uuid" && first.keys().any(|stream| stream.id.parse::<Uuid>().is_err()) {
        return Err(ApplyError::StreamId { kind: kind.as_str() });
    }
    // A stream that begins in this batch has no document.
    let begun = first.iter().filter(|(_, sequence)| **sequence > 1).map(|(stream, _)| stream.id.to_string());
    let mut documents = load::<S>(db, place, &begun.collect()).await?;
    let mut states: BTreeMap<&StreamId, FoldedState<AggregateState>> = first
        .keys()
        .map(|stream| {
            let folded = match documents.remove(&*stream.id) {
                Some(FoldedState { state, version, position }) => {
                    FoldedState { state: stored(state), version, position }
                }
                None => FoldedState { state: AggregateState::empty(kind), version: 0, position: 0 },
            };
            (*stream, folded)
        })
        .collect();
    for event in events {
        if let Some(folded) = states.get_mut(&event.stream) {
            evolve(folded, event)?;
        }
    }
    Ok(states.into_iter().map(|(stream, folded)| (stream.clone(), folded)).collect())
}

fn evolve(folded: &mut FoldedState<AggregateState>, recorded: &RecordedEvent) -> Result<(), ApplyError> {
    for event in &recorded.events {
        folded
            .state
            .evolve(event)
            .map_err(|_| ApplyError::StreamId { kind: folded.state.kind().as_str() })?;
    }
    folded.version = recorded.sequence;
    folded.position = recorded.position.0;
    Ok(())
}

/// Returns a document's text, which is deterministic: fields in order, maps by key.
pub(crate) fn document<S: Serialize>(table: &'static str, state: &S) -> Result<String, ApplyError> {
    serde_json::to_string(state).map_err(|source| ApplyError::Document { table, source })
}
