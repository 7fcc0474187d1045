//! Tests of decide and evolve: given events, when a command, then events or a refusal.

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
fn publishes_the_next_version() {
    let menu = given([]).when(publish(first())).then([published(1, first())]);
    assert_eq!(menu.version, 1);
    let dearer = MenuChanges { pizzas: vec![pizza("MAR", 1200, &[("TOMATO", 90)])], ..Default::default() };
    let menu = given([published(1, first())]).when(publish(dearer.clone())).then([published(2, dearer)]);
    assert_eq!((menu.version, menu.pizzas[&item("MAR")].sizes[&PizzaSize::M].price), (2, Cents(1200)));
    assert!(menu.sides.contains_key(&item("COLA")), "what a publication does not name stays");
}

#[test]
fn withdrawing_frees_the_code() {
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
fn rejects_an_empty_publication() {
    refused(|_| {}, MenuError::NothingToPublish);
}

#[test]
fn rejects_withdrawing_unknown_items() {
    refused(|c| c.withdrawn = vec![item("XXX")], MenuError::UnknownItem { item: item("XXX") });
    refused(
        |c| c.withdrawn_extras = vec![stocked("COLA")],
        MenuError::UnknownIngredient { ingredient: stocked("COLA") },
    );
}

#[test]
fn rejects_duplicate_codes() {
    let twice = |code: &str| MenuError::DuplicateCode { item: item(code) };
    let one = || pizza("REI", 1000, &[("TOMATO", 1)]);
    refused(|c| c.pizzas = vec![one(), one()], twice("REI"));
    refused(|c| c.pizzas = vec![pizza("COLA", 1000, &[("TOMATO", 1)])], twice("COLA"));
    refused(|c| c.sides = vec![side("MAR", 100)], twice("MAR"));
    refused(|c| (c.pizzas, c.sides) = (vec![one()], vec![side("REI", 100)]), twice("REI"));
    refused(|c| c.extras = vec![extra("COLA", 100), extra("COLA", 200)], twice("COLA"));
}

#[test]
fn rejects_pizzas_without_sizes_or_recipes() {
    let none = || MenuError::NoRecipe { item: item("REI") };
    refused(|c| c.pizzas = vec![pizza("REI", 1000, &[])], none());
    refused(|c| c.pizzas = vec![pizza("REI", 1000, &[("TOMATO", 0)])], none());
    refused(|c| c.pizzas = vec![Pizza { sizes: BTreeMap::new(), ..pizza("REI", 1, &[]) }], none());
}

#[test]
fn rejects_unlisted_ingredients() {
    let unknown = |code: &str| MenuError::UnknownIngredient { ingredient: stocked(code) };
    refused(|c| c.pizzas = vec![pizza("REI", 1000, &[("HAM", 1)])], unknown("HAM"));
    refused(|c| c.extras = vec![extra("HAM", 100)], unknown("HAM"));
    refused(|c| c.sides = vec![side("BEER", 100)], unknown("BEER"));
}

#[test]
fn rejects_prices_out_of_range() {
    let wrong = |code: &str| MenuError::InvalidPrice { code: code.to_owned() };
    for price in [0, -1, Cents::MAX_INPUT.0 + 1] {
        refused(|c| c.pizzas = vec![pizza("REI", price, &[("TOMATO", 1)])], wrong("REI"));
        refused(|c| c.sides = vec![side("COLA", price)], wrong("COLA"));
        refused(|c| c.extras = vec![extra("TOMATO", price)], wrong("TOMATO"));
    }
}

#[test]
fn rejects_vat_rates_above_one_hundred_percent() {
    refused(|c| c.vat = vec![rate(10_001, 0)], MenuError::InvalidRate);
    refused(|c| c.vat = vec![rate(0, 10_001)], MenuError::InvalidRate);
    let all = MenuChanges { vat: vec![rate(10_000, 10_000)], ..Default::default() };
    given([published(1, first())]).when(publish(all.clone())).then([published(2, all)]);
}

#[test]
fn applies_the_latest_rate_that_has_begun() {
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    let vat = vec![DatedRate { from: day("2026-07-01"), ..rate(1200, 1300) }, rate(1000, 1100)];
    let menu = given::<Menu>([published(1, MenuChanges { vat, ..first() })]).state;
    let on = |text: &str, on_site| menu.vat_rate(VatClass::Pizza, on_site, day(text)).map(|rate| rate.0);
    assert_eq!((on("2026-06-30", false), on("2026-06-30", true)), (Some(1000), Some(1100)));
    assert_eq!((on("2026-07-01", false), on("2026-07-01", true)), (Some(1200), Some(1300)));
    assert_eq!(on("2013-12-31", false), None);
}

fn edit(change: impl FnOnce(&mut MenuEdits)) -> impl FnOnce(&Menu) -> Result<Vec<MenuEvent>, MenuError> {
    let mut edits = MenuEdits::default();
    change(&mut edits);
    move |state| decide(state, MenuCommand::Edit { edits: Box::new(edits), now: now() })
}

fn edited_ingredient(code: &str) -> IngredientEdit {
    IngredientEdit { code: stocked(code), name: None, unit: None, allergens: None, removable: None }
}

fn edited_pizza(code: &str) -> PizzaEdit {
    PizzaEdit { code: item(code), name: None, sizes: BTreeMap::new(), withdrawn_sizes: [].into() }
}

/// The first publication, with milk in TOMATO and MAR in two sizes.
fn with_milk_and_sizes() -> MenuChanges {
    let mut changes = first();
    changes.ingredients[0].allergens = [Allergen::Milk].into();
    let small = SizedPizza { price: Cents(850), ..changes.pizzas[0].sizes[&PizzaSize::M].clone() };
    changes.pizzas[0].sizes.insert(PizzaSize::S, small);
    changes
}

#[test]
fn edits_keep_omitted_values() {
    let menu = given([published(1, with_milk_and_sizes())])
        .when(edit(|edits| {
            let renamed = IngredientEdit { name: Some("Sauce".into()), ..edited_ingredient("TOMATO") };
            edits.ingredients.push(renamed);
            let dearer = SizeEdit { price: Some(Cents(1200)), recipe: None };
            let sizes = BTreeMap::from([(PizzaSize::M, dearer)]);
            edits.pizzas.push(PizzaEdit { sizes, ..edited_pizza("MAR") });
            let side =
                SideEdit { code: item("COLA"), name: None, category: None, vat_class: None, price: None };
            edits.sides.push(SideEdit { price: Some(Cents(250)), ..side });
            let ingredient = stocked("TOMATO");
            edits.extras.push(ExtraEdit { ingredient, quantity: None, price: Some(Cents(120)) });
        }))
        .accepted();
    let tomato = &menu.ingredients[&stocked("TOMATO")];
    assert_eq!((tomato.name.as_str(), tomato.removable), ("Sauce", true));
    assert_eq!(tomato.allergens, [Allergen::Milk].into());
    let sizes = &menu.pizzas[&item("MAR")].sizes;
    assert_eq!((sizes[&PizzaSize::S].price, sizes[&PizzaSize::M].price), (Cents(850), Cents(1200)));
    assert!(!sizes[&PizzaSize::M].recipe.is_empty());
    assert_eq!(menu.sides[&item("COLA")], Side { price: Cents(250), ..side("COLA", 220) });
    assert_eq!(menu.extras[&stocked("TOMATO")].quantity, Quantity(50));
}

#[test]
fn edits_remove_only_explicitly() {
    let menu = given([published(1, with_milk_and_sizes())])
        .when(edit(|edits| {
            let none = IngredientEdit { allergens: Some([].into()), ..edited_ingredient("TOMATO") };
            edits.ingredients.push(none);
            let withdrawn_sizes = [PizzaSize::S].into();
            edits.pizzas.push(PizzaEdit { withdrawn_sizes, ..edited_pizza("MAR") });
        }))
        .accepted();
    assert_eq!(menu.ingredients[&stocked("TOMATO")].allergens, [].into());
    let sizes = &menu.pizzas[&item("MAR")].sizes;
    assert_eq!(sizes.keys().copied().collect::<Vec<_>>(), [PizzaSize::M]);
    let gone = |sizes: &[PizzaSize]| {
        let withdrawn_sizes = sizes.iter().copied().collect();
        edit(move |edits| edits.pizzas.push(PizzaEdit { withdrawn_sizes, ..edited_pizza("MAR") }))
    };
    let given_two = || given([published(1, with_milk_and_sizes())]);
    let size = PizzaSize::L;
    given_two().when(gone(&[size])).then_err(MenuError::UnknownSize { item: item("MAR"), size });
    let both = gone(&[PizzaSize::S, PizzaSize::M]);
    given_two().when(both).then_err(MenuError::NoRecipe { item: item("MAR") });
}

#[test]
fn rejects_new_entries_with_missing_values() {
    let required =
        |code: &str, field: &str| MenuError::ValueRequired { code: code.into(), field: field.into() };
    let new = |ingredient| edit(move |edits| edits.ingredients.push(ingredient));
    let after_first = || given([published(1, first())]);
    let nuts = IngredientEdit {
        name: Some("Noix".into()),
        unit: Some(Unit::Gram),
        removable: Some(true),
        ..edited_ingredient("NUT")
    };
    after_first().when(new(nuts.clone())).then_err(required("NUT", "allergens"));
    let removable = IngredientEdit { allergens: Some([].into()), removable: None, ..nuts };
    after_first().when(new(removable)).then_err(required("NUT", "removable"));
    let anew = edit(|edits| {
        edits.withdrawn.push(item("MAR"));
        edits.pizzas.push(PizzaEdit { name: Some("M".into()), ..edited_pizza("MAR") });
    });
    // An item withdrawn and edited at once is created anew, without its old sizes.
    after_first().when(anew).then_err(MenuError::NoRecipe { item: item("MAR") });
    let twice = edit(|edits| edits.ingredients = vec![edited_ingredient("TOMATO"); 2]);
    after_first().when(twice).then_err(MenuError::DuplicateCode { item: item("TOMATO") });
}

#[test]
fn a_published_ingredient_keeps_its_unit() {
    let in_pieces = |code: &str| Ingredient { unit: Unit::Piece, ..ingredient(code) };
    let refused = MenuError::UnitFixed { ingredient: stocked("TOMATO"), unit: Unit::Gram };
    let after_first = || given([published(1, first())]);
    let publishes = |ingredients| publish(MenuChanges { ingredients, ..MenuChanges::default() });
    after_first().when(publishes(vec![in_pieces("TOMATO")])).then_err(refused.clone());
    let edits = edit(|edits| {
        edits.ingredients.push(IngredientEdit { unit: Some(Unit::Piece), ..edited_ingredient("TOMATO") });
    });
    after_first().when(edits).then_err(refused);
    // The same unit again, and another one for a new ingredient.
    let changes = vec![Ingredient { name: "Tomate".into(), ..ingredient("TOMATO") }, in_pieces("NUT")];
    after_first().when(publishes(changes)).accepted();
}

#[test]
fn allergens_as_sold_follow_omissions_and_extras() {
    let listed = |code: &str, allergens: &[Allergen]| Ingredient {
        allergens: allergens.iter().copied().collect(),
        ..ingredient(code)
    };
    let changes = MenuChanges {
        ingredients: vec![
            listed("TOMATO", &[Allergen::Celery]),
            listed("CHEESE", &[Allergen::Milk]),
            listed("EGG", &[Allergen::Egg]),
            listed("COLA", &[Allergen::Sulphites]),
        ],
        pizzas: vec![pizza("MAR", 1100, &[("TOMATO", 80), ("CHEESE", 100)])],
        sides: vec![side("COLA", 220)],
        ..MenuChanges::default()
    };
    let menu = given([]).when(publish(changes)).accepted();
    let sold = |without: &[&str], extras: &[&str]| {
        let codes = |codes: &[&str]| codes.iter().map(|code| stocked(code)).collect::<Vec<_>>();
        let (without, extras) = (codes(without), codes(extras));
        menu.allergens_as_sold(&item("MAR"), Some(PizzaSize::M), &without, extras.iter()).unwrap()
    };
    assert_eq!(sold(&[], &[]), [Allergen::Milk, Allergen::Celery].into());
    assert_eq!(sold(&["CHEESE"], &["EGG"]), [Allergen::Egg, Allergen::Celery].into());
    // Left out of the recipe and added as an extra.
    assert_eq!(sold(&["CHEESE"], &["CHEESE"]), [Allergen::Milk, Allergen::Celery].into());
    let cola = menu.allergens_as_sold(&item("COLA"), None, &[], std::iter::empty());
    assert_eq!(cola, Some([Allergen::Sulphites].into()));
    // An item that this version does not sell has no allergens.
    assert_eq!(menu.allergens_as_sold(&item("MAR"), Some(PizzaSize::L), &[], std::iter::empty()), None);
}

#[test]
fn stored_allergen_names_are_the_fourteen_of_annex_ii() {
    let names: Vec<String> = Allergen::ALL
        .iter()
        .map(|one| serde_json::to_value(one).unwrap().as_str().unwrap().to_owned())
        .collect();
    let expected = [
        "GLUTEN",
        "MILK",
        "EGG",
        "FISH",
        "CRUSTACEANS",
        "PEANUTS",
        "SOYBEANS",
        "NUTS",
        "CELERY",
        "MUSTARD",
        "SESAME",
        "SULPHITES",
        "LUPIN",
        "MOLLUSCS",
    ];
    assert_eq!(names, expected);
}
