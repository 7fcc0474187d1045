//! Traces by OTLP over HTTP, when an endpoint is set (`OTEL_EXPORTER_OTLP_ENDPOINT` and the other standard
//! variables of OpenTelemetry); otherwise nothing of this runs. A trace that a request is part of goes on.

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

/// What a service is called where traces are kept, unless `OTEL_SERVICE_NAME` says otherwise.
const SERVICE: &str = "ocpizza-manager";
/// How long the last spans may take to be sent.
const FAREWELL: Duration = Duration::from_secs(3);

/// Whether spans are sent anywhere: without it a request's headers are not looked at for a trace.
static TRACING: AtomicBool = AtomicBool::new(false);

/// Sends spans until it is closed.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts sending, if the environment names an endpoint.
    ///
    /// # Errors
    /// When what is set cannot be used.
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
            resource = resource.with_service_name(SERVICE);
        }
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        TRACING.store(true, Ordering::Relaxed);
        Ok(Some(Self(provider)))
    }

    /// What spans are made with.
    pub fn tracer(&self) -> SdkTracer {
        self.0.tracer(SERVICE)
    }

    /// Sends what there still is; whether it went out in time.
    pub fn close(self) -> bool {
        TRACING.store(false, Ordering::Relaxed);
        self.0.shutdown_with_timeout(FAREWELL).is_ok()
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

/// Makes a request's span part of the trace that its `traceparent` names (W3C Trace Context), if it names one.
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    if TRACING.load(Ordering::Relaxed) && headers.contains_key("traceparent") {
        let parent = TraceContextPropagator::new().extract(&Headers(headers));
        // Fails for a span that nobody records: there is nothing to go on with, then.
        let _ = span.set_parent(parent);
    }
}
