//! Appending: group commit beside one transaction a command.

use anyhow::Result;
use bench::Row;

use crate::Bench;

pub(crate) async fn rows(_bench: &Bench) -> Result<Vec<Row>> {
    Ok(Vec::new())
}
