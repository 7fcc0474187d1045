//! The stock of a pizzeria as clients see it.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use domain::access::{Permission, Scope};
use domain::ids::{IngredientCode, PizzeriaId};
use domain::menu::Menu;
use domain::stock::{Level, Stock as StockState};
use domain::{AggregateState, LogPosition, StreamId};
use event_store::CommandResult;
use futures_util::future::try_join_all;
use identity::suppliers;

use super::comment::text_of_reason;
use super::enums::PizzaSize;
use super::event::{EventConnection, history};
use super::menu::Ingredient;
use super::pizzeria::Pizzeria;
use crate::as_of::{self, PointInTime};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::{open, requires};
use crate::ids::{self, GlobalId};
use crate::loaders::{CurrentMenu, MenuAt};
use crate::scalars;

/// Maximum number of suppliers shown.
const SUPPLIERS_MAX: i64 = 1_000;

/// The stock of a pizzeria, at one version.
#[derive(Debug, Clone)]
pub struct Stock {
    /// The pizzeria.
    pub pizzeria: PizzeriaId,
    /// The state.
    pub stock: Arc<StockState>,
    /// The version of its stream.
    pub version: i64,
    /// The state includes the log at least up to this position.
    pub position: LogPosition,
    /// The point in the past that the state is of; `None` for the present.
    pub as_of: Option<PointInTime>,
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

async fn menu(ctx: &Context<'_>, point: Option<PointInTime>) -> Result<Arc<Menu>, ApiError> {
    let row = match point {
        Some(point) => ctx.loaders()?.load_one(MenuAt(point.position)).await?,
        None => ctx.loaders()?.load_one(CurrentMenu).await?,
    };
    Ok(row.unwrap_or_default())
}

/// The stock of a pizzeria.
#[Object(directive = open::apply())]
impl Stock {
    /// The id, `stock:P1`; of a past state, `stock:P1@<position>`.
    pub async fn id(&self) -> ID {
        ids::at_point(ids::stock(&self.pizzeria), self.as_of)
    }

    /// The version, for `expectedVersion`.
    async fn version(&self) -> Result<i32, ApiError> {
        scalars::int(self.version)
    }

    /// The state includes the log at least up to this position.
    async fn position(&self) -> scalars::Position {
        scalars::Position(self.position)
    }

    /// The log position given by `asOf`; `null` for the present.
    async fn as_of_position(&self) -> Option<scalars::Position> {
        as_of::position(self.as_of)
    }

    /// The pizzeria.
    async fn pizzeria(&self, ctx: &Context<'_>) -> Result<Pizzeria, ApiError> {
        Pizzeria::load_as_of(ctx, &self.pizzeria, self.as_of).await
    }

    /// The levels of every ingredient that the pizzeria has ever stocked, ordered by code.
    async fn levels(
        &self,
        #[graphql(desc = "Returns only low levels.", default)] low_only: bool,
    ) -> Vec<StockLevel> {
        let levels = self.stock.levels().filter(|(_, level)| !low_only || level.low);
        levels
            .map(|(code, level)| StockLevel { code: code.clone(), level: level.shown(), as_of: self.as_of })
            .collect()
    }

    /// The blocked pizzas, oldest block first.
    async fn blocks(&self, ctx: &Context<'_>) -> Result<Vec<BlockedPizza>, ApiError> {
        let blocks = self.stock.blocks().map(async |(key, reason)| {
            Ok(BlockedPizza {
                pizza: key.pizza.to_global(),
                code: key.pizza.to_string(),
                size: key.size.map(PizzaSize::from),
                reason: text_of_reason(ctx, Some(&reason)).await?.unwrap_or_default(),
            })
        });
        try_join_all(blocks).await
    }

    /// The suppliers of every pizzeria, by name, at most 1,000: events of received supplies carry their ids.
    async fn suppliers(&self, ctx: &Context<'_>) -> Result<Vec<Supplier>, ApiError> {
        let suppliers = suppliers::first(&ctx.services()?.pool, SUPPLIERS_MAX).await?.into_iter();
        Ok(suppliers.map(|supplier| Supplier { id: supplier.id.into(), name: supplier.name }).collect())
    }

    /// Number of orders that have reserved ingredients and are not started.
    async fn waiting_orders(&self) -> usize {
        self.stock.waiting_orders()
    }

    /// All events of the stock, oldest first, at most 100 a page.
    #[graphql(
        directive = requires::apply(Permission::ReadStock)
    )]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns the first `n` events (1–100).")] first: i32,
        #[graphql(desc = "Returns the events after this cursor or log position.")] after: Option<String>,
    ) -> Result<EventConnection, ApiError> {
        ctx.caller()?.reach(Scope::Pizzeria(&self.pizzeria))?;
        history(ctx, &StreamId::stock(&self.pizzeria), first, after.as_deref(), self.as_of).await
    }
}

/// The level of one ingredient.
#[derive(Debug, Clone)]
pub struct StockLevel {
    /// The ingredient.
    pub code: IngredientCode,
    /// The level, as shown ([`Level::shown`]).
    pub level: Level,
    /// The point in the past that the level is of; `None` for the present.
    pub as_of: Option<PointInTime>,
}

/// The level of one ingredient, in its unit: grams, millilitres or pieces. A number beyond 32 bits makes its
/// field fail.
#[Object(directive = open::apply())]
impl StockLevel {
    /// The ingredient.
    async fn ingredient(&self, ctx: &Context<'_>) -> Result<Ingredient, ApiError> {
        let menu = menu(ctx, self.as_of).await?;
        let of = if self.as_of.is_some() { Ingredient::of_version } else { Ingredient::of };
        Ok(of(&menu, &self.code))
    }

    /// The quantity in the pizzeria. 0 if more was used than the last count left; the next count finds the difference.
    async fn on_hand(&self) -> Result<i32, ApiError> {
        scalars::int(self.level.on_hand)
    }

    /// The quantity reserved for orders that are not started.
    async fn reserved(&self) -> Result<i32, ApiError> {
        scalars::int(self.level.reserved)
    }

    /// The quantity on hand less the reserved quantity; negative if a count or waste left less than was
    /// reserved.
    async fn available(&self) -> Result<i32, ApiError> {
        scalars::int(self.level.available())
    }

    /// The level is low when the available quantity is below this.
    async fn threshold(&self) -> u32 {
        self.level.threshold.0
    }

    /// Whether the available quantity is below the threshold.
    async fn low(&self) -> bool {
        self.level.low
    }
}

/// A supplier.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct Supplier {
    /// The id that events of received supplies carry.
    pub id: ID,
    /// The name.
    pub name: String,
}

/// A pizza blocked by a pizzeria.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct BlockedPizza {
    /// The pizza's id.
    pub pizza: ID,
    /// The pizza's code.
    pub code: String,
    /// The blocked size; `null` when every size is blocked.
    pub size: Option<PizzaSize>,
    /// The pizzeria's reason.
    pub reason: String,
}
