//! `backup`: writes the log and the facts of one snapshot to a file, or verifies such a file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use backup::{self, AtomicFile, BackupError, BackupProgress, Header, TableSum};
use sqlx::{Connection, PgConnection};

use crate::database::{self, DataDir};
use crate::report::{note, say};
use crate::{bar, logs};

/// Write a backup while the application serves, or verify one
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ocpizza-manager backup ocpizza.backup\n  ocpizza-manager backup - | ssh vault 'cat > ocpizza.backup'\n  ocpizza-manager backup --verify ocpizza.backup"
)]
pub(crate) struct Args {
    /// The backup; - is stdout
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Verify FILE, a backup, by its counts and digests; needs no database
    #[arg(long, conflicts_with_all = ["erasures", "force"])]
    verify: bool,
    /// Write only the ids and times of erased customers, for restores of older backups
    #[arg(long)]
    erasures: bool,
    /// Overwrite FILE if it exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    data_dir: DataDir,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    if args.verify {
        return verify(&args.file);
    }
    let settings = logs::start_command()?;
    let mut db = database::connect_migrated(&database::url(&settings, &args.data_dir)?).await?;
    let done = if args.file == Path::new("-") {
        to_stdout(&mut db, args.erasures).await?
    } else {
        to_file(&mut db, &args).await?
    };
    db.close().await?;
    // Stdout may be the backup.
    if args.file == Path::new("-") {
        note(done)
    } else {
        say(done)
    }
    Ok(())
}

async fn to_stdout(db: &mut PgConnection, erasures: bool) -> anyhow::Result<String> {
    let mut out = std::io::stdout().lock();
    if erasures {
        let erased = backup::recorded_erasures(db).await?;
        backup::write_erasures(&mut out, &erased)?;
        return Ok(format!("{} erasures", erased.len()));
    }
    let (header, sums, mut out) = write(db, out).await?;
    out.flush()?;
    Ok(told(&header, &sums))
}

async fn to_file(db: &mut PgConnection, args: &Args) -> anyhow::Result<String> {
    let path = args.file.display();
    let cannot = || format!("cannot write {path}");
    let file = AtomicFile::create(&args.file, args.force).with_context(cannot)?;
    let (file, done) = if args.erasures {
        let mut file = file;
        let erased = backup::recorded_erasures(db).await?;
        backup::write_erasures(&mut file, &erased).with_context(cannot)?;
        (file, format!("{path}: {} erasures", erased.len()))
    } else {
        let (header, sums, out) = write(db, BufWriter::new(file)).await?;
        let file = out.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(cannot)?;
        (file, format!("{path}: {}", told(&header, &sums)))
    };
    file.commit(args.force).with_context(cannot)?;
    Ok(done)
}

async fn write<W: Write>(db: &mut PgConnection, out: W) -> Result<(Header, Vec<TableSum>, W), BackupError> {
    let bar = bar::of_rows();
    let mut told = |writing| match writing {
        BackupProgress::Events(events) => bar.set_length(events),
        BackupProgress::Table(table) => bar.set_message(table),
        BackupProgress::Row => bar.inc(1),
    };
    let written = backup::backup(db, out, env!("CARGO_PKG_VERSION"), &mut told).await;
    bar.finish_and_clear();
    written
}

fn verify(path: &Path) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let bar = bar::of_bytes(file.metadata()?.len(), "reading");
    let verified = backup::verify(bar.wrap_read(file), None);
    bar.finish_and_clear();
    let verified = verified.with_context(|| path.display().to_string())??;
    for sum in &verified.sums {
        say(format_args!("{:<24} {:>10} rows  sha256 {}", sum.table, sum.rows, sum.sha256));
    }
    say(format_args!("{}: good; {}", path.display(), told(&verified.header, &verified.sums)));
    Ok(())
}

/// Describes a backup in one line.
pub(crate) fn told(header: &Header, sums: &[TableSum]) -> String {
    let rows: u64 = sums.iter().filter(|sum| sum.table != "events").map(|sum| sum.rows).sum();
    format!(
        "log {} up to position {}, and {rows} rows of facts, as of {}",
        header.log_id.map_or_else(|| "without an id".to_owned(), |id| id.to_string()),
        header.position,
        header.taken_at.format("%Y-%m-%dT%H:%M:%SZ"),
    )
}
