//! Tests of the demo's data against the tables of DOMAIN.md.

use super::*;
use crate::menu::{Menu, MenuCommand, decide};
use crate::testing::MemoryStore;

fn published() -> Menu {
    MemoryStore::demo().menu()
}

fn recipe_of(menu: &Menu, pizza: &str, size: PizzaSize) -> Vec<(String, u32)> {
    menu.recipe(&item(pizza), size).unwrap().iter().map(|(code, q)| (code.to_string(), q.0)).collect()
}

fn rows(expected: &[(&str, u32)]) -> Vec<(String, u32)> {
    expected.iter().map(|(code, q)| ((*code).to_owned(), *q)).collect()
}

#[test]
fn publishes_the_menu() {
    let command = MenuCommand::Publish { changes: Box::new(menu()), now: MemoryStore::now() };
    assert_eq!(decide(&Menu::default(), command).unwrap().len(), 1);
    let menu = published();
    assert_eq!((menu.version, menu.pizzas.len(), menu.sides.len(), menu.extras.len()), (1, 14, 7, 7));
}

#[test]
fn scales_sizes_and_rounds_half_up() {
    let menu = published();
    assert_eq!(
        recipe_of(&menu, "CHV", PizzaSize::L),
        // CREAM 87, DOUGH 377, GOAT_CHEESE 101.5, HONEY 21.75, MOZZARELLA 101.5, ROCKET 21.75
        rows(&[
            ("BXL", 1),
            ("CREAM", 87),
            ("DOUGH", 377),
            ("GOAT_CHEESE", 102),
            ("HONEY", 22),
            ("MOZZARELLA", 102),
            ("ROCKET", 22)
        ])
    );
    assert_eq!(
        recipe_of(&menu, "MAR", PizzaSize::S),
        rows(&[("BASIL", 3), ("BXS", 1), ("DOUGH", 169), ("MOZZARELLA", 78), ("TOMATO", 52)])
    );
    assert_eq!(
        recipe_of(&menu, "4FR", PizzaSize::M),
        rows(&[
            ("BXM", 1),
            ("CREAM", 60),
            ("DOUGH", 260),
            ("EMMENTAL", 50),
            ("GOAT_CHEESE", 40),
            ("GORGONZOLA", 40),
            ("MOZZARELLA", 60)
        ])
    );
}

#[test]
fn eggs_per_size_are_one_one_and_two() {
    let menu = published();
    for pizza in ["FER", "CAL"] {
        let eggs = PizzaSize::ALL.map(|size| menu.recipe(&item(pizza), size).unwrap().get(&stocked("EGG")).0);
        assert_eq!(eggs, [1, 1, 2]);
    }
}

#[test]
fn computes_prices_by_size() {
    let menu = published();
    for (pizza, s, m, l) in [("MAR", 850, 1100, 1500), ("SAU", 1200, 1450, 1850), ("SAV", 1150, 1400, 1800)] {
        let prices = PizzaSize::ALL.map(|size| menu.pizzas[&item(pizza)].sizes[&size].price.0);
        assert_eq!(prices, [s, m, l]);
    }
}

#[test]
fn every_pizza_needs_dough_and_a_box() {
    let menu = published();
    for pizza in menu.pizzas.values() {
        for (size, sized) in &pizza.sizes {
            assert_eq!(sized.recipe.get(&stocked("DOUGH")).0, scale(260, *size));
            assert_eq!(sized.recipe.get(&stocked(&format!("BX{size}"))).0, 1);
        }
    }
    for code in ["DOUGH", "BXS", "BXM", "BXL"] {
        assert!(!menu.ingredients[&stocked(code)].removable);
    }
}

#[test]
fn allergens_follow_from_the_recipe() {
    use Allergen::{Egg, Fish, Gluten, Milk};
    let menu = published();
    for (pizza, expected) in
        [("MAR", vec![Gluten, Milk]), ("CAL", vec![Gluten, Milk, Egg]), ("NAP", vec![Gluten, Milk, Fish])]
    {
        let allergens: Vec<_> = menu.allergens(&menu.pizzas[&item(pizza)]).into_iter().collect();
        assert_eq!(allergens, expected);
    }
}

#[test]
fn computes_vat_by_class() {
    let menu = published();
    let day = NaiveDate::from_ymd_opt(2026, 3, 2).unwrap();
    for (class, away, on_site) in [
        (VatClass::Pizza, 1000, 1000),
        (VatClass::SoftDrink, 550, 1000),
        (VatClass::Alcohol, 2000, 2000),
        (VatClass::IceCream, 550, 1000),
    ] {
        assert_eq!(menu.vat_rate(class, false, day), Some(VatRate(away)));
        assert_eq!(menu.vat_rate(class, true, day), Some(VatRate(on_site)));
    }
    assert_eq!(menu.vat_rate(VatClass::Pizza, false, NaiveDate::from_ymd_opt(2013, 12, 31).unwrap()), None);
}

