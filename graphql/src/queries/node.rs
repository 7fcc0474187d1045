//! Anything by its id, for whoever may see it.

use async_graphql::{Context, ID, Object};
use domain::access::{Permission, Scope, of_role, roles_of};
use domain::ids::{CustomerId, ItemCode, PizzeriaId, StaffId};

use super::account::own_account;
use super::delivery::visible_delivery;
use super::log::visible_event;
use super::menu::menu_without_stock;
use super::order::visible_order;
use super::stock::visible_stock;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::{GlobalId, Named, named};
use crate::types::menu::{Ingredient, Pizza};
use crate::types::node::Node;
use crate::types::pizzeria::{Pizzeria, is_hidden};
use crate::types::staff::Staff;

/// Queries by id alone.
#[derive(Debug, Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Anything by its id; none when there is no such thing, or none that the caller may see. A code
    /// alone is a pizzeria's, else that of a thing on the menu. For anybody, no account needed for what
    /// is on the menu.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id.")] id: ID,
    ) -> Result<Option<Node>, ApiError> {
        if CustomerId::parse(&id).is_some() && id.starts_with("customer:") {
            let own = own_account(ctx).await?;
            let owned = own.filter(|account| id.as_str() == CustomerId(account.0.id).to_global().as_str());
            return Ok(owned.map(Node::Account));
        }
        if !id.contains(':') {
            if let Some(pizzeria) = PizzeriaId::parse(&id)
                && let Some(pizzeria) = visible_pizzeria(ctx, pizzeria).await?
            {
                return Ok(Some(Node::Pizzeria(pizzeria)));
            }
            return match ItemCode::parse(&id) {
                Some(code) => on_the_menu(ctx, code).await,
                None => Ok(None),
            };
        }
        let Some(named) = named(&id) else { return Ok(None) };
        Ok(match named {
            Named::Order(id) => visible_order(ctx, id, None).await?.map(Node::Order),
            Named::Delivery(id) => visible_delivery(ctx, id, None).await?.map(Node::Delivery),
            Named::Pizzeria(id) => visible_pizzeria(ctx, id).await?.map(Node::Pizzeria),
            Named::Item(code) => on_the_menu(ctx, code).await?,
            Named::Stock(pizzeria) => visible_stock(ctx, &pizzeria, None).await?.map(Node::Stock),
            Named::Staff(id) => visible_staff(ctx, id).await?.map(Node::Staff),
            Named::Event(position) => visible_event(ctx, position).await?.map(Node::Event),
            Named::Ingredient(code) => {
                let menu = menu_without_stock(ctx).await?.menu;
                let known =
                    menu.ingredients.contains_key(&code) || menu.sides.contains_key(&ItemCode::from(&code));
                known.then(|| Node::Ingredient(Ingredient::of(&menu, &code)))
            }
        })
    }
}

/// A pizzeria, but for the functional check's, which is not shown to everybody.
async fn visible_pizzeria(ctx: &Context<'_>, id: PizzeriaId) -> Result<Option<Pizzeria>, ApiError> {
    if is_hidden(&id, ctx.caller()?.actor.as_ref()) {
        return Ok(None);
    }
    ctx.loaders()?.load_one(id).await
}

/// A pizza, a drink or a dessert, without a pizzeria's stock.
async fn on_the_menu(ctx: &Context<'_>, code: ItemCode) -> Result<Option<Node>, ApiError> {
    let menu = menu_without_stock(ctx).await?;
    if let Some(side) = menu.menu.sides.get(&code) {
        return Ok(Some(Node::Side(menu.side(side))));
    }
    let known = menu.menu.pizzas.contains_key(&code);
    Ok(known.then_some(Node::Pizza(Pizza { menu: menu.menu, stock: None, code })))
}

/// A member of staff, for those who may see deliveries of their pizzeria.
async fn visible_staff(ctx: &Context<'_>, id: StaffId) -> Result<Option<Staff>, ApiError> {
    let caller = ctx.caller()?;
    if caller.actor.as_ref().is_none_or(|actor| actor.id != id.0) {
        // Before it is looked up: whether there is one is not for everybody to know.
        of_role(caller.actor.as_ref(), roles_of(Permission::ListDeliveries))?;
    }
    let Some(account) = Staff(id).account(ctx).await? else { return Ok(None) };
    let scope = account.pizzeria.as_ref().map_or(Scope::Group, Scope::Pizzeria);
    let own = caller.actor.as_ref().is_some_and(|actor| actor.id == account.id);
    if !own {
        caller.authorize(Permission::ListDeliveries, scope)?;
    }
    Ok(Some(Staff(id)))
}
