//! Logs: to stderr, because stdout is for what was asked; JSON in production, readable otherwise. Never a
//! token, a password, a contact or a payload, whatever `RUST_LOG` says.

use std::panic::PanicHookInfo;

use graphql::config::Environment;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// Our own crates: what they say, they were made to say.
const OURS: [&str; 5] = ["domain", "event_store", "graphql", "ocpizza_manager", "projections"];

/// Starts logging. `RUST_LOG` wins over the level given, but for other people's crates: below `INFO` those
/// write down what passes through them, headers and messages with all that is in them.
pub(crate) fn start(environment: Environment, level: &str) {
    let asked = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let logs = fmt::layer().with_writer(std::io::stderr);
    let logs = match environment {
        Environment::Production => logs.json().flatten_event(true).boxed(),
        Environment::Development => logs.boxed(),
    };
    let logs = tracing_subscriber::registry().with(asked).with(filter_fn(is_harmless)).with(logs);
    // Not `init`, which would also take what crates say through `log`: a WebSocket's messages, for one. Fails
    // only when it was done before.
    let _ = tracing::subscriber::set_global_default(logs);
    std::panic::set_hook(Box::new(note));
}

fn is_harmless(metadata: &Metadata<'_>) -> bool {
    let krate = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO || OURS.contains(&krate)
}

/// Says where a panic was. Its words only where the program wrote them: those that were put together may
/// hold what a client sent.
fn note(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let words = panic.payload().downcast_ref::<&'static str>().copied();
    tracing::error!(place, words, "panicked");
}
