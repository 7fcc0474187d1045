//! `serve`: the API until it is told to stop. Neither migrates nor loads data.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context;
use identity::clock::Clock;
use server::app::{App, Config};
use server::config::{Effective, Settings};
use server::production;
use server::stand_ins::{self, StandIn, StandInState, stand_ins};
use sqlx::PgPool;

use crate::database::{self, DataDir};
use crate::listen::listen;
use crate::logs;
use crate::report::say;
use crate::stop::Stop;

/// What is under way may take so long once we are told to stop; platforms kill after 30 s.
const FAREWELL: Duration = Duration::from_secs(15);
/// And so long the connections to the database.
const GOODBYE: Duration = Duration::from_secs(5);
/// Tasks that are ended let go of their connections within so long; else they would report that these are gone.
const LETTING_GO: Duration = Duration::from_millis(100);
/// And so long what runs on threads of its own, such as looking a name up.
const THREADS: Duration = Duration::from_secs(1);
/// What the operations manual sets, for a framework that is not used here.
const DJANGO: &str = "DJANGO_SETTINGS_MODULE";

/// Serve the API on PORT until SIGTERM or Ctrl-C
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  DATABASE_URL=postgres://localhost/ocpizza PORT=8080 ocpizza-manager serve"
)]
pub(crate) struct Args {
    #[command(flatten)]
    data_dir: DataDir,
    /// Listen on this address only, 127.0.0.1 for instance; without it on all, IPv6 and IPv4
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<IpAddr>,
    /// Print the settings as they take effect, without secrets, and do not serve
    #[arg(long)]
    print_config: bool,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    if args.print_config {
        return print_config();
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start")?;
    let done = runtime.block_on(serve(args));
    runtime.shutdown_timeout(THREADS);
    done
}

/// Asks neither the database nor anybody else.
fn print_config() -> anyhow::Result<()> {
    let rows = Settings::effective()?;
    let width = |of: fn(&Effective) -> usize| rows.iter().map(of).max().unwrap_or_default();
    let (name, source) = (width(|row| row.name.len()), width(|row| row.source.to_string().len()));
    for row in &rows {
        say(format_args!("{:name$}  {:source$}  {}", row.name, row.source, row.value));
    }
    let settings = Settings::load()?;
    let pool = settings.pool_size()?;
    say(format_args!("# each process keeps a pool of {pool} connections, and 2 beside it"));
    for StandIn { name, state, consequence, .. } in stand_ins(&settings) {
        match state {
            StandInState::Configured => {}
            StandInState::StandIn | StandInState::Closed | StandInState::Warning | StandInState::Missing => {
                say(format_args!("# {name}: {}, {consequence}", state.as_str()));
            }
        }
    }
    if std::env::var_os(DJANGO).is_some() {
        say(format_args!("# {}", not_django()));
    }
    Ok(())
}

fn not_django() -> String {
    format!("{DJANGO} does not apply: there is no Django here; OCPIZZA_MANAGER_SETTINGS may name a TOML file")
}

async fn serve(args: Args) -> anyhow::Result<()> {
    let settings = Settings::load()?;
    let traces = logs::start_serving(settings.environment)?;
    if std::env::var_os(DJANGO).is_some() {
        tracing::warn!("{}", not_django());
    }
    production::check_settings(&settings)?;
    // What cannot be used is said before anything is started.
    settings.documents()?;
    let stop = Stop::listen()?;
    let size = settings.pool_size()?;
    let pool = database::serving_pool(&database::url(&settings, &args.data_dir)?, size).await?;
    production::check_database(&settings, &pool).await?;
    let listener = listen(args.listen, settings.port)?;
    let app = start(&pool, &settings).await?;
    stand_ins::log_missing(&settings);
    let at = listener.local_addr()?;
    tracing::info!(port = at.port(), address = %at.ip(), "serving");
    let asked = stop.clone().asked();
    let overdue = async {
        stop.asked().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        served = app.serve(tokio::net::TcpListener::from_std(listener)?, asked) => served?,
        () = overdue => tracing::warn!("stopped before everything under way was finished"),
    }
    close(app, pool).await;
    tracing::info!("stopped");
    if let Some(traces) = traces {
        // Sending waits for its thread: not here, where others may still run.
        let _ = tokio::task::spawn_blocking(|| traces.close()).await;
    }
    Ok(())
}

/// Starts everything but the listening.
pub(crate) async fn start(pool: &PgPool, settings: &Settings) -> anyhow::Result<App> {
    let config = Config::of(pool.clone(), Clock::system(), settings)?;
    App::start(config).await.context("cannot start")
}

/// Seals the last events, stops the runners and lets the database go.
pub(crate) async fn close(app: App, pool: PgPool) {
    app.seal_rest().await;
    drop(app);
    tokio::time::sleep(LETTING_GO).await;
    let _ = tokio::time::timeout(GOODBYE, pool.close()).await;
}
