//! Register of erased customers: ids and times only. It outlives the erased data, so that an older backup does not
//! restore them: in the database after its data is destroyed, in later backups, and as a list.

use std::io::{self, Read, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use domain::personal_data::erasing_types;
use identity::personal_data;
use sqlx::{PgConnection, QueryBuilder};
use uuid::Uuid;

use crate::connection;
use crate::format::{FormatError, Part, Reader, ZSTD_MAGIC};

/// First line of a list.
const LIST_HEADER: &str = "ocpizza-manager erasures 1";
/// Customers stored by one statement.
const CUSTOMERS_PER_INSERT: usize = 1000;

/// An erasure: the customer's id and its time.
pub type Erasure = (Uuid, DateTime<Utc>);

/// Reason why erasures cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ErasuresError {
    /// The backup is not valid.
    #[error(transparent)]
    Backup(#[from] FormatError),
    /// The file is neither a backup nor a list.
    #[error("line {0} is not an erasure: give a backup, or a list of `backup --erasures`")]
    Line(usize),
    /// The file cannot be read.
    #[error("the erasures cannot be read")]
    Io(#[from] io::Error),
}

/// Returns every erasure recorded in the log, in the register, or in the register that `destroy` kept.
///
/// # Errors
/// When the database does not answer.
pub async fn recorded_erasures(db: &mut PgConnection) -> Result<Vec<Erasure>, sqlx::Error> {
    let mut all = left_behind(db).await?;
    all.extend(personal_data::recorded_erasures(db).await?);
    all.sort_unstable();
    all.dedup_by_key(|(customer, _)| *customer);
    Ok(all)
}

/// Returns the register that `destroy` kept.
pub(super) async fn left_behind(db: &mut PgConnection) -> Result<Vec<Erasure>, sqlx::Error> {
    if !connection::exists(db, "ocpizza_kept.erased_customers").await? {
        return Ok(Vec::new());
    }
    sqlx::query_as("SELECT customer_id, erased_at FROM ocpizza_kept.erased_customers").fetch_all(db).await
}

/// Adds erasures to a register: `public.erased_customers` or `ocpizza_kept.erased_customers`.
pub(super) async fn store(
    db: &mut PgConnection,
    register: &str,
    erased: &[Erasure],
) -> Result<(), sqlx::Error> {
    for batch in erased.chunks(CUSTOMERS_PER_INSERT) {
        let mut insert = QueryBuilder::new(format!("INSERT INTO {register} (customer_id, erased_at) "));
        insert.push_values(batch, |mut row, (customer, at)| {
            row.push_bind(customer).push_bind(at);
        });
        insert.push(" ON CONFLICT DO NOTHING").build().execute(&mut *db).await?;
    }
    Ok(())
}

/// Writes a list with an id and a time per line.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_erasures(mut out: impl Write, erased: &[Erasure]) -> io::Result<()> {
    writeln!(out, "{LIST_HEADER}")?;
    for (customer, at) in erased {
        writeln!(out, "{customer} {}", at.to_rfc3339_opts(SecondsFormat::Micros, true))?;
    }
    out.flush()
}

/// Reads the erasures of a list or a backup.
///
/// # Errors
/// [`ErasuresError`], also for a backup that is not valid.
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
    let parse = |line: &str| line.split_once(' ').and_then(|(customer, at)| erasure(customer, at));
    lines.map(|(at, line)| parse(line).ok_or(ErasuresError::Line(at + 1))).collect()
}

fn erasure(customer: &str, at: &str) -> Option<Erasure> {
    let at =
        DateTime::parse_from_rfc3339(at).or_else(|_| DateTime::parse_from_str(at, "%Y-%m-%d %H:%M:%S%.f%#z"));
    Some((customer.parse().ok()?, at.ok()?.to_utc()))
}

/// Reads the erasures of a backup from its log and its register: either may hold more.
fn of_backup(from: impl Read) -> Result<Vec<Erasure>, ErasuresError> {
    let mut reader = Reader::open(from)?;
    let mut erased = Vec::new();
    let erasing: Vec<String> = erasing_types().iter().map(|name| format!("\t{name}\t")).collect();
    let (mut places, mut is_log) = (None, false);
    loop {
        match reader.next()? {
            Part::Table(head) => {
                is_log = head.table == "events";
                let wanted = match head.table.as_str() {
                    "events" => Some(["aggregate_id", "recorded_at"]),
                    "erased_customers" => Some(["customer_id", "erased_at"]),
                    _ => None,
                };
                let place = |name| head.columns.iter().position(|column| column == name);
                places = wanted.and_then(|[customer, at]| Some((place(customer)?, place(at)?)));
            }
            Part::Rows(rows) => {
                let Some((customer, at)) = places else { continue };
                for line in rows.split_inclusive(|byte| *byte == b'\n') {
                    // The type of an event stands between tabs; COPY escapes tabs in a payload.
                    let names = |name: &String| line.windows(name.len()).any(|part| part == name.as_bytes());
                    if is_log && !erasing.iter().any(names) {
                        continue;
                    }
                    let line = String::from_utf8_lossy(line);
                    let fields: Vec<&str> = line.trim_end_matches('\n').split('\t').collect();
                    if let (Some(customer), Some(at)) = (fields.get(customer), fields.get(at)) {
                        erased.extend(erasure(customer, at));
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
