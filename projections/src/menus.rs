//! The menu, one row a version: prices and recipes as published. Availability is computed from a menu and a stock
//! (`domain::menu::Menu::makeable`).

use chrono::{DateTime, Utc};
use domain::menu::{Menu, MenuEvent};
use domain::{Event, LogPosition, StreamId};
use event_store::{LogError, RecordedEvent, log};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};

use crate::apply_error::ApplyError;
use crate::fold::{document, happened};

/// A version of the menu.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The menu.
    pub menu: Menu,
    /// Version of the menu's stream.
    pub version: i64,
    /// Position of the publishing event.
    pub position: LogPosition,
    /// Time of publication.
    pub published_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct Stored {
    stream_version: i64,
    position: i64,
    published_at: DateTime<Utc>,
    document: Json<Menu>,
}

const COLUMNS: &str = "stream_version, position, published_at, document";

impl From<Stored> for Row {
    fn from(stored: Stored) -> Self {
        Self {
            menu: stored.document.0,
            version: stored.stream_version,
            position: LogPosition(stored.position),
            published_at: stored.published_at,
        }
    }
}

pub(crate) async fn apply(db: &mut PgConnection, events: &[RecordedEvent]) -> Result<(), ApplyError> {
    let published = happened(events).filter_map(|(recorded, event)| match event {
        Event::Menu(event @ MenuEvent::MenuPublished { at, .. }) => Some((recorded, event, *at)),
        Event::Order(_)
        | Event::Stock(_)
        | Event::Delivery(_)
        | Event::Pizzeria(_)
        | Event::Staff(_)
        | Event::Customer(_)
        | Event::Closing(_) => None,
    });
    let mut menu: Option<Menu> = None;
    for (recorded, event, at) in published {
        let mut next = match menu.take() {
            Some(menu) => menu,
            None => latest(db).await?,
        };
        next.evolve(event);
        sqlx::query(
            "INSERT INTO menus (version, stream_version, position, published_at, document) \
             VALUES ($1, $2, $3, $4, $5::json) ON CONFLICT (version) DO UPDATE SET \
             stream_version = EXCLUDED.stream_version, position = EXCLUDED.position, \
             published_at = EXCLUDED.published_at, document = EXCLUDED.document",
        )
        .bind(i64::from(next.version))
        .bind(recorded.sequence)
        .bind(recorded.position.0)
        .bind(at)
        .bind(document("menus", &next.clone().without_former_recipes())?)
        .execute(&mut *db)
        .await?;
        menu = Some(next);
    }
    Ok(())
}

async fn latest(db: &mut PgConnection) -> Result<Menu, ApplyError> {
    let stored: Option<Json<Menu>> =
        sqlx::query_scalar("SELECT document FROM menus ORDER BY position DESC LIMIT 1")
            .fetch_optional(db)
            .await?;
    Ok(stored.map(|menu| menu.0).unwrap_or_default())
}

/// Returns the current menu; `None` before the first publication.
///
/// # Errors
/// The database does not answer.
pub async fn current(pool: &PgPool) -> Result<Option<Row>, sqlx::Error> {
    let sql = format!("SELECT {COLUMNS} FROM menus ORDER BY version DESC LIMIT 1");
    Ok(sqlx::query_as::<_, Stored>(&sql).fetch_optional(pool).await?.map(Row::from))
}

/// Returns the menu at a position; `None` before the first publication.
///
/// # Errors
/// The database does not answer.
pub async fn as_of(pool: &PgPool, position: LogPosition) -> Result<Option<Row>, sqlx::Error> {
    let sql = format!("SELECT {COLUMNS} FROM menus WHERE position <= $1 ORDER BY version DESC LIMIT 1");
    let row = sqlx::query_as::<_, Stored>(&sql).bind(position.0).fetch_optional(pool).await?;
    Ok(row.map(Row::from))
}

/// Returns the menus of some versions, ascending; unknown versions are left out.
///
/// # Errors
/// The database does not answer.
pub async fn at_versions(pool: &PgPool, versions: &[u32]) -> Result<Vec<Row>, sqlx::Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM menus JOIN (SELECT DISTINCT unnest($1::bigint[]) AS version) AS asked \
         USING (version) ORDER BY version"
    );
    let versions: Vec<i64> = versions.iter().map(|version| i64::from(*version)).collect();
    let rows: Vec<Stored> = sqlx::query_as(&sql).bind(versions).fetch_all(pool).await?;
    Ok(rows.into_iter().map(Row::from).collect())
}

/// The menu that held at a position of the log; none before the first publication.
///
/// # Errors
/// When the database does not answer.
pub async fn at_position(pool: &PgPool, position: LogPosition) -> Result<Option<Row>, sqlx::Error> {
    let sql = format!("SELECT {COLUMNS} FROM menus WHERE position <= $1 ORDER BY position DESC LIMIT 1");
    let row = sqlx::query_as::<_, Stored>(&sql).bind(position.0).fetch_optional(pool).await?;
    Ok(row.map(Row::from))
}

/// Returns a version of the menu that the read model may lack, folded from the latest earlier version and the events
/// since. `None` if it was never published.
///
/// # Errors
/// The log cannot be read.
pub async fn from_log(pool: &PgPool, version: u32) -> Result<Option<Row>, LogError> {
    let sql = format!("SELECT {COLUMNS} FROM menus WHERE version < $1 ORDER BY version DESC LIMIT 1");
    let before: Option<Stored> = sqlx::query_as(&sql).bind(i64::from(version)).fetch_optional(pool).await?;
    let (mut menu, read) = before.map_or_else(Default::default, |row| (row.document.0, row.stream_version));
    let publications = i64::from(version.saturating_sub(menu.version));
    let events = log::read_stream(pool, &StreamId::menu(), read, read.saturating_add(publications)).await?;
    for recorded in events {
        for event in &recorded.events {
            let Event::Menu(event) = event else { continue };
            menu.evolve(event);
            let MenuEvent::MenuPublished { at, .. } = event;
            if menu.version == version {
                let (version, position) = (recorded.sequence, recorded.position);
                return Ok(Some(Row { menu, version, position, published_at: *at }));
            }
        }
    }
    Ok(None)
}
