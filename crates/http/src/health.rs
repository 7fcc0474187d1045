//! The endpoints for operators: liveness, readiness, version and metrics. They show no business data.

use std::sync::{Arc, LazyLock};

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use event_store::MIGRATOR;
use graphql::error::ErrorCode;
use projections::ReadModels;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use telemetry::metrics::MetricsDenied;

use super::negotiation::MediaType;
use super::reply::failure;
use super::state::Server;

/// Upper bound on the lag of a read model that counts as up to date.
const MAX_LAG_EVENTS: i64 = 1_000;

/// Version of the schema: the first 6 bytes of the SHA-256 of its text.
pub static SCHEMA_VERSION: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::digest(graphql::schema::sdl().as_bytes());
    hex::encode(&digest[..6])
});

/// Git revision of the build.
pub const REVISION: &str = env!("OCPIZZA_REVISION");

/// `GET /healthz`: the process is alive.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /version`: version of the program and of the schema.
pub async fn version() -> Json<Value> {
    let version = env!("CARGO_PKG_VERSION");
    Json(json!({ "version": version, "revision": REVISION, "schemaVersion": *SCHEMA_VERSION }))
}

/// Returns whether every migration of this program has been applied.
async fn migrated(pool: &PgPool) -> Result<bool, sqlx::Error> {
    let applied: Vec<i64> =
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success").fetch_all(pool).await?;
    Ok(MIGRATOR.iter().all(|migration| applied.contains(&migration.version)))
}

/// Returns how far the log is sealed. Sealing does not affect readiness.
async fn sealing(read_models: &ReadModels) -> Result<Value, sqlx::Error> {
    let sealing = read_models.sealing().await?;
    Ok(json!({
        "position": sealing.position.to_string(),
        "lag": sealing.events,
        "seconds": sealing.seconds.round(),
        "ok": sealing.stopped.is_none(),
        "stopped": sealing.stopped.map(|stopped| stopped.code),
    }))
}

/// `GET /readyz`: whether requests are answered, and read models are up to date. Omits why a read model stopped, because
/// this may quote event data; the log and the command line show it.
pub async fn readyz(State(server): State<Arc<Server>>) -> Response {
    let services = &server.api.services;
    let migrations = migrated(&services.pool).await;
    let database = migrations.is_ok();
    let migrations = migrations.unwrap_or(false);
    let status = if database { services.read_models.status().await.ok() } else { None };
    let sealing = if database { sealing(&services.read_models).await.ok() } else { None };
    let read_models: Vec<Value> = status
        .iter()
        .flatten()
        .map(|model| {
            let failure = model.failure.as_ref();
            json!({
                "name": model.name,
                "position": model.position.to_string(),
                "lag": model.lag(),
                "ok": failure.is_none() && model.lag() <= MAX_LAG_EVENTS,
                "stoppedAt": failure.map(|failure| failure.position.to_string()),
            })
        })
        .collect();
    let up_to_date = status.is_some() && read_models.iter().all(|model| model["ok"] == true);
    let stopping = *server.stopping.borrow();
    let ready = database && migrations && up_to_date && !stopping;
    let detail = json!({
        "ready": ready,
        "stopping": stopping,
        "database": database,
        "migrations": migrations,
        "readModels": read_models,
        "sealing": sealing,
        "standIns": server.stand_ins,
    });
    let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(detail)).into_response()
}

/// `GET /metrics`, in the text format of Prometheus.
pub async fn metrics(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    let refused = |status, code, message| failure(status, MediaType::Json, code, message, None);
    match server.metrics.admit(&headers) {
        Ok(()) => {}
        Err(MetricsDenied::Disabled) => {
            let message = "the metrics are disabled: set OCPIZZA_MANAGER_METRICS_TOKEN";
            return refused(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message);
        }
        Err(MetricsDenied::WrongToken) => {
            let message = "the metrics require their bearer token";
            let mut response = refused(StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated, message);
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return response;
        }
    }
    match server.metrics.render().await {
        Some(text) => ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
