//! `serve`: serves the API until a signal. Neither migrates nor loads data.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context;
use identity::clock::Clock;
use server::app::{App, Config};
use server::config::{Effective, Settings};
use server::production;
use server::stand_ins::{self, StandIn, StandInState, stand_ins};
use sqlx::PgPool;

use crate::arguments::ip_address;
use crate::database::{self, DataDir};
use crate::listen::listen;
use crate::logs;
use crate::report::say;
use crate::stop::Stop;

/// Time after a signal in which open requests may finish; platforms kill the process after 30 s.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(15);
/// Time within which the database connections must close.
const POOL_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Time in which ended tasks return their connections; otherwise they would log closed connections as errors.
const RELEASE_DELAY: Duration = Duration::from_millis(100);
/// Time within which blocking threads must end, such as a name lookup.
const THREAD_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);
/// A variable of the operations manual, for a framework that is not used here.
const DJANGO: &str = "DJANGO_SETTINGS_MODULE";

/// Serve the API on PORT until SIGTERM or Ctrl-C
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  DATABASE_URL=postgres://localhost/ocpizza PORT=8080 ocpizza-manager serve"
)]
pub(crate) struct Args {
    #[command(flatten)]
    data_dir: DataDir,
    /// Listen on this address only, such as 127.0.0.1 [default: every IPv6 and IPv4 address]
    #[arg(long, value_name = "ADDRESS", value_parser = ip_address)]
    listen: Option<IpAddr>,
    /// Print each setting with its value and source, secrets masked, and exit
    #[arg(long)]
    print_config: bool,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    if args.print_config {
        return print_config();
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start")?;
    let done = runtime.block_on(serve(args));
    runtime.shutdown_timeout(THREAD_SHUTDOWN_TIMEOUT);
    done
}

/// Prints the settings. Connects to nothing.
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
    // Invalid documents are reported before anything starts.
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
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    tokio::select! {
        served = app.serve(tokio::net::TcpListener::from_std(listener)?, asked) => served?,
        () = overdue => tracing::warn!("stopped before every open request was finished"),
    }
    close(app, pool).await;
    tracing::info!("stopped");
    if let Some(traces) = traces {
        // Closing blocks until the last spans are sent.
        let _ = tokio::task::spawn_blocking(|| traces.close()).await;
    }
    Ok(())
}

/// Starts everything but the listening.
pub(crate) async fn start(pool: &PgPool, settings: &Settings) -> anyhow::Result<App> {
    let config = Config::of(pool.clone(), Clock::system(), settings)?;
    App::start(config).await.context("cannot start")
}

/// Seals the last events, stops the runners and closes the pool.
pub(crate) async fn close(app: App, pool: PgPool) {
    app.seal_rest().await;
    drop(app);
    tokio::time::sleep(RELEASE_DELAY).await;
    let _ = tokio::time::timeout(POOL_CLOSE_TIMEOUT, pool.close()).await;
}
