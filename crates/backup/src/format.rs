//! File format: one zstd frame of parts, each a letter, its length (u32, big endian) and its bytes. `H` is the header
//! (JSON); each table is a `T` (JSON) and its rows `R` (whole lines of COPY's text format); `S` holds the sums of all
//! tables (JSON) and `E` the SHA-256 of everything before it. Never reads a database. See `docs/backup.md`.

use std::io::{self, BufRead, BufReader, Read, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Format version that is written, and the newest that is read.
pub const FORMAT: u32 = 1;
/// First bytes of a zstd frame, and so of a backup.
pub(super) const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Default level of zstd.
const COMPRESSION_LEVEL: i32 = 3;
/// Longest part that is read or written: the longest row that COPY sends.
const PART_BYTES_MAX: u32 = 1 << 30;
/// Rows are collected into parts of about this many bytes.
const ROWS_PART_BYTES: usize = 64 * 1024;

/// Origin of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// Version of the format.
    pub format: u32,
    /// Version of the program.
    pub program: String,
    /// Id of the log.
    pub log_id: Option<Uuid>,
    /// Position of the last event.
    pub position: i64,
    /// Time of the snapshot, by the database's clock.
    pub taken_at: chrono::DateTime<chrono::Utc>,
    /// Versions of the applied migrations.
    pub migrations: Vec<i64>,
}

/// Header of a table, before its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableHead {
    /// Name of the table.
    pub table: String,
    /// Columns, in the order of the rows' fields.
    pub columns: Vec<String>,
}

/// Row count and digest of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSum {
    /// Name of the table.
    pub table: String,
    /// Number of rows.
    pub rows: u64,
    /// SHA-256 of its rows, in hexadecimal.
    pub sha256: String,
}

/// Reason why a file is not a valid backup.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The file is something else.
    #[error("it is no backup of ocpizza-manager")]
    NoBackup,
    /// A newer program wrote the file.
    #[error("it is a backup in format {0}, and this program reads up to {FORMAT}: use a newer program")]
    Newer(u32),
    /// The file ends too early.
    #[error("it is cut off: copy the whole file again")]
    CutOff,
    /// The file is not what was written.
    #[error("it is damaged: {0}; use another copy")]
    Damaged(String),
    /// The file cannot be read or written.
    #[error("it cannot be read or written")]
    Io(#[from] io::Error),
}

/// Number of events among the sums of a backup.
pub(super) fn event_rows(sums: &[TableSum]) -> u64 {
    sums.iter().find(|sum| sum.table == "events").map_or(0, |sum| sum.rows)
}

pub(super) fn damaged(what: impl Into<String>) -> FormatError {
    FormatError::Damaged(what.into())
}

/// Row count and digest of the rows read so far.
#[derive(Debug, Clone, Default)]
pub(super) struct RowDigest {
    rows: u64,
    digest: Sha256,
}

impl RowDigest {
    pub(super) fn add(&mut self, lines: &[u8]) {
        // In COPY's text format each line is a row.
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

    /// Adds one or more whole rows.
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

    /// Ends the backup. Returns its sums and the underlying writer.
    pub(super) fn finish(mut self) -> Result<(Vec<TableSum>, W), FormatError> {
        self.end_table()?;
        let sums = std::mem::take(&mut self.sums);
        self.json(b'S', &sums)?;
        let digest = self.digest.clone().finalize();
        self.part(b'E', &digest)?;
        Ok((sums, self.out.finish()?))
    }
}

/// Next part of a backup.
#[derive(Debug)]
pub(super) enum Part {
    /// Start of a table.
    Table(TableHead),
    /// Whole rows of the table.
    Rows(Vec<u8>),
    /// End of the backup: everything that was read is what was written.
    End(Vec<TableSum>),
}

/// Reads a backup and checks it against its sums.
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
                let (_, sum) = self.table.as_mut().ok_or_else(|| damaged("rows without a table"))?;
                sum.add(&rows);
                Ok(Part::Rows(rows))
            }
            (b'S', text) => {
                self.end_table();
                let sums: Vec<TableSum> = parse(&text)?;
                for (stated, found) in sums.iter().zip(&self.sums) {
                    if stated != found {
                        return Err(damaged(format!(
                            "the rows of {} do not match their digest",
                            stated.table
                        )));
                    }
                }
                if sums.len() != self.sums.len() {
                    return Err(damaged("its list of tables is not complete"));
                }
                self.end()?;
                Ok(Part::End(sums))
            }
            (kind, _) => Err(damaged(format!("a part {:?} is in the wrong place", char::from(kind)))),
        }
    }

    fn end_table(&mut self) {
        self.sums.extend(self.table.take().map(|(table, sum)| sum.of(&table)));
    }

    fn end(&mut self) -> Result<(), FormatError> {
        let expected = self.digest.clone().finalize();
        let (kind, bytes) = part(&mut self.from, &mut self.digest)?;
        if kind != b'E' || bytes != expected[..] {
            return Err(damaged("its contents do not match its digest"));
        }
        if self.from.read(&mut [0]).map_err(broken)? > 0 {
            return Err(damaged("it continues after its end"));
        }
        Ok(())
    }
}

fn parse<'t, T: Deserialize<'t>>(text: &'t [u8]) -> Result<T, FormatError> {
    serde_json::from_slice(text).map_err(|_| damaged("a part is not the JSON of this format"))
}

fn broken(error: io::Error) -> FormatError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => FormatError::CutOff,
        // Kinds that zstd uses for bytes that are not a frame.
        io::ErrorKind::Other | io::ErrorKind::InvalidData => damaged("it cannot be decompressed"),
        _ => FormatError::Io(error),
    }
}

fn part(from: &mut impl Read, digest: &mut Sha256) -> Result<(u8, Vec<u8>), FormatError> {
    let mut head = [0; 5];
    from.read_exact(&mut head).map_err(broken)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    if length > PART_BYTES_MAX {
        return Err(damaged("a part is longer than 1 GiB"));
    }
    // Reads without reserving: a damaged length must not allocate a gigabyte.
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
