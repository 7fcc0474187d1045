//! Batched reads: however many rows a request shows, each kind of thing is read once a level. Made a
//! request; nothing is kept between requests, and every failure is the request's.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use domain::ids::{ContactId, DeliveryId, NoteId, OrderId, PizzeriaId, StaffId};
use domain::menu::Menu;
use domain::why::Change;
use domain::{AggregateState, LogPosition, StreamId};
use event_store::{LogEntry, log};
use identity::accounts::{self, Account};
use identity::personal_data::{self, ContactKey, ContactRow, KitchenContact};
use projections::as_of::{self, FoldedState};
use projections::courier_positions::{self, Report};
use projections::{HeavyReads, deliveries, menus, order_details, pizzerias, why};
use sqlx::PgPool;
use transparency::StoredHead;
use uuid::Uuid;

use crate::error::ApiError;

/// Loads by key, many at once.
#[derive(Debug, Clone)]
pub struct Loaders {
    pool: PgPool,
    heavy: Option<HeavyReads>,
}

impl Loaders {
    /// Over the read models and the log of a database. [`crate::batching`] gathers what is asked for.
    pub fn over(pool: &PgPool) -> Self {
        Self { pool: pool.clone(), heavy: None }
    }

    /// What is heavy waits for its turn among other heavy reads.
    #[must_use]
    pub fn among(self, heavy: &HeavyReads) -> Self {
        Self { heavy: Some(heavy.clone()), ..self }
    }
}

/// The order with an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrderOf(pub OrderId);

/// The text of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NoteText(pub NoteId);

/// What the kitchen is told of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KitchenContactOf(pub ContactId);

/// The couriers of a pizzeria.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CouriersOf(pub PizzeriaId);

/// Where the courier of a delivery was last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PositionOf(pub DeliveryId);

/// The menu that holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CurrentMenu;

/// The menu that held at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MenuAt(pub LogPosition);

/// A version of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MenuVersion(pub u32);

/// A short stream's state as it was at a position.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StateAt {
    /// Which stream: an order's, a delivery's, a pizzeria's.
    pub stream: StreamId,
    /// At which position.
    pub position: LogPosition,
}

/// The last head of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LatestHead;

/// The beginning of a stream behind a position.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HistoryOf {
    /// Which stream.
    pub stream: StreamId,
    /// Behind this position.
    pub after: LogPosition,
    /// At most so many events.
    pub limit: i64,
}

/// The event at a position.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventAt {
    /// Where.
    pub position: LogPosition,
    /// Only when it is of this pizzeria; of any when none is named.
    pub pizzeria: Option<PizzeriaId>,
}

/// What an event changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChangesOf {
    /// Its stream.
    pub stream: StreamId,
    /// Its place in the stream.
    pub sequence: i64,
}

impl Loader<OrderOf> for Loaders {
    type Value = order_details::Row;
    type Error = ApiError;

    async fn load(&self, keys: &[OrderOf]) -> Result<HashMap<OrderOf, order_details::Row>, ApiError> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = order_details::by_ids(&self.pool, &ids).await?;
        Ok(rows.into_iter().map(|row| (OrderOf(row.order.id), row)).collect())
    }
}

/// Deliveries by their orders.
impl Loader<OrderId> for Loaders {
    type Value = deliveries::Row;
    type Error = ApiError;

    async fn load(&self, keys: &[OrderId]) -> Result<HashMap<OrderId, deliveries::Row>, ApiError> {
        let rows = deliveries::by_orders(&self.pool, keys).await?;
        Ok(rows.into_iter().map(|row| (row.delivery.order, row)).collect())
    }
}

impl Loader<PizzeriaId> for Loaders {
    type Value = pizzerias::Row;
    type Error = ApiError;

    async fn load(&self, keys: &[PizzeriaId]) -> Result<HashMap<PizzeriaId, pizzerias::Row>, ApiError> {
        let rows = pizzerias::by_ids(&self.pool, keys).await?;
        Ok(rows.into_iter().map(|row| (row.pizzeria.id.clone(), row)).collect())
    }
}

