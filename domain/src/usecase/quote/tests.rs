//! Tests of prices, needs and obstacles of baskets, over the demo's menu.

mod obstacles;

use proptest::prelude::*;

use super::*;
use crate::ingredients::Quantity;
use crate::menu::{MenuChanges, MenuEvent};
use crate::order::LinePart;
use crate::pizzeria::{Changes, PizzeriaEvent, WeeklyHours};
use crate::stock::StockEvent;
use crate::stream::StreamId;
use crate::testing::MemoryStore;
use crate::testing::baskets::{basket, line, near, p1};
use crate::vat::{VatPart, VatRate};
use Fulfilment::{Delivery, OnSite, Takeaway};

fn stocked(code: &str) -> IngredientCode {
    code.parse().unwrap()
}

fn item(code: &str) -> ItemCode {
    code.parse().unwrap()
}

fn quoted(store: &MemoryStore, basket: &Basket) -> Result<Quote, Vec<OrderError>> {
    let load = KitchenLoad::default();
    quote(&store.menu(), &store.pizzeria(&p1()), &store.stock(&p1()), basket, load, MemoryStore::now())
}

#[track_caller]
fn unpriceable(basket: &Basket, error: OrderError) {
    let errors = quoted(&MemoryStore::demo(), basket).unwrap_err();
    assert_eq!(errors.iter().map(OrderError::what).collect::<Vec<_>>(), [&error]);
}

fn at(index: u32, part: LinePart, error: OrderError) -> OrderError {
    OrderError::Line { index, part, error: Box::new(error) }
}

#[track_caller]
fn obstacles(store: &MemoryStore, basket: &Basket, expected: &[OrderError]) {
    assert_eq!(quoted(store, basket).unwrap().obstacles, expected);
}

fn takeaway(change: impl FnOnce(&mut BasketLine), text: &str) -> Basket {
    let mut one = line(text);
    change(&mut one);
    Basket { fulfilment: Takeaway, lines: vec![one], place: None }
}

fn part(rate: u32, net: i64, tax: i64) -> VatPart {
    VatPart { rate: VatRate(rate), net: Cents(net), tax: Cents(tax), gross: Cents(net + tax) }
}

#[test]
fn prices_a_delivery_to_the_cent() {
    let quote =
        quoted(&MemoryStore::demo(), &basket(Delivery, &["2 MAR M", "1 COLA", "1 BEER", "1 ICE_CREAM"]))
            .unwrap();
    // 22.00 at 10 %, 5.70 at 5.5 %, 3.80 at 20 %; the fee of 2.90 goes 203 + 52 + 35.
    let expected = Pricing {
        subtotal: Cents(3150),
        delivery_fee: Cents(290),
        vat: vec![part(550, 590, 32), part(1000, 2185, 218), part(2000, 346, 69)],
        total: Cents(3440),
    };
    assert_eq!(quote.pricing, expected);
    assert_eq!((quote.distance_m, quote.obstacles), (Some(556), vec![]));
    // 15 + 2 pizzas + 8 + 3 = 28 minutes, to the next five.
    assert_eq!(quote.promised_at - MemoryStore::now(), chrono::TimeDelta::minutes(30));
}

#[test]
fn applies_vat_by_fulfilment_and_fees_to_deliveries_only() {
    let rates = |fulfilment| {
        let quote = quoted(
            &MemoryStore::demo(),
            &basket(fulfilment, &["1 MAR M", "1 COLA", "1 BEER", "1 ICE_CREAM"]),
        );
        let quote = quote.unwrap();
        let rates: Vec<u32> = quote.lines.iter().map(|line| line.vat_rate.0).collect();
        (rates, quote.pricing.delivery_fee, quote.distance_m)
    };
    assert_eq!(rates(Takeaway), (vec![1000, 550, 2000, 550], Cents::ZERO, None));
    assert_eq!(rates(OnSite), (vec![1000, 1000, 2000, 1000], Cents::ZERO, None));
    assert_eq!(rates(Delivery), (vec![1000, 550, 2000, 550], Cents(290), Some(556)));
}

#[test]
fn extras_add_price_and_ingredients_while_omissions_are_free() {
    let asked = takeaway(
        |one| {
            one.extras = ["MOZZARELLA", "MOZZARELLA", "EGG"].map(stocked).to_vec();
            one.without = ["BASIL", "TOMATO", "BASIL"].map(stocked).to_vec();
        },
        "2 MAR L",
    );
    let quote = quoted(&MemoryStore::demo(), &asked).unwrap();
    let one = &quote.lines[0];
    assert_eq!((one.unit_price, one.total), (Cents(1500 + 150 + 150 + 100), Cents(3800)));
    assert_eq!(one.without, ["BASIL", "TOMATO"].map(stocked));
    assert_eq!(one.extras.iter().map(|extra| extra.price.0).collect::<Vec<_>>(), [150, 150, 100]);
    assert_eq!((one.name.as_str(), one.recipe_version, one.line), ("Margherita", 1, 1));
    let needs: Ingredients = [("BXL", 2), ("DOUGH", 754), ("EGG", 2), ("MOZZARELLA", 548)]
        .into_iter()
        .map(|(code, quantity)| (stocked(code), Quantity(quantity)))
        .collect();
    assert_eq!(quote.needs, needs);
}

