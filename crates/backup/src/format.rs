//! The file: one zstd frame, and in it parts, each a letter, its length (u32, big endian) and its bytes:
//! `H` header (JSON), then of each table `T` (JSON) and its rows `R` (whole lines of COPY's text format), `S` the
//! sums of all tables (JSON), and `E` the SHA-256 of everything before it. Knows no database. See `docs/backup.md`.

use std::io::{self, BufRead, BufReader, Read, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The version of the format that is written, and the newest that is read.
pub const FORMAT: u32 = 1;
/// What a zstd frame, and so a backup, begins with.
pub(super) const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// zstd's usual level.
const COMPRESSION_LEVEL: i32 = 3;
/// The longest part that is read: what COPY sends of one row at most.
const PART_BYTES_MAX: u32 = 1 << 30;
/// Rows are collected up to this many bytes.
const ROWS_PART_BYTES: usize = 64 * 1024;

/// What a backup is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// The format's version.
    pub format: u32,
    /// The program's version.
    pub program: String,
    /// The log's own id.
    pub log_id: Option<Uuid>,
    /// The last event's position.
    pub position: i64,
    /// When the snapshot was taken, by the database's clock.
    pub taken_at: chrono::DateTime<chrono::Utc>,
    /// The numbers of the migrations that the database had.
    pub migrations: Vec<i64>,
}

/// A table, before its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableHead {
    /// Its name.
    pub table: String,
    /// Its columns, in the order of the rows' fields.
    pub columns: Vec<String>,
}

/// What a table came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSum {
    /// Its name.
    pub table: String,
    /// How many rows.
    pub rows: u64,
    /// The SHA-256 of its rows, in hexadecimal.
    pub sha256: String,
}

/// Why a file is no good backup. One line each.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// It is something else.
    #[error("it is no backup of ocpizza-manager")]
    NoBackup,
    /// It is of a newer program.
    #[error("it is a backup in format {0}, and this program reads up to {FORMAT}: use a newer program")]
    Newer(u32),
    /// It ends too early.
    #[error("it is cut off: its end is missing")]
    CutOff,
    /// It is not what was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
}

fn damaged(what: impl Into<String>) -> FormatError {
    FormatError::Damaged(what.into())
}

/// Counts rows and digests them.
#[derive(Debug, Clone, Default)]
pub(super) struct RowDigest {
    rows: u64,
    digest: Sha256,
}

impl RowDigest {
    pub(super) fn add(&mut self, lines: &[u8]) {
        // In COPY's text format a line's end is a row's.
        self.rows += lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.digest.update(lines);
    }

    pub(super) fn of(self, table: &str) -> TableSum {
        TableSum { table: table.to_owned(), rows: self.rows, sha256: hex::encode(self.digest.finalize()) }
    }
}

/// Writes a backup.
pub(super) struct Writer<W: Write> {
    out: zstd::Encoder<'static, W>,
    digest: Sha256,
    rows: Vec<u8>,
    table: Option<(String, RowDigest)>,
    sums: Vec<TableSum>,
}

impl<W: Write> Writer<W> {
    pub(super) fn begin(out: W, header: &Header) -> Result<Self, FormatError> {
        let mut out = zstd::Encoder::new(out, COMPRESSION_LEVEL)?;
        out.include_checksum(true)?;
        let mut writer = Self { out, digest: Sha256::new(), rows: Vec::new(), table: None, sums: Vec::new() };
        writer.json(b'H', header)?;
        Ok(writer)
    }

    fn part(&mut self, kind: u8, bytes: &[u8]) -> Result<(), FormatError> {
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= PART_BYTES_MAX);
        let length = length.ok_or_else(|| damaged("a row is longer than 1 GiB"))?;
        let mut head = [kind, 0, 0, 0, 0];
        head[1..].copy_from_slice(&length.to_be_bytes());
        for bytes in [&head, bytes] {
            self.digest.update(bytes);
            self.out.write_all(bytes)?;
        }
        Ok(())
    }

    fn json(&mut self, kind: u8, value: &impl Serialize) -> Result<(), FormatError> {
        let text = serde_json::to_vec(value).map_err(io::Error::from)?;
        self.part(kind, &text)
    }

    pub(super) fn table(&mut self, head: TableHead) -> Result<(), FormatError> {
        self.end_table()?;
        self.json(b'T', &head)?;
        self.table = Some((head.table, RowDigest::default()));
        Ok(())
    }

    /// One row or several, whole.
    pub(super) fn row(&mut self, line: &[u8]) -> Result<(), FormatError> {
        self.rows.extend_from_slice(line);
        if self.rows.len() >= ROWS_PART_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), FormatError> {
        let rows = std::mem::take(&mut self.rows);
        if let (Some((_, sum)), false) = (&mut self.table, rows.is_empty()) {
            sum.add(&rows);
            self.part(b'R', &rows)?;
        }
        self.rows = rows;
        self.rows.clear();
        Ok(())
    }

    fn end_table(&mut self) -> Result<(), FormatError> {
        self.flush()?;
        self.sums.extend(self.table.take().map(|(table, sum)| sum.of(&table)));
        Ok(())
    }

    /// The sums, and what was written to.
    pub(super) fn finish(mut self) -> Result<(Vec<TableSum>, W), FormatError> {
        self.end_table()?;
        let sums = std::mem::take(&mut self.sums);
        self.json(b'S', &sums)?;
        let digest = self.digest.clone().finalize();
        self.part(b'E', &digest)?;
        Ok((sums, self.out.finish()?))
    }
}

