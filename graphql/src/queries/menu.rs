//! The menu with what can be made of it, recipes, and what a basket would cost.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object};
use domain::access::{Permission, Scope};
use domain::ids::{ItemCode, PizzeriaId};
use domain::pizzeria::Place;
use domain::stock::Stock;
use domain::usecase::{Basket, Refusal, quote};
use projections::{Model, menus, stock_levels};

use super::account::own_account;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::inputs::{self, ContactInput, OrderLineInput};
use crate::loaders::CurrentMenu;
use crate::scalars::LogPosition;
use crate::types::enums::{Fulfilment, PizzaSize};
use crate::types::menu::{Ingredient, Menu, Pizza, Recipe, RecipeLine};
use crate::types::pizzeria::Pizzeria;
use crate::types::quote::Quote;

/// Queries over the menu.
#[derive(Debug, Default)]
pub struct MenuQuery;

/// What somebody wants to know the price of.
#[derive(Debug, InputObject)]
pub struct QuoteOrderInput {
    /// Where; an id or a code.
    pub pizzeria_id: ID,
    /// How it shall leave.
    pub fulfilment: Fulfilment,
    /// What.
    pub lines: Vec<OrderLineInput>,
    /// Where to, for a delivery: only the place of its address counts. A signed-in customer's own by default.
    pub contact: Option<ContactInput>,
}

/// The menu that holds now, with no stock to make it of.
pub(super) async fn menu_without_stock(ctx: &Context<'_>) -> Result<Menu, ApiError> {
    ctx.caller()?.authorize(Permission::ReadMenu, Scope::Group)?;
    let menu = ctx.loaders()?.load_one(CurrentMenu).await?;
    Ok(Menu { menu: menu.unwrap_or_default(), stock: Arc::default(), position: domain::LogPosition::START })
}

/// The menu and a pizzeria's stock, as far as they were read.
async fn menu_of(ctx: &Context<'_>, pizzeria: &PizzeriaId) -> Result<Menu, ApiError> {
    let pool = &ctx.services()?.pool;
    let menu = menus::current(pool).await?;
    let stock = stock_levels::by_pizzerias(pool, std::slice::from_ref(pizzeria)).await?.into_iter().next();
    let position = menu.as_ref().map(|row| row.position).max(stock.as_ref().map(|row| row.position));
    Ok(Menu {
        menu: Arc::new(menu.map(|row| row.menu).unwrap_or_default()),
        stock: Arc::new(stock.map_or_else(Stock::default, |row| row.stock)),
        position: position.unwrap_or_default(),
    })
}

#[Object]
impl MenuQuery {
    /// What a pizzeria sells, for how much, and what it can make now. For anybody.
    #[graphql(complexity = "30 * child_complexity + 1")]
    async fn menu(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which pizzeria; an id or a code.")] pizzeria_id: ID,
        #[graphql(desc = "Waits, at most five seconds, until this position is read.")]
        at_least_position: Option<LogPosition>,
    ) -> Result<Menu, ApiError> {
        ctx.caller()?.authorize(Permission::ReadMenu, Scope::Group)?;
        let models = [Model::Menus, Model::Pizzerias, Model::StockLevels];
        ctx.services()?.at_least(&models, at_least_position).await?;
        let id = PizzeriaId::parse(&pizzeria_id).ok_or(ApiError::NotFound("pizzeria"))?;
        Pizzeria::load(ctx, &id).await?;
        menu_of(ctx, &id).await
    }

    /// The recipe of a pizza in one size.
    async fn recipe(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The pizza; an id or a code.")] pizza: ID,
        #[graphql(desc = "The size.")] size: PizzaSize,
        #[graphql(desc = "Waits, at most five seconds, until this position is read.")]
        at_least_position: Option<LogPosition>,
    ) -> Result<Recipe, ApiError> {
        ctx.caller()?.authorize(Permission::ReadRecipe, Scope::Group)?;
        let services = ctx.services()?;
        services.at_least(&[Model::Menus], at_least_position).await?;
        let code = ItemCode::parse(&pizza).ok_or(ApiError::NotFound("pizza"))?;
        let row = menus::current(&services.pool).await?.ok_or(ApiError::NotFound("pizza"))?;
        let menu = Arc::new(row.menu);
        let recipe = menu.recipe(&code, size.into()).ok_or(ApiError::NotFound("pizza"))?;
        let line = |(ingredient, quantity): (_, domain::Quantity)| RecipeLine {
            ingredient: Ingredient::of(&menu, ingredient),
            quantity: quantity.0,
        };
        Ok(Recipe {
            size,
            version: menu.version,
            published_at: row.published_at,
            ingredients: recipe.iter().map(line).collect(),
            pizza: Pizza { menu: menu.clone(), stock: Arc::default(), code },
        })
    }

    /// What a basket would cost now, when it would be ready, and what stands in its way. For anybody.
    async fn quote_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What.")] input: QuoteOrderInput,
        #[graphql(desc = "Waits, at most five seconds, until this position is read.")]
        at_least_position: Option<LogPosition>,
    ) -> Result<Quote, ApiError> {
        let caller = ctx.caller()?;
        let id = PizzeriaId::required(&input.pizzeria_id, "pizzeriaId")?;
        match &caller.actor {
            // A quote is the menu added up: whoever may read the menu without an account may.
            None => caller.authorize(Permission::ReadMenu, Scope::Group)?,
            Some(actor) => {
                let customer = Some(domain::ids::CustomerId(actor.id));
                caller.authorize(Permission::QuoteOrder, Scope::Own { customer, pizzeria: &id })?;
            }
        }
        let lines = inputs::basket_lines("lines", &input.lines)?;
        let place = self.place(ctx, &input).await?;
        let models = [Model::Menus, Model::Pizzerias, Model::StockLevels];
        ctx.services()?.at_least(&models, at_least_position).await?;
        let pizzeria = Pizzeria::load(ctx, &id).await?;
        let menu = menu_of(ctx, &id).await?;
        let basket = Basket { fulfilment: input.fulfilment.into(), lines, place };
        Ok(match quote(&menu.menu, &pizzeria.pizzeria, &menu.stock, &basket, ctx.now()?) {
            Ok(quote) => Quote::priced(&quote, &menu.menu, caller.lang, menu.position),
            Err(error) => Quote::refused(&Refusal::from(error), caller.lang, menu.position),
        })
    }
}

impl MenuQuery {
    async fn place(&self, ctx: &Context<'_>, input: &QuoteOrderInput) -> Result<Option<Place>, ApiError> {
        if input.fulfilment != Fulfilment::Delivery {
            return Ok(None);
        }
        if let Some(address) = input.contact.as_ref().and_then(|contact| contact.address.as_ref()) {
            return inputs::address_place("contact.address", address);
        }
        let own = own_account(ctx).await?.and_then(|own| Some((own.0.latitude?, own.0.longitude?)));
        Ok(own.and_then(|(latitude, longitude)| Place::from_degrees(latitude, longitude).ok()))
    }
}
