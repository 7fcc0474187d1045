//! `demo`: a private PostgreSQL, the demo's data, the API and, with `--simulate`, an evening, until a signal.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context, bail};
use identity::clock::Clock;
use private_postgres::{self, DATABASE, Durability, Options, PrivatePostgres};
use projections::Model;
use secrecy::{ExposeSecret, SecretString};
use server::app::App;
use server::config::Settings;
use server::production;
use simulation::demo::traffic::{Person, Script, Simulation};
use simulation::demo::{self, Summary};
use sqlx::{Connection, PgPool};
use tokio::sync::oneshot;

use crate::arguments::{ip_address, number};
use crate::database::{self, DataDir};
use crate::listen::listen;
use crate::report::{note, say};
use crate::screen::{self, Screen};
use crate::stop::Stop;
use crate::{logs, migrate, serve};

/// Connections of the pool.
const POOL_CONNECTIONS: u32 = 20;
/// Time within which the read models must have read the demo's data and the data of earlier runs.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(120);
/// Time after the failure of a child process in which the signal that ended it may still arrive.
const SIGNAL_DELAY: Duration = Duration::from_secs(1);
/// Time within which the remaining tasks of the runtime must end.
const RUNTIME_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Run the demo until Ctrl-C: a database, data and accounts, and the API on PORT
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ocpizza-manager demo --simulate")]
pub(crate) struct Args {
    #[command(flatten)]
    data_dir: DataDir,
    /// Erase the private database first
    #[arg(long)]
    fresh: bool,
    /// Listen on this address; on any other than 127.0.0.1, every client that reaches it can sign in with the demo's passwords
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = ip_address)]
    listen: IpAddr,
    /// Simulate an evening through the API: customers order, cooks cook, couriers deliver
    #[arg(long)]
    simulate: bool,
    /// Speed of the evening: at 1, a few orders per minute
    #[arg(long, value_name = "N", default_value_t = 3, requires = "simulate", value_parser = number(1_u64..=100))]
    speed: u64,
    /// Seed of the random generator: the same seed makes the same choices
    #[arg(long, value_name = "N", default_value_t = 1, requires = "simulate", value_parser = number(0..=u64::MAX))]
    seed: u64,
    /// Do not install or download PostgreSQL if this machine has none
    #[arg(long)]
    no_install: bool,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let mut settings = Settings::load()?;
    production::check_demo(&settings)?;
    settings.mail_dir.get_or_insert_with(|| args.data_dir.data_dir.join("mail"));
    // Few lines, so that the summary stays readable.
    logs::start(settings.environment, "warn");
    let postgres = match &settings.database_url {
        Some(_) if args.fresh => {
            bail!("--fresh erases the private database only: unset DATABASE_URL to use that one")
        }
        Some(_) => None,
        None => Some(&args.data_dir.data_dir),
    };
    if let Some(data_dir) = postgres.filter(|data_dir| private_postgres::running_url(data_dir).is_some()) {
        bail!(
            "a demo already runs on {}: stop it, or choose another --data-dir and PORT",
            data_dir.display()
        );
    }
    let listener = listen(Some(args.listen), settings.port)?;
    if !args.listen.to_canonical().is_loopback() {
        note(format_args!(
            "warning: the demo listens on {}: every client that reaches it can sign in with the demo's published passwords",
            args.listen
        ));
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let stop = runtime.block_on(async { Stop::listen() })?;
    // Outside the runtime, because it blocks and outlives its users.
    let postgres = match postgres.map(|_| start_postgres(&args, &stop)).transpose() {
        Ok(started) => started,
        Err(failed) => {
            // Ctrl-C at a terminal also goes to child processes, which may end before this process receives it: that
            // is a stop and not a failure.
            let signalled = async { tokio::time::timeout(SIGNAL_DELAY, stop.clone().asked()).await };
            return match runtime.block_on(signalled) {
                Ok(()) => {
                    say("Stopped.");
                    Ok(())
                }
                Err(_elapsed) => Err(failed),
            };
        }
    };
    let url = match (&postgres, &settings.database_url) {
        (Some(postgres), _) => postgres.database_url(DATABASE).into(),
        (None, Some(url)) => url.clone(),
        (None, None) => bail!("no database"),
    };
    let done = runtime.block_on(play(&args, &settings, &url, listener, stop));
    runtime.shutdown_timeout(RUNTIME_SHUTDOWN_TIMEOUT);
    let kept = postgres.map(|postgres| {
        postgres.stop();
        format!(", the database too; its data is kept in {}", args.data_dir.data_dir.display())
    });
    done?;
    say(format_args!("Stopped{}.", kept.unwrap_or_default()));
    Ok(())
}

