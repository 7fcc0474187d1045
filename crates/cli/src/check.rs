//! `check`: checks that a deployment answers, and with `--functional` that orders go through it.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chrono::TimeDelta;
use clap::ValueEnum;
use identity::accounts::{self, ServerKey};
use identity::clock::Clock;
use secrecy::SecretString;
use serde_json::json;
use server::check::{Report, Target, check, functional};
use server::config::{Environment, Settings};
use server::production;
use sqlx::PgPool;
use uuid::Uuid;

use crate::arguments::number;
use crate::database::{self, DataDir};
use crate::logs;
use crate::report::{print, say};

/// Time between two checks of a deployment that is not ready yet.
const RETRY_DELAY: Duration = Duration::from_millis(500);
/// Lifetime of the token of one run: longer than any run takes.
const TOKEN_LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// Check that a deployment answers as it should or, with --functional, that orders go through it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ocpizza-manager check https://pizza.example\n  ocpizza-manager check --functional https://pizza.example\n\nThe functional check works in a pizzeria of its own, which counts in no sales. It needs DATABASE_URL and\nOCPIZZA_MANAGER_KEY, or OCPIZZA_MANAGER_CHECK_TOKEN, which `token --functional-check` prints."
)]
pub(crate) struct Args {
    /// Address of the deployment
    #[arg(value_name = "URL")]
    url: String,
    /// Place, cancel, make, deliver and hand over orders, and check the results
    #[arg(long)]
    functional: bool,
    /// Seconds to repeat the check until it passes
    #[arg(long, value_name = "SECONDS", default_value_t = 0, conflicts_with = "functional",
          value_parser = number(0_u64..=3600))]
    wait: u64,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
    /// Environment to expect: in production, what is open to developers is a fault [default: that of ENV]
    #[arg(long, value_name = "ENV", ignore_case = true)]
    environment: Option<As>,
    /// Token of the functional check
    #[arg(long, env = "OCPIZZA_MANAGER_CHECK_TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    data_dir: DataDir,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum As {
    Production,
    Development,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = Settings::load()?;
    logs::start(settings.environment, "error");
    let clock = Clock::system();
    let run = format!("check-{}", Uuid::new_v4().simple());
    let target = Target::new(&args.url, &run)?;
    if args.functional {
        let report = functionally(&args, &settings, &target, &run, clock).await?;
        tell(&report, args.json, "Functional check passed", "the functional check failed")
    } else {
        let environment = args.environment.unwrap_or(match settings.environment {
            Environment::Production => As::Production,
            Environment::Development => As::Development,
        });
        let report = until_passed(&target, clock, environment == As::Production, args.wait).await;
        tell(&report, args.json, "Deployed", "not deployed")
    }
}

/// Checks until everything passes or the time is over.
async fn until_passed(target: &Target, clock: Clock, production: bool, seconds: u64) -> Report {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        let report = check(target, clock, production).await;
        if report.cause().is_none() || Instant::now() >= deadline {
            return report;
        }
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

async fn functionally(
    args: &Args,
    settings: &Settings,
    target: &Target,
    run: &str,
    clock: Clock,
) -> anyhow::Result<Report> {
    if let Some(token) = &args.token {
        let token = SecretString::from(token.clone());
        return Ok(functional::check(&target.with_token(token), target, run, clock).await);
    }
    production::check_settings(settings)?;
    let url = database::url(settings, &args.data_dir).context(
        "the functional check needs DATABASE_URL and OCPIZZA_MANAGER_KEY, or OCPIZZA_MANAGER_CHECK_TOKEN",
    )?;
    let pool: PgPool = database::pool(&url, 1).await?;
    let key = ServerKey::or_development(settings.signing_key(), &pool).await?;
    let token = accounts::issue_check_token(&pool, &key, TOKEN_LIFETIME, clock.now()).await?;
    let report = functional::check(&target.with_token(token.clone().into()), target, run, clock).await;
    // If this fails, the token expires.
    let _ = accounts::end_token(&pool, &key, &token).await;
    Ok(report)
}

fn tell(report: &Report, as_json: bool, good: &str, bad: &str) -> anyhow::Result<()> {
    let cause = report.cause();
    if as_json {
        say(json!({ "ok": cause.is_none(), "cause": cause, "findings": report.findings }));
    } else {
        print(report);
    }
    match cause {
        Some(cause) => bail!("{bad}: {cause}"),
        None if as_json => Ok(()),
        None => {
            say(good);
            Ok(())
        }
    }
}
