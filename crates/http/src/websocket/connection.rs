//! One connection: reads what the client says, runs its operations, and says what became of them, all in
//! one task. While a message is being sent, each operation has one more ready at most and waits, so a
//! client that does not read costs little, and is let go.

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
use super::operations::{Operations, Outcome};
use crate::execute::{Refused, refusal, refusal_of};
use crate::request::Parameters;
use crate::request_id::RequestId;
use crate::router::{Server, stopped};
use crate::session::Session;

/// How often a client may be silent before it is taken to be gone.
const SILENCES: u32 = 2;

/// Where `connection_init` names languages, in the syntax of the header `Accept-Language`.
const ACCEPT_LANGUAGE: &str = "acceptLanguage";

/// How long operations that end by themselves may take once the process is about to.
const FAREWELL: Duration = Duration::from_secs(3);

/// How a connection ends.
pub(super) enum End {
    /// With a word.
    Close(Close),
    /// The client has said so.
    Left,
    /// The client is gone, or does not listen.
    Gone,
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

/// The request that a connection came from.
pub(super) struct Opening {
    pub id: RequestId,
    pub address: ClientAddress,
    pub lang: Lang,
    /// Its `Authorization`.
    pub token: Option<String>,
}

/// A connection and what runs on it.
pub(super) struct Connection {
    server: Arc<Server>,
    socket: WebSocket,
    opening: Opening,
    session: Option<Session>,
    operations: Operations,
}

impl Connection {
    pub fn new(server: Arc<Server>, socket: WebSocket, opening: Opening) -> Self {
        Self { server, socket, opening, session: None, operations: Operations::default() }
    }

    /// Carries the connection until one side has enough.
    pub async fn run(mut self: Box<Self>) {
        let Err(end) = self.converse().await else { return };
        // Whoever does not take the farewell goes without.
        match end {
            End::Close(close) => drop(Box::pin(self.send(Message::Close(Some(close.frame())))).await),
            // The answer to a close waits below us, and goes out with the next reading.
            End::Left => drop(timeout(self.server.streams.limits.send, self.socket.recv()).await),
            End::Gone => {}
        }
    }

