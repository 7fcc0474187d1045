//! Accepts connections and carries HTTP on them. Own loop instead of `axum::serve`, which waits for ever
//! for a request's head and takes connections without bound. Knows no path and no GraphQL.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt;

/// The most connections that are open at once, WebSockets (which have a bound of their own) not counted.
/// Those above it wait to be accepted.
const CONNECTIONS: usize = 8_192;
/// Files that a process needs besides its connections: the database, logs, what is read from disk.
const OTHER_FILES: u64 = 128;
/// How long the first head of a connection may take.
const FIRST_HEAD: Duration = Duration::from_secs(10);
/// How long the head of a later request may take, and how long an idle connection is kept. Longer than the
/// 90 s for which the routers of hosting platforms keep one, so that they never use one that is just closed.
const NEXT_HEAD: Duration = Duration::from_secs(100);
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

/// Serves until `shutdown` is over; then accepts no more, and finishes the requests that are under way.
/// Each request carries its peer as [`ConnectInfo<SocketAddr>`].
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    // Every connection holds a receiver.
    let ending = watch::Sender::new(false);
    let free = Arc::new(Semaphore::new(bound()));
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            (stream, peer, permit) = accept(&listener, &free) => {
                tokio::spawn(carry(stream, peer, router.clone(), ending.subscribe(), permit));
            }
            () = &mut shutdown => break,
        }
    }
    drop(listener);
    ending.send_replace(true);
    ending.closed().await;
}

/// How many connections there may be: each is a file, of which a process may open so many.
fn bound() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Whoever runs us may use all that the system grants; when we may not ask for it, it stays as it is.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let files = if raised { maximum } else { current };
    let room = files.map_or(usize::MAX, |files| {
        // The other half is for WebSockets.
        usize::try_from((files.saturating_sub(OTHER_FILES) / 2).max(1)).unwrap_or(usize::MAX)
    });
    CONNECTIONS.min(room)
}

async fn accept(
    listener: &TcpListener,
    free: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let permit = free.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
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

/// Carries one connection to its end.
async fn carry(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut ending: watch::Receiver<bool>,
    permit: Option<OwnedSemaphorePermit>,
) {
    if let Err(error) = watch_peer(&stream) {
        tracing::debug!(%error, "a connection ended before it began");
        return;
    }
    let asked = Arc::new(Notify::new());
    let asking = asked.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        asking.notify_one();
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.clone().oneshot(request);
        async move { Ok::<Response, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(NEXT_HEAD)
        .max_header_size(HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let mut first = pin!(tokio::time::timeout(FIRST_HEAD, asked.notified()));
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
            _ = ending.wait_for(|ending| *ending), if !is_ending => {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
    drop(permit);
}
