//! Logs: on stdout for a serving process, where platforms read them; on stderr for commands, whose output is on stdout.
//! JSON in production. Never a token, a password, a contact or a payload, whatever `RUST_LOG` is.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use anyhow::anyhow;
use event_store::SPANS;
use server::config::{Environment, Settings};
use telemetry::traces::Traces;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// Crates of this workspace, whose log lines never hold what a client sent. A test compares them with `Cargo.toml`.
const OURS: &[&str] = &[
    "backup",
    "document",
    "domain",
    "event_store",
    "export",
    "graphql",
    "http_api",
    "identity",
    "mail",
    "messages",
    "ocpizza_manager",
    "payments",
    "private_postgres",
    "projections",
    "server",
    "simulation",
    "telemetry",
    "transparency",
];

/// Loads the settings of a command, and starts logging its warnings.
pub(crate) fn start_command() -> anyhow::Result<Settings> {
    let settings = Settings::load()?;
    start(settings.environment, "warn");
    Ok(settings)
}

/// Starts logging. `RUST_LOG` overrides the level, except for external crates: below `INFO` they log headers and
/// messages with their contents.
pub(crate) fn start(environment: Environment, level: &str) {
    let terminal = std::io::stderr().is_terminal();
    // A command may read the whole log: its slow statements are expected.
    let level = &format!("{level},sqlx::query=error");
    start_to(environment, level, BoxMakeWriter::new(std::io::stderr), terminal, None);
}

/// Starts logging to stdout for a serving process, and sends spans to the destination of traces, if one is set.
pub(crate) fn start_serving(environment: Environment) -> anyhow::Result<Option<Traces>> {
    // The library's own message quotes the address, which may hold a token.
    let traces = Traces::start().map_err(|_| {
        anyhow!("OTEL_EXPORTER_OTLP_ENDPOINT must be an address such as http://127.0.0.1:4318; the value set is not shown because it may hold a token")
    })?;
    let terminal = std::io::stdout().is_terminal();
    start_to(environment, "info", BoxMakeWriter::new(std::io::stdout), terminal, traces.as_ref());
    Ok(traces)
}

fn start_to(
    environment: Environment,
    level: &str,
    output: BoxMakeWriter,
    terminal: bool,
    traces: Option<&Traces>,
) {
    let asked = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let logs = fmt::layer().with_writer(output).with_ansi(terminal);
    let logs = match environment {
        Environment::Production => logs.json().flatten_event(true).with_span_list(false).boxed(),
        Environment::Development => logs.boxed(),
    };
    let logs = logs.with_filter(asked.and(filter_fn(is_harmless)));
    // Events within a span go to the log only: their text could hold what a client sent.
    let spans = |metadata: &Metadata<'_>| {
        metadata.is_span()
            && *metadata.level() <= Level::INFO
            && (metadata.target() == SPANS || is_ours(metadata))
    };
    let traces = traces.map(|traces| {
        let layer = tracing_opentelemetry::layer().with_tracer(traces.tracer());
        layer.with_location(false).with_threads(false).with_filter(filter_fn(spans))
    });
    let logs = tracing_subscriber::registry().with(logs).with(traces);
    // Not `init`, which would also take records of the crate `log`, such as a WebSocket's messages. Fails only if
    // logging was started before.
    let _ = tracing::subscriber::set_global_default(logs);
    std::panic::set_hook(Box::new(note));
}

fn is_harmless(metadata: &Metadata<'_>) -> bool {
    metadata.target() != SPANS && (*metadata.level() <= Level::INFO || is_ours(metadata))
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    OURS.contains(&metadata.target().split("::").next().unwrap_or_default())
}

/// Logs the place of a panic, and its message if that is a literal: a formatted one may hold what a client sent.
fn note(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let words = panic.payload().downcast_ref::<&'static str>().copied();
    tracing::error!(place, words, "panicked");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_of_the_workspace_is_ours() {
        let manifest = include_str!("../../../Cargo.toml");
        let local = manifest.lines().filter_map(|line| line.split_once(" = { path = ")).map(|(name, _)| name);
        let mut crates: Vec<&str> = local.chain(["ocpizza_manager"]).collect();
        crates.sort_unstable();
        assert_eq!(crates, OURS);
    }
}
