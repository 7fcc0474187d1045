//! `restore`: loads a backup into an empty database, and builds the read models from its log.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use backup::{self, Erasure, RestoreReport, RestoreTarget};
use chrono::{DateTime, TimeDelta, Utc};
use event_store::MIGRATOR;
use sqlx::{Connection, PgConnection};
use transparency::SealError;

use crate::backup::told;
use crate::database::{self, DataDir};
use crate::report::{note, say};
use crate::{bar, logs, migrate};

/// Connections of the pool that builds the read models.
const POOL_CONNECTIONS: u32 = 10;

/// Load a backup into an empty database
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ocpizza-manager restore ocpizza.backup\n  ocpizza-manager restore ocpizza.backup --to 2026-11-24T20:00:00Z --erasures later.backup"
)]
pub(crate) struct Args {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Restore the log up to this position, or this time (RFC 3339) of recording; whole commands only
    #[arg(long, value_name = "POSITION|TIME")]
    to: Option<RestoreTarget>,
    /// Also erase the customers that a later backup, or a list of `backup --erasures`, names; repeatable
    #[arg(long, value_name = "FILE")]
    erasures: Vec<PathBuf>,
    #[command(flatten)]
    data_dir: DataDir,
}

#[tokio::main]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = logs::start_command()?;
    let url = database::url(&settings, &args.data_dir)?;
    let mut erased: Vec<Erasure> = Vec::new();
    for path in &args.erasures {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        erased.extend(backup::read_erasures(file).with_context(|| path.display().to_string())?);
    }
    let mut db = database::connect(&url).await?;
    prepare(&mut db).await?;
    let size = std::fs::metadata(&args.file).map_or(0, |file| file.len());
    // The file is read twice: to verify it, and to load it.
    let bar = bar::of_bytes(2 * size, "restoring");
    let open = || Ok(bar.wrap_read(File::open(&args.file)?));
    let restored = backup::restore(&mut db, open, args.to, &erased).await;
    bar.finish_and_clear();
    let restored = restored.with_context(|| args.file.display().to_string())?;
    let now: DateTime<Utc> = sqlx::query_scalar("SELECT now()").fetch_one(&mut db).await?;
    let sealing = transparency::check_end(&mut db, None).await;
    db.close().await?;
    print(&args.file, &restored, now);
    if let Err(error @ (SealError::Rewound { .. } | SealError::Late { .. })) = sealing {
        note(format_args!("the log is not sealed until you say why it was restored: {error}"));
    }

    let pool = database::pool(&url, POOL_CONNECTIONS).await?;
    let spinner = bar::spinner("making the read models");
    let caught_up = projections::catch_up(&pool).await;
    spinner.finish_and_clear();
    pool.close().await;
    caught_up
        .context("the log is restored, but not every read model could be made: serve goes on with it")?;
    say("the read models are made");
    Ok(())
}

/// Migrates an empty database; refuses one that lacks migrations.
async fn prepare(db: &mut PgConnection) -> anyhow::Result<()> {
    let applied = database::applied_migrations(db).await?;
    if applied.is_empty() {
        let applied = migrate::migrate(db).await?;
        say(format_args!("the database was empty: {} migrations applied", applied.len()));
    } else if let pending @ 1.. =
        MIGRATOR.iter().filter(|migration| !applied.contains(&migration.version)).count()
    {
        bail!("the database lacks {pending} migrations: run ocpizza-manager migrate");
    }
    Ok(())
}

fn print(path: &Path, restored: &RestoreReport, now: DateTime<Utc>) {
    let RestoreReport { header, sums, position, cut, erased, charges } = restored;
    note(format_args!("the backup is {} old", age(now - header.taken_at)));
    for sum in sums {
        say(format_args!("{:<24} {:>10} rows  sha256 {}", sum.table, sum.rows, sum.sha256));
    }
    say(format_args!("restored {}: {}", path.display(), told(header, sums)));
    if let Some(cut) = cut {
        say(format_args!(
            "the log was cut at position {}, recorded at {}: {} events are left out",
            cut.position,
            cut.recorded_at.to_rfc3339(),
            header.position - position,
        ));
    }
    say(format_args!("{erased} erased customers stay erased"));
    for charge in charges {
        note(format_args!(
            "the capture of charge {charge} was cut off: it is captured again or given back by itself, or see the payment service"
        ));
    }
}

/// Formats an age, such as `3 days`, `2 hours`, `5 minutes`.
fn age(age: TimeDelta) -> String {
    match (age.num_days(), age.num_hours(), age.num_minutes()) {
        (days @ 2.., _, _) => format!("{days} days"),
        (_, hours @ 2.., _) => format!("{hours} hours"),
        (_, _, minutes) => format!("{} minutes", minutes.max(0)),
    }
}
