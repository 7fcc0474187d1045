//! The metrics of a process, in the text format of Prometheus: their list, the recorder, and access to them. A test
//! compares the list with `docs/metrics.md`, which explains each.

use std::sync::{Arc, LazyLock};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use futures_util::future::BoxFuture;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use projections::Model;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Never decreases.
    Counter,
    /// May increase and decrease.
    Gauge,
    /// Counts of values by bucket, with their sum and number.
    Histogram,
}

impl Kind {
    /// Returns the type's name in the text format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

use Kind::{Counter, Gauge, Histogram};

/// Name, type and help text of every metric.
pub const METRICS: &[(&str, Kind, &str)] = &[
    ("ocpizza_append_batch_commands", Histogram, "Commands that one append statement stored."),
    ("ocpizza_append_batch_events", Histogram, "Events that one append statement stored."),
    ("ocpizza_append_batch_seconds", Histogram, "Duration of one append statement."),
    (
        "ocpizza_append_conflicts_total",
        Counter,
        "Batches that conflicted with another writer and were settled.",
    ),
    ("ocpizza_append_queue_depth", Gauge, "Commands that wait for the appender."),
    ("ocpizza_build_info", Gauge, "Always 1; version, revision and schema are its labels."),
    ("ocpizza_command_seconds", Histogram, "Duration of a command, from its load to its result."),
    ("ocpizza_commands_total", Counter, "Commands by name and outcome."),
    ("ocpizza_connections", Gauge, "Open connections of clients, WebSockets and event streams among them."),
    ("ocpizza_connections_max", Gauge, "Limit on unrestricted connections of the process."),
    ("ocpizza_connections_refused_total", Counter, "Refused connections, by the exceeded limit."),
    ("ocpizza_database_acquire_seconds", Gauge, "Wait for a database connection at this scrape."),
    ("ocpizza_database_connections", Gauge, "Connections of the pool, by state."),
    ("ocpizza_database_connections_max", Gauge, "Limit on connections of the pool."),
    ("ocpizza_database_up", Gauge, "1 when the database answered at this scrape, else 0."),
    ("ocpizza_dead_letters", Gauge, "Commands of a policy that did not get through."),
    ("ocpizza_event_streams", Gauge, "Open event streams (server-sent events)."),
    ("ocpizza_events_appended_total", Counter, "Events that this process stored."),
    ("ocpizza_http_request_seconds", Histogram, "Duration of a request to its response's head, by route."),
    ("ocpizza_http_requests_total", Counter, "Requests by route and status."),
    ("ocpizza_log_position", Gauge, "The last position of the log that this process knows."),
    ("ocpizza_maintenance", Gauge, "1 while the application is under maintenance, else 0."),
    ("ocpizza_mutation_seconds", Histogram, "Duration of a mutation, by name."),
    ("ocpizza_mutations_total", Counter, "Mutations by name and outcome."),
    ("ocpizza_operation_seconds", Histogram, "Duration of queries and mutations, by kind."),
    ("ocpizza_operations_total", Counter, "GraphQL operations by kind and outcome."),
    ("ocpizza_payments_settled_total", Counter, "Interrupted payments that were settled, by outcome."),
    ("ocpizza_process_start_time_seconds", Gauge, "When the process started, in seconds since 1970."),
    ("ocpizza_projection_batch_seconds", Histogram, "Duration of a batch of events in a read model."),
    ("ocpizza_projection_failures_total", Counter, "Events that stopped a read model."),
    ("ocpizza_projection_lag_events", Gauge, "Events that a read model has not applied yet."),
    ("ocpizza_projection_lag_seconds", Gauge, "Age of the first event that a read model has not applied."),
    ("ocpizza_projection_stopped", Gauge, "1 when an event has stopped the read model, else 0."),
    ("ocpizza_rate_limited_total", Counter, "Requests that exceeded a rate limit, by limit."),
    ("ocpizza_reactor_failures_total", Counter, "Events that stopped a reactor."),
    ("ocpizza_reactor_lag_events", Gauge, "Events that a reactor has not processed yet."),
    ("ocpizza_reactor_lag_seconds", Gauge, "Age of the first event that a reactor has not processed."),
    ("ocpizza_reactor_stopped", Gauge, "1 when an event has stopped the reactor, else 0."),
    ("ocpizza_sealed_position", Gauge, "The last position of the log that is sealed."),
    ("ocpizza_sealing_lag_events", Gauge, "Events that are not sealed yet."),
    ("ocpizza_sealing_lag_seconds", Gauge, "Age of the first event that is not sealed."),
    ("ocpizza_sealing_stopped", Gauge, "1 when sealing has stopped, else 0."),
    ("ocpizza_stuck_orders", Gauge, "Open orders that have been in their state for too long."),
    ("ocpizza_subscriptions", Gauge, "Open subscriptions, over every transport."),
    ("ocpizza_websocket_connections", Gauge, "Open WebSockets."),
];

/// Histogram buckets of durations: from a command in memory to the longest time limit.
const SECONDS: [f64; 13] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
/// Histogram buckets of batch sizes; a queue holds 256 commands.
const BATCH_SIZES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0];

