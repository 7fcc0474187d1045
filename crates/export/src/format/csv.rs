//! CSV (RFC 4180) with a header. Fields with a comma, a quote or a line break are quoted.

use std::io::{self, Read, Write};

use super::{Sink, invalid};
use crate::row::{COLUMNS, Row};

pub(super) struct Writer<W: Write>(csv::Writer<W>);

impl<W: Write> Writer<W> {
    pub(super) fn new(file: W) -> io::Result<Self> {
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(file);
        writer.write_record(COLUMNS).map_err(io::Error::from)?;
        Ok(Self(writer))
    }
}

impl<W: Write + Send> Sink for Writer<W> {
    fn write(&mut self, row: Row) -> io::Result<()> {
        self.0.serialize(row).map_err(io::Error::from)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.0.flush()
    }
}

pub(super) fn rows(file: impl Read) -> io::Result<impl Iterator<Item = io::Result<Row>>> {
    let mut reader = csv::ReaderBuilder::new().from_reader(file);
    if reader.headers().map_err(invalid)? != COLUMNS[..] {
        return Err(invalid("the columns are not those of an export"));
    }
    Ok(reader.into_deserialize().map(|row| row.map_err(invalid)))
}
