//! State of the menu, folded from its events. Folding never fails.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::events::{MenuChanges, MenuEvent};
use super::values::{Allergen, Extra, Ingredient, Pizza, PizzaSize, Side};
use crate::ids::{IngredientCode, ItemCode};
use crate::ingredients::{Ingredients, Quantity};
use crate::stock::Stock;
use crate::vat::{DatedRate, VatClass, VatRate};

/// The menu at one version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Menu {
    /// Version number; 0 before the first publication.
    pub version: u32,
    /// Every ingredient ever published, by code.
    pub ingredients: BTreeMap<IngredientCode, Ingredient>,
    /// The pizzas, by code.
    pub pizzas: BTreeMap<ItemCode, Pizza>,
    /// The drinks and desserts, by code.
    pub sides: BTreeMap<ItemCode, Side>,
    /// The extras, by ingredient.
    pub extras: BTreeMap<IngredientCode, Extra>,
    /// The VAT rates, oldest first.
    pub vat: Vec<DatedRate>,
    /// Recipes that are sold no more, each with the last version that sold it, oldest first: an open order keeps its
    /// recipes. At most [`FORMER_RECIPES`] of a pizza and size.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    former: BTreeMap<ItemCode, BTreeMap<PizzaSize, VecDeque<(u32, Ingredients)>>>,
}

/// Former recipes kept of a pizza and size. More changes within the hours of an open order are not expected, and the
/// state must not grow with history.
const FORMER_RECIPES: usize = 20;

/// How many of an item the stock suffices for, and the limiting ingredient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Makeable {
    /// Number of pieces, without regard to a block.
    pub count: u32,
    /// Ingredient that runs out first; of several, the first by code.
    pub limiting: Option<IngredientCode>,
    /// Whether the pizzeria has blocked it.
    pub blocked: bool,
}

impl Menu {
    /// Returns the recipe of a pizza in one size, dough and box included.
    pub fn recipe(&self, pizza: &ItemCode, size: PizzaSize) -> Option<&Ingredients> {
        Some(&self.pizzas.get(pizza)?.sizes.get(&size)?.recipe)
    }

    /// Returns the recipe of a pizza in one size at a version of the menu.
    pub fn recipe_at(&self, pizza: &ItemCode, size: PizzaSize, version: u32) -> Option<&Ingredients> {
        let former = self.former.get(pizza).and_then(|sizes| sizes.get(&size));
        let then = former.and_then(|recipes| recipes.iter().find(|(until, _)| version <= *until));
        then.map(|(_, recipe)| recipe).or_else(|| self.recipe(pizza, size))
    }

    /// Drops the former recipes, which only changes of open orders need.
    #[must_use]
    pub fn without_former_recipes(mut self) -> Self {
        self.former.clear();
        self
    }

    /// Keeps the recipes that a publication replaces or withdraws.
    fn retire(&mut self, changes: &MenuChanges) {
        let replaced = changes.pizzas.iter().map(|pizza| &pizza.code);
        let codes: BTreeSet<&ItemCode> = replaced.chain(&changes.withdrawn).collect();
        for code in codes {
            let new = changes.pizzas.iter().rfind(|pizza| pizza.code == *code);
            let sizes = self.pizzas.get(code).into_iter().flat_map(|pizza| &pizza.sizes);
            for (size, sized) in sizes {
                if new.and_then(|pizza| pizza.sizes.get(size)).is_some_and(|new| new.recipe == sized.recipe) {
                    continue;
                }
                let former = self.former.entry(code.clone()).or_default().entry(*size).or_default();
                former.push_back((self.version, sized.recipe.clone()));
                if former.len() > FORMER_RECIPES {
                    former.pop_front();
                }
            }
        }
    }

    /// Returns the allergens of a pizza: those of its ingredients, in any size.
    pub fn allergens(&self, pizza: &Pizza) -> BTreeSet<Allergen> {
        let sizes = pizza.sizes.values();
        self.allergens_of(sizes.flat_map(|sized| sized.recipe.iter().map(|(code, _)| code)))
    }

