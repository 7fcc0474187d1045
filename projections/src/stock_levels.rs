//! Stock of each pizzeria: one row with levels and blocks. Reservations are left out, so that the row stays small.

use domain::ids::PizzeriaId;
use domain::stock::Stock;
use domain::{AggregateState, LogPosition, StreamType};
use event_store::RecordedEvent;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};

use crate::apply_error::ApplyError;
use crate::fold::{Place, document, fold};

/// A pizzeria's stock.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The pizzeria.
    pub pizzeria: PizzeriaId,
    /// Levels and blocks ([`Stock::levels_only`]).
    pub stock: Stock,
    /// Version of its stream.
    pub version: i64,
    /// Position of its last event.
    pub position: LogPosition,
}

#[derive(FromRow)]
struct Stored {
    pizzeria: Json<PizzeriaId>,
    version: i64,
    position: i64,
    document: Json<Stock>,
}

impl From<Stored> for Row {
    fn from(stored: Stored) -> Self {
        Self {
            pizzeria: stored.pizzeria.0,
            stock: stored.document.0,
            version: stored.version,
            position: LogPosition(stored.position),
        }
    }
}

pub(crate) async fn apply(db: &mut PgConnection, events: &[RecordedEvent]) -> Result<(), ApplyError> {
    let place = Place { table: "stock_levels", key: "pizzeria", key_type: "text" };
    for (stream, folded) in fold(db, &place, StreamType::Stock, events, AggregateState::Stock).await? {
        if stream.id.parse::<PizzeriaId>().is_err() {
            return Err(ApplyError::StreamId { kind: "stock" });
        }
        let AggregateState::Stock(stock) = folded.state else { continue };
        sqlx::query(
            "INSERT INTO stock_levels (pizzeria, version, position, document) VALUES ($1, $2, $3, $4::json) \
             ON CONFLICT (pizzeria) DO UPDATE SET version = EXCLUDED.version, position = EXCLUDED.position, \
             document = EXCLUDED.document",
        )
        .bind(&*stream.id)
        .bind(folded.version)
        .bind(folded.position)
        .bind(document("stock_levels", &stock.levels_only())?)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// Returns the stocks of some pizzerias, by code; pizzerias without stock events are left out.
///
/// # Errors
/// The database does not answer.
pub async fn by_pizzerias(pool: &PgPool, pizzerias: &[PizzeriaId]) -> Result<Vec<Row>, sqlx::Error> {
    let sql = "SELECT to_json(pizzeria) AS pizzeria, version, position, document FROM stock_levels \
               JOIN (SELECT DISTINCT unnest($1::text[]) AS pizzeria) AS asked USING (pizzeria) \
               ORDER BY stock_levels.pizzeria";
    let pizzerias: Vec<&str> = pizzerias.iter().map(PizzeriaId::as_str).collect();
    let rows: Vec<Stored> = sqlx::query_as(sql).bind(pizzerias).fetch_all(pool).await?;
    Ok(rows.into_iter().map(Row::from).collect())
}
