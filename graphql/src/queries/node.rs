//! The query for any entity by its id.

use async_graphql::{Context, ID, Object};
use domain::LogPosition;
use domain::access::{Permission, Role, Scope, has_permission};
use domain::ids::{IngredientCode, ItemCode, PizzeriaId, StaffId};
use projections::Model;

use super::account::own_account;
use super::delivery::visible_delivery;
use super::log::visible_event;
use super::menu::{menu_of, menu_without_stock};
use super::order::visible_order;
use super::stock::visible_stock;
use crate::as_of::{AsOf, PointInTime};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::open;
use crate::ids::{GlobalId, Named, ValueTime, named};
use crate::loaders::MenuVersion;
use crate::scalars;
use crate::types::menu::{Ingredient, Menu};
use crate::types::node::Node;
use crate::types::pizzeria::{Pizzeria, is_hidden};
use crate::types::staff::Staff;

/// The query for entities by id.
#[derive(Debug, Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// An entity by its id; `null` if it is unknown or not visible to the caller. A bare code is looked up
    /// among the pizzerias, then on the menu. The menu's items are open to every caller.
    #[graphql(directive = open::apply())]
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The entity's id, or the code of a pizzeria or of a menu item.")] id: ID,
    ) -> Result<Option<Node>, ApiError> {
        if !id.contains(':') {
            if let Some(pizzeria) = PizzeriaId::parse(&id)
                && let Some(pizzeria) = visible_pizzeria(ctx, pizzeria).await?
            {
                return Ok(Some(Node::Pizzeria(pizzeria)));
            }
            return match ItemCode::parse(&id) {
                Some(code) => Ok(on_the_menu(ctx, &menu_without_stock(ctx).await?, code)?),
                None => Ok(None),
            };
        }
        match named(&id) {
            Some((named, ValueTime::Present)) => present(ctx, named).await,
            Some((named, ValueTime::Position(position))) => past(ctx, named, position).await,
            Some((named, ValueTime::MenuVersion(version))) => of_version(ctx, named, version).await,
            None => Ok(None),
        }
    }
}

/// Loads an entity's present state.
async fn present(ctx: &Context<'_>, named: Named) -> Result<Option<Node>, ApiError> {
    Ok(match named {
        Named::Order(id) => visible_order(ctx, id, None).await?.map(Node::Order),
        Named::Delivery(id) => visible_delivery(ctx, id, None).await?.map(Node::Delivery),
        Named::Pizzeria(id) => visible_pizzeria(ctx, id).await?.map(Node::Pizzeria),
        Named::Item(code) => on_the_menu(ctx, &menu_without_stock(ctx).await?, code)?,
        Named::MenuItem(pizzeria, code) => match menu_there(ctx, pizzeria, None).await? {
            Some(menu) => on_the_menu(ctx, &menu, code)?,
            None => None,
        },
        Named::Extra(Some(pizzeria), code) => {
            menu_there(ctx, pizzeria, None).await?.and_then(|menu| extra_of(&menu, &code))
        }
        Named::Extra(None, code) => extra_of(&menu_without_stock(ctx).await?, &code),
        Named::Stock(pizzeria) => visible_stock(ctx, &pizzeria, None).await?.map(Node::Stock),
        Named::Staff(id) => visible_staff(ctx, id).await?.map(Node::Staff),
        Named::Customer(id) => {
            let own = own_account(ctx).await?;
            own.filter(|account| account.0.role == Role::Customer && account.0.id == id.0).map(Node::Account)
        }
        Named::Event(position) => visible_event(ctx, position).await?.map(Node::Event),
        Named::Ingredient(code) => {
            let menu = menu_without_stock(ctx).await?.menu;
            is_known(&menu, &code).then(|| Node::Ingredient(Ingredient::of(&menu, &code)))
        }
    })
}

