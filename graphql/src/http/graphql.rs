//! `POST /graphql` and `GET /graphql`: one operation in, one answer out.

use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Variables};
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::client_address::ClientAddress;
use super::execute::{Executing, Refused, authorization, lang};
use super::limits;
use super::negotiation::{MediaType, answer, failure};
use super::request_id::RequestId;
use super::router::Server;
use super::websocket;
use crate::error::ErrorCode;

/// How long a client may take to send a request's body.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request that is not one.
struct Malformed(StatusCode, String);

fn malformed(message: impl Into<String>) -> Malformed {
    Malformed(StatusCode::BAD_REQUEST, message.into())
}

/// The parameters of a request, from JSON (GraphQL over HTTP, section 5).
fn request_of(mut parameters: Map<String, Value>) -> Result<Request, Malformed> {
    let text = |name: &str, value: Option<Value>| match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(malformed(format!("{name} is not a string"))),
    };
    let object = |name: &str, value: Option<Value>| match value {
        None | Some(Value::Null) => Ok(Value::Object(Map::new())),
        Some(value @ Value::Object(_)) => Ok(value),
        Some(_) => Err(malformed(format!("{name} is not an object"))),
    };
    let query = text("query", parameters.remove("query"))?.ok_or_else(|| malformed("query is missing"))?;
    let variables = object("variables", parameters.remove("variables"))?;
    object("extensions", parameters.remove("extensions"))?;
    let mut request = Request::new(query).variables(Variables::from_json(variables));
    request.operation_name = text("operationName", parameters.remove("operationName"))?;
    Ok(request)
}

async fn body_of(headers: &HeaderMap, body: Body) -> Result<Request, Malformed> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let message = "the body must be application/json".to_owned();
        return Err(Malformed(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let too_large = || {
        let message = format!("the body is larger than {} bytes", limits::BODY);
        Malformed(StatusCode::PAYLOAD_TOO_LARGE, message)
    };
    let announced = headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limits::BODY as u64) {
        return Err(too_large());
    }
    let bytes = tokio::time::timeout(PATIENCE, to_bytes(body, limits::BODY))
        .await
        .map_err(|_| Malformed(StatusCode::REQUEST_TIMEOUT, "the body did not come in time".to_owned()))?
        .map_err(|error| {
            let limited = crate::error::chain(&error).contains("length limit");
            if limited { too_large() } else { malformed("the body could not be read") }
        })?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(parameters)) => request_of(parameters),
        Ok(Value::Array(_)) => Err(malformed("batches are not supported: send one operation a request")),
        Ok(_) => Err(malformed("the body is not a JSON object")),
        Err(error) => {
            Err(malformed(format!("the body is not JSON: line {} column {}", error.line(), error.column())))
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

fn query_of(uri: &Uri) -> Result<Request, Malformed> {
    let Query(given) = Query::<Parameters>::try_from_uri(uri)
        .map_err(|_| malformed("the parameters of the URL cannot be read"))?;
    let mut parameters = Map::new();
    let json = |name: &str, text: Option<String>| match text.filter(|text| !text.is_empty()) {
        None => Ok(Value::Null),
        Some(text) => serde_json::from_str(&text).map_err(|_| malformed(format!("{name} is not JSON"))),
    };
    parameters.insert("variables".to_owned(), json("variables", given.variables)?);
    parameters.insert("extensions".to_owned(), json("extensions", given.extensions)?);
    parameters.insert("query".to_owned(), given.query.map_or(Value::Null, Value::String));
    let name = given.operation_name.filter(|name| !name.is_empty());
    parameters.insert("operationName".to_owned(), name.map_or(Value::Null, Value::String));
    request_of(parameters)
}

/// The code that a request error has, which its status follows.
fn status_of(executing: &Executing) -> StatusCode {
    let Some(error) = executing.response.errors.first().filter(|_| !executing.executed) else {
        return StatusCode::OK;
    };
    match error.extensions.as_ref().and_then(|extensions| extensions.get("code")) {
        Some(async_graphql::Value::String(code)) if code == ErrorCode::Internal.as_str() => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        _ => StatusCode::BAD_REQUEST,
    }
}

/// The answer to an operation.
fn reply(executing: &Executing, media: MediaType) -> Response {
    let status = match (status_of(executing), media) {
        // To those who do not know the newer media type, a well-formed request is a success.
        (StatusCode::BAD_REQUEST, MediaType::Json) => StatusCode::OK,
        (status, _) => status,
    };
    let response = &executing.response;
    let body = if executing.executed {
        serde_json::to_vec(response)
    } else {
        serde_json::to_vec(&serde_json::json!({ "errors": response.errors }))
    };
    match body {
        Ok(body) => answer(status, media, body),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            failure(status, media, ErrorCode::Internal, "internal error", None)
        }
    }
}

/// Executes what a client sent.
async fn run(
    server: &Server,
    id: &RequestId,
    address: ClientAddress,
    headers: &HeaderMap,
    request: Result<Request, Malformed>,
    may_mutate: bool,
) -> Response {
    let Some(media) = MediaType::accepted(headers) else {
        let message = "answers are application/graphql-response+json or application/json";
        return failure(StatusCode::NOT_ACCEPTABLE, MediaType::Json, ErrorCode::BadUserInput, message, None);
    };
    let mut request = match request {
        Ok(request) => request,
        Err(Malformed(status, message)) => {
            return failure(status, media, ErrorCode::BadUserInput, &message, None);
        }
    };
    let api = &server.api;
    let caller = match api.caller(authorization(headers), address, lang(headers), id).await {
        Ok(caller) => caller,
        Err(Refused::Token) => {
            let message = "the bearer token is unknown or has ended: sign in again";
            let mut refused =
                failure(StatusCode::UNAUTHORIZED, media, ErrorCode::Unauthenticated, message, None);
            refused.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return refused;
        }
        Err(Refused::Unavailable) => {
            let message = "sessions cannot be read now; try again";
            return failure(StatusCode::SERVICE_UNAVAILABLE, media, ErrorCode::Unavailable, message, None);
        }
    };
    let executing = match api.check(&mut request) {
        Ok(OperationType::Mutation) if !may_mutate => {
            let message = "GET is for queries only: POST mutations";
            let mut refused =
                failure(StatusCode::METHOD_NOT_ALLOWED, media, ErrorCode::BadUserInput, message, None);
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return refused;
        }
        Ok(OperationType::Subscription) => {
            let message = "subscriptions come over WebSocket (graphql-transport-ws)";
            let response = super::execute::refusal(ErrorCode::BadUserInput, message);
            Executing { response, executed: false }
        }
        Ok(kind @ (OperationType::Query | OperationType::Mutation)) => {
            api.execute(kind, request, &caller).await
        }
        Err(response) => Executing { response: *response, executed: false },
    };
    reply(&executing, media)
}

/// `POST /graphql`.
pub async fn post(
    State(server): State<Server>,
    Extension(id): Extension<RequestId>,
    Extension(address): Extension<ClientAddress>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let request = body_of(&headers, body).await;
    run(&server, &id, address, &headers, request, true).await
}

/// `GET /graphql`: a query, or a WebSocket.
pub async fn get(
    State(server): State<Server>,
    Extension(id): Extension<RequestId>,
    Extension(address): Extension<ClientAddress>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    match upgrade {
        Ok(upgrade) => websocket::upgrade(server, upgrade, id, address, &headers),
        Err(_) => run(&server, &id, address, &headers, query_of(&uri), false).await,
    }
}
