//! `audit verify`: reads the whole log, and names the first position that is wrong.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use chrono::SecondsFormat;
use server::sealing;
use transparency::{Delay, PublicKey, Report, Resumption, SignedHead};

use super::offline;
use crate::bar;
use crate::database::{self, DataDir};
use crate::logs;
use crate::report::say;

/// Recompute the hash of every event, and compare with the sealed tree, its signed heads and the given heads
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ocpizza-manager audit verify --head heads.txt")]
pub(crate) struct Args {
    /// Verify this export of `audit export` instead of the log; needs no database and no settings
    #[arg(long, value_name = "EXPORT")]
    offline: Option<PathBuf>,
    /// File of signed heads that was kept outside the database; repeatable
    #[arg(long = "head", value_name = "FILE")]
    heads: Vec<PathBuf>,
    /// Trusted public key, as `audit key` prints it; repeatable
    #[arg(long = "public-key", value_name = "KEY")]
    public_keys: Vec<PublicKey>,
    #[command(flatten)]
    data_dir: DataDir,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    if let Some(export) = &args.offline {
        return offline::run(export, &args.heads, args.public_keys);
    }
    let settings = logs::start_command()?;
    let mut given = Vec::new();
    for path in &args.heads {
        given.extend(read_heads(path)?);
    }
    let pool = database::pool(&database::url(&settings, &args.data_dir)?, 2).await?;
    let log = transparency::log_id(&pool).await?;
    let trusted = sealing::trusted(&settings, &pool, log, args.public_keys).await?;
    let bar = bar::of_events().with_message("verifying");
    let began = Instant::now();
    let mut progress = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let report = transparency::verify(&pool, &trusted, &given, &mut progress).await?;
    bar.finish_and_clear();
    match &report.finding {
        Some(finding) => bail!("{finding}"),
        None => print_report(&report, began.elapsed().as_secs_f64()),
    }
    Ok(())
}

/// Reads the heads in a file.
pub(super) fn read_heads(path: &Path) -> anyhow::Result<Vec<SignedHead>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    transparency::parse_notes(&text).with_context(|| path.display().to_string())
}

#[allow(clippy::cast_precision_loss)] // a rate is rounded anyway
fn print_report(report: &Report, seconds: f64) {
    let rate = report.events as f64 / seconds.max(0.001);
    say(format_args!("log {}", report.log));
    say(format_args!("{} events in {seconds:.1} s, {rate:.0} a second", report.events));
    say(format_args!("{} stored heads and {} of those given agree", report.heads, report.given));
    say(format_args!("{} events are not yet sealed", report.unsealed));
    if let Some(Delay { position, waited }) = &report.longest {
        let seconds = waited.num_seconds();
        say(format_args!(
            "the longest that an event waited for its head: {seconds} s, at position {position}"
        ));
    }
    for head in &report.resumptions {
        let at = head.signed_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let Some(Resumption { size, reason, .. }) = &head.resumption else { continue };
        say(format_args!(
            "resumed at {at} behind position {}, heads up to {size} events were given up: {reason}",
            head.size
        ));
    }
    if report.given_up > 0 {
        say(format_args!(
            "{} of the heads given are among those that were given up, and the log is another now",
            report.given_up
        ));
    }
}
