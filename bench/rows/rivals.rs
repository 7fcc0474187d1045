//! The same commands through other event stores, as they come.

mod emmett;
mod postgres_es;

use anyhow::Result;
use bench::{Row, Target, in_turn};

use crate::Bench;
use crate::append::command::Events;
use crate::append::ours;

const CLIENTS: usize = 64;

pub(crate) async fn rows(bench: &Bench) -> Result<Vec<Row>> {
    telemetry::metrics::record();
    let events = Events::read()?;
    let work = format!("commands of three events to fresh streams, {CLIENTS} concurrent");
    let (repetitions, duration) = (bench.length.repetitions(), bench.length.duration());
    let database = bench.cluster.database().await?;
    let ours = async || ours(&database.pool, database.postmaster, &events, CLIENTS, duration).await;

    let theirs = postgres_es::Framework::prepare(&bench.cluster, CLIENTS).await?;
    let samples = in_turn(repetitions, 2, async |thing| match thing {
        0 => ours().await,
        _ => theirs.run(&events, CLIENTS, duration).await,
    });
    let samples = samples.await?;
    theirs.end().await?;
    let reference = format!("postgres-es 0.5 as it comes, {CLIENTS} connections");
    let mut rows = vec![Row::new("rivals-postgres-es", &work, &reference).with_throughput(
        "commands",
        &samples[0],
        &samples[1],
        Some(Target::AtLeast(7.0)),
    )];

    match emmett::Emmett::prepare(&bench.cluster).await {
        Err(error) => bench::postgres::note(&format!("rivals-emmett is skipped: {error:#}")),
        Ok(theirs) => {
            let samples = in_turn(repetitions, 2, async |thing| match thing {
                0 => ours().await,
                _ => theirs.run(&events, CLIENTS, duration).await,
            });
            let samples = samples.await?;
            let reference = format!("Emmett ({}) as it comes, {CLIENTS} connections", theirs.version);
            theirs.end().await?;
            rows.push(Row::new("rivals-emmett", &work, &reference).with_throughput(
                "commands",
                &samples[0],
                &samples[1],
                Some(Target::AtLeast(8.0)),
            ));
        }
    }
    database.remove().await?;
    Ok(rows)
}
