//! An event as the log holds it: one that this program can read, or one that it cannot.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::event::UnreadableEvent;
use domain::{Event, LogPosition, StreamId, StreamType};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqlx::types::Json;
use uuid::Uuid;

use super::LogError;

/// Who and why, as stored with every event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Who acted; the nil UUID for the system.
    pub actor: Uuid,
    /// In which role.
    pub role: Role,
    /// The command's name, `placeOrder`.
    pub command: String,
    /// The command's id: the same for all its events.
    pub command_id: Uuid,
    /// The request that it belongs to.
    pub correlation_id: String,
    /// The position of the event that caused it, for reactors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<LogPosition>,
}

/// An event as the log holds it.
#[derive(Debug, Clone)]
pub struct RecordedEvent {
    /// Its place in the log.
    pub position: LogPosition,
    /// When it was recorded, by the database's clock; never decreases with position.
    pub recorded_at: DateTime<Utc>,
    /// Its stream.
    pub stream: StreamId,
    /// Its place in its stream, from 1.
    pub sequence: i64,
    /// Its type as stored.
    pub event_type: String,
    /// The version of its payload as stored.
    pub event_version: String,
    /// The payload's exact text.
    pub payload: Arc<RawValue>,
    /// Who and why.
    pub metadata: Metadata,
    /// The event, lifted to today's version.
    pub event: Event,
}

/// An event that this program cannot read, as the log holds it: of a type, a version or a kind of stream
/// that only a newer program knows.
#[derive(Debug, Clone)]
pub struct UnreadableRecord {
    /// Its place in the log.
    pub position: LogPosition,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// The kind of its stream, as stored.
    pub stream_type: String,
    /// Its stream within the kind.
    pub stream_id: String,
    /// Its place in its stream, from 1.
    pub sequence: i64,
    /// Its type as stored.
    pub event_type: String,
    /// The version of its payload as stored.
    pub event_version: String,
    /// The payload's exact text.
    pub payload: Arc<RawValue>,
    /// Who and why, where at least that can be read.
    pub metadata: Option<Metadata>,
    /// Why it cannot be read.
    pub reason: Arc<UnreadableEvent>,
}

impl UnreadableRecord {
    /// Its stream; none of a kind that this program does not know.
    pub fn stream(&self) -> Option<StreamId> {
        let kind: StreamType = self.stream_type.parse().ok()?;
        Some(StreamId::new(kind, self.stream_id.as_str()))
    }

    /// The error of whoever needs this event.
    pub fn error(&self) -> LogError {
        LogError::Unreadable { position: self.position, source: Arc::clone(&self.reason) }
    }
}

/// An entry of the log. Cloning shares it.
#[derive(Debug, Clone)]
pub enum LogEntry {
    /// An event.
    Event(Arc<RecordedEvent>),
    /// An event that this program cannot read. Whoever needs it stops there; all others count it and go on.
    Unreadable(Arc<UnreadableRecord>),
}

impl LogEntry {
    /// Its place in the log.
    pub fn position(&self) -> LogPosition {
        match self {
            Self::Event(event) => event.position,
            Self::Unreadable(record) => record.position,
        }
    }

    /// When it was recorded.
    pub fn recorded_at(&self) -> DateTime<Utc> {
        match self {
            Self::Event(event) => event.recorded_at,
            Self::Unreadable(record) => record.recorded_at,
        }
    }

    /// Its stream; none of a kind that this program does not know.
    pub fn stream(&self) -> Option<StreamId> {
        match self {
            Self::Event(event) => Some(event.stream.clone()),
            Self::Unreadable(record) => record.stream(),
        }
    }

    /// The name of its stream, `order:<uuid>`, whatever its kind.
    pub fn stream_name(&self) -> String {
        match self {
            Self::Event(event) => event.stream.to_string(),
            Self::Unreadable(record) => format!("{}:{}", record.stream_type, record.stream_id),
        }
    }

    /// Its place in its stream, from 1.
    pub fn sequence(&self) -> i64 {
        match self {
            Self::Event(event) => event.sequence,
            Self::Unreadable(record) => record.sequence,
        }
    }

    /// Its type as stored.
    pub fn event_type(&self) -> &str {
        match self {
            Self::Event(event) => &event.event_type,
            Self::Unreadable(record) => &record.event_type,
        }
    }

    /// The version of its payload as stored.
    pub fn event_version(&self) -> &str {
        match self {
            Self::Event(event) => &event.event_version,
            Self::Unreadable(record) => &record.event_version,
        }
    }

    /// The payload's exact text.
    pub fn payload(&self) -> &RawValue {
        match self {
            Self::Event(event) => &event.payload,
            Self::Unreadable(record) => &record.payload,
        }
    }

    /// Who and why.
    ///
    /// # Errors
    /// When a newer program stored something else there.
    pub fn metadata(&self) -> Result<&Metadata, LogError> {
        match self {
            Self::Event(event) => Ok(&event.metadata),
            Self::Unreadable(record) => record.metadata.as_ref().ok_or_else(|| record.error()),
        }
    }

    /// The event.
    ///
    /// # Errors
    /// [`LogError::Unreadable`] when this program cannot read it.
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

/// A row of the table of events.
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

/// The columns of [`Row`].
pub(super) const COLUMNS: &str = "position, recorded_at, aggregate_type, aggregate_id, sequence, event_type, \
                                  event_version, payload, metadata";

impl Row {
    /// The kind of its stream, as stored.
    pub(super) fn stream_type(&self) -> &str {
        &self.aggregate_type
    }

    /// Its place in the log and its type.
    pub(super) fn mark(self) -> (LogPosition, String) {
        (LogPosition(self.position), self.event_type)
    }

    fn event(&self) -> Result<Event, UnreadableEvent> {
        let kind: StreamType = self
            .aggregate_type
            .parse()
            .map_err(|_| UnreadableEvent::of_unknown_stream(&self.aggregate_type, &self.event_type))?;
        Event::from_stored(kind, &self.event_type, &self.event_version, self.payload.0.get())
    }

    fn metadata(&self) -> Result<Metadata, UnreadableEvent> {
        serde_json::from_str(self.metadata.0.get()).map_err(|source| {
            UnreadableEvent::of_unknown_metadata(
                &self.aggregate_type,
                &self.event_type,
                &self.event_version,
                source,
            )
        })
    }

    pub(super) fn decode(self) -> Result<RecordedEvent, Box<UnreadableRecord>> {
        let (reason, metadata) = match (self.event(), self.metadata()) {
            (Ok(event), Ok(metadata)) => return Ok(self.with(event, metadata)),
            (Err(reason), metadata) => (reason, metadata.ok()),
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

    fn with(self, event: Event, metadata: Metadata) -> RecordedEvent {
        RecordedEvent {
            position: LogPosition(self.position),
            recorded_at: self.recorded_at,
            stream: StreamId::new(event.stream_type(), self.aggregate_id),
            sequence: self.sequence,
            event_type: self.event_type,
            event_version: self.event_version,
            payload: self.payload.0.into(),
            metadata,
            event,
        }
    }
}
