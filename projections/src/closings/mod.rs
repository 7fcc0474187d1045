//! Daily closings, one row a pizzeria and business day. Also the timer that closes days (module `closer`) and the audit
//! that recomputes every closing (module `audit`).

mod audit;
pub(crate) mod closer;
mod tally;

use chrono::{DateTime, NaiveDate, Utc};
use domain::closing::{ClosingEvent, DayClosing};
use domain::ids::PizzeriaId;
use domain::{Event, LogPosition};
use event_store::RecordedEvent;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};

use crate::apply_error::ApplyError;
use crate::fold::{document, happened};

pub use audit::{AuditReport, WrongClosing, audit};
pub use tally::ClosingsError;

/// A closed business day.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The figures.
    pub closing: DayClosing,
    /// Time of closing.
    pub closed_at: DateTime<Utc>,
    /// Position of the closing event.
    pub position: LogPosition,
}

#[derive(FromRow)]
struct Stored {
    position: i64,
    closed_at: DateTime<Utc>,
    document: Json<DayClosing>,
}

impl From<Stored> for Row {
    fn from(stored: Stored) -> Self {
        Self {
            closing: stored.document.0,
            closed_at: stored.closed_at,
            position: LogPosition(stored.position),
        }
    }
}

pub(crate) async fn apply(db: &mut PgConnection, events: &[RecordedEvent]) -> Result<(), ApplyError> {
    for (recorded, event) in happened(events) {
        let (closing, at) = match event {
            Event::Closing(ClosingEvent::DayClosed { closing, at }) => (closing, at),
            Event::Order(_)
            | Event::Stock(_)
            | Event::Delivery(_)
            | Event::Pizzeria(_)
            | Event::Menu(_)
            | Event::Staff(_)
            | Event::Customer(_) => continue,
        };
        sqlx::query(
            "INSERT INTO closings (pizzeria, day, position, closed_at, document) \
             VALUES ($1, $2, $3, $4, $5::json) ON CONFLICT (pizzeria, day) DO NOTHING",
        )
        .bind(closing.pizzeria.as_str())
        .bind(closing.day)
        .bind(recorded.position.0)
        .bind(at)
        .bind(document("closings", closing)?)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// Returns a pizzeria's closings of the days `from` to `to`, both included, oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn range(
    pool: &PgPool,
    pizzeria: &PizzeriaId,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<Row>, sqlx::Error> {
    let sql = "SELECT position, closed_at, document FROM closings \
               WHERE pizzeria = $1 AND day BETWEEN $2 AND $3 ORDER BY day";
    let rows: Vec<Stored> =
        sqlx::query_as(sql).bind(pizzeria.as_str()).bind(from).bind(to).fetch_all(pool).await?;
    Ok(rows.into_iter().map(Row::from).collect())
}
