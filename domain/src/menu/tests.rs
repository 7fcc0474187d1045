//! Given events, when a command, then events or a refusal.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::*;
use crate::ids::{IngredientCode, ItemCode};
use crate::ingredients::{Ingredients, Quantity};
use crate::money::Cents;
use crate::testing::given;
use crate::vat::{DatedRate, VatClass, VatRate};

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

fn item(code: &str) -> ItemCode {
    code.parse().unwrap()
}

fn stocked(code: &str) -> IngredientCode {
    code.parse().unwrap()
}

fn ingredient(code: &str) -> Ingredient {
    Ingredient {
        code: stocked(code),
        name: code.to_owned(),
        unit: Unit::Gram,
        allergens: [].into(),
        removable: true,
    }
}

fn pizza(code: &str, price: i64, recipe: &[(&str, u32)]) -> Pizza {
    let recipe: Ingredients = recipe.iter().map(|(code, q)| (stocked(code), Quantity(*q))).collect();
    let sizes = BTreeMap::from([(PizzaSize::M, SizedPizza { price: Cents(price), recipe })]);
    Pizza { code: item(code), name: code.to_owned(), sizes }
}

fn side(code: &str, price: i64) -> Side {
    Side {
        code: item(code),
        name: code.to_owned(),
        category: Category::Drink,
        vat_class: VatClass::SoftDrink,
        price: Cents(price),
    }
}

fn extra(code: &str, price: i64) -> Extra {
    Extra { ingredient: stocked(code), quantity: Quantity(50), price: Cents(price) }
}

fn rate(away: u32, on_site: u32) -> DatedRate {
    let from = NaiveDate::from_ymd_opt(2014, 1, 1).unwrap();
    DatedRate { from, class: VatClass::Pizza, away: VatRate(away), on_site: VatRate(on_site) }
}

fn first() -> MenuChanges {
    MenuChanges {
        ingredients: vec![ingredient("TOMATO"), ingredient("COLA")],
        pizzas: vec![pizza("MAR", 1100, &[("TOMATO", 80)])],
        sides: vec![side("COLA", 220)],
        extras: vec![extra("TOMATO", 100)],
        vat: vec![rate(1000, 1000)],
        ..MenuChanges::default()
    }
}

fn published(version: u32, changes: MenuChanges) -> MenuEvent {
    MenuEvent::MenuPublished { version, changes: Box::new(changes), at: now() }
}

fn publish(changes: MenuChanges) -> impl FnOnce(&Menu) -> Result<Vec<MenuEvent>, MenuError> {
    |state| decide(state, MenuCommand::Publish { changes: Box::new(changes), now: now() })
}

#[track_caller]
fn refused(change: impl FnOnce(&mut MenuChanges), error: MenuError) {
    let mut changes = MenuChanges::default();
    change(&mut changes);
    given([published(1, first())]).when(publish(changes)).then_err(error);
}

#[test]
fn a_publication_is_the_next_version() {
    let menu = given([]).when(publish(first())).then([published(1, first())]);
    assert_eq!(menu.version, 1);
    let dearer = MenuChanges { pizzas: vec![pizza("MAR", 1200, &[("TOMATO", 90)])], ..Default::default() };
    let menu = given([published(1, first())]).when(publish(dearer.clone())).then([published(2, dearer)]);
    assert_eq!((menu.version, menu.pizzas[&item("MAR")].sizes[&PizzaSize::M].price), (2, Cents(1200)));
    assert!(menu.sides.contains_key(&item("COLA")), "what a publication does not name stays");
}

#[test]
fn withdrawn_things_are_off_and_their_code_is_free_again() {
    let changes = MenuChanges {
        withdrawn: vec![item("COLA"), item("MAR")],
        withdrawn_extras: vec![stocked("TOMATO")],
        pizzas: vec![pizza("COLA", 900, &[("TOMATO", 1)])],
        ..Default::default()
    };
    let menu = given([published(1, first())]).when(publish(changes.clone())).then([published(2, changes)]);
    assert_eq!(menu.pizzas.keys().map(ItemCode::as_str).collect::<Vec<_>>(), ["COLA"]);
    assert!(menu.sides.is_empty() && menu.extras.is_empty());
}

