//! The formats of an export's events: the same rows, each written and read back in its own way.

mod csv;
mod jsonl;
mod parquet;

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use crate::row::Row;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An object a line.
    Jsonl,
    /// Comma-separated values (RFC 4180) with a header.
    Csv,
    /// Parquet: a column for each field.
    Parquet,
}

impl Format {
    const ALL: [Self; 3] = [Self::Jsonl, Self::Csv, Self::Parquet];

    /// Its name, which is also how its files end.
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

/// Not the name of a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no such format; there are jsonl, csv and parquet")]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;
    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or(UnknownFormat)
    }
}

/// Takes rows.
pub(crate) trait Sink: Send {
    /// Writes a row.
    fn write(&mut self, row: Row) -> io::Result<()>;
    /// Writes what is left.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Rows as they were read: each is one, or it is not.
pub(crate) type Rows = Box<dyn Iterator<Item = io::Result<Row>>>;

/// Begins to write.
pub(crate) fn sink(format: Format, file: impl Write + Send + 'static) -> io::Result<Box<dyn Sink>> {
    Ok(match format {
        Format::Jsonl => Box::new(jsonl::Writer::new(file)),
        Format::Csv => Box::new(csv::Writer::new(file)?),
        Format::Parquet => Box::new(parquet::Writer::new(file)?),
    })
}

/// Begins to read.
pub(crate) fn rows(format: Format, path: &Path) -> io::Result<Rows> {
    let file = File::open(path)?;
    Ok(match format {
        Format::Jsonl => Box::new(jsonl::rows(file)),
        Format::Csv => Box::new(csv::rows(file)?),
        Format::Parquet => Box::new(parquet::rows(file)?),
    })
}

/// What is there is not a row.
fn invalid(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, source)
}

#[cfg(test)]
mod tests;
