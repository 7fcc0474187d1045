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

use super::enums::Weekday;
use super::staff::Staff;
use crate::as_of::{self, Moment};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::{self, GlobalId};
use crate::loaders::{CouriersOf, StateAt};
use crate::roles_directive::{requires, roles};
use crate::scalars::{self, Money};

/// A pizzeria, at one version.
#[derive(Debug, Clone)]
pub struct Pizzeria {
    /// Its state.
    pub pizzeria: Arc<OpenedPizzeria>,
    /// The version of its stream.
    pub version: i64,
    /// The log's position that this state is of, at least.
    pub position: LogPosition,
    /// The point of the past that it is of; none for the present.
    pub as_of: Option<Moment>,
}

impl From<pizzerias::Row> for Pizzeria {
    fn from(row: pizzerias::Row) -> Self {
        Self { pizzeria: row.pizzeria, version: row.version, position: row.position, as_of: None }
    }
}

impl Pizzeria {
    /// From a state that somebody folded; none for a pizzeria that has not opened.
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

    /// A pizzeria by its id, with all others that the request asks for.
    ///
    /// # Errors
    /// `NOT_FOUND`, or when the database does not answer.
    pub async fn load(ctx: &Context<'_>, id: &PizzeriaId) -> Result<Self, ApiError> {
        Self::load_as_of(ctx, id, None).await
    }

    /// A pizzeria by its id, as it was at a moment if one is given.
    ///
    /// # Errors
    /// `NOT_FOUND`, also when it had not opened by then; or when the database does not answer.
    pub async fn load_as_of(
        ctx: &Context<'_>,
        id: &PizzeriaId,
        moment: Option<Moment>,
    ) -> Result<Self, ApiError> {
        if is_hidden(id, ctx.caller()?.actor.as_ref()) {
            return Err(ApiError::NotFound("pizzeria"));
        }
        let loaders = ctx.loaders()?;
        let Some(moment) = moment else {
            let row = loaders.load_one(id.clone()).await?.ok_or(ApiError::NotFound("pizzeria"))?;
            return Ok(row.into());
        };
        let key = StateAt { stream: StreamId::pizzeria(id), position: moment.position };
        let pizzeria = loaders.load_one(key).await?.and_then(|folded| match &folded.state {
            AggregateState::Pizzeria(state) => Self::of(state, folded.version, LogPosition(folded.position)),
            _ => None,
        });
        let pizzeria = pizzeria.ok_or(ApiError::NotFound("pizzeria"))?;
        Ok(Self { as_of: Some(moment), ..pizzeria })
    }
}

/// Whether somebody is not shown a pizzeria: the functional check's is there for itself, and for who audits.
pub fn is_hidden(id: &PizzeriaId, actor: Option<&Actor>) -> bool {
    let sees = actor.is_some_and(|actor| matches!(actor.role, Role::System | Role::Auditor));
    id.is_functional_check() && !sees
}

/// A point of sale.
#[Object]
impl Pizzeria {
    /// Its id, `pizzeria:P1`; of the past, `pizzeria:P1@<position>`.
    pub async fn id(&self) -> ID {
        ids::at_moment(self.pizzeria.id.to_global(), self.as_of)
    }

    /// Its code, `P1`; accepted wherever its id is.
    async fn code(&self) -> &str {
        self.pizzeria.id.as_str()
    }

    /// Its version, for `expectedVersion`.
    async fn version(&self) -> Result<i32, ApiError> {
        scalars::int(self.version)
    }

    /// The log's position that this state is of, at least.
    async fn position(&self) -> scalars::Position {
        scalars::Position(self.position)
    }

    /// The log's position that it is shown as of, below what `asOf` was asked for; none for the present. Of the
    /// past, `takesOrders` and `pause` are of the moment asked for.
    async fn as_of_position(&self) -> Option<scalars::Position> {
        as_of::position(self.as_of)
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.pizzeria.name
    }

    /// Its postal address.
    async fn address(&self) -> &str {
        &self.pizzeria.address
    }

    /// Degrees, WGS 84.
    async fn latitude(&self) -> f64 {
        self.pizzeria.place.latitude()
    }

    /// Degrees, WGS 84.
    async fn longitude(&self) -> f64 {
        self.pizzeria.place.longitude()
    }

