//! Parquet by its column writers, without Arrow. One group of rows is in memory at a time.

use std::fs::File;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use chrono::DateTime;
use parquet::basic::Compression;
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::{Sink, invalid};
use crate::row::{self, Row};

/// Rows of a group.
const GROUP_ROWS: usize = 10_000;

/// The columns of [`Row`]; the time is in microseconds, as in the leaf.
const SCHEMA: &str = "message event {
    required int64 position;
    required binary aggregate_type (UTF8);
    required binary aggregate_id (UTF8);
    required int64 sequence;
    required binary event_type (UTF8);
    required binary event_version (UTF8);
    required int64 recorded_at (TIMESTAMP(MICROS, true));
    required binary payload (UTF8);
    required binary metadata (UTF8);
    required binary leaf_hash (UTF8);
}";

pub(super) struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    group: Vec<Row>,
}

fn failed(error: ParquetError) -> io::Error {
    io::Error::other(error)
}

impl<W: Write + Send> Writer<W> {
    pub(super) fn new(file: W) -> io::Result<Self> {
        let schema = Arc::new(parse_message_type(SCHEMA).map_err(failed)?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            // Statistics would repeat parts of payloads in the file's footer.
            .set_statistics_enabled(EnabledStatistics::None)
            .build();
        let file = SerializedFileWriter::new(file, schema, Arc::new(properties)).map_err(failed)?;
        Ok(Self { file, group: Vec::new() })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.group.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.group);
        let times = rows.iter().map(|row| row::micros(&row.recorded_at));
        let times: Vec<i64> = times
            .collect::<Option<_>>()
            .ok_or_else(|| ParquetError::General("a time is not one".to_owned()))?;
        let mut group = self.file.next_row_group()?;
        let numbers = |of: fn(&Row) -> i64| rows.iter().map(of).collect::<Vec<_>>();
        let texts =
            |of: fn(&Row) -> &str| rows.iter().map(|row| ByteArray::from(of(row))).collect::<Vec<_>>();
        column::<Int64Type, _>(&mut group, &numbers(|row| row.position))?;
        column::<ByteArrayType, _>(&mut group, &texts(|row| &row.aggregate_type))?;
        column::<ByteArrayType, _>(&mut group, &texts(|row| &row.aggregate_id))?;
        column::<Int64Type, _>(&mut group, &numbers(|row| row.sequence))?;
        column::<ByteArrayType, _>(&mut group, &texts(|row| &row.event_type))?;
        column::<ByteArrayType, _>(&mut group, &texts(|row| &row.event_version))?;
        column::<Int64Type, _>(&mut group, &times)?;
        column::<ByteArrayType, _>(&mut group, &texts(|row| &row.payload))?;
        column::<ByteArrayType, _>(&mut group, &texts(|row| &row.metadata))?;
        column::<ByteArrayType, _>(&mut group, &texts(|row| &row.leaf_hash))?;
        group.close().map(|_| ())
    }
}

/// Writes the group's next column.
fn column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("the schema has no such column".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}

impl<W: Write + Send> Sink for Writer<W> {
    fn write(&mut self, row: Row) -> io::Result<()> {
        self.group.push(row);
        if self.group.len() == GROUP_ROWS { self.write_group().map_err(failed) } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.write_group().map_err(failed)?;
        self.file.close().map(|_| ()).map_err(failed)
    }
}

/// Reads a file group by group.
struct Reader {
    file: SerializedFileReader<File>,
    next: usize,
    read: std::vec::IntoIter<Row>,
}

pub(super) fn rows(file: File) -> io::Result<impl Iterator<Item = io::Result<Row>>> {
    let file = SerializedFileReader::new(file).map_err(invalid)?;
    let schema = parse_message_type(SCHEMA).map_err(failed)?;
    if *file.metadata().file_metadata().schema() != schema {
        return Err(invalid("the columns are not those of an export"));
    }
    Ok(Reader { file, next: 0, read: Vec::new().into_iter() })
}

impl Iterator for Reader {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<io::Result<Row>> {
        loop {
            if let Some(row) = self.read.next() {
                return Some(Ok(row));
            }
            if self.next == self.file.num_row_groups() {
                return None;
            }
            let at = self.next;
            self.next += 1;
            // The crate may panic on damaged files, which must be refused.
            let read = panic::catch_unwind(AssertUnwindSafe(|| read_group(&self.file, at)));
            match read.unwrap_or_else(|_| Err(invalid("a group of rows is damaged"))) {
                Ok(rows) => self.read = rows.into_iter(),
                Err(error) => {
                    self.next = self.file.num_row_groups();
                    return Some(Err(error));
                }
            }
        }
    }
}

fn read_group(file: &SerializedFileReader<File>, at: usize) -> io::Result<Vec<Row>> {
    let group = file.get_row_group(at).map_err(invalid)?;
    let rows = usize::try_from(group.metadata().num_rows()).map_err(invalid)?;
    if rows > GROUP_ROWS {
        return Err(invalid("a group of rows is larger than those of an export"));
    }
    let group = &*group;
    let numbers = |at| values::<Int64Type>(group, at, rows).map(Vec::into_iter);
    let texts = |at| values::<ByteArrayType>(group, at, rows).map(Vec::into_iter);
    let mut positions = numbers(0)?;
    let mut kinds = texts(1)?;
    let mut ids = texts(2)?;
    let mut sequences = numbers(3)?;
    let mut types = texts(4)?;
    let mut versions = texts(5)?;
    let mut times = numbers(6)?;
    let mut payloads = texts(7)?;
    let mut metadata = texts(8)?;
    let mut hashes = texts(9)?;
    let row = || {
        Some(Row {
            position: positions.next()?,
            aggregate_type: text(kinds.next()?)?,
            aggregate_id: text(ids.next()?)?,
            sequence: sequences.next()?,
            event_type: text(types.next()?)?,
            event_version: text(versions.next()?)?,
            recorded_at: row::instant(DateTime::from_timestamp_micros(times.next()?)?),
            payload: text(payloads.next()?)?,
            metadata: text(metadata.next()?)?,
            leaf_hash: text(hashes.next()?)?,
        })
    };
    let read: Vec<Row> = std::iter::repeat_with(row).take(rows).map_while(|row| row).collect();
    if read.len() == rows { Ok(read) } else { Err(invalid("a group of rows is damaged")) }
}

fn text(bytes: ByteArray) -> Option<String> {
    std::str::from_utf8(bytes.data()).ok().map(str::to_owned)
}

/// Reads a column of a group.
fn values<T: DataType>(group: &dyn RowGroupReader, at: usize, rows: usize) -> io::Result<Vec<T::T>> {
    let reader = group.get_column_reader(at).map_err(invalid)?;
    let damaged = || invalid("a column is damaged");
    let mut reader: ColumnReaderImpl<T> = T::get_column_reader(reader).ok_or_else(damaged)?;
    let mut values = Vec::new();
    let (read, _, _) = reader.read_records(rows, None, None, &mut values).map_err(invalid)?;
    if read == rows { Ok(values) } else { Err(damaged()) }
}
