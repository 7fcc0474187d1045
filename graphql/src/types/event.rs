//! Events of the log as clients see them. Only managers, the director, auditors and the system see payloads.

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use domain::access::{Permission, Scope, has_permission};
use domain::{EventType, LogPosition, StreamId};
use event_store::LogEntry;
use projections::page::{Page, PageArgs, decode_cursor, encode_cursor};
use uuid::Uuid;

use super::comment::Comment;
use super::enums::{Role, StreamType};
use super::page::connection;
use super::seal::covers;
use super::why::StateChange;
use crate::as_of::PointInTime;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::{hidden_without, open};
use crate::ids::GlobalId;
use crate::loaders::{ChangesOf, EventAt, HistoryOf, LatestHead};
use crate::scalars::{self, Json};

/// An event of the log. An event of an unknown type is shown as stored.
#[derive(Debug, Clone)]
pub struct Event(pub LogEntry);

/// A stream of the log.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct Stream {
    /// The kind of entity.
    #[graphql(name = "type")]
    pub kind: StreamType,
    /// The stream's id, as `node` and the filter of `events` accept it: `order:<uuid>`, `stock:P1`,
    /// `menu:group`.
    pub id: ID,
}

/// The account that caused an event, with its role at that time.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply(), name = "EventActor")]
pub struct Actor {
    /// The account's id with the role: `<uuid>@<role>`, since an account's role can change. Accepted as
    /// `actorId` in the filter of `events`.
    pub id: ID,
    /// The account's id as a bare UUID; the nil UUID for the system.
    pub account_id: ID,
    /// The role in which the account acted.
    pub role: Role,
}

/// Blanks the digits of delivery codes at any depth and keeps the keys. `event_type` is `None` for an event of a newer
/// program, which may hold the code under either name.
fn blank_codes(event_type: Option<EventType>, payload: &mut serde_json::Value) {
    let is_scheduling = event_type.is_none_or(|event_type| event_type == EventType::DeliveryScheduled);
    blank_fields(&["deliveryCode", "delivery_code"], is_scheduling.then_some("code"), payload);
}

/// Blanks the texts of staff that events of earlier releases hold.
fn blank_texts(event_type: &str, payload: &mut serde_json::Value) {
    let field = match event_type.parse() {
        Ok(EventType::PizzeriaPaused | EventType::PizzaBlocked) => "reason",
        Ok(EventType::SupplyReceived) => "supplier",
        _ => return,
    };
    let text = payload
        .get_mut(field)
        .filter(|text| text.as_str().is_some_and(|text| Uuid::try_parse(text).is_err()));
    if let Some(text) = text {
        *text = "".into();
    }
}

fn blank_fields(names: &[&str], another: Option<&str>, payload: &mut serde_json::Value) {
    match payload {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                if names.contains(&name.as_str()) || another == Some(name) {
                    *value = serde_json::Value::Null;
                } else {
                    blank_fields(names, another, value);
                }
            }
        }
        serde_json::Value::Array(items) => {
            items.iter_mut().for_each(|item| blank_fields(names, another, item));
        }
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}

/// An event of the log.
#[Object]
impl Event {
    /// The event's id, which contains its position.
    #[graphql(directive = open::apply())]
    pub async fn id(&self) -> ID {
        self.0.position().to_global()
    }

    /// The event's position in the log, from 1, without gaps.
    #[graphql(directive = open::apply())]
    async fn position(&self) -> scalars::Position {
        scalars::Position(self.0.position())
    }

    /// The time of recording, by the database's clock.
    #[graphql(directive = open::apply())]
    async fn recorded_at(&self) -> DateTime<Utc> {
        self.0.recorded_at()
    }

    /// The stream that the event belongs to.
    #[graphql(directive = open::apply())]
    async fn stream(&self) -> Stream {
        let kind = self.0.stream().map_or(StreamType::Unknown, |stream| stream.kind.into());
        Stream { kind, id: ID(self.0.stream_name()) }
    }

