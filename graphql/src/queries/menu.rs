//! The menu with what can be made of it, recipes, and what a basket would cost.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object};
use domain::access::{Permission, Role, Scope};
use domain::ids::{ItemCode, PizzeriaId};
use domain::order::OrderError;
use domain::pizzeria::Place;
use domain::stock::Stock;
use domain::usecase::{Basket, Refusal, Terms, quote};
use projections::{Model, as_of, menus, stock_levels};

use super::account::own_account;
use crate::as_of::{AsOf, Moment};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::inputs::{ContactInput, OrderLineInput, Problems};
use crate::loaders::{CurrentMenu, MenuVersion};
use crate::roles_directive::{requires, roles};
use crate::scalars::{Decimal, Position};
use crate::types::enums::{Fulfilment, OrderChannel, PaymentIntent, PizzaSize};
use crate::types::menu::{Menu, Recipe};
use crate::types::menu_origin::{Origin, sees_stock};
use crate::types::pizzeria::Pizzeria;
use crate::types::quote::{Quote, payment_intents};
use crate::types::user_error::UserError;

/// Queries over the menu.
#[derive(Debug, Default)]
pub struct MenuQuery;

/// What somebody wants to know the price of: the input of `placeOrder` as it is, or less of it.
#[derive(Debug, InputObject)]
pub struct QuoteOrderInput {
    /// Where; an id or a code.
    pub pizzeria_id: ID,
    /// How it shall leave.
    pub fulfilment: Fulfilment,
    /// What is asked for, 1 to 50 lines.
    pub lines: Vec<OrderLineInput>,
    /// Where to, for a delivery: only the place of its address counts. A signed-in customer's own by default.
    pub contact: Option<ContactInput>,
    /// The total that was shown; another one is `PRICE_CHANGED` in `userErrors`.
    pub expected_total: Option<Decimal>,
    /// As in `placeOrder`; a quote is the same however the order comes in.
    pub channel: Option<OrderChannel>,
    /// As in `placeOrder`: the price is the same however it is paid, and `ONLINE` may be refused.
    pub payment: Option<PaymentIntent>,
    /// As in `placeOrder`; not read.
    #[graphql(deprecation = "Use `kitchenNote` and `deliveryNote`; it may be missing from 0.4.0 on.")]
    pub note: Option<String>,
    /// As in `placeOrder`; not read.
    pub kitchen_note: Option<String>,
    /// As in `placeOrder`; not read.
    pub delivery_note: Option<String>,
    /// As in `placeOrder`; not read, since a quote stores nothing.
    pub idempotency_key: Option<String>,
}

/// The menu that holds now, with no stock to make it of.
pub(super) async fn menu_without_stock(ctx: &Context<'_>) -> Result<Menu, ApiError> {
    ctx.caller()?.authorize(Permission::ReadMenu, Scope::Group)?;
    let menu = ctx.loaders()?.load_one(CurrentMenu).await?;
    Ok(Menu {
        menu: menu.unwrap_or_default(),
        shop: None,
        position: domain::LogPosition::START,
        as_of: None,
        is_version: false,
    })
}

/// The menu and a pizzeria's stock, as far as they were read.
pub(super) async fn menu_of(
    ctx: &Context<'_>,
    pizzeria: &PizzeriaId,
    moment: Option<Moment>,
) -> Result<Menu, ApiError> {
    let pool = &ctx.services()?.pool;
    let (menu, stock) = match moment {
        Some(Moment { position, .. }) => {
            let stock = as_of::stock(pool, pizzeria, position).await?;
            let stock = stock.map(|folded| (folded.state, domain::LogPosition(folded.position)));
            (menus::as_of(pool, position).await?, stock)
        }
        None => {
            let menu = menus::current(pool).await?;
            let rows = stock_levels::by_pizzerias(pool, std::slice::from_ref(pizzeria)).await?;
            (menu, rows.into_iter().next().map(|row| (row.stock, row.position)))
        }
    };
    let position = menu.as_ref().map(|row| row.position).max(stock.as_ref().map(|(_, position)| *position));
    Ok(Menu {
        menu: Arc::new(menu.map(|row| row.menu).unwrap_or_default()),
        shop: Some((pizzeria.clone(), Arc::new(stock.map_or_else(Stock::default, |(stock, _)| stock)))),
        position: position.unwrap_or_default(),
        as_of: moment,
        is_version: false,
    })
}

#[Object]
impl MenuQuery {
    /// What a pizzeria sells, for how much, and what it can make now. For anybody, no account needed.
    async fn menu(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which pizzeria; an id or a code.")] pizzeria_id: ID,
        #[graphql(desc = "Waits, at most five seconds, until this position is read.")]
        at_least_position: Option<Position>,
        #[graphql(desc = "As it was then, instead of now.")] as_of: Option<AsOf>,
    ) -> Result<Menu, ApiError> {
        ctx.caller()?.authorize(Permission::ReadMenu, Scope::Group)?;
        let models: &[Model] = match as_of {
            Some(_) => &[Model::Menus],
            None => &[Model::Menus, Model::Pizzerias, Model::StockLevels],
        };
        let moment = Moment::of(ctx, models, as_of, at_least_position).await?;
        let id = PizzeriaId::parse(&pizzeria_id).ok_or(ApiError::NotFound("pizzeria"))?;
        Pizzeria::load_as_of(ctx, &id, moment).await?;
        menu_of(ctx, &id, moment).await
    }

