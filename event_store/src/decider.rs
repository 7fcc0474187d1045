//! The states of recently used streams, in memory, and deciding over them.
//!
//! Each stream has two states: as committed, and with the decisions that are on their way into the
//! log. Commands are decided on the latter, so that many commands on one stream (every order of a
//! pizzeria touches its stock) go into one batch. What others appended is noticed when the batch is
//! stored: sequences are unique, and what was only read is compared (see `append`).

use std::num::NonZeroUsize;
use std::sync::Arc;

use domain::usecase::{Decision, Refusal, States, UseCase};
use domain::{AggregateState, Event, StreamId};
use lru::LruCache;

use crate::command::CommandContext;
use crate::error::StoreError;
use crate::unit_of_work::{Decided, NewEvent};

/// A state and the sequence of the last event in it.
#[derive(Debug, Clone)]
pub(crate) struct Versioned {
    pub state: Arc<AggregateState>,
    pub version: i64,
}

impl Versioned {
    /// An empty stream.
    pub fn empty(stream: &StreamId) -> Self {
        Self { state: Arc::new(AggregateState::empty(stream.kind)), version: 0 }
    }

    /// Applies the next event of the stream.
    pub fn evolve(&mut self, event: &Event) -> Result<(), StoreError> {
        Arc::make_mut(&mut self.state).evolve(event)?;
        self.version += 1;
        Ok(())
    }
}

#[derive(Debug)]
struct Entry {
    committed: Versioned,
    /// Committed, and what is on its way.
    head: Versioned,
    /// The version at which a snapshot is due.
    snapshot_due: i64,
}

/// What came of trying to decide.
pub(crate) enum Attempt {
    /// These streams are to be loaded first.
    Missing(Vec<StreamId>),
    /// It is decided, and the states hold it already.
    Decided(Decided),
}

/// How often a use case may name further streams before it is a fault.
const MAX_ROUNDS: usize = 5;

/// How many events further a snapshot is due: the rarer the larger the state, so that copying and
/// writing it costs no event more than a little.
fn until_snapshot(every: i64, state: &Versioned) -> i64 {
    every.max(i64::try_from(state.state.weight()).unwrap_or(i64::MAX))
}

#[derive(Debug)]
pub(crate) struct Cache {
    entries: LruCache<StreamId, Entry>,
    capacity: usize,
    snapshot_every: i64,
}

impl Cache {
    pub fn new(capacity: NonZeroUsize, snapshot_every: NonZeroUsize) -> Self {
        // Bounded by `install`, which must not evict what is on its way.
        let snapshot_every = i64::try_from(snapshot_every.get()).unwrap_or(i64::MAX);
        Self { entries: LruCache::unbounded(), capacity: capacity.get(), snapshot_every }
    }

    /// Adds a loaded stream, unless it is there already, and makes room for it.
    pub fn install(&mut self, stream: StreamId, loaded: Versioned) {
        if self.entries.contains(&stream) {
            return;
        }
        while self.entries.len() >= self.capacity {
            match self.entries.peek_lru() {
                Some((_, entry)) if entry.head.version == entry.committed.version => {
                    self.entries.pop_lru();
                }
                // On its way: the queue is short, so one entry more does no harm.
                _ => break,
            }
        }
        let snapshot_due = loaded.version + until_snapshot(self.snapshot_every, &loaded);
        self.entries.put(stream, Entry { head: loaded.clone(), committed: loaded, snapshot_due });
    }

    /// Puts a stream that was read under the head's lock in place of what was known of it.
    pub fn replace(&mut self, stream: StreamId, loaded: Versioned) {
        self.entries.pop(&stream);
        self.install(stream, loaded);
    }

    /// Decides a command on the states as they will be, and puts the decision into them.
    ///
    /// Either nothing has changed, or the decision must be sent on its way before the lock is given up.
    pub fn attempt(
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
            // Marks the entry as recently used, too.
            let version = self.entries.get(stream).map_or(0, |entry| entry.head.version);
            based_on.push((stream.clone(), version));
        }
        let decision = match self.check_version(&primary, context) {
            Some(stale) => Err(stale),
            None => use_case.decide(&self.states(&streams)),
        };
        let Decision { events, refusal } =
            decision.unwrap_or_else(|refusal| Decision { events: Vec::new(), refusal: Some(refusal) });
        let events = self.take_in(&streams, events, use_case)?;
        let refusal_text = match (&refusal, &context.idempotency) {
            (Some(refusal), Some(_)) => Some(serde_json::to_string(refusal)?),
            _ => None,
        };
        let own = self.entries.peek(&primary).map_or_else(|| Versioned::empty(&primary), |e| e.head.clone());
        Ok(Attempt::Decided(Decided {
            based_on,
            events,
            refusal,
            refusal_text,
            state: own.state,
            version: own.version,
        }))
    }

    /// The streams that a use case needs: all there, or those that are to be loaded.
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

    /// Puts decided events into the states. Nothing changes when one of them does not belong.
    fn take_in(
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
                entry.head.evolve(&event.event)?;
                event.sequence = entry.head.version;
            }
        }
        Ok(new)
    }

    /// Says that decided events are stored. Returns the streams of which a snapshot is due.
    pub fn commit(&mut self, events: &[NewEvent]) -> Result<Vec<(StreamId, Versioned)>, StoreError> {
        let mut grown = Vec::new();
        for event in events {
            if let Some(entry) = self.entries.peek_mut(&event.stream) {
                if event.sequence != entry.committed.version + 1 {
                    // Not what was stored on: it is loaded anew.
                    self.entries.pop(&event.stream);
                    continue;
                }
                entry.committed.evolve(&event.event)?;
                if entry.committed.version >= entry.snapshot_due {
                    let snapshot = entry.committed.clone();
                    entry.snapshot_due = snapshot.version + until_snapshot(self.snapshot_every, &snapshot);
                    grown.push((event.stream.clone(), snapshot));
                }
            }
        }
        Ok(grown)
    }

    /// Takes back every decision that is on its way. The caller has all of them in hand.
    pub fn rewind(&mut self) {
        for (_, entry) in self.entries.iter_mut() {
            if entry.head.version != entry.committed.version {
                entry.head = entry.committed.clone();
            }
        }
    }

    /// Forgets a stream.
    pub fn forget(&mut self, stream: &StreamId) {
        self.entries.pop(stream);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// A stream as committed, if it is in memory.
    pub fn committed(&self, stream: &StreamId) -> Option<Versioned> {
        self.entries.peek(stream).map(|entry| entry.committed.clone())
    }

    /// The committed version of a stream, if it is in memory.
    pub fn committed_version(&self, stream: &StreamId) -> Option<i64> {
        self.entries.peek(stream).map(|entry| entry.committed.version)
    }

    /// Takes in an event that another process appended. Nothing of this process may be on its way.
    ///
    /// Returns whether it was the next; otherwise the stream is forgotten, to be loaded anew.
    pub fn catch_up(&mut self, stream: &StreamId, sequence: i64, event: &Event) -> Result<(), StoreError> {
        let Some(entry) = self.entries.peek_mut(stream) else { return Ok(()) };
        if entry.committed.version + 1 == sequence {
            entry.committed.evolve(event)?;
            // Nothing is on its way: both are the same, and stay so without a copy an event.
            entry.head.evolve(event)?;
        } else {
            self.entries.pop(stream);
        }
        Ok(())
    }
}
