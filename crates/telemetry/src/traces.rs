//! Traces by OTLP over HTTP, if an endpoint is set (`OTEL_EXPORTER_OTLP_ENDPOINT` and the other standard variables of
//! OpenTelemetry). Requests continue the trace of their `traceparent`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Service name in traces, unless `OTEL_SERVICE_NAME` is set.
const SERVICE_NAME: &str = "ocpizza-manager";
/// Time limit for sending the last spans.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// Whether spans are sent; if not, `traceparent` is ignored.
static IS_TRACING: AtomicBool = AtomicBool::new(false);

/// The exporter of spans; sends them until it is closed.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts the exporter if the environment sets an endpoint.
    ///
    /// # Errors
    /// If a variable is invalid.
    pub fn start() -> Result<Option<Self>, ExporterBuildError> {
        let set = |name| std::env::var(name).is_ok_and(|value: String| !value.trim().is_empty());
        let disabled =
            std::env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
        let wanted = set("OTEL_EXPORTER_OTLP_ENDPOINT") || set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        if !wanted || disabled {
            return Ok(None);
        }
        let exporter = SpanExporter::builder().with_http().build()?;
        let mut resource = Resource::builder();
        if !set("OTEL_SERVICE_NAME") {
            resource = resource.with_service_name(SERVICE_NAME);
        }
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        IS_TRACING.store(true, Ordering::Relaxed);
        Ok(Some(Self(provider)))
    }

    /// Returns the tracer of the service.
    pub fn tracer(&self) -> SdkTracer {
        self.0.tracer(SERVICE_NAME)
    }

    /// Sends the remaining spans; returns whether they were sent in time.
    pub fn close(self) -> bool {
        IS_TRACING.store(false, Ordering::Relaxed);
        self.0.shutdown_with_timeout(SHUTDOWN_TIMEOUT).is_ok()
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

/// Adds a request's span to the trace of its `traceparent` (W3C Trace Context), if it has one.
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    if IS_TRACING.load(Ordering::Relaxed) && headers.contains_key("traceparent") {
        let parent = TraceContextPropagator::new().extract(&Headers(headers));
        // Fails for a span that is not recorded.
        let _ = span.set_parent(parent);
    }
}