    /// The recipe of a pizza in one size: as it is now, or as it was in a version of the menu, also of a pizza that was
    /// withdrawn since.
    #[graphql(directive = requires::apply(roles(Permission::ReadRecipe)))]
    async fn recipe(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The pizza; an id or a code.")] pizza: ID,
        #[graphql(desc = "The size.")] size: PizzaSize,
        #[graphql(
            desc = "In which version of the menu, as `recipeVersion` of an order's line says it; as it is now when left out."
        )]
        version: Option<u32>,
        #[graphql(desc = "Waits, at most five seconds, until this position is read.")]
        at_least_position: Option<Position>,
    ) -> Result<Recipe, ApiError> {
        ctx.caller()?.authorize(Permission::ReadRecipe, Scope::Group)?;
        let services = ctx.services()?;
        services.at_least(&[Model::Menus], at_least_position).await?;
        let code = ItemCode::parse(&pizza).ok_or(ApiError::NotFound("pizza"))?;
        let recipe = match version {
            Some(version) => {
                let row = ctx.loaders()?.load_one(MenuVersion(version)).await?;
                row.and_then(|row| {
                    let menu = Arc::new(row.menu.clone());
                    Recipe::of(&menu, row.published_at, code, size.into(), Origin::Version)
                })
            }
            None => menus::current(&services.pool).await?.and_then(|row| {
                Recipe::of(&Arc::new(row.menu), row.published_at, code, size.into(), Origin::Current)
            }),
        };
        recipe.ok_or(ApiError::NotFound("pizza"))
    }

    /// What a basket would cost now, when it would be ready, and what stands in its way. For anybody, no
    /// account needed.
    async fn quote_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What.")] input: QuoteOrderInput,
        #[graphql(desc = "Waits, at most five seconds, until this position is read.")]
        at_least_position: Option<Position>,
    ) -> Result<Quote, ApiError> {
        let caller = ctx.caller()?;
        // A quote is the menu added up: whoever may read the menu may, signed in or not.
        caller.authorize(Permission::ReadMenu, Scope::Group)?;
        let id = PizzeriaId::required(&input.pizzeria_id, "input.pizzeriaId")?;
        let mut problems = Problems::default();
        let read = problems.basket_lines("lines", &input.lines);
        let place = self.place(ctx, &mut problems, &input).await?;
        let expected = input.expected_total.and_then(|total| problems.amount("expectedTotal", total));
        let services = ctx.services()?;
        let models =
            [Model::Menus, Model::Pizzerias, Model::StockLevels, Model::KitchenQueue, Model::Deliveries];
        services.at_least(&models, at_least_position).await?;
        let pizzeria = Pizzeria::load(ctx, &id).await?;
        let menu = menu_of(ctx, &id, None).await?;
        let terms = Terms {
            fulfilment: input.fulfilment.into(),
            channel: input.channel.map(Into::into),
            payment: input.payment.map(Into::into),
            by_customer: caller.actor.as_ref().is_none_or(|actor| actor.role == Role::Customer),
        };
        let basket = Basket { fulfilment: input.fulfilment.into(), lines: read.lines.clone(), place };
        let stock = menu.shop.as_ref().map(|(_, stock)| stock.clone()).unwrap_or_default();
        let now = ctx.now()?;
        let load = match at_least_position {
            Some(_) => services.kitchens.load_anew(&id, now).await?,
            None => services.kitchens.load(&id, now).await?,
        };
        let mut contradictions = terms.contradictions();
        let online = services.payments.is_available();
        if input.payment == Some(PaymentIntent::Online) && !online {
            contradictions.push(OrderError::OnlinePaymentUnavailable);
        }
        let intents = payment_intents(basket.fulfilment, online);
        let quoted = quote(&menu.menu, &pizzeria.pizzeria, &stock, &basket, load, now);
        let (quote, obstacles) = match quoted {
            Ok(quote) => {
                let mut obstacles = quote.obstacles.clone();
                let actual = quote.pricing.total;
                let changed = expected.filter(|expected| *expected != actual);
                obstacles.extend(changed.map(|expected| OrderError::PriceChanged { expected, actual }));
                (Some(quote).filter(|_| read.is_whole()), obstacles)
            }
            Err(obstacles) => (None, obstacles),
        };
        let refusals = contradictions.into_iter().chain(obstacles).map(Refusal::from);
        let refusals =
            refusals.filter_map(|refusal| read.in_input(refusal)).filter(|refusal| !problems.cover(refusal));
        let refusals: Vec<_> = refusals.collect();
        let exact = sees_stock(caller, Some(&id));
        let refused = |refusal: Refusal| {
            let error = UserError::new(&refusal, caller.lang, Vec::new()).at_line_of(&refusal, &basket.lines);
            if exact { error } else { error.without_stock_figures(&refusal, caller.lang) }
        };
        let mut user_errors = problems.user_errors(caller.lang);
        user_errors.extend(refusals.into_iter().map(refused));
        Ok(match quote {
            Some(quote) => Quote::priced(&quote, intents, user_errors, exact, menu.position),
            None => Quote::refused(intents, user_errors, menu.position),
        })
    }
}

impl MenuQuery {
    async fn place(
        &self,
        ctx: &Context<'_>,
        problems: &mut Problems,
        input: &QuoteOrderInput,
    ) -> Result<Option<Place>, ApiError> {
        if input.fulfilment != Fulfilment::Delivery {
            return Ok(None);
        }
        if let Some(address) = input.contact.as_ref().and_then(|contact| contact.address.as_ref()) {
            return Ok(problems.address_place("contact.address", address));
        }
        let own = own_account(ctx).await?.and_then(|own| Some((own.0.latitude?, own.0.longitude?)));
        Ok(own.and_then(|(latitude, longitude)| Place::from_degrees(latitude, longitude).ok()))
    }
}
