//! Reads a backup whole, without a database: is it what was written, and where would it be cut.

use std::io::Read;

use super::cut::{Cut, CutFinder, RestoreTarget, RestoreTargetError};
use super::format::{FormatError, Header, Part, Reader, TableSum};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBackup {
    /// What it is of.
    pub header: Header,
    /// Its tables.
    pub sums: Vec<TableSum>,
    /// Where the log would be cut; none when it would be whole.
    pub cut: Option<Cut>,
}

/// Reads a backup whole and holds it against its counts and digests; with `until`, says where the log would be cut.
///
/// # Errors
/// [`FormatError`]; [`RestoreTargetError`] inside `Ok` when the backup does not reach there.
pub fn verify(
    from: impl Read,
    until: Option<RestoreTarget>,
) -> Result<Result<VerifiedBackup, RestoreTargetError>, FormatError> {
    let mut reader = Reader::open(from)?;
    let header = reader.header().clone();
    let mut finder: Option<CutFinder> = None;
    let mut found = None;
    loop {
        match reader.next()? {
            Part::Table(head) => {
                found = finder.take().or(found);
                finder = until
                    .filter(|_| head.table == "events")
                    .map(|until| CutFinder::new(until, &head.columns));
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
                let cut = found.map_or(Ok(None), |finder: CutFinder| finder.cut(header.position));
                return Ok(cut.map(|cut| VerifiedBackup { header, sums, cut }));
            }
        }
    }
}
