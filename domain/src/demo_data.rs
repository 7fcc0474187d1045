//! Invented data of the demo, as specified by DOMAIN.md ("Demo data"). Pure values; never loads anything.

use std::collections::BTreeMap;

use chrono::{NaiveDate, Weekday};
use chrono_tz::Europe::Paris;

use crate::ids::{IngredientCode, ItemCode, PizzeriaId};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::{
    Allergen, Category, Extra, Ingredient, MenuChanges, Pizza, PizzaSize, Side, SizedPizza, Unit,
};
use crate::money::Cents;
use crate::pizzeria::{Opening, OpeningSpan, Place, UnpaidChanges, UnpaidLimit, WeeklyHours};
use crate::vat::{DatedRate, VatClass, VatRate};

/// Dough of a pizza of size M, in grams.
const DOUGH_M: u32 = 260;
/// First day of the VAT rates 5.5, 10 and 20 %.
const VAT_FROM: NaiveDate = match NaiveDate::from_ymd_opt(2014, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// Ingredients: code, name, unit, allergens, whether it may be left out.
const INGREDIENTS: &[(&str, &str, Unit, &[Allergen], bool)] = {
    use Allergen::{Egg, Fish, Gluten, Milk};
    use Unit::{Gram, Piece};
    &[
        ("DOUGH", "Pâte", Gram, &[Gluten], false),
        ("TOMATO", "Sauce tomate", Gram, &[], true),
        ("CREAM", "Crème fraîche", Gram, &[Milk], true),
        ("MOZZARELLA", "Mozzarella", Gram, &[Milk], true),
        ("EMMENTAL", "Emmental", Gram, &[Milk], true),
        ("GORGONZOLA", "Gorgonzola", Gram, &[Milk], true),
        ("GOAT_CHEESE", "Fromage de chèvre", Gram, &[Milk], true),
        ("REBLOCHON", "Reblochon", Gram, &[Milk], true),
        ("HAM", "Jambon", Gram, &[], true),
        ("BACON", "Lardons", Gram, &[], true),
        ("BEEF", "Bœuf haché", Gram, &[], true),
        ("PEPPERONI", "Pepperoni", Gram, &[], true),
        ("MERGUEZ", "Merguez", Gram, &[], true),
        ("SALMON", "Saumon fumé", Gram, &[Fish], true),
        ("TUNA", "Thon", Gram, &[Fish], true),
        ("ANCHOVY", "Anchois", Gram, &[Fish], true),
        ("EGG", "Œuf", Piece, &[Egg], true),
        ("BASIL", "Basilic", Gram, &[], true),
        ("MUSHROOM", "Champignons", Gram, &[], true),
        ("POTATO", "Pommes de terre", Gram, &[], true),
        ("ONION", "Oignons", Gram, &[], true),
        ("PEPPER", "Poivrons", Gram, &[], true),
        ("OLIVE", "Olives", Gram, &[], true),
        ("ARTICHOKE", "Artichauts", Gram, &[], true),
        ("CHERRY_TOMATO", "Tomates cerises", Gram, &[], true),
        ("HONEY", "Miel", Gram, &[], true),
        ("ROCKET", "Roquette", Gram, &[], true),
        ("BXS", "Boîte S", Piece, &[], false),
        ("BXM", "Boîte M", Piece, &[], false),
        ("BXL", "Boîte L", Piece, &[], false),
    ]
};

/// Pizza: code, name, price of size M in cents, ingredients of size M without dough and box.
type PizzaRow = (&'static str, &'static str, i64, &'static [(&'static str, u32)]);

