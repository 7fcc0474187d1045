//! A pizzeria as clients see it.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use domain::access::{Actor, Permission, Role, Scope};
use domain::ids::PizzeriaId;
use domain::pizzeria::{OpenedPizzeria, Pizzeria as PizzeriaState};
use domain::{AggregateState, LogPosition, StreamId};
use event_store::CommandResult;
use projections::pizzerias;

use super::comment::text_of_reason;
use super::enums::Weekday;
use super::staff::Staff;
use crate::as_of::{self, PointInTime};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::{open, requires};
use crate::ids::{self, GlobalId};
use crate::loaders::{CouriersOf, StateAt};
use crate::scalars::{self, Money};

/// A pizzeria, at one version.
#[derive(Debug, Clone)]
pub struct Pizzeria {
    /// The state.
    pub pizzeria: Arc<OpenedPizzeria>,
    /// The version of its stream.
    pub version: i64,
    /// The state includes the log at least up to this position.
    pub position: LogPosition,
    /// The point in the past that the state is of; `None` for the present.
    pub as_of: Option<PointInTime>,
}

impl From<pizzerias::Row> for Pizzeria {
    fn from(row: pizzerias::Row) -> Self {
        Self { pizzeria: row.pizzeria, version: row.version, position: row.position, as_of: None }
    }
}

impl Pizzeria {
    /// Builds a pizzeria from a folded state; `None` if it has not opened.
    pub fn of(state: &PizzeriaState, version: i64, position: LogPosition) -> Option<Self> {
        Some(Self { pizzeria: Arc::new(state.opened()?.clone()), version, position, as_of: None })
    }

    /// Returns the state of a command's result; `head` is the position to show when nothing was stored.
    pub fn of_result(result: &CommandResult, head: LogPosition) -> Option<Self> {
        match &*result.state {
            AggregateState::Pizzeria(state) => {
                Self::of(state, result.version, result.position.unwrap_or(head))
            }
            _ => None,
        }
    }

    /// Loads a pizzeria by its id, batched with the request's other loads.
    ///
    /// # Errors
    /// Fails with `NOT_FOUND` for an unknown id, or when the database does not answer.
    pub async fn load(ctx: &Context<'_>, id: &PizzeriaId) -> Result<Self, ApiError> {
        Self::load_as_of(ctx, id, None).await
    }

    /// Loads a pizzeria by its id, as it was at a point in time if one is given.
    ///
    /// # Errors
    /// Fails with `NOT_FOUND` if it is unknown or had not opened by then, or when the database does not
    /// answer.
    pub async fn load_as_of(
        ctx: &Context<'_>,
        id: &PizzeriaId,
        point: Option<PointInTime>,
    ) -> Result<Self, ApiError> {
        if is_hidden(id, ctx.caller()?.actor.as_ref()) {
            return Err(ApiError::NotFound("pizzeria"));
        }
        let loaders = ctx.loaders()?;
        let Some(point) = point else {
            let row = loaders.load_one(id.clone()).await?.ok_or(ApiError::NotFound("pizzeria"))?;
            return Ok(row.into());
        };
        let key = StateAt { stream: StreamId::pizzeria(id), position: point.position };
        let pizzeria = loaders.load_one(key).await?.and_then(|folded| match &folded.state {
            AggregateState::Pizzeria(state) => Self::of(state, folded.version, LogPosition(folded.position)),
            _ => None,
        });
        let pizzeria = pizzeria.ok_or(ApiError::NotFound("pizzeria"))?;
        Ok(Self { as_of: Some(point), ..pizzeria })
    }
}

/// Returns whether a pizzeria is hidden from a caller: only the system and auditors see the pizzeria of the
/// functional check.
pub fn is_hidden(id: &PizzeriaId, actor: Option<&Actor>) -> bool {
    let sees = actor.is_some_and(|actor| matches!(actor.role, Role::System | Role::Auditor));
    id.is_functional_check() && !sees
}

/// Returns the pizzeria that a list is restricted to: the given one, otherwise the caller's own, otherwise
/// `None`.
pub(crate) fn pizzerias_of(ctx: &Context<'_>, asked: Option<&ID>) -> Result<Vec<PizzeriaId>, ApiError> {
    let caller = ctx.caller()?;
    let asked = asked.map(|id| PizzeriaId::required(id, "pizzeriaId")).transpose()?;
    let own = caller.actor.as_ref().and_then(|actor| actor.pizzeria.clone());
    let pizzeria = asked.or(own);
    caller.reach(pizzeria.as_ref().map_or(Scope::Group, Scope::Pizzeria))?;
    Ok(pizzeria.into_iter().collect())
}

/// A point of sale.
#[Object]
impl Pizzeria {
    /// The id, `pizzeria:P1`; of a past state, `pizzeria:P1@<position>`.
    #[graphql(directive = open::apply())]
    pub async fn id(&self) -> ID {
        ids::at_point(self.pizzeria.id.to_global(), self.as_of)
    }

    /// The code, such as `P1`; accepted wherever the id is.
    #[graphql(directive = open::apply())]
    async fn code(&self) -> &str {
        self.pizzeria.id.as_str()
    }

    /// The version, for `expectedVersion`.
    #[graphql(directive = open::apply())]
    async fn version(&self) -> Result<i32, ApiError> {
        scalars::int(self.version)
    }

    /// The state includes the log at least up to this position.
    #[graphql(directive = open::apply())]
    async fn position(&self) -> scalars::Position {
        scalars::Position(self.position)
    }

