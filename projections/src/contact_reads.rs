//! Reads of contacts by staff. Not a read model: the query that shows a contact records them, not the log.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::page::{Cursor, List, NoRange, Page, PageArgs, PageError, SortKind, range_of};

/// Reads of a contact by one reader within a minute.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Row {
    id: Uuid,
    /// Account of the reader.
    pub reader_id: Uuid,
    /// Role of the reader, such as `COURIER`.
    pub role: String,
    /// The contact.
    pub contact_id: Uuid,
    /// The contact's customer, if they have an account.
    pub customer_id: Option<Uuid>,
    /// The order.
    pub order_id: Uuid,
    /// The order's pizzeria.
    pub pizzeria: String,
    /// Time of the first read in the minute.
    pub read_at: DateTime<Utc>,
}

/// A filter on reads; a condition that is not set does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactReadFilter {
    /// Reads by this account.
    pub reader: Option<Uuid>,
    /// Reads of this customer's contacts.
    pub customer: Option<Uuid>,
    /// Reads for this order.
    pub order: Option<Uuid>,
    /// Reads at this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// Reads before this instant.
    pub to: Option<DateTime<Utc>>,
}

impl ContactReadFilter {
    /// Returns whether rows are scanned: by reader or order alone, which have no index with the time.
    fn is_scan(&self) -> bool {
        self.customer.is_none() && (self.reader.is_some() || self.order.is_some())
    }

    /// Refuses a list that would scan the whole table: by reader or order, without customer and range of time.
    ///
    /// # Errors
    /// [`NoRange`].
    pub fn check(&self) -> Result<(), NoRange> {
        if self.is_scan() { range_of(self.from, self.to).map(|_| ()) } else { Ok(()) }
    }

    fn push(&self, query: &mut QueryBuilder<'_, Postgres>) {
        for (column, id) in
            [("reader_id", self.reader), ("customer_id", self.customer), ("order_id", self.order)]
        {
            if let Some(id) = id {
                query.push(format!(" AND {column} = ")).push_bind(id);
            }
        }
        if let Some(from) = self.from {
            query.push(" AND read_at >= ").push_bind(from);
        }
        if let Some(to) = self.to {
            query.push(" AND read_at < ").push_bind(to);
        }
    }
}

/// Returns a page of reads, the latest first.
///
/// # Errors
/// A cursor is not of this list, or the database does not answer.
pub async fn page(
    pool: &PgPool,
    filter: &ContactReadFilter,
    args: &PageArgs,
) -> Result<Page<Row>, PageError> {
    let list = List {
        name: "contactReads",
        table: "contact_reads",
        columns: "id, reader_id, role, contact_id, customer_id, order_id, pizzeria, read_at",
        column: "read_at",
        kind: SortKind::Instant,
        descending: true,
        filter: &|query| filter.push(query),
    };
    list.page(&mut *pool.acquire().await?, args, |row: &Row| Cursor(row.read_at.into(), row.id)).await
}