impl Loader<ContactKey> for Loaders {
    type Value = ContactRow;
    type Error = ApiError;

    async fn load(&self, keys: &[ContactKey]) -> Result<HashMap<ContactKey, ContactRow>, ApiError> {
        Ok(personal_data::contacts(&self.pool, keys).await?)
    }
}

impl Loader<NoteText> for Loaders {
    type Value = String;
    type Error = ApiError;

    async fn load(&self, keys: &[NoteText]) -> Result<HashMap<NoteText, String>, ApiError> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let texts = personal_data::note_texts(&self.pool, &ids).await?;
        Ok(texts.into_iter().map(|(id, text)| (NoteText(id), text)).collect())
    }
}

impl Loader<KitchenContactOf> for Loaders {
    type Value = KitchenContact;
    type Error = ApiError;

    async fn load(
        &self,
        keys: &[KitchenContactOf],
    ) -> Result<HashMap<KitchenContactOf, KitchenContact>, ApiError> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let contacts = personal_data::kitchen_contacts(&self.pool, &ids).await?;
        Ok(contacts.into_iter().map(|(id, contact)| (KitchenContactOf(id), contact)).collect())
    }
}

impl Loader<StaffId> for Loaders {
    type Value = Account;
    type Error = ApiError;

    async fn load(&self, keys: &[StaffId]) -> Result<HashMap<StaffId, Account>, ApiError> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let accounts = accounts::accounts_by_ids(&self.pool, &ids).await?;
        Ok(accounts.into_iter().map(|account| (StaffId(account.id), account)).collect())
    }
}

impl Loader<CouriersOf> for Loaders {
    type Value = Vec<StaffId>;
    type Error = ApiError;

    async fn load(&self, keys: &[CouriersOf]) -> Result<HashMap<CouriersOf, Vec<StaffId>>, ApiError> {
        let pizzerias: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
        let mut couriers: HashMap<CouriersOf, Vec<StaffId>> = HashMap::new();
        for account in accounts::couriers_of(&self.pool, &pizzerias).await? {
            if let Some(pizzeria) = account.pizzeria {
                couriers.entry(CouriersOf(pizzeria)).or_default().push(StaffId(account.id));
            }
        }
        Ok(couriers)
    }
}

impl Loader<PositionOf> for Loaders {
    type Value = Report;
    type Error = ApiError;

    async fn load(&self, keys: &[PositionOf]) -> Result<HashMap<PositionOf, Report>, ApiError> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let reports = courier_positions::latest(&self.pool, &ids).await?.into_iter();
        Ok(reports.map(|report| (PositionOf(DeliveryId(report.delivery_id)), report)).collect())
    }
}

impl Loader<CurrentMenu> for Loaders {
    type Value = Arc<Menu>;
    type Error = ApiError;

    async fn load(&self, _keys: &[CurrentMenu]) -> Result<HashMap<CurrentMenu, Arc<Menu>>, ApiError> {
        let row = menus::current(&self.pool).await?;
        Ok(row.into_iter().map(|row| (CurrentMenu, Arc::new(row.menu))).collect())
    }
}

impl Loader<MenuAt> for Loaders {
    type Value = Arc<Menu>;
    type Error = ApiError;

    async fn load(&self, keys: &[MenuAt]) -> Result<HashMap<MenuAt, Arc<Menu>>, ApiError> {
        let mut menus = HashMap::new();
        for key in keys {
            let row = menus::as_of(&self.pool, key.0).await?;
            menus.extend(row.map(|row| (*key, Arc::new(row.menu))));
        }
        Ok(menus)
    }
}

impl Loader<MenuVersion> for Loaders {
    type Value = Arc<menus::Row>;
    type Error = ApiError;

    async fn load(&self, keys: &[MenuVersion]) -> Result<HashMap<MenuVersion, Self::Value>, ApiError> {
        let versions: Vec<u32> = keys.iter().map(|key| key.0).collect();
        let rows = menus::at_versions(&self.pool, &versions).await?;
        let mut menus: HashMap<_, _> =
            rows.into_iter().map(|row| (MenuVersion(row.menu.version), Arc::new(row))).collect();
        // Published a moment ago: the read model may not have it yet.
        for key in keys {
            if !menus.contains_key(key) {
                let row = menus::from_log(&self.pool, key.0).await?;
                menus.extend(row.map(|row| (*key, Arc::new(row))));
            }
        }
        Ok(menus)
    }
}