#[test]
fn an_omitted_ingredient_can_be_an_extra() {
    let asked = takeaway(
        |one| (one.extras, one.without) = (vec![stocked("MOZZARELLA")], vec![stocked("MOZZARELLA")]),
        "1 MAR M",
    );
    assert_eq!(quoted(&MemoryStore::demo(), &asked).unwrap().needs.get(&stocked("MOZZARELLA")), Quantity(50));
}

#[test]
fn sides_need_one_piece_of_their_own_code() {
    let quote = quoted(&MemoryStore::demo(), &basket(Takeaway, &["3 COLA"])).unwrap();
    assert_eq!(quote.needs, [(stocked("COLA"), Quantity(3))].into_iter().collect());
    assert_eq!(quote.pricing.total, Cents(660));
}

#[test]
fn rejects_empty_orders_and_lines() {
    unpriceable(&basket(Takeaway, &[]), OrderError::EmptyOrder);
    unpriceable(&basket(Takeaway, &["1 MAR M", "0 COLA"]), OrderError::InvalidQuantity { max: 99 });
}

#[test]
fn reports_all_errors_with_their_place() {
    let mut store = MemoryStore::demo();
    let paused = PizzeriaEvent::PizzeriaPaused {
        reason: crate::note::Reason::default(),
        until: None,
        at: MemoryStore::now(),
    };
    store.append(&StreamId::pizzeria(&p1()), paused.into());
    let blocked = StockEvent::PizzaBlocked {
        pizza: item("REI"),
        size: None,
        reason: crate::note::Reason::default(),
        at: MemoryStore::now(),
    };
    store.append(&StreamId::stock(&p1()), blocked.into());
    let mut changed = line("100 MAR M");
    (changed.extras, changed.without) =
        (["EGG", "HONEY"].map(stocked).to_vec(), ["BASIL", "DOUGH"].map(stocked).to_vec());
    let mut lines = vec![line("0 XXX M"), changed, line("1 COLA L"), line("1 MAR"), line("61 COLA")];
    lines.push(line("1 REI M"));
    let asked = Basket { fulfilment: Delivery, lines, place: None };
    let unknown_extra = OrderError::UnknownExtra { item: item("MAR"), extra: stocked("HONEY") };
    let missing = Missing { ingredient: stocked("COLA"), needed: Quantity(61), available: Quantity(60) };
    let expected = [
        at(0, LinePart::Quantity, OrderError::InvalidQuantity { max: 99 }),
        at(0, LinePart::Item, OrderError::UnknownItem { item: item("XXX") }),
        at(1, LinePart::Quantity, OrderError::TooLarge { what: "pieces of one line".into(), max: 99 }),
        at(1, LinePart::Extra(1), unknown_extra),
        at(
            1,
            LinePart::Without(1),
            OrderError::UnknownIngredient { item: item("MAR"), ingredient: stocked("DOUGH") },
        ),
        at(2, LinePart::Size, OrderError::UnknownSize { item: item("COLA"), size: Some(PizzaSize::L) }),
        at(3, LinePart::Size, OrderError::UnknownSize { item: item("MAR"), size: None }),
        OrderError::PizzeriaClosed,
        OrderError::AddressRequired,
        // The minimum is not checked: the total of the lines is unknown.
        OrderError::ItemBlocked { item: item("REI") },
        OrderError::InsufficientStock { missing: vec![missing] },
    ];
    assert_eq!(quoted(&store, &asked).unwrap_err(), expected);
}

#[test]
fn bounds_lines_pieces_and_extras() {
    let too_large = |what: &'static str, max| OrderError::TooLarge { what: what.into(), max };
    unpriceable(&basket(Takeaway, &["1 COLA"; 51]), too_large("lines", 50));
    unpriceable(&basket(Takeaway, &["100 COLA"]), too_large("pieces of one line", 99));
    unpriceable(
        &takeaway(|one| one.extras = vec![stocked("EGG"); 11], "1 MAR M"),
        too_large("extras on one line", 10),
    );
    assert!(quoted(&MemoryStore::demo(), &basket(Takeaway, &["99 COLA"; 50])).is_ok());
    assert!(
        quoted(&MemoryStore::demo(), &takeaway(|one| one.extras = vec![stocked("EGG"); 10], "1 MAR M"))
            .is_ok()
    );
}

#[test]
fn rejects_unknown_items_and_sizes() {
    unpriceable(&basket(Takeaway, &["1 XXX M"]), OrderError::UnknownItem { item: item("XXX") });
    unpriceable(&basket(Takeaway, &["1 MAR"]), OrderError::UnknownSize { item: item("MAR"), size: None });
    unpriceable(
        &basket(Takeaway, &["1 COLA M"]),
        OrderError::UnknownSize { item: item("COLA"), size: Some(PizzaSize::M) },
    );
}

