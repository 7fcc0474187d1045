//! A client of server-sent events: one operation and its blocks.

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::eventually::within;

/// A block of a stream, delimited by empty lines.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Block {
    /// `id:`, the position to resume from.
    pub id: Option<String>,
    /// `event:`.
    pub event: Option<String>,
    /// `data:`; `null` if it is missing or empty.
    pub data: Value,
}

/// An open stream. Dropping it cuts the connection.
#[derive(Debug)]
pub struct Events {
    response: reqwest::Response,
    text: String,
    /// The last `id`, with or without an event.
    pub last_id: Option<String>,
}

/// Requests a stream.
pub async fn request(
    base: &str,
    token: Option<&str>,
    last_id: Option<&str>,
    query: &str,
    variables: Value,
) -> Result<reqwest::Response, reqwest::Error> {
    let mut request = reqwest::Client::new()
        .post(format!("{base}/graphql"))
        .header(ACCEPT, "text/event-stream")
        .header(CONTENT_TYPE, "application/json")
        .body(json!({ "query": query, "variables": variables }).to_string());
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    if let Some(id) = last_id {
        request = request.header("last-event-id", id);
    }
    request.send().await
}

impl Events {
    /// Opens a stream.
    pub async fn open(
        base: &str,
        token: Option<&str>,
        last_id: Option<&str>,
        query: &str,
        variables: Value,
    ) -> Self {
        let response = within(request(base, token, last_id, query, variables)).await.expect("an answer");
        Self::of(response)
    }

    /// Reads a response, which must be a stream.
    pub fn of(response: reqwest::Response) -> Self {
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        assert_eq!(content_type, Some("text/event-stream; charset=utf-8"), "{}", response.status());
        Self { response, text: String::new(), last_id: None }
    }

    /// The next block, without comments; `None` at the end of the stream.
    #[track_caller]
    pub fn block(&mut self) -> impl Future<Output = Option<Block>> {
        within(async {
            loop {
                if let Some((block, rest)) = self.text.split_once("\n\n") {
                    let mut read = Block::default();
                    for line in block.lines() {
                        let (field, value) = line.split_once(':').unwrap_or((line, ""));
                        let value = value.strip_prefix(' ').unwrap_or(value);
                        match field {
                            "id" => read.id = Some(value.to_owned()),
                            "event" => read.event = Some(value.to_owned()),
                            "data" => read.data = serde_json::from_str(value).unwrap_or_default(),
                            _ => {}
                        }
                    }
                    self.text = rest.to_owned();
                    if read.id.is_some() {
                        self.last_id.clone_from(&read.id);
                    }
                    if read != Block::default() {
                        return Some(read);
                    }
                    continue;
                }
                match self.response.chunk().await {
                    Ok(Some(bytes)) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                    Ok(None) | Err(_) => return None,
                }
            }
        })
    }

    /// The next block with an event; `None` at the end of the stream.
    #[track_caller]
    pub fn event(&mut self) -> impl Future<Output = Option<Block>> {
        within(async {
            loop {
                match self.block().await {
                    Some(block) if block.event.is_none() => {}
                    block => return block,
                }
            }
        })
    }
}
