//! Events of the log as clients see them. What they carry is shown to managers, the director,
//! auditors and the system only.

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use domain::access::{Permission, Scope, of_role, roles_of};
use domain::{EventType, LogPosition, StreamId};
use event_store::LogEntry;
use projections::page::{Page, PageArgs, decode_cursor, encode_cursor};

use super::enums::{Role, StreamType};
use super::order_people::Comment;
use super::page::connection;
use super::seal::covers;
use super::why::StateChange;
use crate::as_of::Moment;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::loaders::{ChangesOf, EventAt, HistoryOf, LatestHead};
use crate::roles_directive::{requires, roles};
use crate::scalars::{self, Json};

/// An event of the log. One that this program cannot read is shown as it is stored.
#[derive(Debug, Clone)]
pub struct Event(pub LogEntry);

/// The name of a stream.
#[derive(Debug, SimpleObject)]
pub struct Stream {
    /// Its kind.
    #[graphql(name = "type")]
    pub kind: StreamType,
    /// Its id, as `node` and the filter of `events` take it: `order:<uuid>`, `stock:P1`, `menu:group`.
    pub id: ID,
}

/// Who acted.
#[derive(Debug, SimpleObject)]
#[graphql(name = "EventActor")]
pub struct Actor {
    /// Its id, the account's with the role: `<uuid>@<role>`, since an account may have had other roles before.
    /// `actorId` of the filter of `events` takes it.
    pub id: ID,
    /// The account's id, a bare UUID; the nil UUID for the system.
    pub account_id: ID,
    /// In which role.
    pub role: Role,
}

/// Leaves the keys, takes out the digits, however deep they lie.
fn blank_codes(event_type: &str, payload: &mut serde_json::Value) {
    // A type that this program does not know may hold them under either name.
    let is_scheduling =
        event_type.parse().map_or(true, |event_type: EventType| event_type == EventType::DeliveryScheduled);
    blank_fields(&["deliveryCode", "delivery_code"], is_scheduling.then_some("code"), payload);
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

/// Something that happened.
#[Object]
impl Event {
    /// Its id, which holds its position.
    pub async fn id(&self) -> ID {
        self.0.position().to_global()
    }

    /// Its place in the log, from 1, without gaps.
    async fn position(&self) -> scalars::Position {
        scalars::Position(self.0.position())
    }

    /// When it was recorded, by the database's clock.
    async fn recorded_at(&self) -> DateTime<Utc> {
        self.0.recorded_at()
    }

    /// Its stream.
    async fn stream(&self) -> Stream {
        let kind = self.0.stream().map_or(StreamType::Unknown, |stream| stream.kind.into());
        Stream { kind, id: ID(self.0.stream_name()) }
    }

    /// Its place in its stream, from 1.
    async fn sequence(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.sequence())
    }

    /// What happened, `OrderPlaced`.
    #[graphql(name = "type")]
    async fn event_type(&self) -> &str {
        self.0.event_type()
    }

    /// The version of its payload as stored.
    async fn version(&self) -> &str {
        self.0.event_version()
    }

    /// Whether a signed head covers it; what was appended last is not yet sealed.
    async fn sealed(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        Ok(ctx.loaders()?.load_one(LatestHead).await?.is_some_and(|head| covers(&head, self.0.position())))
    }

    /// What it carries, as stored; none for those who may not see it. The customer's delivery code is
    /// blank for those who may not see it on the order.
    #[graphql(directive = requires::apply(roles(Permission::ReadPayload)))]
    async fn payload(&self, ctx: &Context<'_>) -> Result<Option<Json>, ApiError> {
        let actor = ctx.caller()?.actor.as_ref();
        if of_role(actor, roles_of(Permission::ReadPayload)).is_err() {
            return Ok(None);
        }
        let mut payload = serde_json::from_str(self.0.payload().get()).map_err(ApiError::permanent)?;
        if of_role(actor, roles_of(Permission::ReadDeliveryCode)).is_err() {
            blank_codes(self.0.event_type(), &mut payload);
        }
        Ok(Some(Json(payload)))
    }

    /// What was written beside the reason that it carries; `null` for a caller who may not see it.
    #[graphql(directive = requires::apply(roles(Permission::ReadComment)))]
    async fn comments(&self, ctx: &Context<'_>) -> Result<Option<Vec<Comment>>, ApiError> {
        let actor = ctx.caller()?.actor.as_ref();
        if of_role(actor, roles_of(Permission::ReadComment)).is_err() {
            return Ok(None);
        }
        let LogEntry::Event(event) = &self.0 else { return Ok(Some(Vec::new())) };
        let comment = event.event.facts().comment;
        let notes = comment.map(|(about, note)| (about.into(), note.clone())).into_iter().collect();
        Comment::load(ctx, notes).await.map(Some)
    }

    /// Who acted.
    async fn actor(&self) -> Result<Actor, ApiError> {
        let metadata = self.0.metadata()?;
        Ok(Actor {
            id: ID(format!("{}@{}", metadata.actor, metadata.role)),
            account_id: ID(metadata.actor.to_string()),
            role: metadata.role.into(),
        })
    }

    /// The command that it answers, `placeOrder`.
    async fn command(&self) -> Result<&str, ApiError> {
        Ok(&self.0.metadata()?.command)
    }

    /// The command's id: the same for all its events.
    async fn command_id(&self) -> Result<ID, ApiError> {
        Ok(ID(self.0.metadata()?.command_id.to_string()))
    }

    /// The request that it belongs to (`X-Request-Id`).
    async fn correlation_id(&self) -> Result<&str, ApiError> {
        Ok(&self.0.metadata()?.correlation_id)
    }

    /// The position of the event that caused it, for what follows from events.
    async fn causation_id(&self) -> Result<Option<scalars::Position>, ApiError> {
        Ok(self.0.metadata()?.causation_id.map(scalars::Position))
    }

    /// The event that caused it, for what follows from events; null for what somebody asked for, and for those
    /// who may not see that event.
    #[graphql(directive = requires::apply(roles(Permission::ReadEvents)))]
    async fn cause(&self, ctx: &Context<'_>) -> Result<Option<Event>, ApiError> {
        match self.0.metadata()?.causation_id {
            Some(position) => Event::at(ctx, position).await,
            None => Ok(None),
        }
    }

    /// What it changed: the state of its stream before it and after it, place by place. None for those who may
    /// not see what it carries; the customer's delivery code only for those who may see it on the order.
    #[graphql(directive = requires::apply(roles(Permission::ReadPayload)))]
    async fn changes(&self, ctx: &Context<'_>) -> Result<Option<Vec<StateChange>>, ApiError> {
        let actor = ctx.caller()?.actor.as_ref();
        let Some(stream) = self.0.stream() else { return Ok(None) };
        if of_role(actor, roles_of(Permission::ReadPayload)).is_err() {
            return Ok(None);
        }
        let may_see_code = of_role(actor, roles_of(Permission::ReadDeliveryCode)).is_ok();
        let key = ChangesOf { stream, sequence: self.0.sequence() };
        let Some(changes) = ctx.loaders()?.load_one(key).await? else { return Ok(None) };
        let changes = changes?;
        let seen = changes.iter().filter(|change| may_see_code || !holds_code(&change.path)).cloned();
        Ok(Some(seen.map(StateChange::from).collect()))
    }
}

