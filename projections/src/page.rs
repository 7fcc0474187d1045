//! Pages of growing lists: keyset pagination with opaque cursors.
//!
//! A cursor names its list, the list's order and, for a list of one object, that object. A cursor of another list is
//! refused: compared with keys of another kind it would give a wrong page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::PizzeriaId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

/// Largest number of items of a page.
pub const MAX_PAGE_ITEMS: u32 = 100;

/// Longest range of time that a list scans.
pub const MAX_SCANNED_RANGE: TimeDelta = TimeDelta::days(31);

/// No index serves the filter, and it lacks a range of time of at most [`MAX_SCANNED_RANGE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the list needs a range of time of at most 31 days")]
pub struct NoRange;

/// Returns the range of time, if both ends are set and it is not too long.
pub(crate) fn range_of(
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
) -> Result<(DateTime<Utc>, DateTime<Utc>), NoRange> {
    match (from, to) {
        (Some(from), Some(to)) if to.signed_duration_since(from) <= MAX_SCANNED_RANGE => Ok((from, to)),
        (Some(_) | None, Some(_) | None) => Err(NoRange),
    }
}

/// Returns an instant as an SQL literal.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    format!("to_timestamp({}.{:06})", at.timestamp(), at.timestamp_subsec_micros())
}

/// Returns a text as an SQL literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Why a page cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Not exactly one of `first` and `last` is set.
    #[error("give either first or last")]
    Bound,
    /// The size is out of range.
    #[error("a page has 1 to {MAX_PAGE_ITEMS} items")]
    Size,
    /// The cursor is not of this list and order.
    #[error("not a cursor of this list and order: pass one of a page of the same list, in the same order")]
    Cursor,
    /// The database does not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// The end that a page is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    First,
    Last,
}

/// Arguments of a page: its size, and its end of the items between two cursors, both exclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageArgs {
    end: End,
    size: u32,
    after: Option<String>,
    before: Option<String>,
}

impl PageArgs {
    /// Reads the arguments of a Relay connection. The list decodes the cursors.
    ///
    /// # Errors
    /// Not exactly one of `first` and `last` is set, or it is not 1 to 100.
    pub fn new(
        first: Option<i32>,
        after: Option<&str>,
        last: Option<i32>,
        before: Option<&str>,
    ) -> Result<Self, PageError> {
        let (end, size) = match (first, last) {
            (Some(first), None) => (End::First, first),
            (None, Some(last)) => (End::Last, last),
            (Some(_), Some(_)) | (None, None) => return Err(PageError::Bound),
        };
        let size = page_size(size)?;
        Ok(Self { end, size, after: after.map(str::to_owned), before: before.map(str::to_owned) })
    }

    /// Returns the cursor before the page.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Returns the cursor after the page.
    pub fn before(&self) -> Option<&str> {
        self.before.as_deref()
    }

    /// Returns whether the page is taken from the end.
    pub fn is_last(&self) -> bool {
        self.end == End::Last
    }

    /// Returns the number of items to read: one more than the page tells whether the list has further items.
    pub fn limit(&self) -> i64 {
        i64::from(self.size) + 1
    }

    /// Builds the page from the items between the cursors, in the list's order: all of them, or [`Self::limit`] from the
    /// page's end. The flags tell whether the list has items beyond `after` and `before`, including the cursors' own.
    pub fn page<T>(
        &self,
        mut items: Vec<T>,
        (beyond_after, beyond_before): (bool, bool),
        cursor: impl Fn(&T) -> String,
    ) -> Page<T> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = items.len() > size;
        match self.end {
            End::First => items.truncate(size),
            End::Last => drop(items.drain(..items.len().saturating_sub(size))),
        }
        let (has_next, has_previous) = match self.end {
            End::First => (more || beyond_before, beyond_after),
            End::Last => (beyond_before, more || beyond_after),
        };
        let items = items.into_iter().map(|node| Item { cursor: cursor(&node), node }).collect();
        Page { items, has_next, has_previous }
    }
}

