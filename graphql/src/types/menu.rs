//! The menu of a pizzeria as clients see it: items, prices and current availability.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use domain::ids::{IngredientCode, ItemCode, PizzeriaId};
use domain::menu::{self, Category, Makeable};
use domain::note::Reason;
use domain::stock::Stock;
use domain::{AggregateState, LogPosition};
use event_store::CommandResult;

use super::comment::text_of_reason;
use super::enums::{Allergen, PizzaSize, Unit, VatClass};
use super::menu_origin::{Origin, shown_count};
use crate::as_of::{self, PointInTime};
use crate::error::ApiError;
use crate::field_access::open;
use crate::ids::{self, GlobalId};
use crate::scalars::{self, Money};

/// The group's menu, with the stock that decides availability.
#[derive(Debug, Clone)]
pub struct Menu {
    /// The menu.
    pub menu: Arc<menu::Menu>,
    /// The pizzeria and its stock; `None` for the group's menu.
    pub shop: Option<(PizzeriaId, Arc<Stock>)>,
    /// Menu and stock include the log at least up to this position.
    pub position: LogPosition,
    /// The point in the past that both are of; `None` for the present.
    pub as_of: Option<PointInTime>,
    /// Whether this is a given version of the group's menu, current or not.
    pub is_version: bool,
}

impl Menu {
    /// Builds a version of the group's menu, without a pizzeria's stock.
    pub fn of_version(menu: menu::Menu, position: LogPosition) -> Self {
        Self { menu: Arc::new(menu), shop: None, position, as_of: None, is_version: true }
    }

    /// Returns the state of a command's result, without a pizzeria's stock; `head` is the position to show when nothing was stored.
    pub fn of_result(result: &CommandResult, head: LogPosition) -> Option<Self> {
        match &*result.state {
            AggregateState::Menu(menu) => Some(Self {
                menu: Arc::new(menu.clone()),
                shop: None,
                position: result.position.unwrap_or(head),
                as_of: None,
                is_version: false,
            }),
            _ => None,
        }
    }

    /// Returns what the ids of the menu's items carry beside their codes.
    pub(crate) fn origin(&self) -> Origin {
        match (&self.shop, self.as_of) {
            (None, _) if self.is_version => Origin::Version,
            (None, _) => Origin::Current,
            (Some((pizzeria, _)), None) => Origin::Pizzeria(pizzeria.clone()),
            (Some((pizzeria, _)), Some(point)) => Origin::Past(pizzeria.clone(), point),
        }
    }

    fn stock(&self) -> Option<&Arc<Stock>> {
        self.shop.as_ref().map(|(_, stock)| stock)
    }

    fn sides(&self, ctx: &Context<'_>, category: Category) -> Result<Vec<Side>, ApiError> {
        let sides = self.menu.sides.values().filter(|side| side.category == category);
        sides.map(|side| self.side(ctx, side)).collect()
    }

    /// Returns a drink or a dessert, with the number left where the stock is known.
    ///
    /// # Errors
    /// Fails with `INTERNAL` if the schema was built without its services.
    pub(crate) fn side(&self, ctx: &Context<'_>, side: &menu::Side) -> Result<Side, ApiError> {
        let origin = self.origin();
        let makeable = |stock: &Arc<Stock>| self.menu.side_makeable(&side.code, stock);
        let left = self.stock().map(|stock| makeable(stock).map_or(0, |makeable| makeable.count));
        let left = left.map(|left| shown_count(ctx, origin.pizzeria(), left)).transpose()?;
        let allergens = self.menu.allergens_of(std::iter::once(&IngredientCode::from(&side.code)));
        Ok(Side {
            id: origin.item(&side.code, self.menu.version),
            code: side.code.to_string(),
            name: side.name.clone(),
            vat_class: side.vat_class.into(),
            price: side.price.into(),
            allergens: allergens.into_iter().map(Allergen::from).collect(),
            available: left.map(|left| left > 0),
            left,
        })
    }

    /// Returns a pizza by its code.
    pub(crate) fn pizza(&self, code: ItemCode) -> Pizza {
        let stock = self.stock().cloned();
        Pizza { menu: self.menu.clone(), stock, code, origin: self.origin() }
    }

    /// Converts an extra.
    pub(crate) fn extra(&self, extra: &menu::Extra) -> Extra {
        let origin = self.origin();
        let ingredient = origin.ingredient(&self.menu, &extra.ingredient);
        let enough = |stock: &Arc<Stock>| stock.available(&extra.ingredient) >= extra.quantity.signed();
        Extra {
            id: origin.extra(&extra.ingredient, self.menu.version),
            allergens: ingredient.allergens.clone(),
            ingredient,
            quantity: extra.quantity.0,
            price: extra.price.into(),
            available: self.stock().map(enough),
        }
    }
}

/// The items on sale, their prices and their current availability.
#[Object(directive = open::apply())]
impl Menu {
    /// The version of the group's menu.
    async fn version(&self) -> u32 {
        self.menu.version
    }

