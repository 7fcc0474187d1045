//! Stored events: reading a payload of any version into today's event. Never writes to the log.

mod facts;
mod types;

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
    source: Unreadable,
}

/// Why a stored event cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Newer programs know streams of this kind.
    #[error("this program knows no such kind of stream")]
    Stream,
    /// Newer programs write this version, or the program that wrote it is older than the first release.
    #[error("this program reads version {0}")]
    Version(&'static str),
    /// The payload is not an event of the stream.
    #[error("its payload is not an event of the stream")]
    Payload(#[source] serde_json::Error),
    /// The metadata names what only newer programs know.
    #[error("its metadata cannot be read")]
    Metadata(#[source] serde_json::Error),
}

impl UnreadableEvent {
    /// Returns the error of a stored event.
    pub fn new(stream: &str, event_type: &str, version: &str, source: Unreadable) -> Self {
        Self {
            stream: stream.to_owned(),
            event_type: event_type.to_owned(),
            version: version.to_owned(),
            source,
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

    /// Reads a stored payload of any version into today's events: one, unless an upcaster makes none or more of it.
    ///
    /// # Errors
    /// [`UnreadableEvent`] if the upcasters do not lead to today's version, or the payload is then not an event of that
    /// stream type.
    pub fn from_stored(
        stream: StreamType,
        event_type: &str,
        version: &str,
        payload: &str,
    ) -> Result<Vec<Self>, UnreadableEvent> {
        let unreadable = |source| UnreadableEvent::new(stream.as_str(), event_type, version, source);
        let not_an_event = |source| unreadable(Unreadable::Payload(source));
        // Nearly every payload has today's version: it is read in one step.
        if upcasters::is_current(stream, event_type, version) {
            let mut text = serde_json::Deserializer::from_str(payload);
            let event = Self::parse(stream, &mut text).and_then(|event| text.end().map(|()| event));
            return Ok(vec![event.map_err(not_an_event)?]);
        }
        let stored = serde_json::from_str(payload).map_err(not_an_event)?;
        let lifted = upcasters::upcast(stream, event_type, version, stored).map_err(unreadable)?;
        lifted.into_iter().map(|payload| Self::parse(stream, payload).map_err(not_an_event)).collect()
    }
}
