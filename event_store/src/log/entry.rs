//! Entries of the log: events that this program can read, and those that it cannot.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::event::{Unreadable, UnreadableEvent};
use domain::{Event, LogPosition, StreamId, StreamType};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqlx::types::Json;
use uuid::Uuid;

use super::LogError;

/// Metadata stored with every event: its actor and its cause. Every value is stored as a string, as cqrs-es reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Id of the actor; the nil UUID for the system.
    pub actor: Uuid,
    /// Role of the actor.
    pub role: Role,
    /// Name of the command, such as `placeOrder`.
    pub command: String,
    /// Id of the command, shared by all of its events.
    pub command_id: Uuid,
    /// Id of the request.
    pub correlation_id: String,
    /// Position of the event that a reactor reacted to: `causation`, written `epoch/position`. Releases up to 0.1 wrote a
    /// number as `causationId`; they read what is written now as an event without a cause.
    #[serde(
        rename = "causation",
        alias = "causationId",
        default,
        skip_serializing_if = "Option::is_none",
        with = "causation"
    )]
    pub causation_id: Option<LogPosition>,
    /// Class of the event; `None` is essential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<EventClass>,
}

/// What a program does with an event that it cannot read. It stands in the event's metadata and not in a table, so that it
/// is restored, exported and proven with the event, and every program that reads the event knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventClass {
    /// It counts the event and passes it. No such event is written yet.
    Informative,
    /// It stops at the event: any other class, of a newer program, too.
    #[serde(other)]
    Essential,
}

/// The cause as stored.
mod causation {
    use domain::LogPosition;
    use serde::de::{Deserializer, Error};
    use serde::{Deserialize, Serializer};

    /// The log's first epoch; a log that loses events after a failover will begin another.
    const EPOCH: u32 = 1;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Position(LogPosition),
        EpochAndPosition(String),
    }

    #[allow(clippy::ref_option, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(at: &Option<LogPosition>, to: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(position) => to.collect_str(&format_args!("{EPOCH}/{position}")),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<LogPosition>, D::Error> {
        let wrong = || D::Error::custom("a cause must be written epoch/position");
        match Stored::deserialize(from)? {
            Stored::Position(position) => Ok(Some(position)),
            Stored::EpochAndPosition(text) => {
                let (epoch, position) = text.split_once('/').ok_or_else(wrong)?;
                epoch.parse::<u32>().map_err(|_| wrong())?;
                position.parse().map(|position| Some(LogPosition(position))).map_err(|_| wrong())
            }
        }
    }
}

/// An event of the log.
#[derive(Debug, Clone)]
pub struct RecordedEvent {
    /// Position in the log.
    pub position: LogPosition,
    /// Time of recording by the database's clock; never decreases with position.
    pub recorded_at: DateTime<Utc>,
    /// The stream.
    pub stream: StreamId,
    /// Position in the stream, from 1.
    pub sequence: i64,
    /// Type as stored.
    pub event_type: String,
    /// Version of the payload as stored.
    pub event_version: String,
    /// Exact text of the payload.
    pub payload: Arc<RawValue>,
    /// Actor and cause.
    pub metadata: Metadata,
    /// Today's events that the stored one stands for: itself, unless an upcaster makes none or more of it. They share its
    /// position and sequence; a reader takes them all, in order. None for an informative event that this program cannot
    /// read.
    pub events: Vec<Event>,
}

/// An event that this program cannot read: its type, version or kind of stream is known to newer programs only.
#[derive(Debug, Clone)]
pub struct UnreadableRecord {
    /// Position in the log.
    pub position: LogPosition,
    /// Time of recording.
    pub recorded_at: DateTime<Utc>,
    /// Kind of the stream as stored.
    pub stream_type: String,
    /// Id of the stream within its kind.
    pub stream_id: String,
    /// Position in the stream, from 1.
    pub sequence: i64,
    /// Type as stored.
    pub event_type: String,
    /// Version of the payload as stored.
    pub event_version: String,
    /// Exact text of the payload.
    pub payload: Arc<RawValue>,
    /// Actor and cause, if the metadata can be read.
    pub metadata: Option<Metadata>,
    /// Why the event cannot be read.
    pub reason: Arc<UnreadableEvent>,
}