    /// The event's number in its stream, from 1.
    #[graphql(directive = open::apply())]
    async fn sequence(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.sequence())
    }

    /// The event type, such as `OrderPlaced`.
    #[graphql(name = "type", directive = open::apply())]
    async fn event_type(&self) -> &str {
        self.0.event_type()
    }

    /// The version of the payload's schema, as stored.
    #[graphql(directive = open::apply())]
    async fn version(&self) -> &str {
        self.0.event_version()
    }

    /// Whether a signed head covers the event; the latest events are not sealed yet.
    #[graphql(directive = open::apply())]
    async fn sealed(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        Ok(ctx.loaders()?.load_one(LatestHead).await?.is_some_and(|head| covers(&head, self.0.position())))
    }

    /// The payload as stored; `null` for callers without access to it. In events of releases that stored them, the
    /// customer's delivery code is blank for callers who may not see it on the order, and staff's reasons for callers
    /// who may not see comments.
    #[graphql(directive = hidden_without::apply(Permission::ReadPayload))]
    async fn payload(&self, ctx: &Context<'_>) -> Result<Option<Json>, ApiError> {
        let actor = ctx.caller()?.actor.as_ref();
        let mut payload = serde_json::from_str(self.0.payload().get()).map_err(ApiError::permanent)?;
        if has_permission(actor, Permission::ReadDeliveryCode).is_err() {
            let readable = matches!(&self.0, LogEntry::Event(event) if !event.events.is_empty());
            let event_type = self.0.event_type().parse().ok().filter(|_| readable);
            blank_codes(event_type, &mut payload);
        }
        if has_permission(actor, Permission::ReadComment).is_err() {
            blank_texts(self.0.event_type(), &mut payload);
        }
        Ok(Some(Json(payload)))
    }

    /// The comment written beside the event's reason; `null` for a caller without access to it.
    #[graphql(directive = hidden_without::apply(Permission::ReadComment))]
    async fn comments(&self, ctx: &Context<'_>) -> Result<Option<Vec<Comment>>, ApiError> {
        let LogEntry::Event(event) = &self.0 else { return Ok(Some(Vec::new())) };
        let comments = event.events.iter().filter_map(|event| event.facts().comment);
        let notes = comments.map(|(about, note)| (about.into(), note.clone())).collect();
        Comment::load(ctx, notes).await.map(Some)
    }

    /// The account that caused the event.
    #[graphql(directive = open::apply())]
    async fn actor(&self) -> Result<Actor, ApiError> {
        let metadata = self.0.metadata()?;
        Ok(Actor {
            id: ID(format!("{}@{}", metadata.actor, metadata.role)),
            account_id: ID(metadata.actor.to_string()),
            role: metadata.role.into(),
        })
    }

    /// The command that caused the event, such as `placeOrder`.
    #[graphql(directive = open::apply())]
    async fn command(&self) -> Result<&str, ApiError> {
        Ok(&self.0.metadata()?.command)
    }

    /// The command's id, the same for all its events.
    #[graphql(directive = open::apply())]
    async fn command_id(&self) -> Result<ID, ApiError> {
        Ok(ID(self.0.metadata()?.command_id.to_string()))
    }

    /// The id of the request that caused the event: its `X-Request-Id` if that is a UUID, else a UUID derived from it.
    #[graphql(directive = open::apply())]
    async fn correlation_id(&self, ctx: &Context<'_>) -> Result<String, ApiError> {
        Ok(ctx.services()?.correlation_id(&self.0.metadata()?.correlation_id))
    }

    /// The position of the event that caused this one; `null` unless it is a consequence of another event.
    #[graphql(directive = open::apply())]
    async fn causation_id(&self) -> Result<Option<scalars::Position>, ApiError> {
        Ok(self.0.metadata()?.causation_id.map(scalars::Position))
    }

    /// The event that caused this one; `null` when a caller's command did, and when the caller may not see
    /// that event.
    #[graphql(directive = hidden_without::apply(Permission::ReadEvents))]
    async fn cause(&self, ctx: &Context<'_>) -> Result<Option<Event>, ApiError> {
        match self.0.metadata()?.causation_id {
            Some(position) => Event::at(ctx, position).await,
            None => Ok(None),
        }
    }

    /// The differences between the stream's state before and after the event, by path. `null` for callers who
    /// may not see the payload; the customer's delivery code is included only for callers who may see it on
    /// the order.
    #[graphql(directive = hidden_without::apply(Permission::ReadPayload))]
    async fn changes(&self, ctx: &Context<'_>) -> Result<Option<Vec<StateChange>>, ApiError> {
        let actor = ctx.caller()?.actor.as_ref();
        let Some(stream) = self.0.stream() else { return Ok(None) };
        let may_see_code = has_permission(actor, Permission::ReadDeliveryCode).is_ok();
        let may_see_texts = has_permission(actor, Permission::ReadComment).is_ok();
        let key = ChangesOf { stream, sequence: self.0.sequence() };
        let Some(changes) = ctx.loaders()?.load_one(key).await? else { return Ok(None) };
        let changes = changes?;
        let seen = changes
            .iter()
            .filter(|change| may_see_code || !holds_code(&change.path))
            .filter(|change| may_see_texts || !holds_text(&change.path))
            .cloned();
        Ok(Some(seen.map(StateChange::from).collect()))
    }
}

/// Returns whether a path of a state is the reason of a pause or a block.
fn holds_text(path: &str) -> bool {
    path == "/pause/reason" || (path.starts_with("/blocked/") && path.ends_with("/reason"))
}

