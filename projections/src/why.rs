//! Causes, read from the log: what an event changed, and what used up an ingredient.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::event::UnreadableEvent;
use domain::ids::{ItemCode, PizzeriaId};
use domain::menu::{Menu, PizzaSize};
use domain::pizzeria::Pizzeria;
use domain::stock::Stock;
use domain::why::{Change, Explanation, Mark, Trace, changes};
use domain::{AggregateState, Event, LogPosition, StreamId, StreamType};
use event_store::log::{self, Span};
use event_store::{LogEntry, LogError};
use sqlx::PgPool;

use crate::as_of::{self, AsOfError};
use crate::fold::happened;

/// Increasing numbers of a stock's last events that are searched for the cause of a missing ingredient.
const WINDOWS_EVENTS: [i64; 3] = [1_000, 10_000, 100_000];
/// Events read at once.
const BATCH_EVENTS: i64 = 1_000;
/// Largest distance of a stock's events whose changes are read together, in events of its stream.
pub const MAX_STOCK_SPAN_EVENTS: i64 = 5_000;

/// Why the changes of an event are unknown.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChangesError {
    /// This program cannot read the event or an earlier one.
    #[error("the event at position {position} cannot be read")]
    Unreadable {
        /// Position of the event.
        position: LogPosition,
        /// The cause.
        #[source]
        source: Arc<UnreadableEvent>,
    },
    /// The requested events of a stock are too far apart ([`MAX_STOCK_SPAN_EVENTS`]).
    #[error("the events of a stock that are asked about lie too far apart: ask for fewer at once")]
    TooFarApart,
    /// An event does not belong to its stream, or a state is not JSON.
    #[error("the stream cannot be followed")]
    Damaged,
}

/// An event's stream and sequence.
pub type Place = (StreamId, i64);

/// Returns the changes of some events, in one statement for all short streams and two more for each stock.
///
/// # Errors
/// The database does not answer.
pub async fn changes_of(
    pool: &PgPool,
    places: &[Place],
) -> Result<HashMap<Place, Result<Vec<Change>, ChangesError>>, AsOfError> {
    let mut asked: BTreeMap<&StreamId, Vec<i64>> = BTreeMap::new();
    for (stream, sequence) in places {
        asked.entry(stream).or_default().push(*sequence);
    }
    let mut found = HashMap::new();
    let mut spans = Vec::with_capacity(asked.len());
    let mut bases: HashMap<&StreamId, AggregateState> = HashMap::new();
    for (stream, sequences) in &mut asked {
        sequences.sort_unstable();
        let (Some(first), Some(last)) = (sequences.first(), sequences.last()) else { continue };
        let mut after = 0;
        if stream.kind == StreamType::Stock {
            if last - first > MAX_STOCK_SPAN_EVENTS {
                found.extend(
                    sequences.iter().map(|one| (((*stream).clone(), *one), Err(ChangesError::TooFarApart))),
                );
                continue;
            }
            after = first - 1;
            bases.insert(stream, AggregateState::Stock(stock_at(pool, stream, after).await?));
        }
        spans.push(Span { stream: (*stream).clone(), after, up_to: *last });
    }
    let mut stretches: HashMap<StreamId, Vec<LogEntry>> = HashMap::new();
    for entry in log::spans(pool, &spans).await? {
        if let Some(stream) = entry.stream() {
            stretches.entry(stream).or_default().push(entry);
        }
    }
    for Span { stream, .. } in spans {
        let base = bases.remove(&stream).unwrap_or_else(|| AggregateState::empty(stream.kind));
        let entries = stretches.remove(&stream).unwrap_or_default();
        let sequences = asked.get(&stream).map(Vec::as_slice).unwrap_or_default();
        follow(&stream, base, entries, sequences, &mut found);
    }
    Ok(found)
}