/// Loads an entity's state right after an event; `None` for entities without past states.
async fn past(ctx: &Context<'_>, named: Named, position: LogPosition) -> Result<Option<Node>, ApiError> {
    let as_of = Some(AsOf::Position(scalars::Position(position)));
    match named {
        Named::Order(id) => {
            let point = PointInTime::of(ctx, &[], as_of, None).await?;
            Ok(visible_order(ctx, id, point).await?.map(Node::Order))
        }
        Named::Delivery(id) => {
            let point = PointInTime::of(ctx, &[], as_of, None).await?;
            Ok(visible_delivery(ctx, id, point).await?.map(Node::Delivery))
        }
        Named::Pizzeria(id) => {
            let point = PointInTime::of(ctx, &[], as_of, None).await?;
            match Pizzeria::load_as_of(ctx, &id, point).await {
                Ok(pizzeria) => Ok(Some(Node::Pizzeria(pizzeria))),
                Err(ApiError::NotFound(_)) => Ok(None),
                Err(error) => Err(error),
            }
        }
        Named::Stock(pizzeria) => {
            let point = PointInTime::of(ctx, &[Model::Menus], as_of, None).await?;
            Ok(visible_stock(ctx, &pizzeria, point).await?.map(Node::Stock))
        }
        Named::MenuItem(pizzeria, code) => {
            let point = PointInTime::of(ctx, &[Model::Menus], as_of, None).await?;
            match menu_there(ctx, pizzeria, point).await? {
                Some(menu) => on_the_menu(ctx, &menu, code),
                None => Ok(None),
            }
        }
        Named::Extra(Some(pizzeria), code) => {
            let point = PointInTime::of(ctx, &[Model::Menus], as_of, None).await?;
            Ok(menu_there(ctx, pizzeria, point).await?.and_then(|menu| extra_of(&menu, &code)))
        }
        Named::Item(_)
        | Named::Extra(None, _)
        | Named::Ingredient(_)
        | Named::Staff(_)
        | Named::Customer(_)
        | Named::Event(_) => Ok(None),
    }
}

/// Loads an item of the group's menu from a version; `None` for other entities.
async fn of_version(ctx: &Context<'_>, named: Named, version: u32) -> Result<Option<Node>, ApiError> {
    let (Named::Item(_) | Named::Extra(None, _) | Named::Ingredient(_)) = &named else { return Ok(None) };
    let Some(row) = ctx.loaders()?.load_one(MenuVersion(version)).await? else { return Ok(None) };
    let menu = Menu::of_version(row.menu.clone(), row.position);
    match named {
        Named::Item(code) => on_the_menu(ctx, &menu, code),
        Named::Extra(None, code) => Ok(extra_of(&menu, &code)),
        Named::Ingredient(code) => {
            Ok(is_known(&menu.menu, &code)
                .then(|| Node::Ingredient(Ingredient::of_version(&menu.menu, &code))))
        }
        Named::Order(_)
        | Named::Delivery(_)
        | Named::Pizzeria(_)
        | Named::MenuItem(..)
        | Named::Extra(Some(_), _)
        | Named::Stock(_)
        | Named::Staff(_)
        | Named::Customer(_)
        | Named::Event(_) => Ok(None),
    }
}

/// Loads the menu of a pizzeria, if the caller may see the pizzeria.
async fn menu_there(
    ctx: &Context<'_>,
    pizzeria: PizzeriaId,
    point: Option<PointInTime>,
) -> Result<Option<Menu>, ApiError> {
    match Pizzeria::load_as_of(ctx, &pizzeria, point).await {
        Ok(_) => menu_of(ctx, &pizzeria, point).await.map(Some),
        Err(ApiError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn extra_of(menu: &Menu, code: &IngredientCode) -> Option<Node> {
    menu.menu.extras.get(code).map(|extra| Node::Extra(menu.extra(extra)))
}

fn is_known(menu: &domain::menu::Menu, code: &IngredientCode) -> bool {
    menu.ingredients.contains_key(code) || menu.sides.contains_key(&ItemCode::from(code))
}

/// Loads a pizzeria, unless it is the hidden pizzeria of the functional check.
async fn visible_pizzeria(ctx: &Context<'_>, id: PizzeriaId) -> Result<Option<Pizzeria>, ApiError> {
    if is_hidden(&id, ctx.caller()?.actor.as_ref()) {
        return Ok(None);
    }
    Ok(ctx.loaders()?.load_one(id).await?.map(Into::into))
}

/// Looks up a pizza, a drink or a dessert on a menu.
fn on_the_menu(ctx: &Context<'_>, menu: &Menu, code: ItemCode) -> Result<Option<Node>, ApiError> {
    if let Some(side) = menu.menu.sides.get(&code) {
        return Ok(Some(Node::Side(menu.side(ctx, side)?)));
    }
    let known = menu.menu.pizzas.contains_key(&code);
    Ok(known.then(|| Node::Pizza(menu.pizza(code))))
}

/// Loads a member of staff, for callers who may see deliveries of that pizzeria.
async fn visible_staff(ctx: &Context<'_>, id: StaffId) -> Result<Option<Staff>, ApiError> {
    let caller = ctx.caller()?;
    if caller.actor.as_ref().is_none_or(|actor| actor.id != id.0) {
        // Checked before the lookup, which would reveal whether the id exists.
        has_permission(caller.actor.as_ref(), Permission::ListDeliveries)?;
    }
    let Some(account) = Staff(id).account(ctx).await? else { return Ok(None) };
    let scope = account.pizzeria.as_ref().map_or(Scope::Group, Scope::Pizzeria);
    let own = caller.actor.as_ref().is_some_and(|actor| actor.id == account.id);
    if !own {
        caller.authorize(Permission::ListDeliveries, scope)?;
    }
    Ok(Some(Staff(id)))
}
