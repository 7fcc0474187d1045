//! Settling a conflict: what is on its way is decided again, on what is really there.

use std::collections::{HashMap, HashSet};

use domain::StreamId;
use domain::usecase::Refusal;
use sqlx::{Connection, PgConnection, Postgres, Transaction};

use super::{Shared, Stored};
use crate::append::{self, Appended, Basis};
use crate::cache::{Attempt, Versioned};
use crate::command::Outcome;
use crate::error::StoreError;
use crate::idempotency::{self, Answer, KeyOf};
use crate::load;
use crate::log::{self, LogEntry};
use crate::unit_of_work::Unit;

/// What settling came to.
pub(super) struct Settled {
    pub stored: Stored,
    /// Commands whose key was known: answered as the first time.
    pub replays: Vec<(Unit, KeyOf)>,
}

pub(super) struct Settling {
    shared: Shared,
    /// Streams in memory that are known to be as stored.
    fresh: HashSet<StreamId>,
}

impl Settling {
    pub fn new(shared: Shared) -> Self {
        Self { shared, fresh: HashSet::new() }
    }

    /// Decides the units again under the head's lock, and stores what came of it.
    pub async fn run(
        mut self,
        connection: &mut PgConnection,
        units: Vec<Unit>,
    ) -> Result<Settled, StoreError> {
        let mut transaction = self.lock(connection, &units).await?;
        let keys: Vec<KeyOf> = units.iter().filter_map(|unit| idempotency::key_of(&unit.context)).collect();
        let mut known = idempotency::find(&mut transaction, &keys).await?;
        let mut stored = Vec::with_capacity(units.len());
        let mut replays = Vec::new();
        for mut unit in units {
            if let Some((key, answer)) = known_answer(&known, &unit) {
                if unit.context.idempotency.as_ref().is_some_and(|i| answer.fingerprint == i.fingerprint) {
                    replays.push((unit, key));
                } else {
                    self.answer_reused(unit);
                }
                continue;
            }
            match self.decide_again(&mut transaction, &mut unit).await {
                Ok(()) => {
                    if let (Some(key), Some((_, answer))) =
                        (idempotency::key_of(&unit.context), idempotency::to_be_stored(&unit))
                    {
                        // Used twice in one batch: the second is answered as the first.
                        known.insert(key, answer);
                    }
                    stored.push(unit);
                }
                Err(error) => {
                    let _ = unit.answer.send(Err(error));
                }
            }
        }
        // Under the head's lock nobody can be quicker: on a conflict the states in memory were wrong.
        let base = match append::append(&mut transaction, &stored, Basis::Locked).await? {
            Appended::After(base) => base,
            Appended::Conflict => return Err(StoreError::Conflict),
        };
        transaction.commit().await?;
        Ok(Settled { stored: Stored { units: stored, base }, replays })
    }

    /// The key was used for something else: nothing is decided, and the thing is shown as it is.
    fn answer_reused(&self, unit: Unit) {
        let Some((stream, _)) = unit.decided.based_on.into_iter().next() else { return };
        let present = self.shared.cache().committed(&stream).unwrap_or_else(|| Versioned::empty(&stream));
        let outcome = Outcome {
            stream,
            state: present.state,
            version: present.version,
            position: None,
            refusal: Some(Refusal::IdempotencyKeyReused),
        };
        let _ = unit.answer.send(Ok(outcome));
    }

    /// Takes the head's lock and reads what others have appended to the streams in memory.
    async fn lock<'c>(
        &mut self,
        connection: &'c mut PgConnection,
        units: &[Unit],
    ) -> Result<Transaction<'c, Postgres>, StoreError> {
        let mut transaction = connection.begin().await?;
        sqlx::query("SELECT position FROM event_log_head FOR UPDATE").execute(&mut *transaction).await?;
        let streams =
            units.iter().flat_map(|unit| unit.decided.based_on.iter().map(|(stream, _)| stream.clone()));
        self.refresh(&mut transaction, streams.collect()).await?;
        Ok(transaction)
    }

    /// Brings streams in memory up to what is stored; under the head's lock they stay so.
    async fn refresh(
        &mut self,
        transaction: &mut Transaction<'_, Postgres>,
        streams: Vec<StreamId>,
    ) -> Result<(), StoreError> {
        let mut cached: HashMap<StreamId, i64> = HashMap::new();
        {
            let cache = self.shared.cache();
            for stream in streams {
                if let (false, Some(version)) =
                    (self.fresh.contains(&stream), cache.committed_version(&stream))
                {
                    cached.insert(stream, version);
                }
            }
        }
        let mut unreadable = HashSet::new();
        for entry in log::read_newer(&mut *transaction, &cached).await? {
            match entry {
                LogEntry::Event(event) if !unreadable.contains(&event.stream) => {
                    self.shared.cache().catch_up(&event.stream, event.sequence, &event.event)?;
                }
                LogEntry::Event(_) => {}
                LogEntry::Unreadable(record) => unreadable.extend(record.stream()),
            }
        }
        // Loaded when they are needed: that fails for those who need them, and not for their neighbours.
        unreadable.iter().for_each(|stream| self.shared.cache().forget(stream));
        self.fresh.extend(cached.into_keys().filter(|stream| !unreadable.contains(stream)));
        Ok(())
    }

    async fn decide_again(
        &mut self,
        transaction: &mut Transaction<'_, Postgres>,
        unit: &mut Unit,
    ) -> Result<(), StoreError> {
        // Each round loads or refreshes a stream that was not yet, so the rounds end.
        loop {
            let named = self.shared.cache().settle_streams(&*unit.use_case)?;
            match named {
                Err(missing) => {
                    for stream in missing {
                        let loaded = load::stream(&mut *transaction, &stream).await?;
                        self.shared.cache().replace(stream.clone(), loaded);
                        self.fresh.insert(stream);
                    }
                }
                Ok(streams) if streams.iter().all(|stream| self.fresh.contains(stream)) => {
                    if let Attempt::Decided(decided) =
                        self.shared.cache().attempt(&*unit.use_case, &unit.context)?
                    {
                        unit.decided = decided;
                        return Ok(());
                    }
                }
                Ok(streams) => self.refresh(transaction, streams).await?,
            }
        }
    }
}

fn known_answer<'a>(known: &'a HashMap<KeyOf, Answer>, unit: &Unit) -> Option<(KeyOf, &'a Answer)> {
    let key = idempotency::key_of(&unit.context)?;
    let answer = known.get(&key)?;
    Some((key, answer))
}
