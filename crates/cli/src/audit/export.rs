//! `audit export`: writes a part of the log to files that can be verified without the database.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use export::{Bound, ExportSummary, Format, Paths, Selection, Target};

use super::verify::read_heads;
use crate::bar;
use crate::database::{self, DataDir};
use crate::logs;
use crate::report::{note, say};

/// Write events with their proof, for verification without the database
///
/// Three files: the events, FILE.proof.json, which says what they are, and FILE.tree.jsonl, the hashes that lead from
/// them to the signed head. docs/audit.md describes them; `audit verify --offline FILE` or docs/audit/verify.py
/// verifies them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    ocpizza-manager audit export --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z --output november.jsonl\n  \
    ocpizza-manager audit export --stream stock:P1 --format csv --output stock.csv")]
pub(crate) struct Args {
    /// The first event: a position, or the first recorded at an instant or later [default: the first of the log]
    #[arg(long, value_name = "POSITION|INSTANT")]
    from: Option<Bound>,
    /// The last event: a position, or the last recorded before an instant [default: the last sealed one]
    #[arg(long, value_name = "POSITION|INSTANT")]
    to: Option<Bound>,
    /// Only events of this stream (order:…) or kind of stream (order); repeatable
    #[arg(long = "stream", value_name = "STREAM")]
    streams: Vec<String>,
    /// Only events of this type (OrderPlaced); repeatable
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// jsonl, csv or parquet
    #[arg(long, default_value = "jsonl")]
    format: Format,
    /// The file of the events, or a directory for it; - is stdout, events alone and without a proof
    #[arg(long, value_name = "FILE|DIR", default_value = ".")]
    output: PathBuf,
    /// Include events that the last head does not seal; they have no proof
    #[arg(long)]
    unsealed: bool,
    /// File of published heads that the export must be comparable with; repeatable
    #[arg(long = "head", value_name = "FILE")]
    heads: Vec<PathBuf>,
    /// Overwrite existing files
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    data_dir: DataDir,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = logs::start_command()?;
    let mut splits = Vec::new();
    for path in &args.heads {
        splits.extend(read_heads(path)?.iter().map(|signed| signed.head.size));
    }
    let target = target(&args)?;
    let selection = Selection {
        from: args.from,
        to: args.to,
        streams: args.streams,
        types: args.types,
        unsealed: args.unsealed,
    };
    let pool = database::pool(&database::url(&settings, &args.data_dir)?, 1).await?;
    let head = transparency::latest(&pool).await?;
    let head = head.context("nothing is sealed yet: ocpizza-manager audit seal")?;
    let bar = bar::of_events().with_message("exporting");
    let mut progress = |at, all| {
        bar.set_length(all);
        bar.set_position(at);
    };
    let sealed = (&head.signed, &head.public_key);
    let how = (args.format, &target);
    let exported = export::write(&pool, sealed, &selection, &splits, how, &mut progress).await;
    bar.finish_and_clear();
    report(&exported?, &target);
    Ok(())
}

/// Returns the destination; in a directory, a file named after its format.
fn target(args: &Args) -> anyhow::Result<Target> {
    if args.output == Path::new("-") {
        if args.format == Format::Parquet {
            bail!("parquet cannot be written to stdout: name a file with --output");
        }
        return Ok(Target::Stdout);
    }
    let mut path = args.output.clone();
    if path.is_dir() {
        path.push(format!("events.{}", args.format));
    }
    Ok(Target::File { path, force: args.force })
}

fn report(exported: &ExportSummary, target: &Target) {
    let ExportSummary { from, to, sealed, unsealed, redacted, left_out } = exported;
    match target {
        Target::File { path, .. } => {
            let Paths { events, proof, tree } = Paths::of(path);
            say(format_args!("{} events of positions {from} to {to}", sealed + unsealed));
            for path in [events, proof, tree] {
                say(path.display());
            }
        }
        Target::Stdout => note("events alone: only a file gets a proof (--output FILE)"),
    }
    if *redacted > 0 {
        note(format_args!(
            "{redacted} of them are without payload: each holds the code of a delivery that is not over"
        ));
    }
    if *unsealed > 0 {
        note(format_args!("{unsealed} of them are not sealed yet: nothing proves them"));
    }
    if *left_out > 0 {
        note(format_args!(
            "the log has {left_out} more events, which are not sealed yet: audit seal, or --unsealed for them too"
        ));
    }
}
