//! Baskets written as text, for tests.

use crate::ids::{ItemCode, PizzeriaId};
use crate::menu::PizzaSize;
use crate::order::Fulfilment;
use crate::pizzeria::Place;
use crate::usecase::{Basket, BasketLine};

/// Returns the pizzeria P1, Montmartre.
pub(crate) fn p1() -> PizzeriaId {
    "P1".parse().unwrap()
}

/// Returns a place 556 m from P1.
pub(crate) fn near() -> Place {
    Place::from_degrees(48.897, 2.344).unwrap()
}

/// Parses a line such as `2 CHV L` or `1 COLA`.
pub(crate) fn line(text: &str) -> BasketLine {
    let mut words = text.split(' ');
    let quantity = words.next().unwrap().parse().unwrap();
    let item: ItemCode = words.next().unwrap().parse().unwrap();
    let size = words.next().map(|size| match size {
        "S" => PizzaSize::S,
        "M" => PizzaSize::M,
        "L" => PizzaSize::L,
        other => panic!("{other}"),
    });
    BasketLine { item, size, quantity, extras: Vec::new(), without: Vec::new() }
}

/// Returns a basket of such lines; a delivery goes to [`near`].
pub(crate) fn basket(fulfilment: Fulfilment, lines: &[&str]) -> Basket {
    let place = (fulfilment == Fulfilment::Delivery).then(near);
    Basket { fulfilment, lines: lines.iter().map(|text| line(text)).collect(), place }
}