/// Returns whether a path of a state is the customer's delivery code, on an order or a delivery.
fn holds_code(path: &str) -> bool {
    ["/deliveryCode", "/code"].contains(&path)
}

impl Event {
    /// Loads the event at a position; `None` if the caller may not see it.
    pub(super) async fn at(ctx: &Context<'_>, position: LogPosition) -> Result<Option<Self>, ApiError> {
        let caller = ctx.caller()?;
        // A manager sees only the events of the manager's pizzeria.
        let pizzeria = caller.actor.as_ref().and_then(|actor| actor.pizzeria.clone());
        let scope = pizzeria.as_ref().map_or(Scope::Group, Scope::Pizzeria);
        if !caller.may(Permission::ReadEvents, scope) {
            return Ok(None);
        }
        Ok(ctx.loaders()?.load_one(EventAt { position, pizzeria }).await?.map(Self))
    }
}

connection!(EventConnection, EventEdge, Event, "events");

impl From<LogEntry> for Event {
    fn from(entry: LogEntry) -> Self {
        Self(entry)
    }
}

/// Builds a page of a list of events. `beyond` tells whether the list has events beyond the cursors.
pub fn page_of_events(
    list: &str,
    args: &PageArgs,
    events: Vec<LogEntry>,
    beyond: (bool, bool),
) -> Page<LogEntry> {
    args.page(events, beyond, |entry| encode_cursor(list, entry.position().0))
}

/// Returns the position that a list's cursor stands for.
///
/// # Errors
/// Fails with `BAD_USER_INPUT` for a malformed cursor or a cursor of another list.
pub fn cursor(list: &str, text: &str) -> Result<LogPosition, ApiError> {
    Ok(LogPosition(decode_cursor(list, text)?))
}

/// Returns the position of a cursor or of a log position, for lists that can start after any position.
///
/// # Errors
/// Fails with `BAD_USER_INPUT` for a cursor of another list, and for a text that is neither a cursor nor a
/// position.
pub fn cursor_or_position(list: &str, text: &str) -> Result<LogPosition, ApiError> {
    match text.parse() {
        Ok(position) => Ok(position),
        Err(_) => cursor(list, text),
    }
}

/// Loads the history of one stream, oldest first; of a past state, up to its point in time.
///
/// # Errors
/// Fails with `BAD_USER_INPUT` for invalid page arguments, or when the log cannot be read.
pub async fn history(
    ctx: &Context<'_>,
    stream: &StreamId,
    first: i32,
    after: Option<&str>,
    point: Option<PointInTime>,
) -> Result<EventConnection, ApiError> {
    let args = PageArgs::new(Some(first), after, None, None)?;
    let list = format!("history of {stream}");
    // A stock's history starts at any position; an order's or a delivery's at its beginning.
    let read = if stream.kind == domain::StreamType::Stock { cursor_or_position } else { cursor };
    let after = args.after().map(|after| read(&list, after)).transpose()?.unwrap_or_default();
    let key = HistoryOf { stream: stream.clone(), after, limit: args.limit() };
    let mut events = ctx.loaders()?.load_one(key).await?.unwrap_or_default();
    events.retain(|event| point.is_none_or(|point| event.position() <= point.position));
    Ok(page_of_events(&list, &args, events, (after > LogPosition::START, false)).into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use domain::EventType;

    use super::{blank_codes, blank_texts};

    #[test]
    fn blanks_delivery_codes_only() {
        let mut placed = json!({ "placement": { "deliveryCode": "1234", "lines": [{ "code": "MAR" }] } });
        blank_codes(Some(EventType::OrderPlaced), &mut placed);
        assert_eq!(placed, json!({ "placement": { "deliveryCode": null, "lines": [{ "code": "MAR" }] } }));
        let scheduled = json!({ "type": "DeliveryScheduled", "code": "1234", "number": "P1-000001" });
        for event_type in [Some(EventType::DeliveryScheduled), None] {
            let mut blanked = scheduled.clone();
            blank_codes(event_type, &mut blanked);
            assert_eq!(blanked, json!({ "type": "DeliveryScheduled", "code": null, "number": "P1-000001" }));
        }
    }

    #[test]
    fn blanks_texts_and_keeps_ids() {
        let id = "0193b3c0-0000-7000-8000-00000000abcd";
        for (event_type, field, stored, shown) in [
            ("PizzeriaPaused", "reason", "Call Ada", ""),
            ("PizzaBlocked", "reason", "Ada says so", ""),
            ("SupplyReceived", "supplier", "Ada", ""),
            ("SupplyReceived", "supplier", id, id),
            ("OrderCancelled", "reason", "OTHER", "OTHER"),
        ] {
            let mut payload = json!({ "type": event_type, field: stored });
            blank_texts(event_type, &mut payload);
            assert_eq!(payload, json!({ "type": event_type, field: shown }));
        }
    }
}
