//! The formats of an export's events, each with a writer and a reader of the same rows.

mod csv;
mod jsonl;
mod parquet;

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use crate::row::Row;

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON Lines: an object a line.
    Jsonl,
    /// Comma-separated values (RFC 4180) with a header.
    Csv,
    /// Parquet: a column a field.
    Parquet,
}

impl Format {
    const ALL: [Self; 3] = [Self::Jsonl, Self::Csv, Self::Parquet];

    /// Returns its name, which is also the file extension.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text is not the name of a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no such format; there are jsonl, csv and parquet")]
pub struct FormatError;

impl FromStr for Format {
    type Err = FormatError;
    fn from_str(text: &str) -> Result<Self, FormatError> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or(FormatError)
    }
}

/// Writes rows.
pub(crate) trait Sink: Send {
    /// Writes a row.
    fn write(&mut self, row: Row) -> io::Result<()>;
    /// Writes buffered rows.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// The rows of a file, each with its own error.
pub(crate) type Rows = Box<dyn Iterator<Item = io::Result<Row>>>;

/// Returns the writer of a format.
pub(crate) fn sink(format: Format, file: impl Write + Send + 'static) -> io::Result<Box<dyn Sink>> {
    Ok(match format {
        Format::Jsonl => Box::new(jsonl::Writer::new(file)),
        Format::Csv => Box::new(csv::Writer::new(file)?),
        Format::Parquet => Box::new(parquet::Writer::new(file)?),
    })
}

/// Opens a file and returns its rows.
pub(crate) fn rows(format: Format, path: &Path) -> io::Result<Rows> {
    let file = File::open(path)?;
    Ok(match format {
        Format::Jsonl => Box::new(jsonl::rows(file)),
        Format::Csv => Box::new(csv::rows(file)?),
        Format::Parquet => Box::new(parquet::rows(file)?),
    })
}

/// Returns the error of a malformed row.
fn invalid(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, source)
}

#[cfg(test)]
mod tests;
