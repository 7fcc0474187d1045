//! The queries for the log: its position, its proofs and its events.

use async_graphql::{Context, Object};
use domain::access::{Permission, has_permission};
use event_store::log;
use projections::page::PageArgs;

use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::{open, requires};
use crate::loaders::LatestHead;
use crate::scalars::{self, Position};
use crate::types::event::{Event, EventConnection, cursor_or_position, page_of_events};
use crate::types::event_filter::{EventFilter, event_filter};
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
#[Object(directive = open::apply())]
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
        #[graphql(desc = "The event's position.")] position: Position,
        #[graphql(desc = "The size of the tree; that of the latest head by default.")] size: Option<Position>,
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
        #[graphql(desc = "The size of the smaller tree, at least 1.")] from: Position,
        #[graphql(desc = "The size of the larger tree.")] to: Position,
    ) -> Result<ConsistencyProof, ApiError> {
        let mut db = ctx.services()?.read_models.heavy().begin().await?;
        let proof = transparency::consistency(&mut db, from.0, to.0).await?;
        db.finish().await?;
        Ok(ConsistencyProof::new(from.0, to.0, &proof))
    }
}

/// The list name in the cursors of `events`. It does not depend on the filter: a cursor is a position in the
/// whole log.
const CURSOR_LIST: &str = "events";

/// Loads an event if the caller may see it.
pub(super) async fn visible_event(
    ctx: &Context<'_>,
    position: domain::LogPosition,
) -> Result<Option<Event>, ApiError> {
    has_permission(ctx.caller()?.actor.as_ref(), Permission::ReadEvents)?;
    let mut filter = event_filter(ctx, EventFilter::default())?;
    filter.after = Some(domain::LogPosition(position.0.saturating_sub(1)));
    filter.before = Some(domain::LogPosition(position.0.saturating_add(1)));
    let events = log::search(&ctx.services()?.pool, &filter, 1, false).await?;
    Ok(events.into_iter().next().map(Event))
}

#[Object]
impl LogQuery {
    /// The log of events, with its position and its proofs.
    #[graphql(directive = requires::apply(Permission::ReadLog))]
    async fn log(&self, ctx: &Context<'_>) -> Result<Log, ApiError> {
        let position = log::head(&ctx.services()?.pool).await?;
        Ok(Log { position })
    }

    /// Events of the log, by position.
    #[graphql(
        directive = requires::apply(Permission::ReadEvents)
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
        let after = args.after().map(|after| cursor_or_position(CURSOR_LIST, after)).transpose()?;
        let before = args.before().map(|before| cursor_or_position(CURSOR_LIST, before)).transpose()?;
        let mut page = base.clone();
        page.after = base.after.max(after);
        page.before = base.before.into_iter().chain(before).min();
        let mut db = ctx.services()?.read_models.heavy().begin().await?;
        let events = log::find(&mut db, &page, args.limit(), args.is_last()).await?;
        db.finish().await?;
        Ok(page_of_events(CURSOR_LIST, &args, events, (after.is_some(), before.is_some())).into())
    }
}