#[test]
fn computes_opening_stock_and_thresholds() {
    let (p1, p2) = (pizzeria_id("P1"), pizzeria_id("P2"));
    for (code, opening, threshold) in [
        ("DOUGH", 25_000, 3_750),
        ("MOZZARELLA", 9_000, 1_350),
        ("TOMATO", 6_000, 900),
        ("CREAM", 3_000, 450),
        ("BXM", 60, 9),
        ("EGG", 30, 5), // 4.5
        ("ROCKET", 400, 60),
        ("GOAT_CHEESE", 600, 90),
        ("HAM", 2_000, 300),
        ("COLA", 60, 9),
        ("ICE_CREAM", 60, 9),
    ] {
        assert_eq!(opening_stock(&p1).get(&stocked(code)).0, opening, "{code}");
        assert_eq!(thresholds(&p1).get(&stocked(code)).0, threshold, "{code}");
    }
    assert_eq!(opening_stock(&p2).get(&stocked("GOAT_CHEESE")).0, 2_000);
    let listed: Vec<_> = menu().ingredients.into_iter().map(|listed| listed.code).collect();
    assert!(listed.iter().all(|code| opening_stock(&p1).contains(code)));
    assert_eq!(opening_stock(&p1).len(), listed.len());
}

#[test]
fn lists_pizzerias_with_their_couriers() {
    let opened = pizzerias();
    assert_eq!(opened.iter().map(|p| couriers(&p.pizzeria)).collect::<Vec<_>>(), [3, 4, 3, 3, 2]);
    assert_eq!(opened.iter().map(|p| p.radius_m).collect::<Vec<_>>(), [3_000, 3_000, 4_000, 4_000, 4_000]);
    assert_eq!(opened[0].place, Place::from_degrees(48.892, 2.344).unwrap());
    assert_eq!(couriers(&pizzeria_id("P9")), 0);
}

#[test]
fn regular_hours_are_in_paris_time() {
    let hours = regular_hours();
    assert_eq!(hours.spans().len(), 13);
    for (at, open) in [
        ("2026-03-02T10:29:59Z", false), // Monday 11:29:59
        ("2026-03-02T10:30:00Z", true),
        ("2026-03-02T13:00:00Z", false), // 14:00
        ("2026-03-02T21:29:00Z", true),
        ("2026-03-02T21:30:00Z", false), // 22:30
        ("2026-03-06T22:29:00Z", true),  // Friday 23:29
        ("2026-03-08T11:00:00Z", false), // Sunday noon
        ("2026-03-08T18:00:00Z", true),
        ("2026-07-06T09:30:00Z", true), // Monday 11:30 in summer
    ] {
        assert_eq!(hours.is_open(at.parse().unwrap(), Paris), open, "{at}");
    }
}

#[test]
fn does_not_open_planned_pizzerias() {
    let open: Vec<String> = pizzerias().into_iter().map(|opening| opening.name).collect();
    assert_eq!(open, ["Montmartre", "Voltaire", "Boulogne", "Montreuil", "Saint-Denis"]);
    assert!(PLANNED_PIZZERIAS.iter().all(|planned| !open.iter().any(|name| name == planned)));
}

#[test]
fn declares_allergens_of_pizzas_drinks_and_desserts() {
    use Allergen::{Egg, Fish, Gluten, Milk, Sulphites};
    let menu = published();
    let of = |code: &str| menu.ingredients[&stocked(code)].allergens.iter().copied().collect::<Vec<_>>();
    let declared = [
        ("DOUGH", Gluten),
        ("CREAM", Milk),
        ("MOZZARELLA", Milk),
        ("EMMENTAL", Milk),
        ("GORGONZOLA", Milk),
        ("GOAT_CHEESE", Milk),
        ("REBLOCHON", Milk),
        ("EGG", Egg),
        ("SALMON", Fish),
        ("TUNA", Fish),
        ("ANCHOVY", Fish),
        ("BEER", Gluten),
        ("RED_WINE", Sulphites),
        ("ICE_CREAM", Milk),
    ];
    for (code, allergen) in declared {
        assert_eq!(of(code), [allergen], "{code}");
    }
    let others = menu.ingredients.keys().filter(|code| declared.iter().all(|(one, _)| *one != code.as_str()));
    assert!(others.map(|code| of(code.as_str())).all(|allergens| allergens.is_empty()));
}
