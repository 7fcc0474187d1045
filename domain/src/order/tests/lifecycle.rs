//! Tests of an order's life: each step, and each refusal because of its status.

use super::*;
use crate::testing::given;
use OrderStatus as S;
use uuid::Uuid;

use crate::ids::StaffId;

/// Checks that the command is refused in every status but these.
#[track_caller]
fn only_in(allowed: &[S], command: &OrderCommand, refusal: impl Fn(S) -> OrderError) {
    for status in S::ALL.into_iter().filter(|status| !allowed.contains(status)) {
        let state = given::<Order>(history(status)).state;
        assert_eq!(state.status(), Some(status));
        assert_eq!(decide(&state, command.clone()), Err(refusal(status)), "{status:?}");
    }
}

fn wrong(status: S) -> OrderError {
    OrderError::WrongState { status }
}

fn closed_or(status: S, open: impl Fn(S) -> OrderError) -> OrderError {
    if status.is_closed() { OrderError::AlreadyClosed { status } } else { open(status) }
}

fn too_late(status: S) -> OrderError {
    OrderError::TooLate { status }
}

#[test]
fn places_an_order_once() {
    for (payment, status) in
        [(PaymentIntent::Online, S::AwaitingPayment), (PaymentIntent::OnDelivery, S::Placed)]
    {
        let placement = placement(Fulfilment::Delivery, payment);
        let place =
            OrderCommand::Place { placement: Box::new(placement), expected_total: Some(TOTAL), now: now() };
        let order = given([]).when(does(place)).then([placed_as(Fulfilment::Delivery, payment)]);
        assert_eq!(order.status(), Some(status));
    }
    for status in S::ALL {
        for command in every_command().into_iter().take(2) {
            given(history(status)).when(does(command)).then_err(OrderError::AlreadyPlaced);
        }
    }
}

#[test]
fn rejects_placements_without_lines_or_with_another_total() {
    let place = |placement, expected_total| OrderCommand::Place {
        placement: Box::new(placement),
        expected_total,
        now: now(),
    };
    let takeaway = placement(Fulfilment::Takeaway, PaymentIntent::AtCounter);
    given([])
        .when(does(place(Placement { lines: Vec::new(), ..takeaway.clone() }, None)))
        .then_err(OrderError::EmptyOrder);
    given([])
        .when(does(place(takeaway, Some(Cents(1539)))))
        .then_err(OrderError::PriceChanged { expected: Cents(1539), actual: TOTAL });
}

#[test]
fn stores_a_refusal() {
    let OrderEvent::OrderRefused { order, pizzeria, channel, customer, asked, total, missing, at } =
        refused()
    else {
        unreachable!()
    };
    let refuse = OrderCommand::Refuse { order, pizzeria, channel, customer, asked, total, missing, now: at };
    let order = given([]).when(does(refuse)).then([refused()]);
    assert_eq!(order.status(), Some(S::Refused));
}

#[test]
fn rejects_commands_before_placement() {
    for command in every_command().into_iter().skip(2) {
        given([]).when(does(command)).then_err(OrderError::NotFound);
    }
}

#[test]
fn a_change_names_lines_of_the_order_once() {
    let quantity = |line| LineQuantity { line, quantity: 5 };
    let taken = sold(&lines()).remove(1);
    for (change, line) in [
        (LinesChange { removed: vec![3], ..LinesChange::default() }, 3),
        (LinesChange { removed: vec![1, 1], ..LinesChange::default() }, 1),
        (LinesChange { removed: vec![2], quantities: vec![quantity(2)], ..LinesChange::default() }, 2),
        (LinesChange { quantities: vec![quantity(0)], ..LinesChange::default() }, 0),
        (LinesChange { added: vec![taken], ..LinesChange::default() }, 2),
    ] {
        given(history(S::Placed)).when(does(change_lines(change))).then_err(OrderError::UnknownLine { line });
    }
}

#[test]
fn a_removed_lines_number_is_never_given_again() {
    let removed = LinesChange { removed: vec![2], ..LinesChange::default() };
    let mut past = history(S::Placed);
    past.push(lines_changed(removed, None));
    let state = given::<Order>(past).state;
    let order = state.placed().unwrap();
    assert_eq!((order.lines.len(), order.next_line(), order.promises.len()), (1, 3, 1));
}

