//! The state that the request handlers and open connections of a process share.

use std::sync::Arc;

use telemetry::Metrics;
use tokio::sync::watch;

use super::admission::Admission;
use super::api::Api;
use super::browser::Hardening;
use super::client_address::TrustedProxies;
use super::origins::AllowedOrigins;

/// Shared state of the handlers and open connections.
pub struct Server {
    /// Schema, services and limits.
    pub api: Api,
    /// Becomes true when the process begins to stop; connections hold receivers of it.
    pub stopping: Arc<watch::Sender<bool>>,
    /// Admits WebSockets and event streams.
    pub streams: Admission,
    /// Origins whose pages may call the API.
    pub origins: AllowedOrigins,
    /// Proxies whose `X-Forwarded-For` header is trusted.
    pub proxies: TrustedProxies,
    /// Stand-ins for production services, as `/readyz` shows them. They do not affect readiness.
    pub stand_ins: Vec<serde_json::Value>,
    /// Metrics of the process.
    pub metrics: Metrics,
    /// Whether GraphiQL is served.
    pub graphiql: bool,
    /// Security headers of every response.
    pub hardening: Hardening,
}

/// Returns when the process begins to stop.
pub(super) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // Fails only without a sender: the process has stopped.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