/// Checks the size of a page.
///
/// # Errors
/// [`PageError::Size`] if it is not 1 to 100.
pub fn page_size(size: i32) -> Result<u32, PageError> {
    let size = u32::try_from(size).ok().filter(|size| (1..=MAX_PAGE_ITEMS).contains(size));
    size.ok_or(PageError::Size)
}

/// An item of a page with its cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<T> {
    /// Opaque cursor, for `after` and `before`.
    pub cursor: String,
    /// The item.
    pub node: T,
}

/// A page of a list, in the list's order whichever end it was taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<Item<T>>,
    /// Whether the list has items after the page.
    pub has_next: bool,
    /// Whether the list has items before the page.
    pub has_previous: bool,
}

/// A value that a list is ordered by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum SortKey {
    /// An instant in microseconds since 1970, the database's precision.
    Micros(i64),
    /// A text, sorted by its bytes.
    Text(String),
}

impl From<DateTime<Utc>> for SortKey {
    fn from(at: DateTime<Utc>) -> Self {
        Self::Micros(at.timestamp_micros())
    }
}

/// Encodes the cursor of an item by its place in a list. The list's name includes its order and its object.
pub fn encode_cursor(list: &str, place: impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::json!([list, place]).to_string())
}

/// Decodes the place of a list's cursor.
///
/// # Errors
/// [`PageError::Cursor`] for a cursor of another list, and for any other text.
pub fn decode_cursor<T: DeserializeOwned>(list: &str, cursor: &str) -> Result<T, PageError> {
    let json = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| PageError::Cursor)?;
    let (named, place): (String, serde_json::Value) =
        serde_json::from_slice(&json).map_err(|_| PageError::Cursor)?;
    if named != list {
        return Err(PageError::Cursor);
    }
    serde_json::from_value(place).map_err(|_| PageError::Cursor)
}

/// Content of a cursor: the item's sort key, and its id to break ties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor(pub(crate) SortKey, pub(crate) Uuid);

impl Cursor {
    fn encode(&self, list: &str) -> String {
        encode_cursor(list, self)
    }

    fn decode(list: &str, text: &str) -> Result<Self, PageError> {
        let cursor: Self = decode_cursor(list, text)?;
        match &cursor.0 {
            // Postgres has neither NUL in texts nor instants before 4713 BC or after 294276.
            SortKey::Text(text) if text.contains('\0') => Err(PageError::Cursor),
            SortKey::Micros(micros) if DateTime::from_timestamp_micros(*micros).is_none() => {
                Err(PageError::Cursor)
            }
            SortKey::Text(_) | SortKey::Micros(_) => Ok(cursor),
        }
    }
}

/// Type of the sorted column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortKind {
    Instant,
    Text,
}

/// A list: a relation with the columns `id` and `column`, its order, and its filter.
pub(crate) struct List<'a> {
    /// Name of the list and its order, part of cursors.
    pub(crate) name: &'static str,
    pub(crate) table: &'a str,
    pub(crate) columns: &'static str,
    pub(crate) column: &'static str,
    pub(crate) kind: SortKind,
    pub(crate) descending: bool,
    /// Appends conditions, each beginning with ` AND `.
    pub(crate) filter: &'a (dyn Fn(&mut QueryBuilder<'_, Postgres>) + Sync),
}

