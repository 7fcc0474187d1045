//! Folds orders for the read models that store them as documents: details, board, kitchen queue.

use domain::order::{Order, PlacedOrder};
use domain::{AggregateState, StreamType};
use event_store::RecordedEvent;
use sqlx::PgConnection;

use crate::apply_error::ApplyError;
use crate::fold::{FoldedState, Place, fold};

/// Returns the accepted orders that a batch changes, with their state after it. An order that has no document and is not
/// placed in the batch was refused or removed.
pub(crate) async fn touched(
    db: &mut PgConnection,
    table: &'static str,
    events: &[RecordedEvent],
) -> Result<Vec<FoldedState<PlacedOrder>>, ApplyError> {
    let place = Place { table, key: "id", key_type: "uuid" };
    let stored = |order: PlacedOrder| AggregateState::Order(Order::Placed(Box::new(order)));
    let folded = fold(db, &place, StreamType::Order, events, stored).await?;
    let placed = folded.into_iter().filter_map(|(_, folded)| match folded.state {
        AggregateState::Order(Order::Placed(order)) => {
            Some(FoldedState { state: *order, version: folded.version, position: folded.position })
        }
        AggregateState::Order(Order::NotPlaced | Order::Refused(_))
        | AggregateState::Stock(_)
        | AggregateState::Delivery(_)
        | AggregateState::Pizzeria(_)
        | AggregateState::Menu(_)
        | AggregateState::Staff(_)
        | AggregateState::Customer(_)
        | AggregateState::Closing(_) => None,
    });
    Ok(placed.collect())
}

/// Deletes rows by id.
pub(crate) async fn remove(
    db: &mut PgConnection,
    table: &'static str,
    ids: &[uuid::Uuid],
) -> Result<(), ApplyError> {
    if !ids.is_empty() {
        let sql =
            format!("DELETE FROM {table} AS t USING unnest($1::uuid[]) AS gone(id) WHERE t.id = gone.id");
        sqlx::query(&sql).bind(ids).execute(db).await?;
    }
    Ok(())
}