#[test]
fn rejects_unknown_extras_and_extras_on_sides() {
    unpriceable(
        &takeaway(|one| one.extras = vec![stocked("TOMATO")], "1 MAR M"),
        OrderError::UnknownExtra { item: item("MAR"), extra: stocked("TOMATO") },
    );
    unpriceable(
        &takeaway(|one| one.extras = vec![stocked("EGG")], "1 COLA"),
        OrderError::UnknownExtra { item: item("COLA"), extra: stocked("EGG") },
    );
}

#[test]
fn rejects_omitting_absent_or_required_ingredients() {
    for (text, code) in
        [("1 MAR M", "HAM"), ("1 MAR M", "DOUGH"), ("1 MAR M", "BXM"), ("1 COLA", "COLA"), ("1 MAR M", "X")]
    {
        unpriceable(
            &takeaway(|one| one.without = vec![stocked(code)], text),
            OrderError::UnknownIngredient { item: line(text).item, ingredient: stocked(code) },
        );
    }
}

#[test]
fn prices_by_the_current_version_of_the_menu() {
    let mut store = MemoryStore::demo();
    let mut dearer = store.menu().pizzas[&item("MAR")].clone();
    dearer.sizes.get_mut(&PizzaSize::M).unwrap().price = Cents(1111);
    let changes = Box::new(MenuChanges { pizzas: vec![dearer], ..MenuChanges::default() });
    let event = MenuEvent::MenuPublished { version: 2, changes, at: MemoryStore::now() };
    store.append(&StreamId::menu(), event.into());
    let quote = quoted(&store, &basket(Takeaway, &["1 MAR M"])).unwrap();
    assert_eq!((quote.pricing.total, quote.lines[0].recipe_version), (Cents(1111), 2));
}

/// Generates a line of the demo's menu: any pizza or side, in any quantity, with extras and omissions.
fn any_line(menu: &Menu) -> impl Strategy<Value = BasketLine> + use<> {
    let pizzas: Vec<_> = menu.pizzas.values().cloned().collect();
    let sides: Vec<_> = menu.sides.keys().cloned().collect();
    let extras: Vec<_> = menu.extras.keys().cloned().collect();
    let removable: Vec<_> = menu
        .ingredients
        .values()
        .filter(|listed| listed.removable)
        .map(|listed| listed.code.clone())
        .collect();
    let pizza = (
        prop::sample::select(pizzas),
        prop::sample::select(PizzaSize::ALL.to_vec()),
        1_u32..=99,
        prop::collection::vec(prop::sample::select(extras), 0..=10),
        prop::sample::subsequence(removable.clone(), 0..removable.len()),
    )
        .prop_map(|(pizza, size, quantity, extras, without)| BasketLine {
            without: without.into_iter().filter(|code| pizza.sizes[&size].recipe.contains(code)).collect(),
            item: pizza.code,
            size: Some(size),
            quantity,
            extras,
        });
    let side = (prop::sample::select(sides), 1_u32..=99).prop_map(|(item, quantity)| BasketLine {
        item,
        size: None,
        quantity,
        extras: Vec::new(),
        without: Vec::new(),
    });
    prop_oneof![3 => pizza, 2 => side]
}

fn any_basket(menu: &Menu) -> impl Strategy<Value = Basket> + use<> {
    let fulfilment = prop::sample::select(vec![Delivery, Takeaway, OnSite]);
    (fulfilment, prop::collection::vec(any_line(menu), 1..=50)).prop_map(|(fulfilment, lines)| Basket {
        fulfilment,
        lines,
        place: Some(near()),
    })
}

proptest! {
    #[test]
    fn parts_of_a_price_add_up_to_its_total(basket in any_basket(&MemoryStore::demo().menu())) {
        let store = MemoryStore::demo();
        let quote = quoted(&store, &basket).unwrap();
        let Pricing { subtotal, delivery_fee, vat, total } = quote.pricing;
        prop_assert_eq!(quote.lines.iter().map(|line| line.total).sum::<Cents>(), subtotal);
        prop_assert_eq!(subtotal + delivery_fee, total);
        prop_assert_eq!(delivery_fee, if basket.fulfilment == Delivery { Cents(290) } else { Cents::ZERO });
        prop_assert_eq!(vat.iter().map(|part| part.gross).sum::<Cents>(), total);
        for part in &vat {
            prop_assert_eq!(part.net + part.tax, part.gross);
        }
        for line in &quote.lines {
            prop_assert_eq!(line.unit_price.times(line.quantity), line.total);
            let whole = store.menu().pizzas.get(&line.item).map(|pizza| pizza.sizes[&line.size.unwrap()].price)
                .unwrap_or_else(|| store.menu().sides[&line.item].price);
            prop_assert_eq!(whole + line.extras.iter().map(|extra| extra.price).sum(), line.unit_price);
        }
        prop_assert_eq!(quote.missing, store.stock(&p1()).missing(&quote.needs, &Ingredients::new()));
    }
}
