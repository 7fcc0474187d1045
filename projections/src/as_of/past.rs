//! Lists and boards as they were at a position. What has not changed since then is read from the live
//! tables; what has is replayed from the log, by the read model's own `apply`, into temporary tables, and
//! the list's own query runs over both. Changes nothing: it could not, its transactions are read-only.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use domain::ids::PizzeriaId;
use domain::{LogPosition, StreamId, StreamType};
use event_store::{LogError, RecordedEvent, log};
use sqlx::{Connection, Executor, PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::deliveries::{self, DeliveryFilter, DeliverySort};
use crate::error::ApplyError;
use crate::heavy::{HeavyError, HeavyRead, HeavyReads};
use crate::kitchen_queue;
use crate::order_details::{self, OrderFilter, OrderSort};
use crate::page::{Page, PageArgs, PageError};
use crate::registry::Model;
use crate::{daily_sales, order_details::Row as OrderRow};

/// The most events that one answer may take to replay.
pub const AT_MOST: usize = 50_000;
/// Streams replayed in one go.
const STREAMS: usize = 500;
/// The read models whose lists can be of the past.
const MODELS: [Model; 4] = [Model::OrderDetails, Model::KitchenQueue, Model::Deliveries, Model::DailySales];

/// Why there is no list of the past.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// Others are being worked on.
    #[error("too many lists of the past are being worked on")]
    Busy,
    /// More would have to be replayed than is allowed.
    #[error("more than {at_most} events would have to be replayed")]
    TooMany {
        /// How many are allowed.
        at_most: usize,
    },
    /// There is no such page.
    #[error(transparent)]
    Page(#[from] PageError),
    /// The log could not be read, or holds an event that this program cannot read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An event could not be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Lists of the past, among the other heavy reads. Cloning shares their limit.
#[derive(Debug, Clone)]
pub struct Past {
    heavy: HeavyReads,
    at_most: usize,
}

/// Makes the temporary tables, once a connection: made anew for each answer they would bloat the catalogue. Whoever uses
/// the connection later finds the live tables first; only a list of the past looks at these before them.
async fn make_tables(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    let made = "SELECT to_regclass('pg_temp.order_details') IS NOT NULL";
    if sqlx::query_scalar::<_, bool>(made).fetch_one(&mut *db).await? {
        return Ok(());
    }
    db.execute("SELECT set_config('search_path', current_setting('search_path') || ', pg_temp', false)")
        .await?;
    // All or none: that one is there says that all are.
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

/// What stands for a table as it was: the rows that have not changed since, and those replayed.
fn as_of(table: &str, position: LogPosition) -> String {
    format!(
        "(SELECT * FROM public.{table} WHERE position <= {position} \
         UNION ALL SELECT * FROM pg_temp.{table}) AS {table}"
    )
}

impl Past {
    /// Among some heavy reads.
    pub fn among(heavy: HeavyReads) -> Self {
        Self { heavy, at_most: AT_MOST }
    }

    /// With another bound of events than [`AT_MOST`].
    #[must_use]
    pub fn at_most(self, at_most: usize) -> Self {
        Self { at_most, ..self }
    }

    async fn begin(&self) -> Result<HeavyRead, PastError> {
        // One snapshot: a row that changes meanwhile would be neither unchanged nor replayed.
        let mut db =
            self.heavy.begin_after(async |db| make_tables(db).await).await.map_err(|error| match error {
                HeavyError::Busy => PastError::Busy,
                HeavyError::Database(error) => error.into(),
            })?;
        db.execute("SET LOCAL search_path = pg_temp, public").await?;
        Ok(db)
    }

    /// The rows of a live table that had begun by a position and have changed since.
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
        for ids in ids.chunks(STREAMS) {
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

    /// A page of orders as they were. Needs [`Model::OrderDetails`] to have counted the position.
    ///
    /// # Errors
    /// See [`PastError`].
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

    /// A page of deliveries as they were. Needs [`Model::Deliveries`] to have counted the position.
    ///
    /// # Errors
    /// See [`PastError`].
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

    /// A kitchen's queue as it was. Needs [`Model::OrderDetails`] and [`Model::KitchenQueue`] to have counted
    /// the position.
    ///
    /// # Errors
    /// See [`PastError`].
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

    /// A pizzeria's days as they were, from one to another, both included. Needs [`Model::DailySales`] and
    /// [`Model::TimeTravel`] to have counted the position.
    ///
    /// # Errors
    /// See [`PastError`].
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
            // Of other days, what these orders added is there too, and not what others did.
            let replayed = daily_sales::range_in(&mut db, "pg_temp.daily_sales", asked, from, to).await?;
            days.extend(replayed.into_iter().filter(|row| changed.contains(&row.day)));
            days.sort_by_key(|row| row.day);
        }
        db.finish().await?;
        Ok(days)
    }

    /// The orders that moved the figures of some days, by a position.
    async fn sold_on(
        &self,
        db: &mut PgConnection,
        pizzeria: &PizzeriaId,
        days: &BTreeSet<NaiveDate>,
        position: LogPosition,
    ) -> Result<Vec<Uuid>, PastError> {
        // A pizzeria's zone is as it opened.
        sqlx::query("INSERT INTO pg_temp.daily_sales_zones SELECT * FROM public.daily_sales_zones")
            .execute(&mut *db)
            .await?;
        // An hour more than the business day at its beginning: the hours kept are those of UTC.
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
