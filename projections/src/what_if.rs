//! Replays a period of the log against a policy (`domain::what_if`), in batches and in one read-only transaction.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::PizzeriaId;
use domain::menu::Menu;
use domain::what_if::{Policy, Row, StartingState, WhatIf};
use domain::{AggregateState, LogPosition, StreamId, StreamType};
use event_store::{LogEntry, LogError, StoreError, log, state_at};
use sqlx::{PgConnection, PgPool};

use crate::as_of;

/// Entries read at once.
const BATCH_ENTRIES: i64 = 1_000;

/// The period to replay.
#[derive(Debug, Clone)]
pub struct Period {
    /// Start, by the time of recording; inclusive.
    pub from: DateTime<Utc>,
    /// End; exclusive.
    pub to: DateTime<Utc>,
    /// Restricts the replay to one pizzeria.
    pub pizzeria: Option<PizzeriaId>,
}

/// Result of [`replay`].
#[derive(Debug, Clone)]
pub struct ReplayResult {
    /// The position before the first replayed event.
    pub after: LogPosition,
    /// The position of the last replayed event.
    pub up_to: LogPosition,
    /// The figures by pizzeria.
    pub rows: BTreeMap<PizzeriaId, Row>,
}

/// Replays a period. `progress` gets the number of events read, and the total.
///
/// # Errors
/// The database does not answer, or an event of the period cannot be read.
pub async fn replay(
    pool: &PgPool,
    period: &Period,
    policy: Policy,
    progress: &mut (dyn FnMut(i64, i64) + Send),
) -> Result<ReplayResult, StoreError> {
    let instant = TimeDelta::microseconds(1);
    let after = as_of::position_at(pool, period.from - instant).await?;
    let up_to = as_of::position_at(pool, period.to - instant).await?.max(after);
    let mut transaction = pool.begin().await.map_err(LogError::from)?;
    let db = &mut *transaction;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .execute(&mut *db)
        .await
        .map_err(LogError::from)?;
    let openings = openings(db, period, after, up_to).await?;
    let state_before = state(db, &StreamId::menu(), after).await?;
    let menu = if let AggregateState::Menu(menu) = state_before { menu } else { Menu::default() };
    let mut what_if = WhatIf::new(policy, menu, openings, period.from);
    let mut read = after;
    while read < up_to {
        let entries = log::read_after(&mut *db, read, BATCH_ENTRIES.min(up_to.0 - read.0)).await?;
        let Some(last) = entries.last() else { break };
        read = last.position();
        for entry in entries.into_iter().filter(matters) {
            let event = entry.readable()?;
            for happened in &event.events {
                what_if.record(&event.stream, event.recorded_at, happened);
            }
        }
        progress(read.0 - after.0, up_to.0 - after.0);
    }
    let mut rows = what_if.finish(period.to);
    rows.retain(|id, _| period.pizzeria.as_ref().map_or(!id.is_functional_check(), |one| id == one));
    Ok(ReplayResult { after, up_to, rows })
}

/// Returns whether a replay uses an entry; other entries may be unreadable.
fn matters(entry: &LogEntry) -> bool {
    entry.stream().is_some_and(|stream| match stream.kind {
        StreamType::Order | StreamType::Stock | StreamType::Pizzeria | StreamType::Menu => true,
        StreamType::Delivery | StreamType::Staff | StreamType::Customer | StreamType::Closing => false,
    })
}

/// Returns every pizzeria that opens before the end, in its state before the start.
async fn openings(
    db: &mut PgConnection,
    period: &Period,
    after: LogPosition,
    up_to: LogPosition,
) -> Result<BTreeMap<PizzeriaId, StartingState>, StoreError> {
    let sql = "SELECT aggregate_id FROM events WHERE aggregate_type IN ('pizzeria', 'stock') AND sequence = 1 \
               AND position <= $1 ORDER BY position";
    let ids: Vec<String> =
        sqlx::query_scalar(sql).bind(up_to.0).fetch_all(&mut *db).await.map_err(LogError::from)?;
    let mut openings: BTreeMap<PizzeriaId, StartingState> = BTreeMap::new();
    for id in ids.iter().filter_map(|id| id.parse::<PizzeriaId>().ok()) {
        if period.pizzeria.as_ref().is_some_and(|one| *one != id) {
            continue;
        }
        let opening = openings.entry(id.clone()).or_default();
        if let AggregateState::Stock(stock) = state(db, &StreamId::stock(&id), after).await? {
            opening.stock = stock;
        }
        if let AggregateState::Pizzeria(pizzeria) = state(db, &StreamId::pizzeria(&id), after).await? {
            opening.pizzeria = pizzeria;
        }
    }
    Ok(openings)
}

async fn state(
    db: &mut PgConnection,
    stream: &StreamId,
    position: LogPosition,
) -> Result<AggregateState, StoreError> {
    let sequence = log::sequence_at(&mut *db, stream, position).await?;
    state_at(db, stream, sequence).await
}
