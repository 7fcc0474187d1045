//! Idempotency keys: the same key with the same input answers the same, without doing it again.
//!
//! A key is stored in the transaction of the events that it answers for, together with the version
//! that the answer showed and the refusal, if it was one. A refusal for a stale version leaves no key:
//! it would be the same again, and the caller may look and try again under the same key. Nor does any other
//! refusal that is passing ([`Refusal::is_passing`]): the same request may be accepted later.

use std::collections::HashMap;

use domain::usecase::Refusal;
use domain::{LogPosition, StreamId, StreamType};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::command::{CommandContext, Idempotency, Outcome};
use crate::error::StoreError;
use crate::load;
use crate::unit_of_work::Unit;

/// Whose key, and which.
pub(crate) type KeyOf = (Uuid, String);

/// What a key answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub fingerprint: Vec<u8>,
    pub stream: StreamId,
    pub version: i64,
    /// None when nothing was stored, and while the transaction that stores it is open.
    pub position: Option<LogPosition>,
    pub refusal: Option<Refusal>,
}

/// The key of a command, if it has one.
pub(crate) fn key_of(context: &CommandContext) -> Option<KeyOf> {
    context.idempotency.as_ref().map(|given| (context.actor.id, given.key.clone()))
}

/// The answer that a unit leaves under its key, if it has one.
pub(crate) fn to_be_stored(unit: &Unit) -> Option<(&Idempotency, Answer)> {
    let idempotency = unit.context.idempotency.as_ref()?;
    let (stream, _) = unit.decided.based_on.first()?;
    if unit.decided.refusal.as_ref().is_some_and(Refusal::is_passing) {
        return None;
    }
    let answer = Answer {
        fingerprint: idempotency.fingerprint.to_vec(),
        stream: stream.clone(),
        version: unit.decided.version,
        position: None,
        refusal: unit.decided.refusal.clone(),
    };
    Some((idempotency, answer))
}

type AnswerRow = (Uuid, String, Vec<u8>, String, String, i64, Option<i64>, Option<Json<Refusal>>);

/// The answers stored under these keys.
pub(crate) async fn find(
    db: &mut PgConnection,
    keys: &[KeyOf],
) -> Result<HashMap<KeyOf, Answer>, StoreError> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let (actors, texts): (Vec<Uuid>, Vec<String>) = keys.iter().cloned().unzip();
    let rows: Vec<AnswerRow> = sqlx::query_as(
        "SELECT k.actor_id, k.key, k.fingerprint, k.aggregate_type, k.aggregate_id, k.sequence, k.position, \
         k.refusal \
         FROM unnest($1::uuid[], $2::text[]) AS given(actor_id, key), \
         LATERAL (SELECT * FROM idempotency_keys i WHERE i.actor_id = given.actor_id AND i.key = given.key LIMIT 1) k",
    )
    .bind(actors)
    .bind(texts)
    .fetch_all(db)
    .await?;
    let answer = |(actor, key, fingerprint, kind, id, version, position, refusal): AnswerRow| {
        let kind: StreamType = kind.parse().ok()?;
        let answer = Answer {
            fingerprint,
            stream: StreamId::new(kind, id),
            version,
            position: position.map(LogPosition),
            refusal: refusal.map(|refusal| refusal.0),
        };
        Some(((actor, key), answer))
    };
    Ok(rows.into_iter().filter_map(answer).collect())
}

/// The answer as it was given the first time: the state at that version, and the refusal.
pub(crate) async fn replay(db: &mut PgConnection, answer: &Answer) -> Result<Outcome, StoreError> {
    let loaded = load::stream_at(&mut *db, &answer.stream, answer.version).await?;
    Ok(Outcome {
        stream: answer.stream.clone(),
        state: loaded.state,
        version: loaded.version,
        position: answer.position,
        refusal: answer.refusal.clone(),
    })
}