impl Loader<StateAt> for Loaders {
    type Value = Arc<FoldedState<AggregateState>>;
    type Error = ApiError;

    async fn load(&self, keys: &[StateAt]) -> Result<HashMap<StateAt, Self::Value>, ApiError> {
        let mut states = HashMap::new();
        // A statement for each point of the log that the query's text names.
        let positions: HashSet<_> = keys.iter().map(|key| key.position).collect();
        for position in positions {
            let asked = keys.iter().filter(|key| key.position == position);
            let streams: Vec<_> = asked.map(|key| key.stream.clone()).collect();
            for (stream, folded) in as_of::states(&self.pool, &streams, position).await? {
                states.insert(StateAt { stream, position }, Arc::new(folded));
            }
        }
        Ok(states)
    }
}

impl Loader<LatestHead> for Loaders {
    type Value = StoredHead;
    type Error = ApiError;

    async fn load(&self, _keys: &[LatestHead]) -> Result<HashMap<LatestHead, StoredHead>, ApiError> {
        Ok(transparency::latest(&self.pool).await?.into_iter().map(|head| (LatestHead, head)).collect())
    }
}

impl Loader<HistoryOf> for Loaders {
    type Value = Vec<LogEntry>;
    type Error = ApiError;

    async fn load(&self, keys: &[HistoryOf]) -> Result<HashMap<HistoryOf, Vec<LogEntry>>, ApiError> {
        let mut histories: HashMap<HistoryOf, Vec<LogEntry>> = HashMap::new();
        // A statement for each page that the query's text asks for, not for each row.
        let pages: HashSet<_> = keys.iter().map(|key| (key.after, key.limit)).collect();
        for (after, limit) in pages {
            let asked = keys.iter().filter(|key| (key.after, key.limit) == (after, limit));
            let streams: Vec<_> = asked.map(|key| key.stream.clone()).collect();
            for entry in log::histories(&self.pool, &streams, after, limit).await? {
                let Some(stream) = entry.stream() else { continue };
                histories.entry(HistoryOf { stream, after, limit }).or_default().push(entry);
            }
        }
        Ok(histories)
    }
}

impl Loader<EventAt> for Loaders {
    type Value = LogEntry;
    type Error = ApiError;

    async fn load(&self, keys: &[EventAt]) -> Result<HashMap<EventAt, LogEntry>, ApiError> {
        let mut found = HashMap::new();
        // A statement for each pizzeria that the caller is restricted to, which is one or none.
        let pizzerias: HashSet<_> = keys.iter().map(|key| key.pizzeria.clone()).collect();
        for pizzeria in pizzerias {
            let asked = keys.iter().filter(|key| key.pizzeria == pizzeria);
            let positions: Vec<_> = asked.map(|key| key.position).collect();
            let entries = log::at_positions(&self.pool, &positions, pizzeria.as_ref()).await?;
            found.extend(
                entries
                    .into_iter()
                    .map(|entry| (EventAt { position: entry.position(), pizzeria: pizzeria.clone() }, entry)),
            );
        }
        Ok(found)
    }
}

impl Loader<ChangesOf> for Loaders {
    type Value = Result<Arc<Vec<Change>>, ApiError>;
    type Error = ApiError;

    async fn load(&self, keys: &[ChangesOf]) -> Result<HashMap<ChangesOf, Self::Value>, ApiError> {
        let places: Vec<_> = keys.iter().map(|key| (key.stream.clone(), key.sequence)).collect();
        let _permit = match &self.heavy {
            Some(heavy) => Some(heavy.permit().await?),
            None => None,
        };
        let changes = why::changes_of(&self.pool, &places).await?.into_iter();
        Ok(changes
            .map(|((stream, sequence), changes)| {
                (ChangesOf { stream, sequence }, changes.map(Arc::new).map_err(ApiError::from))
            })
            .collect())
    }
}
