//! `migrate`: applies migrations, or prints their status. Loads no data.

use std::time::Duration;

use anyhow::bail;
use domain::policies;
use event_store::MIGRATOR;
use event_store::migrate::{self, MigrationState, MigrationStatus, Patience, Rehearsal};
use projections::introduce;
use sqlx::{Connection, PgConnection};

use crate::arguments::number;
use crate::database::{self, DataDir};
use crate::logs;
use crate::report::{note, say};

/// Apply the missing migrations; may run repeatedly and concurrently
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  DATABASE_URL=postgres://localhost/ocpizza_manager_db ocpizza-manager migrate"
)]
pub(crate) struct Args {
    /// List the migrations: applied, pending, unknown to this program, or different from it
    #[arg(long)]
    status: bool,
    /// Name the pending migrations, and try them in a transaction that is rolled back
    #[arg(long, conflicts_with = "status")]
    dry_run: bool,
    /// Longest wait of a statement for a lock, in seconds; other statements queue behind it
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = number(0.001..=86_400.0))]
    lock_timeout: f64,
    /// Attempts for a migration that does not get its locks
    #[arg(long, value_name = "TIMES", default_value_t = 10, value_parser = number(1..=u32::MAX))]
    tries: u32,
    /// Longest wait for another process that migrates, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = number(0.001..=86_400.0))]
    wait: f64,
    #[command(flatten)]
    data_dir: DataDir,
}

impl Args {
    fn patience(&self) -> Patience {
        Patience {
            turn: Duration::from_secs_f64(self.wait),
            lock: Duration::from_secs_f64(self.lock_timeout),
            tries: self.tries,
            ..Patience::default()
        }
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = logs::start_command()?;
    let mut connection = database::connect(&database::url(&settings, &args.data_dir)?).await?;
    if args.status {
        return print_status(&migrate::status(&mut connection, &MIGRATOR).await?);
    }
    let mut told = |line: &str| note(line);
    if args.dry_run {
        let rehearsed = migrate::rehearse(&mut connection, &MIGRATOR, args.patience(), &mut told).await?;
        print_rehearsal(&rehearsed);
    } else {
        let applied = migrate::run(&mut connection, &MIGRATOR, args.patience(), &mut told).await?;
        introduce(&mut connection, policies::ALL).await?;
        print_applied(&mut connection, &applied).await?;
    }
    connection.close().await?;
    Ok(())
}

async fn print_applied(db: &mut PgConnection, applied: &[String]) -> anyhow::Result<()> {
    for name in applied {
        say(format_args!("applied {name}"));
    }
    let all = migrate::status(db, &MIGRATOR).await?;
    let newer = all.iter().filter(|one| matches!(one.state, MigrationState::Unknown(_))).count();
    if newer > 0 {
        say(format_args!("{newer} migrations are of a newer program, and were left alone"));
    }
    say(format_args!(
        "the database is up to date: {} migrations, {} of them new",
        MIGRATOR.iter().count(),
        applied.len()
    ));
    Ok(())
}

fn print_status(all: &[MigrationStatus]) -> anyhow::Result<()> {
    say(format_args!("{:<30} {:<10} APPLIED AT", "MIGRATION", "STATUS"));
    let (mut pending, mut changed) = (0, Vec::new());
    for one in all {
        let (status, at) = match one.state {
            MigrationState::Applied(at) => ("applied", Some(at)),
            MigrationState::Pending => ("pending", None),
            MigrationState::Unknown(at) => ("unknown", Some(at)),
            MigrationState::Changed(at) => ("differs", Some(at)),
        };
        pending += usize::from(one.state == MigrationState::Pending);
        if matches!(one.state, MigrationState::Changed(_)) {
            changed.push(one.name());
        }
        let at = at.map_or_else(|| "-".to_owned(), |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string());
        say(format_args!("{:<30} {status:<10} {at}", one.name()));
    }
    if !changed.is_empty() {
        bail!("not what was applied here, by their checksums: {}", changed.join(", "));
    }
    say(format_args!("{} migrations, {pending} of them pending", all.len()));
    Ok(())
}

fn print_rehearsal(rehearsed: &[Rehearsal]) {
    for one in rehearsed {
        match one {
            Rehearsal::Applies(name) => say(format_args!("would apply {name}: tried, and rolled back")),
            Rehearsal::Untried(name, sql) => {
                say(format_args!(
                    "would apply {name}: outside a transaction, so not tried:\n{}",
                    sql.trim_end()
                ));
            }
        }
    }
    say(format_args!("{} migrations would be applied; nothing was changed", rehearsed.len()));
}

/// Applies the missing migrations; returns their names.
pub(crate) async fn migrate(db: &mut PgConnection) -> anyhow::Result<Vec<String>> {
    let applied = migrate::run(db, &MIGRATOR, Patience::default(), &mut |line| note(line)).await?;
    introduce(db, policies::ALL).await?;
    Ok(applied)
}
