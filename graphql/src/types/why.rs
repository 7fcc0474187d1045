//! Why a pizza was unavailable, and what events changed, as clients see them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use domain::ids::ItemCode;
use domain::menu::Menu;
use domain::note::Reason;
use domain::why::{self, Change, Explanation, Mark};

use super::comment::text_of_reason;
use super::enums::PizzaSize;
use super::menu::Ingredient;
use crate::error::ApiError;
use crate::field_access::open;
use crate::ids::GlobalId;
use crate::scalars::{self, Json, Position};

/// A value of a state that an event changed.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct StateChange {
    /// JSON pointer (RFC 6901) of the shallowest value that differs: `/progress/status`,
    /// `/lines/0/baked`, `/levels/EGG/reserved`.
    pub path: String,
    /// The value before the event; `null` when there was no value. Money is in cents, quantities are in the
    /// ingredient's unit.
    pub before: Option<Json>,
    /// The value after the event; `null` when there is no value.
    pub after: Option<Json>,
}

impl From<Change> for StateChange {
    fn from(change: Change) -> Self {
        Self { path: change.path, before: change.before.map(Json), after: change.after.map(Json) }
    }
}

/// The log position and recording time of an event.
#[derive(Debug, Clone, Copy, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct LogMark {
    /// The event's position.
    pub position: Position,
    /// The time of recording.
    pub at: DateTime<Utc>,
}

impl From<Mark> for LogMark {
    fn from(mark: Mark) -> Self {
        Self { position: Position(mark.position), at: mark.at }
    }
}

/// Why a pizza is unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum UnavailableReason {
    /// There is not enough of one or more ingredients for one pizza.
    InsufficientStock,
    /// The pizzeria has blocked the pizza.
    Blocked,
    /// The pizzeria has paused taking orders.
    Paused,
    /// The pizzeria is outside its opening hours or has not opened yet.
    Closed,
    /// The pizza is not on the menu, or not in this size.
    NotOnMenu,
}

/// The facts for the answer.
#[derive(Debug)]
pub struct WhyUnavailable {
    /// The log position of the state.
    pub position: domain::LogPosition,
    /// The point in time.
    pub at: DateTime<Utc>,
    /// The pizza.
    pub pizza: ItemCode,
    /// Its size.
    pub size: PizzaSize,
    /// The menu at that time.
    pub menu: Arc<Menu>,
    /// Why the pizza was unavailable, most severe reason first.
    pub reasons: Vec<UnavailableReason>,
    /// The pizzeria's reason for a pause.
    pub paused_reason: Option<Reason>,
    /// The explanation by the stock; `None` when the pizza was not on the menu.
    pub explanation: Option<Explanation>,
}

/// Whether a pizza was available at a point in time, and if not, why.
#[Object(directive = open::apply())]
impl WhyUnavailable {
    /// The log position of the state.
    async fn position(&self) -> Position {
        Position(self.position)
    }

    /// The point in time.
    async fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// The pizza's id.
    async fn pizza(&self) -> ID {
        self.pizza.to_global()
    }

    /// The pizza's code.
    async fn code(&self) -> &str {
        self.pizza.as_str()
    }

    /// The size.
    async fn size(&self) -> PizzaSize {
        self.size
    }

