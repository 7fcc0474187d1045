//! Reactors run the domain's policies over the log, each with a checkpoint of its own. A policy's commands have an
//! idempotency key derived from the event, the command and its target, so repeating them has no effect. A command that does
//! not get through becomes a dead letter, and the reactor continues.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use domain::access::Actor;
use domain::policies::{Policy, already_done};
use domain::usecase::{States, UseCase};
use domain::{Event, LogPosition, StreamId};
use event_store::{
    CommandContext, CommandResult, EventStore, Idempotency, LogError, RecordedEvent, SPANS, StoreError,
};
use futures_util::{FutureExt, StreamExt, stream};
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};
use tracing::Instrument;
use uuid::Uuid;

use crate::batches::Batches;
use crate::checkpoint::{self, Checkpoint};
use crate::dead_letters;
use crate::leadership::Leadership;
use crate::progress::Progress;
use crate::runner::{Backoff, Chain, keep_pace};

/// UUID namespace of the ids of the system's commands.
const COMMANDS: Uuid = Uuid::from_u128(0x6f4e_5c1d_84f2_4f0e_9a57_1f6d_0c3b_7e21);
/// Streams with a running command; commands of one stream run in order.
const MAX_CONCURRENT_STREAMS: usize = 32;

/// Returns the name of a policy's checkpoint and lock.
pub(crate) fn name(policy: &str) -> String {
    format!("reactor:{policy}")
}

/// Returns the context of a timer's command. The domain refuses it where its step was taken, so it has no idempotency key,
/// and a refusal is decided again at the next tick.
pub(crate) fn timer_context(timer: &str, subject: &str) -> CommandContext {
    let id = Uuid::new_v5(&COMMANDS, format!("{timer}:{subject}").as_bytes());
    CommandContext::new(Actor::system(), id, timer)
}

/// A command that a policy derives from an event.
#[derive(Debug, Clone)]
pub struct Reaction {
    /// The use case.
    pub use_case: Arc<dyn UseCase>,
    /// Its context: a second run has no second effect.
    pub context: CommandContext,
    /// The stream that it is sent to.
    pub(crate) target: StreamId,
}

impl Reaction {
    /// Returns the idempotency key.
    pub(crate) fn key(&self) -> &str {
        self.context.idempotency.as_ref().map_or("", |given| &given.key)
    }
}

/// Returns the commands that a policy derives from events at a position. A command's key names policy, position, command
/// and target, so a policy may come to send others beside it; its fingerprint is that of the input.
pub fn reactions(
    policy: &Policy,
    (stream, position): (&StreamId, LogPosition),
    events: &[Event],
    correlation_id: &str,
) -> Vec<Reaction> {
    let mut keys: BTreeMap<String, usize> = BTreeMap::new();
    let use_cases = events.iter().flat_map(|event| (policy.follow)(stream, event));
    let react = |use_case: Arc<dyn UseCase>| {
        let target =
            use_case.streams(&States::default()).into_iter().next().unwrap_or_else(|| stream.clone());
        let mut key = format!("{}:{position}:{}:{target}", name(policy.name), use_case.name());
        let same = keys.entry(key.clone()).and_modify(|same| *same += 1).or_insert(1);
        if *same > 1 {
            key = format!("{key}:{same}");
        }
        let id = Uuid::new_v5(&COMMANDS, key.as_bytes());
        let mut context = CommandContext::new(Actor::system(), id, correlation_id);
        context.causation = Some(position);
        let fingerprint = Sha256::digest(format!("{use_case:?}")).into();
        context.idempotency = Some(Idempotency { key, fingerprint });
        Reaction { use_case, context, target }
    };
    use_cases.map(react).collect()
}

/// Returns the commands that a policy derives from an event of the log.
pub(crate) fn reactions_to(policy: &Policy, event: &RecordedEvent) -> Vec<Reaction> {
    let correlation_id = &event.metadata.correlation_id;
    reactions(policy, (&event.stream, event.position), &event.events, correlation_id)
}

/// Sets the checkpoint of every policy's reactor, for a log that was generated with its reactions.
///
/// # Errors
/// The database failed.
pub async fn have_reacted(db: &mut PgConnection, upto: &Checkpoint) -> Result<(), sqlx::Error> {
    for policy in domain::policies::ALL {
        checkpoint::put(&mut *db, &name(policy.name), upto).await?;
    }
    Ok(())
}

