//! Logs: of a process that serves to stdout, where platforms read them; else to stderr, because stdout is for
//! what was asked. JSON in production, readable otherwise. Never a token, a password, a contact or a payload,
//! whatever `RUST_LOG` says.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use anyhow::anyhow;
use event_store::SPANS;
use server::config::Environment;
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

/// Starts logging. `RUST_LOG` wins over the level given, but for other people's crates: below `INFO` those
/// write down what passes through them, headers and messages with all that is in them.
pub(crate) fn start(environment: Environment, level: &str) {
    let terminal = std::io::stderr().is_terminal();
    // A command may read the whole log: that its statements are slow is no news.
    let level = &format!("{level},sqlx::query=error");
    start_to(environment, level, BoxMakeWriter::new(std::io::stderr), terminal, None);
}

/// The same for a process that serves: to stdout, and its spans to where traces are kept, if that is set.
pub(crate) fn start_serving(environment: Environment) -> anyhow::Result<Option<Traces>> {
    // The library's own message quotes the address, which may hold a token.
    let traces = Traces::start().map_err(|_| {
        anyhow!("OTEL_EXPORTER_OTLP_ENDPOINT: not an address that traces can be sent to, such as http://127.0.0.1:4318")
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
    // What is said within a span is for the log: here its words could hold what was sent.
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
    // Not `init`, which would also take what crates say through `log`: a WebSocket's messages, for one. Fails
    // only when it was done before.
    let _ = tracing::subscriber::set_global_default(logs);
    std::panic::set_hook(Box::new(note));
}

fn is_harmless(metadata: &Metadata<'_>) -> bool {
    metadata.target() != SPANS && (*metadata.level() <= Level::INFO || is_ours(metadata))
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    OURS.contains(&metadata.target().split("::").next().unwrap_or_default())
}

/// Says where a panic was. Its words only where the program wrote them: those that were put together may
/// hold what a client sent.
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
