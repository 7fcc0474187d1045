//! The pizzerias, one row each. The document tells whether it takes orders now (`takes_orders`).

use std::sync::Arc;

use domain::ids::PizzeriaId;
use domain::pizzeria::{OpenedPizzeria, Pizzeria};
use domain::{AggregateState, LogPosition, StreamType};
use event_store::RecordedEvent;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};

use crate::apply_error::ApplyError;
use crate::fold::{Place, document, fold};

/// A pizzeria.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The pizzeria.
    pub pizzeria: Arc<OpenedPizzeria>,
    /// Version of its stream.
    pub version: i64,
    /// Position of its last event.
    pub position: LogPosition,
}

#[derive(FromRow)]
struct Stored {
    version: i64,
    position: i64,
    document: Json<OpenedPizzeria>,
}

impl From<Stored> for Row {
    fn from(stored: Stored) -> Self {
        Self {
            pizzeria: Arc::new(stored.document.0),
            version: stored.version,
            position: LogPosition(stored.position),
        }
    }
}

pub(crate) async fn apply(db: &mut PgConnection, events: &[RecordedEvent]) -> Result<(), ApplyError> {
    let place = Place { table: "pizzerias", key: "id", key_type: "text" };
    let stored = |opened: OpenedPizzeria| AggregateState::Pizzeria(Pizzeria::Opened(Box::new(opened)));
    for (stream, folded) in fold(db, &place, StreamType::Pizzeria, events, stored).await? {
        let AggregateState::Pizzeria(Pizzeria::Opened(opened)) = &folded.state else { continue };
        sqlx::query(
            "INSERT INTO pizzerias (id, version, position, document) VALUES ($1, $2, $3, $4::json) \
             ON CONFLICT (id) DO UPDATE SET version = EXCLUDED.version, position = EXCLUDED.position, \
             document = EXCLUDED.document",
        )
        .bind(&*stream.id)
        .bind(folded.version)
        .bind(folded.position)
        .bind(document("pizzerias", opened)?)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// Returns every pizzeria except the functional check's, by code.
///
/// # Errors
/// The database does not answer.
pub async fn all(pool: &PgPool) -> Result<Vec<Row>, sqlx::Error> {
    let sql = "SELECT version, position, document FROM pizzerias WHERE id <> $1 ORDER BY id";
    let check = PizzeriaId::functional_check();
    let rows: Vec<Stored> = sqlx::query_as(sql).bind(check.as_str()).fetch_all(pool).await?;
    Ok(rows.into_iter().map(Row::from).collect())
}

/// Returns pizzerias by id, sorted by code; unknown ids are left out.
///
/// # Errors
/// The database does not answer.
pub async fn by_ids(pool: &PgPool, ids: &[PizzeriaId]) -> Result<Vec<Row>, sqlx::Error> {
    let sql = "SELECT version, position, document FROM pizzerias \
               JOIN (SELECT DISTINCT unnest($1::text[]) AS id) AS asked USING (id) ORDER BY id";
    let ids: Vec<&str> = ids.iter().map(PizzeriaId::as_str).collect();
    let rows: Vec<Stored> = sqlx::query_as(sql).bind(ids).fetch_all(pool).await?;
    Ok(rows.into_iter().map(Row::from).collect())
}
