//! Base states for replaying the past (`as_of`): each stock every 200 events, and the hours in which an order changed
//! the sales. Rows are only added.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SubsecRound, Timelike, Utc};
use domain::ids::PizzeriaId;
use domain::stock::Stock;
use domain::{Event, StreamId, StreamType};
use event_store::RecordedEvent;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::apply_error::ApplyError;
use crate::as_of::fold_stream;
use crate::fold::{FoldedState, document, happened};

/// Events of a stock's stream between two stored states.
pub(crate) const EVENTS_PER_STATE: i64 = 200;

pub(crate) async fn apply(db: &mut PgConnection, events: &[RecordedEvent]) -> Result<(), ApplyError> {
    keep_stocks(db, events).await?;
    keep_hours(db, events).await
}

/// Returns the last stored state of a stock at or before a position; the empty state before the first.
pub(crate) async fn kept_stock(
    db: &mut PgConnection,
    pizzeria: &str,
    position: i64,
) -> Result<FoldedState<Stock>, sqlx::Error> {
    let sql = "SELECT version, position, document FROM stock_history \
               WHERE pizzeria = $1 AND position <= $2 ORDER BY position DESC LIMIT 1";
    let row: Option<(i64, i64, Json<Stock>)> =
        sqlx::query_as(sql).bind(pizzeria).bind(position).fetch_optional(db).await?;
    Ok(row.map_or_else(FoldedState::default, |(version, position, stock)| FoldedState {
        state: stock.0,
        version,
        position,
    }))
}

/// Stores the stocks that reach a multiple of 200 events, folded from the last stored state and the log.
async fn keep_stocks(db: &mut PgConnection, events: &[RecordedEvent]) -> Result<(), ApplyError> {
    let due = events
        .iter()
        .filter(|event| event.stream.kind == StreamType::Stock && event.sequence % EVENTS_PER_STATE == 0);
    for event in due {
        let pizzeria: PizzeriaId =
            event.stream.id.parse().map_err(|_| ApplyError::StreamId { kind: "stock" })?;
        let kept = kept_stock(&mut *db, pizzeria.as_str(), event.position.0).await?;
        let stock = fold_stream(&mut *db, &StreamId::stock(&pizzeria), kept, event.position).await?;
        sqlx::query(
            "INSERT INTO stock_history (pizzeria, position, version, document) VALUES ($1, $2, $3, $4::json) \
             ON CONFLICT (pizzeria, position) DO NOTHING",
        )
        .bind(pizzeria.as_str())
        .bind(stock.position)
        .bind(stock.version)
        .bind(document("stock_history", &stock.state.levels_only())?)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// Returns the start of an instant's hour, in UTC.
fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    let hour = at.trunc_subsecs(0);
    hour.with_minute(0).and_then(|hour| hour.with_second(0)).unwrap_or(hour)
}

async fn keep_hours(db: &mut PgConnection, events: &[RecordedEvent]) -> Result<(), ApplyError> {
    let mut hours: BTreeMap<(Uuid, DateTime<Utc>), i64> = BTreeMap::new();
    let mut pizzerias: BTreeMap<Uuid, String> = BTreeMap::new();
    for (recorded, event) in happened(events) {
        let Event::Order(event) = event else { continue };
        let id: Uuid = recorded.stream.id.parse().map_err(|_| ApplyError::StreamId { kind: "order" })?;
        let facts = event.facts();
        if let Some(pizzeria) = facts.pizzeria {
            pizzerias.entry(id).or_insert_with(|| pizzeria.to_string());
        }
        if let Some(at) = facts.counts_at {
            hours.entry((id, hour_of(at))).or_insert(recorded.position.0);
        }
    }
    let begun_before: BTreeSet<Uuid> =
        hours.keys().map(|(id, _)| *id).filter(|id| !pizzerias.contains_key(id)).collect();
    if !begun_before.is_empty() {
        let rows: Vec<(Uuid, String)> = sqlx::query_as(
            "SELECT k.id, t.pizzeria FROM unnest($1::uuid[]) AS k(id) CROSS JOIN LATERAL \
             (SELECT pizzeria FROM order_hours WHERE id = k.id LIMIT 1) AS t",
        )
        .bind(begun_before.into_iter().collect::<Vec<_>>())
        .fetch_all(&mut *db)
        .await?;
        pizzerias.extend(rows);
    }
    let rows: Vec<(&str, DateTime<Utc>, Uuid, i64)> = hours
        .iter()
        .filter_map(|((id, hour), position)| Some((pizzerias.get(id)?.as_str(), *hour, *id, *position)))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO order_hours (pizzeria, hour, id, position) \
         SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::uuid[], $4::bigint[]) \
         ON CONFLICT (pizzeria, hour, id) DO NOTHING",
    )
    .bind(rows.iter().map(|row| row.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.1).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.2).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.3).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_begins_at_its_first_instant() {
        let at: DateTime<Utc> = "2026-11-27T19:59:59.999999Z".parse().unwrap();
        assert_eq!(hour_of(at).to_rfc3339(), "2026-11-27T19:00:00+00:00");
        assert_eq!(hour_of(hour_of(at)), hour_of(at));
    }
}
