//! Pages of lists that grow: keyset pagination with opaque cursors. Knows no read model.
//!
//! A cursor names the list, the order of the list and, where the list belongs to one object, that object. What is a
//! cursor of another list is refused: it would be compared to keys of another kind, and the page would be wrong or empty.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::PizzeriaId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

/// The most that a page holds.
pub const MAX_PAGE: u32 = 100;

/// The longest range of time that a list looks through row by row.
pub const RANGE: TimeDelta = TimeDelta::days(31);

/// A list whose filter no index serves, and that names no range of time of at most [`RANGE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the list needs a range of time of at most 31 days")]
pub struct NoRange;

/// A range of time, when both ends are given and it is not too long.
pub(crate) fn range_of(
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
) -> Result<(DateTime<Utc>, DateTime<Utc>), NoRange> {
    match (from, to) {
        (Some(from), Some(to)) if to.signed_duration_since(from) <= RANGE => Ok((from, to)),
        (Some(_) | None, Some(_) | None) => Err(NoRange),
    }
}

/// An instant as a literal of SQL.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    format!("to_timestamp({}.{:06})", at.timestamp(), at.timestamp_subsec_micros())
}

/// A text as a literal of SQL.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Why there is no such page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Exactly one of `first` and `last` is given.
    #[error("give either first or last")]
    Bound,
    /// Out of range.
    #[error("a page has 1 to {MAX_PAGE} items")]
    Size,
    /// Not a cursor of this list and order.
    #[error("not a cursor of this list and order: pass one of a page of the same list, in the same order")]
    Cursor,
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// From which end a page is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    First,
    Last,
}

/// Which page: so many from one end of what lies between two cursors, both exclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageArgs {
    end: End,
    size: u32,
    after: Option<String>,
    before: Option<String>,
}

impl PageArgs {
    /// From the arguments of a Relay connection.
    ///
    /// # Errors
    /// Unless exactly one of `first` and `last` is given, and it is 1 to 100. Cursors are read by the list.
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
        let size = u32::try_from(size).ok().filter(|size| (1..=MAX_PAGE).contains(size));
        Ok(Self {
            end,
            size: size.ok_or(PageError::Size)?,
            after: after.map(str::to_owned),
            before: before.map(str::to_owned),
        })
    }
}

/// One item of a page, with the cursor that stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<T> {
    /// Opaque; good for `after` and `before`.
    pub cursor: String,
    /// The item.
    pub node: T,
}

/// A page of a list, in the list's order whichever end it was taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// At most as many as asked for.
    pub items: Vec<Item<T>>,
    /// Whether the list goes on behind the last item.
    pub has_next: bool,
    /// Whether the list begins before the first item.
    pub has_previous: bool,
}

/// A value that a list is ordered by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum SortKey {
    /// An instant, in microseconds since 1970: what the database keeps.
    Micros(i64),
    /// A text in the order of its bytes.
    Text(String),
}

impl From<DateTime<Utc>> for SortKey {
    fn from(at: DateTime<Utc>) -> Self {
        Self::Micros(at.timestamp_micros())
    }
}

/// Writes the cursor of an item of a list, by the item's place in it. The list's name says which list it is, in which
/// order, and of which object.
pub fn encode_cursor(list: &str, place: impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::json!([list, place]).to_string())
}

/// Reads the place that a cursor of a list stands for.
///
/// # Errors
/// [`PageError::Cursor`] for a cursor of another list, and for what is not a cursor.
pub fn decode_cursor<T: DeserializeOwned>(list: &str, cursor: &str) -> Result<T, PageError> {
    let json = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| PageError::Cursor)?;
    let (named, place): (String, serde_json::Value) =
        serde_json::from_slice(&json).map_err(|_| PageError::Cursor)?;
    if named != list {
        return Err(PageError::Cursor);
    }
    serde_json::from_value(place).map_err(|_| PageError::Cursor)
}

/// What a cursor holds: the item's place in the order, and its id to tell equals apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor(pub(crate) SortKey, pub(crate) Uuid);

impl Cursor {
    fn encode(&self, list: &str) -> String {
        encode_cursor(list, self)
    }

    fn decode(list: &str, text: &str) -> Result<Self, PageError> {
        let cursor: Self = decode_cursor(list, text)?;
        match &cursor.0 {
            // Postgres has no NUL in a text and no instant before 4713 BC or after 294276.
            SortKey::Text(text) if text.contains('\0') => Err(PageError::Cursor),
            SortKey::Micros(micros) if DateTime::from_timestamp_micros(*micros).is_none() => {
                Err(PageError::Cursor)
            }
            SortKey::Text(_) | SortKey::Micros(_) => Ok(cursor),
        }
    }
}

/// What the order's column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortKind {
    Instant,
    Text,
}

