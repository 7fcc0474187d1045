//! `text/event-stream`: operations by server-sent events, in the distinct connections mode of graphql-sse
//! (<https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>): one operation and one stream per request. An
//! event's `id` is its log position, and `Last-Event-ID` resumes after it.

use std::convert::Infallible;
use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response as GraphqlResponse, Value};
use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use domain::LogPosition;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use graphql::error::{ApiError, ErrorCode};
use graphql::schema::POSITION;
use identity::maintenance::Window;
use serde_json::json;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::admission::StreamSlot;
use super::browser::LAST_EVENT_ID;
use super::negotiation::VARIES;
use super::operation_stream::OperationStream;
use super::refusal::refusal;
use super::session::Session;
use super::state::{Server, stopped};

/// Upper bound on events that wait to be written to one stream.
const MAX_PENDING_EVENTS: usize = 4;

/// Returns the value of `Last-Event-ID`.
pub(super) fn last_seen(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(LAST_EVENT_ID)?;
    // The subscription rejects a value that is not text.
    let text = header.to_str().unwrap_or("?").trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Streams an operation's responses while the session is valid.
pub(super) fn stream_events(
    server: &Arc<Server>,
    operation: OperationStream,
    session: Session,
    slot: StreamSlot,
) -> Response {
    let (events, received) = channel(MAX_PENDING_EVENTS);
    let pump = Pump { server: server.clone(), session, events };
    tokio::spawn(async move {
        metrics::gauge!("ocpizza_event_streams").increment(1.0);
        pump.run(operation).await;
        metrics::gauge!("ocpizza_event_streams").decrement(1.0);
        drop(slot);
    });
    let mut response = Response::new(body(received));
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (CACHE_CONTROL, "no-store, no-transform"),
        (VARY, VARIES),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Proxies that buffer responses would delay events.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn body(mut received: Receiver<Bytes>) -> Body {
    let events = stream::poll_fn(move |cx| received.poll_recv(cx));
    Body::from_stream(events.map(Ok::<_, Infallible>))
}

/// The client has disconnected, or does not read.
struct Disconnected;

/// Moves responses into a stream. It is a separate task, because the stream is not polled while its client does not
/// read, which must be detected.
struct Pump {
    server: Arc<Server>,
    session: Session,
    events: Sender<Bytes>,
}

impl Pump {
    async fn run(self, operation: OperationStream) {
        // Some browsers consider a stream open only after its first bytes.
        if self.send(comment()).await.is_ok() {
            let _ = self.pump(operation).await;
        }
    }

    async fn pump(&self, mut operation: OperationStream) -> Result<(), Disconnected> {
        let mut stopping = self.server.stopping.subscribe();
        let mut changes = self.server.api.authenticator.changes();
        let mut maintenance = self.server.api.services.maintenance.watch();
        if maintenance.borrow_and_update().is_some() {
            maintenance.mark_changed();
        }
        let every = self.server.streams.limits.heartbeat;
        let mut heartbeat = interval_at(Instant::now() + every, every);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Polled together with the responses: a paused query would keep its database connection.
        let mut checking: Option<BoxFuture<'_, bool>> = None;
        loop {
            tokio::select! {
                response = operation.responses.next() => match response {
                    Some(response) => self.send(next_event(&response)).await?,
                    None => return self.send(complete()).await,
                },
                _ = heartbeat.tick() => {
                    checking = Some(self.session.is_valid(&self.server.api).boxed());
                    self.send(operation.progress.passed().map_or_else(comment, position_only)).await?;
                }
                () = self.session.changed(&mut changes) => {
                    checking = Some(self.session.is_valid(&self.server.api).boxed());
                }
                Ok(()) = maintenance.changed() => {
                    let window = maintenance.borrow_and_update().clone();
                    self.send(maintenance_comment(window.as_ref())).await?;
                }
                is_valid = completed(&mut checking) => {
                    checking = None;
                    if !is_valid {
                        return self.send(signed_out()).await;
                    }
                }
                // Without a final event: clients reconnect and resume.
                () = stopped(&mut stopping), if operation.kind == OperationType::Subscription => return Ok(()),
                () = self.events.closed() => return Err(Disconnected),
            }
        }
    }

    async fn send(&self, event: Bytes) -> Result<(), Disconnected> {
        match timeout(self.server.streams.limits.send, self.events.send(event)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Disconnected),
        }
    }
}

/// Returns the result of a check; never if there is none.
async fn completed(check: &mut Option<BoxFuture<'_, bool>>) -> bool {
    match check {
        Some(check) => check.await,
        None => std::future::pending().await,
    }
}

/// An empty comment, as a sign of life.
fn comment() -> Bytes {
    Bytes::from_static(b":\n\n")
}

/// Start, change or end of maintenance. It is a comment, because clients of the protocol reject unknown events; pages
/// have `maintenanceChanged`.
fn maintenance_comment(window: Option<&Window>) -> Bytes {
    format!(": maintenance {}\n\n", json!(window.map(Window::to_json))).into()
}

/// A block without data: not an event, but the client resumes after its position.
fn position_only(position: LogPosition) -> Bytes {
    format!("id: {position}\n\n").into()
}

fn next_event(response: &GraphqlResponse) -> Bytes {
    let data = serde_json::to_string(response).unwrap_or_else(|error| {
        tracing::error!(%error, "a response could not be serialized");
        serde_json::json!({ "errors": refusal(ErrorCode::Internal, "internal error").errors }).to_string()
    });
    match response.extensions.get(POSITION) {
        Some(Value::String(position)) => format!("id: {position}\nevent: next\ndata: {data}\n\n").into(),
        _ => format!("event: next\ndata: {data}\n\n").into(),
    }
}

fn complete() -> Bytes {
    Bytes::from_static(b"event: complete\ndata:\n\n")
}

/// The end of a stream whose session has ended.
fn signed_out() -> Bytes {
    let response = refusal(ErrorCode::Unauthenticated, ApiError::Unauthenticated.to_string());
    [next_event(&response), complete()].concat().into()
}
