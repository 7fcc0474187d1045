//! The cost of each operation on logs of ten thousand to ten million events.

mod databases;
mod subject;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bench::load::{Watched, closed_loop};
use bench::plot::{Line, Plot};
use bench::postgres::note;
use bench::{Length, Measure, Row, Sample, Target, Unit, in_turn};

use crate::Bench;
use subject::{Subject, Work};

/// Lengths of the logs; the first is the reference.
const SIZES: ([u64; 3], [u64; 3]) = ([10_000, 1_000_000, 10_000_000], [1_000, 2_000, 4_000]);
/// Allowed ratio to the shortest log.
const FLAT: f64 = 1.3;
/// Duration of a measurement.
const TURN: (Duration, Duration) = (Duration::from_millis(600), Duration::from_millis(100));
const PLOT: &str = "growth.svg";

pub(crate) async fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let sizes = bench.length.pick(SIZES.0, SIZES.1);
    let mut subjects = Vec::new();
    for database in databases::make(bench, sizes).await? {
        subjects.push(Arc::new(Subject::new(database).await?));
    }
    let postmaster = bench.cluster.postmaster();
    let turn = bench.length.pick(TURN.0, TURN.1);
    // The lengths of one operation follow each other: compared values are measured at nearly the same time.
    let things = Work::ALL.len() * subjects.len();
    let mut samples = in_turn(bench.length.repetitions(), things, async |thing| {
        let (work, subject) = (Work::ALL[thing / subjects.len()], &subjects[thing % subjects.len()]);
        let watched = Watched { process: None, postmaster };
        let subject = subject.clone();
        closed_loop(1, turn, watched, move |_, _| {
            let subject = subject.clone();
            async move { subject.carry_out(work).await }
        })
        .await
    })
    .await?
    .into_iter();

    let mut rows = Vec::new();
    let mut lines = Vec::new();
    for work in Work::ALL {
        let by_size: Vec<Vec<Sample>> = samples.by_ref().take(sizes.len()).collect();
        lines.push(line(*work, sizes, &by_size));
        rows.push(row(*work, sizes, &by_size));
    }
    // A short run may have nothing to plot.
    if let (Some(first), Length::Full) = (rows.first_mut(), bench.length) {
        Plot {
            title: "One at a time, by events in the log".to_owned(),
            x: "events in the log".to_owned(),
            y: "microseconds (p50)".to_owned(),
            lines,
        }
        .write(PLOT)?;
        first.plot = Some(PLOT.to_owned());
    }
    for subject in subjects {
        match Arc::try_unwrap(subject) {
            Ok(subject) => subject.remove().await?,
            Err(_) => note("  a database of the growing log is still used: it goes with the server"),
        }
    }
    Ok(rows)
}

/// In milliseconds. An operation longer than its turn took at least that.
fn medians(samples: &[Sample]) -> Vec<f64> {
    let median = |sample: &Sample| match sample.operations {
        0 => sample.seconds * 1e3,
        _ => sample.latencies.quantile_millis(0.5),
    };
    samples.iter().map(median).collect()
}

/// PostgreSQL's CPU an operation in microseconds; for an unfinished one, what it had used.
fn postgres_micros(samples: &[Sample]) -> Vec<f64> {
    let micros =
        |sample: &Sample| Sample { operations: sample.operations.max(1), ..sample.clone() }.postgres_micros();
    samples.iter().map(micros).collect()
}

fn row(work: Work, sizes: [u64; 3], by_size: &[Vec<Sample>]) -> Row {
    let reference = format!("the same in a log of {}", sizes[0]);
    let mut row = Row::new(work.id(), work.describe(), &reference);
    let Some((few, more)) = by_size.split_first() else { return row };
    for (events, samples) in sizes[1..].iter().zip(more) {
        let name = format!("p50, {events} events");
        let p50 = Measure::beside(&name, Unit::Milliseconds, medians(samples), medians(few));
        let name = format!("CPU of PostgreSQL, {events} events");
        row = row.with(p50.to_reach(Target::AtMost(FLAT))).with(Measure::beside(
            &name,
            Unit::CpuMicros,
            postgres_micros(samples),
            postgres_micros(few),
        ));
    }
    row
}

#[allow(clippy::cast_precision_loss)] // far below 2^52
fn line(work: Work, sizes: [u64; 3], by_size: &[Vec<Sample>]) -> Line {
    let micros = |samples: &Vec<Sample>| bench::figures::median(medians(samples)) * 1e3;
    let points = sizes.iter().zip(by_size).map(|(events, samples)| (*events as f64, micros(samples)));
    Line { name: work.short().to_owned(), points: points.collect() }
}