    /// Menu and availability include the log at least up to this position.
    async fn position(&self) -> scalars::Position {
        scalars::Position(self.position)
    }

    /// The log position given by `asOf`: prices and availability below are of this position. `null` for the
    /// present.
    async fn as_of_position(&self) -> Option<scalars::Position> {
        as_of::position(self.as_of)
    }

    /// The pizzas, ordered by code.
    async fn pizzas(&self) -> Vec<Pizza> {
        self.menu.pizzas.keys().map(|code| self.pizza(code.clone())).collect()
    }

    /// The drinks, ordered by code.
    async fn drinks(&self, ctx: &Context<'_>) -> Result<Vec<Side>, ApiError> {
        self.sides(ctx, Category::Drink)
    }

    /// The desserts, ordered by code.
    async fn desserts(&self, ctx: &Context<'_>) -> Result<Vec<Side>, ApiError> {
        self.sides(ctx, Category::Dessert)
    }

    /// The extras for pizzas, ordered by ingredient.
    async fn extras(&self) -> Vec<Extra> {
        self.menu.extras.values().map(|extra| self.extra(extra)).collect()
    }
}

/// A pizza of the menu.
#[derive(Debug, Clone)]
pub struct Pizza {
    /// The menu that lists the pizza.
    pub menu: Arc<menu::Menu>,
    /// The stock that decides availability, where it is known.
    pub stock: Option<Arc<Stock>>,
    /// The pizza's code.
    pub code: ItemCode,
    /// The menu that the pizza is shown on.
    pub(crate) origin: Origin,
}

/// A pizza of the menu.
#[Object(directive = open::apply())]
impl Pizza {
    /// The id: `menuItem:P1:MAR` on a pizzeria's menu, since availability differs by pizzeria; `item:MAR` on
    /// the group's.
    pub async fn id(&self) -> ID {
        self.origin.item(&self.code, self.menu.version)
    }

    /// The code, such as `MAR`; accepted wherever the id is.
    async fn code(&self) -> &str {
        self.code.as_str()
    }

    /// The pizza's name.
    async fn name(&self) -> &str {
        self.menu.pizzas.get(&self.code).map_or("", |pizza| &pizza.name)
    }

    /// The allergens of its ingredients.
    async fn allergens(&self) -> Vec<Allergen> {
        let pizza = self.menu.pizzas.get(&self.code);
        pizza.into_iter().flat_map(|pizza| self.menu.allergens(pizza)).map(Allergen::from).collect()
    }

    /// The ingredients of any of its sizes, without dough and boxes.
    async fn ingredients(&self) -> Vec<Ingredient> {
        let Some(pizza) = self.menu.pizzas.get(&self.code) else { return Vec::new() };
        let codes: std::collections::BTreeSet<_> =
            pizza.sizes.values().flat_map(|sized| sized.recipe.iter().map(|(code, _)| code)).collect();
        let ingredients = codes.into_iter().map(|code| self.origin.ingredient(&self.menu, code));
        ingredients.filter(|ingredient| ingredient.removable).collect()
    }

    /// The sizes on sale.
    async fn sizes(&self, ctx: &Context<'_>) -> Result<Vec<SizedPizza>, ApiError> {
        let Some(pizza) = self.menu.pizzas.get(&self.code) else { return Ok(Vec::new()) };
        let sizes = pizza.sizes.iter();
        sizes
            .map(|(size, sized)| {
                let none = Makeable { count: 0, limiting: None, blocked: false };
                let stock = self.stock.as_ref();
                let makeable =
                    stock.map(|stock| self.menu.makeable(&self.code, *size, stock).unwrap_or(none));
                let count = makeable.as_ref().map(|can| if can.blocked { 0 } else { can.count });
                let count = count.map(|count| shown_count(ctx, self.origin.pizzeria(), count)).transpose()?;
                let limiting = makeable.and_then(|makeable| makeable.limiting);
                let blocked = stock.and_then(|stock| stock.blocked(&self.code, *size));
                Ok(SizedPizza {
                    size: (*size).into(),
                    price: sized.price.into(),
                    available: count.map(|count| count > 0),
                    makeable: count,
                    limiting_ingredient: limiting.map(|code| self.origin.ingredient(&self.menu, &code)),
                    blocked,
                })
            })
            .collect()
    }
}

/// One size of a pizza.
#[derive(Debug, SimpleObject)]
#[graphql(complex, directive = open::apply())]
pub struct SizedPizza {
    /// The size.
    pub size: PizzaSize,
    /// The price, VAT included.
    pub price: Money,
    /// Whether at least one can be made now; `null` outside the menu of a pizzeria.
    pub available: Option<bool>,
    /// How many can be made now; 0 while it is blocked; `null` outside the menu of a pizzeria. Callers
    /// without access to the stock see at most 10, which then means 10 or more.
    pub makeable: Option<u32>,
    /// The ingredient that runs out first; `null` outside the menu of a pizzeria.
    pub limiting_ingredient: Option<Ingredient>,
    #[graphql(skip)]
    blocked: Option<Reason>,
}