/// Writes where policies start that have no checkpoint yet, and returns their names. `migrate` calls it, so that a new
/// release's policies find their position, and so does a restore, after which they start at the restored log's end.
///
/// # Errors
/// The database failed.
pub async fn introduce(db: &mut PgConnection, policies: &[Policy]) -> Result<Vec<&'static str>, sqlx::Error> {
    let mut introduced = Vec::new();
    for policy in policies {
        if checkpoint::introduce(&mut *db, &name(policy.name), policy.starts).await? {
            introduced.push(policy.name);
        }
    }
    Ok(introduced)
}

/// Runs a policy up to the log's head, and no further. Reactors of a process run for ever.
///
/// # Errors
/// The reason why the policy stops, with its causes.
pub async fn react_once(pool: &PgPool, store: &EventStore, policy: Policy) -> Result<(), String> {
    let reactor = Reactor {
        pool: pool.clone(),
        batches: Arc::new(Batches::new(pool.clone())),
        store: store.clone(),
        policy,
    };
    let failed = |error: ReactorError| Chain(&error).to_string();
    let mut at = reactor.checkpoint().await.map_err(|error| failed(error.into()))?;
    loop {
        let before = at.position;
        reactor.step(&name(policy.name), &mut at).await.map_err(failed)?;
        if at.position == before {
            return Ok(());
        }
    }
}

/// Why a reactor waits or has stopped.
#[derive(Debug, thiserror::Error)]
enum ReactorError {
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("the command that follows from the event at position {position} failed")]
    Command {
        position: LogPosition,
        #[source]
        source: StoreError,
    },
}

impl ReactorError {
    /// Returns the event that stops the reactor, with the reason; `None` if a retry may succeed.
    fn stopped_at(&self) -> Option<(LogPosition, String)> {
        match self {
            Self::Log(LogError::Unreadable { position, .. }) => Some((*position, self.to_string())),
            Self::Command { position, source } => match source {
                StoreError::Unreadable { .. } => Some((*position, self.to_string())),
                StoreError::Overloaded
                | StoreError::Conflict
                | StoreError::Unavailable(_)
                | StoreError::Foreign(_)
                | StoreError::Convert(_)
                | StoreError::Unsettled(_) => None,
            },
            Self::Database(_) | Self::Log(LogError::Database(_)) => None,
        }
    }
}

/// The runner of a policy.
pub(crate) struct Reactor {
    pub(crate) pool: PgPool,
    pub(crate) batches: Arc<Batches>,
    pub(crate) store: EventStore,
    pub(crate) policy: Policy,
}

/// An event and the commands derived from it.
type Following<'a> = (&'a RecordedEvent, Vec<Reaction>);

impl Reactor {
    /// Runs the policy while this process is the leader. Never ends.
    pub(crate) async fn run(self, leadership: Leadership, progress: Arc<Progress>) {
        let name = name(self.policy.name);
        let mut backoff = Backoff::default();
        loop {
            leadership.gained(&name).await;
            let mut at = match self.checkpoint().await {
                Ok(at) => at,
                Err(error) => {
                    tracing::warn!(reactor = self.policy.name, %error, "a checkpoint cannot be read");
                    backoff.pause().await;
                    continue;
                }
            };
            while leadership.holds(&name) {
                let (before, begun) = (at.position, Instant::now());
                match self.step(&name, &mut at).await {
                    Ok(()) if at.position == before => progress.head_beyond(before).await,
                    Ok(()) => {
                        backoff.reset();
                        progress.reached(&name, at.position);
                        keep_pace(begun, usize::try_from(at.position - before).unwrap_or_default()).await;
                    }
                    Err(error) => {
                        self.report(&name, &error).await;
                        backoff.pause().await;
                    }
                }
            }
        }
    }

    /// Returns the checkpoint; if it has no row, where the policy starts.
    async fn checkpoint(&self) -> Result<Checkpoint, sqlx::Error> {
        let mut db = self.pool.acquire().await?;
        let name = name(self.policy.name);
        checkpoint::introduce(&mut *db, &name, self.policy.starts).await?;
        checkpoint::load(&mut *db, &name).await
    }