    async fn converse(&mut self) -> Result<(), End> {
        let mut stopping = self.server.stopping.subscribe();
        let mut changes = self.server.api.authenticator.changes();
        let limits = &self.server.streams.limits;
        let deadline = sleep_until(Instant::now() + limits.initialisation);
        tokio::pin!(deadline);
        let mut ping = interval_at(Instant::now() + limits.ping, limits.ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut maintenance = self.server.api.services.maintenance.watch();
        let mut silences = 0;
        // What is done now and then is boxed: while nothing happens, a connection is no larger than it must be.
        loop {
            tokio::select! {
                received = self.socket.recv() => {
                    silences = 0;
                    Box::pin(self.receive(received)).await?;
                }
                (id, outcome) = self.operations.next() => Box::pin(self.tell(&id, outcome)).await?,
                () = &mut deadline, if self.session.is_none() => return Err(Close::InitialisationTimeout.into()),
                () = changed(self.session.as_ref(), &mut changes) => Box::pin(self.check_session()).await?,
                _ = ping.tick() => {
                    if silences == SILENCES {
                        return Err(End::Gone);
                    }
                    silences += 1;
                    Box::pin(self.ping()).await?;
                }
                Ok(()) = maintenance.changed() => {
                    let window = maintenance.borrow_and_update().clone();
                    // Who has not said who they are is told with the acknowledgement.
                    if self.session.is_some() {
                        Box::pin(self.say(message::maintenance(window.as_ref()))).await?;
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
                self.take(message).await
            }
            Some(Ok(Message::Binary(_))) => Err(Close::Invalid("Invalid message: binary".to_owned()).into()),
            // Pings of the WebSocket itself are answered below us.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Close(_))) => Err(End::Left),
            None => Err(End::Gone),
            Some(Err(error)) => Err(broken(&error)),
        }
    }

    async fn take(&mut self, message: ClientMessage) -> Result<(), End> {
        match message {
            ClientMessage::ConnectionInit { payload } => self.initialise(payload).await,
            ClientMessage::Ping { payload } => self.say(message::pong(payload)).await,
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
        let Opening { id, address, lang, token } = &mut self.opening;
        let mut payload = payload.unwrap_or_default();
        let lang = lang_of(&mut payload, *lang)?;
        let token = token_of(payload, token.take());
        match Session::open(&self.server.api, token, *address, lang, id).await {
            Ok(session) => self.session = Some(session),
            Err(Refused::Token) => return Err(Close::Forbidden.into()),
            Err(Refused::Unavailable) => return Err(Close::TryAgain.into()),
        }
        self.say(message::acknowledgement()).await?;
        match self.server.api.services.maintenance.window() {
            Some(window) => self.say(message::maintenance(Some(&window))).await,
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
        let running = match self.admit(payload, &caller)? {
            Ok(request) => self.server.api.start(request, caller),
            Err(refused) => return self.say(message::error(&id, &refused.errors)).await,
        };
        self.operations.start(id, running);
        Ok(())
    }

    /// The request of an operation that may be started, or the answer that it gets instead.
    fn admit(&self, payload: Object, caller: &Caller) -> Result<Result<Request, Response>, End> {
        let most = self.server.streams.limits.operations;
        if self.operations.len() >= most {
            let message = format!("a connection carries at most {most} operations at once");
            return Ok(Err(refusal(ErrorCode::RateLimited, message)));
        }
        let api = &self.server.api;
        if let Err(too_fast) = api.limiter.address(caller.address).and_then(|()| api.admit(caller)) {
            return Ok(Err(refusal_of(too_fast.into(), &caller.request_id)));
        }
        let shaped = message::check_payload(&payload);
        shaped.map_err(|why| Close::Invalid(format!("Invalid message: {why}")))?;
        let parameters = serde_json::from_value::<Parameters>(Value::Object(payload));
        let parameters = parameters.map_err(|error| Close::Invalid(format!("Invalid message: {error}")))?;
        let request = parameters.into_request(&api.documents);
        Ok(request.map_err(|error| refusal(error.code(), error.to_string())))
    }

    async fn tell(&mut self, id: &str, outcome: Outcome) -> Result<(), End> {
        match outcome {
            Outcome::Next(response) => self.say(next(id, &response)).await,
            Outcome::Refused(response) => self.say(message::error(id, &response.errors)).await,
            Outcome::Complete => self.say(message::complete(id)).await,
        }
    }

    async fn check_session(&mut self) -> Result<(), End> {
        let Some(session) = &self.session else { return Ok(()) };
        let holds = tokio::select! {
            holds = session.holds(&self.server.api) => holds,
            // It never does.
            () = self.operations.go_on() => true,
        };
        if holds { Ok(()) } else { Err(Close::Forbidden.into()) }
    }

    /// Asks whether anybody is there: by the WebSocket's own ping, which every client answers, and by
    /// the protocol's, which says how far we are.
    async fn ping(&mut self) -> Result<(), End> {
        self.check_session().await?;
        self.send(Message::Ping(axum::body::Bytes::new())).await?;
        if self.session.is_none() {
            return Ok(());
        }
        let head = *self.server.api.services.follower.head().borrow();
        self.say(message::ping(self.operations.passed(head))).await
    }

    /// The process is about to end: what would have ended soon may, and the rest begins again elsewhere.
    async fn finish(&mut self) -> Result<(), End> {
        self.operations.stop_subscriptions();
        let deadline = Instant::now() + FAREWELL;
        while self.operations.len() > 0 {
            let Ok((id, outcome)) = timeout_at(deadline, self.operations.next()).await else { break };
            self.tell(&id, outcome).await?;
        }
        Err(Close::GoingAway.into())
    }

    async fn say(&mut self, text: String) -> Result<(), End> {
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        let sent = tokio::select! {
            sent = timeout(self.server.streams.limits.send, self.socket.send(message)) => sent,
            // It never does.
            () = self.operations.go_on() => return Ok(()),
        };
        match sent {
            Ok(Ok(())) => Ok(()),
            // Gone, or not reading.
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
        tracing::error!(%error, "an answer could not be written");
        message::error(id, &refusal(ErrorCode::Internal, "internal error").errors)
    })
}

/// What is wrong with the bytes that came. The library tells it in words.
fn broken(error: &axum::Error) -> End {
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

/// The language of `connection_init`, else the one of the request that was upgraded: a page cannot set that request's
/// headers, and its browser sends the browser's own languages.
fn lang_of(payload: &mut Object, header: Lang) -> Result<Lang, Close> {
    match payload.remove(ACCEPT_LANGUAGE) {
        Some(Value::String(languages)) => Ok(Lang::from_accept_language(&languages)),
        Some(Value::Null) | None => Ok(header),
        Some(_) => Err(Close::Invalid(format!("Invalid message: {ACCEPT_LANGUAGE} is not a string"))),
    }
}

/// The token of `connection_init`, else the one of the request that was upgraded.
fn token_of(payload: Object, header: Option<String>) -> Option<String> {
    match payload.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
        Some((_, Value::String(token))) => Some(token),
        // What is not text lets nobody in.
        Some(_) => Some(String::new()),
        None => header,
    }
}
