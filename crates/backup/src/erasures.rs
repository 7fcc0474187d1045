//! The register of who was erased: ids and times, no more. It outlives the data it is about, so that nobody comes
//! back with an older backup: in the database after its data is removed, in later backups, and as a list.

use std::io::{self, Read, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use domain::personal_data::erasing_types;
use sqlx::{PgConnection, QueryBuilder};
use uuid::Uuid;

use super::format::{FormatError, Part, Reader, ZSTD_MAGIC};

/// A list's first line.
const LIST_HEADER: &str = "ocpizza-manager erasures 1";
/// Customers stored by one statement.
const CUSTOMERS_PER_INSERT: usize = 1000;

/// Somebody who was erased: the customer's id, and when.
pub type Erasure = (Uuid, DateTime<Utc>);

/// Why erasures cannot be read. One line each.
#[derive(Debug, thiserror::Error)]
pub enum ErasuresError {
    /// A backup that is no good.
    #[error(transparent)]
    Backup(#[from] FormatError),
    /// Neither a backup nor a list.
    #[error("line {0} is none of a list of erasures")]
    Line(usize),
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Everybody whom a database knows to be erased, by the log, by its table, or by what was left of one before.
///
/// # Errors
/// When the database does not answer.
pub async fn recorded_erasures(db: &mut PgConnection) -> Result<Vec<Erasure>, sqlx::Error> {
    let mut all = left_behind(db).await?;
    let sql = "SELECT aggregate_id::uuid, recorded_at FROM events \
               WHERE aggregate_type = 'customer' AND event_type = ANY($1) \
               UNION SELECT customer_id, erased_at FROM erased_customers";
    all.extend(sqlx::query_as::<_, Erasure>(sql).bind(erasing_types()).fetch_all(db).await?);
    all.sort_unstable();
    all.dedup_by_key(|(customer, _)| *customer);
    Ok(all)
}

/// What the removal of an application's data has left of its register.
pub(super) async fn left_behind(db: &mut PgConnection) -> Result<Vec<Erasure>, sqlx::Error> {
    let there: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('ocpizza_kept.erased_customers')::text")
            .fetch_one(&mut *db)
            .await?;
    if there.is_none() {
        return Ok(Vec::new());
    }
    sqlx::query_as("SELECT customer_id, erased_at FROM ocpizza_kept.erased_customers").fetch_all(db).await
}

/// Adds erasures to a register, `public.erased_customers` or the one that stays.
pub(super) async fn store(
    db: &mut PgConnection,
    register: &str,
    erased: &[Erasure],
) -> Result<(), sqlx::Error> {
    for some in erased.chunks(CUSTOMERS_PER_INSERT) {
        let mut insert = QueryBuilder::new(format!("INSERT INTO {register} (customer_id, erased_at) "));
        insert.push_values(some, |mut row, (customer, at)| {
            row.push_bind(customer).push_bind(at);
        });
        insert.push(" ON CONFLICT DO NOTHING").build().execute(&mut *db).await?;
    }
    Ok(())
}

/// Writes a list: an id and a time a line.
///
/// # Errors
/// When it cannot be written.
pub fn write_erasures(mut out: impl Write, erased: &[Erasure]) -> io::Result<()> {
    writeln!(out, "{LIST_HEADER}")?;
    for (customer, at) in erased {
        writeln!(out, "{customer} {}", at.to_rfc3339_opts(SecondsFormat::Micros, true))?;
    }
    out.flush()
}

/// Reads the erasures that a list or a backup names.
///
/// # Errors
/// [`ErasuresError`]; a backup is read whole, and must be what was written.
pub fn read_erasures(mut from: impl Read) -> Result<Vec<Erasure>, ErasuresError> {
    let mut start = Vec::new();
    from.by_ref().take(4).read_to_end(&mut start)?;
    let from = io::Cursor::new(start.clone()).chain(from);
    if start == ZSTD_MAGIC { of_backup(from) } else { of_list(from) }
}

fn of_list(mut from: impl Read) -> Result<Vec<Erasure>, ErasuresError> {
    let mut text = String::new();
    from.read_to_string(&mut text)?;
    let mut lines = text.lines().enumerate();
    if lines.next().is_none_or(|(_, first)| first != LIST_HEADER) {
        return Err(ErasuresError::Line(1));
    }
    lines.map(|(at, line)| erasure(line, ' ').ok_or(ErasuresError::Line(at + 1))).collect()
}

fn erasure(line: &str, between: char) -> Option<Erasure> {
    let (customer, at) = line.split_once(between)?;
    let at =
        DateTime::parse_from_rfc3339(at).or_else(|_| DateTime::parse_from_str(at, "%Y-%m-%d %H:%M:%S%.f%#z"));
    Some((customer.parse().ok()?, at.ok()?.to_utc()))
}

/// By its log and by its table: what one has not heard of yet the other may know.
fn of_backup(from: impl Read) -> Result<Vec<Erasure>, ErasuresError> {
    let mut reader = Reader::open(from)?;
    let mut erased = Vec::new();
    let erasing: Vec<String> = erasing_types().iter().map(|name| format!("\t{name}\t")).collect();
    let (mut places, mut is_log) = ([0; 2], false);
    loop {
        match reader.next()? {
            Part::Table(head) => {
                is_log = head.table == "events";
                let wanted = match head.table.as_str() {
                    "events" => ["aggregate_id", "recorded_at"],
                    _ => ["customer_id", "erased_at"],
                };
                places = wanted.map(|name| {
                    let place = head.columns.iter().position(|column| column == name);
                    if is_log || head.table == "erased_customers" {
                        place.unwrap_or(usize::MAX)
                    } else {
                        usize::MAX
                    }
                });
            }
            Part::Rows(rows) => {
                for line in rows.split_inclusive(|byte| *byte == b'\n') {
                    // The name of an event's type stands between tabs of its own: no payload has a bare one.
                    let names = |name: &String| line.windows(name.len()).any(|part| part == name.as_bytes());
                    if is_log && !erasing.iter().any(names) {
                        continue;
                    }
                    let line = String::from_utf8_lossy(line);
                    let fields: Vec<&str> = line.trim_end_matches('\n').split('\t').collect();
                    let field = |place: usize| fields.get(place).copied();
                    if let (Some(customer), Some(at)) = (field(places[0]), field(places[1])) {
                        erased.extend(erasure(&format!("{customer}\t{at}"), '\t'));
                    }
                }
            }
            Part::End(_) => {
                erased.sort_unstable();
                erased.dedup_by_key(|(customer, _)| *customer);
                return Ok(erased);
            }
        }
    }
}
