//! A page of orders beside one hand-written statement.

use anyhow::Result;
use bench::Row;

use crate::Bench;

pub(crate) async fn rows(_bench: &Bench) -> Result<Vec<Row>> {
    Ok(Vec::new())
}
