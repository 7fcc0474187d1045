//! `migrate`: brings the database's tables up to date. Loads no data.

use event_store::MIGRATOR;
use graphql::config::Settings;
use sqlx::{Connection, PgConnection};

use crate::database::{self, DataDir};
use crate::logs;
use crate::report::say;

/// A number of our own: two that migrate at once take turns, and each says what it applied itself.
const LOCK: i64 = 0x6f_6370_697a_7a61;

/// Bring the database's tables up to date; a second time, or two at once, do no harm
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  DATABASE_URL=postgres://localhost/ocpizza ocpizza-manager migrate")]
pub(crate) struct Args {
    #[command(flatten)]
    data_dir: DataDir,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = Settings::load()?;
    logs::start(settings.environment, "warn");
    let mut connection = database::connect(&database::url(&settings, &args.data_dir)?).await?;
    let applied = migrate(&mut connection).await?;
    connection.close().await?;
    for name in &applied {
        say(format_args!("applied {name}"));
    }
    say(format_args!(
        "the database is up to date: {} migrations, {} of them new",
        MIGRATOR.iter().count(),
        applied.len()
    ));
    Ok(())
}

/// Applies what is missing, and names it.
pub(crate) async fn migrate(db: &mut PgConnection) -> anyhow::Result<Vec<String>> {
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut *db).await?;
    let before = database::applied_migrations(db).await?;
    MIGRATOR.run(&mut *db).await?;
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(LOCK).execute(&mut *db).await?;
    let new = MIGRATOR.iter().filter(|migration| !before.contains(&migration.version));
    Ok(new.map(|migration| format!("{:04} {}", migration.version, migration.description)).collect())
}
