//! Accepts connections and serves HTTP/1.1 on them. Replaces `axum::serve`, which bounds neither the time for a
//! request's head nor the number of connections. Knows no path and no GraphQL.

mod body;
mod budget;
mod full;
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
pub use self::full::Full;
pub use self::slots::{Slot, Slots};
use self::stream::CountedStream;

/// Time limit for the first request head of a connection.
const FIRST_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit for later request heads, and for idle connections. Longer than the 90 s of the routers of hosting
/// platforms, so that they never use a connection that is just being closed.
const NEXT_HEAD_TIMEOUT: Duration = Duration::from_secs(100);
/// Time limit for the request head on a connection of the reserve.
const RESERVE_HEAD_TIMEOUT: Duration = Duration::from_secs(2);
/// Lifetime of a connection of the reserve.
const RESERVE_LIFETIME: Duration = Duration::from_secs(10);
/// Upper bound on a request head, which includes the query of the URL.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// Upper bound on the buffer of a connection.
const MAX_BUFFER_BYTES: usize = 64 * 1024;
/// Time after which the system closes a connection whose peer acknowledges nothing or keeps its window closed.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(60);
/// Idle time before the first TCP keep-alive probe.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);
/// Interval of TCP keep-alive probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// Delay after the system had no file or memory for a connection.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Request extension: the connection serves only health checks, for this reason.
#[derive(Debug, Clone, Copy)]
pub struct Restricted(pub Full);

/// Serves until `shutdown` completes; then stops accepting connections and completes the requests in progress.
/// Each request has its peer as [`ConnectInfo<SocketAddr>`], an IPv4-mapped address as IPv4, and [`Restricted`] on a
/// connection of the reserve.
pub async fn serve(listener: TcpListener, router: Router, slots: Slots, shutdown: impl Future<Output = ()>) {
    // Each connection holds a receiver.
    let ending = watch::Sender::new(false);
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            (stream, peer) = accept(&listener) => {
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                // Without a slot the connection is closed.
                if let Some(slot) = slots.take(peer.ip()) {
                    tokio::spawn(serve_connection(stream, peer, router.clone(), ending.subscribe(), slot));
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
            // The peer has closed the connection.
            Err(error) if is_peer_error(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

fn is_peer_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Configures TCP to detect a peer that is gone or receives nothing.
fn detect_dead_peer(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new().with_time(KEEPALIVE_TIME).with_interval(KEEPALIVE_INTERVAL),
    )?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT))?;
    Ok(())
}

/// Answers one request. Announces the end of the connection where another request could not follow: on the reserve,
/// and if the body is not read to its end.
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
    // A client that waits for `100 Continue` sends the body only if a handler reads it.
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

/// Serves one connection until its end.
async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut ending: watch::Receiver<bool>,
    slot: Slot,
) {
    if let Err(error) = detect_dead_peer(&stream) {
        tracing::debug!(%error, "a connection ended before its first request");
        return;
    }
    let restricted = slot.restricted;
    let first_request = Arc::new(Notify::new());
    let notify = first_request.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        notify.notify_one();
        let answer = answer(router.clone(), request, peer, restricted);
        async move { Ok::<Response, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(NEXT_HEAD_TIMEOUT)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(CountedStream::new(stream, slot)), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let first_head = if restricted.is_some() { RESERVE_HEAD_TIMEOUT } else { FIRST_HEAD_TIMEOUT };
    let mut first = pin!(tokio::time::timeout(first_head, first_request.notified()));
    let mut life = pin!(tokio::time::sleep(RESERVE_LIFETIME));
    let (mut has_requested, mut is_ending) = (false, false);
    loop {
        tokio::select! {
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke");
                }
                break;
            }
            first = &mut first, if !has_requested => match first {
                Ok(()) => has_requested = true,
                // The client is silent, or slow on purpose.
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