#[test]
fn changes_lines_until_preparation_starts() {
    let fewer = || LinesChange { removed: vec![1], ..LinesChange::default() };
    for status in [S::AwaitingPayment, S::Placed] {
        let changed = lines_changed(fewer(), Some(later(35)));
        let order = given(history(status)).when(does(change_lines(fewer()))).then([changed]);
        let order = order.placed().unwrap();
        assert_eq!((order.status(), order.pricing.total, order.due()), (status, Cents(440), Cents(440)));
        assert_eq!(
            order.promises,
            [
                Promise { promised_at: later(30), given_at: now() },
                Promise { promised_at: later(35), given_at: later(1) }
            ]
        );
        let none = LinesChange { removed: vec![1, 2], ..LinesChange::default() };
        given(history(status)).when(does(change_lines(none))).then_err(OrderError::EmptyOrder);
    }
    only_in(&[S::AwaitingPayment, S::Placed], &change_lines(fewer()), too_late);
}

#[test]
fn places_an_order_once_fewer_lines_leave_nothing_due() {
    let fewer = LinesChange { removed: vec![1], ..LinesChange::default() };
    let half_paid = [history(S::AwaitingPayment), vec![captured(PaymentMethod::Cash, 500)]].concat();
    let state = given::<Order>(half_paid).state;
    assert_eq!(state.status(), Some(S::AwaitingPayment));
    let events = decide(&state, change_lines(fewer)).unwrap();
    let mut state = state;
    events.iter().for_each(|event| state.evolve(event));
    assert_eq!(state.status(), Some(S::Placed));
    assert_eq!(state.placed().unwrap().due(), Cents(-60));
}

#[test]
fn only_managers_cancel_after_preparation_starts() {
    let cancelled =
        OrderEvent::OrderCancelled { reason: CancelReason::PizzeriaRequest, at: now(), note: None };
    for (status, even_started, was_started) in [
        (S::AwaitingPayment, false, false),
        (S::Placed, false, false),
        (S::Placed, true, false),
        (S::InPreparation, true, true),
    ] {
        let order = given(history(status)).when(does(cancel(even_started))).then([cancelled.clone()]);
        assert_eq!(
            order.placed().unwrap().progress,
            Progress::Cancelled { at: now(), reason: CancelReason::PizzeriaRequest, was_started }
        );
    }
    // Ready at the counter and not collected; deliveries, as in `history`, end otherwise.
    for fulfilment in [Fulfilment::Takeaway, Fulfilment::OnSite] {
        let waiting = vec![placed_as(fulfilment, PaymentIntent::AtCounter), started(), ready(fulfilment)];
        given(waiting.clone()).when(does(cancel(false))).then_err(OrderError::TooLate { status: S::Ready });
        let order = given(waiting).when(does(cancel(true))).then([cancelled.clone()]);
        assert_eq!(order.status(), Some(S::Cancelled));
    }
    only_in(&[S::AwaitingPayment, S::Placed], &cancel(false), |s| closed_or(s, too_late));
    only_in(&[S::AwaitingPayment, S::Placed, S::InPreparation], &cancel(true), |s| closed_or(s, too_late));
}

#[test]
fn expires_an_unpaid_order_at_its_deadline() {
    let expired = OrderEvent::OrderExpired { at: later(10) };
    let order = given(history(S::AwaitingPayment))
        .when(does(OrderCommand::Expire { now: later(10) }))
        .then([expired]);
    assert_eq!(order.status(), Some(S::Expired));
    given(history(S::AwaitingPayment))
        .when(does(OrderCommand::Expire { now: later(10) - TimeDelta::milliseconds(1) }))
        .then_err(OrderError::NotExpired);
    only_in(&[S::AwaitingPayment], &OrderCommand::Expire { now: later(60) }, wrong);
}

#[test]
fn preparation_starts_once_the_order_is_placed() {
    let start = OrderCommand::StartPreparation { by: None, now: now() };
    given(history(S::Placed)).when(does(start.clone())).then([started()]);
    only_in(&[S::Placed], &start, wrong);
    let by = Some(StaffId(Uuid::from_u128(7)));
    let order = given(history(S::Placed))
        .when(does(OrderCommand::StartPreparation { by, now: now() }))
        .then([OrderEvent::PreparationStarted { by, at: now() }]);
    assert_eq!(order.placed().unwrap().prepared_by, by);
}

