//! States at a past position, folded from the log by the domain's `evolve`. No read model must be up to date. A stock
//! takes at most 200 events after the state stored by `time_travel`.

mod past;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::ids::PizzeriaId;
use domain::stock::Stock;
use domain::{AggregateState, Event, LogPosition, StreamId};
use event_store::{LogError, RecordedEvent, log};
use sqlx::{PgConnection, PgExecutor, PgPool};

use crate::apply_error::ApplyError;
pub use crate::fold::FoldedState;
use crate::time_travel::kept_stock;
pub use past::{MAX_REPLAYED_EVENTS, Past, PastError};

/// Events of a stream read at once.
const BATCH_EVENTS: i64 = 200;

/// Why a past state cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AsOfError {
    /// The database does not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The log cannot be read, or has an unreadable event.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An event cannot be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

/// Returns the last position recorded at or before an instant, by the database's clock; 0 if there is none. A binary
/// search: `recorded_at` never decreases with position.
///
/// # Errors
/// The database does not answer.
pub async fn position_at(pool: &PgPool, at: DateTime<Utc>) -> Result<LogPosition, LogError> {
    let mut db = pool.acquire().await?;
    // Positions up to `low` were recorded by then; those above `high` later, or not at all.
    let (mut low, mut high) = (0, log::head(&mut *db).await?.0);
    while low < high {
        let middle = low + (high - low + 1) / 2;
        match recorded_at(&mut *db, LogPosition(middle)).await? {
            Some(recorded) if recorded <= at => low = middle,
            Some(_) | None => high = middle - 1,
        }
    }
    Ok(LogPosition(low))
}

/// Returns when the event at a position was recorded.
///
/// # Errors
/// The database does not answer.
pub async fn recorded_at(
    db: impl PgExecutor<'_>,
    position: LogPosition,
) -> Result<Option<DateTime<Utc>>, LogError> {
    let sql = "SELECT recorded_at FROM events WHERE position = $1";
    Ok(sqlx::query_scalar(sql).bind(position.0).fetch_optional(db).await?)
}

/// Returns a pizzeria's stock at a position: levels and blocks ([`Stock::levels_only`]), version and last event. `None`
/// before its first event.
///
/// # Errors
/// The database does not answer, or an event cannot be read.
pub async fn stock(
    pool: &PgPool,
    pizzeria: &PizzeriaId,
    position: LogPosition,
) -> Result<Option<FoldedState<Stock>>, AsOfError> {
    let mut db = pool.acquire().await?;
    let kept = kept_stock(&mut db, pizzeria.as_str(), position.0).await?;
    let folded = fold_stream(&mut db, &StreamId::stock(pizzeria), kept, position).await?;
    let FoldedState { state, version, position } = folded;
    Ok((version > 0).then(|| FoldedState { state: state.levels_only(), version, position }))
}

/// Returns a stream's state at a position, folded from its first event; version 0 before that.
///
/// # Errors
/// The database does not answer, or an event cannot be read.
pub async fn stream(
    db: &mut PgConnection,
    stream: &StreamId,
    position: LogPosition,
) -> Result<FoldedState<AggregateState>, AsOfError> {
    let empty = FoldedState { state: AggregateState::empty(stream.kind), version: 0, position: 0 };
    Ok(fold_stream(db, stream, empty, position).await?)
}

/// Returns the states of some short streams (orders, deliveries, pizzerias) at a position, each folded from its first
/// event. Streams without an event by then are left out.
///
/// # Errors
/// The database does not answer, or an event cannot be read.
pub async fn states(
    pool: &PgPool,
    streams: &[StreamId],
    position: LogPosition,
) -> Result<HashMap<StreamId, FoldedState<AggregateState>>, AsOfError> {
    let mut states: HashMap<StreamId, FoldedState<AggregateState>> = HashMap::new();
    for entry in log::read_streams(pool, streams, position, i64::MAX).await? {
        let event = entry.readable()?;
        let folded = states.entry(event.stream.clone()).or_insert_with(|| FoldedState {
            state: AggregateState::empty(event.stream.kind),
            version: 0,
            position: 0,
        });
        for event in &event.events {
            folded.state.apply(event)?;
        }
        folded.version = event.sequence;
        folded.position = event.position.0;
    }
    Ok(states)
}

/// A state that events can be folded into.
pub(crate) trait Evolves {
    /// Applies an event of its stream.
    fn apply(&mut self, event: &Event) -> Result<(), ApplyError>;
}

impl Evolves for AggregateState {
    fn apply(&mut self, event: &Event) -> Result<(), ApplyError> {
        self.evolve(event).map_err(|_| ApplyError::StreamId { kind: self.kind().as_str() })
    }
}

impl Evolves for Stock {
    fn apply(&mut self, event: &Event) -> Result<(), ApplyError> {
        let Event::Stock(event) = event else { return Err(ApplyError::StreamId { kind: "stock" }) };
        self.evolve(event);
        Ok(())
    }
}

/// Folds the further events of a stream up to a position into a state.
pub(crate) async fn fold_stream<S: Evolves>(
    db: &mut PgConnection,
    stream: &StreamId,
    mut folded: FoldedState<S>,
    position: LogPosition,
) -> Result<FoldedState<S>, ApplyError> {
    // In batches by sequence, so that later events of a long stream are not read.
    loop {
        let up_to = folded.version + BATCH_EVENTS;
        let events = match log::read_stream(&mut *db, stream, folded.version, up_to).await {
            // An unreadable event after the position does not matter.
            Err(LogError::Unreadable { position: at, .. }) if at > position => return Ok(folded),
            events => events?,
        };
        let past = |event: &&RecordedEvent| event.position <= position;
        let mut read = 0;
        for event in events.iter().take_while(past) {
            for event in &event.events {
                folded.state.apply(event)?;
            }
            folded.version = event.sequence;
            folded.position = event.position.0;
            read += 1;
        }
        if events.is_empty() || read < events.len() {
            return Ok(folded);
        }
    }
}
