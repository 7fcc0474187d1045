//! Why a pizza could not be had, and what events changed, as clients see them.

use std::sync::Arc;

use async_graphql::{Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use domain::ids::ItemCode;
use domain::menu::Menu;
use domain::why::{self, Change, Explanation, Mark};

use super::enums::PizzaSize;
use super::menu::Ingredient;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::scalars::{self, Json, Position};

/// One place of a state that an event changed.
#[derive(Debug, Clone, SimpleObject)]
pub struct StateChange {
    /// Where, as a JSON pointer (RFC 6901) into the state: `/progress/status`, `/lines/0/baked`,
    /// `/levels/EGG/reserved`. The shallowest place that differs.
    pub path: String,
    /// What was there before the event; null when nothing was. Money in cents, quantities in the ingredient's unit.
    pub before: Option<Json>,
    /// What is there after it; null when nothing is.
    pub after: Option<Json>,
}

impl From<Change> for StateChange {
    fn from(change: Change) -> Self {
        Self { path: change.path, before: change.before.map(Json), after: change.after.map(Json) }
    }
}

/// An event's place in the log, and when it was recorded.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct LogMark {
    /// Its position.
    pub position: Position,
    /// When it was recorded.
    pub at: DateTime<Utc>,
}

impl From<Mark> for LogMark {
    fn from(mark: Mark) -> Self {
        Self { position: Position(mark.position), at: mark.at }
    }
}

/// Why a pizza cannot be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum UnavailableReason {
    /// Of one or more ingredients there is not enough for one.
    InsufficientStock,
    /// The pizzeria has taken it off.
    Blocked,
    /// The pizzeria takes no orders for now.
    Paused,
    /// The pizzeria is outside its opening hours, or has not opened yet.
    Closed,
    /// It is not on the menu, or not in this size.
    NotOnMenu,
}

/// What the answer is about, beside the stock.
#[derive(Debug)]
pub struct WhyUnavailable {
    /// The position whose state it is.
    pub position: domain::LogPosition,
    /// The instant.
    pub at: DateTime<Utc>,
    /// The pizza.
    pub pizza: ItemCode,
    /// Its size.
    pub size: PizzaSize,
    /// The menu that held then.
    pub menu: Arc<Menu>,
    /// What stood in the way, worst first.
    pub reasons: Vec<UnavailableReason>,
    /// Why the pizzeria had paused, in its words.
    pub paused_reason: Option<String>,
    /// What the stock says; none when it was not on the menu.
    pub explanation: Option<Explanation>,
}

/// Whether a pizza could be ordered at an instant, and if not, why not.
#[Object]
impl WhyUnavailable {
    /// The log's position whose state this is of.
    async fn position(&self) -> Position {
        Position(self.position)
    }

    /// The instant that it is about.
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

    /// Its size.
    async fn size(&self) -> PizzaSize {
        self.size
    }