/// A list: a table, or what stands for one, its order, and what restricts it. The table has the columns `id` and `column`.
pub(crate) struct List<'a> {
    /// What cursors name: the list and its order.
    pub(crate) name: &'static str,
    pub(crate) table: &'a str,
    pub(crate) columns: &'static str,
    pub(crate) column: &'static str,
    pub(crate) kind: SortKind,
    pub(crate) descending: bool,
    /// Adds conditions, each beginning with ` AND `.
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

    // Queries are not kept prepared: with other filters and values another plan is best.
    fn start<'q>(&self, what: &str) -> QueryBuilder<'q, Postgres> {
        let mut query = QueryBuilder::new(format!("SELECT {what} FROM {} WHERE true", self.table));
        (self.filter)(&mut query);
        query
    }

    /// Restricts to what lies on one side of a cursor, in the list's order.
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
        // From the cursor on: in no order, half a table may be read before the first that lies there.
        let direction = if operator.starts_with('>') { "ASC" } else { "DESC" };
        query.push(format!(" ORDER BY {} {direction}, id {direction} LIMIT 1", self.column));
        Ok(query.build().persistent(false).fetch_optional(db).await?.is_some())
    }

    /// Reads a page; `place` says where a row stands in the order.
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
        query.push_bind(i64::from(args.size) + 1);
        let mut rows: Vec<R> = query.build_query_as().persistent(false).fetch_all(&mut *db).await?;
        let size = usize::try_from(args.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        if args.end == End::Last {
            rows.reverse();
        }
        // On the side of a cursor the list goes on if something is there, the cursor's own item included.
        let beyond_after = match &after {
            Some(after) => self.exists(db, &format!("{ahead}="), after).await?,
            None => false,
        };
        let beyond_before = match &before {
            Some(before) => self.exists(db, &format!("{behind}="), before).await?,
            None => false,
        };
        let (has_next, has_previous) = match args.end {
            End::First => (more || beyond_before, beyond_after),
            End::Last => (beyond_before, more || beyond_after),
        };
        let items =
            rows.into_iter().map(|node| Item { cursor: place(&node).encode(self.name), node }).collect();
        Ok(Page { items, has_next, has_previous })
    }
}

/// Adds that a column has one of some values; nothing when there are none. One value alone is compared
/// as such, so that an index that begins with the column gives the order too.
/// In one of some pizzerias; where none is named, in any but the functional check's.
pub(crate) fn push_pizzerias(query: &mut QueryBuilder<'_, Postgres>, pizzerias: &[PizzeriaId]) {
    if pizzerias.is_empty() {
        query.push(" AND pizzeria <> ").push_bind(PizzeriaId::functional_check().to_string());
    } else {
        push_any(query, "pizzeria", pizzerias.iter().map(ToString::to_string).collect());
    }
}

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
    /// The same page of something else.
    pub(crate) fn map<U>(self, f: impl Fn(T) -> U) -> Page<U> {
        let items =
            self.items.into_iter().map(|item| Item { cursor: item.cursor, node: f(item.node) }).collect();
        Page { items, has_next: self.has_next, has_previous: self.has_previous }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_in_its_own_list_only() {
        for key in [SortKey::Micros(1_764_000_000_123_456), SortKey::Text("P1-000042".into())] {
            let cursor = Cursor(key, Uuid::from_u128(7));
            let text = cursor.encode("orders by number");
            assert_eq!(Cursor::decode("orders by number", &text).unwrap(), cursor);
            assert!(matches!(Cursor::decode("orders by time", &text), Err(PageError::Cursor)));
        }
        let position = encode_cursor("history of order:1", 42);
        assert_eq!(decode_cursor::<u64>("history of order:1", &position).unwrap(), 42);
        assert!(matches!(decode_cursor::<u64>("history of order:2", &position), Err(PageError::Cursor)));
    }

    #[test]
    fn what_is_not_a_cursor_is_refused() {
        let of = |place: serde_json::Value| encode_cursor("list", place);
        let far = of(serde_json::json!([i64::MAX, Uuid::nil()]));
        let nul = of(serde_json::json!(["\0", Uuid::nil()]));
        // As they were before cursors named their list.
        let former = URL_SAFE_NO_PAD.encode(serde_json::json!([7, Uuid::nil()]).to_string());
        let wrong = ["", "?", "bm9wZQ", &far, &nul, &former, &of(serde_json::json!([1])), "é", "42"];
        for text in wrong {
            assert!(matches!(Cursor::decode("list", text), Err(PageError::Cursor)), "{text}");
        }
    }

    #[test]
    fn exactly_one_bound_of_1_to_100() {
        assert!(matches!(PageArgs::new(None, None, None, None), Err(PageError::Bound)));
        assert!(matches!(PageArgs::new(Some(1), None, Some(1), None), Err(PageError::Bound)));
        for size in [-1, 0, 101, i32::MAX] {
            assert!(matches!(PageArgs::new(Some(size), None, None, None), Err(PageError::Size)));
            assert!(matches!(PageArgs::new(None, None, Some(size), None), Err(PageError::Size)));
        }
        assert!(PageArgs::new(Some(100), None, None, None).is_ok());
    }
}
