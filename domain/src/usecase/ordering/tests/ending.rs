//! Tests of starting, cancelling and expiring: effects on reservation and payments.

use super::*;

fn start(number: u128) -> StartPreparation {
    StartPreparation { by: None, order: id(number), now: now() }
}

fn expire(number: u128, now: DateTime<Utc>) -> ExpireOrder {
    ExpireOrder { order: id(number), now }
}

#[test]
fn starting_consumes_the_reservation() {
    let mut store = MemoryStore::demo();
    store.execute(&place(1, &["2 CHV M"])).unwrap();
    assert_eq!(level(&store, "GOAT_CHEESE"), (600, 140));
    let decision = store.execute(&start(1)).unwrap();
    assert_eq!(names(&decision), ["PreparationStarted", "ReservationConsumed"]);
    assert_eq!(level(&store, "GOAT_CHEESE"), (460, 0));
    refused(&mut store, &start(1), OrderError::WrongState { status: OrderStatus::InPreparation });
}

#[test]
fn an_unpaid_online_order_is_not_started() {
    let mut store = MemoryStore::demo();
    store.execute(&placed_online(1, &["2 CHV M"])).unwrap();
    refused(&mut store, &start(1), OrderError::WrongState { status: OrderStatus::AwaitingPayment });
    store.execute(&pay_online(1)).unwrap();
    store.execute(&start(1)).unwrap();
}

#[test]
fn cancelling_before_the_start_releases_the_reservation() {
    let mut store = MemoryStore::demo();
    store.execute(&place(1, &["2 CHV M"])).unwrap();
    let decision = store.execute(&cancel(1, false)).unwrap();
    assert_eq!(names(&decision), ["OrderCancelled", "ReservationReleased"]);
    assert_eq!(level(&store, "GOAT_CHEESE"), (600, 0));
    refused(&mut store, &cancel(1, true), OrderError::AlreadyClosed { status: OrderStatus::Cancelled });
}

#[test]
fn managers_cancel_started_orders_as_waste() {
    let mut store = MemoryStore::demo();
    store.execute(&place(1, &["2 CHV M"])).unwrap();
    store.execute(&start(1)).unwrap();
    refused(&mut store, &cancel(1, false), OrderError::TooLate { status: OrderStatus::InPreparation });
    let decision = store.execute(&cancel(1, true)).unwrap();
    assert_eq!(names(&decision), ["OrderCancelled", "PreparedOrderDiscarded"]);
    assert_eq!(wasted(&decision), (WasteReason::Mistake, needs(&store, 1), id(1)));
    // It had left the shelf when preparation started.
    assert_eq!(level(&store, "GOAT_CHEESE"), (460, 0));
}

#[test]
fn managers_cancel_uncollected_orders_as_waste() {
    let mut store = MemoryStore::demo();
    store.execute(&place(1, &["2 CHV M"])).unwrap();
    store.execute(&start(1)).unwrap();
    let ready = OrderCommand::MarkReady { now: now() };
    store.execute(&ToOrder { name: "markOrderReady", order: id(1), command: ready }).unwrap();
    refused(&mut store, &cancel(1, false), OrderError::TooLate { status: OrderStatus::Ready });
    let decision = store.execute(&cancel(1, true)).unwrap();
    assert_eq!(names(&decision), ["OrderCancelled", "PreparedOrderDiscarded"]);
    assert_eq!(wasted(&decision), (WasteReason::Uncollected, needs(&store, 1), id(1)));
    assert_eq!(level(&store, "GOAT_CHEESE"), (460, 0));
}

fn wasted(decision: &Decision) -> (WasteReason, Ingredients, OrderId) {
    match &decision.events[1].1 {
        Event::Stock(StockEvent::PreparedOrderDiscarded { reason, wasted, order, .. }) => {
            (*reason, wasted.clone(), *order)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn cancelling_refunds_online_payments() {
    let mut store = MemoryStore::demo();
    store.execute(&placed_online(1, &["1 MAR M"])).unwrap();
    store.execute(&pay_online(1)).unwrap();
    let decision = store.execute(&cancel(1, false)).unwrap();
    assert_eq!(names(&decision), ["OrderCancelled", "PaymentRefunded", "ReservationReleased"]);
    let event = OrderEvent::PaymentRefunded {
        method: PaymentMethod::Online,
        amount: Cents(1100),
        at: now(),
        note: None,
    };
    assert_eq!(decision.events[1], (StreamId::order(id(1)), event.into()));
    assert_eq!(store.placed(id(1)).due(), Cents::ZERO);
}

#[test]
fn unpaid_orders_expire_after_ten_minutes_and_release_their_reservation() {
    let mut store = MemoryStore::demo();
    store.execute(&placed_online(1, &["2 CHV M"])).unwrap();
    refused(&mut store, &expire(1, later(9)), OrderError::NotExpired);
    let decision = store.execute(&expire(1, later(10))).unwrap();
    assert_eq!(names(&decision), ["OrderExpired", "ReservationReleased"]);
    assert_eq!(level(&store, "GOAT_CHEESE"), (600, 0));
    refused(&mut store, &expire(1, later(10)), OrderError::WrongState { status: OrderStatus::Expired });
}

#[test]
fn a_paid_order_does_not_expire() {
    let mut store = MemoryStore::demo();
    store.execute(&placed_online(1, &["2 CHV M"])).unwrap();
    store.execute(&pay_online(1)).unwrap();
    refused(&mut store, &expire(1, later(60)), OrderError::WrongState { status: OrderStatus::Placed });
}

#[test]
fn stores_and_reports_a_declined_payment() {
    let mut store = MemoryStore::demo();
    store.execute(&placed_online(1, &["1 MAR M"])).unwrap();
    let outcome = OnlinePayment::Declined { reason: "no_funds".into() };
    let command = OrderCommand::PayOnline { outcome, now: now() };
    let decision = store.execute(&ToOrder { name: "payOnline", order: id(1), command }).unwrap();
    assert_eq!(names(&decision), ["PaymentDeclined"]);
    assert_eq!(decision.refusal, Some(OrderError::PaymentDeclined { reason: "no_funds".into() }.into()));
    assert_eq!(store.placed(id(1)).status(), OrderStatus::AwaitingPayment);
}

#[test]
fn rejects_commands_to_unknown_or_refused_orders() {
    let mut store = MemoryStore::demo();
    refused(&mut store, &start(1), OrderError::NotFound);
    refused(&mut store, &cancel(1, true), OrderError::NotFound);
    refused(&mut store, &expire(1, now()), OrderError::NotFound);
    store.execute(&place(1, &["31 CAL M"])).unwrap();
    let status = OrderStatus::Refused;
    refused(&mut store, &start(1), OrderError::WrongState { status });
    refused(&mut store, &cancel(1, true), OrderError::AlreadyClosed { status });
    refused(&mut store, &expire(1, now()), OrderError::WrongState { status });
}
