//! Accepts connections and carries HTTP on them. Own loop instead of `axum::serve`, which waits for ever
//! for a request's head and takes connections without bound. Knows no path and no GraphQL.

mod body;
mod budget;
mod slots;
mod stream;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tower::ServiceExt;

use self::body::KeptBody;
pub use self::budget::Budget;
pub use self::slots::{Slot, Slots};
use self::stream::CountedStream;
use super::admission::Full;

/// How long the first head of a connection may take.
const FIRST_HEAD: Duration = Duration::from_secs(10);
/// How long the head of a later request may take, and how long an idle connection is kept. Longer than the
/// 90 s for which the routers of hosting platforms keep one, so that they never use one that is just closed.
const NEXT_HEAD: Duration = Duration::from_secs(100);
/// How long the head may take on a connection of the reserve, and how long the connection lives.
const RESERVE_HEAD: Duration = Duration::from_secs(2);
const RESERVE_LIFE: Duration = Duration::from_secs(10);
/// The largest head of a request, in bytes; a query in the URL is a part of it.
const HEAD: usize = 32 * 1024;
/// What is buffered of a connection at most, in bytes.
const BUFFER: usize = 64 * 1024;
/// How long a peer may leave what was sent to it without an acknowledgement, or its window shut.
const UNACKNOWLEDGED: Duration = Duration::from_secs(60);
/// When a silent peer is first asked whether it is there, and then how often.
const SILENCE: Duration = Duration::from_secs(60);
const PROBES: Duration = Duration::from_secs(15);
/// How long to wait when the system has no file or memory for one more connection.
const SHORTAGE: Duration = Duration::from_secs(1);

/// Why the request's connection is served health checks only; an extension of its requests.
#[derive(Debug, Clone, Copy)]
pub struct Restricted(pub Full);

/// Serves until `shutdown` is over; then accepts no more, and finishes the requests that are under way.
/// Each request carries its peer as [`ConnectInfo<SocketAddr>`], an IPv4 peer by its IPv4 address whichever
/// socket it came by, and [`Restricted`] on a connection of the reserve.
pub async fn serve(listener: TcpListener, router: Router, slots: Slots, shutdown: impl Future<Output = ()>) {
    // Every connection holds a receiver.
    let ending = watch::Sender::new(false);
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            (stream, peer) = accept(&listener) => {
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                // Without a slot the connection is closed.
                if let Some(slot) = slots.take(peer.ip()) {
                    tokio::spawn(carry(stream, peer, router.clone(), ending.subscribe(), slot));
                }
            }
            () = &mut shutdown => break,
        }
    }
    drop(listener);
    ending.send_replace(true);
    ending.closed().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The peer has changed its mind.
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted now");
                tokio::time::sleep(SHORTAGE).await;
            }
        }
    }
}

fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Lets the system find out when a peer is gone, or takes nothing any more.
fn watch_peer(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(SILENCE).with_interval(PROBES))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(())
}

/// Answers one request. Closes the connection, and says so, where another request could not follow: on the
/// reserve, and when the body is not read to its end.
async fn answer(
    router: Router,
    mut request: hyper::Request<Incoming>,
    peer: SocketAddr,
    restricted: Option<Full>,
) -> Response {
    request.extensions_mut().insert(ConnectInfo(peer));
    if let Some(full) = restricted {
        request.extensions_mut().insert(Restricted(full));
    }
    // A client that waits for `100 Continue` sends the body only when it is asked for.
    let is_waiting = request.headers().contains_key(EXPECT);
    let (parts, body) = request.into_parts();
    let (body, rest) = KeptBody::new(body);
    let answer = router.oneshot(hyper::Request::from_parts(parts, Body::new(body))).await;
    let mut response = answer.unwrap_or_else(|never: Infallible| match never {});
    let is_slow = response.status() == StatusCode::REQUEST_TIMEOUT;
    let closes =
        restricted.is_some() || if is_waiting || is_slow { !rest.is_empty() } else { !rest.drain().await };
    if closes {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Carries one connection to its end.
async fn carry(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut ending: watch::Receiver<bool>,
    slot: Slot,
) {
    if let Err(error) = watch_peer(&stream) {
        tracing::debug!(%error, "a connection ended before it began");
        return;
    }
    let restricted = slot.restricted;
    let asked = Arc::new(Notify::new());
    let asking = asked.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        asking.notify_one();
        let answer = answer(router.clone(), request, peer, restricted);
        async move { Ok::<Response, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(NEXT_HEAD)
        .max_header_size(HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(CountedStream::new(stream, slot)), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let first_head = if restricted.is_some() { RESERVE_HEAD } else { FIRST_HEAD };
    let mut first = pin!(tokio::time::timeout(first_head, asked.notified()));
    let mut life = pin!(tokio::time::sleep(RESERVE_LIFE));
    let (mut has_asked, mut is_ending) = (false, false);
    loop {
        tokio::select! {
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke");
                }
                break;
            }
            first = &mut first, if !has_asked => match first {
                Ok(()) => has_asked = true,
                // Silent, or so slow that it holds the connection for its own sake.
                Err(_elapsed) => break,
            },
            () = &mut life, if restricted.is_some() => break,
            _ = ending.wait_for(|ending| *ending), if !is_ending => {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
