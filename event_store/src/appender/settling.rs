//! Settles a version conflict: decides units again on the stored events.

use std::collections::{HashMap, HashSet};

use domain::StreamId;
use domain::usecase::Refusal;
use sqlx::{Connection, PgConnection, Postgres, Transaction};

use super::{Shared, StoredBatch};
use crate::append::{self, AppendResult};
use crate::command::CommandResult;
use crate::decider::{Attempt, Versioned};
use crate::error::StoreError;
use crate::idempotency::{self, KeyOf, StoredResult};
use crate::load;
use crate::log::{self, LogEntry};
use crate::unit_of_work::Unit;

/// Result of [`ConflictSettler::run`].
pub(super) struct SettlingResult {
    pub stored: StoredBatch,
    /// Commands whose key was stored before: their results are read and sent again.
    pub replays: Vec<(Unit, KeyOf)>,
}

pub(super) struct ConflictSettler {
    shared: Shared,
    /// Streams in memory that are up to date with the log.
    current: HashSet<StreamId>,
}

impl ConflictSettler {
    pub fn new(shared: Shared) -> Self {
        Self { shared, current: HashSet::new() }
    }

    /// Decides the units again under the lock of the head row, and stores the decisions.
    pub async fn run(
        mut self,
        connection: &mut PgConnection,
        units: Vec<Unit>,
    ) -> Result<SettlingResult, StoreError> {
        let mut transaction = self.lock(connection, &units).await?;
        let keys = units.iter().filter_map(|unit| idempotency::key_of(&unit.command.context));
        let keys: Vec<KeyOf> = keys.collect();
        let mut known = idempotency::find(&mut transaction, &keys).await?;
        let mut stored = Vec::with_capacity(units.len());
        let mut replays = Vec::new();
        for mut unit in units {
            if let Some((key, stored)) = stored_result(&known, &unit) {
                let given = unit.command.context.idempotency.as_ref();
                if given.is_some_and(|given| stored.fingerprint == given.fingerprint) {
                    replays.push((unit, key));
                } else {
                    self.reply_reused(unit);
                }
                continue;
            }
            match self.decide_again(&mut transaction, &mut unit).await {
                Ok(()) => {
                    if let (Some(key), Some((_, result))) =
                        (idempotency::key_of(&unit.command.context), idempotency::to_be_stored(&unit))
                    {
                        // A second use of the key in this batch gets the first one's result.
                        known.insert(key, result);
                    }
                    stored.push(unit);
                }
                Err(error) => unit.command.reply(Err(error)),
            }
        }
        // No other process can append under the head's lock: a conflict means that states in memory were wrong.
        let base = match append::append(&mut transaction, &stored).await? {
            AppendResult::After(base) => base,
            AppendResult::Conflict => return Err(StoreError::Conflict),
        };
        transaction.commit().await?;
        Ok(SettlingResult { stored: StoredBatch { units: stored, base }, replays })
    }

    /// Refuses a command whose key was used for another one, with the stream's present state.
    fn reply_reused(&self, Unit { command, decision }: Unit) {
        let Some((stream, _)) = decision.based_on.into_iter().next() else { return };
        let present = self.shared.decider().committed(&stream).unwrap_or_else(|| Versioned::empty(&stream));
        command.reply(Ok(CommandResult {
            stream,
            state: present.state,
            version: present.version,
            position: None,
            refusal: Some(Refusal::IdempotencyKeyReused),
        }));
    }

    /// Locks the head row, and reads what other processes have appended to the streams in memory.
    async fn lock<'c>(
        &mut self,
        connection: &'c mut PgConnection,
        units: &[Unit],
    ) -> Result<Transaction<'c, Postgres>, StoreError> {
        let mut transaction = connection.begin().await?;
        sqlx::query("SELECT position FROM event_log_head FOR UPDATE").execute(&mut *transaction).await?;
        let streams =
            units.iter().flat_map(|unit| unit.decision.based_on.iter().map(|(stream, _)| stream.clone()));
        self.refresh(&mut transaction, streams.collect()).await?;
        Ok(transaction)
    }

    /// Brings streams in memory up to date with the log; under the head's lock they stay so.
    async fn refresh(
        &mut self,
        transaction: &mut Transaction<'_, Postgres>,
        streams: Vec<StreamId>,
    ) -> Result<(), StoreError> {
        let mut cached: HashMap<StreamId, i64> = HashMap::new();
        {
            let decider = self.shared.decider();
            for stream in streams {
                if let (false, Some(version)) =
                    (self.current.contains(&stream), decider.committed_version(&stream))
                {
                    cached.insert(stream, version);
                }
            }
        }
        let mut unreadable = HashSet::new();
        for entry in log::read_newer(&mut *transaction, &cached).await? {
            match entry {
                LogEntry::Event(event) if !unreadable.contains(&event.stream) => {
                    self.shared.decider().catch_up(&event)?;
                }
                LogEntry::Event(_) => {}
                LogEntry::Unreadable(record) => unreadable.extend(record.stream()),
            }
        }
        // They are loaded on demand, so that only the commands on them fail.
        unreadable.iter().for_each(|stream| self.shared.decider().forget(stream));
        self.current.extend(cached.into_keys().filter(|stream| !unreadable.contains(stream)));
        Ok(())
    }

    async fn decide_again(
        &mut self,
        transaction: &mut Transaction<'_, Postgres>,
        unit: &mut Unit,
    ) -> Result<(), StoreError> {
        let (use_case, context) = (&*unit.command.use_case, &unit.command.context);
        // Each round loads or refreshes a further stream, so the loop ends.
        loop {
            let named = self.shared.decider().settle_streams(use_case)?;
            match named {
                Err(missing) => {
                    for stream in missing {
                        let loaded = load::stream(&mut *transaction, &stream).await?;
                        self.shared.decider().replace(stream.clone(), loaded);
                        self.current.insert(stream);
                    }
                }
                Ok(streams) if streams.iter().all(|stream| self.current.contains(stream)) => {
                    if let Attempt::Decided(decision) = self.shared.decider().decide(use_case, context)? {
                        unit.decision = decision;
                        return Ok(());
                    }
                }
                Ok(streams) => self.refresh(transaction, streams).await?,
            }
        }
    }
}

fn stored_result<'a>(
    known: &'a HashMap<KeyOf, StoredResult>,
    unit: &Unit,
) -> Option<(KeyOf, &'a StoredResult)> {
    let key = idempotency::key_of(&unit.command.context)?;
    let result = known.get(&key)?;
    Some((key, result))
}
