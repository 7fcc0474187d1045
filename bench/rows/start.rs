//! Time from start to readiness.

use anyhow::Result;
use bench::binary::Serving;
use bench::{Measure, Row, Target, Unit};

use crate::Bench;

/// Measured starts; each takes a fraction of a second.
const STARTS: (usize, usize) = (9, 1);

pub(crate) async fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let million = bench.million().await?;
    let mut seconds = Vec::new();
    for _ in 0..bench.length.pick(STARTS.0, STARTS.1) {
        let serving = Serving::start(&million.database.url, &[]).await?;
        seconds.push(serving.ready_after.as_secs_f64());
        serving.end().await?;
    }
    let work =
        format!("`ocpizza-manager serve` on a log of {} events, read models caught up", million.events);
    let ready = Measure::alone("from start to ready", Unit::Seconds, seconds).to_reach(Target::AtMost(1.0));
    Ok(vec![Row::new("start-million", &work, "").with(ready)])
}