    /// Returns the allergens of some ingredients. A drink or a dessert is an ingredient under its own code.
    pub fn allergens_of<'a>(&self, codes: impl Iterator<Item = &'a IngredientCode>) -> BTreeSet<Allergen> {
        codes
            .filter_map(|code| self.ingredients.get(code))
            .flat_map(|ingredient| ingredient.allergens.iter().copied())
            .collect()
    }

    /// Returns the allergens of a pizza in one size, with its extras and without the ingredients left out, or
    /// of a drink or dessert. `None` if this version of the menu does not sell it.
    pub fn allergens_as_sold<'a>(
        &self,
        item: &ItemCode,
        size: Option<PizzaSize>,
        without: &[IngredientCode],
        extras: impl Iterator<Item = &'a IngredientCode>,
    ) -> Option<BTreeSet<Allergen>> {
        let Some(size) = size else {
            let side = self.sides.get(item)?;
            return Some(self.allergens_of(std::iter::once(&IngredientCode::from(&side.code))));
        };
        let recipe = self.recipe(item, size)?;
        let kept = recipe.iter().map(|(code, _)| code).filter(|code| !without.contains(code));
        let mut allergens = self.allergens_of(kept);
        allergens.extend(self.allergens_of(extras));
        Some(allergens)
    }

    /// Returns the VAT rate of a class on a local day: the latest that has begun.
    pub fn vat_rate(&self, class: VatClass, on_site: bool, day: NaiveDate) -> Option<VatRate> {
        self.vat
            .iter()
            .filter(|rate| rate.class == class && rate.from <= day)
            .max_by_key(|rate| rate.from)
            .map(|rate| if on_site { rate.on_site } else { rate.away })
    }

    /// Returns how many pizzas of a size a stock can make: the minimum over the recipe of ⌊available ÷
    /// needed⌋.
    pub fn makeable(&self, pizza: &ItemCode, size: PizzaSize, stock: &Stock) -> Option<Makeable> {
        let recipe = self.recipe(pizza, size)?;
        Some(Makeable { blocked: stock.blocked(pizza, size).is_some(), ..makeable_of(recipe, stock) })
    }

    /// Returns how many drinks or desserts a stock holds.
    pub fn side_makeable(&self, side: &ItemCode, stock: &Stock) -> Option<Makeable> {
        let side = self.sides.get(side)?;
        let one = [(IngredientCode::from(&side.code), Quantity(1))].into_iter().collect();
        Some(makeable_of(&one, stock))
    }

    /// Applies one event. Total: a version that is not the next is applied too.
    pub fn evolve(&mut self, event: &MenuEvent) {
        match event {
            MenuEvent::MenuPublished { version, changes, .. } => {
                self.retire(changes);
                self.version = *version;
                for ingredient in &changes.ingredients {
                    self.ingredients.insert(ingredient.code.clone(), ingredient.clone());
                }
                for code in &changes.withdrawn {
                    self.pizzas.remove(code);
                    self.sides.remove(code);
                }
                for code in &changes.withdrawn_extras {
                    self.extras.remove(code);
                }
                for pizza in &changes.pizzas {
                    self.pizzas.insert(pizza.code.clone(), pizza.clone());
                }
                for side in &changes.sides {
                    self.sides.insert(side.code.clone(), side.clone());
                }
                for extra in &changes.extras {
                    self.extras.insert(extra.ingredient.clone(), extra.clone());
                }
                self.vat.extend(changes.vat.iter().cloned());
            }
        }
    }
}

fn makeable_of(recipe: &Ingredients, stock: &Stock) -> Makeable {
    let mut fewest: Option<(u32, IngredientCode)> = None;
    for (ingredient, needed) in recipe.iter().filter(|(_, needed)| needed.0 > 0) {
        let count = stock.available(ingredient).clamp(0, Quantity::LEVEL_MAX) / needed.signed();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if fewest.as_ref().is_none_or(|(least, _)| count < *least) {
            fewest = Some((count, ingredient.clone()));
        }
    }
    let (count, limiting) = fewest.map_or((0, None), |(count, ingredient)| (count, Some(ingredient)));
    Makeable { count, limiting, blocked: false }
}
