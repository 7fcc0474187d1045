//! Lists and queues at a past position. Rows unchanged since then are read from the live tables; changed ones are
//! replayed from the log into temporary tables by the read model's `apply`; the list's query runs over both, in a
//! read-only transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use domain::ids::PizzeriaId;
use domain::{LogPosition, StreamId, StreamType};
use event_store::{LogError, RecordedEvent, log};
use sqlx::{Connection, Executor, PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::apply_error::ApplyError;
use crate::deliveries::{self, DeliveryFilter, DeliverySort};
use crate::heavy::{HeavyError, HeavyRead, HeavyReads};
use crate::kitchen_queue;
use crate::order_details::{self, OrderFilter, OrderSort};
use crate::page::{Page, PageArgs, PageError};
use crate::registry::Model;
use crate::{daily_sales, order_details::Row as OrderRow};

/// Upper bound on the events replayed for one query.
pub const MAX_REPLAYED_EVENTS: usize = 50_000;
/// Streams replayed at once.
const BATCH_STREAMS: usize = 500;
/// The read models that have past lists.
const MODELS: [Model; 4] = [Model::OrderDetails, Model::KitchenQueue, Model::Deliveries, Model::DailySales];

/// Why a past list cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// Too many heavy reads are running.
    #[error("too many lists of the past are being worked on")]
    Busy,
    /// The query would replay more events than allowed.
    #[error("more than {at_most} events would have to be replayed")]
    TooMany {
        /// The bound.
        at_most: usize,
    },
    /// The page cannot be read.
    #[error(transparent)]
    Page(#[from] PageError),
    /// The log cannot be read, or has an unreadable event.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An event cannot be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The database does not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Queries of past lists. Clones share the limit of heavy reads.
#[derive(Debug, Clone)]
pub struct Past {
    heavy: HeavyReads,
    at_most: usize,
}

/// Creates the temporary tables once a connection: creating them for each query would bloat the catalogue. Other users
/// of the connection find the live tables first; only past lists put `pg_temp` before `public`.
async fn make_tables(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    let made = "SELECT to_regclass('pg_temp.order_details') IS NOT NULL";
    if sqlx::query_scalar::<_, bool>(made).fetch_one(&mut *db).await? {
        return Ok(());
    }
    db.execute("SELECT set_config('search_path', current_setting('search_path') || ', pg_temp', false)")
        .await?;
    // In one transaction: the first table exists only if all do.
    let mut db = db.begin().await?;
    for table in MODELS.iter().flat_map(|model| model.tables()) {
        let name = table.name;
        db.execute(&*format!(
            "CREATE TEMPORARY TABLE {name} (LIKE public.{name} INCLUDING ALL) ON COMMIT DELETE ROWS"
        ))
        .await?;
    }
    db.commit().await
}

/// Returns the relation for a table at a position: its rows unchanged since, and the replayed ones.
fn as_of(table: &str, position: LogPosition) -> String {
    format!(
        "(SELECT * FROM public.{table} WHERE position <= {position} \
         UNION ALL SELECT * FROM pg_temp.{table}) AS {table}"
    )
}

impl Past {
    /// Returns queries that share the limit of `heavy`.
    pub fn among(heavy: HeavyReads) -> Self {
        Self { heavy, at_most: MAX_REPLAYED_EVENTS }
    }

    /// Replaces the bound of [`MAX_REPLAYED_EVENTS`].
    #[must_use]
    pub fn at_most(self, at_most: usize) -> Self {
        Self { at_most, ..self }
    }

    async fn begin(&self) -> Result<HeavyRead, PastError> {
        // One snapshot: a row that changes in between would be neither unchanged nor replayed.
        let mut db =
            self.heavy.begin_after(async |db| make_tables(db).await).await.map_err(|error| match error {
                HeavyError::Busy => PastError::Busy,
                HeavyError::Database(error) => error.into(),
            })?;
        db.execute("SET LOCAL search_path = pg_temp, public").await?;
        Ok(db)
    }

    /// Returns the ids of rows whose stream began by a position and has changed since.
    async fn changed_since(
        &self,
        db: &mut PgConnection,
        (table, kind): (&str, StreamType),
        position: LogPosition,
        filter: impl Fn(&mut QueryBuilder<'_, Postgres>),
    ) -> Result<Vec<Uuid>, PastError> {
        let mut query = QueryBuilder::new(format!("SELECT id FROM public.{table} AS live WHERE position > "));
        query.push_bind(position.0);
        query.push(
            " AND EXISTS (SELECT FROM events AS first WHERE first.aggregate_id = live.id::text \
             AND first.sequence = 1 AND first.aggregate_type = ",
        );
        query.push_bind(kind.as_str()).push(" AND first.position <= ").push_bind(position.0).push(")");
        filter(&mut query);
        query.push(" LIMIT ").push_bind(i64::try_from(self.at_most).unwrap_or(i64::MAX).saturating_add(1));
        Ok(query.build_query_scalar().persistent(false).fetch_all(db).await?)
    }

    /// Replays streams up to a position into the connection's temporary tables, which `search_path` finds
    /// before the live ones.
    async fn replay(
        &self,
        db: &mut PgConnection,
        model: Model,
        (kind, ids): (StreamType, &[Uuid]),
        position: LogPosition,
    ) -> Result<(), PastError> {
        let too_many = PastError::TooMany { at_most: self.at_most };
        if ids.len() > self.at_most {
            return Err(too_many);
        }
        let mut left = self.at_most;
        for ids in ids.chunks(BATCH_STREAMS) {
            let streams: Vec<_> = ids.iter().map(|id| StreamId::new(kind, id.to_string())).collect();
            let limit = i64::try_from(left).unwrap_or(i64::MAX).saturating_add(1);
            let entries = log::read_streams(&mut *db, &streams, position, limit).await?;
            left = left.checked_sub(entries.len()).ok_or(PastError::TooMany { at_most: self.at_most })?;
            let events = entries.into_iter().map(|entry| entry.readable().map(Arc::unwrap_or_clone));
            let events: Vec<RecordedEvent> = events.collect::<Result<_, _>>()?;
            model.apply(&mut *db, &events).await?;
        }
        Ok(())
    }

    /// Returns a page of orders at a position. [`Model::OrderDetails`] must have applied the position.
    ///
    /// # Errors
    /// [`PastError`].
    pub async fn orders(
        &self,
        filter: &OrderFilter,
        sort: OrderSort,
        args: &PageArgs,
        position: LogPosition,
    ) -> Result<Page<OrderRow>, PastError> {
        let mut db = self.begin().await?;
        let table = ("order_details", StreamType::Order);
        let ids = self.changed_since(&mut db, table, position, |query| filter.push_lasting(query)).await?;
        self.replay(&mut db, Model::OrderDetails, (StreamType::Order, &ids), position).await?;
        let table = as_of("order_details", position);
        let page = order_details::page_in(&mut db, &table, filter, sort, args).await?;
        db.finish().await?;
        Ok(page)
    }

    /// Returns a page of deliveries at a position. [`Model::Deliveries`] must have applied the position.
    ///
    /// # Errors
    /// [`PastError`].
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        sort: DeliverySort,
        args: &PageArgs,
        position: LogPosition,
    ) -> Result<Page<deliveries::Row>, PastError> {
        let mut db = self.begin().await?;
        let table = ("deliveries", StreamType::Delivery);
        let ids = self.changed_since(&mut db, table, position, |query| filter.push_lasting(query)).await?;
        self.replay(&mut db, Model::Deliveries, (StreamType::Delivery, &ids), position).await?;
        let table = as_of("deliveries", position);
        let page = deliveries::page_in(&mut db, &table, filter, sort, args).await?;
        db.finish().await?;
        Ok(page)
    }

    /// Returns a kitchen's queue at a position. [`Model::OrderDetails`] and [`Model::KitchenQueue`] must have applied
    /// the position.
    ///
    /// # Errors
    /// [`PastError`].
    pub async fn kitchen_queue(
        &self,
        pizzeria: &PizzeriaId,
        limit: Option<i64>,
        position: LogPosition,
    ) -> Result<Vec<OrderRow>, PastError> {
        let mut db = self.begin().await?;
        let filter = OrderFilter { pizzerias: vec![pizzeria.clone()], ..OrderFilter::default() };
        let table = ("order_details", StreamType::Order);
        let ids = self.changed_since(&mut db, table, position, |query| filter.push_lasting(query)).await?;
        self.replay(&mut db, Model::KitchenQueue, (StreamType::Order, &ids), position).await?;
        let table = as_of("kitchen_queue", position);
        let queue = kitchen_queue::queue_in(&mut db, &table, pizzeria, limit).await?;
        db.finish().await?;
        Ok(queue)
    }

    /// Returns a pizzeria's sales of the days `from` to `to`, both included, at a position. [`Model::DailySales`] and
    /// [`Model::TimeTravel`] must have applied the position.
    ///
    /// # Errors
    /// [`PastError`].
    pub async fn sales(
        &self,
        pizzeria: &PizzeriaId,
        from: NaiveDate,
        to: NaiveDate,
        position: LogPosition,
    ) -> Result<Vec<daily_sales::Row>, PastError> {
        let mut db = self.begin().await?;
        let asked = std::slice::from_ref(pizzeria);
        let live = daily_sales::range_in(&mut db, "public.daily_sales", asked, from, to).await?;
        let (mut days, changed): (Vec<_>, Vec<_>) =
            live.into_iter().partition(|row| row.position <= position);
        if !changed.is_empty() {
            let changed: BTreeSet<NaiveDate> = changed.into_iter().map(|row| row.day).collect();
            let ids = self.sold_on(&mut db, pizzeria, &changed, position).await?;
            self.replay(&mut db, Model::DailySales, (StreamType::Order, &ids), position).await?;
            // The replayed figures of other days are incomplete: they lack other orders.
            let replayed = daily_sales::range_in(&mut db, "pg_temp.daily_sales", asked, from, to).await?;
            days.extend(replayed.into_iter().filter(|row| changed.contains(&row.day)));
            days.sort_by_key(|row| row.day);
        }
        db.finish().await?;
        Ok(days)
    }

    /// Returns the orders that changed the figures of some days by a position.
    async fn sold_on(
        &self,
        db: &mut PgConnection,
        pizzeria: &PizzeriaId,
        days: &BTreeSet<NaiveDate>,
        position: LogPosition,
    ) -> Result<Vec<Uuid>, PastError> {
        // A pizzeria's time zone never changes.
        sqlx::query("INSERT INTO pg_temp.daily_sales_zones SELECT * FROM public.daily_sales_zones")
            .execute(&mut *db)
            .await?;
        // One hour more at the start of the business day: stored hours are in UTC.
        let sql = "SELECT DISTINCT o.id FROM unnest($2::date[]) AS d(day) \
                   CROSS JOIN (SELECT COALESCE((SELECT timezone FROM public.daily_sales_zones \
                   WHERE pizzeria = $1), 'Europe/Paris') AS name) AS zone \
                   JOIN public.order_hours AS o ON o.pizzeria = $1 AND o.position <= $3 \
                   AND o.hour > (d.day + time '04:00') AT TIME ZONE zone.name - interval '1 hour' \
                   AND o.hour < (d.day + 1 + time '04:00') AT TIME ZONE zone.name LIMIT $4";
        let limit = i64::try_from(self.at_most).unwrap_or(i64::MAX).saturating_add(1);
        Ok(sqlx::query_scalar(sql)
            .bind(pizzeria.as_str())
            .bind(days.iter().copied().collect::<Vec<_>>())
            .bind(position.0)
            .bind(limit)
            .fetch_all(db)
            .await?)
    }
}