/// Adds the changes of the requested events of one stream.
fn follow(
    stream: &StreamId,
    mut state: AggregateState,
    entries: Vec<LogEntry>,
    asked: &[i64],
    found: &mut HashMap<Place, Result<Vec<Change>, ChangesError>>,
) {
    let mut failed = None;
    for entry in entries {
        let sequence = entry.sequence();
        let is_asked = asked.binary_search(&sequence).is_ok();
        let before = (is_asked && failed.is_none()).then(|| state.clone());
        if failed.is_none() {
            failed = match entry.readable() {
                Ok(recorded) => {
                    let evolved = recorded.events.iter().try_for_each(|event| state.evolve(event));
                    evolved.err().map(|_| ChangesError::Damaged)
                }
                Err(LogError::Unreadable { position, source }) => {
                    Some(ChangesError::Unreadable { position, source })
                }
                Err(LogError::Database(_)) => Some(ChangesError::Damaged),
            };
        }
        if is_asked {
            let changed = match (&failed, before) {
                (None, Some(before)) => changes(&before, &state).map_err(|_| ChangesError::Damaged),
                (None, None) => Err(ChangesError::Damaged),
                (Some(failed), _) => Err(failed.clone()),
            };
            found.insert((stream.clone(), sequence), changed);
        }
    }
}

/// Returns a stock's levels and blocks at a sequence.
async fn stock_at(pool: &PgPool, stream: &StreamId, sequence: i64) -> Result<Stock, AsOfError> {
    let (true, Ok(pizzeria)) = (sequence > 0, stream.id.parse::<PizzeriaId>()) else {
        return Ok(Stock::default());
    };
    let position = log::position_of(pool, stream, sequence).await?;
    Ok(as_of::stock(pool, &pizzeria, position).await?.map(|folded| folded.state).unwrap_or_default())
}

/// Returns a pizzeria at a position of the log.
///
/// # Errors
/// The database does not answer, or an event cannot be read.
pub async fn pizzeria_at(
    pool: &PgPool,
    pizzeria: &PizzeriaId,
    position: LogPosition,
) -> Result<Pizzeria, AsOfError> {
    let mut db = pool.acquire().await?;
    let state = as_of::stream(&mut db, &StreamId::pizzeria(pizzeria), position).await?.state;
    Ok(if let AggregateState::Pizzeria(pizzeria) = state { pizzeria } else { Pizzeria::default() })
}

/// Explains why a pizza could or could not be made at a position, by the menu of that position; `None` if it was not on
/// the menu. Reads at most 100,000 events of the stock's stream; beyond, the explanation is marked incomplete.
///
/// # Errors
/// The database does not answer, or an event cannot be read.
pub async fn unavailable(
    pool: &PgPool,
    pizzeria: &PizzeriaId,
    menu: &Menu,
    pizza: &ItemCode,
    size: PizzaSize,
    position: LogPosition,
) -> Result<Option<Explanation>, AsOfError> {
    if menu.recipe(pizza, size).is_none() {
        return Ok(None);
    }
    let stream = StreamId::stock(pizzeria);
    let last = log::sequence_at(pool, &stream, position).await?;
    let mut explained = None;
    for window in WINDOWS_EVENTS {
        let explanation = traced(pool, &stream, menu, pizza, size, (last - window).max(0), last).await?;
        let complete = explanation.as_ref().is_none_or(|explanation| explanation.complete);
        explained = explanation;
        if complete {
            break;
        }
    }
    Ok(explained)
}

async fn traced(
    pool: &PgPool,
    stream: &StreamId,
    menu: &Menu,
    pizza: &ItemCode,
    size: PizzaSize,
    from: i64,
    to: i64,
) -> Result<Option<Explanation>, AsOfError> {
    let Some(recipe) = menu.recipe(pizza, size) else { return Ok(None) };
    let stock = stock_at(pool, stream, from).await?;
    let mut trace = Trace::new(pizza, size, recipe, stock, from == 0);
    let mut read = from;
    while read < to {
        let events = log::read_stream(pool, stream, read, (read + BATCH_EVENTS).min(to)).await?;
        let Some(last) = events.last() else { break };
        read = last.sequence;
        for (recorded, event) in happened(&events) {
            match event {
                Event::Stock(event) => {
                    trace.record(Mark { position: recorded.position, at: recorded.recorded_at }, event);
                }
                Event::Order(_)
                | Event::Delivery(_)
                | Event::Pizzeria(_)
                | Event::Menu(_)
                | Event::Staff(_)
                | Event::Customer(_)
                | Event::Closing(_) => {}
            }
        }
    }
    Ok(Some(trace.explain(menu)))
}
