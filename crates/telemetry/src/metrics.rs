//! The metrics of a process, in the text format of Prometheus: which there are, the recorder, and who may read
//! them. `docs/metrics.md` says what each means; a test holds the two together.

use std::sync::{Arc, LazyLock};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use futures_util::future::BoxFuture;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use projections::Model;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often values fell into buckets, with their sum and number.
    Histogram,
}

impl Kind {
    /// As the text format says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

use Kind::{Counter, Gauge, Histogram};

/// Every metric: its name, what it is, and what it says in one line.
pub const METRICS: &[(&str, Kind, &str)] = &[
    ("ocpizza_append_batch_commands", Histogram, "Commands that one append statement stored."),
    ("ocpizza_append_batch_events", Histogram, "Events that one append statement stored."),
    ("ocpizza_append_batch_seconds", Histogram, "How long one append statement took."),
    (
        "ocpizza_append_conflicts_total",
        Counter,
        "Batches that others were quicker than, and that were settled.",
    ),
    ("ocpizza_append_queue_depth", Gauge, "Commands that wait for the appender."),
    ("ocpizza_build_info", Gauge, "Always 1; version, revision and schema are its labels."),
    ("ocpizza_command_seconds", Histogram, "How long a command took, from its load to its answer."),
    ("ocpizza_commands_total", Counter, "Commands by name and by how they ended."),
    ("ocpizza_connections", Gauge, "Open connections of clients, WebSockets and event streams among them."),
    ("ocpizza_connections_max", Gauge, "The most connections that the process serves in full."),
    (
        "ocpizza_connections_refused_total",
        Counter,
        "Connections beyond the bound of their address or of the process, by which of the two.",
    ),
    ("ocpizza_database_acquire_seconds", Gauge, "How long a connection was waited for at this scrape."),
    ("ocpizza_database_connections", Gauge, "Connections of the pool, by state."),
    ("ocpizza_database_connections_max", Gauge, "The most connections that the pool opens."),
    ("ocpizza_database_up", Gauge, "1 when the database answered at this scrape, else 0."),
    ("ocpizza_event_streams", Gauge, "Open event streams (server-sent events)."),
    ("ocpizza_events_appended_total", Counter, "Events that this process stored."),
    ("ocpizza_http_request_seconds", Histogram, "How long a request took to its answer's head, by route."),
    ("ocpizza_http_requests_total", Counter, "Requests by route and status."),
    ("ocpizza_log_position", Gauge, "The last position of the log that this process knows."),
    ("ocpizza_maintenance", Gauge, "1 while the application is under maintenance, else 0."),
    ("ocpizza_mutation_seconds", Histogram, "How long a mutation took, by its name."),
    ("ocpizza_mutations_total", Counter, "Mutations by name and outcome."),
    ("ocpizza_operation_seconds", Histogram, "How long a query or a mutation took, by kind."),
    ("ocpizza_operations_total", Counter, "GraphQL operations by kind and outcome."),
    ("ocpizza_payments_settled_total", Counter, "Interrupted payments that were settled, by how they ended."),
    ("ocpizza_process_start_time_seconds", Gauge, "When the process started, in seconds since 1970."),
    ("ocpizza_projection_batch_seconds", Histogram, "How long a read model took for a batch of events."),
    ("ocpizza_projection_failures_total", Counter, "How often an event stopped a read model."),
    ("ocpizza_projection_lag_events", Gauge, "Events that a read model has not counted yet."),
    ("ocpizza_projection_lag_seconds", Gauge, "Age of the first event that a read model has not counted."),
    ("ocpizza_projection_stopped", Gauge, "1 when an event has stopped the read model, else 0."),
    ("ocpizza_rate_limited_total", Counter, "Requests that came too fast, by what was counted."),
    ("ocpizza_reactor_failures_total", Counter, "How often an event stopped a reactor."),
    ("ocpizza_reactor_lag_events", Gauge, "Events that a reactor has not followed yet."),
    ("ocpizza_reactor_lag_seconds", Gauge, "Age of the first event that a reactor has not followed."),
    ("ocpizza_reactor_stopped", Gauge, "1 when an event has stopped the reactor, else 0."),
    ("ocpizza_sealed_position", Gauge, "The last position of the log that is sealed."),
    ("ocpizza_sealing_lag_events", Gauge, "Events that are not sealed yet."),
    ("ocpizza_sealing_lag_seconds", Gauge, "Age of the first event that is not sealed."),
    ("ocpizza_sealing_stopped", Gauge, "1 when nothing can be sealed on top of what is, else 0."),
    ("ocpizza_stuck_orders", Gauge, "Open orders that are far too late in their state."),
    ("ocpizza_subscriptions", Gauge, "Open subscriptions, over every transport."),
    ("ocpizza_websocket_connections", Gauge, "Open WebSockets."),
];

/// Of durations, in seconds: from a command in memory to the longest that anything may take.
const SECONDS: [f64; 13] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
/// Of batches, in pieces; a queue holds 256 commands.
const PIECES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0];

/// The recorder of the process's metrics; none when something else records them.
static RECORDER: LazyLock<Option<PrometheusHandle>> = LazyLock::new(|| {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Prefix("ocpizza_append_batch_".to_owned()), &PIECES)
        });
    let handle = builder.ok()?.install_recorder().ok()?;
    describe();
    Some(handle)
});

/// Starts recording metrics, once a process: before anything that keeps a handle.
pub fn record() {
    LazyLock::force(&RECORDER);
}

/// Names every metric, and has those that count faults begin at zero: who waits for the first one must see it.
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

/// Who may read the metrics. They name nobody, but they do tell how busy each pizzeria is.
#[derive(Debug, Clone, Default)]
pub enum Readers {
    /// Anybody: in development.
    #[default]
    Anybody,
    /// Nobody: in production, until a token is set.
    Nobody,
    /// Whoever shows the token.
    Bearers(SecretString),
}

/// Why the metrics are not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// Nobody may.
    FromAll,
    /// The token is missing, or another one.
    WrongToken,
}

/// Brings the gauges up to date that are read from the services of a process.
pub trait Sample: std::fmt::Debug + Send + Sync {
    /// Sets the gauges; bounded in time, and at most once a second.
    fn sample(&self) -> BoxFuture<'_, ()>;
}

/// The metrics, and who may read them. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    readers: Readers,
    sampler: Arc<dyn Sample>,
}

impl Metrics {
    /// Metrics that `sampler` completes at each scrape.
    pub fn new(sampler: Arc<dyn Sample>, readers: Readers) -> Self {
        Self { readers, sampler }
    }

    /// Whether a request may read them.
    ///
    /// # Errors
    /// [`Hidden`].
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), Hidden> {
        match &self.readers {
            Readers::Anybody => Ok(()),
            Readers::Nobody => Err(Hidden::FromAll),
            Readers::Bearers(token) => {
                let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
                let given = given.and_then(|text| text.trim().split_once(' '));
                let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
                // Of digests, so that the time it takes tells nothing of the token.
                let same = |given: &str| {
                    Sha256::digest(given.trim()) == Sha256::digest(token.expose_secret().trim())
                };
                if given.is_some_and(|(_, given)| same(given)) { Ok(()) } else { Err(Hidden::WrongToken) }
            }
        }
    }

    /// The metrics as they are now; none when something else records them.
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
