//! Idempotency keys: the same key with the same input returns the same result without executing the command again.
//!
//! A key is stored in the transaction of the command's events, with the version that the result showed and the
//! refusal, if any. A transient refusal ([`Refusal::is_passing`]), such as a stale version, stores no key: the caller
//! may send the command again under the same key. Nor does a refusal of the system's own commands that stored no event: a
//! policy's command is sent again once its cause is mended.

use std::collections::HashMap;

use domain::access::Role;
use domain::usecase::Refusal;
use domain::{LogPosition, StreamId, StreamType};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::command::{CommandContext, CommandResult, Idempotency};
use crate::error::StoreError;
use crate::load;
use crate::unit_of_work::Unit;

/// The actor's id and the key.
pub(crate) type KeyOf = (Uuid, String);

/// A command's result as stored under its key: the state is folded again when it is needed.
#[derive(Debug, Clone)]
pub(crate) struct StoredResult {
    pub fingerprint: Vec<u8>,
    pub stream: StreamId,
    pub version: i64,
    /// `None` if nothing was stored, and while the transaction that stores it is open.
    pub position: Option<LogPosition>,
    pub refusal: Option<Refusal>,
}

/// Returns a command's key, if it has one.
pub(crate) fn key_of(context: &CommandContext) -> Option<KeyOf> {
    context.idempotency.as_ref().map(|given| (context.actor.id, given.key.clone()))
}

/// Returns whether a refusal is not kept under the key: a transient one, and one of the system's commands without an event.
pub(crate) fn passes(by: Role, refusal: &Refusal, stored_events: bool) -> bool {
    refusal.is_passing() || by == Role::System && !stored_events
}

/// Returns the result to store under a unit's key; `None` without a key and for a refusal that is not kept.
pub(crate) fn to_be_stored(unit: &Unit) -> Option<(&Idempotency, StoredResult)> {
    let idempotency = unit.command.context.idempotency.as_ref()?;
    let (stream, _) = unit.decision.based_on.first()?;
    let decision = &unit.decision;
    let passes = |refusal| passes(unit.command.context.actor.role, refusal, !decision.events.is_empty());
    if decision.refusal.as_ref().is_some_and(passes) {
        return None;
    }
    let result = StoredResult {
        fingerprint: idempotency.fingerprint.to_vec(),
        stream: stream.clone(),
        version: unit.decision.version,
        position: None,
        refusal: unit.decision.refusal.clone(),
    };
    Some((idempotency, result))
}

type ResultRow = (Uuid, String, Vec<u8>, String, String, i64, Option<i64>, Option<Json<Refusal>>);

/// Returns the results stored under these keys.
pub(crate) async fn find(
    db: &mut PgConnection,
    keys: &[KeyOf],
) -> Result<HashMap<KeyOf, StoredResult>, StoreError> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let (actors, texts): (Vec<Uuid>, Vec<String>) = keys.iter().cloned().unzip();
    let rows: Vec<ResultRow> = sqlx::query_as(
        "SELECT k.actor_id, k.key, k.fingerprint, k.aggregate_type, k.aggregate_id, k.sequence, k.position, \
         k.refusal \
         FROM unnest($1::uuid[], $2::text[]) AS given(actor_id, key), \
         LATERAL (SELECT * FROM idempotency_keys i WHERE i.actor_id = given.actor_id AND i.key = given.key LIMIT 1) k",
    )
    .bind(actors)
    .bind(texts)
    .fetch_all(db)
    .await?;
    let result = |(actor, key, fingerprint, kind, id, version, position, refusal): ResultRow| {
        let kind: StreamType = kind.parse().ok()?;
        let result = StoredResult {
            fingerprint,
            stream: StreamId::new(kind, id),
            version,
            position: position.map(LogPosition),
            refusal: refusal.map(|refusal| refusal.0),
        };
        Some(((actor, key), result))
    };
    Ok(rows.into_iter().filter_map(result).collect())
}

/// Returns the result as the first execution returned it: the state at that version, and the refusal.
pub(crate) async fn replay(
    db: &mut PgConnection,
    stored: &StoredResult,
) -> Result<CommandResult, StoreError> {
    let loaded = load::stream_at(&mut *db, &stored.stream, stored.version).await?;
    Ok(CommandResult {
        stream: stored.stream.clone(),
        state: loaded.state,
        version: loaded.version,
        position: stored.position,
        refusal: stored.refusal.clone(),
    })
}
