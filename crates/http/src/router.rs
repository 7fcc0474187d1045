//! Routes of the API and their middleware.

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::get;

use super::reply::not_found;
use super::state::Server;
use super::{
    admission, browser, client_address, endpoint, framing, graphiql, health, rate_limit, request_id,
};

/// Routes of GraphiQL.
fn graphiql() -> Router<Arc<Server>> {
    Router::new()
        .route("/graphiql", get(graphiql::page))
        .route("/graphiql/operations.json", get(graphiql::examples))
        .route("/graphiql/{file}", get(graphiql::asset))
}

/// Builds the routes of the API, and of GraphiQL if it is enabled.
pub fn router(server: Server) -> Router {
    let proxies = server.proxies.clone();
    let development = if server.graphiql { graphiql() } else { Router::new() };
    Router::new()
        .merge(development)
        .route("/graphql", get(endpoint::get).post(endpoint::post).fallback(endpoint::other_method))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/version", get(health::version))
        .route("/metrics", get(health::metrics))
        .fallback(async || not_found())
        .layer(middleware::from_fn_with_state(server.api.limiter.clone(), rate_limit::limit))
        .layer(middleware::from_fn(admission::restrict))
        .layer(browser::cors(server.origins.clone()))
        .layer(middleware::from_fn(framing::guard))
        .layer(middleware::from_fn_with_state(proxies, client_address::identify))
        .layer(middleware::from_fn(request_id::identify))
        .layer(middleware::from_fn_with_state(server.hardening, browser::harden))
        .with_state(Arc::new(server))
}