#[test]
fn bakes_lines_one_by_one_in_preparation() {
    let bake = |line| OrderCommand::MarkItemBaked { line, now: now() };
    let baked = OrderEvent::ItemBaked { line: 1, at: now() };
    let order = given(history(S::InPreparation)).when(does(bake(1))).then([baked.clone()]);
    assert_eq!(order.placed().unwrap().lines.iter().map(|l| l.baked).collect::<Vec<_>>(), [true, false]);
    given([history(S::InPreparation), vec![baked]].concat())
        .when(does(bake(1)))
        .then_err(wrong(S::InPreparation));
    for line in [0, 3] {
        given(history(S::InPreparation)).when(does(bake(line))).then_err(OrderError::UnknownLine { line });
    }
    // The second line is a drink.
    given(history(S::InPreparation)).when(does(bake(2))).then_err(OrderError::NotBaked { line: 2 });
    only_in(&[S::InPreparation], &bake(1), wrong);
}

#[test]
fn marking_ready_bakes_every_line() {
    let mark = OrderCommand::MarkReady { now: now() };
    let order = given(history(S::InPreparation)).when(does(mark.clone())).then([ready(Fulfilment::Delivery)]);
    assert!(order.placed().unwrap().lines.iter().all(|line| line.baked));
    only_in(&[S::InPreparation], &mark, wrong);
}

#[test]
fn hands_over_takeaway_and_on_site_orders_once_paid() {
    let hand_over = OrderCommand::HandOver { now: now() };
    for fulfilment in [Fulfilment::Takeaway, Fulfilment::OnSite] {
        let unpaid = vec![placed_as(fulfilment, PaymentIntent::AtCounter), started(), ready(fulfilment)];
        given(unpaid.clone()).when(does(hand_over.clone())).then_err(OrderError::NotPaid { due: TOTAL });
        let part = [unpaid.clone(), vec![captured(PaymentMethod::Card, 1539)]].concat();
        given(part).when(does(hand_over.clone())).then_err(OrderError::NotPaid { due: Cents(1) });
        let paid = [unpaid, vec![captured(PaymentMethod::Card, 1540)]].concat();
        let order =
            given(paid).when(does(hand_over.clone())).then([at(|at| OrderEvent::OrderHandedOver { at })]);
        assert_eq!(order.placed().unwrap().completed_at, Some(now()));
    }
    // Also when ready: a delivery is not handed over.
    only_in(&[], &hand_over, wrong);
}

#[test]
fn follows_a_delivery_that_fails_once() {
    let leave = OrderCommand::MarkOutForDelivery { now: now() };
    given(history(S::Ready)).when(does(leave.clone())).then([out()]);
    given(history(S::NotDelivered)).when(does(leave.clone())).then([out()]);
    only_in(&[S::Ready, S::NotDelivered], &leave, wrong);
    let takeaway = Fulfilment::Takeaway;
    given([placed_as(takeaway, PaymentIntent::AtCounter), started(), ready(takeaway)])
        .when(does(leave))
        .then_err(wrong(S::Ready));

    let arrive = OrderCommand::MarkDelivered { now: later(31) };
    let order = given(history(S::OutForDelivery))
        .when(does(arrive.clone()))
        .then([OrderEvent::OrderDelivered { at: later(31) }]);
    let order = order.placed().unwrap();
    assert_eq!((order.status(), order.due(), order.is_late()), (S::Delivered, TOTAL, true));
    only_in(&[S::OutForDelivery], &arrive, wrong);

    let fail = OrderCommand::MarkNotDelivered { reason: DeliveryFailure::Absent, now: now() };
    given(history(S::OutForDelivery)).when(does(fail.clone())).then([not_delivered()]);
    only_in(&[S::OutForDelivery], &fail, wrong);

    let give_up = OrderCommand::MarkReturned { now: now() };
    given(history(S::NotDelivered))
        .when(does(give_up.clone()))
        .then([at(|at| OrderEvent::OrderReturned { at })]);
    only_in(&[S::NotDelivered], &give_up, wrong);
}
