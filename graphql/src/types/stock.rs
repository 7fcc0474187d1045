//! The stock of a pizzeria as clients see it.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use domain::access::{Permission, Scope};
use domain::ids::{IngredientCode, PizzeriaId};
use domain::menu::Menu;
use domain::stock::{Level, Stock as StockState};
use domain::{AggregateState, LogPosition, StreamId};
use event_store::CommandResult;

use super::enums::PizzaSize;
use super::event::{EventConnection, history};
use super::menu::Ingredient;
use super::pizzeria::Pizzeria;
use crate::as_of::{self, Moment};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::{self, GlobalId};
use crate::loaders::{CurrentMenu, MenuAt};
use crate::roles_directive::{requires, roles};
use crate::scalars;

/// The stock of a pizzeria, at one version.
#[derive(Debug, Clone)]
pub struct Stock {
    /// Whose.
    pub pizzeria: PizzeriaId,
    /// Its state.
    pub stock: Arc<StockState>,
    /// The version of its stream.
    pub version: i64,
    /// The log's position that this state is of, at least.
    pub position: LogPosition,
    /// The point of the past that it is of; none for the present.
    pub as_of: Option<Moment>,
}

impl Stock {
    /// Returns the state of a command's result; `head` is the position to show when nothing was stored.
    pub fn of_result(result: &CommandResult, head: LogPosition) -> Option<Self> {
        match &*result.state {
            AggregateState::Stock(stock) => Some(Self {
                pizzeria: result.stream.id.parse().ok()?,
                stock: Arc::new(stock.clone()),
                version: result.version,
                position: result.position.unwrap_or(head),
                as_of: None,
            }),
            _ => None,
        }
    }
}

async fn menu(ctx: &Context<'_>, moment: Option<Moment>) -> Result<Arc<Menu>, ApiError> {
    let row = match moment {
        Some(moment) => ctx.loaders()?.load_one(MenuAt(moment.position)).await?,
        None => ctx.loaders()?.load_one(CurrentMenu).await?,
    };
    Ok(row.unwrap_or_default())
}

/// What a pizzeria has left.
#[Object]
impl Stock {
    /// Its id, `stock:P1`; of the past, `stock:P1@<position>`.
    pub async fn id(&self) -> ID {
        ids::at_moment(ids::stock(&self.pizzeria), self.as_of)
    }

    /// Its version, for `expectedVersion`.
    async fn version(&self) -> Result<i32, ApiError> {
        scalars::int(self.version)
    }

    /// The log's position that this state is of, at least.
    async fn position(&self) -> scalars::Position {
        scalars::Position(self.position)
    }

    /// The log's position that it is shown as of, where `asOf` was asked for; none for the present.
    async fn as_of_position(&self) -> Option<scalars::Position> {
        as_of::position(self.as_of)
    }

    /// The pizzeria whose stock it is.
    async fn pizzeria(&self, ctx: &Context<'_>) -> Result<Pizzeria, ApiError> {
        Pizzeria::load_as_of(ctx, &self.pizzeria, self.as_of).await
    }

    /// Every ingredient that the pizzeria ever had, by code.
    async fn levels(
        &self,
        #[graphql(desc = "Only those that are low.", default)] low_only: bool,
    ) -> Vec<StockLevel> {
        let levels = self.stock.levels().filter(|(_, level)| !low_only || level.low);
        levels
            .map(|(code, level)| StockLevel { code: code.clone(), level: level.clone(), as_of: self.as_of })
            .collect()
    }

    /// The pizzas that the pizzeria has blocked, oldest first.
    async fn blocks(&self) -> Vec<BlockedPizza> {
        let blocks = self.stock.blocks().iter();
        blocks
            .map(|(key, reason)| BlockedPizza {
                pizza: key.pizza.to_global(),
                code: key.pizza.to_string(),
                size: key.size.map(PizzaSize::from),
                reason: reason.clone(),
            })
            .collect()
    }

    /// How many orders have ingredients reserved and are not started.
    async fn waiting_orders(&self) -> usize {
        self.stock.waiting_orders()
    }

    /// Everything that happened to it, oldest first, at most 100 events a page.
    #[graphql(
        directive = requires::apply(roles(Permission::ReadStock))
    )]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100.")] first: i32,
        #[graphql(desc = "Behind this cursor, or any position of the log.")] after: Option<String>,
    ) -> Result<EventConnection, ApiError> {
        ctx.caller()?.authorize(Permission::ReadStock, Scope::Pizzeria(&self.pizzeria))?;
        history(ctx, &StreamId::stock(&self.pizzeria), first, after.as_deref(), self.as_of).await
    }
}

/// One ingredient's level.
#[derive(Debug, Clone)]
pub struct StockLevel {
    /// The ingredient.
    pub code: IngredientCode,
    /// Its level.
    pub level: Level,
    /// The point of the past that it is of; none for the present.
    pub as_of: Option<Moment>,
}

/// One ingredient's level, in its unit: grams, millilitres or pieces. A number beyond the 32 bits of an
/// `Int` is an error in its place, never a wrong number.
#[Object]
impl StockLevel {
    /// The ingredient.
    async fn ingredient(&self, ctx: &Context<'_>) -> Result<Ingredient, ApiError> {
        let menu = menu(ctx, self.as_of).await?;
        let of = if self.as_of.is_some() { Ingredient::of_version } else { Ingredient::of };
        Ok(of(&menu, &self.code))
    }

    /// On the shelf.
    async fn on_hand(&self) -> Result<i32, ApiError> {
        scalars::int(self.level.on_hand)
    }

    /// Set aside for orders that are not started.
    async fn reserved(&self) -> Result<i32, ApiError> {
        scalars::int(self.level.reserved)
    }

    /// On hand less reserved; negative only after a count or a waste left less than was reserved.
    async fn available(&self) -> Result<i32, ApiError> {
        scalars::int(self.level.available())
    }

    /// Low is less than this available.
    async fn threshold(&self) -> u32 {
        self.level.threshold.0
    }

    /// Whether it is low.
    async fn low(&self) -> bool {
        self.level.low
    }
}

/// A pizza that a pizzeria has blocked.
#[derive(Debug, SimpleObject)]
pub struct BlockedPizza {
    /// The pizza's id.
    pub pizza: ID,
    /// The pizza's code.
    pub code: String,
    /// Which size; every size when none is named.
    pub size: Option<PizzaSize>,
    /// Why, in the pizzeria's words.
    pub reason: String,
}
