//! Lightweight clients of `graphql-transport-ws`: one subscription each; of each item they keep position and time
//! of arrival.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use identity::clock::Clock;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

/// A received item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Position in the log.
    pub position: i64,
    /// Time of arrival in microseconds since 1970, by the machine's clock.
    pub at_micros: i64,
}

/// A subscription and its caller.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Bearer token.
    pub token: Arc<str>,
    /// Document with one operation.
    pub query: Arc<str>,
    /// Its variables.
    pub variables: Value,
}

/// A connection with one subscription; closed on drop.
#[derive(Debug)]
pub struct Subscriber {
    received: Arc<Mutex<Vec<Received>>>,
    listening: AbortHandle,
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Subscriber {
    /// Connects and subscribes. With `waits`, returns after the subscription's first item; otherwise at once.
    pub async fn start(address: &str, subscription: &Subscription, waits: bool) -> Result<Self> {
        let mut socket = Socket::upgrade(address).await?;
        let authorization = format!("Bearer {}", subscription.token);
        let payload = json!({ "authorization": authorization });
        socket.say(&json!({ "type": "connection_init", "payload": payload }).to_string()).await?;
        socket.expect("connection_ack").await?;
        let payload = json!({ "query": &*subscription.query, "variables": subscription.variables });
        socket.say(&json!({ "id": "1", "type": "subscribe", "payload": payload }).to_string()).await?;
        if waits {
            socket.expect("next").await?;
        }
        let received = Arc::new(Mutex::new(Vec::new()));
        let listening = tokio::spawn(listen(socket, received.clone())).abort_handle();
        Ok(Self { received, listening })
    }

    /// Whether the connection is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.listening.is_finished()
    }

    /// Items received since the last call.
    #[must_use]
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.received.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads until the connection ends.
async fn listen(mut socket: Socket, received: Arc<Mutex<Vec<Received>>>) {
    let clock = Clock::system();
    while let Ok(text) = socket.hear().await {
        let at_micros = clock.now().timestamp_micros();
        if let Some(position) = position_of(text) {
            let item = Received { position, at_micros };
            received.lock().unwrap_or_else(PoisonError::into_inner).push(item);
        }
    }
}

/// Position of an item, the last value in its text; `None` for another message.
fn position_of(text: &str) -> Option<i64> {
    const NAME: &str = "\"position\":\"";
    if !text.contains("\"type\":\"next\"") {
        return None;
    }
    let (_, rest) = text.rsplit_once(NAME)?;
    rest.split_once('"')?.0.parse().ok()
}

struct Socket {
    stream: TcpStream,
    /// Received bytes; the current message is first.
    buffer: Vec<u8>,
    /// Number of consumed bytes.
    done: usize,
}

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const MASKED: u8 = 0x80;

impl Socket {
    async fn upgrade(address: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET /graphql HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut socket = Self { stream, buffer: Vec::with_capacity(512), done: 0 };
        loop {
            if let Some(end) = socket.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                if !socket.buffer.starts_with(b"HTTP/1.1 101") {
                    bail!("no upgrade: {}", String::from_utf8_lossy(&socket.buffer));
                }
                socket.done = end + 4;
                return Ok(socket);
            }
            socket.read().await?;
        }
    }

    async fn read(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the server has closed the connection");
        }
        Ok(())
    }

    /// Sends a text.
    async fn say(&mut self, text: &str) -> Result<()> {
        self.send(TEXT, text.as_bytes()).await
    }

    async fn send(&mut self, opcode: u8, payload: &[u8]) -> Result<()> {
        let mut frame = vec![opcode];
        match u8::try_from(payload.len()) {
            Ok(length @ ..=125) => frame.push(MASKED | length),
            _ => {
                frame.push(MASKED | 126);
                frame.extend(u16::try_from(payload.len())?.to_be_bytes());
            }
        }
        // A mask of zeros changes nothing.
        frame.extend([0; 4]);
        frame.extend(payload);
        Ok(self.stream.write_all(&frame).await?)
    }

    /// The next text; answers pings.
    async fn hear(&mut self) -> Result<&str> {
        loop {
            let (opcode, payload) = self.frame().await?;
            match opcode {
                TEXT => return Ok(std::str::from_utf8(&self.buffer[payload])?),
                PING => self.send(PONG, &[]).await?,
                CLOSE => bail!("closed: {}", String::from_utf8_lossy(&self.buffer[payload])),
                _ => {}
            }
        }
    }

    /// The range of the next frame's payload in the buffer. Server frames are unmasked, and ours are not
    /// fragmented.
    async fn frame(&mut self) -> Result<(u8, std::ops::Range<usize>)> {
        self.buffer.drain(..self.done);
        self.done = 0;
        loop {
            if let [opcode, length, rest @ ..] = &self.buffer[..] {
                let (head, length) = match (length, rest) {
                    (126, [a, b, ..]) => (4, Some(usize::from(u16::from_be_bytes([*a, *b])))),
                    (127, [a, b, c, d, e, f, g, h, ..]) => {
                        let length = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
                        (10, Some(usize::try_from(length)?))
                    }
                    (126 | 127, _) => (0, None),
                    (length, _) => (2, Some(usize::from(*length))),
                };
                if let Some(length) = length
                    && self.buffer.len() >= head + length
                {
                    self.done = head + length;
                    return Ok((*opcode, head..self.done));
                }
            }
            self.read().await?;
        }
    }

    async fn expect(&mut self, kind: &str) -> Result<()> {
        let text = self.hear().await.with_context(|| format!("waiting for {kind}"))?;
        let message: Value = serde_json::from_str(text)?;
        if message["type"] != kind || !message["payload"]["errors"].is_null() {
            bail!("not {kind}: {text}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_position_at_the_end_of_an_item() {
        let item = r#"{"id":"1","type":"next","payload":{"data":{"x":{"position":"7"}},"extensions":{"position":"8"}}}"#;
        assert_eq!(position_of(item), Some(8));
        assert_eq!(position_of(r#"{"type":"ping","payload":{"position":"9"}}"#), None);
    }
}
