//! The paths of the API.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::Response;
use axum::routing::get;
use graphql::error::ErrorCode;
use telemetry::Metrics;
use tokio::sync::watch;

use super::admission::{self, Admission};
use super::browser::{self, Hardening};
use super::client_address::{self, TrustedProxies};
use super::execute::Api;
use super::negotiation::{MediaType, failure};
use super::origins::AllowedOrigins;
use super::{endpoint, framing, graphiql, health, rate_limit, request_id};

/// What the handlers share, and every connection that stays open: it is there once.
pub struct Server {
    /// Schema, services and limits.
    pub api: Api,
    /// Turns true when the process is about to end; connections hold receivers of it.
    pub stopping: Arc<watch::Sender<bool>>,
    /// Lets in what stays open.
    pub streams: Admission,
    /// The pages that may talk to the API.
    pub origins: AllowedOrigins,
    /// Whose word on where a request comes from is taken.
    pub proxies: TrustedProxies,
    /// Stand-ins for what production needs, as `/readyz` shows them. They do not make a process unready.
    pub stand_ins: Vec<serde_json::Value>,
    /// The process's metrics.
    pub metrics: Metrics,
    /// Whether GraphiQL is served.
    pub graphiql: bool,
    /// What every answer tells a browser about itself.
    pub hardening: Hardening,
}

/// Returns when the process is about to end.
pub(super) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // Without a sender it has ended.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// There is nothing at that path.
pub async fn nowhere() -> Response {
    let message = "no such path: the API is at /graphql";
    failure(StatusCode::NOT_FOUND, MediaType::Json, ErrorCode::NotFound, message, None)
}

/// GraphiQL's paths.
fn graphiql() -> Router<Arc<Server>> {
    Router::new()
        .route("/graphiql", get(graphiql::page))
        .route("/graphiql/operations.json", get(graphiql::examples))
        .route("/graphiql/{file}", get(graphiql::asset))
}

/// The paths of the API; GraphiQL's only where it is wanted.
pub fn router(server: Server) -> Router {
    let proxies = server.proxies.clone();
    let developing = if server.graphiql { graphiql() } else { Router::new() };
    Router::new()
        .merge(developing)
        .route("/graphql", get(endpoint::get).post(endpoint::post).fallback(endpoint::other_method))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/version", get(health::version))
        .route("/metrics", get(health::metrics))
        .fallback(nowhere)
        .layer(middleware::from_fn_with_state(server.api.limiter.clone(), rate_limit::limit))
        .layer(middleware::from_fn(admission::restrict))
        .layer(browser::cors(server.origins.clone()))
        .layer(middleware::from_fn(framing::guard))
        .layer(middleware::from_fn_with_state(proxies, client_address::identify))
        .layer(middleware::from_fn(request_id::identify))
        .layer(middleware::from_fn_with_state(server.hardening, browser::harden))
        .with_state(Arc::new(server))
}