fn start_postgres(args: &Args, stop: &Stop) -> anyhow::Result<PrivatePostgres> {
    let data_dir = &args.data_dir.data_dir;
    if args.fresh {
        private_postgres::erase(data_dir)?;
    }
    say(format_args!("Starting a private PostgreSQL in {} …", data_dir.display()));
    let stop = stop.clone();
    Ok(PrivatePostgres::start(Options {
        data_dir: data_dir.clone(),
        durability: Durability::Durable,
        may_install: !args.no_install,
        max_connections: 100,
        on_notice: Box::new(|notice| say(notice)),
        is_stopped: Box::new(move || stop.is_asked()),
    })?)
}

async fn play(
    args: &Args,
    settings: &Settings,
    url: &SecretString,
    listener: TcpListener,
    stop: Stop,
) -> anyhow::Result<()> {
    let at = reachable(listener.local_addr()?);
    let (app, pool) = tokio::select! {
        ready = prepare(settings, url) => ready?,
        () = stop.clone().asked() => return Ok(()),
    };
    let app = std::sync::Arc::new(app);
    // The server stops after the evening has ended: its last step still needs the API.
    let (shut, shutting) = oneshot::channel::<()>();
    let server = app.clone();
    let mut serving = tokio::spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let shutting = async {
            let _ = shutting.await;
        };
        server.serve(listener, shutting).await
    });
    let simulation = if args.simulate { Some(simulate(args, at, &app).await?) } else { None };
    let data_dir = args.data_dir.data_dir.display().to_string();
    welcome(settings, at, &app, &data_dir).await?;

    tokio::select! {
        () = watch(&pool, simulation.as_ref()) => {}
        ended = &mut serving => ended.context("the server failed")??,
        () = stop.asked() => {}
    }
    if let Some(simulation) = simulation {
        simulation.stop().await;
    }
    drop(shut);
    if tokio::time::timeout(RUNTIME_SHUTDOWN_TIMEOUT * 2, &mut serving).await.is_err() {
        serving.abort();
    }
    if let Some(app) = std::sync::Arc::into_inner(app) {
        serve::close(app, pool).await;
    }
    Ok(())
}

/// Prepares everything but the listening: tables, data, and read models that have read it.
async fn prepare(settings: &Settings, url: &SecretString) -> anyhow::Result<(App, PgPool)> {
    let mut connection = database::connect(url).await?;
    migrate::migrate(&mut connection).await.context("cannot migrate the database")?;
    connection.close().await?;
    let pool = database::serving_pool(url, POOL_CONNECTIONS).await?;
    let app = serve::start(&pool, settings).await?;
    let head = demo::seed(&app.store, Clock::system().now()).await?;
    app.read_models.wait_for(Model::ALL, head, CATCH_UP_TIMEOUT).await?;
    Ok((app, pool))
}

/// Returns an address at which this machine reaches a listener: clients cannot connect to `0.0.0.0` and `[::]`.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let address = listening.ip().to_canonical();
    SocketAddr::new(
        if address.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address },
        listening.port(),
    )
}

async fn simulate(args: &Args, at: SocketAddr, app: &App) -> anyhow::Result<Simulation> {
    let mut people = Vec::new();
    for account in demo::accounts() {
        let token = app.issue_token(&account.email).await?.into();
        people.push(Person { account, token });
    }
    #[allow(clippy::cast_precision_loss)] // at most 100
    let speed = args.speed as f64;
    let url = format!("http://{at}");
    Ok(Simulation::start(Script { url, people, speed, seed: args.seed }))
}

async fn welcome(settings: &Settings, at: SocketAddr, app: &App, data_dir: &str) -> anyhow::Result<()> {
    let token: SecretString = app.issue_token("customer1@ocpizza.example").await?.into();
    let command = std::env::args().next().unwrap_or_else(|| "ocpizza-manager".to_owned());
    let kept = || format!("{data_dir}, kept between runs; --fresh starts over");
    let (data, option) = match (&settings.database_url, data_dir) {
        (Some(_), _) => ("the database of DATABASE_URL".to_owned(), String::new()),
        (None, database::DATA_DIR) => (kept(), String::new()),
        (None, dir) => (kept(), format!(" --data-dir {dir}")),
    };
    crate::report::print(screen::welcome(at, &data, &command, &option, token.expose_secret()));
    Ok(())
}

/// Shows the summary periodically.
async fn watch(pool: &PgPool, simulation: Option<&Simulation>) {
    let mut screen = Screen::of_stdout();
    let mut ticks = tokio::time::interval(screen.period());
    loop {
        ticks.tick().await;
        let tally = simulation.map(Simulation::tally);
        screen.show(&Summary::gather(pool).await, tally.as_ref());
    }
}
