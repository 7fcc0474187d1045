//! `POST /graphql` and `GET /graphql`: one operation per request.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::Value as GraphqlValue;
use async_graphql::parser::types::OperationType;
use async_graphql_axum::GraphQLResponse;
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use document::error_code::code_of;
use document::limits;
use graphql::error::ErrorCode;
use identity::client_address::ClientAddress;
use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;

use super::api::{AuthenticationError, authorization, lang};
use super::check::operation_info;
use super::execute::Execution;
use super::negotiation::{Accepted, Events, MediaType};
use super::operation_log::{self, OperationOutcome};
use super::operation_stream::OperationStream;
use super::refusal::refusal;
use super::reply::{answer, failure, with_media};
use super::request::{Parameters, RequestError};
use super::request_id::RequestId;
use super::session::Session;
use super::state::Server;
use super::{admission, negotiation, rate_limit, sse, websocket};

/// Time limit for a request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A request that is rejected with an HTTP status.
struct BadRequest {
    status: StatusCode,
    code: ErrorCode,
    message: String,
}

impl BadRequest {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, code: ErrorCode::BadUserInput, message: message.into() }
    }
}

fn bad_request(message: impl Into<String>) -> BadRequest {
    BadRequest::new(StatusCode::BAD_REQUEST, message)
}

impl From<RequestError> for BadRequest {
    fn from(error: RequestError) -> Self {
        let code = error.code();
        let status = match code {
            ErrorCode::Forbidden => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, code, message: error.to_string() }
    }
}

/// Checks that a body is uncompressed JSON in UTF-8: decompression would circumvent the limit on its size.
fn check_encoding(headers: &HeaderMap) -> Result<(), BadRequest> {
    let unsupported = |message| Err(BadRequest::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    if text(CONTENT_ENCODING).is_some_and(|encoding| !encoding.trim().eq_ignore_ascii_case("identity")) {
        return unsupported("the body must not be compressed");
    }
    let mut content_type = text(CONTENT_TYPE).unwrap_or_default().split(';').map(str::trim);
    if !content_type.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return unsupported("the body must be application/json");
    }
    let mut charsets = content_type.filter_map(negotiation::charset);
    if charsets.any(|charset| !charset.eq_ignore_ascii_case("utf-8")) {
        return unsupported("the body must be in UTF-8");
    }
    Ok(())
}

async fn body_of(headers: &HeaderMap, body: Body) -> Result<Parameters, BadRequest> {
    check_encoding(headers)?;
    let too_large = || {
        let message = format!("the body is larger than {} bytes", limits::MAX_BODY_BYTES);
        BadRequest::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    };
    let announced = headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limits::MAX_BODY_BYTES as u64) {
        return Err(too_large());
    }
    let bytes = tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, limits::MAX_BODY_BYTES))
        .await
        .map_err(|_| BadRequest::new(StatusCode::REQUEST_TIMEOUT, "the body was not received in time"))?
        .map_err(|error| {
            let limited = event_store::chain(&error).contains("length limit");
            if limited { too_large() } else { bad_request("the body could not be read") }
        })?;
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(bad_request("batches are not supported: send one operation per request"));
    }
    serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
        Category::Data => bad_request("the body is not a JSON object, or repeats a parameter"),
        Category::Io | Category::Syntax | Category::Eof => {
            bad_request(format!("the body is not JSON: line {} column {}", error.line(), error.column()))
        }
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UrlParameters {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

fn parameters_of(uri: &Uri) -> Result<Parameters, BadRequest> {
    let Query(given) = Query::<UrlParameters>::try_from_uri(uri)
        .map_err(|_| bad_request("the parameters of the URL cannot be read"))?;
    let json = |name: &str, text: Option<String>| match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => serde_json::from_str(&text).map_err(|_| bad_request(format!("{name} is not JSON"))),
    };
    Ok(Parameters {
        query: given.query.map(Value::String),
        document_id: given.document_id.map(Value::String),
        operation_name: given.operation_name.filter(|name| !name.is_empty()).map(Value::String),
        variables: json("variables", given.variables)?,
        extensions: json("extensions", given.extensions)?,
    })
}

