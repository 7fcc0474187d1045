//! Verifies a whole backup without a database, and finds where the log would be cut.

use std::io::Read;

use crate::cut::{Cut, CutFinder, RestoreTarget, RestoreTargetError};
use crate::format::{FormatError, Header, Part, Reader, TableSum, damaged, event_rows};

/// A backup that is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBackup {
    /// Origin of the backup.
    pub header: Header,
    /// Tables of the backup.
    pub sums: Vec<TableSum>,
    /// Place where the log would be cut; `None` if it stays whole.
    pub cut: Option<Cut>,
}

/// Reads a whole backup and checks its counts and digests. With `until`, finds where the log would be cut.
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
                if event_rows(&sums) != header.position.unsigned_abs() {
                    return Err(damaged("its number of events is not its last position"));
                }
                let cut = found.map_or(Ok(None), |finder: CutFinder| finder.cut(header.position));
                return Ok(cut.map(|cut| VerifiedBackup { header, sums, cut }));
            }
        }
    }
}
