//! Tests of payments: captures, refunds, and the amount due.

use super::*;
use crate::testing::given;
use OrderStatus as S;
use PaymentMethod::{Card, Cash, Cheque, MealVoucher, Online};

const PAYABLE: [S; 8] = [
    S::AwaitingPayment,
    S::Placed,
    S::InPreparation,
    S::Ready,
    S::OutForDelivery,
    S::NotDelivered,
    S::Delivered,
    S::HandedOver,
];

fn pay(method: PaymentMethod, amount: i64) -> OrderCommand {
    OrderCommand::RecordPayment { method, amount: Cents(amount), now: now() }
}

fn pay_back(method: PaymentMethod, amount: i64) -> OrderCommand {
    OrderCommand::Refund { method, amount: Cents(amount), now: now() }
}

fn online(outcome: OnlinePayment) -> OrderCommand {
    OrderCommand::PayOnline { outcome, now: now() }
}

fn accepted() -> OnlinePayment {
    OnlinePayment::Accepted { reference: "ref-1".into() }
}

fn paid_online() -> [OrderEvent; 2] {
    [
        OrderEvent::PaymentAuthorised { amount: TOTAL, reference: "ref-1".into(), at: now() },
        OrderEvent::PaymentCaptured {
            method: Online,
            amount: TOTAL,
            reference: Some("ref-1".into()),
            at: now(),
        },
    ]
}

#[test]
fn records_payments_by_any_method_while_something_is_due() {
    for method in [Card, Cash, Cheque, MealVoucher] {
        let order = given(history(S::Placed)).when(does(pay(method, 1540))).then([captured(method, 1540)]);
        assert_eq!(order.placed().unwrap().due(), Cents::ZERO);
    }
    for status in PAYABLE.into_iter().filter(|status| *status != S::HandedOver) {
        given(history(status)).when(does(pay(Cash, 1))).then([captured(Cash, 1)]);
    }
}

#[test]
fn rejects_online_payments_and_refunds_by_hand() {
    let refused = OrderError::MethodNotAllowed { method: Online };
    given(history(S::Placed)).when(does(pay(Online, 1))).then_err(refused.clone());
    let paid = [history(S::AwaitingPayment), paid_online().to_vec()].concat();
    given(paid).when(does(pay_back(Online, 1))).then_err(refused);
}

#[test]
fn rejects_starting_an_unpaid_online_order() {
    let start = || OrderCommand::StartPreparation { by: None, now: now() };
    let paid = [history(S::AwaitingPayment), paid_online().to_vec()].concat();
    given(paid.clone()).when(does(start())).then([started()]);
    let quantities = vec![LineQuantity { line: 1, quantity: 8 }];
    let changed = lines_changed(LinesChange { quantities, ..LinesChange::default() }, Some(later(35)));
    let underpaid = [paid, vec![changed]].concat();
    let due = Cents(7 * 1100);
    given(underpaid.clone()).when(does(start())).then_err(OrderError::NotPaid { due });
    // The rest may be paid by any method.
    given([underpaid, vec![captured(Cash, due.0)]].concat()).when(does(start())).then([started()]);
    // An order to be paid at the door may be started unpaid.
    given(history(S::Placed)).when(does(start())).then([started()]);
}

#[test]
fn rejects_payments_above_the_total() {
    let events = [history(S::Ready), vec![captured(MealVoucher, 1000), captured(Cheque, 500)]].concat();
    given(events.clone())
        .when(does(pay(Cash, 41)))
        .then_err(OrderError::Overpaid { amount: Cents(41), due: Cents(40) });
    let order = given(events).when(does(pay(Cash, 40))).then([captured(Cash, 40)]);
    let order = order.placed().unwrap();
    assert_eq!((order.paid, order.due(), order.payments.len()), (TOTAL, Cents::ZERO, 3));
    given(history(S::HandedOver))
        .when(does(pay(Cash, 1)))
        .then_err(OrderError::Overpaid { amount: Cents(1), due: Cents::ZERO });
}

#[test]
fn rejects_amounts_of_zero_or_less() {
    for amount in [0, -1, i64::MIN] {
        given(history(S::Placed)).when(does(pay(Cash, amount))).then_err(OrderError::InvalidAmount);
        given(history(S::Placed)).when(does(pay_back(Cash, amount))).then_err(OrderError::InvalidAmount);
    }
}

#[test]
fn rejects_payments_of_orders_that_end_without_a_sale() {
    for status in [S::Refused, S::Returned, S::Cancelled, S::Expired] {
        for command in [pay(Cash, 1), online(accepted())] {
            given(history(status)).when(does(command)).then_err(OrderError::AlreadyClosed { status });
        }
    }
}

#[test]
fn paying_online_pays_the_amount_due_and_places_the_order() {
    let order = given(history(S::AwaitingPayment)).when(does(online(accepted()))).then(paid_online());
    let order = order.placed().unwrap();
    assert_eq!((order.status(), order.due()), (S::Placed, Cents::ZERO));

    let part = [history(S::Placed), vec![captured(Cash, 1500)]].concat();
    given(part).when(does(online(accepted()))).then([
        OrderEvent::PaymentAuthorised { amount: Cents(40), reference: "ref-1".into(), at: now() },
        OrderEvent::PaymentCaptured {
            method: Online,
            amount: Cents(40),
            reference: Some("ref-1".into()),
            at: now(),
        },
    ]);
}

