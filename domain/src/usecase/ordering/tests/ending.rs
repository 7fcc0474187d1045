//! Starting, cancelling and expiring: what becomes of the reservation and of the money.

use super::*;

fn start(number: u128) -> StartPreparation {
    StartPreparation { order: id(number), now: now() }
}

fn expire(number: u128, now: DateTime<Utc>) -> ExpireOrder {
    ExpireOrder { order: id(number), now }
}

#[test]
fn starting_consumes_the_reservation() {
    let mut world = World::demo();
    world.execute(&place(1, &["2 CHV M"])).unwrap();
    assert_eq!(level(&world, "GOAT_CHEESE"), (600, 140));
    let decision = world.execute(&start(1)).unwrap();
    assert_eq!(names(&decision), ["PreparationStarted", "ReservationConsumed"]);
    assert_eq!(level(&world, "GOAT_CHEESE"), (460, 0));
    refused(&mut world, &start(1), OrderError::WrongState { status: OrderStatus::InPreparation });
}

#[test]
fn an_unpaid_online_order_is_not_started() {
    let mut world = World::demo();
    world.execute(&placed_online(1, &["2 CHV M"])).unwrap();
    refused(&mut world, &start(1), OrderError::WrongState { status: OrderStatus::AwaitingPayment });
    world.execute(&pay_online(1)).unwrap();
    world.execute(&start(1)).unwrap();
}

#[test]
fn cancelling_before_the_start_releases_the_reservation() {
    let mut world = World::demo();
    world.execute(&place(1, &["2 CHV M"])).unwrap();
    let decision = world.execute(&cancel(1, false)).unwrap();
    assert_eq!(names(&decision), ["OrderCancelled", "ReservationReleased"]);
    assert_eq!(level(&world, "GOAT_CHEESE"), (600, 0));
    refused(&mut world, &cancel(1, true), OrderError::AlreadyClosed { status: OrderStatus::Cancelled });
}

#[test]
fn cancelling_once_started_is_for_managers_and_wastes_what_was_used_once() {
    let mut world = World::demo();
    world.execute(&place(1, &["2 CHV M"])).unwrap();
    world.execute(&start(1)).unwrap();
    refused(&mut world, &cancel(1, false), OrderError::TooLate { status: OrderStatus::InPreparation });
    let decision = world.execute(&cancel(1, true)).unwrap();
    assert_eq!(names(&decision), ["OrderCancelled", "IngredientsWasted"]);
    assert_eq!(wasted(&decision), (WasteReason::Mistake, world.placed(id(1)).needs.clone(), Some(id(1))));
    // It had left the shelf when preparation started.
    assert_eq!(level(&world, "GOAT_CHEESE"), (460, 0));
}

#[test]
fn what_is_ready_and_nobody_collects_is_cancelled_by_managers_and_is_waste() {
    let mut world = World::demo();
    world.execute(&place(1, &["2 CHV M"])).unwrap();
    world.execute(&start(1)).unwrap();
    let ready = OrderCommand::MarkReady { now: now() };
    world.execute(&ToOrder { name: "markOrderReady", order: id(1), command: ready }).unwrap();
    refused(&mut world, &cancel(1, false), OrderError::TooLate { status: OrderStatus::Ready });
    let decision = world.execute(&cancel(1, true)).unwrap();
    assert_eq!(names(&decision), ["OrderCancelled", "IngredientsWasted"]);
    assert_eq!(wasted(&decision), (WasteReason::Uncollected, world.placed(id(1)).needs.clone(), Some(id(1))));
    assert_eq!(level(&world, "GOAT_CHEESE"), (460, 0));
}

fn wasted(decision: &Decision) -> (WasteReason, Ingredients, Option<OrderId>) {
    match &decision.events[1].1 {
        Event::Stock(StockEvent::IngredientsWasted { reason, lines, order, .. }) => {
            (*reason, lines.clone(), *order)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_paid_online_goes_back_with_the_cancellation() {
    let mut world = World::demo();
    world.execute(&placed_online(1, &["1 MAR M"])).unwrap();
    world.execute(&pay_online(1)).unwrap();
    let decision = world.execute(&cancel(1, false)).unwrap();
    assert_eq!(names(&decision), ["OrderCancelled", "PaymentRefunded", "ReservationReleased"]);
    let event = OrderEvent::PaymentRefunded {
        method: PaymentMethod::Online,
        amount: Cents(1100),
        at: now(),
        note: None,
    };
    assert_eq!(decision.events[1], (StreamId::order(id(1)), event.into()));
    assert_eq!(world.placed(id(1)).due(), Cents::ZERO);
}

#[test]
fn an_order_that_stays_unpaid_gives_its_reservation_back_after_ten_minutes() {
    let mut world = World::demo();
    world.execute(&placed_online(1, &["2 CHV M"])).unwrap();
    refused(&mut world, &expire(1, later(9)), OrderError::NotExpired);
    let decision = world.execute(&expire(1, later(10))).unwrap();
    assert_eq!(names(&decision), ["OrderExpired", "ReservationReleased"]);
    assert_eq!(level(&world, "GOAT_CHEESE"), (600, 0));
    refused(&mut world, &expire(1, later(10)), OrderError::WrongState { status: OrderStatus::Expired });
}

#[test]
fn a_paid_order_does_not_expire() {
    let mut world = World::demo();
    world.execute(&placed_online(1, &["2 CHV M"])).unwrap();
    world.execute(&pay_online(1)).unwrap();
    refused(&mut world, &expire(1, later(60)), OrderError::WrongState { status: OrderStatus::Placed });
}

#[test]
fn a_declined_payment_is_stored_and_told() {
    let mut world = World::demo();
    world.execute(&placed_online(1, &["1 MAR M"])).unwrap();
    let outcome = OnlinePayment::Declined { reason: "no_funds".into() };
    let command = OrderCommand::PayOnline { outcome, now: now() };
    let decision = world.execute(&ToOrder { name: "payOnline", order: id(1), command }).unwrap();
    assert_eq!(names(&decision), ["PaymentDeclined"]);
    assert_eq!(decision.refusal, Some(OrderError::PaymentDeclined { reason: "no_funds".into() }.into()));
    assert_eq!(world.placed(id(1)).status(), OrderStatus::AwaitingPayment);
}

#[test]
fn what_is_not_there_or_was_refused_is_neither_started_nor_ended() {
    let mut world = World::demo();
    refused(&mut world, &start(1), OrderError::NotFound);
    refused(&mut world, &cancel(1, true), OrderError::NotFound);
    refused(&mut world, &expire(1, now()), OrderError::NotFound);
    world.execute(&place(1, &["31 CAL M"])).unwrap();
    let status = OrderStatus::Refused;
    refused(&mut world, &start(1), OrderError::WrongState { status });
    refused(&mut world, &cancel(1, true), OrderError::AlreadyClosed { status });
    refused(&mut world, &expire(1, now()), OrderError::WrongState { status });
}
