//! Tests of threshold crossings and blocked pizzas.

use super::*;
use crate::ids::ItemCode;
use crate::menu::PizzaSize;

#[test]
fn reports_each_threshold_crossing_once() {
    let set = |quantity| StockCommand::SetThreshold {
        ingredient: code("TOMATO"),
        threshold: Quantity(quantity),
        now: now(),
    };
    let mut past = vec![received("1", &[("TOMATO", 100)])];
    accepts(past.clone(), set(100), vec![threshold("TOMATO", 100)]);
    accepts(past.clone(), set(101), vec![threshold("TOMATO", 101), low("TOMATO", 100, 101)]);
    past.push(threshold("TOMATO", 50));
    accepts(past.clone(), reserve(1, &[("TOMATO", 50)]), vec![reserved(1, &[("TOMATO", 50)])]);
    let fell = vec![reserved(1, &[("TOMATO", 51)]), low("TOMATO", 49, 50)];
    accepts(past.clone(), reserve(1, &[("TOMATO", 51)]), fell.clone());
    past.extend(fell);
    accepts(past.clone(), reserve(2, &[("TOMATO", 1)]), vec![reserved(2, &[("TOMATO", 1)])]);
    accepts(past.clone(), set(0), vec![threshold("TOMATO", 0), recovered("TOMATO", 49, 0)]);
    let released =
        StockEvent::ReservationReleased { order: order(1), lines: lines(&[("TOMATO", 51)]), at: now() };
    accepts(
        past.clone(),
        StockCommand::Release { order: order(1), now: now() },
        vec![released, recovered("TOMATO", 100, 50)],
    );
    let changed = StockEvent::ReservationChanged {
        order: order(1),
        lines: lines(&[]),
        previous: lines(&[("TOMATO", 51)]),
        pieces: None,
        at: now(),
    };
    accepts(past.clone(), change(1, &[]), vec![changed, recovered("TOMATO", 100, 50)]);
    accepts(
        past,
        count(&[("TOMATO", 101)]),
        vec![counted(&[("TOMATO", 100, 101)]), recovered("TOMATO", 50, 50)],
    );
}

#[test]
fn reports_no_low_stock_without_a_threshold() {
    let past = vec![received("1", &[("TOMATO", 100)]), reserved(1, &[("TOMATO", 80)])];
    accepts(past, count(&[("TOMATO", 0)]), vec![counted(&[("TOMATO", 100, 0)]), short("TOMATO", 80, &[1])]);
}

#[test]
fn blocks_and_unblocks_by_size_or_in_every_size() {
    let pizza = || "CHV".parse::<ItemCode>().unwrap();
    let block = |size| StockCommand::Block { pizza: pizza(), size, reason: "four".into(), now: now() };
    let unblock = |size| StockCommand::Unblock { pizza: pizza(), size, now: now() };
    let blocked = |size| StockEvent::PizzaBlocked { pizza: pizza(), size, reason: "four".into(), at: now() };
    let unblocked = |size| StockEvent::PizzaUnblocked { pizza: pizza(), size, at: now() };
    let (all, large, medium) = (None, Some(PizzaSize::L), Some(PizzaSize::M));

    let stock = accepts(vec![], block(large), vec![blocked(large)]);
    assert_eq!(stock.blocked(&pizza(), PizzaSize::L), Some("four".into()));
    assert_eq!(stock.blocked(&pizza(), PizzaSize::M), None);
    accepts(vec![blocked(large)], block(medium), vec![blocked(medium)]);
    accepts(vec![blocked(large)], block(all), vec![blocked(all)]);
    refuses(vec![blocked(large)], block(large), StockError::AlreadyBlocked { pizza: pizza() });
    refuses(vec![blocked(all)], block(large), StockError::AlreadyBlocked { pizza: pizza() });

    let stock = accepts(vec![blocked(all)], unblock(all), vec![unblocked(all)]);
    assert_eq!(stock.blocked(&pizza(), PizzaSize::L), None);
    refuses(vec![blocked(all)], unblock(large), StockError::NotBlocked { pizza: pizza() });
    refuses(vec![], unblock(all), StockError::NotBlocked { pizza: pizza() });
}
