//! The messages of `graphql-transport-ws`, as text. Knows no connection.

use async_graphql::{Response, ServerError};
use domain::LogPosition;
use identity::maintenance::Window;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// An object of JSON.
pub(super) type Object = Map<String, Value>;

/// What a client says.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ClientMessage {
    /// Who it is, in its payload.
    ConnectionInit { payload: Option<Object> },
    /// Is there anybody.
    Ping { payload: Option<Object> },
    /// There is.
    Pong { payload: Option<Object> },
    /// An operation.
    Subscribe { id: String, payload: Object },
    /// Enough of an operation.
    Complete { id: String },
}

impl ClientMessage {
    /// Reads one.
    ///
    /// # Errors
    /// Why it is none, in words for a developer.
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

/// Whether a payload of `subscribe` has the protocol's shape: a document, or the name of one, and each
/// parameter of its type. What is wrong beyond that is told as an error of the operation.
///
/// # Errors
/// Which parameter it is.
pub(super) fn check_payload(payload: &Object) -> Result<(), String> {
    let given = |name: &str| payload.get(name).filter(|value| !value.is_null());
    if ["query", "documentId", "extensions"].into_iter().all(|name| given(name).is_none()) {
        return Err("query is missing".to_owned());
    }
    for (name, is_right) in [
        ("query", Value::is_string as fn(&Value) -> bool),
        ("documentId", Value::is_string),
        ("operationName", Value::is_string),
        ("variables", Value::is_object),
        ("extensions", Value::is_object),
    ] {
        if given(name).is_some_and(|value| !is_right(value)) {
            return Err(format!("{name} is not what it must be"));
        }
    }
    Ok(())
}

/// An operation's answer.
pub(super) fn next(id: &str, response: &Response) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Next<'a> {
        id: &'a str,
        r#type: &'static str,
        payload: &'a Response,
    }
    serde_json::to_string(&Next { id, r#type: "next", payload: response })
}

/// What was wrong with an operation's request. It ends the operation.
pub(super) fn error(id: &str, errors: &[ServerError]) -> String {
    json!({ "id": id, "type": "error", "payload": errors }).to_string()
}

/// The end of an operation.
pub(super) fn complete(id: &str) -> String {
    json!({ "id": id, "type": "complete" }).to_string()
}

/// The answer to `connection_init`.
pub(super) fn acknowledgement() -> String {
    json!({ "type": "connection_ack" }).to_string()
}

/// The answer to a ping, with what it said.
pub(super) fn pong(payload: Option<Object>) -> String {
    match payload {
        Some(payload) => json!({ "type": "pong", "payload": payload }).to_string(),
        None => json!({ "type": "pong" }).to_string(),
    }
}

/// A ping that says how far the connection's subscriptions have come, when that is known.
pub(super) fn ping(position: Option<LogPosition>) -> String {
    match position {
        Some(position) => {
            json!({ "type": "ping", "payload": { "position": position.to_string() } }).to_string()
        }
        None => json!({ "type": "ping" }).to_string(),
    }
}

/// A ping that says which maintenance is under way, or that there is none any more.
pub(super) fn maintenance(window: Option<&Window>) -> String {
    json!({ "type": "ping", "payload": { "maintenance": window.map(Window::to_json) } }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_and_everything_else_is_refused_with_words() {
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
