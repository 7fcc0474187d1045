//! The messages of `graphql-transport-ws`, as text.

use async_graphql::{Response, ServerError};
use domain::LogPosition;
use identity::maintenance::Window;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// A message of a client.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ClientMessage {
    /// Initialises the connection; the payload contains the token.
    ConnectionInit { payload: Option<Object> },
    /// Requests a pong.
    Ping { payload: Option<Object> },
    /// Answers a ping.
    Pong { payload: Option<Object> },
    /// Starts an operation.
    Subscribe { id: String, payload: Object },
    /// Stops an operation.
    Complete { id: String },
}

impl ClientMessage {
    /// Parses a message.
    ///
    /// # Errors
    /// A description for developers of the client.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|_| "Invalid message: not JSON".to_owned())?;
        let Value::Object(object) = &value else {
            return Err("Invalid message: not a JSON object".to_owned());
        };
        if !object.get("type").is_some_and(Value::is_string) {
            return Err("Invalid message: the type is missing".to_owned());
        }
        match serde_json::from_value(value) {
            Ok(Self::Subscribe { id, .. } | Self::Complete { id }) if id.is_empty() => {
                Err("Invalid message: the id is empty".to_owned())
            }
            Ok(message) => Ok(message),
            Err(error) => Err(format!("Invalid message: {error}")),
        }
    }
}

/// Checks the shape of a `subscribe` payload: it has a document or the id of one, and each parameter has its type. Other
/// problems are reported as errors of the operation.
///
/// # Errors
/// A description that names the parameter.
pub(super) fn check_payload(payload: &Object) -> Result<(), String> {
    let given = |name: &str| payload.get(name).filter(|value| !value.is_null());
    if ["query", "documentId", "extensions"].into_iter().all(|name| given(name).is_none()) {
        return Err("query is missing".to_owned());
    }
    for (name, expected, is_valid) in [
        ("query", "a string", Value::is_string as fn(&Value) -> bool),
        ("documentId", "a string", Value::is_string),
        ("operationName", "a string", Value::is_string),
        ("variables", "an object", Value::is_object),
        ("extensions", "an object", Value::is_object),
    ] {
        if given(name).is_some_and(|value| !is_valid(value)) {
            return Err(format!("{name} is not {expected}"));
        }
    }
    Ok(())
}

/// Returns `next` with an operation's response.
pub(super) fn next(id: &str, response: &Response) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Next<'a> {
        id: &'a str,
        r#type: &'static str,
        payload: &'a Response,
    }
    serde_json::to_string(&Next { id, r#type: "next", payload: response })
}

/// Returns `error`, which rejects an operation and ends it.
pub(super) fn error(id: &str, errors: &[ServerError]) -> String {
    json!({ "id": id, "type": "error", "payload": errors }).to_string()
}

/// Returns `complete`, the end of an operation.
pub(super) fn complete(id: &str) -> String {
    json!({ "id": id, "type": "complete" }).to_string()
}

/// Returns `connection_ack`.
pub(super) fn acknowledgement() -> String {
    json!({ "type": "connection_ack" }).to_string()
}

/// Returns `pong` with the payload of the ping.
pub(super) fn pong(payload: Option<Object>) -> String {
    match payload {
        Some(payload) => json!({ "type": "pong", "payload": payload }).to_string(),
        None => json!({ "type": "pong" }).to_string(),
    }
}

/// Returns `ping` with the position that all subscriptions of the connection have reached, if known.
pub(super) fn ping(position: Option<LogPosition>) -> String {
    match position {
        Some(position) => {
            json!({ "type": "ping", "payload": { "position": position.to_string() } }).to_string()
        }
        None => json!({ "type": "ping" }).to_string(),
    }
}

/// Returns `ping` with the current maintenance, or `null` after its end.
pub(super) fn maintenance(window: Option<&Window>) -> String {
    json!({ "type": "ping", "payload": { "maintenance": window.map(Window::to_json) } }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_messages_and_describes_invalid_ones() {
        let object = |value: Value| value.as_object().cloned();
        for (text, message) in [
            (r#"{"type":"connection_init"}"#, ClientMessage::ConnectionInit { payload: None }),
            (
                r#"{"type":"ping","payload":{"a":1}}"#,
                ClientMessage::Ping { payload: object(json!({ "a": 1 })) },
            ),
            (r#"{"type":"pong","payload":null}"#, ClientMessage::Pong { payload: None }),
            (r#"{"id":"a","type":"complete"}"#, ClientMessage::Complete { id: "a".to_owned() }),
        ] {
            assert_eq!(ClientMessage::parse(text), Ok(message), "{text}");
        }
        for text in [
            "",
            "[]",
            "{}",
            "null",
            r#"{"type":1}"#,
            r#"{"type":"start","id":"1","payload":{}}"#,
            r#"{"type":"connection_init","payload":"token"}"#,
            r#"{"type":"ping","payload":[]}"#,
            r#"{"type":"subscribe","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":1,"payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"1","payload":"{a}"}"#,
            r#"{"type":"complete"}"#,
        ] {
            let why = ClientMessage::parse(text).unwrap_err();
            assert!(why.starts_with("Invalid message: "), "{text}: {why}");
        }
    }
}
