//! Subscription to a pizzeria's stock.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject, Subscription};
use domain::access::{Permission, Scope};
use domain::ids::{IngredientCode, PizzeriaId};
use domain::stock::Stock as StockState;
use domain::{AggregateState, LogPosition, StreamId};
use event_store::RecordedEvent;
use futures_util::Stream;
use sqlx::PgPool;

use super::fold::{At, Fold};
use super::follow::{Item, View, events_of, follow, position_of, start};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::{open, requires};
use crate::field_guard::subscriber;
use crate::ids::GlobalId;
use crate::loaders::CurrentMenu;
use crate::progress::Progress;
use crate::scalars;
use crate::types::menu::Ingredient;
use crate::types::stock::Stock;

/// The change of an ingredient's level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockChange {
    ingredient: IngredientCode,
    on_hand: i64,
    reserved: i64,
}

/// The change of an ingredient's level, in its unit: grams, millilitres or pieces.
#[Object(directive = open::apply())]
impl StockChange {
    /// The ingredient.
    async fn ingredient(&self, ctx: &Context<'_>) -> Result<Ingredient, ApiError> {
        let menu = ctx.loaders()?.load_one(CurrentMenu).await?.unwrap_or_default();
        Ok(Ingredient::of(&menu, &self.ingredient))
    }

    /// The change of the quantity on hand; negative for a decrease.
    async fn on_hand(&self) -> Result<i32, ApiError> {
        scalars::int(self.on_hand)
    }

    /// The change of the reserved quantity; negative for a decrease.
    async fn reserved(&self) -> Result<i32, ApiError> {
        scalars::int(self.reserved)
    }
}

/// A change of a stock.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct StockUpdate {
    /// The log position; pass it as `after` to resume.
    pub position: scalars::Position,
    /// The event type, such as `IngredientsReserved`; `null` for the present state.
    pub event: Option<String>,
    /// The stock after the event.
    pub stock: Stock,
    /// The ingredients whose levels changed.
    pub changes: Vec<StockChange>,
}

impl Item for StockUpdate {
    fn resume_after(&self) -> LogPosition {
        self.position.0
    }
}

/// Subscriptions to stocks.
#[derive(Debug, Default)]
pub struct StockSubscription;

/// Subscriptions to stocks.
#[Subscription]
impl StockSubscription {
    /// Every change of a pizzeria's stock. The first item is the present state; with `after`, the items start
    /// with the first change after that position, each exactly once.
    #[graphql(directive = requires::apply(Permission::ReadStock))]
    async fn stock_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The pizzeria's id or code.")] pizzeria_id: ID,
        #[graphql(desc = "Resumes after this position, that of the last item received.")] after: Option<
            scalars::Position,
        >,
    ) -> Result<impl Stream<Item = Result<StockUpdate, ApiError>> + use<>, ApiError> {
        let (services, caller) = (ctx.services()?, subscriber(ctx)?);
        let pizzeria = PizzeriaId::required(&pizzeria_id, "pizzeriaId")?;
        caller.reach(Scope::Pizzeria(&pizzeria))?;
        Box::pin(super::opened(services, &pizzeria)).await?;
        let stream = StreamId::stock(&pizzeria);
        let base = Box::pin(start(services, after)).await?;
        let mut view = StockView { pizzeria, fold: Fold::over(services.pool.clone()) };
        let first = match after {
            Some(_) => None,
            None => {
                let (state, version) = Box::pin(services.store.load(&stream)).await?;
                let at = At { state: Arc::new(state), version };
                let position = Box::pin(position_of(&services.pool, base, &stream, &at)).await?;
                let first = view.update_of(&at, position, None, Vec::new());
                view.fold.track(stream.clone(), at);
                first
            }
        };
        let progress = Progress::of(ctx);
        let events = events_of(services, stream, base, &progress);
        Ok(follow(progress, base, events, first, view))
    }
}

struct StockView {
    pizzeria: PizzeriaId,
    fold: Fold<PgPool>,
}

impl StockView {
    fn update_of(
        &self,
        at: &At,
        position: LogPosition,
        event: Option<&RecordedEvent>,
        changes: Vec<StockChange>,
    ) -> Option<StockUpdate> {
        let AggregateState::Stock(stock) = &*at.state else { return None };
        let stock = Stock {
            pizzeria: self.pizzeria.clone(),
            stock: Arc::new(stock.clone()),
            version: at.version,
            position,
            as_of: None,
        };
        let event = event.map(|event| event.event_type.clone());
        Some(StockUpdate { position: scalars::Position(position), event, stock, changes })
    }
}

impl View for StockView {
    type Update = StockUpdate;

    async fn update(&mut self, event: &Arc<RecordedEvent>) -> Result<Option<StockUpdate>, ApiError> {
        if event.stream != StreamId::stock(&self.pizzeria) {
            return Ok(None);
        }
        let Some(step) = self.fold.apply(event).await? else { return Ok(None) };
        let changes = match (&*step.before.state, &*step.after.state) {
            (AggregateState::Stock(before), AggregateState::Stock(after)) => changes(before, after),
            _ => Vec::new(),
        };
        Ok(self.update_of(&step.after, event.position, Some(event), changes))
    }
}

/// Returns the ingredients whose level, threshold or warning differs.
fn changes(before: &StockState, after: &StockState) -> Vec<StockChange> {
    let codes: BTreeSet<&IngredientCode> =
        before.levels().chain(after.levels()).map(|(code, _)| code).collect();
    let change = |code: &IngredientCode| {
        let (was, is) = (before.level(code), after.level(code));
        let (was, is, differ) = (was.shown(), is.shown(), was != is);
        differ.then(|| StockChange {
            ingredient: code.clone(),
            on_hand: is.on_hand - was.on_hand,
            reserved: is.reserved - was.reserved,
        })
    };
    codes.into_iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::Quantity;
    use domain::ids::OrderId;
    use domain::stock::StockEvent;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn lists_changed_levels_only() {
        let at = DateTime::UNIX_EPOCH;
        let lines = |quantity| [("BASIL".parse().unwrap(), Quantity(quantity))].into_iter().collect();
        let mut before = StockState::default();
        let other = [("HAM".parse().unwrap(), Quantity(9))].into_iter().collect();
        for lines in [lines(400), other] {
            let (supplier, delivery_note) = (String::new(), String::new());
            before.evolve(&StockEvent::SupplyReceived { supplier, delivery_note, lines, at });
        }
        let mut after = before.clone();
        let order = OrderId(Uuid::nil());
        after.evolve(&StockEvent::IngredientsReserved { order, lines: lines(4), held: None, at });
        let change = StockChange { ingredient: "BASIL".parse().unwrap(), on_hand: 0, reserved: 4 };
        assert_eq!(changes(&before, &after), [change]);
        assert_eq!(changes(&after, &after), []);
    }
}
