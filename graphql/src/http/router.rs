//! The paths of the API.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::Response;
use axum::routing::get;
use tokio::sync::{Semaphore, watch};

use super::browser;
use super::client_address::{self, TrustedProxies};
use super::execute::Api;
use super::negotiation::{MediaType, failure};
use super::origins::AllowedOrigins;
use super::{graphql, health, request_id};
use crate::error::ErrorCode;

/// What the handlers share.
#[derive(Clone)]
pub struct Server {
    pub(crate) api: Api,
    /// Turns true when the process is about to end; connections hold receivers of it.
    pub(crate) stopping: Arc<watch::Sender<bool>>,
    /// One permit for each WebSocket that may be open.
    pub(crate) sockets: Arc<Semaphore>,
    /// The pages that may talk to the API.
    pub(crate) origins: AllowedOrigins,
    /// Whose word on where a request comes from is taken.
    pub(crate) proxies: TrustedProxies,
}

async fn nowhere() -> Response {
    let message = "no such path: the API is at /graphql";
    failure(StatusCode::NOT_FOUND, MediaType::Json, ErrorCode::NotFound, message, None)
}

/// The paths of the API.
pub fn router(server: Server) -> Router {
    let proxies = server.proxies.clone();
    Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post).fallback(graphql::other_method))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/version", get(health::version))
        .route("/metrics", get(health::metrics))
        .fallback(nowhere)
        .layer(browser::cors(server.origins.clone()))
        .layer(middleware::from_fn(browser::harden))
        .layer(middleware::from_fn_with_state(proxies, client_address::identify))
        .layer(middleware::from_fn(request_id::identify))
        .with_state(server)
}
