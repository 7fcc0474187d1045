//! `cargo bench -p bench --bench performance` measures everything in `docs/performance.md` and writes the figures; `--
//! --help` lists the options.

mod append;
mod by_hand;
mod cache;
mod growth;
mod history;
mod million;
mod orders_page;
mod place_order;
mod processes;
mod projections;
mod rivals;
mod size;
mod start;
mod subscriptions;

use std::time::Instant;

use anyhow::{Result, bail};
use bench::document::Figures;
use bench::postgres::note;
use bench::{Cluster, Disk, Length, Row};
use clap::Parser;
use futures_util::future::LocalBoxFuture;
use identity::clock::Clock;
use tokio::sync::OnceCell;

use crate::million::Million;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures OC Pizza-Manager beside references.
#[derive(Debug, Parser)]
#[command(name = "performance")]
struct Arguments {
    /// Check that everything runs, as short as possible; no figures.
    #[arg(long)]
    short: bool,
    /// Measure only these groups of rows; see --list.
    #[arg(long, value_name = "GROUP", num_args = 1..)]
    only: Vec<String>,
    /// List the groups.
    #[arg(long)]
    list: bool,
    /// Write the figures into docs/performance.md, as a full run of everything does.
    #[arg(long)]
    write: bool,
    /// Run as the worker of this name, with its task as JSON.
    #[arg(long, hide = true, num_args = 2, value_names = ["NAME", "TASK"])]
    worker: Option<Vec<String>>,
    /// Passed by `cargo bench`; ignored.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Fixtures of the groups.
struct Bench {
    length: Length,
    /// Server on the machine's disk.
    cluster: Cluster,
    million: OnceCell<Million>,
}

/// A group of rows by its name for `--only`.
type Group = (&'static str, for<'a> fn(&'a Bench) -> LocalBoxFuture<'a, Result<Vec<Row>>>);

/// In the order of the table.
const GROUPS: &[Group] = &[
    ("append", |bench| Box::pin(append::rows(bench))),
    ("rivals", |bench| Box::pin(rivals::rows(bench))),
    ("cache", |bench| Box::pin(cache::rows(bench))),
    ("processes", |bench| Box::pin(processes::rows(bench))),
    ("place-order", |bench| Box::pin(place_order::rows(bench))),
    ("subscriptions", |bench| Box::pin(subscriptions::rows(bench))),
    ("projections", |bench| Box::pin(projections::rows(bench))),
    ("orders-page", |bench| Box::pin(orders_page::rows(bench))),
    ("history", |bench| Box::pin(history::rows(bench))),
    ("growth", |bench| Box::pin(growth::rows(bench))),
    ("size", |bench| Box::pin(size::rows(bench))),
    ("start", |bench| Box::pin(start::rows(bench))),
];

/// A worker by its name for [`bench::Worker::start`], with its task as JSON.
type WorkerOf = (&'static str, fn(String) -> LocalBoxFuture<'static, Result<()>>);

const WORKERS: &[WorkerOf] = &[
    (processes::WORKER, |task| Box::pin(processes::work(task))),
    (place_order::by_hand::NAME, |task| Box::pin(place_order::by_hand::serve(task))),
    (orders_page::WORKER, |task| Box::pin(orders_page::serve(task))),
];

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some([name, task]) = arguments.worker.as_deref() {
        let Some((_, work)) = WORKERS.iter().find(|(worker, _)| worker == name) else {
            bail!("no worker {name}")
        };
        tokio::select! {
            done = work(task.clone()) => done?,
            () = bench::worker::until_left_alone() => {}
        }
        // Not by returning: the runtime would wait for the reader of standard input.
        std::process::exit(0);
    }
    if arguments.list {
        GROUPS.iter().for_each(|(name, _)| print(name));
        return Ok(());
    }
    if let Some(unknown) = arguments.only.iter().find(|only| !GROUPS.iter().any(|(name, _)| name == only)) {
        bail!("no group {unknown}: see --list");
    }
    let chosen = |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    let length = if arguments.short { Length::Short } else { Length::Full };
    let writes = arguments.write || (length == Length::Full && arguments.only.is_empty());

    let began = Instant::now();
    // Before plots are written, which would mark the checkout as changed.
    let commit = bench::machine::commit();
    let bench = Bench { length, cluster: Cluster::start(Disk::Own).await?, million: OnceCell::new() };
    let mut rows = Vec::new();
    for (name, group) in GROUPS.iter().filter(|(name, _)| chosen(name)) {
        let at = Instant::now();
        note(&format!("{name} …"));
        rows.extend(group(&bench).await?);
        note(&format!("{name}: {:.0} s", at.elapsed().as_secs_f64()));
    }
    let figures = figures(&bench, commit, rows).await?;
    print(&figures.markdown());
    if writes {
        match Figures::read()? {
            Some(mut kept) if !arguments.only.is_empty() => {
                kept.take_in(figures);
                kept.write()?;
            }
            _ => figures.write()?,
        }
    }
    note(&format!("all: {:.0} s", began.elapsed().as_secs_f64()));
    Ok(())
}

async fn figures(bench: &Bench, commit: String, rows: Vec<Row>) -> Result<Figures> {
    Ok(Figures {
        measured_at: Clock::system().now().format("%Y-%m-%d").to_string(),
        commit,
        machine: bench::machine::describe(),
        versions: format!("PostgreSQL {}, {}", bench.cluster.version().await?, bench::machine::versions()),
        rows,
    })
}

#[allow(clippy::print_stdout)] // the table is what this program is for
fn print(text: &str) {
    println!("{text}");
}
