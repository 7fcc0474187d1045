//! One connection: reads messages, runs operations and sends their events, all in one task. While a message is being
//! sent, each operation prepares at most one more event, so a client that does not read takes little memory until it is
//! disconnected.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Request, Response};
use axum::extract::ws::{Message, WebSocket};
use graphql::context::Caller;
use graphql::error::ErrorCode;
use identity::accounts::AccessChange;
use identity::client_address::ClientAddress;
use messages::labels::Lang;
use serde_json::Value;
use tokio::sync::broadcast;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout, timeout_at};

use super::close::Close;
use super::message::{self, ClientMessage, Object};
use super::operations::{OperationEvent, Operations};
use crate::api::AuthenticationError;
use crate::refusal::{refusal, refusal_of};
use crate::request::Parameters;
use crate::request_id::RequestId;
use crate::session::Session;
use crate::state::{Server, stopped};

/// Number of ping intervals without a message after which a client counts as gone.
const MAX_SILENT_PINGS: u32 = 2;

/// Key of languages in `connection_init`, in the syntax of the header `Accept-Language`.
const ACCEPT_LANGUAGE: &str = "acceptLanguage";

/// Time limit for queries and mutations after the process begins to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// The end of a connection.
pub(super) enum End {
    /// The server closes it.
    Close(Close),
    /// The client has closed it.
    Closed,
    /// The client is gone, or does not read.
    Gone,
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

/// The upgraded request of a connection.
pub(super) struct Handshake {
    pub id: RequestId,
    pub address: ClientAddress,
    pub lang: Lang,
    /// `Authorization` of the request.
    pub token: Option<String>,
}

/// A connection and its operations.
pub(super) struct Connection {
    server: Arc<Server>,
    socket: WebSocket,
    handshake: Handshake,
    session: Option<Session>,
    operations: Operations,
}

impl Connection {
    pub fn new(server: Arc<Server>, socket: WebSocket, handshake: Handshake) -> Self {
        Self { server, socket, handshake, session: None, operations: Operations::default() }
    }

    /// Serves the connection until its end.
    pub async fn run(mut self: Box<Self>) {
        let Err(end) = self.serve().await else { return };
        match end {
            End::Close(close) => drop(Box::pin(self.send(Message::Close(Some(close.frame())))).await),
            // axum answers the close frame with the next read.
            End::Closed => drop(timeout(self.server.streams.limits.send, self.socket.recv()).await),
            End::Gone => {}
        }
    }