/// Recorder of the process's metrics; `None` if another recorder is installed.
static RECORDER: LazyLock<Option<PrometheusHandle>> = LazyLock::new(|| {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Prefix("ocpizza_append_batch_".to_owned()), &BATCH_SIZES)
        });
    let handle = builder.ok()?.install_recorder().ok()?;
    describe();
    Some(handle)
});

/// Starts recording metrics. Must be called before any metric handle is created.
pub fn record() {
    LazyLock::force(&RECORDER);
}

/// Describes every metric and sets counters of faults to zero, so that the first fault shows as a change.
fn describe() {
    for (name, kind, what) in METRICS.iter().copied() {
        match kind {
            Counter => metrics::describe_counter!(name, what),
            Gauge => metrics::describe_gauge!(name, what),
            Histogram => metrics::describe_histogram!(name, what),
        }
    }
    for by in ["account", "address", "subscriptions"] {
        metrics::counter!("ocpizza_rate_limited_total", "by" => by).absolute(0);
    }
    for model in Model::ALL {
        metrics::counter!("ocpizza_projection_failures_total", "model" => model.name()).absolute(0);
    }
    for policy in domain::policies::ALL {
        metrics::counter!("ocpizza_reactor_failures_total", "reactor" => policy.name).absolute(0);
    }
    for name in [
        "ocpizza_connections",
        "ocpizza_websocket_connections",
        "ocpizza_event_streams",
        "ocpizza_subscriptions",
    ] {
        metrics::gauge!(name).set(0.0);
    }
}

/// Access to the metrics. They contain no personal data, but reveal the load of each pizzeria.
#[derive(Debug, Clone, Default)]
pub enum MetricsAccess {
    /// Every caller may read them: the default in development.
    #[default]
    Public,
    /// No caller may read them: the default in production.
    Disabled,
    /// Callers with this bearer token may read them.
    Token(SecretString),
}

/// Why access to the metrics is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsDenied {
    /// Access is disabled.
    Disabled,
    /// The token is missing or wrong.
    WrongToken,
}

/// Updates the gauges that are read from the services of a process.
pub trait Sample: std::fmt::Debug + Send + Sync {
    /// Sets the gauges; bounded in time, and at most once a second.
    fn sample(&self) -> BoxFuture<'_, ()>;
}

/// The metrics and the access to them. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    access: MetricsAccess,
    sampler: Arc<dyn Sample>,
}

impl Metrics {
    /// Creates the metrics, which `sampler` updates at each scrape.
    pub fn new(sampler: Arc<dyn Sample>, access: MetricsAccess) -> Self {
        Self { access, sampler }
    }

    /// Checks whether a request may read the metrics.
    ///
    /// # Errors
    /// [`MetricsDenied`].
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), MetricsDenied> {
        match &self.access {
            MetricsAccess::Public => Ok(()),
            MetricsAccess::Disabled => Err(MetricsDenied::Disabled),
            MetricsAccess::Token(token) => {
                let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
                let given = given.and_then(|text| text.trim().split_once(' '));
                let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
                // Compares digests, so that the duration reveals nothing about the token.
                let same = |given: &str| {
                    Sha256::digest(given.trim()) == Sha256::digest(token.expose_secret().trim())
                };
                if given.is_some_and(|(_, given)| same(given)) {
                    Ok(())
                } else {
                    Err(MetricsDenied::WrongToken)
                }
            }
        }
    }

    /// Returns the current metrics; `None` if another recorder is installed.
    pub async fn render(&self) -> Option<String> {
        self.sampler.sample().await;
        let recorder = RECORDER.as_ref()?;
        recorder.run_upkeep();
        Some(recorder.render())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        assert!(METRICS.is_sorted_by(|a, b| a.0 < b.0));
        for (name, kind, what) in METRICS {
            assert!(name.starts_with("ocpizza_") && what.ends_with('.'), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Counter, "{name}");
            assert!(!["_ms", "_millis", "_minutes"].iter().any(|unit| name.ends_with(unit)), "{name}");
        }
    }
}
