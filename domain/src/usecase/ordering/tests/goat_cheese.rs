//! Test of the scenario at the end of DOMAIN.md: goat cheese at P1, to the gram.

use super::*;
use crate::menu::PizzaSize;
use crate::stock::WasteReason;
use crate::usecase::{ToStock, TransferStock};
use crate::{Ingredients, Quantity};

const CODE: &str = "GOAT_CHEESE";

fn grams(quantity: u32) -> Ingredients {
    [(stocked(CODE), Quantity(quantity))].into_iter().collect()
}

fn makeable(store: &MemoryStore, pizza: &str, size: PizzaSize) -> (u32, String) {
    let makeable = store.menu().makeable(&pizza.parse().unwrap(), size, &store.stock(&p1())).unwrap();
    (makeable.count, makeable.limiting.unwrap().to_string())
}

/// Checks a refusal for want of goat cheese only, with the quantities needed and available.
#[track_caller]
fn wants_goat_cheese(store: &mut MemoryStore, number: u128, line: &str, needed: u32, available: u32) {
    let decision = store.execute(&place(number, &[line])).unwrap();
    let missing = vec![order::Missing {
        ingredient: stocked(CODE),
        needed: Quantity(needed),
        available: Quantity(available),
    }];
    assert_eq!(decision.refusal, Some(OrderError::InsufficientStock { missing }.into()), "{line}");
    assert_eq!(names(&decision), ["OrderRefused"]);
}

#[test]
fn goat_cheese_scenario_matches_to_the_gram() {
    let mut store = MemoryStore::demo();
    assert_eq!(available(&store, CODE), 600);

    for (number, line, left) in [(1, "2 CHV L", 396), (2, "3 4FR M", 276), (3, "2 CHV M", 136)] {
        assert_eq!(store.execute(&place(number, &[line])).unwrap().refusal, None);
        assert_eq!(available(&store, CODE), left, "{line}");
    }
    assert_eq!(makeable(&store, "CHV", PizzaSize::L), (1, CODE.to_owned()));

    let waste = StockCommand::Waste { reason: WasteReason::Spoiled, lines: grams(60), now: now() };
    store.execute(&ToStock { name: "wasteIngredients", pizzeria: p1(), command: waste }).unwrap();
    assert_eq!(available(&store, CODE), 76);
    assert_eq!(makeable(&store, "CHV", PizzaSize::L), (0, CODE.to_owned()));
    wants_goat_cheese(&mut store, 90, "1 CHV L", 102, 76);

    assert_eq!(store.execute(&place(4, &["1 CHV M"])).unwrap().refusal, None);
    assert_eq!(available(&store, CODE), 6);

    let needed = [("CHV", [46, 70, 102]), ("4FR", [26, 40, 58])];
    for (number, (pizza, size, grams)) in needed
        .into_iter()
        .flat_map(|(pizza, grams)| PizzaSize::ALL.into_iter().zip(grams).map(move |(s, g)| (pizza, s, g)))
        .enumerate()
    {
        assert_eq!(makeable(&store, pizza, size), (0, CODE.to_owned()));
        wants_goat_cheese(&mut store, 100 + number as u128, &format!("1 {pizza} {size}"), grams, 6);
    }

    store.execute(&cancel(4, false)).unwrap();
    assert_eq!(available(&store, CODE), 76);

    let transfer = TransferStock {
        transfer: Uuid::from_u128(9),
        from: "P2".parse().unwrap(),
        to: p1(),
        lines: grams(500),
        now: now(),
    };
    store.execute(&transfer).unwrap();
    assert_eq!(available(&store, CODE), 576);
    assert_eq!(store.stock(&"P2".parse().unwrap()).available(&stocked(CODE)), 1_500);
    assert_eq!(level(&store, CODE), (1_040, 464));
    assert_eq!(makeable(&store, "CHV", PizzaSize::L), (5, CODE.to_owned()));
}

#[test]
fn any_prefix_of_the_scenario_loads_to_the_same_states() {
    let mut store = MemoryStore::demo();
    for (number, line) in [(1, "2 CHV L"), (2, "3 4FR M")] {
        store.execute(&place(number, &[line])).unwrap();
    }
    store.execute(&StartPreparation { by: None, order: id(1), now: now() }).unwrap();
    store.execute(&cancel(1, true)).unwrap();
    store.execute(&cancel(2, false)).unwrap();
    for length in 0..=store.log().len() {
        let mut again = MemoryStore::default();
        for (stream, event) in &store.log()[..length] {
            let payload = serde_json::to_string(event).unwrap();
            for event in
                Event::from_stored(stream.kind, event.event_type(), event.version(), &payload).unwrap()
            {
                again.append(stream, event);
            }
        }
        assert_eq!(again.log(), &store.log()[..length]);
        if length == store.log().len() {
            assert_eq!(again.stock(&p1()), store.stock(&p1()));
            assert_eq!(again.placed(id(1)), store.placed(id(1)));
        }
    }
}