#[test]
fn partial_payments_do_not_place_an_order() {
    let order = given(history(S::AwaitingPayment)).when(does(pay(Cash, 1539))).then([captured(Cash, 1539)]);
    assert_eq!(order.status(), Some(S::AwaitingPayment));
}

#[test]
fn rejects_online_payment_when_nothing_is_due() {
    given([history(S::AwaitingPayment), paid_online().to_vec()].concat())
        .when(does(online(accepted())))
        .then_err(OrderError::Overpaid { amount: Cents::ZERO, due: Cents::ZERO });
}

#[test]
fn stores_a_declined_payment() {
    let declined = OrderEvent::PaymentDeclined { amount: TOTAL, reason: "no_funds".into(), at: now() };
    let order = given(history(S::AwaitingPayment))
        .when(does(online(OnlinePayment::Declined { reason: "no_funds".into() })))
        .then([declined]);
    let order = order.placed().unwrap();
    assert_eq!((order.status(), order.due(), order.paid), (S::AwaitingPayment, TOTAL, Cents::ZERO));
    assert_eq!(order.payments[0].kind, PaymentKind::Declined);
}

#[test]
fn rejects_a_sixth_card_and_payments_without_a_provider() {
    let declined = || OrderEvent::PaymentDeclined { amount: TOTAL, reason: "no_funds".into(), at: now() };
    let decline = || online(OnlinePayment::Declined { reason: "no_funds".into() });
    let declined_times = |times| [history(S::AwaitingPayment), vec![declined(); times]].concat();
    given(declined_times(4)).when(does(decline())).then([declined()]);
    given(declined_times(5)).when(does(decline())).then_err(OrderError::TooManyDeclines { max: 5 });
    // A charge that succeeded all the same counts.
    given(declined_times(5)).when(does(online(accepted()))).then(paid_online());
    given(history(S::AwaitingPayment))
        .when(does(online(OnlinePayment::Barred { max: 10 })))
        .then_err(OrderError::TooManyDeclines { max: 10 });
    given(history(S::AwaitingPayment))
        .when(does(online(OnlinePayment::Unavailable)))
        .then_err(OrderError::OnlinePaymentUnavailable);
}

#[test]
fn refunds_at_most_what_a_method_paid() {
    let paid = [history(S::Delivered), vec![captured(Card, 1000), captured(Cash, 540)]].concat();
    given(paid.clone())
        .when(does(pay_back(Cash, 541)))
        .then_err(OrderError::OverRefund { amount: Cents(541), refundable: Cents(540) });
    given(paid.clone())
        .when(does(pay_back(Cheque, 1)))
        .then_err(OrderError::OverRefund { amount: Cents(1), refundable: Cents::ZERO });
    let order = given(paid.clone()).when(does(pay_back(Cash, 500))).then([refunded(Cash, 500)]);
    assert_eq!((order.placed().unwrap().paid, order.placed().unwrap().due()), (Cents(1040), Cents(500)));
    given([paid, vec![refunded(Cash, 500)]].concat())
        .when(does(pay_back(Cash, 41)))
        .then_err(OrderError::OverRefund { amount: Cents(41), refundable: Cents(40) });
}

#[test]
fn refunds_in_any_state_of_an_accepted_order() {
    for status in S::ALL.into_iter().filter(|status| *status != S::Refused) {
        let mut events = history(status);
        events.insert(1, captured(Cheque, 100));
        given(events).when(does(pay_back(Cheque, 100))).then([refunded(Cheque, 100)]);
    }
    given(history(S::Refused))
        .when(does(pay_back(Cash, 1)))
        .then_err(OrderError::AlreadyClosed { status: S::Refused });
}

#[test]
fn cancelling_refunds_the_remaining_online_payment() {
    let events = [
        history(S::AwaitingPayment),
        vec![captured(Cash, 40)],
        vec![captured(Online, 1500), refunded(Online, 200)],
    ]
    .concat();
    let cancelled =
        OrderEvent::OrderCancelled { reason: CancelReason::PizzeriaRequest, at: now(), note: None };
    let order = given(events).when(does(cancel(false))).then([cancelled, refunded(Online, 1300)]);
    let order = order.placed().unwrap();
    // Cash is refunded at the counter later.
    assert_eq!((order.paid, order.due()), (Cents(40), Cents(-40)));
}

#[test]
fn expiring_refunds_online_payments() {
    let events = [history(S::AwaitingPayment), vec![captured(Online, 500)]].concat();
    given(events).when(does(OrderCommand::Expire { now: now() + TimeDelta::minutes(10) })).then([
        OrderEvent::OrderExpired { at: later(10) },
        OrderEvent::PaymentRefunded { method: Online, amount: Cents(500), at: later(10), note: None },
    ]);
}

#[test]
fn payments_of_a_returned_order_are_owed_back() {
    let paid = |status| {
        let mut events = history(status);
        events.insert(1, captured(Cash, 500));
        given::<Order>(events).state.placed().unwrap().due()
    };
    for status in [S::Returned, S::Cancelled, S::Expired] {
        assert_eq!(paid(status), Cents(-500));
    }
    assert_eq!(paid(S::NotDelivered), Cents(1040));
}
