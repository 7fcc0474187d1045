//! Decisions: the events that follow from a command, or its refusal. Pure; never changes the state.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Menu, MenuChanges, MenuCommand, MenuError, MenuEvent, Pizza, SizedPizza};
use crate::ids::{IngredientCode, ItemCode};
use crate::ingredients::Quantity;
use crate::money::Cents;
use crate::vat::VatRate;

/// Maximum VAT rate: 100 %.
const RATE_MAX: VatRate = VatRate(10_000);

/// Returns the events that follow from a command.
///
/// # Errors
/// The first of [`refusals`] if the command is refused.
pub fn decide(state: &Menu, command: MenuCommand) -> Result<Vec<MenuEvent>, MenuError> {
    let (changes, now, errors) = checked(state, command);
    match errors.into_iter().next() {
        Some(error) => Err(error),
        None => {
            let version = state.version.saturating_add(1);
            Ok(vec![MenuEvent::MenuPublished { version, changes: Box::new(changes), at: now }])
        }
    }
}

/// Returns every reason to refuse a command; empty if it would be accepted.
pub fn refusals(state: &Menu, command: &MenuCommand) -> Vec<MenuError> {
    checked(state, command.clone()).2
}

fn checked(state: &Menu, command: MenuCommand) -> (MenuChanges, DateTime<Utc>, Vec<MenuError>) {
    let (changes, now) = match command {
        MenuCommand::Publish { changes, now } => (Ok(*changes), now),
        MenuCommand::Edit { edits, now } => (edits.merge(state), now),
    };
    match changes {
        Ok(changes) => {
            let errors = check(state, &changes);
            (changes, now, errors)
        }
        Err(errors) => (MenuChanges::default(), now, errors),
    }
}

fn check(state: &Menu, changes: &MenuChanges) -> Vec<MenuError> {
    if *changes == MenuChanges::default() {
        return vec![MenuError::NothingToPublish];
    }
    let mut errors = Vec::new();
    check_withdrawn(state, changes, &mut errors);
    check_units(state, changes, &mut errors);
    check_codes(state, changes, &mut errors);
    check_pizzas(state, changes, &mut errors);
    check_sides_and_extras(state, changes, &mut errors);
    if changes.vat.iter().any(|rate| rate.away > RATE_MAX || rate.on_site > RATE_MAX) {
        errors.push(MenuError::InvalidRate);
    }
    errors
}

fn check_withdrawn(state: &Menu, changes: &MenuChanges, errors: &mut Vec<MenuError>) {
    for item in &changes.withdrawn {
        if !state.pizzas.contains_key(item) && !state.sides.contains_key(item) {
            errors.push(MenuError::UnknownItem { item: item.clone() });
        }
    }
    for ingredient in &changes.withdrawn_extras {
        if !state.extras.contains_key(ingredient) {
            errors.push(MenuError::UnknownIngredient { ingredient: ingredient.clone() });
        }
    }
}

/// Checks that no unit changes. Any stock may have counted an ingredient since it was published, and recipes and
/// orders of the past stay in its unit.
fn check_units(state: &Menu, changes: &MenuChanges, errors: &mut Vec<MenuError>) {
    for ingredient in &changes.ingredients {
        let fixed = state.ingredients.get(&ingredient.code).map(|there| there.unit);
        if let Some(unit) = fixed.filter(|unit| *unit != ingredient.unit) {
            say(errors, MenuError::UnitFixed { ingredient: ingredient.code.clone(), unit });
        }
    }
}

/// Checks that each code names one pizza, drink or dessert on the resulting menu.
fn check_codes(state: &Menu, changes: &MenuChanges, errors: &mut Vec<MenuError>) {
    let mut published = BTreeSet::new();
    let pizzas = changes.pizzas.iter().map(|pizza| (&pizza.code, state.sides.contains_key(&pizza.code)));
    let sides = changes.sides.iter().map(|side| (&side.code, state.pizzas.contains_key(&side.code)));
    for (code, is_otherwise_taken) in pizzas.chain(sides) {
        let taken = is_otherwise_taken && !changes.withdrawn.contains(code);
        if taken || !published.insert(code) {
            errors.push(MenuError::DuplicateCode { item: code.clone() });
        }
    }
}

fn check_pizzas(state: &Menu, changes: &MenuChanges, errors: &mut Vec<MenuError>) {
    for Pizza { code, sizes, .. } in &changes.pizzas {
        let incomplete = |sized: &SizedPizza| {
            sized.recipe.is_empty() || sized.recipe.iter().any(|(_, quantity)| quantity.0 == 0)
        };
        if sizes.is_empty() || sizes.values().any(incomplete) {
            errors.push(MenuError::NoRecipe { item: code.clone() });
        }
        for sized in sizes.values() {
            for (ingredient, quantity) in sized.recipe.iter() {
                check_ingredient(state, changes, ingredient, errors);
                check_quantity(code, ingredient, quantity, errors);
            }
            check_price(code.as_str(), sized.price, errors);
        }
    }
}

fn check_sides_and_extras(state: &Menu, changes: &MenuChanges, errors: &mut Vec<MenuError>) {
    for side in &changes.sides {
        // A drink or dessert is a stock item under its own code, so that code is an ingredient.
        check_ingredient(state, changes, &IngredientCode::from(&side.code), errors);
        check_price(side.code.as_str(), side.price, errors);
    }
    let mut published = BTreeSet::new();
    for extra in &changes.extras {
        check_ingredient(state, changes, &extra.ingredient, errors);
        check_quantity(&ItemCode::from(&extra.ingredient), &extra.ingredient, extra.quantity, errors);
        check_price(extra.ingredient.as_str(), extra.price, errors);
        if !published.insert(&extra.ingredient) {
            errors.push(MenuError::DuplicateCode { item: ItemCode::from(&extra.ingredient) });
        }
    }
}

/// Adds an error once, however many recipes and sizes it occurs in.
fn say(errors: &mut Vec<MenuError>, error: MenuError) {
    if !errors.contains(&error) {
        errors.push(error);
    }
}

fn check_ingredient(
    state: &Menu,
    changes: &MenuChanges,
    ingredient: &IngredientCode,
    errors: &mut Vec<MenuError>,
) {
    let listed = state.ingredients.contains_key(ingredient)
        || changes.ingredients.iter().any(|listed| listed.code == *ingredient);
    if !listed {
        say(errors, MenuError::UnknownIngredient { ingredient: ingredient.clone() });
    }
}

/// Checks that the need of a whole order fits in 32 bits.
fn check_quantity(
    item: &ItemCode,
    ingredient: &IngredientCode,
    quantity: Quantity,
    errors: &mut Vec<MenuError>,
) {
    let max = Quantity::RECIPE_MAX;
    if quantity.0 > max {
        let (item, ingredient) = (item.clone(), ingredient.clone());
        say(errors, MenuError::QuantityTooLarge { item, ingredient, max });
    }
}

/// Checks that a price is above 0 and small enough that no order overflows.
fn check_price(code: &str, price: Cents, errors: &mut Vec<MenuError>) {
    if price <= Cents::ZERO || price > Cents::MAX_INPUT {
        say(errors, MenuError::InvalidPrice { code: code.to_owned() });
    }
}
