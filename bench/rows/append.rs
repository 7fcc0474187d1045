//! Appending: group commit beside one transaction per command.

mod alone;
pub(crate) mod command;
mod pgbench;

use std::time::Duration;

use anyhow::Result;
use bench::figures::median;
use bench::load::{Watched, closed_loop};
use bench::plot::{Line, Plot};
use bench::{Cluster, Database, Disk, Length, Measure, Row, Sample, Target, Unit, in_turn};
use event_store::{EventStore, Settings};
use sqlx::{Executor, PgPool};

use crate::Bench;
use command::Events;
use pgbench::{Pgbench, Stored};

const PLOT: &str = "append.svg";
const PGBENCH: &str = "`pgbench -M prepared`, the same rows, one transaction a command, as many clients";
const INSERT: &str = "one prepared INSERT of the same rows by sqlx, a transaction of its own";

pub(crate) async fn rows(bench: &Bench) -> Result<Vec<Row>> {
    telemetry::metrics::record();
    let events = Events::read()?;
    let stored = pgbench::stored(&bench.cluster, &events).await?;
    let both = Both::prepare(&bench.cluster, &events, &stored).await?;
    let length = bench.length;

    let mut points = Vec::new();
    for clients in length.pick(vec![1, 4, 16, 64, 128, 256], vec![64]) {
        // Client counts with their own row are measured longer.
        let duration = if matches!(clients, 64 | 256) { length.duration() } else { length.duration() / 3 };
        points.push((clients, both.beside(length, clients, duration).await?));
    }
    let mut rows = Vec::new();
    for (clients, rate) in [(64, 2.0), (256, 4.0)] {
        let Some((_, samples)) = points.iter().find(|(at, _)| *at == clients) else { continue };
        let row = row(&format!("append-{clients}"), clients, samples, Some(rate));
        let cpu = Target::AtMost(0.3);
        rows.push(if clients == 64 { row.reaching("CPU of PostgreSQL", cpu) } else { row });
    }
    rows.push(best(length, &points)?);
    rows.push(both.alone("append-alone", length).await?);
    both.end().await?;
    rows.extend(slow(length, &events, &stored).await?);
    Ok(rows)
}

/// The same with slow commits.
async fn slow(length: Length, events: &Events, stored: &[Stored]) -> Result<Vec<Row>> {
    let cluster = Cluster::start(Disk::Slow).await?;
    let both = Both::prepare(&cluster, events, stored).await?;
    let mut rows = Vec::new();
    for clients in length.pick(vec![64, 256], vec![]) {
        let samples = both.beside(length, clients, length.duration() / 2).await?;
        let mut row = row(&format!("append-{clients}-slow"), clients, &samples, None);
        row.work.push_str(", on a slow disk");
        rows.push(row);
    }
    let mut row = both.alone("append-alone-slow", length).await?;
    row.work.push_str(", on a slow disk");
    rows.push(row);
    both.end().await?;
    Ok(rows)
}

/// Our values, then the reference's, in the order of the repetitions.
type Pair = Vec<Vec<Sample>>;

fn row(id: &str, clients: usize, samples: &Pair, rate: Option<f64>) -> Row {
    let work = format!("commands of three events to fresh streams, {clients} concurrent");
    Row::new(id, &work, PGBENCH).with_throughput(
        "commands",
        &samples[0],
        &samples[1],
        rate.map(Target::AtLeast),
    )
}

/// Our best over all client counts beside pgbench's best.
fn best(length: Length, points: &[(usize, Pair)]) -> Result<Row> {
    let rates = |of: usize, samples: &Pair| samples[of].iter().map(Sample::rate).collect::<Vec<f64>>();
    let line = |of: usize, name: &str| Line {
        name: name.to_owned(),
        #[allow(clippy::cast_precision_loss)] // at most 256
        points: points.iter().map(|(clients, all)| (*clients as f64, median(rates(of, all)))).collect(),
    };
    let best = |of: usize| {
        let rates = points.iter().map(|(clients, all)| (*clients, rates(of, all)));
        rates
            .max_by(|(_, one), (_, other)| {
                median(one.iter().copied()).total_cmp(&median(other.iter().copied()))
            })
            .unwrap_or_default()
    };
    let (ours, reference) = (best(0), best(1));
    let plot = Plot {
        title: "Commands of three events to fresh streams".to_owned(),
        x: "clients".to_owned(),
        y: "commands a second".to_owned(),
        lines: vec![line(0, "OC Pizza-Manager"), line(1, "pgbench -M prepared")],
    };
    let row = Row::new(
        "append-best",
        &format!("the same, our best number of clients ({})", ours.0),
        &format!("pgbench at its best ({})", reference.0),
    );
    let commands = Measure::beside("commands", Unit::PerSecond, ours.1, reference.1);
    let row = row.with(commands.to_reach(Target::AtLeast(3.0)));
    Ok(match length {
        Length::Full => {
            plot.write(PLOT)?;
            row.plotted(PLOT)
        }
        // A short run has nothing to plot.
        Length::Short => {
            plot.svg()?;
            row
        }
    })
}

/// The compared subjects, each on its own database.
struct Both<'a> {
    ours: Database,
    theirs: Pgbench,
    plain: Database,
    events: &'a Events,
    stored: &'a [Stored],
}

impl<'a> Both<'a> {
    async fn prepare(cluster: &Cluster, events: &'a Events, stored: &'a [Stored]) -> Result<Self> {
        let plain = cluster.database().await?;
        plain.pool.execute(pgbench::POSITIONS).await?;
        let (ours, theirs) = (cluster.database().await?, Pgbench::prepare(cluster, stored).await?);
        Ok(Self { ours, theirs, plain, events, stored })
    }

    async fn beside(&self, length: Length, clients: usize, duration: Duration) -> Result<Pair> {
        in_turn(length.repetitions(), 2, async |thing| match thing {
            0 => self.ours(clients, duration).await,
            _ => self.theirs.run(clients, duration).await,
        })
        .await
    }

    async fn ours(&self, clients: usize, duration: Duration) -> Result<Sample> {
        ours(&self.ours.pool, self.ours.postmaster, self.events, clients, duration).await
    }

    async fn alone(&self, id: &str, length: Length) -> Result<Row> {
        let duration = length.duration() / 2;
        let samples = in_turn(length.repetitions(), 2, async |thing| match thing {
            0 => self.ours(1, duration).await,
            _ => alone::insert(&self.plain, self.stored, duration).await,
        });
        let samples = samples.await?;
        Ok(Row::new(id, "commands of three events to fresh streams, one client alone", INSERT)
            .with_throughput("commands", &samples[0], &samples[1], None)
            .reaching("p50", Target::AtMost(1.4)))
    }

    async fn end(self) -> Result<()> {
        self.theirs.end().await?;
        self.plain.remove().await?;
        self.ours.remove().await
    }
}

/// Commands through the event store of this process, as mutations execute them.
pub(crate) async fn ours(
    pool: &PgPool,
    postmaster: u32,
    events: &Events,
    clients: usize,
    duration: Duration,
) -> Result<Sample> {
    let store = EventStore::start(pool.clone(), Settings::default());
    let events = events.clone();
    let watched = Watched { process: None, postmaster };
    closed_loop(clients, duration, watched, move |_, _| {
        let (store, events) = (store.clone(), events.clone());
        async move { command::execute(&store, &events).await.map(drop) }
    })
    .await
}
