//! A lightweight HTTP/1.1 client: one persistent connection, one request at a time; it parses only status and
//! body.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    address: String,
    received: Vec<u8>,
}

/// A response, valid until the next request.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// HTTP's status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// Whether the body contains a text.
    #[must_use]
    pub fn says(&self, text: &str) -> bool {
        self.body.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

impl Client {
    /// Connects.
    pub async fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("no server at {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address: address.to_owned(), received: Vec::with_capacity(4_096) })
    }

    /// Posts JSON with a bearer token.
    pub async fn post(&mut self, path: &str, token: &str, body: &str) -> Result<Answer<'_>> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.received.clear();
        let head = loop {
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.receive().await?;
        };
        let text = std::str::from_utf8(&self.received[..head])?;
        let status = text.get(9..12).and_then(|status| status.parse().ok()).context("no status")?;
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length: usize = length.context("an answer of no length")?.1.trim().parse()?;
        while self.received.len() < head + length {
            self.receive().await?;
        }
        Ok(Answer { status, body: &self.received[head..head + length] })
    }

    async fn receive(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.received).await? == 0 {
            bail!("{} has closed the connection", self.address);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn reads_consecutive_answers_in_any_fragments() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = [0; 1_024];
            for parts in [
                ["HTTP/1.1 200 OK\r\ncontent-le", "ngth: 4\r\n\r\nba", "se"],
                ["HTTP/1.1 404 No\r\n", "Content-Length: 0\r\n", "\r\n"],
            ] {
                assert!(stream.read(&mut heard).await.unwrap() > 0);
                for part in parts {
                    stream.write_all(part.as_bytes()).await.unwrap();
                    stream.flush().await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
        });
        let mut client = Client::connect(&address).await.unwrap();
        let first = client.post("/", "t", "{}").await.unwrap();
        assert_eq!((first.status, first.body, first.says("as")), (200, &b"base"[..], true));
        assert_eq!(client.post("/", "t", "{}").await.unwrap().status, 404);
        assert!(client.post("/", "t", "{}").await.is_err());
    }
}
