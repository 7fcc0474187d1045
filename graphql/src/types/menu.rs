//! The menu of a pizzeria as clients see it: what is sold, for how much, and what can be made now.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use domain::ids::{IngredientCode, ItemCode, PizzeriaId};
use domain::menu::{self, Category, Makeable};
use domain::stock::Stock;
use domain::{AggregateState, LogPosition};
use event_store::CommandResult;

use super::enums::{Allergen, PizzaSize, Unit, VatClass};
use super::menu_origin::{Origin, shown_count};
use crate::as_of::{self, Moment};
use crate::error::ApiError;
use crate::ids::{self, GlobalId};
use crate::scalars::{self, Money};

/// The group's menu, with the stock that says what can be made of it.
#[derive(Debug, Clone)]
pub struct Menu {
    /// The menu.
    pub menu: Arc<menu::Menu>,
    /// The pizzeria asked about, and its stock; `None` for the group's menu.
    pub shop: Option<(PizzeriaId, Arc<Stock>)>,
    /// The log's position that both are of, at least.
    pub position: LogPosition,
    /// The point of the past that both are of; none for the present.
    pub as_of: Option<Moment>,
    /// Whether it is a version of the group's menu, whichever holds now.
    pub is_version: bool,
}

impl Menu {
    /// A version of the group's menu, without a pizzeria's stock.
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

    /// What the ids of its things say beside their codes.
    pub(crate) fn origin(&self) -> Origin {
        match (&self.shop, self.as_of) {
            (None, _) if self.is_version => Origin::Version,
            (None, _) => Origin::Current,
            (Some((pizzeria, _)), None) => Origin::Pizzeria(pizzeria.clone()),
            (Some((pizzeria, _)), Some(moment)) => Origin::Past(pizzeria.clone(), moment),
        }
    }

    fn stock(&self) -> Option<&Arc<Stock>> {
        self.shop.as_ref().map(|(_, stock)| stock)
    }

    fn sides(&self, ctx: &Context<'_>, category: Category) -> Result<Vec<Side>, ApiError> {
        let sides = self.menu.sides.values().filter(|side| side.category == category);
        sides.map(|side| self.side(ctx, side)).collect()
    }

    /// A drink or a dessert, with how many there are where the stock is known.
    ///
    /// # Errors
    /// `INTERNAL` when the schema was built without its services.
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

    /// A pizza by its code.
    pub(crate) fn pizza(&self, code: ItemCode) -> Pizza {
        let stock = self.stock().cloned();
        Pizza { menu: self.menu.clone(), stock, code, origin: self.origin() }
    }

    /// An extra.
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

/// What is sold, for how much, and what can be made of it now.
#[Object]
impl Menu {
    /// The version of the group's menu.
    async fn version(&self) -> u32 {
        self.menu.version
    }

    /// The log's position that the menu and its availability are of, at least.
    async fn position(&self) -> scalars::Position {
        scalars::Position(self.position)
    }

    /// The log's position that both are shown as of, where `asOf` was asked for: "now", below, is then. None
    /// for the present.
    async fn as_of_position(&self) -> Option<scalars::Position> {
        as_of::position(self.as_of)
    }

    /// The pizzas, by code.
    async fn pizzas(&self) -> Vec<Pizza> {
        self.menu.pizzas.keys().map(|code| self.pizza(code.clone())).collect()
    }

    /// The drinks, by code.
    async fn drinks(&self, ctx: &Context<'_>) -> Result<Vec<Side>, ApiError> {
        self.sides(ctx, Category::Drink)
    }

    /// The desserts, by code.
    async fn desserts(&self, ctx: &Context<'_>) -> Result<Vec<Side>, ApiError> {
        self.sides(ctx, Category::Dessert)
    }

    /// What can be added to a pizza, by ingredient.
    async fn extras(&self) -> Vec<Extra> {
        self.menu.extras.values().map(|extra| self.extra(extra)).collect()
    }
}

/// A pizza of the menu.
#[derive(Debug, Clone)]
pub struct Pizza {
    /// The menu that it is of.
    pub menu: Arc<menu::Menu>,
    /// The stock that it would be made of, where it is known.
    pub stock: Option<Arc<Stock>>,
    /// Its code.
    pub code: ItemCode,
    /// Which menu it is shown on.
    pub(crate) origin: Origin,
}

/// A pizza.
#[Object]
impl Pizza {
    /// Its id: `menuItem:P1:MAR` on a pizzeria's menu, since what can be made of it is the pizzeria's;
    /// `item:MAR` on the group's.
    pub async fn id(&self) -> ID {
        self.origin.item(&self.code, self.menu.version)
    }

    /// Its code, `MAR`; accepted wherever its id is.
    async fn code(&self) -> &str {
        self.code.as_str()
    }

    /// Its name.
    async fn name(&self) -> &str {
        self.menu.pizzas.get(&self.code).map_or("", |pizza| &pizza.name)
    }