/// Whether the place of a state holds the customer's delivery code: on an order, on a delivery.
fn holds_code(path: &str) -> bool {
    ["/deliveryCode", "/code"].contains(&path)
}

impl Event {
    /// The event at a position; none where the caller may not see it.
    pub(super) async fn at(ctx: &Context<'_>, position: LogPosition) -> Result<Option<Self>, ApiError> {
        let caller = ctx.caller()?;
        // A manager sees the events of the manager's pizzeria.
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

/// The place in a list of events that a cursor of it stands for.
///
/// # Errors
/// `BAD_USER_INPUT` for a cursor of another list, and for what is not a cursor.
pub fn cursor(list: &str, text: &str) -> Result<LogPosition, ApiError> {
    Ok(LogPosition(decode_cursor(list, text)?))
}

/// The same for a list that also goes on after any position of the log.
///
/// # Errors
/// `BAD_USER_INPUT` for a cursor of another list, and for what is neither a cursor nor a position.
pub fn cursor_or_position(list: &str, text: &str) -> Result<LogPosition, ApiError> {
    match text.parse() {
        Ok(position) => Ok(position),
        Err(_) => cursor(list, text),
    }
}

/// The history of one stream, forward; of the past, up to its moment.
///
/// # Errors
/// `BAD_USER_INPUT` for a bad page, or when the log cannot be read.
pub async fn history(
    ctx: &Context<'_>,
    stream: &StreamId,
    first: i32,
    after: Option<&str>,
    moment: Option<Moment>,
) -> Result<EventConnection, ApiError> {
    let args = PageArgs::new(Some(first), after, None, None)?;
    let list = format!("history of {stream}");
    // A stock is followed from any position on; an order or a delivery from its beginning.
    let read = if stream.kind == domain::StreamType::Stock { cursor_or_position } else { cursor };
    let after = args.after().map(|after| read(&list, after)).transpose()?.unwrap_or_default();
    let key = HistoryOf { stream: stream.clone(), after, limit: args.limit() };
    let mut events = ctx.loaders()?.load_one(key).await?.unwrap_or_default();
    events.retain(|event| moment.is_none_or(|moment| event.position() <= moment.position));
    Ok(page_of_events(&list, &args, events, (after > LogPosition::START, false)).into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::blank_codes;

    #[test]
    fn only_the_customers_digits_are_taken_out() {
        let mut placed = json!({ "placement": { "deliveryCode": "1234", "lines": [{ "code": "MAR" }] } });
        blank_codes("OrderPlaced", &mut placed);
        assert_eq!(placed, json!({ "placement": { "deliveryCode": null, "lines": [{ "code": "MAR" }] } }));
        let mut scheduled = json!({ "type": "DeliveryScheduled", "code": "1234", "number": "P1-000001" });
        blank_codes("DeliveryScheduled", &mut scheduled);
        assert_eq!(scheduled, json!({ "type": "DeliveryScheduled", "code": null, "number": "P1-000001" }));
    }
}
