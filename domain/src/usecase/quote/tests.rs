//! What baskets cost and need, and everything that stands in their way, over the demo's menu.

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
    let paused = PizzeriaEvent::PizzeriaPaused { reason: String::new(), until: None, at: MemoryStore::now() };
    store.append(&StreamId::pizzeria(&p1()), paused.into());
    let blocked = StockEvent::PizzaBlocked {
        pizza: item("REI"),
        size: None,
        reason: String::new(),
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
        // No word on the minimum: it is not known what the lines come to.
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
fn rejects_promises_after_closing_time() {
    let mut store = MemoryStore::demo();
    let changes = Changes { hours: Some(crate::demo_data::regular_hours()), ..Changes::default() };
    let event = PizzeriaEvent::PizzeriaUpdated { changes, at: MemoryStore::now() };
    store.append(&StreamId::pizzeria(&p1()), event.into());
    // A Monday, open until 22:30 in Paris.
    let closes_at: DateTime<Utc> = "2026-03-02T21:30:00Z".parse().unwrap();
    let obstacles = |minutes, pizzas: &str, load| {
        let now = closes_at - chrono::TimeDelta::minutes(minutes);
        let asked = basket(Takeaway, &[pizzas]);
        let stock = store.stock(&p1());
        quote(&store.menu(), &store.pizzeria(&p1()), &stock, &asked, load, now).unwrap().obstacles
    };
    let idle = KitchenLoad::default();
    let too_soon = |minutes| {
        vec![OrderError::ClosesTooSoon {
            closes_at,
            promised_at: closes_at + chrono::TimeDelta::minutes(minutes),
        }]
    };
    assert_eq!(obstacles(20, "1 MAR M", idle), vec![]);
    assert_eq!(obstacles(3, "40 MAR M", idle), too_soon(55));
    assert_eq!(obstacles(15, "1 MAR M", idle), too_soon(5));
    assert_eq!(obstacles(20, "1 MAR M", KitchenLoad { pizzas: 20, ..idle }), too_soon(10));
    assert_eq!(obstacles(0, "1 MAR M", idle), vec![OrderError::PizzeriaClosed]);
}

#[test]
fn rejects_items_without_a_vat_rate() {
    let store = MemoryStore::demo();
    let long_ago = "2013-12-31T22:59:59Z".parse().unwrap();
    let quote = |now| {
        quote(
            &store.menu(),
            &store.pizzeria(&p1()),
            &store.stock(&p1()),
            &basket(Takeaway, &["1 MAR M"]),
            KitchenLoad::default(),
            now,
        )
    };
    assert_eq!(
        quote(long_ago),
        Err(vec![at(0, LinePart::Item, OrderError::NoVatRate { item: item("MAR") })])
    );
    // A second later it is 2014 in Paris, where the rates begin, though not yet in UTC.
    assert!(quote(long_ago + chrono::TimeDelta::seconds(1)).is_ok());
}

#[test]
fn rejects_orders_while_closed_or_paused() {
    let mut closed = MemoryStore::demo();
    let changes = Changes { hours: Some(WeeklyHours::default()), ..Changes::default() };
    let event = PizzeriaEvent::PizzeriaUpdated { changes, at: MemoryStore::now() };
    closed.append(&StreamId::pizzeria(&p1()), event.into());
    obstacles(&closed, &basket(Takeaway, &["1 MAR M"]), &[OrderError::PizzeriaClosed]);

    let mut paused = MemoryStore::demo();
    let event = PizzeriaEvent::PizzeriaPaused { reason: String::new(), until: None, at: MemoryStore::now() };
    paused.append(&StreamId::pizzeria(&p1()), event.into());
    obstacles(&paused, &basket(Takeaway, &["1 MAR M"]), &[OrderError::PizzeriaClosed]);
}

#[test]
fn rejects_deliveries_without_an_address_in_reach() {
    let store = MemoryStore::demo();
    let to = |place| Basket { place, ..basket(Delivery, &["2 MAR M"]) };
    obstacles(&store, &to(None), &[OrderError::AddressRequired]);
    let far = Place::from_degrees(48.859, 2.379).unwrap();
    let distance_m = far.distance_m(store.pizzeria(&p1()).place);
    obstacles(&store, &to(Some(far)), &[OrderError::OutOfDeliveryArea { distance_m, radius_m: 3_000 }]);
    obstacles(&store, &Basket { place: Some(far), ..basket(Takeaway, &["2 MAR M"]) }, &[]);
}

#[test]
fn includes_the_edge_of_the_delivery_area() {
    for (radius_m, expected) in
        [(556, vec![]), (555, vec![OrderError::OutOfDeliveryArea { distance_m: 556, radius_m: 555 }])]
    {
        let mut store = MemoryStore::demo();
        let changes = Changes { radius_m: Some(radius_m), ..Changes::default() };
        let event = PizzeriaEvent::PizzeriaUpdated { changes, at: MemoryStore::now() };
        store.append(&StreamId::pizzeria(&p1()), event.into());
        assert_eq!(near().distance_m(store.pizzeria(&p1()).place), 556);
        obstacles(&store, &basket(Delivery, &["2 MAR M"]), &expected);
    }
}

#[test]
fn applies_the_minimum_to_deliveries_without_the_fee() {
    // With the fee of 2.90 it would be 17.30.
    let smaller = ["1 VEG S", "1 COLA", "1 COLA"];
    assert_eq!(quoted(&MemoryStore::demo(), &basket(Takeaway, &smaller)).unwrap().pricing.total, Cents(1440));
    obstacles(
        &MemoryStore::demo(),
        &basket(Delivery, &smaller),
        &[OrderError::BelowMinimum { subtotal: Cents(1440), minimum: Cents(1500) }],
    );
    obstacles(&MemoryStore::demo(), &basket(Takeaway, &smaller), &[]);
    obstacles(&MemoryStore::demo(), &basket(Delivery, &["1 MAR L"]), &[]); // exactly 15.00
}

#[test]
fn rejects_blocked_sizes() {
    let mut store = MemoryStore::demo();
    for (pizza, size) in [("MAR", Some(PizzaSize::L)), ("REI", None)] {
        let event = StockEvent::PizzaBlocked {
            pizza: item(pizza),
            size,
            reason: "oven".into(),
            at: MemoryStore::now(),
        };
        store.append(&StreamId::stock(&p1()), event.into());
    }
    let blocked = |code| OrderError::ItemBlocked { item: item(code) };
    obstacles(&store, &basket(Takeaway, &["1 MAR M"]), &[]);
    obstacles(
        &store,
        &basket(Takeaway, &["1 REI S", "1 MAR L", "1 REI M", "1 MAR M"]),
        &[blocked("MAR"), blocked("REI")],
    );
}

#[test]
fn names_every_missing_ingredient_with_quantities() {
    let store = MemoryStore::demo();
    let missing = |code, needed, available| Missing {
        ingredient: stocked(code),
        needed: Quantity(needed),
        available: Quantity(available),
    };
    // 31 eggs of 30, 61 colas of 60; over two lines each.
    let quote = quoted(&store, &basket(Takeaway, &["15 CAL L", "1 CAL S", "60 COLA", "1 COLA"])).unwrap();
    let expected = vec![missing("COLA", 61, 60), missing("EGG", 31, 30)];
    assert_eq!(quote.missing, expected);
    assert_eq!(quote.obstacles, [OrderError::InsufficientStock { missing: expected }]);
    obstacles(&store, &basket(Takeaway, &["15 CAL L", "60 COLA"]), &[]);
}

#[test]
fn lists_obstacles_in_the_order_of_the_checks() {
    let mut store = MemoryStore::demo();
    let event = PizzeriaEvent::PizzeriaPaused { reason: String::new(), until: None, at: MemoryStore::now() };
    store.append(&StreamId::pizzeria(&p1()), event.into());
    let event = StockEvent::PizzaBlocked {
        pizza: item("MAR"),
        size: None,
        reason: String::new(),
        at: MemoryStore::now(),
    };
    store.append(&StreamId::stock(&p1()), event.into());
    let event = StockEvent::StockCounted {
        lines: vec![crate::stock::Counted {
            ingredient: stocked("BASIL"),
            counted: Quantity(0),
            difference: -400,
        }],
        at: MemoryStore::now(),
    };
    store.append(&StreamId::stock(&p1()), event.into());
    let quote = quoted(&store, &Basket { place: None, ..basket(Delivery, &["1 MAR M"]) }).unwrap();
    assert_eq!(
        quote.obstacles,
        [
            OrderError::PizzeriaClosed,
            OrderError::AddressRequired,
            OrderError::BelowMinimum { subtotal: Cents(1100), minimum: Cents(1500) },
            OrderError::ItemBlocked { item: item("MAR") },
            OrderError::InsufficientStock { missing: quote.missing.clone() },
        ]
    );
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

/// A line of the demo's menu: any pizza or side, in any quantity, with extras and things left out.
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
