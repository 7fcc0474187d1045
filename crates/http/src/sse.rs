//! `text/event-stream`: operations by server-sent events, in the distinct connections mode of graphql-sse
//! (<https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>): one request, one operation, one
//! stream. An event's `id` is its position in the log, and `Last-Event-ID` resumes there.

use std::convert::Infallible;
use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response as Answer, Value};
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
use super::execute::{Running, refusal};
use super::negotiation::VARIES;
use super::router::{Server, stopped};
use super::session::Session;

/// Events that wait to be written to one stream.
const BACKLOG: usize = 4;

/// The position that a client has seen last, from its header.
pub(super) fn last_seen(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(LAST_EVENT_ID)?;
    // What is no text is no position either: the subscription says so.
    let text = header.to_str().unwrap_or("?").trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Streams an operation's answers, for as long as the session holds.
pub(super) fn stream_events(
    server: &Arc<Server>,
    running: Running,
    session: Session,
    slot: StreamSlot,
) -> Response {
    let (events, received) = channel(BACKLOG);
    let pump = Pump { server: server.clone(), session, events };
    tokio::spawn(async move {
        metrics::gauge!("ocpizza_event_streams").increment(1.0);
        pump.run(running).await;
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
    // Proxies that collect answers would keep events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn body(mut received: Receiver<Bytes>) -> Body {
    let events = stream::poll_fn(move |cx| received.poll_recv(cx));
    Body::from_stream(events.map(Ok::<_, Infallible>))
}

/// The client is gone, or does not read.
struct Gone;

/// Moves answers into a stream. A task of its own, because the stream is not asked while its client
/// does not read, and somebody must notice.
struct Pump {
    server: Arc<Server>,
    session: Session,
    events: Sender<Bytes>,
}

impl Pump {
    async fn run(self, running: Running) {
        // Some browsers take a stream to be open only once something has come.
        if self.send(comment()).await.is_ok() {
            let _ = self.pump(running).await;
        }
    }

    async fn pump(&self, mut running: Running) -> Result<(), Gone> {
        let mut stopping = self.server.stopping.subscribe();
        let mut changes = self.server.api.authenticator.changes();
        let mut maintenance = self.server.api.services.maintenance.watch();
        if maintenance.borrow_and_update().is_some() {
            maintenance.mark_changed();
        }
        let every = self.server.streams.limits.heartbeat;
        let mut heartbeat = interval_at(Instant::now() + every, every);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Beside the answers: left in the middle of a query, they would keep a connection to the database.
        let mut checking: Option<BoxFuture<'_, bool>> = None;
        loop {
            tokio::select! {
                answer = running.answers.next() => match answer {
                    Some(answer) => self.send(next_event(&answer)).await?,
                    None => return self.send(complete()).await,
                },
                _ = heartbeat.tick() => {
                    checking = Some(self.session.holds(&self.server.api).boxed());
                    self.send(running.progress.passed().map_or_else(comment, position_only)).await?;
                }
                () = self.session.changed(&mut changes) => {
                    checking = Some(self.session.holds(&self.server.api).boxed());
                }
                Ok(()) = maintenance.changed() => {
                    let window = maintenance.borrow_and_update().clone();
                    self.send(maintenance_comment(window.as_ref())).await?;
                }
                holds = asked(&mut checking) => {
                    checking = None;
                    if !holds {
                        return self.send(signed_out()).await;
                    }
                }
                // Without a word: clients come back, and resume.
                () = stopped(&mut stopping), if running.kind == OperationType::Subscription => return Ok(()),
                () = self.events.closed() => return Err(Gone),
            }
        }
    }

    async fn send(&self, event: Bytes) -> Result<(), Gone> {
        match timeout(self.server.streams.limits.send, self.events.send(event)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

/// The answer to a question, if one was asked.
async fn asked(question: &mut Option<BoxFuture<'_, bool>>) -> bool {
    match question {
        Some(question) => question.await,
        None => std::future::pending().await,
    }
}

/// Nothing, to be heard all the same.
fn comment() -> Bytes {
    Bytes::from_static(b":\n\n")
}

/// That a maintenance begins, changes or ends. A comment, because clients of the protocol take other events
/// than its own to be a fault; pages have `maintenanceChanged`.
fn maintenance_comment(window: Option<&Window>) -> Bytes {
    format!(": maintenance {}\n\n", json!(window.map(Window::to_json))).into()
}

/// A block without data: no event, but the client resumes there.
fn position_only(position: LogPosition) -> Bytes {
    format!("id: {position}\n\n").into()
}

fn next_event(answer: &Answer) -> Bytes {
    let data = serde_json::to_string(answer).unwrap_or_else(|error| {
        tracing::error!(%error, "an answer could not be written");
        serde_json::json!({ "errors": refusal(ErrorCode::Internal, "internal error").errors }).to_string()
    });
    match answer.extensions.get(POSITION) {
        Some(Value::String(position)) => format!("id: {position}\nevent: next\ndata: {data}\n\n").into(),
        _ => format!("event: next\ndata: {data}\n\n").into(),
    }
}

fn complete() -> Bytes {
    Bytes::from_static(b"event: complete\ndata:\n\n")
}

/// The end for whoever may be there no more.
fn signed_out() -> Bytes {
    let answer = refusal(ErrorCode::Unauthenticated, ApiError::Unauthenticated.to_string());
    [next_event(&answer), complete()].concat().into()
}
