//! Real clients against a real process: one test per script of this folder, each with a deadline. They need
//! Node.js 20 and npm; without them, every run reports that they are skipped.

#![allow(clippy::print_stderr)] // this is a test's output, which nothing captures

mod checkout;
mod packages;

use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Conclusion, Failed, Trial};
use tests::Demo;
use tests::processes::Process;
use tokio::runtime::Runtime;

use crate::checkout::Checkout;

/// Scripts, each `<name>.js`.
const SCRIPTS: [&str; 12] = [
    "audit",
    "validation",
    "nulls",
    "operations",
    "graphql-ws",
    "graphql-sse",
    "apollo",
    "urql",
    "relay",
    "schema",
    "lint",
    "typescript",
];
/// Deadline of a script; long, because machines are shared.
const DEADLINE: Duration = Duration::from_secs(180);
/// Minimum major version of Node.js.
const NODE: u32 = 20;
/// `required` turns skipping into a failure.
const REQUIRED: &str = "OCPIZZA_REAL_CLIENTS";

/// The scripts' server, started by the first and stopped after the last.
struct Setup {
    process: Process,
    demo: Demo,
    checkout: Checkout,
}

/// The server, or the reason why the scripts are skipped.
type Opened = OnceLock<Result<Setup, String>>;

/// Checks for Node.js and npm; the error names what is missing.
fn node() -> Result<(), String> {
    let version = |program: &str| {
        let output = Command::new(program).arg("--version").stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("`{program}` cannot be run: {error}"))?;
        Ok::<_, String>(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let node = version("node")?;
    let major = node.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE) {
        return Err(format!("Node.js is {node:?}, and the clients need {NODE}"));
    }
    version("npm").map(drop)
}

async fn open() -> Result<Setup, String> {
    node()?;
    let modules = packages::modules().await?;
    let checkout =
        Checkout::copy(&modules).map_err(|error| format!("the scripts cannot be copied: {error}"))?;
    let demo = Demo::create().await;
    let process = Process::serve(&demo.database.url).await;
    Ok(Setup { process, demo, checkout })
}

/// Runs a script; returns its output.
async fn play(setup: &Setup, script: &str) -> Result<String, Failed> {
    let mut command = tokio::process::Command::new("node");
    command
        .arg(format!("{script}.js"))
        .current_dir(setup.checkout.scripts())
        .env("OCPIZZA_URL", &setup.process.base)
        .env("OCPIZZA_CUSTOMER_TOKEN", setup.demo.token("customer1"))
        .env("OCPIZZA_COURIER_TOKEN", setup.demo.token("courier1.p1"))
        .env("OCPIZZA_MANAGER_TOKEN", setup.demo.token("manager.p1"))
        .env("OCPIZZA_DIRECTOR_TOKEN", setup.demo.token("director"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(DEADLINE, command.output()).await;
    let output = output.map_err(|_| format!("{script}.js did not end within {DEADLINE:?}"))??;
    let (told, complaints) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() {
        Ok(told.trim().to_owned())
    } else {
        Err(format!("{script}.js: {}\n{told}{complaints}", output.status).into())
    }
}

fn trial(script: &'static str, runtime: &Arc<Runtime>, opened: &Arc<Opened>) -> Trial {
    let (runtime, opened) = (runtime.clone(), opened.clone());
    Trial::ignorable_test(script, move || match opened.get_or_init(|| runtime.block_on(open())) {
        Ok(setup) => {
            let told = runtime.block_on(play(setup, script))?;
            eprintln!("  {}", told.replace('\n', "\n  "));
            Ok(Completion::Completed)
        }
        // Skipped, unless the clients are required.
        Err(reason) if std::env::var(REQUIRED).is_ok_and(|value| value == "required") => Err(reason.into()),
        Err(reason) => Ok(Completion::ignored_with(format!("SKIPPED: {reason}"))),
    })
}

/// Arguments of cargo, and the selected scripts: libtest-mimic accepts a single filter, cargo's own harness
/// several.
fn asked() -> (Arguments, Vec<&'static str>) {
    let (flags, filters): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    if filters.len() < 2 {
        return (Arguments::from_args(), SCRIPTS.to_vec());
    }
    let meant = |script: &&str| filters.iter().any(|filter| script.contains(filter.as_str()));
    let arguments = Arguments::from_iter(std::iter::once("clients".to_owned()).chain(flags));
    (arguments, SCRIPTS.iter().copied().filter(meant).collect())
}

fn run(arguments: &Arguments, scripts: &[&'static str]) -> Conclusion {
    #[allow(clippy::expect_used)] // a test run cannot go on without one
    let runtime = Arc::new(Runtime::new().expect("a runtime"));
    let opened = Arc::new(Opened::new());
    let trials = scripts.iter().map(|script| trial(script, &runtime, &opened)).collect();
    let conclusion = libtest_mimic::run(arguments, trials);
    if let Some(Err(reason)) = opened.get() {
        eprintln!("The real clients are SKIPPED: {reason}\n");
    }
    // Dropping the server needs the runtime.
    let _guard = runtime.enter();
    drop(opened);
    conclusion
}

fn main() {
    let (arguments, scripts) = asked();
    run(&arguments, &scripts).exit();
}
