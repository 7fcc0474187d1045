//! `POST /graphql` and `GET /graphql`: one operation in, one answer out.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use document::limits;
use graphql::error::ErrorCode;
use identity::client_address::ClientAddress;
use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;

use super::execute::{Executing, Refused, Running, authorization, lang};
use super::negotiation::{Accepted, Events, MediaType, answer, failure};
use super::request::{NotARequest, Parameters};
use super::request_id::RequestId;
use super::router::Server;
use super::session::Session;
use super::{admission, negotiation, rate_limit, sse, websocket};
use crate::operation_log::{self, Told};

/// How long a client may take to send a request's body.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request that is not one, and how HTTP says so.
struct Malformed {
    status: StatusCode,
    code: ErrorCode,
    message: String,
}

impl Malformed {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, code: ErrorCode::BadUserInput, message: message.into() }
    }
}

fn malformed(message: impl Into<String>) -> Malformed {
    Malformed::new(StatusCode::BAD_REQUEST, message)
}

impl From<NotARequest> for Malformed {
    fn from(error: NotARequest) -> Self {
        let code = error.code();
        let status = match code {
            ErrorCode::Forbidden => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, code, message: error.to_string() }
    }
}

/// Whether a body is JSON in UTF-8, as it comes: decompressing would undo the bound on its size.
fn check_encoding(headers: &HeaderMap) -> Result<(), Malformed> {
    let unsupported = |message| Err(Malformed::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
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

async fn body_of(headers: &HeaderMap, body: Body) -> Result<Parameters, Malformed> {
    check_encoding(headers)?;
    let too_large = || {
        let message = format!("the body is larger than {} bytes", limits::BODY);
        Malformed::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    };
    let announced = headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limits::BODY as u64) {
        return Err(too_large());
    }
    let bytes = tokio::time::timeout(PATIENCE, to_bytes(body, limits::BODY))
        .await
        .map_err(|_| Malformed::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"))?
        .map_err(|error| {
            let limited = event_store::chain(&error).contains("length limit");
            if limited { too_large() } else { malformed("the body could not be read") }
        })?;
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(malformed("batches are not supported: send one operation a request"));
    }
    serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
        Category::Data => malformed("the body is not a JSON object, or has a parameter twice"),
        Category::Io | Category::Syntax | Category::Eof => {
            malformed(format!("the body is not JSON: line {} column {}", error.line(), error.column()))
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

fn parameters_of(uri: &Uri) -> Result<Parameters, Malformed> {
    let Query(given) = Query::<UrlParameters>::try_from_uri(uri)
        .map_err(|_| malformed("the parameters of the URL cannot be read"))?;
    let json = |name: &str, text: Option<String>| match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => serde_json::from_str(&text).map_err(|_| malformed(format!("{name} is not JSON"))),
    };
    Ok(Parameters {
        query: given.query.map(Value::String),
        document_id: given.document_id.map(Value::String),
        operation_name: given.operation_name.filter(|name| !name.is_empty()).map(Value::String),
        variables: json("variables", given.variables)?,
        extensions: json("extensions", given.extensions)?,
    })
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
        Some(async_graphql::Value::String(code)) if code == ErrorCode::Maintenance.as_str() => {
            StatusCode::SERVICE_UNAVAILABLE
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
        let mut body = serde_json::json!({ "errors": response.errors });
        if !response.extensions.is_empty() {
            body["extensions"] = serde_json::json!(response.extensions);
        }
        serde_json::to_vec(&body)
    };
    match body {
        Ok(body) => {
            let mut answered = answer(status, media, body);
            if let Some(seconds) = retry_after(response) {
                answered.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            answered
        }
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            failure(status, media, ErrorCode::Internal, "internal error", None)
        }
    }
}

/// For how many seconds an answer asks to wait.
fn retry_after(response: &async_graphql::Response) -> Option<u64> {
    let waits = response.errors.iter().filter_map(|error| error.extensions.as_ref()?.get("retryAfter"));
    let seconds = waits.filter_map(|wait| match wait {
        async_graphql::Value::Number(seconds) => seconds.as_u64(),
        _ => None,
    });
    seconds.max()
}

/// Executes what a client sent.
async fn run(
    server: &Arc<Server>,
    id: &RequestId,
    address: ClientAddress,
    headers: &HeaderMap,
    parameters: Result<Parameters, Malformed>,
    may_mutate: bool,
) -> Response {
    let accepted = Accepted::of(headers);
    if accepted.media.is_none() && accepted.events == Events::Refused {
        let message = "answers are application/graphql-response+json, application/json or text/event-stream";
        return failure(StatusCode::NOT_ACCEPTABLE, MediaType::Json, ErrorCode::BadUserInput, message, None);
    }
    let media = accepted.media.unwrap_or(MediaType::Json);
    let api = &server.api;
    let request = parameters.and_then(|parameters| Ok(parameters.into_request(&api.documents)?));
    let mut request = match request {
        Ok(request) => request,
        // A step of a protocol, whose clients look for it in a success.
        Err(Malformed { code: code @ ErrorCode::PersistedQueryNotFound, message, .. }) => {
            let response = super::execute::refusal(code, message);
            return reply(&Executing { response, executed: false }, media);
        }
        Err(Malformed { status, code, message }) => return failure(status, media, code, &message, None),
    };
    let token = authorization(headers).map(str::to_owned);
    let session = match Session::open(api, token, address, lang(headers), id).await {
        Ok(session) => session,
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
    if let Err(too_fast) = api.admit(&session.caller) {
        return rate_limit::too_fast(media, too_fast);
    }
    let checked = api.check(&mut request, &session.caller);
    if let (Ok(_), Err(too_fast)) = (&checked, api.admit_effects(&request, &session.caller)) {
        return rate_limit::too_fast(media, too_fast);
    }
    let described = super::execute::described(&request);
    let executing = match checked {
        Ok(OperationType::Mutation) if !may_mutate => {
            let message = "GET is for queries only: POST mutations";
            let mut refused =
                failure(StatusCode::METHOD_NOT_ALLOWED, media, ErrorCode::BadUserInput, message, None);
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return refused;
        }
        Ok(OperationType::Subscription) if accepted.events == Events::Refused => {
            let message = "subscriptions come as text/event-stream, or over WebSocket (graphql-transport-ws)";
            let response = super::execute::refusal(ErrorCode::BadUserInput, message);
            Executing { response, executed: false }
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
                Err(response) => Running::refused(*response),
            };
            return sse::stream_events(server, running, session, slot);
        }
        Ok(kind) => api.execute(kind, request, &session.caller).await,
        Err(response) => Executing { response: *response, executed: false },
    };
    let mut replied = reply(&executing, media);
    let codes = operation_log::codes(&executing.response);
    replied.extensions_mut().insert(Told { operation: described, codes });
    replied
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

/// `GET /graphql`: a query, or a WebSocket.
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

/// Any other method of `/graphql`.
pub async fn other_method() -> Response {
    let message = "the API takes GET and POST";
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut refused = failure(status, MediaType::Json, ErrorCode::BadUserInput, message, None);
    refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    refused
}