/// The pizzas.
const PIZZAS: &[PizzaRow] = &[
    ("MAR", "Margherita", 1100, &[("TOMATO", 80), ("MOZZARELLA", 120), ("BASIL", 4)]),
    ("REI", "Reine", 1250, &[("TOMATO", 80), ("MOZZARELLA", 100), ("HAM", 60), ("MUSHROOM", 50)]),
    (
        "4FR",
        "4 Fromages",
        1350,
        &[("CREAM", 60), ("MOZZARELLA", 60), ("EMMENTAL", 50), ("GORGONZOLA", 40), ("GOAT_CHEESE", 40)],
    ),
    (
        "FER",
        "Fermière",
        1350,
        &[
            ("CREAM", 60),
            ("EMMENTAL", 60),
            ("BACON", 50),
            ("POTATO", 60),
            ("MUSHROOM", 30),
            ("ONION", 20),
            ("EGG", 1),
        ],
    ),
    (
        "BOL",
        "Bolognaise",
        1300,
        &[("TOMATO", 60), ("BEEF", 80), ("EMMENTAL", 50), ("MOZZARELLA", 50), ("ONION", 20), ("PEPPER", 20)],
    ),
    ("PEP", "Pepperoni", 1300, &[("TOMATO", 80), ("MOZZARELLA", 110), ("PEPPERONI", 50)]),
    (
        "CAL",
        "Calzone",
        1300,
        &[("TOMATO", 60), ("MOZZARELLA", 100), ("HAM", 60), ("MUSHROOM", 40), ("EGG", 1)],
    ),
    ("NAP", "Napolitaine", 1200, &[("TOMATO", 80), ("MOZZARELLA", 90), ("ANCHOVY", 20), ("OLIVE", 25)]),
    (
        "VEG",
        "Végétarienne",
        1250,
        &[
            ("TOMATO", 80),
            ("MOZZARELLA", 80),
            ("PEPPER", 40),
            ("MUSHROOM", 40),
            ("ARTICHOKE", 40),
            ("ONION", 20),
            ("OLIVE", 15),
        ],
    ),
    (
        "CHV",
        "Chèvre-miel",
        1350,
        &[("CREAM", 60), ("MOZZARELLA", 70), ("GOAT_CHEESE", 70), ("HONEY", 15), ("ROCKET", 15)],
    ),
    (
        "SAV",
        "Savoyarde",
        1400,
        &[("CREAM", 60), ("REBLOCHON", 80), ("BACON", 50), ("POTATO", 70), ("ONION", 20)],
    ),
    ("SAU", "Saumon", 1450, &[("CREAM", 70), ("MOZZARELLA", 80), ("SALMON", 60), ("CHERRY_TOMATO", 30)]),
    (
        "ORI",
        "Orientale",
        1350,
        &[("TOMATO", 80), ("MOZZARELLA", 90), ("MERGUEZ", 70), ("PEPPER", 40), ("ONION", 20)],
    ),
    ("THO", "Thon", 1250, &[("TOMATO", 80), ("MOZZARELLA", 90), ("TUNA", 60), ("ONION", 20), ("OLIVE", 15)]),
];