#[ComplexObject]
impl SizedPizza {
    /// The pizzeria's reason for blocking the pizza; `null` unless it is blocked.
    async fn blocked(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        text_of_reason(ctx, self.blocked.as_ref()).await
    }
}

/// A drink or a dessert.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct Side {
    /// The item's id.
    #[graphql(owned)]
    pub id: ID,
    /// The code, such as `COLA`; accepted wherever the id is.
    pub code: String,
    /// The item's name.
    pub name: String,
    /// The class for VAT.
    pub vat_class: VatClass,
    /// The price, VAT included.
    pub price: Money,
    /// The allergens.
    pub allergens: Vec<Allergen>,
    /// Whether at least one is left; `null` outside the menu of a pizzeria.
    pub available: Option<bool>,
    /// How many are left; `null` outside the menu of a pizzeria. Callers without access to the stock see at
    /// most 10, which then means 10 or more.
    pub left: Option<u32>,
}

/// An extra for a pizza.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct Extra {
    /// The id, accepted in `extras` of an order line, like the ingredient's id.
    #[graphql(owned)]
    pub id: ID,
    /// The ingredient that is added.
    pub ingredient: Ingredient,
    /// The allergens.
    pub allergens: Vec<Allergen>,
    /// The quantity added, in the ingredient's unit, the same for every size.
    pub quantity: u32,
    /// The price, VAT included.
    pub price: Money,
    /// Whether enough is left for one; `null` outside the menu of a pizzeria.
    pub available: Option<bool>,
}

/// An ingredient, a drink or a dessert, as counted in stock.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct Ingredient {
    /// The ingredient's id.
    #[graphql(owned)]
    pub id: ID,
    /// The code, such as `GOAT_CHEESE`; accepted wherever the id is.
    pub code: String,
    /// The ingredient's name.
    pub name: String,
    /// The unit in which quantities are counted.
    pub unit: Unit,
    /// The allergens.
    pub allergens: Vec<Allergen>,
    /// Whether a customer may leave it out.
    pub removable: bool,
}

impl Ingredient {
    /// Looks up an ingredient in the current menu. A code that the menu does not describe is shown with its
    /// code as name, counted in pieces, as drinks and desserts are.
    pub fn of(menu: &menu::Menu, code: &IngredientCode) -> Self {
        let side = menu.sides.get(&ItemCode::from(code));
        match menu.ingredients.get(code) {
            Some(ingredient) => Self {
                id: code.to_global(),
                code: code.to_string(),
                name: ingredient.name.clone(),
                unit: ingredient.unit.into(),
                allergens: ingredient.allergens.iter().copied().map(Allergen::from).collect(),
                removable: ingredient.removable,
            },
            None => Self {
                id: code.to_global(),
                code: code.to_string(),
                name: side.map_or_else(|| code.to_string(), |side| side.name.clone()),
                unit: Unit::Piece,
                allergens: Vec::new(),
                removable: false,
            },
        }
    }

    /// Looks up an ingredient, as [`Ingredient::of`] does, in a menu that may be of the past.
    pub fn of_version(menu: &menu::Menu, code: &IngredientCode) -> Self {
        let ingredient = Self::of(menu, code);
        Self { id: ids::at_version(ingredient.id, menu.version), ..ingredient }
    }
}

/// The recipe of a pizza in one size.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct Recipe {
    /// The pizza.
    pub pizza: Pizza,
    /// The size.
    pub size: PizzaSize,
    /// The version of the menu that the recipe is from.
    pub version: u32,
    /// The time when that version was published.
    pub published_at: DateTime<Utc>,
    /// The ingredients of one pizza, dough and box included.
    pub ingredients: Vec<RecipeLine>,
}

/// The quantity of one ingredient in a recipe.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct RecipeLine {
    /// The ingredient.
    pub ingredient: Ingredient,
    /// The quantity, in the ingredient's unit.
    pub quantity: u32,
}

impl Recipe {
    /// Returns the recipe from a version of the menu, or `None` if that version does not sell the pizza in
    /// this size. `origin` is [`Origin::Current`] for the current menu.
    pub(crate) fn of(
        menu: &Arc<menu::Menu>,
        published_at: DateTime<Utc>,
        code: ItemCode,
        size: menu::PizzaSize,
        origin: Origin,
    ) -> Option<Self> {
        let line = |(ingredient, quantity): (_, domain::Quantity)| RecipeLine {
            ingredient: origin.ingredient(menu, ingredient),
            quantity: quantity.0,
        };
        Some(Self {
            size: size.into(),
            version: menu.version,
            published_at,
            ingredients: menu.recipe(&code, size)?.iter().map(line).collect(),
            pizza: Pizza { menu: menu.clone(), stock: None, code, origin },
        })
    }
}