    /// Whether it could be ordered then: nothing stood in the way.
    async fn available(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Everything that stood in the way; empty when nothing did.
    async fn reasons(&self) -> &[UnavailableReason] {
        &self.reasons
    }

    /// How many the stock sufficed for, were it not blocked.
    async fn makeable(&self) -> u32 {
        self.explanation.as_ref().map_or(0, |explanation| explanation.makeable.count)
    }

    /// The ingredient that limited it, enough or not.
    async fn limiting_ingredient(&self) -> Option<Ingredient> {
        let limiting = self.explanation.as_ref()?.makeable.limiting.as_ref()?;
        Some(Ingredient::of_version(&self.menu, limiting))
    }

    /// Since which event it was short or blocked without a break; null when it was neither, and when it
    /// always was. Hours and pauses do not count.
    async fn since(&self) -> Option<LogMark> {
        Some(self.explanation.as_ref()?.since?.into())
    }

    /// Every ingredient of which there was not enough for one, the limiting one first.
    async fn shortages(&self) -> Vec<IngredientShortage> {
        let shortages = self.explanation.iter().flat_map(|explanation| &explanation.shortages);
        shortages
            .map(|shortage| IngredientShortage { menu: self.menu.clone(), shortage: shortage.clone() })
            .collect()
    }

    /// Why the pizzeria had blocked it, in its words.
    async fn blocked_reason(&self) -> Option<&str> {
        Some(&self.explanation.as_ref()?.block.as_ref()?.reason)
    }

    /// By which event the pizzeria had blocked it.
    async fn blocked_since(&self) -> Option<LogMark> {
        Some(self.explanation.as_ref()?.block.as_ref()?.since?.into())
    }

    /// Why the pizzeria had paused, in its words.
    async fn paused_reason(&self) -> Option<&str> {
        self.paused_reason.as_deref()
    }

    /// Whether all that led to it was read. The log of a stock is followed back for at most 100,000 events;
    /// what happened earlier is not in the answer.
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
#[Object]
impl IngredientShortage {
    /// The ingredient.
    async fn ingredient(&self) -> Ingredient {
        Ingredient::of_version(&self.menu, &self.shortage.ingredient)
    }

    /// What one pizza takes.
    async fn needed(&self) -> u32 {
        self.shortage.needed.0
    }

    /// What was available: on hand less reserved; negative when more was reserved than there was.
    async fn available(&self) -> Result<i32, ApiError> {
        scalars::int(self.shortage.available)
    }

    /// How much more would have been enough for one pizza.
    async fn lacking(&self) -> Result<i32, ApiError> {
        scalars::int(self.shortage.lacking())
    }

    /// Since which event it had been short; null when it always was.
    async fn since(&self) -> Option<LogMark> {
        self.shortage.since.map(LogMark::from)
    }

    /// What last left enough: goods that came in, or were found by a count. Null when nothing ever did.
    async fn replenished_by(&self) -> Option<StockMovement> {
        self.shortage.replenished.clone().map(StockMovement)
    }

    /// How many events have changed what is available since.
    async fn movement_count(&self) -> Result<i32, ApiError> {
        scalars::int(i64::try_from(self.shortage.moved).unwrap_or(i64::MAX))
    }

    /// The events that have changed what is available since, oldest first: those that used it up, and
    /// what came back or was too little.
    async fn movements(
        &self,
        #[graphql(desc = "The latest so many, 1 to 1000.", default = 100)] last: i32,
    ) -> Result<Vec<StockMovement>, ApiError> {
        let last = usize::try_from(last).ok().filter(|last| (1..=why::MOVEMENTS_KEPT).contains(last));
        let last = last.ok_or_else(|| ApiError::bad_input("last: from 1 to 1000"))?;
        let movements = &self.shortage.movements;
        let shown = &movements[movements.len().saturating_sub(last)..];
        Ok(shown.iter().cloned().map(StockMovement).collect())
    }
}

/// An event that changed how much of an ingredient was available.
#[derive(Debug)]
pub struct StockMovement(why::Movement);

/// An event that changed how much of an ingredient was available, in the ingredient's unit.
#[Object]
impl StockMovement {
    /// The event's position; `event:` and it are the event's id, for `node`.
    async fn position(&self) -> Position {
        Position(self.0.mark.position)
    }

    /// When it was recorded.
    async fn at(&self) -> DateTime<Utc> {
        self.0.mark.at
    }

    /// What happened, `IngredientsReserved`.
    #[graphql(name = "type")]
    async fn event_type(&self) -> &str {
        self.0.event_type
    }

    /// The order that it was for: its id.
    async fn order_id(&self) -> Option<ID> {
        self.0.order.map(|order| order.to_global())
    }

    /// What it added; negative for what it took.
    async fn quantity(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.quantity())
    }

    /// What was available before it.
    async fn before(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.before)
    }

    /// What was available after it.
    async fn after(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.after)
    }
}
