//! JSON Lines: an object a line, with the columns as fields. Payload and metadata are strings, so that no reader
//! reformats them.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

use super::{Sink, invalid};
use crate::row::Row;

/// Upper bound on a line, so that a file without line breaks does not fill the memory.
const MAX_LINE_BYTES: u64 = 16 * 1024 * 1024;

pub(super) struct Writer<W: Write>(BufWriter<W>);

impl<W: Write> Writer<W> {
    pub(super) fn new(file: W) -> Self {
        Self(BufWriter::new(file))
    }
}

impl<W: Write + Send> Sink for Writer<W> {
    fn write(&mut self, row: Row) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, &row)?;
        self.0.write_all(b"\n")
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.0.flush()
    }
}

pub(super) fn rows(file: impl Read) -> impl Iterator<Item = io::Result<Row>> {
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    std::iter::from_fn(move || {
        line.clear();
        match (&mut lines).take(MAX_LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_slice(&line).map_err(invalid)),
            Err(error) => Some(Err(error)),
        }
    })
}