/// Returns the response to an operation. A rejected one has no `data` entry, which [`GraphQLResponse`] always writes.
fn reply(execution: Execution, media: MediaType) -> Response {
    let status = match (status_of(&execution), media) {
        // With `application/json`, a well-formed request has status 200.
        (StatusCode::BAD_REQUEST, MediaType::Json) => StatusCode::OK,
        (status, _) => status,
    };
    let Execution { response, executed } = execution;
    let retry_after = retry_after(&response);
    let mut reply = if executed {
        with_media(GraphQLResponse::from(response).into_response(), status, media)
    } else {
        let mut body = serde_json::json!({ "errors": response.errors });
        if !response.extensions.is_empty() {
            body["extensions"] = serde_json::json!(response.extensions);
        }
        answer(status, media, body.to_string())
    };
    if let Some(seconds) = retry_after {
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply
}

/// Returns the status of an operation, by the code of a request error.
fn status_of(execution: &Execution) -> StatusCode {
    let Some(error) = execution.response.errors.first().filter(|_| !execution.executed) else {
        return StatusCode::OK;
    };
    match code_of(error) {
        Some(code) if code == ErrorCode::Internal.as_str() => StatusCode::INTERNAL_SERVER_ERROR,
        Some(code) if code == ErrorCode::Maintenance.as_str() => StatusCode::SERVICE_UNAVAILABLE,
        Some(_) | None => StatusCode::BAD_REQUEST,
    }
}

/// Returns the longest `retryAfter` of a response's errors, in seconds.
fn retry_after(response: &async_graphql::Response) -> Option<u64> {
    let waits = response.errors.iter().filter_map(|error| error.extensions.as_ref()?.get("retryAfter"));
    let seconds = waits.filter_map(|wait| match wait {
        GraphqlValue::Number(seconds) => seconds.as_u64(),
        _ => None,
    });
    seconds.max()
}

/// Executes a request.
async fn run(
    server: &Arc<Server>,
    id: &RequestId,
    address: ClientAddress,
    headers: &HeaderMap,
    parameters: Result<Parameters, BadRequest>,
    may_mutate: bool,
) -> Response {
    let accepted = Accepted::of(headers);
    if accepted.media.is_none() && accepted.events == Events::Refused {
        let message =
            "Accept must allow application/graphql-response+json, application/json or text/event-stream";
        return failure(StatusCode::NOT_ACCEPTABLE, MediaType::Json, ErrorCode::BadUserInput, message, None);
    }
    let media = accepted.media.unwrap_or(MediaType::Json);
    let api = &server.api;
    let request = parameters.and_then(|parameters| Ok(parameters.into_request(&api.persisted_documents)?));
    let mut request = match request {
        Ok(request) => request,
        // A step of the persisted query protocol, whose clients expect status 200.
        Err(BadRequest { code: code @ ErrorCode::PersistedQueryNotFound, message, .. }) => {
            let response = refusal(code, message);
            return reply(Execution { response, executed: false }, media);
        }
        Err(BadRequest { status, code, message }) => return failure(status, media, code, &message, None),
    };
    let token = authorization(headers).map(str::to_owned);
    let session = match Session::open(api, token, address, lang(headers), id).await {
        Ok(session) => session,
        Err(AuthenticationError::InvalidToken) => {
            let message = "the bearer token is unknown or has expired: sign in again";
            let mut refused =
                failure(StatusCode::UNAUTHORIZED, media, ErrorCode::Unauthenticated, message, None);
            refused.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return refused;
        }
        Err(AuthenticationError::Unavailable) => {
            let message = "sessions cannot be read now; try again";
            return failure(StatusCode::SERVICE_UNAVAILABLE, media, ErrorCode::Unavailable, message, None);
        }
    };
    if let Err(error) = api.admit(&session.caller) {
        return rate_limit::refuse(media, error);
    }
    let checked = api.check(&mut request, &session.caller);
    if let (Ok(_), Err(error)) = (&checked, api.admit_effects(&request, &session.caller)) {
        return rate_limit::refuse(media, error);
    }
    let operation = operation_info(&request);
    let execution = match checked {
        Ok(OperationType::Mutation) if !may_mutate => {
            let message = "GET executes queries only: send mutations by POST";
            let mut refused =
                failure(StatusCode::METHOD_NOT_ALLOWED, media, ErrorCode::BadUserInput, message, None);
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return refused;
        }
        Ok(OperationType::Subscription) if accepted.events == Events::Refused => {
            let message =
                "subscriptions need Accept: text/event-stream, or a WebSocket (graphql-transport-ws)";
            let response = refusal(ErrorCode::BadUserInput, message);
            Execution { response, executed: false }
        }
        kind if accepted.events == Events::Preferred || matches!(kind, Ok(OperationType::Subscription)) => {
            let slot = match server.streams.admit(address) {
                Ok(slot) => slot,
                Err(full) => return admission::refuse(full),
            };
            let running = match kind {
                Ok(kind) => {
                    let last_seen = sse::last_seen(headers);
                    api.begin(kind, request, session.caller.clone(), last_seen.as_deref())
                }
                Err(response) => OperationStream::refused(*response),
            };
            return sse::stream_events(server, running, session, slot);
        }
        Ok(kind) => api.execute(kind, request, &session.caller).await,
        Err(response) => Execution { response: *response, executed: false },
    };
    let codes = operation_log::codes(&execution.response);
    let mut response = reply(execution, media);
    response.extensions_mut().insert(OperationOutcome { operation, codes });
    response
}

/// `POST /graphql`.
pub async fn post(
    State(server): State<Arc<Server>>,
    Extension(id): Extension<RequestId>,
    Extension(address): Extension<ClientAddress>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let parameters = body_of(&headers, body).await;
    run(&server, &id, address, &headers, parameters, true).await
}

/// `GET /graphql`: a query, or the upgrade to a WebSocket.
pub async fn get(
    State(server): State<Arc<Server>>,
    Extension(id): Extension<RequestId>,
    Extension(address): Extension<ClientAddress>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    match upgrade {
        Ok(upgrade) => websocket::upgrade(server, upgrade, id, address, &headers),
        Err(_) => run(&server, &id, address, &headers, parameters_of(&uri), false).await,
    }
}

/// Other methods of `/graphql`.
pub async fn other_method() -> Response {
    let message = "the API accepts GET and POST";
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut refused = failure(status, MediaType::Json, ErrorCode::BadUserInput, message, None);
    refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    refused
}
