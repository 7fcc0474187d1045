//! Orders folded for the read models that hold their documents: details, board, kitchen queue. Writes nothing.

use domain::order::{Order, PlacedOrder};
use domain::{AggregateState, StreamType};
use event_store::RecordedEvent;
use sqlx::PgConnection;

use crate::error::ApplyError;
use crate::fold::{Folded, Place, fold};

/// The accepted orders that a batch touches, as they are after it. An order without a document that
/// is not placed in this batch is none of the table's: it was refused, or has left it for good.
pub(crate) async fn touched(
    db: &mut PgConnection,
    table: &'static str,
    events: &[RecordedEvent],
) -> Result<Vec<Folded<PlacedOrder>>, ApplyError> {
    let place = Place { table, key: "id", key_type: "uuid" };
    let stored = |order: PlacedOrder| AggregateState::Order(Order::Placed(Box::new(order)));
    let folded = fold(db, &place, StreamType::Order, events, stored).await?;
    let placed = folded.into_iter().filter_map(|(_, folded)| match folded.state {
        AggregateState::Order(Order::Placed(order)) => {
            Some(Folded { state: *order, version: folded.version, position: folded.position })
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

/// Removes rows of a table by their ids.
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