    /// The allergens of its ingredients.
    async fn allergens(&self) -> Vec<Allergen> {
        let pizza = self.menu.pizzas.get(&self.code);
        pizza.into_iter().flat_map(|pizza| self.menu.allergens(pizza)).map(Allergen::from).collect()
    }

    /// What it is made of, in any size, dough and boxes left aside.
    async fn ingredients(&self) -> Vec<Ingredient> {
        let Some(pizza) = self.menu.pizzas.get(&self.code) else { return Vec::new() };
        let codes: std::collections::BTreeSet<_> =
            pizza.sizes.values().flat_map(|sized| sized.recipe.iter().map(|(code, _)| code)).collect();
        let ingredients = codes.into_iter().map(|code| self.origin.ingredient(&self.menu, code));
        ingredients.filter(|ingredient| ingredient.removable).collect()
    }

    /// The sizes it is sold in.
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
                    blocked: blocked.map(str::to_owned),
                })
            })
            .collect()
    }
}

/// One size of a pizza.
#[derive(Debug, SimpleObject)]
pub struct SizedPizza {
    /// The size.
    pub size: PizzaSize,
    /// What it costs, VAT included.
    pub price: Money,
    /// Whether at least one can be made now; none outside the menu of a pizzeria.
    pub available: Option<bool>,
    /// How many can be made of what is available now; 0 while it is blocked; `null` outside the menu of a pizzeria.
    /// At most 10 for callers who may not read the pizzeria's stock: 10 then says 10 or more.
    pub makeable: Option<u32>,
    /// The ingredient that runs out first; none outside the menu of a pizzeria.
    pub limiting_ingredient: Option<Ingredient>,
    /// Why the pizzeria has blocked it, if it has.
    pub blocked: Option<String>,
}

/// A drink or a dessert.
#[derive(Debug, Clone, SimpleObject)]
pub struct Side {
    /// Its id.
    #[graphql(owned)]
    pub id: ID,
    /// Its code, `COLA`; accepted wherever its id is.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its class for VAT.
    pub vat_class: VatClass,
    /// What it costs, VAT included.
    pub price: Money,
    /// Its allergens.
    pub allergens: Vec<Allergen>,
    /// Whether there is at least one now; none outside the menu of a pizzeria.
    pub available: Option<bool>,
    /// How many there are now; `null` outside the menu of a pizzeria. At most 10 for callers who may not read the
    /// pizzeria's stock: 10 then says 10 or more.
    pub left: Option<u32>,
}

/// Something that can be added to a pizza.
#[derive(Debug, Clone, SimpleObject)]
pub struct Extra {
    /// Its id, which `extras` of an order's line takes, as it takes its ingredient's.
    #[graphql(owned)]
    pub id: ID,
    /// What is added.
    pub ingredient: Ingredient,
    /// Its allergens.
    pub allergens: Vec<Allergen>,
    /// How much of it, whatever the size, in the ingredient's unit.
    pub quantity: u32,
    /// What it costs, VAT included.
    pub price: Money,
    /// Whether there is enough for one now; none outside the menu of a pizzeria.
    pub available: Option<bool>,
}

/// Something counted in stock.
#[derive(Debug, Clone, SimpleObject)]
pub struct Ingredient {
    /// Its id.
    #[graphql(owned)]
    pub id: ID,
    /// Its code, `GOAT_CHEESE`; accepted wherever its id is.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What it is counted in.
    pub unit: Unit,
    /// Its allergens.
    pub allergens: Vec<Allergen>,
    /// Whether a customer may have it left out.
    pub removable: bool,
}

impl Ingredient {
    /// By its code, on the menu as it is now; one that the menu does not describe is named by its code and counted
    /// in pieces, as drinks and desserts are.
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

    /// As [`Ingredient::of`], on a menu that may be of the past.
    pub fn of_version(menu: &menu::Menu, code: &IngredientCode) -> Self {
        let ingredient = Self::of(menu, code);
        Self { id: ids::at_version(ingredient.id, menu.version), ..ingredient }
    }
}

/// The recipe of a pizza in one size.
#[derive(Debug, SimpleObject)]
pub struct Recipe {
    /// The pizza.
    pub pizza: Pizza,
    /// The size.
    pub size: PizzaSize,
    /// The version of the menu that it is of.
    pub version: u32,
    /// When that version was published.
    pub published_at: DateTime<Utc>,
    /// What one takes, dough and box included.
    pub ingredients: Vec<RecipeLine>,
}

/// How much of one ingredient a recipe takes.
#[derive(Debug, SimpleObject)]
pub struct RecipeLine {
    /// The ingredient.
    pub ingredient: Ingredient,
    /// How much, in the ingredient's unit.
    pub quantity: u32,
}

impl Recipe {
    /// The recipe on a version of the menu; `None` when that version does not sell the pizza in this size.
    /// `origin` is [`Origin::Current`] for the menu as it is now.
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
