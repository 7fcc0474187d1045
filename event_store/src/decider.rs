//! Decides commands on the states of recently used streams, which it keeps in memory.
//!
//! Each stream has two states: as committed, and with the decisions that are not yet stored. Commands
//! are decided on the latter, so that many commands on one stream (every order of a pizzeria changes
//! its stock) fit into one batch. Events of other processes are noticed when the batch is stored:
//! sequences are unique, and streams that were only read are compared (see `append`).

use std::num::NonZeroUsize;
use std::slice;
use std::sync::Arc;

use domain::usecase::{Decision, Refusal, States, UseCase};
use domain::{AggregateState, Event, StreamId};
use lru::LruCache;

use crate::command::CommandContext;
use crate::error::StoreError;
use crate::log::RecordedEvent;
use crate::unit_of_work::{NewEvent, PendingDecision};

/// A state, and the sequence of the last event folded into it.
#[derive(Debug, Clone)]
pub(crate) struct Versioned {
    pub state: Arc<AggregateState>,
    pub version: i64,
}

impl Versioned {
    /// Returns the state of an empty stream.
    pub fn empty(stream: &StreamId) -> Self {
        Self { state: Arc::new(AggregateState::empty(stream.kind)), version: 0 }
    }

    /// Applies the events that the next stored one stands for.
    pub fn evolve(&mut self, events: &[Event]) -> Result<(), StoreError> {
        for event in events {
            Arc::make_mut(&mut self.state).evolve(event)?;
        }
        self.version += 1;
        Ok(())
    }
}

#[derive(Debug)]
struct Entry {
    committed: Versioned,
    /// The committed state plus the decisions that are not yet stored.
    head: Versioned,
    /// Version at which the next snapshot is due.
    snapshot_due: i64,
}

/// Result of [`Decider::decide`].
pub(crate) enum Attempt {
    /// These streams must be loaded first.
    Missing(Vec<StreamId>),
    /// The command is decided, and the states already contain the decision.
    Decided(PendingDecision),
}

/// Rounds in which a use case may name further streams before it counts as a fault.
const MAX_ROUNDS: usize = 5;

/// Events until the next snapshot: more for a larger state, so that the cost per event of copying and
/// writing it stays small.
fn until_snapshot(every: i64, state: &Versioned) -> i64 {
    every.max(i64::try_from(state.state.weight()).unwrap_or(i64::MAX))
}

#[derive(Debug)]
pub(crate) struct Decider {
    entries: LruCache<StreamId, Entry>,
    capacity: usize,
    snapshot_every: i64,
}

impl Decider {
    pub fn new(capacity: NonZeroUsize, snapshot_every: NonZeroUsize) -> Self {
        // `install` bounds the map: it must not evict streams with decisions that are not yet stored.
        let snapshot_every = i64::try_from(snapshot_every.get()).unwrap_or(i64::MAX);
        Self { entries: LruCache::unbounded(), capacity: capacity.get(), snapshot_every }
    }

    /// Adds a loaded stream unless the stream is present, and evicts others to make room.
    pub fn install(&mut self, stream: StreamId, loaded: Versioned) {
        if self.entries.contains(&stream) {
            return;
        }
        while self.entries.len() >= self.capacity {
            match self.entries.peek_lru() {
                Some((_, entry)) if entry.head.version == entry.committed.version => {
                    self.entries.pop_lru();
                }
                // It has decisions that are not yet stored. The queue is short, so one entry more is harmless.
                _ => break,
            }
        }
        let snapshot_due = loaded.version + until_snapshot(self.snapshot_every, &loaded);
        self.entries.put(stream, Entry { head: loaded.clone(), committed: loaded, snapshot_due });
    }

    /// Replaces a stream by the state read under the lock of the head row.
    pub fn replace(&mut self, stream: StreamId, loaded: Versioned) {
        self.entries.pop(&stream);
        self.install(stream, loaded);
    }

    /// Decides a command on the head states and applies the decision to them.
    ///
    /// After [`Attempt::Decided`] the caller must queue the decision before it releases the lock.
    pub fn decide(
        &mut self,
        use_case: &dyn UseCase,
        context: &CommandContext,
    ) -> Result<Attempt, StoreError> {
        if let Some(stream) = use_case.begins() {
            let empty = Versioned::empty(&stream);
            self.install(stream, empty);
        }
        let streams = match self.settle_streams(use_case)? {
            Ok(streams) => streams,
            Err(missing) => return Ok(Attempt::Missing(missing)),
        };
        let Some(primary) = streams.first().cloned() else {
            return Err(StoreError::Unsettled(use_case.name()));
        };
        let mut based_on = Vec::with_capacity(streams.len());
        for stream in &streams {
            // `get` also marks the entry as recently used.
            let version = self.entries.get(stream).map_or(0, |entry| entry.head.version);
            based_on.push((stream.clone(), version));
        }
        let decision = match self.check_version(&primary, context) {
            Some(stale) => Err(stale),
            None => use_case.decide(&self.states(&streams)),
        };
        let Decision { events, refusal } =
            decision.unwrap_or_else(|refusal| Decision { events: Vec::new(), refusal: Some(refusal) });
        let events = self.apply(&streams, events, use_case)?;
        let refusal_text = match (&refusal, &context.idempotency) {
            (Some(refusal), Some(_)) => Some(serde_json::to_string(refusal)?),
            _ => None,
        };
        let own = self.entries.peek(&primary).map_or_else(|| Versioned::empty(&primary), |e| e.head.clone());
        Ok(Attempt::Decided(PendingDecision {
            based_on,
            events,
            refusal,
            refusal_text,
            state: own.state,
            version: own.version,
        }))
    }

