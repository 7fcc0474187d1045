//! Idempotency keys: the same key with the same input answers the same, without doing it again.
//!
//! A key is stored in the transaction of the events that it answers for, together with the version
//! that the answer showed. A command that was refused without storing anything leaves no key: sent
//! again, it is decided again.

use std::collections::HashMap;

use domain::usecase::Refusal;
use domain::{LogPosition, StreamId, StreamType};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::command::{CommandContext, Outcome};
use crate::error::StoreError;
use crate::load;
use crate::log;

/// Whose key, and which.
pub(crate) type KeyOf = (Uuid, String);

/// What a key answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub fingerprint: Vec<u8>,
    pub stream: StreamId,
    pub version: i64,
    /// None while the transaction that stores it is open.
    pub position: Option<LogPosition>,
}

/// The key of a command, if it has one.
pub(crate) fn key_of(context: &CommandContext) -> Option<KeyOf> {
    context.idempotency.as_ref().map(|given| (context.actor.id, given.key.clone()))
}

type AnswerRow = (Uuid, String, Vec<u8>, String, String, i64, i64);

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
        "SELECT k.actor_id, k.key, k.fingerprint, k.aggregate_type, k.aggregate_id, k.sequence, k.position \
         FROM unnest($1::uuid[], $2::text[]) AS given(actor_id, key), \
         LATERAL (SELECT * FROM idempotency_keys i WHERE i.actor_id = given.actor_id AND i.key = given.key LIMIT 1) k",
    )
    .bind(actors)
    .bind(texts)
    .fetch_all(db)
    .await?;
    let answer = |(actor, key, fingerprint, kind, id, version, position): AnswerRow| {
        let kind: StreamType = kind.parse().ok()?;
        let answer = Answer {
            fingerprint,
            stream: StreamId::new(kind, id),
            version,
            position: Some(LogPosition(position)),
        };
        Some(((actor, key), answer))
    };
    Ok(rows.into_iter().filter_map(answer).collect())
}

/// The answer as it was given the first time: the state at that version, and the refusal if one was stored.
pub(crate) async fn replay(db: &mut PgConnection, answer: &Answer) -> Result<Outcome, StoreError> {
    let loaded = load::stream_at(&mut *db, &answer.stream, answer.version).await?;
    let last = log::read_stream(&mut *db, &answer.stream, answer.version - 1, answer.version).await?;
    let refusal = last.last().and_then(|recorded| Refusal::recorded_by(&recorded.event));
    Ok(Outcome {
        stream: answer.stream.clone(),
        state: loaded.state,
        version: loaded.version,
        position: answer.position,
        refusal,
    })
}
