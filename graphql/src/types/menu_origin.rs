//! The ids of menu items, and how precisely a caller sees the stock behind them.

use async_graphql::{Context, ID};
use domain::access::{Permission, Scope};
use domain::ids::{IngredientCode, ItemCode, PizzeriaId};
use domain::menu;

use super::menu::Ingredient;
use crate::as_of::PointInTime;
use crate::context::{ApiContext, Caller};
use crate::error::ApiError;
use crate::ids::{self, GlobalId};

/// The menu that an item is shown on. Items with the same code on different menus have different ids.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// The group's current menu.
    Current,
    /// A version of the group's menu.
    Version,
    /// A pizzeria's current menu.
    Pizzeria(PizzeriaId),
    /// A pizzeria's menu at a point in time.
    Past(PizzeriaId, PointInTime),
}

impl Origin {
    pub(super) fn pizzeria(&self) -> Option<&PizzeriaId> {
        match self {
            Self::Current | Self::Version => None,
            Self::Pizzeria(pizzeria) | Self::Past(pizzeria, _) => Some(pizzeria),
        }
    }

    pub(super) fn item(&self, code: &ItemCode, version: u32) -> ID {
        match self {
            Self::Current => code.to_global(),
            Self::Version => ids::at_version(code.to_global(), version),
            Self::Pizzeria(pizzeria) => ids::menu_item(pizzeria, code),
            Self::Past(pizzeria, point) => ids::at_point(ids::menu_item(pizzeria, code), Some(*point)),
        }
    }

    pub(super) fn extra(&self, code: &IngredientCode, version: u32) -> ID {
        match self {
            Self::Current => ids::extra(None, code),
            Self::Version => ids::at_version(ids::extra(None, code), version),
            Self::Pizzeria(pizzeria) => ids::extra(Some(pizzeria), code),
            Self::Past(pizzeria, point) => ids::at_point(ids::extra(Some(pizzeria), code), Some(*point)),
        }
    }

    /// Converts an ingredient as this menu describes it.
    pub(super) fn ingredient(&self, menu: &menu::Menu, code: &IngredientCode) -> Ingredient {
        match self {
            Self::Current | Self::Pizzeria(_) => Ingredient::of(menu, code),
            Self::Version | Self::Past(..) => Ingredient::of_version(menu, code),
        }
    }
}

/// Upper bound on the counts shown to callers who may not read the stock.
pub const COUNT_SHOWN_MAX: u32 = 10;

/// Returns a count derived from a pizzeria's stock: exact for callers who may read the stock, capped at
/// [`COUNT_SHOWN_MAX`] for others.
///
/// # Errors
/// Fails with `INTERNAL` if the schema was built without its services.
pub(crate) fn shown_count(
    ctx: &Context<'_>,
    pizzeria: Option<&PizzeriaId>,
    count: u32,
) -> Result<u32, ApiError> {
    let exact = sees_stock(ctx.caller()?, pizzeria);
    Ok(if exact { count } else { count.min(COUNT_SHOWN_MAX) })
}

/// Returns whether a caller may see a pizzeria's exact stock.
pub(crate) fn sees_stock(caller: &Caller, pizzeria: Option<&PizzeriaId>) -> bool {
    caller.may(Permission::ReadStock, pizzeria.map_or(Scope::Group, Scope::Pizzeria))
}
