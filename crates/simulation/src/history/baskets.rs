//! Lines of orders: pizzas, sides and extras; most customers consider what is available.

use domain::ids::{IngredientCode, ItemCode, PizzeriaId};
use domain::ingredients::Ingredients;
use domain::menu::{Menu, PizzaSize};
use domain::stock::Stock;
use domain::usecase::BasketLine;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::play::Play;

/// Pizzas considered before an unavailable one is ordered.
const MAX_CONSIDERED_PIZZAS: usize = 4;

impl Play {
    /// Returns the lines of an order; empty without menu or stock.
    pub(super) fn basket(&mut self, pizzeria: &PizzeriaId) -> Vec<BasketLine> {
        let (Some(menu), Some(stock)) = (self.world.menu(), self.world.stock(pizzeria)) else {
            return Vec::new();
        };
        fill(&mut self.rng, menu, stock)
    }
}

fn fill(rng: &mut StdRng, menu: &Menu, stock: &Stock) -> Vec<BasketLine> {
    // The web shows what is available; some orders by phone and at the counter ignore it.
    let looks = if rng.random_ratio(80, 100) { MAX_CONSIDERED_PIZZAS } else { 1 };
    let mut lines = Vec::new();
    for _ in 0..rng.random_range(1..=2) {
        let Some((item, size)) = pizza(rng, menu, stock, looks) else { continue };
        // Mostly two: one alone is below the minimum for delivery.
        let quantity = if rng.random_ratio(65, 100) { 2 } else { 1 };
        let mut line = BasketLine { size: Some(size), quantity, ..piece(item.clone()) };
        if rng.random_ratio(14, 100) {
            let extras: Vec<&IngredientCode> = menu.extras.keys().collect();
            line.extras.extend(extras.choose(rng).map(|code| (*code).clone()));
        }
        if rng.random_ratio(6, 100) {
            let left_out: Vec<IngredientCode> = menu
                .recipe(&item, size)
                .into_iter()
                .flat_map(Ingredients::iter)
                .filter(|(code, _)| menu.ingredients.get(*code).is_some_and(|listed| listed.removable))
                .map(|(code, _)| code.clone())
                .collect();
            line.without.extend(left_out.choose(rng).cloned());
        }
        lines.push(line);
    }
    if rng.random_ratio(45, 100) {
        let sides: Vec<&ItemCode> = menu.sides.keys().collect();
        let quantity = rng.random_range(1..=3);
        lines.extend(sides.choose(rng).map(|code| BasketLine { quantity, ..piece((*code).clone()) }));
    }
    lines
}

fn pizza(rng: &mut StdRng, menu: &Menu, stock: &Stock, looks: usize) -> Option<(ItemCode, PizzaSize)> {
    let pizzas: Vec<&ItemCode> = menu.pizzas.keys().collect();
    let sizes = [PizzaSize::S, PizzaSize::M, PizzaSize::M, PizzaSize::M, PizzaSize::L];
    let mut chosen = None;
    for _ in 0..looks {
        let item = (*pizzas.choose(rng)?).clone();
        let size = sizes.choose(rng).copied().unwrap_or(PizzaSize::M);
        let makeable = menu.recipe(&item, size).is_some_and(|recipe| {
            stock.missing(recipe, &Ingredients::new()).is_empty() && stock.blocked(&item, size).is_none()
        });
        chosen = Some((item, size));
        if makeable {
            break;
        }
    }
    chosen
}

fn piece(item: ItemCode) -> BasketLine {
    BasketLine { item, size: None, quantity: 1, extras: Vec::new(), without: Vec::new() }
}