    /// Executes the commands of one batch, then moves the checkpoint: up to the first event whose command failed, or that
    /// the policy needs and this program cannot read.
    async fn step(&self, name: &str, at: &mut Checkpoint) -> Result<(), ReactorError> {
        let batch = self.batches.after(at.position).await?;
        let needed = batch.all().needed(|kind| kind == self.policy.follows);
        let part = needed.map_or(batch.all(), |record| batch.all().before(record.position));
        let failed = self.react(part.events).await;
        let done = failed.as_ref().map_or(part, |(position, _)| part.before(*position));
        if !done.is_empty() {
            let to = at.after(done);
            let mut db = self.pool.acquire().await?;
            *at = if checkpoint::advance(&mut db, name, at, &to).await? {
                to
            } else {
                drop(db);
                self.checkpoint().await?
            };
        }
        match (failed, needed) {
            (Some((position, source)), _) => Err(ReactorError::Command { position, source }),
            (None, Some(record)) => Err(record.error().into()),
            (None, None) => Ok(()),
        }
    }

    /// Executes the commands of some events: in order on each stream, streams concurrently. Returns the first event whose
    /// command failed; commands of later events may have been executed and will be repeated.
    async fn react(&self, events: &[RecordedEvent]) -> Option<(LogPosition, StoreError)> {
        let mut following: BTreeMap<&StreamId, Vec<Following<'_>>> = BTreeMap::new();
        for event in events {
            let reactions = reactions_to(&self.policy, event);
            if !reactions.is_empty() {
                following.entry(&event.stream).or_default().push((event, reactions));
            }
        }
        let sending: Vec<_> = following.into_values().map(|events| self.send(events).boxed()).collect();
        let failed: Vec<_> = stream::iter(sending).buffer_unordered(MAX_CONCURRENT_STREAMS).collect().await;
        failed.into_iter().flatten().min_by_key(|(position, _)| *position)
    }

    async fn send(&self, following: Vec<Following<'_>>) -> Option<(LogPosition, StoreError)> {
        for (event, reactions) in following {
            for reaction in reactions {
                if let Err(error) = self.send_one(event.position, &reaction).await {
                    return Some((event.position, error));
                }
            }
        }
        None
    }

    /// Executes a command. One that does not get through becomes a dead letter.
    ///
    /// # Errors
    /// The command can be sent again later, or only a newer program can read its stream.
    async fn send_one(&self, position: LogPosition, reaction: &Reaction) -> Result<(), StoreError> {
        let (reactor, command) = (self.policy.name, reaction.use_case.name());
        let span = tracing::info_span!(target: SPANS, "reactor", reactor, position = position.0);
        let executed = self.store.execute(reaction.use_case.clone(), reaction.context.clone());
        let reason = match executed.instrument(span).await {
            Ok(CommandResult { refusal: None, .. }) => return Ok(()),
            Ok(CommandResult { refusal: Some(refusal), .. }) if already_done(&refusal) => {
                tracing::debug!(reactor, %position, command, code = refusal.code().as_str(), "was done before");
                return Ok(());
            }
            Ok(CommandResult { refusal: Some(refusal), .. }) => refusal.code().as_str().to_owned(),
            Err(
                error @ (StoreError::Overloaded
                | StoreError::Conflict
                | StoreError::Unavailable(_)
                | StoreError::Unreadable { .. }),
            ) => return Err(error),
            Err(error @ (StoreError::Foreign(_) | StoreError::Convert(_) | StoreError::Unsettled(_))) => {
                error.to_string()
            }
        };
        dead_letters::bury(&self.pool, &self.policy, position, reaction, &reason).await?;
        tracing::error!(reactor, %position, command, reason, "a command did not get through and is a dead letter");
        Ok(())
    }

    async fn report(&self, name: &str, error: &ReactorError) {
        let reactor = self.policy.name;
        let Some((position, reason)) = error.stopped_at() else {
            tracing::warn!(reactor, error = %Chain(error), "a reactor waits");
            return;
        };
        metrics::counter!("ocpizza_reactor_failures_total", "reactor" => reactor).increment(1);
        match checkpoint::fail(&self.pool, name, position, &reason).await {
            Ok(true) => tracing::error!(reactor, %position, reason, "a reactor has stopped at an event"),
            Ok(false) => {}
            Err(error) => tracing::warn!(reactor, %position, %error, "a failure cannot be noted"),
        }
    }
}
