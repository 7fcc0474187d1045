//! Anything by its id, for whoever may see it.

use async_graphql::{Context, ID, Object};
use domain::access::{Permission, Scope};
use domain::ids::{CustomerId, StaffId};

use super::account::own_account;
use super::delivery::visible_delivery;
use super::log::visible_event;
use super::menu::menu_without_stock;
use super::order::visible_order;
use super::stock::visible_stock;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::{GlobalId, Named, named};
use crate::types::menu::Pizza;
use crate::types::node::Node;
use crate::types::staff::Staff;

/// Queries by id alone.
#[derive(Debug, Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Anything by its id; none when there is no such thing, or none that the caller may see.
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
        let Some(named) = named(&id) else { return Ok(None) };
        let loaders = ctx.loaders()?;
        Ok(match named {
            Named::Order(id) => visible_order(ctx, id).await?.map(Node::Order),
            Named::Delivery(id) => visible_delivery(ctx, id).await?.map(Node::Delivery),
            Named::Pizzeria(id) => loaders.load_one(id).await?.map(Node::Pizzeria),
            Named::Item(code) => {
                let menu = menu_without_stock(ctx).await?;
                menu.menu
                    .pizzas
                    .contains_key(&code)
                    .then(|| Node::Pizza(Pizza { menu: menu.menu.clone(), stock: menu.stock.clone(), code }))
            }
            Named::Stock(pizzeria) => visible_stock(ctx, &pizzeria).await?.map(Node::Stock),
            Named::Staff(id) => visible_staff(ctx, id).await?.map(Node::Staff),
            Named::Event(position) => visible_event(ctx, position).await?.map(Node::Event),
            // An ingredient is a value of the menu, not an entity.
            Named::Ingredient(_) => None,
        })
    }
}

/// A member of staff, for those who may see deliveries of their pizzeria.
async fn visible_staff(ctx: &Context<'_>, id: StaffId) -> Result<Option<Staff>, ApiError> {
    let Some(account) = Staff(id).account(ctx).await? else { return Ok(None) };
    let caller = ctx.caller()?;
    let scope = account.pizzeria.as_ref().map_or(Scope::Group, Scope::Pizzeria);
    let own = caller.actor.as_ref().is_some_and(|actor| actor.id == account.id);
    if !own {
        caller.authorize(Permission::ListDeliveries, scope)?;
    }
    Ok(Some(Staff(id)))
}
