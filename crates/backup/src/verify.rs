//! Reads a backup whole, without a database: is it what was written, and where would it be cut.

use std::io::Read;

use super::cut::{Cut, Finder, NoUntil, Until};
use super::format::{FormatError, Header, Part, Reader, Sum};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it is of.
    pub header: Header,
    /// Its tables.
    pub sums: Vec<Sum>,
    /// Where the log would be cut; none when it would be whole.
    pub cut: Option<Cut>,
}

/// Reads a backup whole and holds it against its counts and digests; with `until`, says where the log would be cut.
///
/// # Errors
/// [`FormatError`]; [`NoUntil`] inside `Ok` when the backup does not reach there.
pub fn verify(from: impl Read, until: Option<Until>) -> Result<Result<Verified, NoUntil>, FormatError> {
    let mut reader = Reader::open(from)?;
    let header = reader.header().clone();
    let mut finder: Option<Finder> = None;
    let mut found = None;
    loop {
        match reader.next()? {
            Part::Table(head) => {
                found = finder.take().or(found);
                finder =
                    until.filter(|_| head.table == "events").map(|until| Finder::new(until, &head.columns));
            }
            Part::Rows(rows) => {
                if let Some(finder) = &mut finder {
                    finder.rows(&rows)?;
                }
            }
            Part::End(sums) => {
                let events = sums.iter().find(|sum| sum.table == "events").map_or(0, |sum| sum.rows);
                if events != header.position.unsigned_abs() {
                    return Err(FormatError::Damaged("it has not as many events as positions".to_owned()));
                }
                let cut = found.map_or(Ok(None), |finder: Finder| finder.cut(header.position));
                return Ok(cut.map(|cut| Verified { header, sums, cut }));
            }
        }
    }
}