    /// Its time zone, by its name in the IANA database.
    async fn time_zone(&self) -> &'static str {
        self.pizzeria.timezone.name()
    }

    /// Its opening hours, by its own clocks.
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

    /// Whether it takes orders now: within its hours, and not paused.
    async fn takes_orders(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        Ok(self.pizzeria.takes_orders(as_of::now(ctx, self.as_of)?))
    }

    /// The pause it is taking now, if it is.
    async fn pause(&self, ctx: &Context<'_>) -> Result<Option<Pause>, ApiError> {
        let paused = self.pizzeria.is_paused(as_of::now(ctx, self.as_of)?);
        let pause = self.pizzeria.pause.as_ref().filter(|_| paused);
        Ok(pause.map(|pause| Pause { reason: pause.reason.clone(), until: pause.until }))
    }

    /// How far it delivers, in metres.
    async fn delivery_radius_metres(&self) -> u32 {
        self.pizzeria.radius_m
    }

    /// What a delivery costs.
    async fn delivery_fee(&self) -> Money {
        self.pizzeria.delivery_fee.into()
    }

    /// The least that is delivered, without the fee.
    async fn minimum_order(&self) -> Money {
        self.pizzeria.minimum.into()
    }

    /// How much one customer may have open and unpaid.
    #[graphql(directive = requires::apply(roles(Permission::ReadUnpaidLimits)))]
    async fn unpaid_limits(&self, ctx: &Context<'_>) -> Result<UnpaidLimits, ApiError> {
        ctx.caller()?.authorize(Permission::ReadUnpaidLimits, Scope::Pizzeria(&self.pizzeria.id))?;
        let limits = self.pizzeria.unpaid;
        Ok(UnpaidLimits {
            account: limits.account.into(),
            unverified: limits.unverified.into(),
            caller: limits.caller.into(),
        })
    }

    /// Its couriers, by name, for those who may assign deliveries: `assignDelivery` takes their ids. None of
    /// the past: who works here is what is kept today.
    #[graphql(directive = requires::apply(roles(Permission::AssignDelivery)))]
    async fn couriers(&self, ctx: &Context<'_>) -> Result<Option<Vec<Staff>>, ApiError> {
        ctx.caller()?.authorize(Permission::AssignDelivery, Scope::Pizzeria(&self.pizzeria.id))?;
        if self.as_of.is_some() {
            return Ok(None);
        }
        let couriers = ctx.loaders()?.load_one(CouriersOf(self.pizzeria.id.clone())).await?;
        Ok(Some(couriers.unwrap_or_default().into_iter().map(Staff).collect()))
    }
}

/// One span of a day on which a pizzeria is open.
#[derive(Debug, SimpleObject)]
pub struct OpeningHours {
    /// The day.
    pub day: Weekday,
    /// From, local time, `11:30`.
    pub opens: String,
    /// Until, local time, `14:00`; midnight is `24:00`.
    pub closes: String,
}

/// How much one customer may have open and unpaid at a pizzeria.
#[derive(Debug, SimpleObject)]
pub struct UnpaidLimits {
    /// An account whose e-mail address is verified; above it `UNPAID_LIMIT`.
    pub account: UnpaidLimit,
    /// An account whose e-mail address is not verified; above it `VERIFICATION_REQUIRED`.
    pub unverified: UnpaidLimit,
    /// A caller without an account, by telephone number and by address; above it `UNPAID_LIMIT`.
    pub caller: UnpaidLimit,
}

/// A bound on what is open and unpaid.
#[derive(Debug, SimpleObject)]
pub struct UnpaidLimit {
    /// Orders that are neither paid nor started.
    pub orders: u32,
    /// Pieces of those orders, pizzas and others.
    pub pieces: u32,
}

impl From<domain::pizzeria::UnpaidLimit> for UnpaidLimit {
    fn from(limit: domain::pizzeria::UnpaidLimit) -> Self {
        Self { orders: limit.orders, pieces: limit.pieces }
    }
}

/// A pause in taking orders.
#[derive(Debug, SimpleObject)]
pub struct Pause {
    /// Why, in the pizzeria's words.
    pub reason: String,
    /// Until when; until resumed, when not said.
    pub until: Option<DateTime<Utc>>,
}