    /// Returns the streams that a use case needs, or as `Err` those of them that must be loaded first.
    pub fn settle_streams(
        &self,
        use_case: &dyn UseCase,
    ) -> Result<Result<Vec<StreamId>, Vec<StreamId>>, StoreError> {
        let mut streams = Vec::new();
        for _ in 0..MAX_ROUNDS {
            let named = use_case.streams(&self.states(&streams));
            let missing: Vec<_> = named.iter().filter(|id| !self.entries.contains(id)).cloned().collect();
            if !missing.is_empty() {
                return Ok(Err(missing));
            }
            if named == streams {
                return Ok(Ok(streams));
            }
            streams = named;
        }
        Err(StoreError::Unsettled(use_case.name()))
    }

    fn states<'a>(&'a self, streams: &'a [StreamId]) -> States<'a> {
        streams.iter().filter_map(|id| self.entries.peek(id).map(|entry| (id, &*entry.head.state))).collect()
    }

    fn check_version(&self, primary: &StreamId, context: &CommandContext) -> Option<Refusal> {
        let expected = context.expected_version?;
        let actual = self.entries.peek(primary).map_or(0, |entry| entry.head.version);
        (expected != actual).then_some(Refusal::StaleVersion { expected, actual })
    }

    /// Applies decided events to the head states. An event of a stream that the use case did not name is an error, and
    /// nothing changes.
    fn apply(
        &mut self,
        streams: &[StreamId],
        events: Vec<(StreamId, Event)>,
        use_case: &dyn UseCase,
    ) -> Result<Vec<NewEvent>, StoreError> {
        let mut new = Vec::with_capacity(events.len());
        for (stream, event) in events {
            if !streams.contains(&stream) || event.stream_type() != stream.kind {
                return Err(StoreError::Unsettled(use_case.name()));
            }
            let payload = serde_json::to_string(&event)?;
            new.push(NewEvent { stream, sequence: 0, event, payload });
        }
        for event in &mut new {
            if let Some(entry) = self.entries.peek_mut(&event.stream) {
                entry.head.evolve(slice::from_ref(&event.event))?;
                event.sequence = entry.head.version;
            }
        }
        Ok(new)
    }

    /// Commits stored events. Returns the streams whose snapshot is due.
    pub fn commit(&mut self, events: &[NewEvent]) -> Result<Vec<(StreamId, Versioned)>, StoreError> {
        let mut grown = Vec::new();
        for event in events {
            if let Some(entry) = self.entries.peek_mut(&event.stream) {
                if event.sequence != entry.committed.version + 1 {
                    // The state in memory is not the one that the event follows: the stream is loaded again.
                    self.entries.pop(&event.stream);
                    continue;
                }
                entry.committed.evolve(slice::from_ref(&event.event))?;
                if entry.committed.version >= entry.snapshot_due {
                    let snapshot = entry.committed.clone();
                    entry.snapshot_due = snapshot.version + until_snapshot(self.snapshot_every, &snapshot);
                    grown.push((event.stream.clone(), snapshot));
                }
            }
        }
        Ok(grown)
    }

    /// Discards every decision that is not yet stored. The caller holds all of their units.
    pub fn rewind(&mut self) {
        for (_, entry) in self.entries.iter_mut() {
            if entry.head.version != entry.committed.version {
                entry.head = entry.committed.clone();
            }
        }
    }

    /// Removes a stream.
    pub fn forget(&mut self, stream: &StreamId) {
        self.entries.pop(stream);
    }

    /// Removes every stream.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Returns a stream's committed state, if it is in memory.
    pub fn committed(&self, stream: &StreamId) -> Option<Versioned> {
        self.entries.peek(stream).map(|entry| entry.committed.clone())
    }

    /// Returns a stream's committed version, if it is in memory.
    pub fn committed_version(&self, stream: &StreamId) -> Option<i64> {
        self.entries.peek(stream).map(|entry| entry.committed.version)
    }

    /// Applies an event that another process appended, or removes the stream when the event is not its next one. Every
    /// decision of this process must be stored or discarded.
    pub fn catch_up(&mut self, recorded: &RecordedEvent) -> Result<(), StoreError> {
        let RecordedEvent { stream, sequence, events, .. } = recorded;
        let Some(entry) = self.entries.peek_mut(stream) else { return Ok(()) };
        if entry.committed.version + 1 == *sequence {
            entry.committed.evolve(events)?;
            // Both states are equal, and evolving both keeps them so without a copy.
            entry.head.evolve(events)?;
        } else {
            self.entries.pop(stream);
        }
        Ok(())
    }
}
