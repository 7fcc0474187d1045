//! HTTP/1.1 as bytes: malformed requests, requests from several local addresses, and whether a connection
//! continues.

use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::eventually::within;

/// A connection. Dropping it closes it.
#[derive(Debug)]
pub struct RawHttp {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawAnswer {
    /// HTTP's status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body by `Content-Length`; empty without one.
    pub body: String,
}

impl RawAnswer {
    /// A header's value; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Whether the answer announces the connection's end.
    pub fn says_close(&self) -> bool {
        self.header("connection").eq_ignore_ascii_case("close")
    }
}

impl RawHttp {
    /// Connects to a process.
    pub async fn connect(base: &str) -> Self {
        Self::connect_from(base, [127, 0, 0, 1].into()).await
    }

    /// Connects from a local address.
    pub async fn connect_from(base: &str, from: IpAddr) -> Self {
        let to: SocketAddr = base.trim_start_matches("http://").parse().expect("an address");
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((from, 0).into()).expect("an address of this machine");
        let stream = within(socket.connect(to)).await.expect("connects");
        Self { stream, read: Vec::new() }
    }

    /// Sends bytes. A server that closes early may not read all of them.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = within(self.stream.write_all(bytes.as_ref())).await;
    }

    /// The next answer; `None` if the connection ends first.
    pub async fn answer(&mut self) -> Option<RawAnswer> {
        let head = loop {
            if let Some(end) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break self.read.drain(..end + 4).collect::<Vec<_>>();
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = RawAnswer { status, headers, body: String::new() };
        let length = answer.header("content-length").parse().unwrap_or(0);
        while self.read.len() < length {
            self.more().await?;
        }
        let body: Vec<u8> = self.read.drain(..length).collect();
        answer.body = String::from_utf8_lossy(&body).into_owned();
        Some(answer)
    }

    /// Requests a path.
    pub async fn get(&mut self, path: &str) -> Option<RawAnswer> {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        self.answer().await
    }

    async fn more(&mut self) -> Option<()> {
        let mut buffer = [0; 4096];
        match within(self.stream.read(&mut buffer)).await {
            Ok(read) if read > 0 => {
                self.read.extend_from_slice(&buffer[..read]);
                Some(())
            }
            Ok(_) | Err(_) => None,
        }
    }
}
