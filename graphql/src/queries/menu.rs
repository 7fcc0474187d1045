//! The queries for the menu and its availability, for recipes and for quotes.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object};
use domain::access::{Permission, Role};
use domain::ids::{ItemCode, PizzeriaId};
use domain::order::OrderError;
use domain::pizzeria::Place;
use domain::stock::Stock;
use domain::usecase::{Basket, Refusal, Terms, quote};
use projections::{Model, as_of, menus, stock_levels};

use super::account::own_account;
use crate::as_of::{AsOf, PointInTime};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::{open, requires};
use crate::ids::GlobalId;
use crate::inputs::{ContactInput, OrderLineInput, Problems};
use crate::loaders::{CurrentMenu, MenuVersion};
use crate::scalars::{Decimal, Position};
use crate::types::enums::{Fulfilment, OrderChannel, PaymentIntent, PizzaSize};
use crate::types::menu::{Menu, Recipe};
use crate::types::menu_origin::{Origin, sees_stock};
use crate::types::pizzeria::Pizzeria;
use crate::types::quote::{Quote, payment_intents};
use crate::types::user_error::UserError;

/// Queries for the menu.
#[derive(Debug, Default)]
pub struct MenuQuery;

/// A basket to be priced: the input of `placeOrder`, whole or in part.
#[derive(Debug, InputObject)]
pub struct QuoteOrderInput {
    /// The pizzeria's id or code.
    pub pizzeria_id: ID,
    /// How the order would reach the customer.
    pub fulfilment: Fulfilment,
    /// The lines, 1 to 50.
    pub lines: Vec<OrderLineInput>,
    /// The recipient of a delivery; only the coordinates of the address are used. Defaults to a signed-in
    /// customer's own contact.
    pub contact: Option<ContactInput>,
    /// The total that the client displayed; if the price differs, `userErrors` contains `PRICE_CHANGED`.
    pub expected_total: Option<Decimal>,
    /// As in `placeOrder`; does not change the quote.
    pub channel: Option<OrderChannel>,
    /// As in `placeOrder`; does not change the price, but `ONLINE` may be refused.
    pub payment: Option<PaymentIntent>,
    /// As in `placeOrder`; ignored.
    #[graphql(deprecation = "Use `kitchenNote` and `deliveryNote`; it may be missing from 0.4.0 on.")]
    pub note: Option<String>,
    /// As in `placeOrder`; ignored.
    pub kitchen_note: Option<String>,
    /// As in `placeOrder`; ignored.
    pub delivery_note: Option<String>,
    /// As in `placeOrder`; ignored, since a quote stores nothing.
    pub idempotency_key: Option<String>,
}

/// Loads the current menu, without a stock.
pub(super) async fn menu_without_stock(ctx: &Context<'_>) -> Result<Menu, ApiError> {
    let menu = ctx.loaders()?.load_one(CurrentMenu).await?;
    Ok(Menu {
        menu: menu.unwrap_or_default(),
        shop: None,
        position: domain::LogPosition::START,
        as_of: None,
        is_version: false,
    })
}

/// Loads the menu and a pizzeria's stock from the read models.
pub(super) async fn menu_of(
    ctx: &Context<'_>,
    pizzeria: &PizzeriaId,
    point: Option<PointInTime>,
) -> Result<Menu, ApiError> {
    let pool = &ctx.services()?.pool;
    let (menu, stock) = match point {
        Some(PointInTime { position, .. }) => {
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
        as_of: point,
        is_version: false,
    })
}

#[Object]
impl MenuQuery {
    /// The menu of a pizzeria, with prices and current availability. Open to every caller.
    #[graphql(directive = open::apply())]
    async fn menu(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The pizzeria's id or code.")] pizzeria_id: ID,
        #[graphql(desc = "Waits up to five seconds until the read model includes this position.")]
        at_least_position: Option<Position>,
        #[graphql(desc = "Returns the state at this point of the log instead of the present.")] as_of: Option<
            AsOf,
        >,
    ) -> Result<Menu, ApiError> {
        let models: &[Model] = match as_of {
            Some(_) => &[Model::Menus],
            None => &[Model::Menus, Model::Pizzerias, Model::StockLevels],
        };
        let point = PointInTime::of(ctx, models, as_of, at_least_position).await?;
        let id = PizzeriaId::parse(&pizzeria_id).ok_or(ApiError::NotFound("pizzeria"))?;
        Pizzeria::load_as_of(ctx, &id, point).await?;
        menu_of(ctx, &id, point).await
    }

    /// The recipe of a pizza in one size, from the current menu or from a version of it, including pizzas
    /// withdrawn since.
    #[graphql(directive = requires::apply(Permission::ReadRecipe))]
    async fn recipe(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The pizza's id or code.")] pizza: ID,
        #[graphql(desc = "The size.")] size: PizzaSize,
        #[graphql(
            desc = "The version of the menu, such as `recipeVersion` of an order line; the current version by default."
        )]
        version: Option<u32>,
        #[graphql(desc = "Waits up to five seconds until the read model includes this position.")]
        at_least_position: Option<Position>,
    ) -> Result<Recipe, ApiError> {
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

    /// The current price of a basket, its promised time, and why it would be refused. Open to every caller.
    #[graphql(directive = open::apply())]
    async fn quote_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The basket.")] input: QuoteOrderInput,
        #[graphql(desc = "Waits up to five seconds until the read model includes this position.")]
        at_least_position: Option<Position>,
    ) -> Result<Quote, ApiError> {
        let caller = ctx.caller()?;
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
