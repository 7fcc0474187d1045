//! The scenario at the end of DOMAIN.md, to the gram: goat cheese at P1.

use super::*;
use crate::menu::PizzaSize;
use crate::stock::WasteReason;
use crate::usecase::{ToStock, TransferStock};
use crate::{Ingredients, Quantity};

const CODE: &str = "GOAT_CHEESE";

fn grams(quantity: u32) -> Ingredients {
    [(stocked(CODE), Quantity(quantity))].into_iter().collect()
}

fn makeable(world: &World, pizza: &str, size: PizzaSize) -> (u32, String) {
    let makeable = world.menu().makeable(&pizza.parse().unwrap(), size, &world.stock(&p1())).unwrap();
    (makeable.count, makeable.limiting.unwrap().to_string())
}

/// Refused for want of goat cheese alone, with what was needed and available.
#[track_caller]
fn wants_goat_cheese(world: &mut World, number: u128, line: &str, needed: u32, available: u32) {
    let decision = world.execute(&place(number, &[line])).unwrap();
    let missing = vec![order::Missing {
        ingredient: stocked(CODE),
        needed: Quantity(needed),
        available: Quantity(available),
    }];
    assert_eq!(decision.refusal, Some(OrderError::InsufficientStock { missing }.into()), "{line}");
    assert_eq!(names(&decision), ["OrderRefused"]);
}

#[test]
fn goat_cheese_at_p1_holds_to_the_gram() {
    let mut world = World::demo();
    assert_eq!(available(&world, CODE), 600);

    for (number, line, left) in [(1, "2 CHV L", 396), (2, "3 4FR M", 276), (3, "2 CHV M", 136)] {
        assert_eq!(world.execute(&place(number, &[line])).unwrap().refusal, None);
        assert_eq!(available(&world, CODE), left, "{line}");
    }
    assert_eq!(makeable(&world, "CHV", PizzaSize::L), (1, CODE.to_owned()));

    let waste = StockCommand::Waste { reason: WasteReason::Spoiled, lines: grams(60), now: now() };
    world.execute(&ToStock { name: "wasteIngredients", pizzeria: p1(), command: waste }).unwrap();
    assert_eq!(available(&world, CODE), 76);
    assert_eq!(makeable(&world, "CHV", PizzaSize::L), (0, CODE.to_owned()));
    wants_goat_cheese(&mut world, 90, "1 CHV L", 102, 76);

    assert_eq!(world.execute(&place(4, &["1 CHV M"])).unwrap().refusal, None);
    assert_eq!(available(&world, CODE), 6);

    let needed = [("CHV", [46, 70, 102]), ("4FR", [26, 40, 58])];
    for (number, (pizza, size, grams)) in needed
        .into_iter()
        .flat_map(|(pizza, grams)| PizzaSize::ALL.into_iter().zip(grams).map(move |(s, g)| (pizza, s, g)))
        .enumerate()
    {
        assert_eq!(makeable(&world, pizza, size), (0, CODE.to_owned()));
        wants_goat_cheese(&mut world, 100 + number as u128, &format!("1 {pizza} {size}"), grams, 6);
    }

    world.execute(&cancel(4, false)).unwrap();
    assert_eq!(available(&world, CODE), 76);

    let transfer = TransferStock {
        transfer: Uuid::from_u128(9),
        from: "P2".parse().unwrap(),
        to: p1(),
        lines: grams(500),
        now: now(),
    };
    world.execute(&transfer).unwrap();
    assert_eq!(available(&world, CODE), 576);
    assert_eq!(world.stock(&"P2".parse().unwrap()).available(&stocked(CODE)), 1_500);
    assert_eq!(level(&world, CODE), (1_040, 464));
    assert_eq!(makeable(&world, "CHV", PizzaSize::L), (5, CODE.to_owned()));
}

#[test]
fn any_prefix_of_the_scenario_loads_into_the_same_states() {
    let mut world = World::demo();
    for (number, line) in [(1, "2 CHV L"), (2, "3 4FR M")] {
        world.execute(&place(number, &[line])).unwrap();
    }
    world.execute(&StartPreparation { order: id(1), now: now() }).unwrap();
    world.execute(&cancel(1, true)).unwrap();
    world.execute(&cancel(2, false)).unwrap();
    for length in 0..=world.log().len() {
        let mut again = World::default();
        for (stream, event) in &world.log()[..length] {
            let payload = serde_json::to_string(event).unwrap();
            let event =
                Event::from_stored(stream.kind, event.event_type(), event.version(), &payload).unwrap();
            again.append(stream, event);
        }
        assert_eq!(again.log(), &world.log()[..length]);
        if length == world.log().len() {
            assert_eq!(again.stock(&p1()), world.stock(&p1()));
            assert_eq!(again.placed(id(1)), world.placed(id(1)));
        }
    }
}