    /// The log position given by `asOf`, for which `takesOrders` and `pause` hold too; `null` for the
    /// present.
    #[graphql(directive = open::apply())]
    async fn as_of_position(&self) -> Option<scalars::Position> {
        as_of::position(self.as_of)
    }

    /// The pizzeria's name.
    #[graphql(directive = open::apply())]
    async fn name(&self) -> &str {
        &self.pizzeria.name
    }

    /// The postal address.
    #[graphql(directive = open::apply())]
    async fn address(&self) -> &str {
        &self.pizzeria.address
    }

    /// Latitude in degrees, WGS 84.
    #[graphql(directive = open::apply())]
    async fn latitude(&self) -> f64 {
        self.pizzeria.place.latitude()
    }

    /// Longitude in degrees, WGS 84.
    #[graphql(directive = open::apply())]
    async fn longitude(&self) -> f64 {
        self.pizzeria.place.longitude()
    }

    /// The time zone, by its name in the IANA database.
    #[graphql(directive = open::apply())]
    async fn time_zone(&self) -> &'static str {
        self.pizzeria.timezone.name()
    }

    /// The opening hours, in local time.
    #[graphql(directive = open::apply())]
    async fn hours(&self) -> Vec<OpeningHours> {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let spans = self.pizzeria.hours.spans().iter();
        spans
            .map(|span| OpeningHours {
                day: span.day.into(),
                opens: clock(span.from),
                closes: clock(span.to),
            })
            .collect()
    }

    /// Whether the pizzeria takes orders now: within its opening hours and not paused.
    #[graphql(directive = open::apply())]
    async fn takes_orders(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        Ok(self.pizzeria.takes_orders(as_of::now(ctx, self.as_of)?))
    }

    /// The current pause; `null` unless paused.
    #[graphql(directive = open::apply())]
    async fn pause(&self, ctx: &Context<'_>) -> Result<Option<Pause>, ApiError> {
        let paused = self.pizzeria.is_paused(as_of::now(ctx, self.as_of)?);
        let pause = self.pizzeria.pause.as_ref().filter(|_| paused);
        let reason = text_of_reason(ctx, pause.map(|pause| &pause.reason)).await?;
        Ok(pause.zip(reason).map(|(pause, reason)| Pause { reason, until: pause.until }))
    }

    /// The delivery radius, in metres.
    #[graphql(directive = open::apply())]
    async fn delivery_radius_metres(&self) -> u32 {
        self.pizzeria.radius_m
    }

    /// The delivery fee, VAT included.
    #[graphql(directive = open::apply())]
    async fn delivery_fee(&self) -> Money {
        self.pizzeria.delivery_fee.into()
    }

    /// The minimum price of a delivered order, without the delivery fee.
    #[graphql(directive = open::apply())]
    async fn minimum_order(&self) -> Money {
        self.pizzeria.minimum.into()
    }

    /// Limits on a customer's open and unpaid orders.
    #[graphql(directive = requires::apply(Permission::ReadUnpaidLimits))]
    async fn unpaid_limits(&self, ctx: &Context<'_>) -> Result<UnpaidLimits, ApiError> {
        ctx.caller()?.reach(Scope::Pizzeria(&self.pizzeria.id))?;
        let limits = self.pizzeria.unpaid;
        Ok(UnpaidLimits {
            account: limits.account.into(),
            unverified: limits.unverified.into(),
            caller: limits.caller.into(),
        })
    }

    /// The couriers, ordered by name, whose ids `assignDelivery` accepts. `null` for callers who may not
    /// assign deliveries, and for a past state, since only today's staff is kept.
    #[graphql(directive = requires::apply(Permission::AssignDelivery))]
    async fn couriers(&self, ctx: &Context<'_>) -> Result<Option<Vec<Staff>>, ApiError> {
        ctx.caller()?.reach(Scope::Pizzeria(&self.pizzeria.id))?;
        if self.as_of.is_some() {
            return Ok(None);
        }
        let couriers = ctx.loaders()?.load_one(CouriersOf(self.pizzeria.id.clone())).await?;
        Ok(Some(couriers.unwrap_or_default().into_iter().map(Staff).collect()))
    }
}

/// A span of a day during which a pizzeria is open.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct OpeningHours {
    /// The day of the week.
    pub day: Weekday,
    /// The start in local time, such as `11:30`.
    pub opens: String,
    /// The end in local time, such as `14:00`; midnight is `24:00`.
    pub closes: String,
}

/// Limits on a customer's open and unpaid orders at a pizzeria.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct UnpaidLimits {
    /// Limit for an account with a verified e-mail address; beyond it the order is refused with
    /// `UNPAID_LIMIT`.
    pub account: UnpaidLimit,
    /// Limit for an account without a verified e-mail address; beyond it the order is refused with
    /// `VERIFICATION_REQUIRED`.
    pub unverified: UnpaidLimit,
    /// Limit for a customer without an account, by phone number and by address; beyond it the order is
    /// refused with `UNPAID_LIMIT`.
    pub caller: UnpaidLimit,
}

/// A limit on open and unpaid orders.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct UnpaidLimit {
    /// Number of orders that are neither paid nor started.
    pub orders: u32,
    /// Number of pieces of those orders, pizzas and other items.
    pub pieces: u32,
}

impl From<domain::pizzeria::UnpaidLimit> for UnpaidLimit {
    fn from(limit: domain::pizzeria::UnpaidLimit) -> Self {
        Self { orders: limit.orders, pieces: limit.pieces }
    }
}

/// A pause in taking orders.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct Pause {
    /// The pizzeria's reason.
    pub reason: String,
    /// The end of the pause; `null` if it lasts until resumed.
    pub until: Option<DateTime<Utc>>,
}