    async fn serve(&mut self) -> Result<(), End> {
        let mut stopping = self.server.stopping.subscribe();
        let mut changes = self.server.api.authenticator.changes();
        let limits = &self.server.streams.limits;
        let deadline = sleep_until(Instant::now() + limits.initialisation);
        tokio::pin!(deadline);
        let mut ping = interval_at(Instant::now() + limits.ping, limits.ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut maintenance = self.server.api.services.maintenance.watch();
        let mut silent_pings = 0;
        // Rare futures are boxed, so that an idle connection is small.
        loop {
            tokio::select! {
                received = self.socket.recv() => {
                    silent_pings = 0;
                    Box::pin(self.receive(received)).await?;
                }
                (id, event) = self.operations.next() => Box::pin(self.send_event(&id, event)).await?,
                () = &mut deadline, if self.session.is_none() => return Err(Close::InitialisationTimeout.into()),
                () = changed(self.session.as_ref(), &mut changes) => Box::pin(self.check_session()).await?,
                _ = ping.tick() => {
                    if silent_pings == MAX_SILENT_PINGS {
                        return Err(End::Gone);
                    }
                    silent_pings += 1;
                    Box::pin(self.ping()).await?;
                }
                Ok(()) = maintenance.changed() => {
                    let window = maintenance.borrow_and_update().clone();
                    // An uninitialised client is informed with the acknowledgement.
                    if self.session.is_some() {
                        Box::pin(self.send_text(message::maintenance(window.as_ref()))).await?;
                    }
                }
                () = stopped(&mut stopping) => return Box::pin(self.finish()).await,
            }
        }
    }

    async fn receive(&mut self, received: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        match received {
            Some(Ok(Message::Text(text))) => {
                let message = ClientMessage::parse(&text).map_err(Close::Invalid)?;
                self.handle(message).await
            }
            Some(Ok(Message::Binary(_))) => Err(Close::Invalid("Invalid message: binary".to_owned()).into()),
            // axum answers WebSocket pings.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Close(_))) => Err(End::Closed),
            None => Err(End::Gone),
            Some(Err(error)) => Err(read_error(&error)),
        }
    }

    async fn handle(&mut self, message: ClientMessage) -> Result<(), End> {
        match message {
            ClientMessage::ConnectionInit { payload } => self.initialise(payload).await,
            ClientMessage::Ping { payload } => self.send_text(message::pong(payload)).await,
            ClientMessage::Pong { .. } => Ok(()),
            ClientMessage::Subscribe { id, payload } => self.subscribe(id, payload).await,
            ClientMessage::Complete { id } => {
                self.operations.stop(&id);
                Ok(())
            }
        }
    }

    async fn initialise(&mut self, payload: Option<Object>) -> Result<(), End> {
        if self.session.is_some() {
            return Err(Close::InitialisedTwice.into());
        }
        let Handshake { id, address, lang, token } = &mut self.handshake;
        let mut payload = payload.unwrap_or_default();
        let lang = lang_of(&mut payload, *lang)?;
        let token = token_of(payload, token.take());
        match Session::open(&self.server.api, token, *address, lang, id).await {
            Ok(session) => self.session = Some(session),
            Err(AuthenticationError::InvalidToken) => return Err(Close::Forbidden.into()),
            Err(AuthenticationError::Unavailable) => return Err(Close::TryAgain.into()),
        }
        self.send_text(message::acknowledgement()).await?;
        match self.server.api.services.maintenance.window() {
            Some(window) => self.send_text(message::maintenance(Some(&window))).await,
            None => Ok(()),
        }
    }

    async fn subscribe(&mut self, id: String, payload: Object) -> Result<(), End> {
        let Some(session) = &self.session else { return Err(Close::Unauthorized.into()) };
        if self.operations.contains(&id) {
            return Err(Close::SubscriberExists(id).into());
        }
        let caller = session.caller.clone();
        self.check_session().await?;
        let operation = match self.admit(payload, &caller)? {
            Ok(request) => self.server.api.start(request, caller),
            Err(refused) => return self.send_text(message::error(&id, &refused.errors)).await,
        };
        self.operations.start(id, operation);
        Ok(())
    }

    /// Returns the request of an operation, or the response that rejects it.
    fn admit(&self, payload: Object, caller: &Caller) -> Result<Result<Request, Response>, End> {
        let most = self.server.streams.limits.operations;
        if self.operations.len() >= most {
            let message = format!("a connection carries at most {most} operations at once");
            return Ok(Err(refusal(ErrorCode::RateLimited, message)));
        }
        let api = &self.server.api;
        if let Err(error) = api.limiter.address(caller.address).and_then(|()| api.admit(caller)) {
            return Ok(Err(refusal_of(error.into(), &caller.request_id)));
        }
        let shaped = message::check_payload(&payload);
        shaped.map_err(|why| Close::Invalid(format!("Invalid message: {why}")))?;
        let parameters = serde_json::from_value::<Parameters>(Value::Object(payload));
        let parameters = parameters.map_err(|error| Close::Invalid(format!("Invalid message: {error}")))?;
        let request = parameters.into_request(&api.persisted_documents);
        Ok(request.map_err(|error| refusal(error.code(), error.to_string())))
    }

    async fn send_event(&mut self, id: &str, event: OperationEvent) -> Result<(), End> {
        match event {
            OperationEvent::Next(response) => self.send_text(next(id, &response)).await,
            OperationEvent::Refused(response) => self.send_text(message::error(id, &response.errors)).await,
            OperationEvent::Complete => self.send_text(message::complete(id)).await,
        }
    }

    async fn check_session(&mut self) -> Result<(), End> {
        let Some(session) = &self.session else { return Ok(()) };
        let is_valid = tokio::select! {
            is_valid = session.is_valid(&self.server.api) => is_valid,
            // Never completes.
            () = self.operations.run() => true,
        };
        if is_valid { Ok(()) } else { Err(Close::Forbidden.into()) }
    }

    /// Checks the session and pings the client: by the WebSocket's ping, which every client answers, and by the
    /// protocol's, which reports the position.
    async fn ping(&mut self) -> Result<(), End> {
        self.check_session().await?;
        self.send(Message::Ping(axum::body::Bytes::new())).await?;
        if self.session.is_none() {
            return Ok(());
        }
        let head = *self.server.api.services.follower.head().borrow();
        self.send_text(message::ping(self.operations.passed(head))).await
    }

    /// Ends the connection of a stopping process: subscriptions stop, queries and mutations complete.
    async fn finish(&mut self) -> Result<(), End> {
        self.operations.stop_subscriptions();
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        while self.operations.len() > 0 {
            let Ok((id, event)) = timeout_at(deadline, self.operations.next()).await else { break };
            self.send_event(&id, event).await?;
        }
        Err(Close::GoingAway.into())
    }

    async fn send_text(&mut self, text: String) -> Result<(), End> {
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        let sent = tokio::select! {
            sent = timeout(self.server.streams.limits.send, self.socket.send(message)) => sent,
            // Never completes.
            () = self.operations.run() => return Ok(()),
        };
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }
}

async fn changed(session: Option<&Session>, changes: &mut broadcast::Receiver<AccessChange>) {
    match session {
        Some(session) => session.changed(changes).await,
        None => std::future::pending().await,
    }
}

fn next(id: &str, response: &Response) -> String {
    message::next(id, response).unwrap_or_else(|error| {
        tracing::error!(%error, "a response could not be serialized");
        message::error(id, &refusal(ErrorCode::Internal, "internal error").errors)
    })
}

/// Returns the end of a connection after a read error, which the library describes by text only.
fn read_error(error: &axum::Error) -> End {
    let text = event_store::chain(error).to_ascii_lowercase();
    if text.contains("too long") || text.contains("too large") {
        Close::TooBig.into()
    } else if text.contains("utf-8") {
        Close::NotText.into()
    } else if text.contains("protocol") {
        Close::Broken.into()
    } else {
        End::Gone
    }
}

/// Returns the language of `connection_init`, else that of the upgraded request: a page cannot set the request's headers,
/// and its browser sends the browser's languages.
fn lang_of(payload: &mut Object, header: Lang) -> Result<Lang, Close> {
    match payload.remove(ACCEPT_LANGUAGE) {
        Some(Value::String(languages)) => Ok(Lang::from_accept_language(&languages)),
        Some(Value::Null) | None => Ok(header),
        Some(_) => Err(Close::Invalid(format!("Invalid message: {ACCEPT_LANGUAGE} is not a string"))),
    }
}

/// Returns the token of `connection_init`, else that of the upgraded request.
fn token_of(payload: Object, header: Option<String>) -> Option<String> {
    match payload.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
        Some((_, Value::String(token))) => Some(token),
        // Not text: an invalid token.
        Some(_) => Some(String::new()),
        None => header,
    }
}