impl UnreadableRecord {
    /// Returns the stream; `None` if its kind is unknown.
    pub fn stream(&self) -> Option<StreamId> {
        let kind: StreamType = self.stream_type.parse().ok()?;
        Some(StreamId::new(kind, self.stream_id.as_str()))
    }

    /// Returns the error of a reader that requires this event.
    pub fn error(&self) -> LogError {
        LogError::Unreadable { position: self.position, source: Arc::clone(&self.reason) }
    }
}

/// An entry of the log. Clones share it.
#[derive(Debug, Clone)]
pub enum LogEntry {
    /// An event.
    Event(Arc<RecordedEvent>),
    /// An event that this program cannot read. A reader that requires it stops; all others count it and continue.
    Unreadable(Arc<UnreadableRecord>),
}

impl LogEntry {
    /// Returns the position in the log.
    pub fn position(&self) -> LogPosition {
        match self {
            Self::Event(event) => event.position,
            Self::Unreadable(record) => record.position,
        }
    }

    /// Returns the time of recording.
    pub fn recorded_at(&self) -> DateTime<Utc> {
        match self {
            Self::Event(event) => event.recorded_at,
            Self::Unreadable(record) => record.recorded_at,
        }
    }

    /// Returns the stream; `None` if its kind is unknown.
    pub fn stream(&self) -> Option<StreamId> {
        match self {
            Self::Event(event) => Some(event.stream.clone()),
            Self::Unreadable(record) => record.stream(),
        }
    }

    /// Returns the stream's name, such as `order:<uuid>`, of any kind.
    pub fn stream_name(&self) -> String {
        match self {
            Self::Event(event) => event.stream.to_string(),
            Self::Unreadable(record) => format!("{}:{}", record.stream_type, record.stream_id),
        }
    }

    /// Returns the position in the stream, from 1.
    pub fn sequence(&self) -> i64 {
        match self {
            Self::Event(event) => event.sequence,
            Self::Unreadable(record) => record.sequence,
        }
    }

    /// Returns the type as stored.
    pub fn event_type(&self) -> &str {
        match self {
            Self::Event(event) => &event.event_type,
            Self::Unreadable(record) => &record.event_type,
        }
    }

    /// Returns the version of the payload as stored.
    pub fn event_version(&self) -> &str {
        match self {
            Self::Event(event) => &event.event_version,
            Self::Unreadable(record) => &record.event_version,
        }
    }

    /// Returns the payload's exact text.
    pub fn payload(&self) -> &RawValue {
        match self {
            Self::Event(event) => &event.payload,
            Self::Unreadable(record) => &record.payload,
        }
    }

    /// Returns actor and cause.
    ///
    /// # Errors
    /// A newer program stored metadata that this one cannot read.
    pub fn metadata(&self) -> Result<&Metadata, LogError> {
        match self {
            Self::Event(event) => Ok(&event.metadata),
            Self::Unreadable(record) => record.metadata.as_ref().ok_or_else(|| record.error()),
        }
    }

    /// Returns the event.
    ///
    /// # Errors
    /// [`LogError::Unreadable`] if this program cannot read it.
    pub fn readable(self) -> Result<Arc<RecordedEvent>, LogError> {
        match self {
            Self::Event(event) => Ok(event),
            Self::Unreadable(record) => Err(record.error()),
        }
    }
}

impl From<Row> for LogEntry {
    fn from(row: Row) -> Self {
        match row.decode() {
            Ok(event) => Self::Event(Arc::new(event)),
            Err(record) => Self::Unreadable(record.into()),
        }
    }
}

/// A row of `events`.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    position: i64,
    recorded_at: DateTime<Utc>,
    aggregate_type: String,
    aggregate_id: String,
    sequence: i64,
    event_type: String,
    event_version: String,
    payload: Json<Box<RawValue>>,
    metadata: Json<Box<RawValue>>,
}

/// Columns of [`Row`].
pub(super) const COLUMNS: &str = "position, recorded_at, aggregate_type, aggregate_id, sequence, event_type, \
                                  event_version, payload, metadata";

