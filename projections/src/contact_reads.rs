//! Who of the staff has read whose contact. No read model, for it does not follow from the log: whoever shows
//! a contact notes it. Listed like one.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::page::{Cursor, List, NoRange, Page, PageArgs, PageError, SortKind, range_of};

/// That somebody has read a contact, at least once in a minute.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Row {
    id: Uuid,
    /// Who.
    pub reader_id: Uuid,
    /// In which role, `COURIER`.
    pub role: String,
    /// What.
    pub contact_id: Uuid,
    /// Whose, when it is a customer with an account.
    pub customer_id: Option<Uuid>,
    /// For which order.
    pub order_id: Uuid,
    /// Of which pizzeria.
    pub pizzeria: String,
    /// When, first in that minute.
    pub read_at: DateTime<Utc>,
}

/// Which reads; what is none does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactReadFilter {
    /// By this account.
    pub reader: Option<Uuid>,
    /// Of this customer's.
    pub customer: Option<Uuid>,
    /// For this order.
    pub order: Option<Uuid>,
    /// Then or later.
    pub from: Option<DateTime<Utc>>,
    /// Earlier than then.
    pub to: Option<DateTime<Utc>>,
}

impl ContactReadFilter {
    /// Whether rows are looked at one by one: by reader or by order alone, which no index begins with together with the
    /// time.
    fn is_scan(&self) -> bool {
        self.customer.is_none() && (self.reader.is_some() || self.order.is_some())
    }

    /// Refuses a list that would look through the whole table: one by reader or by order, without a customer and without
    /// a range of time.
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

/// A page of reads, the latest first.
///
/// # Errors
/// When a cursor is not of this list, or the database does not answer.
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
