//! The log: how far it has come, and its events.

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

/// Queries over the log.
#[derive(Debug, Default)]
pub struct LogQuery;

/// The log of events.
#[derive(Debug)]
pub struct Log {
    position: domain::LogPosition,
}

/// The log of events. What is sealed cannot be changed without a signed head disagreeing; `docs/audit.md` has the
/// formats.
#[Object]
impl Log {
    /// The position of the last event; 0 while there is none.
    async fn position(&self) -> Position {
        Position(self.position)
    }

    /// The last signed head of the Merkle tree over the events; none before the first.
    async fn head(&self, ctx: &Context<'_>) -> Result<Option<TreeHead>, ApiError> {
        Ok(ctx.loaders()?.load_one(LatestHead).await?.map(TreeHead::from))
    }

    /// How many events are not yet sealed: those behind the head. They are within a minute.
    async fn unsealed(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        let head = ctx.loaders()?.load_one(LatestHead).await?;
        let sealed = head.map_or(0, |head| seal::size_of(&head).0);
        scalars::int((self.position.0 - sealed).max(0))
    }

    /// Proves that the event at a position is in the tree of a size. `BAD_USER_INPUT` for what is not sealed.
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

    /// Proves that the tree of a size is the beginning of a larger one: that nothing before has changed since.
    /// `BAD_USER_INPUT` for what is not sealed.
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

/// What cursors of `events` name. The filter is not part of it: a cursor is a place in the whole log.
const LIST: &str = "events";

/// Which events; everything that is given must hold. By kind, type, pizzeria, actor, command or request events are looked
/// through one by one: such a list needs one stream, or a part of the log by positions, instants or cursors, of at most
/// 10,000 events; by a pizzeria alone, when that many do not fill the page.
#[derive(Debug, Default, Clone, InputObject)]
pub struct EventFilter {
    /// Of streams of these kinds.
    pub stream_types: Option<Vec<StreamType>>,
    /// Of one stream: the id of an order, a delivery, a stock, a pizzeria, a member of staff, a
    /// customer, or `menu:group`;
    /// without what stands before the colon where `streamTypes` names one kind.
    pub stream_id: Option<ID>,
    /// Of these types, `OrderPlaced`. A name that is not a type of event is `BAD_USER_INPUT`, which lists them all.
    pub types: Option<Vec<String>>,
    /// Of a pizzeria; an id or a code. Managers see those of their own only.
    pub pizzeria_id: Option<ID>,
    /// By an actor: an account's id.
    pub actor_id: Option<ID>,
    /// Of commands of this name, `placeOrder`.
    pub command: Option<String>,
    /// Of one request.
    pub correlation_id: Option<String>,
    /// Recorded at this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// Recorded before this instant.
    pub to: Option<DateTime<Utc>>,
    /// Behind this position.
    pub after_position: Option<Position>,
    /// Before this position.
    pub before_position: Option<Position>,
}

/// A kind of stream that can be asked for.
fn known(kind: StreamType) -> Result<Kind, ApiError> {
    kind.known().ok_or_else(|| ApiError::bad_input("filter.streamTypes: UNKNOWN cannot be asked for"))
}

/// A stream by its global id, or by its bare one where one kind is asked for.
fn stream(id: &ID, kinds: &[StreamType]) -> Result<StreamId, ApiError> {
    let wrong = || ApiError::bad_input("filter.streamId: not the id of a stream");
    let id = ids::without_time(id);
    match (id.split_once(':'), kinds) {
        (Some((kind, local)), _) => Ok(StreamId::new(kind.parse().map_err(|_| wrong())?, local)),
        (None, [kind]) => Ok(StreamId::new(known(*kind)?, id)),
        (None, _) => Err(wrong()),
    }
}

/// A type of event by its stored name: of an unknown one no event would ever be found.
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

/// What a filter means for the caller: a manager's is restricted to the manager's pizzeria.
///
/// # Errors
/// When the caller may not read events, or an id cannot be one.
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

/// An event, for those who may see it.
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
    /// The log of events: how far it has come.
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
        #[graphql(desc = "Which.")] filter: Option<EventFilter>,
        #[graphql(desc = "The first so many, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "After this cursor, or after any position of the log.")] after: Option<String>,
        #[graphql(desc = "The last so many, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor, or before any position of the log.")] before: Option<String>,
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