impl Row {
    /// Returns the kind of the stream as stored.
    pub(super) fn stream_type(&self) -> &str {
        &self.aggregate_type
    }

    /// Returns position and type.
    pub(super) fn mark(self) -> (LogPosition, String) {
        (LogPosition(self.position), self.event_type)
    }

    fn kind(&self) -> Result<StreamType, UnreadableEvent> {
        self.aggregate_type.parse().map_err(|_| self.unreadable(Unreadable::Stream))
    }

    fn events(&self) -> Result<(StreamType, Vec<Event>), UnreadableEvent> {
        let kind = self.kind()?;
        let events = Event::from_stored(kind, &self.event_type, &self.event_version, self.payload.0.get())?;
        Ok((kind, events))
    }

    fn metadata(&self) -> Result<Metadata, UnreadableEvent> {
        serde_json::from_str(self.metadata.0.get())
            .map_err(|source| self.unreadable(Unreadable::Metadata(source)))
    }

    fn unreadable(&self, source: Unreadable) -> UnreadableEvent {
        UnreadableEvent::new(&self.aggregate_type, &self.event_type, &self.event_version, source)
    }

    pub(super) fn decode(self) -> Result<RecordedEvent, Box<UnreadableRecord>> {
        let (reason, metadata) = match (self.events(), self.metadata()) {
            (Ok((kind, events)), Ok(metadata)) => return Ok(self.with(kind, events, metadata)),
            (Err(reason), Ok(metadata)) => match (metadata.class, self.kind()) {
                (Some(EventClass::Informative), Ok(kind)) => {
                    return Ok(self.with(kind, Vec::new(), metadata));
                }
                (None | Some(_), _) => (reason, Some(metadata)),
            },
            (Err(reason), Err(_)) => (reason, None),
            (Ok(_), Err(reason)) => (reason, None),
        };
        Err(Box::new(UnreadableRecord {
            position: LogPosition(self.position),
            recorded_at: self.recorded_at,
            stream_type: self.aggregate_type,
            stream_id: self.aggregate_id,
            sequence: self.sequence,
            event_type: self.event_type,
            event_version: self.event_version,
            payload: self.payload.0.into(),
            metadata,
            reason: Arc::new(reason),
        }))
    }

    fn with(self, kind: StreamType, events: Vec<Event>, metadata: Metadata) -> RecordedEvent {
        RecordedEvent {
            position: LogPosition(self.position),
            recorded_at: self.recorded_at,
            stream: StreamId::new(kind, self.aggregate_id),
            sequence: self.sequence,
            event_type: self.event_type,
            event_version: self.event_version,
            payload: self.payload.0.into(),
            metadata,
            events,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTOR: &str = r#"{"actor":"00000000-0000-0000-0000-000000000000","role":"SYSTEM","command":"c","commandId":"00000000-0000-0000-0000-000000000001","correlationId":"r""#;

    #[test]
    fn metadata_is_written_as_strings_and_read_in_both_forms() {
        let written = format!(r#"{ACTOR},"causation":"1/4711"}}"#);
        let metadata: Metadata = serde_json::from_str(&written).unwrap();
        assert_eq!(metadata.causation_id, Some(LogPosition(4711)));
        assert_eq!(serde_json::to_string(&metadata).unwrap(), written);
        let map: std::collections::HashMap<String, String> = serde_json::from_str(&written).unwrap();
        assert_eq!(map["causation"], "1/4711");
        let of_0_1: Metadata = serde_json::from_str(&format!(r#"{ACTOR},"causationId":4711}}"#)).unwrap();
        assert_eq!(of_0_1, metadata);
        let none: Metadata = serde_json::from_str(&format!("{ACTOR}}}")).unwrap();
        assert_eq!(none.causation_id, None);
        for wrong in [r#""4711""#, r#""x/1""#, r#""1/x""#, "{}"] {
            let text = format!(r#"{ACTOR},"causation":{wrong}}}"#);
            assert!(serde_json::from_str::<Metadata>(&text).is_err(), "{wrong}");
        }
    }
}
