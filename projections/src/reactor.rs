//! Reactors run the domain's policies over the log, each with a checkpoint of its own. A policy's commands have an
//! idempotency key derived from the event's position, so repeating them has no effect.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use domain::access::Actor;
use domain::policies::{Policy, already_done};
use domain::usecase::{Refusal, UseCase};
use domain::{LogPosition, StreamId};
use event_store::{CommandContext, EventStore, Idempotency, LogError, RecordedEvent, SPANS, StoreError};
use futures_util::{FutureExt, StreamExt, stream};
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};
use tracing::Instrument;
use uuid::Uuid;

use crate::batches::Batches;
use crate::checkpoint::{self, Checkpoint};
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

/// Returns the context of a command of the system that takes effect once.
pub fn context_once(key: String, correlation_id: &str) -> CommandContext {
    let fingerprint = Sha256::digest(key.as_bytes()).into();
    let mut context =
        CommandContext::new(Actor::system(), Uuid::new_v5(&COMMANDS, key.as_bytes()), correlation_id);
    context.idempotency = Some(Idempotency { key, fingerprint });
    context
}

/// Returns the context of the `n`th command that a policy derives from an event.
pub fn reaction(policy: &Policy, position: LogPosition, n: usize, correlation_id: &str) -> CommandContext {
    let mut context = context_once(format!("{}:{position}:{n}", name(policy.name)), correlation_id);
    context.causation = Some(position);
    context
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
                StoreError::Overloaded | StoreError::Conflict | StoreError::Unavailable(_) => None,
                StoreError::Unreadable { .. }
                | StoreError::Foreign(_)
                | StoreError::Convert(_)
                | StoreError::Unsettled(_) => Some((*position, self.to_string())),
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

/// An event and the use cases derived from it.
type Following<'a> = (&'a RecordedEvent, Vec<Arc<dyn UseCase>>);

impl Reactor {
    /// Runs the policy while this process is the leader. Never ends.
    pub(crate) async fn run(self, leadership: Leadership, progress: Arc<Progress>) {
        let name = name(self.policy.name);
        let mut backoff = Backoff::default();
        loop {
            leadership.gained(&name).await;
            let mut at = match checkpoint::load(&self.pool, &name).await {
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
                checkpoint::reload(&mut db, name).await?
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
            let follow = |happened| (self.policy.follow)(&event.stream, happened);
            let use_cases: Vec<_> = event.events.iter().flat_map(follow).collect();
            if !use_cases.is_empty() {
                following.entry(&event.stream).or_default().push((event, use_cases));
            }
        }
        let sending: Vec<_> = following.into_values().map(|events| self.send(events).boxed()).collect();
        let failed: Vec<_> = stream::iter(sending).buffer_unordered(MAX_CONCURRENT_STREAMS).collect().await;
        failed.into_iter().flatten().min_by_key(|(position, _)| *position)
    }

    async fn send(&self, following: Vec<Following<'_>>) -> Option<(LogPosition, StoreError)> {
        for (event, use_cases) in following {
            for (n, use_case) in use_cases.into_iter().enumerate() {
                let context = reaction(&self.policy, event.position, n, &event.metadata.correlation_id);
                let command = use_case.name();
                let reactor = self.policy.name;
                let span =
                    tracing::info_span!(target: SPANS, "reactor", reactor, position = event.position.0);
                match self.store.execute(use_case, context).instrument(span).await {
                    Ok(result) => self.note(event.position, command, result.refusal.as_ref()),
                    Err(error) => return Some((event.position, error)),
                }
            }
        }
        None
    }

    /// Logs a refusal. It is final: a retry would be refused too.
    fn note(&self, position: LogPosition, command: &str, refusal: Option<&Refusal>) {
        match refusal {
            None => {}
            Some(refusal) if already_done(refusal) => {
                tracing::debug!(reactor = self.policy.name, %position, command, code = refusal.code().as_str(), "was done before");
            }
            Some(refusal) => {
                tracing::warn!(reactor = self.policy.name, %position, command, code = refusal.code().as_str(), "was refused");
            }
        }
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
