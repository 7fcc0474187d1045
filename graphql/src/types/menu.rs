//! The menu of a pizzeria as clients see it: what is sold, for how much, and what can be made now.

use std::sync::Arc;

use async_graphql::{ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use domain::ids::{IngredientCode, ItemCode};
use domain::menu::{self, Category, Makeable};
use domain::stock::Stock;
use domain::{AggregateState, LogPosition};
use event_store::Outcome;

use super::enums::{Allergen, PizzaSize, Unit, VatClass};
use crate::as_of::{self, Moment};
use crate::ids::GlobalId;
use crate::scalars::{self, Money};

/// The group's menu, with the stock that says what can be made of it.
#[derive(Debug, Clone)]
pub struct Menu {
    /// The menu.
    pub menu: Arc<menu::Menu>,
    /// The stock of the pizzeria asked about; none where no pizzeria is.
    pub stock: Option<Arc<Stock>>,
    /// The log's position that both are of, at least.
    pub position: LogPosition,
    /// The point of the past that both are of; none for the present.
    pub as_of: Option<Moment>,
}

impl Menu {
    /// From a command's outcome, without a pizzeria's stock; `head` is the position to show when nothing was stored.
    pub fn of_outcome(outcome: &Outcome, head: LogPosition) -> Option<Self> {
        match &*outcome.state {
            AggregateState::Menu(menu) => Some(Self {
                menu: Arc::new(menu.clone()),
                stock: None,
                position: outcome.position.unwrap_or(head),
                as_of: None,
            }),
            _ => None,
        }
    }

    fn sides(&self, category: Category) -> Vec<Side> {
        let sides = self.menu.sides.values().filter(|side| side.category == category);
        sides.map(|side| self.side(side)).collect()
    }

    /// A drink or a dessert, with how many there are where the stock is known.
    pub(crate) fn side(&self, side: &menu::Side) -> Side {
        let makeable = |stock: &Arc<Stock>| self.menu.side_makeable(&side.code, stock);
        let left = self.stock.as_ref().map(|stock| makeable(stock).map_or(0, |makeable| makeable.count));
        Side {
            id: side.code.to_global(),
            code: side.code.to_string(),
            name: side.name.clone(),
            vat_class: side.vat_class.into(),
            price: side.price.into(),
            available: left.map(|left| left > 0),
            left,
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
    async fn position(&self) -> scalars::LogPosition {
        scalars::LogPosition(self.position)
    }

    /// The log's position that both are shown as of, where `asOf` was asked for: "now", below, is then. None
    /// for the present.
    async fn as_of_position(&self) -> Option<scalars::LogPosition> {
        as_of::position(self.as_of)
    }

    /// The pizzas, by code.
    async fn pizzas(&self) -> Vec<Pizza> {
        let pizzas = self.menu.pizzas.keys();
        pizzas
            .map(|code| Pizza { menu: self.menu.clone(), stock: self.stock.clone(), code: code.clone() })
            .collect()
    }

    /// The drinks, by code.
    async fn drinks(&self) -> Vec<Side> {
        self.sides(Category::Drink)
    }

    /// The desserts, by code.
    async fn desserts(&self) -> Vec<Side> {
        self.sides(Category::Dessert)
    }

    /// What can be added to a pizza, by ingredient.
    async fn extras(&self) -> Vec<Extra> {
        let extras = self.menu.extras.values();
        extras
            .map(|extra| Extra {
                id: extra.ingredient.to_global(),
                ingredient: Ingredient::of(&self.menu, &extra.ingredient),
                quantity: extra.quantity.0,
                price: extra.price.into(),
                available: self
                    .stock
                    .as_ref()
                    .map(|stock| stock.available(&extra.ingredient) >= extra.quantity.signed()),
            })
            .collect()
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
}

/// A pizza.
#[Object]
impl Pizza {
    /// Its id.
    pub async fn id(&self) -> ID {
        self.code.to_global()
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
        let ingredients = codes.into_iter().map(|code| Ingredient::of(&self.menu, code));
        ingredients.filter(|ingredient| ingredient.removable).collect()
    }

    /// The sizes it is sold in.
    async fn sizes(&self) -> Vec<SizedPizza> {
        let Some(pizza) = self.menu.pizzas.get(&self.code) else { return Vec::new() };
        let sizes = pizza.sizes.iter();
        sizes
            .map(|(size, sized)| {
                let none = Makeable { count: 0, limiting: None, blocked: false };
                let stock = self.stock.as_ref();
                let makeable =
                    stock.map(|stock| self.menu.makeable(&self.code, *size, stock).unwrap_or(none));
                let count = makeable.as_ref().map(|can| if can.blocked { 0 } else { can.count });
                let limiting = makeable.and_then(|makeable| makeable.limiting);
                let blocked = stock.and_then(|stock| stock.blocked(&self.code, *size));
                SizedPizza {
                    size: (*size).into(),
                    price: sized.price.into(),
                    available: count.map(|count| count > 0),
                    makeable: count,
                    limiting_ingredient: limiting.map(|code| Ingredient::of(&self.menu, &code)),
                    blocked: blocked.map(str::to_owned),
                }
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
    /// How many can be made of what is available now; 0 while it is blocked; none outside the menu of a
    /// pizzeria.
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
    /// Whether there is at least one now; none outside the menu of a pizzeria.
    pub available: Option<bool>,
    /// How many there are now; none outside the menu of a pizzeria.
    pub left: Option<u32>,
}

/// Something that can be added to a pizza.
#[derive(Debug, SimpleObject)]
pub struct Extra {
    /// Its ingredient's id, as `extras` takes it.
    pub id: ID,
    /// What is added.
    pub ingredient: Ingredient,
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
    /// By its code; one that the menu does not describe is named by its code and counted in pieces,
    /// as drinks and desserts are.
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