impl List<'_> {
    fn cursor(&self, text: Option<&String>) -> Result<Option<Cursor>, PageError> {
        let Some(text) = text else { return Ok(None) };
        let cursor = Cursor::decode(self.name, text)?;
        match (&cursor.0, self.kind) {
            (SortKey::Micros(_), SortKind::Instant) | (SortKey::Text(_), SortKind::Text) => Ok(Some(cursor)),
            (SortKey::Micros(_), SortKind::Text) | (SortKey::Text(_), SortKind::Instant) => {
                Err(PageError::Cursor)
            }
        }
    }

    // Not prepared: the best plan depends on filter and values.
    fn start<'q>(&self, what: &str) -> QueryBuilder<'q, Postgres> {
        let mut query = QueryBuilder::new(format!("SELECT {what} FROM {} WHERE true", self.table));
        (self.filter)(&mut query);
        query
    }

    /// Restricts to one side of a cursor in the list's order.
    fn beside(&self, query: &mut QueryBuilder<'_, Postgres>, operator: &str, cursor: &Cursor) {
        query.push(format!(" AND ({}, id) {operator} (", self.column));
        match &cursor.0 {
            SortKey::Micros(micros) => {
                query.push_bind(DateTime::from_timestamp_micros(*micros).unwrap_or_default());
            }
            SortKey::Text(text) => {
                query.push_bind(text.clone());
            }
        }
        query.push(", ").push_bind(cursor.1).push(")");
    }

    async fn exists(
        &self,
        db: &mut PgConnection,
        operator: &str,
        cursor: &Cursor,
    ) -> Result<bool, sqlx::Error> {
        let mut query = self.start("1");
        self.beside(&mut query, operator, cursor);
        // Sorted from the cursor on: unsorted, half a table might be read before the first match.
        let direction = if operator.starts_with('>') { "ASC" } else { "DESC" };
        query.push(format!(" ORDER BY {} {direction}, id {direction} LIMIT 1", self.column));
        Ok(query.build().persistent(false).fetch_optional(db).await?.is_some())
    }

    /// Reads a page; `place` returns a row's cursor.
    pub(crate) async fn page<R>(
        &self,
        db: &mut PgConnection,
        args: &PageArgs,
        place: impl Fn(&R) -> Cursor,
    ) -> Result<Page<R>, PageError>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let (after, before) = (self.cursor(args.after.as_ref())?, self.cursor(args.before.as_ref())?);
        let (behind, ahead) = if self.descending { ("<", ">") } else { (">", "<") };
        let mut query = self.start(self.columns);
        if let Some(after) = &after {
            self.beside(&mut query, behind, after);
        }
        if let Some(before) = &before {
            self.beside(&mut query, ahead, before);
        }
        let direction = if self.descending == (args.end == End::First) { "DESC" } else { "ASC" };
        query.push(format!(" ORDER BY {} {direction}, id {direction} LIMIT ", self.column));
        query.push_bind(args.limit());
        let mut rows: Vec<R> = query.build_query_as().persistent(false).fetch_all(&mut *db).await?;
        if args.is_last() {
            rows.reverse();
        }
        // Beyond a cursor the list has further items, if any exists, including the cursor's own.
        let beyond_after = match &after {
            Some(after) => self.exists(db, &format!("{ahead}="), after).await?,
            None => false,
        };
        let beyond_before = match &before {
            Some(before) => self.exists(db, &format!("{behind}="), before).await?,
            None => false,
        };
        Ok(args.page(rows, (beyond_after, beyond_before), |row| place(row).encode(self.name)))
    }
}

/// Restricts to some pizzerias; without any, to all except the functional check's.
pub(crate) fn push_pizzerias(query: &mut QueryBuilder<'_, Postgres>, pizzerias: &[PizzeriaId]) {
    if pizzerias.is_empty() {
        query.push(" AND pizzeria <> ").push_bind(PizzeriaId::functional_check().to_string());
    } else {
        push_any(query, "pizzeria", pizzerias.iter().map(ToString::to_string).collect());
    }
}

/// Restricts a column to some values, if there are any. A single value is compared by `=`, so that an index beginning
/// with the column also gives the order.
pub(crate) fn push_any(query: &mut QueryBuilder<'_, Postgres>, column: &str, values: Vec<String>) {
    match <[String; 1]>::try_from(values) {
        Ok([value]) => {
            query.push(format!(" AND {column} = ")).push_bind(value);
        }
        Err(values) if values.is_empty() => {}
        Err(values) => {
            query.push(format!(" AND {column} = ANY(")).push_bind(values).push(")");
        }
    }
}

impl<T> Page<T> {
    /// Converts the items.
    pub(crate) fn map<U>(self, f: impl Fn(T) -> U) -> Page<U> {
        let items =
            self.items.into_iter().map(|item| Item { cursor: item.cursor, node: f(item.node) }).collect();
        Page { items, has_next: self.has_next, has_previous: self.has_previous }
    }
}

#[cfg(test)]
mod tests;