#[test]
fn nothing_is_not_published() {
    refused(|_| {}, MenuError::NothingToPublish);
}

#[test]
fn only_what_is_on_the_menu_is_withdrawn() {
    refused(|c| c.withdrawn = vec![item("XXX")], MenuError::UnknownItem { item: item("XXX") });
    refused(
        |c| c.withdrawn_extras = vec![stocked("COLA")],
        MenuError::UnknownIngredient { ingredient: stocked("COLA") },
    );
}

#[test]
fn a_code_names_one_thing() {
    let twice = |code: &str| MenuError::DuplicateCode { item: item(code) };
    let one = || pizza("REI", 1000, &[("TOMATO", 1)]);
    refused(|c| c.pizzas = vec![one(), one()], twice("REI"));
    refused(|c| c.pizzas = vec![pizza("COLA", 1000, &[("TOMATO", 1)])], twice("COLA"));
    refused(|c| c.sides = vec![side("MAR", 100)], twice("MAR"));
    refused(|c| (c.pizzas, c.sides) = (vec![one()], vec![side("REI", 100)]), twice("REI"));
    refused(|c| c.extras = vec![extra("COLA", 100), extra("COLA", 200)], twice("COLA"));
}

#[test]
fn a_pizza_has_sizes_with_recipes() {
    let none = || MenuError::NoRecipe { item: item("REI") };
    refused(|c| c.pizzas = vec![pizza("REI", 1000, &[])], none());
    refused(|c| c.pizzas = vec![pizza("REI", 1000, &[("TOMATO", 0)])], none());
    refused(|c| c.pizzas = vec![Pizza { sizes: BTreeMap::new(), ..pizza("REI", 1, &[]) }], none());
}

#[test]
fn recipes_extras_and_sides_are_of_listed_ingredients() {
    let unknown = |code: &str| MenuError::UnknownIngredient { ingredient: stocked(code) };
    refused(|c| c.pizzas = vec![pizza("REI", 1000, &[("HAM", 1)])], unknown("HAM"));
    refused(|c| c.extras = vec![extra("HAM", 100)], unknown("HAM"));
    refused(|c| c.sides = vec![side("BEER", 100)], unknown("BEER"));
}

#[test]
fn prices_are_more_than_zero_and_bounded() {
    let wrong = |code: &str| MenuError::InvalidPrice { code: code.to_owned() };
    for price in [0, -1, Cents::MAX_INPUT.0 + 1] {
        refused(|c| c.pizzas = vec![pizza("REI", price, &[("TOMATO", 1)])], wrong("REI"));
        refused(|c| c.sides = vec![side("COLA", price)], wrong("COLA"));
        refused(|c| c.extras = vec![extra("TOMATO", price)], wrong("TOMATO"));
    }
}

#[test]
fn a_rate_is_at_most_all_of_it() {
    refused(|c| c.vat = vec![rate(10_001, 0)], MenuError::InvalidRate);
    refused(|c| c.vat = vec![rate(0, 10_001)], MenuError::InvalidRate);
    let all = MenuChanges { vat: vec![rate(10_000, 10_000)], ..Default::default() };
    given([published(1, first())]).when(publish(all.clone())).then([published(2, all)]);
}

#[test]
fn of_the_rates_that_have_begun_the_latest_applies() {
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    let vat = vec![DatedRate { from: day("2026-07-01"), ..rate(1200, 1300) }, rate(1000, 1100)];
    let menu = given::<Menu>([published(1, MenuChanges { vat, ..first() })]).state;
    let on = |text: &str, on_site| menu.vat_rate(VatClass::Pizza, on_site, day(text)).map(|rate| rate.0);
    assert_eq!((on("2026-06-30", false), on("2026-06-30", true)), (Some(1000), Some(1100)));
    assert_eq!((on("2026-07-01", false), on("2026-07-01", true)), (Some(1200), Some(1300)));
    assert_eq!(on("2013-12-31", false), None);
}
