//! Folds the states of streams as their events arrive: a subscription shows the log's state, which may be
//! ahead of the read models. Reads the log, writes nothing.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{AggregateState, StreamId};
use event_store::{LogError, RecordedEvent, log};
use sqlx::PgPool;

use crate::error::ApiError;

/// Number of events of a long stream per read.
const CHUNK: i64 = 1000;

/// Source of a stream's earlier events.
pub(super) trait Streams: Send + Sync {
    /// Reads a stream's events after one sequence number up to another, in order.
    fn read(
        &self,
        stream: &StreamId,
        after: i64,
        up_to: i64,
    ) -> impl Future<Output = Result<Vec<RecordedEvent>, LogError>> + Send;
}

impl Streams for PgPool {
    async fn read(&self, stream: &StreamId, after: i64, up_to: i64) -> Result<Vec<RecordedEvent>, LogError> {
        log::read_stream(self, stream, after, up_to).await
    }
}

/// A state and the sequence number of its last event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct At {
    pub state: Arc<AggregateState>,
    pub version: i64,
}

/// The states before and after one event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub before: At,
    pub after: At,
}

/// The states of the streams that a subscription follows.
#[derive(Debug)]
pub(super) struct Fold<S> {
    streams: S,
    states: HashMap<StreamId, At>,
}

impl<S: Streams> Fold<S> {
    /// Creates a fold that follows no stream yet.
    pub fn over(streams: S) -> Self {
        Self { streams, states: HashMap::new() }
    }

    /// Follows a stream from a given state.
    pub fn track(&mut self, stream: StreamId, at: At) {
        self.states.insert(stream, at);
    }

    /// Stops following a stream: its next event is folded from the log.
    pub fn forget(&mut self, stream: &StreamId) {
        self.states.remove(stream);
    }

    /// Returns whether a stream is followed.
    pub fn tracks(&self, stream: &StreamId) -> bool {
        self.states.contains_key(stream)
    }

    /// Returns the states of the followed streams.
    pub fn states(&self) -> impl Iterator<Item = (&StreamId, &At)> {
        self.states.iter()
    }

    /// Applies an event and returns the states before and after it, whether the stream is followed or not;
    /// `None` if the followed state already includes the event.
    ///
    /// # Errors
    /// Fails when the stream's earlier events cannot be read.
    pub async fn apply(&mut self, event: &RecordedEvent) -> Result<Option<Step>, ApiError> {
        let held = self.states.get(&event.stream).cloned();
        if held.as_ref().is_some_and(|held| held.version >= event.sequence) {
            return Ok(None);
        }
        let before = self.advance(held, &event.stream, event.sequence - 1).await?;
        let mut after = before.clone();
        evolve(&mut after, event)?;
        self.states.insert(event.stream.clone(), after.clone());
        Ok(Some(Step { before, after }))
    }

    /// Returns a stream's state at a sequence number, from the followed state or from the first event.
    ///
    /// # Errors
    /// Fails when the stream's events cannot be read.
    pub async fn at(&self, stream: &StreamId, sequence: i64) -> Result<At, ApiError> {
        self.advance(None, stream, sequence).await
    }

    async fn advance(&self, held: Option<At>, stream: &StreamId, sequence: i64) -> Result<At, ApiError> {
        let mut at =
            held.unwrap_or_else(|| At { state: Arc::new(AggregateState::empty(stream.kind)), version: 0 });
        while at.version < sequence {
            let up_to = sequence.min(at.version + CHUNK);
            // Boxed: a rare and large future must not enlarge every waiting subscription.
            let events = Box::pin(self.streams.read(stream, at.version, up_to)).await?;
            if events.is_empty() {
                return Err(ApiError::permanent(MissingEvents { stream: stream.clone(), sequence }));
            }
            for event in &events {
                evolve(&mut at, event)?;
            }
        }
        Ok(at)
    }
}

/// The log must hold every event of a stream up to the one received.
#[derive(Debug, thiserror::Error)]
#[error("stream {stream} lacks events before {sequence}")]
struct MissingEvents {
    stream: StreamId,
    sequence: i64,
}

