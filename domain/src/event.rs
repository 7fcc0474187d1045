//! Stored events: reading a payload of any version into today's event. Never writes to the log.

mod facts;
mod types;

use serde_json::Value;

use crate::stream::StreamType;
use crate::upcasters;

pub(crate) use facts::NoteSlot;
pub use facts::{Facts, MoneyMoved, RecordedRefusal};
pub use types::{Event, EventType, UnknownEventType};

/// A stored event that this program cannot read.
#[derive(Debug, thiserror::Error)]
#[error("stored event {event_type} version {version} of a {stream} stream cannot be read")]
pub struct UnreadableEvent {
    stream: String,
    event_type: String,
    version: String,
    source: Option<serde_json::Error>,
}

impl UnreadableEvent {
    /// An event on a stream whose type this program does not know.
    pub fn of_unknown_stream(stream: &str, event_type: &str) -> Self {
        Self {
            stream: stream.to_owned(),
            event_type: event_type.to_owned(),
            version: String::new(),
            source: None,
        }
    }

    /// An event whose metadata this program cannot read.
    pub fn of_unknown_metadata(
        stream: &str,
        event_type: &str,
        version: &str,
        source: serde_json::Error,
    ) -> Self {
        Self {
            stream: stream.to_owned(),
            event_type: event_type.to_owned(),
            version: version.to_owned(),
            source: Some(source),
        }
    }
}

impl Event {
    /// Returns the name stored in the log.
    pub fn event_type(&self) -> &'static str {
        self.kind().as_str()
    }

    /// Returns the version of its payload as written today, `major.minor.patch`.
    pub fn version(&self) -> &'static str {
        upcasters::current_version(self.event_type())
    }

    /// Reads a stored payload of any version into today's event.
    ///
    /// # Errors
    /// [`UnreadableEvent`] if the payload, after its upcasters, is not an event of that stream type.
    pub fn from_stored(
        stream: StreamType,
        event_type: &str,
        version: &str,
        payload: &str,
    ) -> Result<Self, UnreadableEvent> {
        // Nearly every payload has today's version: it is read in one step.
        let event = if version == upcasters::current_version(event_type) {
            let mut text = serde_json::Deserializer::from_str(payload);
            Self::parse(stream, &mut text).and_then(|event| text.end().map(|()| event))
        } else {
            serde_json::from_str::<Value>(payload)
                .and_then(|payload| Self::parse(stream, upcasters::upcast(event_type, version, payload)))
        };
        event.map_err(|source| UnreadableEvent {
            stream: stream.as_str().to_owned(),
            event_type: event_type.to_owned(),
            version: version.to_owned(),
            source: Some(source),
        })
    }
}
