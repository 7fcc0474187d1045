//! What follows from a command. Pure.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Menu, MenuChanges, MenuCommand, MenuError, MenuEvent, Pizza};
use crate::ids::{IngredientCode, ItemCode};
use crate::money::Cents;
use crate::vat::VatRate;

/// The highest VAT rate that is published: 100 %.
const RATE_MAX: VatRate = VatRate(10_000);

/// Decides.
///
/// # Errors
/// A [`MenuError`] when the command is refused; nothing happens then.
pub fn decide(state: &Menu, command: MenuCommand) -> Result<Vec<MenuEvent>, MenuError> {
    match command {
        MenuCommand::Publish { changes, now } => publish(state, changes, now),
        MenuCommand::Edit { edits, now } => publish(state, Box::new(edits.merge(state)?), now),
    }
}

fn publish(state: &Menu, changes: Box<MenuChanges>, now: DateTime<Utc>) -> Result<Vec<MenuEvent>, MenuError> {
    if *changes == MenuChanges::default() {
        return Err(MenuError::NothingToPublish);
    }
    check_withdrawn(state, &changes)?;
    check_codes(state, &changes)?;
    check_pizzas(state, &changes)?;
    check_sides_and_extras(state, &changes)?;
    if changes.vat.iter().any(|rate| rate.away > RATE_MAX || rate.on_site > RATE_MAX) {
        return Err(MenuError::InvalidRate);
    }
    Ok(vec![MenuEvent::MenuPublished { version: state.version.saturating_add(1), changes, at: now }])
}

fn check_withdrawn(state: &Menu, changes: &MenuChanges) -> Result<(), MenuError> {
    for item in &changes.withdrawn {
        if !state.pizzas.contains_key(item) && !state.sides.contains_key(item) {
            return Err(MenuError::UnknownItem { item: item.clone() });
        }
    }
    for ingredient in &changes.withdrawn_extras {
        if !state.extras.contains_key(ingredient) {
            return Err(MenuError::UnknownIngredient { ingredient: ingredient.clone() });
        }
    }
    Ok(())
}

/// A code names one pizza, drink or dessert, on the menu as it will be.
fn check_codes(state: &Menu, changes: &MenuChanges) -> Result<(), MenuError> {
    let mut published = BTreeSet::new();
    let pizzas = changes.pizzas.iter().map(|pizza| (&pizza.code, state.sides.contains_key(&pizza.code)));
    let sides = changes.sides.iter().map(|side| (&side.code, state.pizzas.contains_key(&side.code)));
    for (code, is_otherwise_taken) in pizzas.chain(sides) {
        let taken = is_otherwise_taken && !changes.withdrawn.contains(code);
        if taken || !published.insert(code) {
            return Err(MenuError::DuplicateCode { item: code.clone() });
        }
    }
    Ok(())
}

fn check_pizzas(state: &Menu, changes: &MenuChanges) -> Result<(), MenuError> {
    for Pizza { code, sizes, .. } in &changes.pizzas {
        if sizes.is_empty() {
            return Err(MenuError::NoRecipe { item: code.clone() });
        }
        for sized in sizes.values() {
            if sized.recipe.is_empty() || sized.recipe.iter().any(|(_, quantity)| quantity.0 == 0) {
                return Err(MenuError::NoRecipe { item: code.clone() });
            }
            for (ingredient, _) in sized.recipe.iter() {
                check_ingredient(state, changes, ingredient)?;
            }
            check_price(code.as_str(), sized.price)?;
        }
    }
    Ok(())
}

fn check_sides_and_extras(state: &Menu, changes: &MenuChanges) -> Result<(), MenuError> {
    for side in &changes.sides {
        // It is a stock item under its own code, so it is listed as one.
        check_ingredient(state, changes, &IngredientCode::from(&side.code))?;
        check_price(side.code.as_str(), side.price)?;
    }
    let mut published = BTreeSet::new();
    for extra in &changes.extras {
        check_ingredient(state, changes, &extra.ingredient)?;
        check_price(extra.ingredient.as_str(), extra.price)?;
        if !published.insert(&extra.ingredient) {
            return Err(MenuError::DuplicateCode { item: ItemCode::from(&extra.ingredient) });
        }
    }
    Ok(())
}

fn check_ingredient(
    state: &Menu,
    changes: &MenuChanges,
    ingredient: &IngredientCode,
) -> Result<(), MenuError> {
    let listed = state.ingredients.contains_key(ingredient)
        || changes.ingredients.iter().any(|listed| listed.code == *ingredient);
    if listed { Ok(()) } else { Err(MenuError::UnknownIngredient { ingredient: ingredient.clone() }) }
}

/// More than zero, and small enough that no order overflows.
fn check_price(code: &str, price: Cents) -> Result<(), MenuError> {
    if price > Cents::ZERO && price <= Cents::MAX_INPUT {
        Ok(())
    } else {
        Err(MenuError::InvalidPrice { code: code.to_owned() })
    }
}