/// What comes next in a backup.
#[derive(Debug)]
pub(super) enum Part {
    /// A table begins.
    Table(TableHead),
    /// Whole rows of it.
    Rows(Vec<u8>),
    /// The end: all that came was what was written.
    End(Vec<TableSum>),
}

/// Reads a backup, and holds it against its sums.
pub(super) struct Reader<R: Read> {
    from: zstd::Decoder<'static, BufReader<R>>,
    digest: Sha256,
    header: Header,
    table: Option<(String, RowDigest)>,
    sums: Vec<TableSum>,
}

impl<R: Read> Reader<R> {
    pub(super) fn open(from: R) -> Result<Self, FormatError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let mut from = BufReader::new(from);
        let start = from.fill_buf()?;
        if !ZSTD_MAGIC.starts_with(&start[..start.len().min(ZSTD_MAGIC.len())]) {
            return Err(FormatError::NoBackup);
        }
        let mut from = zstd::Decoder::with_buffer(from)?;
        let mut digest = Sha256::new();
        let (b'H', text) = part(&mut from, &mut digest)? else { return Err(FormatError::NoBackup) };
        let Version { format } = serde_json::from_slice(&text).map_err(|_| FormatError::NoBackup)?;
        if format > FORMAT {
            return Err(FormatError::Newer(format));
        }
        let header = parse(&text)?;
        Ok(Self { from, digest, header, table: None, sums: Vec::new() })
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn next(&mut self) -> Result<Part, FormatError> {
        match part(&mut self.from, &mut self.digest)? {
            (b'T', text) => {
                self.end_table();
                let head: TableHead = parse(&text)?;
                self.table = Some((head.table.clone(), RowDigest::default()));
                Ok(Part::Table(head))
            }
            (b'R', rows) if rows.ends_with(b"\n") => {
                let (_, sum) = self.table.as_mut().ok_or_else(|| damaged("rows of no table"))?;
                sum.add(&rows);
                Ok(Part::Rows(rows))
            }
            (b'S', text) => {
                self.end_table();
                let sums: Vec<TableSum> = parse(&text)?;
                for (said, found) in sums.iter().zip(&self.sums) {
                    if said != found {
                        return Err(damaged(format!(
                            "the rows of {} are not those that were written",
                            said.table
                        )));
                    }
                }
                if sums.len() != self.sums.len() {
                    return Err(damaged("a table is missing"));
                }
                self.end()?;
                Ok(Part::End(sums))
            }
            (kind, _) => Err(damaged(format!("a part {:?} is out of place", char::from(kind)))),
        }
    }

    fn end_table(&mut self) {
        self.sums.extend(self.table.take().map(|(table, sum)| sum.of(&table)));
    }

    fn end(&mut self) -> Result<(), FormatError> {
        let expected = self.digest.clone().finalize();
        let (kind, bytes) = part(&mut self.from, &mut self.digest)?;
        if kind != b'E' || bytes != expected[..] {
            return Err(damaged("its digest is not that of its contents"));
        }
        if self.from.read(&mut [0]).map_err(broken)? > 0 {
            return Err(damaged("something follows its end"));
        }
        Ok(())
    }
}

fn parse<'t, T: Deserialize<'t>>(text: &'t [u8]) -> Result<T, FormatError> {
    serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))
}

fn broken(error: io::Error) -> FormatError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => FormatError::CutOff,
        // What zstd says of bytes that it cannot have written.
        io::ErrorKind::Other | io::ErrorKind::InvalidData => damaged(error.to_string()),
        _ => FormatError::Io(error),
    }
}

fn part(from: &mut impl Read, digest: &mut Sha256) -> Result<(u8, Vec<u8>), FormatError> {
    let mut head = [0; 5];
    from.read_exact(&mut head).map_err(broken)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    if length > PART_BYTES_MAX {
        return Err(damaged("a part is longer than any that is written"));
    }
    // Not reserved at once: a damaged length is no reason to ask for a gigabyte.
    let mut bytes = Vec::new();
    from.take(length.into()).read_to_end(&mut bytes).map_err(broken)?;
    if bytes.len() as u64 != u64::from(length) {
        return Err(FormatError::CutOff);
    }
    digest.update(head);
    digest.update(&bytes);
    Ok((head[0], bytes))
}

#[cfg(test)]
mod tests;