fn evolve(at: &mut At, event: &RecordedEvent) -> Result<(), ApiError> {
    for event in &event.events {
        Arc::make_mut(&mut at.state).evolve(event).map_err(ApiError::permanent)?;
    }
    at.version = event.sequence;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use chrono::DateTime;
    use domain::access::Role;
    use domain::ids::{DeliveryId, StaffId};
    use domain::staff::StaffEvent;
    use domain::{Event, LogPosition, StreamType};
    use event_store::Metadata;
    use uuid::Uuid;

    use super::*;

    /// An in-memory stream that counts its reads.
    #[derive(Debug, Default)]
    struct Stored(Vec<RecordedEvent>, Mutex<usize>);

    impl Streams for &Stored {
        async fn read(&self, _: &StreamId, after: i64, up_to: i64) -> Result<Vec<RecordedEvent>, LogError> {
            *self.1.lock().unwrap() += 1;
            let wanted = |event: &&RecordedEvent| event.sequence > after && event.sequence <= up_to;
            Ok(self.0.iter().filter(wanted).cloned().collect())
        }
    }

    /// A courier's stream: hired, then one claimed delivery per event.
    fn courier(events: i64) -> Stored {
        let staff = StaffId(Uuid::from_u128(1));
        let at = DateTime::UNIX_EPOCH;
        let event = |sequence: i64| {
            let event: Event = if sequence == 1 {
                StaffEvent::StaffHired { staff, role: Role::Courier, pizzeria: None, at }.into()
            } else {
                let delivery = DeliveryId(Uuid::from_u128(u128::try_from(sequence).unwrap()));
                StaffEvent::DeliveryTaken { delivery, at }.into()
            };
            RecordedEvent {
                position: LogPosition(sequence * 10),
                recorded_at: at,
                stream: StreamId::staff(staff),
                sequence,
                event_type: event.event_type().to_owned(),
                event_version: event.version().to_owned(),
                payload: serde_json::value::to_raw_value(&event).unwrap().into(),
                metadata: Metadata {
                    actor: Uuid::nil(),
                    role: Role::System,
                    command: String::new(),
                    command_id: Uuid::nil(),
                    correlation_id: String::new(),
                    causation_id: None,
                    class: None,
                },
                events: vec![event],
            }
        };
        Stored((1..=events).map(event).collect(), Mutex::default())
    }

    fn carried(at: &At) -> usize {
        match &*at.state {
            AggregateState::Staff(staff) => staff.employed().map_or(0, |staff| staff.carrying.len()),
            state => panic!("{state:?}"),
        }
    }

    #[tokio::test]
    async fn returns_the_states_around_each_event() {
        let stored = courier(5);
        let mut fold = Fold::over(&stored);
        for event in &stored.0 {
            let step = fold.apply(event).await.unwrap().unwrap();
            assert_eq!((step.before.version, step.after.version), (event.sequence - 1, event.sequence));
            assert_eq!(carried(&step.after), usize::try_from(event.sequence).unwrap() - 1);
        }
        assert_eq!(*stored.1.lock().unwrap(), 0, "a stream followed from its first event is never read");
    }

    #[tokio::test]
    async fn reads_the_past_of_a_stream_once() {
        let stored = courier(3000);
        let mut fold = Fold::over(&stored);
        let step = fold.apply(&stored.0[2500]).await.unwrap().unwrap();
        assert_eq!((step.before.version, carried(&step.before)), (2500, 2499));
        let reads = *stored.1.lock().unwrap();
        fold.apply(&stored.0[2501]).await.unwrap().unwrap();
        assert_eq!(*stored.1.lock().unwrap(), reads);
        // Skipped events in between are read.
        let step = fold.apply(&stored.0[2999]).await.unwrap().unwrap();
        assert_eq!((step.before.version, carried(&step.after)), (2999, 2999));
    }

    #[tokio::test]
    async fn applies_every_event_that_a_stored_one_stands_for_as_one_step() {
        let mut stored = courier(4);
        let last = stored.0.remove(3);
        // The third stands for two deliveries, the fourth for none.
        stored.0[2].events.extend(last.events.clone());
        stored.0.push(RecordedEvent { events: Vec::new(), ..last });
        let mut fold = Fold::over(&stored);
        let step = fold.apply(&stored.0[2]).await.unwrap().unwrap();
        assert_eq!((carried(&step.before), carried(&step.after), step.after.version), (1, 3, 3));
        let step = fold.apply(&stored.0[3]).await.unwrap().unwrap();
        assert_eq!((carried(&step.after), step.after.version), (3, 4));
    }

    #[tokio::test]
    async fn skips_events_in_the_state() {
        let stored = courier(5);
        let mut fold = Fold::over(&stored);
        let stream = stored.0[0].stream.clone();
        let present = fold.at(&stream, 4).await.unwrap();
        fold.track(stream, present);
        for event in &stored.0[..4] {
            assert_eq!(fold.apply(event).await.unwrap(), None);
        }
        assert_eq!(fold.apply(&stored.0[4]).await.unwrap().unwrap().after.version, 5);
    }

    #[tokio::test]
    async fn fails_on_a_gap_in_a_stream() {
        let mut stored = courier(5);
        stored.0.truncate(3);
        let event = RecordedEvent { sequence: 5, ..stored.0[2].clone() };
        assert!(matches!(Fold::over(&stored).apply(&event).await, Err(ApiError::Permanent(_))));
        assert_eq!(event.stream.kind, StreamType::Staff);
    }
}
