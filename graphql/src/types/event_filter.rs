//! The filter of `events` and `eventAppended`.

use async_graphql::{Context, ID, InputObject};
use chrono::{DateTime, Utc};
use domain::{EventType, StreamId, StreamType as Kind, upcasters};
use event_store::log;
use uuid::Uuid;

use super::enums::StreamType;
use super::pizzeria::pizzerias_of;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids;
use crate::scalars::Position;

/// Filters events; all given conditions must hold. Conditions on kind, type, pizzeria, actor, command or
/// request are checked event by event: they require one stream, or a range of at most 10,000 events by
/// positions, times or cursors. A condition on the pizzeria alone requires this only if that many events do
/// not fill the page.
#[derive(Debug, Default, Clone, InputObject)]
pub struct EventFilter {
    /// Events of streams of these kinds.
    pub stream_types: Option<Vec<StreamType>>,
    /// Events of one stream: the id of an order, a delivery, a stock, a pizzeria, a member of staff or a
    /// customer, or `menu:group`. The part before the colon may be omitted if `streamTypes` has exactly one
    /// kind.
    pub stream_id: Option<ID>,
    /// Events of these types, such as `OrderPlaced`. An unknown type fails with `BAD_USER_INPUT`, and the
    /// message lists all types.
    pub types: Option<Vec<String>>,
    /// Events of this pizzeria, by id or code. Managers see only events of their own.
    pub pizzeria_id: Option<ID>,
    /// Events caused by this account.
    pub actor_id: Option<ID>,
    /// Events of commands with this name, such as `placeOrder`.
    pub command: Option<String>,
    /// Events of one request.
    pub correlation_id: Option<String>,
    /// Events recorded at or after this time.
    pub from: Option<DateTime<Utc>>,
    /// Events recorded before this time.
    pub to: Option<DateTime<Utc>>,
    /// Events after this position.
    pub after_position: Option<Position>,
    /// Events before this position.
    pub before_position: Option<Position>,
}

/// Converts a kind of stream, if it can be queried.
fn known(kind: StreamType) -> Result<Kind, ApiError> {
    kind.known().ok_or_else(|| ApiError::bad_input("filter.streamTypes: UNKNOWN is not allowed"))
}

/// Parses the global id of a stream, or its bare id if exactly one kind is given.
fn stream(id: &ID, kinds: &[StreamType]) -> Result<StreamId, ApiError> {
    let wrong = || ApiError::bad_input("filter.streamId: not the id of a stream");
    let id = ids::without_time(id);
    match (id.split_once(':'), kinds) {
        (Some((kind, local)), _) => Ok(StreamId::new(kind.parse().map_err(|_| wrong())?, local)),
        (None, [kind]) => Ok(StreamId::new(known(*kind)?, id)),
        (None, _) => Err(wrong()),
    }
}

/// Validates an event type by its stored name, also of a retired one; an unknown type would match no event.
fn event_type(name: &str) -> Result<String, ApiError> {
    match name.parse::<EventType>() {
        Err(_) if upcasters::is_retired(name) => Ok(name.to_owned()),
        Ok(event_type) => Ok(event_type.as_str().to_owned()),
        Err(error) => Err(ApiError::bad_input(format!("filter.types: {error}"))),
    }
}

fn actor(id: &ID) -> Result<Uuid, ApiError> {
    let id = ids::without_time(id);
    let prefixes = ["staff:", "customer:"];
    let local = prefixes.iter().find_map(|prefix| id.strip_prefix(prefix)).unwrap_or(id);
    local.parse().map_err(|_| ApiError::bad_input("filter.actorId: not the id of an account"))
}

/// Converts a filter for the caller: a manager's is restricted to the manager's pizzeria.
///
/// # Errors
/// Fails for another pizzeria than the caller's, or if an id is malformed.
pub fn event_filter(ctx: &Context<'_>, asked: EventFilter) -> Result<log::EventFilter, ApiError> {
    let pizzerias = pizzerias_of(ctx, asked.pizzeria_id.as_ref())?;
    let kinds = asked.stream_types.as_deref().unwrap_or_default();
    Ok(log::EventFilter {
        stream: asked.stream_id.as_ref().map(|id| stream(id, kinds)).transpose()?,
        kinds: kinds.iter().copied().map(known).collect::<Result<_, _>>()?,
        types: asked
            .types
            .unwrap_or_default()
            .iter()
            .map(|name| event_type(name))
            .collect::<Result<_, _>>()?,
        pizzeria: pizzerias.into_iter().next(),
        actor: asked.actor_id.as_ref().map(actor).transpose()?,
        command: asked.command,
        correlation_ids: asked.correlation_id.map_or_else(|| Ok(Vec::new()), |id| correlations(ctx, id))?,
        from: asked.from,
        to: asked.to,
        after: asked.after_position.map(|position| position.0),
        before: asked.before_position.map(|position| position.0),
    })
}

/// Returns the correlation ids under which a request's events may be stored; earlier releases stored its id itself.
fn correlations(ctx: &Context<'_>, request_id: String) -> Result<Vec<String>, ApiError> {
    Ok(vec![ctx.services()?.correlation_id(&request_id), request_id])
}