/// Drink or dessert: code, name, category, VAT class, price in cents, allergens.
type SideRow = (&'static str, &'static str, Category, VatClass, i64, &'static [Allergen]);

/// Drinks and desserts.
const SIDES: &[SideRow] = {
    use Allergen::{Gluten, Milk, Sulphites};
    use Category::{Dessert, Drink};
    use VatClass::{Alcohol, IceCream, SoftDrink};
    &[
        ("WATER", "Eau 50 cl", Drink, SoftDrink, 180, &[]),
        ("COLA", "Cola 33 cl", Drink, SoftDrink, 220, &[]),
        ("ORANGE", "Orange 33 cl", Drink, SoftDrink, 220, &[]),
        ("ICED_TEA", "Thé glacé 33 cl", Drink, SoftDrink, 220, &[]),
        ("BEER", "Bière 33 cl", Drink, Alcohol, 380, &[Gluten]),
        ("RED_WINE", "Vin rouge 75 cl", Drink, Alcohol, 1200, &[Sulphites]),
        ("ICE_CREAM", "Pot de glace", Dessert, IceCream, 350, &[Milk]),
    ]
};

/// Extras: ingredient, quantity in its unit, price in cents. DOMAIN.md's "any meat" is each meat listed here.
const EXTRAS: &[(&str, u32, i64)] = &[
    ("MOZZARELLA", 50, 150),
    ("EGG", 1, 100),
    ("HAM", 50, 200),
    ("BACON", 50, 200),
    ("BEEF", 50, 200),
    ("PEPPERONI", 50, 200),
    ("MERGUEZ", 50, 200),
];

/// VAT classes: the class, away and on site in hundredths of a percent.
const VAT: &[(VatClass, u32, u32)] = &[
    (VatClass::Pizza, 1000, 1000),
    (VatClass::SoftDrink, 550, 1000),
    (VatClass::Alcohol, 2000, 2000),
    (VatClass::IceCream, 550, 1000),
];

/// Pizzerias: code, name, address, latitude and longitude in millionths of a degree, radius in metres,
/// couriers.
const PIZZERIAS: &[(&str, &str, &str, i32, i32, u32, usize)] = &[
    ("P1", "Montmartre", "25 rue des Quatre-Fours, 75018 Paris", 48_892_000, 2_344_000, 3_000, 3),
    ("P2", "Voltaire", "8 passage du Levain, 75011 Paris", 48_859_000, 2_379_000, 3_000, 4),
    ("P3", "Boulogne", "41 rue de la Semoule, 92100 Boulogne-Billancourt", 48_835_000, 2_240_000, 4_000, 3),
    ("P4", "Montreuil", "17 rue du Basilic, 93100 Montreuil", 48_861_000, 2_443_000, 4_000, 3),
    ("P5", "Saint-Denis", "3 place du Pétrin, 93200 Saint-Denis", 48_936_000, 2_357_000, 4_000, 2),
];

/// Names of planned pizzerias. DOMAIN.md gives only their names; the demo neither opens nor lists them.
pub const PLANNED_PIZZERIAS: [&str; 3] = ["Vincennes", "Ivry", "Levallois"];

/// Returns the first publication of the group's menu.
pub fn menu() -> MenuChanges {
    MenuChanges {
        ingredients: INGREDIENTS.iter().map(ingredient).chain(SIDES.iter().map(side_in_stock)).collect(),
        pizzas: PIZZAS.iter().map(pizza).collect(),
        sides: SIDES
            .iter()
            .map(|(code, name, category, vat_class, price, _)| Side {
                code: item(code),
                name: (*name).to_owned(),
                category: *category,
                vat_class: *vat_class,
                price: Cents(*price),
            })
            .collect(),
        extras: EXTRAS
            .iter()
            .map(|(code, quantity, price)| Extra {
                ingredient: stocked(code),
                quantity: Quantity(*quantity),
                price: Cents(*price),
            })
            .collect(),
        vat: VAT
            .iter()
            .map(|(class, away, on_site)| DatedRate {
                from: VAT_FROM,
                class: *class,
                away: VatRate(*away),
                on_site: VatRate(*on_site),
            })
            .collect(),
        withdrawn: Vec::new(),
        withdrawn_extras: Vec::new(),
    }
}

/// Returns the five pizzerias, open at any hour.
pub fn pizzerias() -> Vec<Opening> {
    PIZZERIAS
        .iter()
        .map(|(code, name, address, lat, lon, radius_m, _)| Opening {
            pizzeria: pizzeria_id(code),
            name: (*name).to_owned(),
            address: (*address).to_owned(),
            place: Place { lat: *lat, lon: *lon },
            timezone: Paris,
            hours: WeeklyHours::always(),
            radius_m: *radius_m,
            delivery_fee: Cents(290),
            minimum: Cents(1500),
            unpaid: UnpaidChanges {
                // The demo's few accounts place all the orders of an evening.
                account: Some(UnpaidLimit { orders: 200, pieces: 2_000 }),
                caller: Some(UnpaidLimit { orders: 200, pieces: 2_000 }),
                unverified: None,
            },
        })
        .collect()
}

/// Returns the number of a pizzeria's couriers; 0 for one outside the demo.
pub fn couriers(pizzeria: &PizzeriaId) -> usize {
    PIZZERIAS.iter().find(|(code, ..)| *code == pizzeria.as_str()).map_or(0, |(.., couriers)| *couriers)
}

/// Returns the group's regular hours: 11:30–14:00 and 18:00–22:30, to 23:30 on Friday and Saturday, Sunday
/// evening only.
pub fn regular_hours() -> WeeklyHours {
    use Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
    let at = |hour: u16, minute: u16| hour * 60 + minute;
    let mut spans = Vec::new();
    for day in [Mon, Tue, Wed, Thu, Fri, Sat, Sun] {
        if day != Sun {
            spans.push(OpeningSpan { day, from: at(11, 30), to: at(14, 0) });
        }
        let to = if matches!(day, Fri | Sat) { at(23, 30) } else { at(22, 30) };
        spans.push(OpeningSpan { day, from: at(18, 0), to });
    }
    // Every span is valid, so that the default never applies.
    WeeklyHours::new(spans).unwrap_or_default()
}

/// Returns the opening stock of a pizzeria.
pub fn opening_stock(pizzeria: &PizzeriaId) -> Ingredients {
    let quantity = |code: &str| match code {
        "DOUGH" => 25_000,
        "MOZZARELLA" => 9_000,
        "TOMATO" => 6_000,
        "CREAM" => 3_000,
        "BXS" | "BXM" | "BXL" => 60,
        "EGG" => 30,
        "BASIL" | "HONEY" | "ROCKET" => 400,
        "GOAT_CHEESE" if pizzeria.as_str() == "P1" => 600,
        _ => 2_000,
    };
    let ingredients = INGREDIENTS.iter().map(|(code, ..)| (stocked(code), Quantity(quantity(code))));
    let sides = SIDES.iter().map(|(code, ..)| (stocked(code), Quantity(60)));
    ingredients.chain(sides).collect()
}

/// Returns the threshold of each ingredient: 15 % of the opening stock, rounded half up.
pub fn thresholds(pizzeria: &PizzeriaId) -> Ingredients {
    opening_stock(pizzeria)
        .iter()
        .map(|(code, opening)| (code.clone(), Quantity(percent(opening.0, 15))))
        .collect()
}

/// Scales the quantity `m` of size M to another size: S × 0.65, L × 1.45, rounded half up.
pub fn scale(m: u32, size: PizzaSize) -> u32 {
    match size {
        PizzaSize::S => percent(m, 65),
        PizzaSize::M => m,
        PizzaSize::L => percent(m, 145),
    }
}

/// Returns a percentage, rounded half up.
fn percent(of: u32, percent: u32) -> u32 {
    (of * percent + 50) / 100
}

fn ingredient(row: &(&str, &str, Unit, &[Allergen], bool)) -> Ingredient {
    let (code, name, unit, allergens, removable) = *row;
    Ingredient {
        code: stocked(code),
        name: name.to_owned(),
        unit,
        allergens: allergens.iter().copied().collect(),
        removable,
    }
}

fn side_in_stock(row: &SideRow) -> Ingredient {
    let (code, name, .., allergens) = *row;
    Ingredient {
        code: stocked(code),
        name: name.to_owned(),
        unit: Unit::Piece,
        allergens: allergens.iter().copied().collect(),
        removable: false,
    }
}

fn pizza(row: &PizzaRow) -> Pizza {
    let (code, name, price, takes) = *row;
    let sizes: BTreeMap<PizzaSize, SizedPizza> = PizzaSize::ALL
        .into_iter()
        .map(|size| {
            let price = match size {
                PizzaSize::S => price - 250,
                PizzaSize::M => price,
                PizzaSize::L => price + 400,
            };
            (size, SizedPizza { price: Cents(price), recipe: recipe(takes, size) })
        })
        .collect();
    Pizza { code: item(code), name: name.to_owned(), sizes }
}

fn recipe(takes: &[(&str, u32)], size: PizzaSize) -> Ingredients {
    let (size_box, eggs) = match size {
        PizzaSize::S => ("BXS", 1),
        PizzaSize::M => ("BXM", 1),
        PizzaSize::L => ("BXL", 2),
    };
    let fixed = [(stocked("DOUGH"), Quantity(scale(DOUGH_M, size))), (stocked(size_box), Quantity(1))];
    let own = takes.iter().map(|(code, m)| {
        // Eggs are whole.
        let quantity = if *code == "EGG" { eggs } else { scale(*m, size) };
        (stocked(code), Quantity(quantity))
    });
    fixed.into_iter().chain(own).collect()
}

macro_rules! code {
    ($name:ident, $type:ident) => {
        #[allow(clippy::expect_used)] // every code of this module is a literal, and its tests build them all
        fn $name(code: &str) -> $type {
            code.parse().expect("a code of the demo")
        }
    };
}
code!(item, ItemCode);
code!(stocked, IngredientCode);
code!(pizzeria_id, PizzeriaId);

#[cfg(test)]
mod tests;