    /// Whether the pizza could be ordered at that time.
    async fn available(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Why the pizza was unavailable; empty when it was available.
    async fn reasons(&self) -> &[UnavailableReason] {
        &self.reasons
    }

    /// How many the stock sufficed for, ignoring a block.
    async fn makeable(&self) -> u32 {
        self.explanation.as_ref().map_or(0, |explanation| explanation.makeable.count)
    }

    /// The ingredient that would run out first, also when there was enough of it; `null` when the pizza was
    /// not on the menu.
    async fn limiting_ingredient(&self) -> Option<Ingredient> {
        let limiting = self.explanation.as_ref()?.makeable.limiting.as_ref()?;
        Some(Ingredient::of_version(&self.menu, limiting))
    }

    /// The event since which it was continuously short or blocked; `null` when it was neither, and when it
    /// always was. Opening hours and pauses are ignored.
    async fn since(&self) -> Option<LogMark> {
        Some(self.explanation.as_ref()?.since?.into())
    }

    /// The ingredients of which there was not enough for one pizza, the limiting one first.
    async fn shortages(&self) -> Vec<IngredientShortage> {
        let shortages = self.explanation.iter().flat_map(|explanation| &explanation.shortages);
        shortages
            .map(|shortage| IngredientShortage { menu: self.menu.clone(), shortage: shortage.clone() })
            .collect()
    }

    /// The pizzeria's reason for blocking the pizza; `null` unless it was blocked.
    async fn blocked_reason(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        let block = self.explanation.as_ref().and_then(|explanation| explanation.block.as_ref());
        text_of_reason(ctx, block.map(|block| &block.reason)).await
    }

    /// The event that blocked the pizza; `null` unless it was blocked.
    async fn blocked_since(&self) -> Option<LogMark> {
        Some(self.explanation.as_ref()?.block.as_ref()?.since?.into())
    }

    /// The pizzeria's reason for the pause; `null` unless it was paused.
    async fn paused_reason(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        text_of_reason(ctx, self.paused_reason.as_ref()).await
    }

    /// Whether all relevant events were read. The stock's log is followed back for at most 100,000 events;
    /// earlier events are missing from the answer.
    async fn complete(&self) -> bool {
        self.explanation.as_ref().is_none_or(|explanation| explanation.complete)
    }
}

/// An ingredient of which there was not enough for one pizza.
#[derive(Debug)]
pub struct IngredientShortage {
    menu: Arc<Menu>,
    shortage: why::Shortage,
}

/// An ingredient of which there was not enough for one pizza, in its unit: grams, millilitres or pieces.
#[Object(directive = open::apply())]
impl IngredientShortage {
    /// The ingredient.
    async fn ingredient(&self) -> Ingredient {
        Ingredient::of_version(&self.menu, &self.shortage.ingredient)
    }

    /// The quantity for one pizza.
    async fn needed(&self) -> u32 {
        self.shortage.needed.0
    }

    /// The available quantity: on hand less reserved; negative when more was reserved than on hand.
    async fn available(&self) -> Result<i32, ApiError> {
        scalars::int(self.shortage.available)
    }

    /// The quantity missing for one pizza.
    async fn lacking(&self) -> Result<i32, ApiError> {
        scalars::int(self.shortage.lacking())
    }

    /// The event since which the ingredient was short; `null` when it always was.
    async fn since(&self) -> Option<LogMark> {
        self.shortage.since.map(LogMark::from)
    }

    /// The last event that left enough, a receipt or a count; `null` when there was no such event.
    async fn replenished_by(&self) -> Option<StockMovement> {
        self.shortage.replenished.clone().map(StockMovement)
    }

    /// Number of events since then that changed the available quantity.
    async fn movement_count(&self) -> Result<i32, ApiError> {
        scalars::int(i64::try_from(self.shortage.moved).unwrap_or(i64::MAX))
    }

    /// The events since then that changed the available quantity, oldest first: uses, and additions that were
    /// not enough.
    async fn movements(
        &self,
        #[graphql(desc = "Returns the last `n` events (1–1000).", default = 100)] last: i32,
    ) -> Result<Vec<StockMovement>, ApiError> {
        let last = usize::try_from(last).ok().filter(|last| (1..=why::MOVEMENTS_KEPT).contains(last));
        let last = last.ok_or_else(|| ApiError::bad_input("last: must be from 1 to 1000"))?;
        let movements = &self.shortage.movements;
        let shown = &movements[movements.len().saturating_sub(last)..];
        Ok(shown.iter().cloned().map(StockMovement).collect())
    }
}

/// An event that changed the available quantity of an ingredient.
#[derive(Debug)]
pub struct StockMovement(why::Movement);

/// An event that changed the available quantity of an ingredient, in the ingredient's unit.
#[Object(directive = open::apply())]
impl StockMovement {
    /// The event's position; `node` accepts `event:` and the position as the event's id.
    async fn position(&self) -> Position {
        Position(self.0.mark.position)
    }

    /// The time of recording.
    async fn at(&self) -> DateTime<Utc> {
        self.0.mark.at
    }

    /// The event type, such as `IngredientsReserved`.
    #[graphql(name = "type")]
    async fn event_type(&self) -> &str {
        self.0.event_type
    }

    /// The id of the order that the event was for; `null` for other events.
    async fn order_id(&self) -> Option<ID> {
        self.0.order.map(|order| order.to_global())
    }

    /// The change of the available quantity; negative for uses.
    async fn quantity(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.quantity())
    }

    /// The available quantity before the event.
    async fn before(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.before)
    }

    /// The available quantity after the event.
    async fn after(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.after)
    }
}
