//! Logs: to stderr, because stdout is for what was asked; JSON in production, readable otherwise.

use graphql::config::Environment;
use tracing_subscriber::EnvFilter;

/// Starts logging. `RUST_LOG` wins over the level given.
pub(crate) fn start(environment: Environment, level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match environment {
        Environment::Production => logs.json().flatten_event(true).init(),
        Environment::Development => logs.init(),
    }
}
