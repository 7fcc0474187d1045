//! The queries for the log: its position, its proofs and its events.

use async_graphql::{Context, ID, InputObject, Object};
use chrono::{DateTime, Utc};
use domain::access::{Permission, Scope};
use domain::ids::PizzeriaId;
use domain::{EventType, StreamId, StreamType as Kind};
use event_store::log;
use projections::page::PageArgs;
use uuid::Uuid;

use super::order::pizzerias_of;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids;
use crate::loaders::LatestHead;
use crate::roles_directive::{requires, roles};
use crate::scalars::{self, Position};
use crate::types::enums::StreamType;
use crate::types::event::{Event, EventConnection, cursor_or_position, page_of_events};
use crate::types::seal::{self, ConsistencyProof, InclusionProof, TreeHead};

/// Queries for the log.
#[derive(Debug, Default)]
pub struct LogQuery;

/// The log of events.
#[derive(Debug)]
pub struct Log {
    position: domain::LogPosition,
}

/// The log of events. A change to a sealed event would contradict a signed head; `docs/audit.md` describes
/// the formats.
#[Object]
impl Log {
    /// The position of the last event; 0 for an empty log.
    async fn position(&self) -> Position {
        Position(self.position)
    }

    /// The latest signed head of the Merkle tree over the events; `null` before the first.
    async fn head(&self, ctx: &Context<'_>) -> Result<Option<TreeHead>, ApiError> {
        Ok(ctx.loaders()?.load_one(LatestHead).await?.map(TreeHead::from))
    }

    /// Number of events after the latest signed head. Each event is sealed within a minute.
    async fn unsealed(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        let head = ctx.loaders()?.load_one(LatestHead).await?;
        let sealed = head.map_or(0, |head| seal::size_of(&head).0);
        scalars::int((self.position.0 - sealed).max(0))
    }

    /// Proves that a tree contains an event. Fails with `BAD_USER_INPUT` for a position or a size that is not
    /// sealed.
    async fn inclusion_proof(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which event.")] position: Position,
        #[graphql(desc = "Of a tree of so many events: the one of the last head when nothing is said.")] size: Option<
            Position,
        >,
    ) -> Result<InclusionProof, ApiError> {
        let mut db = ctx.services()?.read_models.heavy().begin().await?;
        let size = match size {
            Some(size) => size.0,
            None => transparency::sealed(&mut *db).await?,
        };
        let proof = transparency::inclusion(&mut db, position.0, size).await?;
        db.finish().await?;
        Ok(InclusionProof::new(position.0, size, &proof))
    }

    /// Proves that a tree is the beginning of a larger tree, and so that no earlier event has changed. Fails
    /// with `BAD_USER_INPUT` for a size that is not sealed.
    async fn consistency_proof(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The size of the smaller tree, 1 at least.")] from: Position,
        #[graphql(desc = "The size of the larger.")] to: Position,
    ) -> Result<ConsistencyProof, ApiError> {
        let mut db = ctx.services()?.read_models.heavy().begin().await?;
        let proof = transparency::consistency(&mut db, from.0, to.0).await?;
        db.finish().await?;
        Ok(ConsistencyProof::new(from.0, to.0, &proof))
    }
}

/// The list name in the cursors of `events`. It does not depend on the filter: a cursor is a position in the
/// whole log.
const LIST: &str = "events";

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
    kind.known().ok_or_else(|| ApiError::bad_input("filter.streamTypes: UNKNOWN cannot be asked for"))
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

/// Validates an event type by its stored name; an unknown type would match no event.
fn event_type(name: &str) -> Result<String, ApiError> {
    match name.parse::<EventType>() {
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
/// Fails if the caller may not read events, or if an id is malformed.
pub fn event_filter(ctx: &Context<'_>, asked: EventFilter) -> Result<log::EventFilter, ApiError> {
    let pizzerias = pizzerias_of(ctx, asked.pizzeria_id.as_ref(), Permission::ReadEvents)?;
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
        correlation_id: asked.correlation_id,
        from: asked.from,
        to: asked.to,
        after: asked.after_position.map(|position| position.0),
        before: asked.before_position.map(|position| position.0),
    })
}

/// Loads an event if the caller may see it.
pub(super) async fn visible_event(
    ctx: &Context<'_>,
    position: domain::LogPosition,
) -> Result<Option<Event>, ApiError> {
    let mut filter = event_filter(ctx, EventFilter::default())?;
    filter.after = Some(domain::LogPosition(position.0.saturating_sub(1)));
    filter.before = Some(domain::LogPosition(position.0.saturating_add(1)));
    let events = log::search(&ctx.services()?.pool, &filter, 1, false).await?;
    Ok(events.into_iter().next().map(Event))
}

#[Object]
impl LogQuery {
    /// The log of events, with its position and its proofs.
    #[graphql(directive = requires::apply(roles(Permission::ReadLog)))]
    async fn log(&self, ctx: &Context<'_>) -> Result<Log, ApiError> {
        let own: Option<&PizzeriaId> = ctx.caller()?.actor.as_ref().and_then(|actor| actor.pizzeria.as_ref());
        ctx.caller()?.authorize(Permission::ReadLog, own.map_or(Scope::Group, Scope::Pizzeria))?;
        let position = log::head(&ctx.services()?.pool).await?;
        Ok(Log { position })
    }

    /// Events of the log, by position.
    #[graphql(
        directive = requires::apply(roles(Permission::ReadEvents))
    )]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only events that match.")] filter: Option<EventFilter>,
        #[graphql(desc = "Returns the first `n` items (1–100).")] first: Option<i32>,
        #[graphql(desc = "Returns the events after this cursor or log position.")] after: Option<String>,
        #[graphql(desc = "Returns the last `n` items (1–100).")] last: Option<i32>,
        #[graphql(desc = "Returns the events before this cursor or log position.")] before: Option<String>,
    ) -> Result<EventConnection, ApiError> {
        let base = event_filter(ctx, filter.unwrap_or_default())?;
        let args = PageArgs::new(first, after.as_deref(), last, before.as_deref())?;
        let after = args.after().map(|after| cursor_or_position(LIST, after)).transpose()?;
        let before = args.before().map(|before| cursor_or_position(LIST, before)).transpose()?;
        let mut page = base.clone();
        page.after = base.after.max(after);
        page.before = base.before.into_iter().chain(before).min();
        let mut db = ctx.services()?.read_models.heavy().begin().await?;
        let events = log::find(&mut db, &page, args.limit(), args.is_last()).await?;
        db.finish().await?;
        Ok(page_of_events(LIST, &args, events, (after.is_some(), before.is_some())).into())
    }
}
