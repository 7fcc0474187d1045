//! Decisions: the events that follow from a command, or its refusal. Pure; never changes the state.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::commands::OnlinePayment;
use super::placed::MAX_DECLINES;
use super::values::PaymentKind;
use super::{
    Fulfilment, LinesChange, Order, OrderCommand, OrderError, OrderEvent, OrderStatus, PaymentMethod,
    PlacedOrder, Progress, Promised,
};
use crate::money::Cents;

/// Returns the events that follow from a command.
///
/// # Errors
/// An [`OrderError`] if the command is refused.
pub fn decide(state: &Order, command: OrderCommand) -> Result<Vec<OrderEvent>, OrderError> {
    match state {
        Order::NotPlaced => decide_new(command),
        Order::Refused(_) => Err(refused(&command)),
        Order::Placed(order) => decide_placed(order, command),
    }
}

fn decide_new(command: OrderCommand) -> Result<Vec<OrderEvent>, OrderError> {
    match command {
        OrderCommand::Place { placement, expected_total, now } => {
            if placement.lines.is_empty() {
                return Err(OrderError::EmptyOrder);
            }
            let total = placement.prices(&placement.order_lines()).total;
            expect_total(expected_total, total)?;
            Ok(vec![OrderEvent::OrderPlaced { placement, at: now }])
        }
        OrderCommand::Refuse { order, pizzeria, channel, customer, asked, total, missing, now } => {
            Ok(vec![OrderEvent::OrderRefused {
                order,
                pizzeria,
                channel,
                customer,
                asked,
                total,
                missing,
                at: now,
            }])
        }
        OrderCommand::ChangeLines { .. }
        | OrderCommand::Cancel { .. }
        | OrderCommand::Expire { .. }
        | OrderCommand::RecordPayment { .. }
        | OrderCommand::PayOnline { .. }
        | OrderCommand::Refund { .. }
        | OrderCommand::StartPreparation { .. }
        | OrderCommand::MarkItemBaked { .. }
        | OrderCommand::MarkReady { .. }
        | OrderCommand::HandOver { .. }
        | OrderCommand::MarkOutForDelivery { .. }
        | OrderCommand::MarkDelivered { .. }
        | OrderCommand::MarkNotDelivered { .. }
        | OrderCommand::MarkReturned { .. } => Err(OrderError::NotFound),
    }
}

/// Returns why a refused order refuses a command.
fn refused(command: &OrderCommand) -> OrderError {
    let status = OrderStatus::Refused;
    match command {
        OrderCommand::Place { .. } | OrderCommand::Refuse { .. } => OrderError::AlreadyPlaced,
        OrderCommand::ChangeLines { .. } => OrderError::TooLate { status },
        OrderCommand::Cancel { .. }
        | OrderCommand::RecordPayment { .. }
        | OrderCommand::PayOnline { .. }
        | OrderCommand::Refund { .. } => OrderError::AlreadyClosed { status },
        OrderCommand::Expire { .. }
        | OrderCommand::StartPreparation { .. }
        | OrderCommand::MarkItemBaked { .. }
        | OrderCommand::MarkReady { .. }
        | OrderCommand::HandOver { .. }
        | OrderCommand::MarkOutForDelivery { .. }
        | OrderCommand::MarkDelivered { .. }
        | OrderCommand::MarkNotDelivered { .. }
        | OrderCommand::MarkReturned { .. } => OrderError::WrongState { status },
    }
}

fn decide_placed(order: &PlacedOrder, command: OrderCommand) -> Result<Vec<OrderEvent>, OrderError> {
    match command {
        OrderCommand::Place { .. } | OrderCommand::Refuse { .. } => Err(OrderError::AlreadyPlaced),
        OrderCommand::ChangeLines { change, promised_at, notes, unnoted, now } => {
            lines_can_change(order)?;
            check_change(order, &change)?;
            Ok(vec![OrderEvent::OrderLinesChanged {
                added: change.added,
                removed: change.removed,
                quantities: change.quantities,
                replaces: false,
                needs: crate::Ingredients::new(),
                pricing: None,
                promise: promised_at.map(|at| Promised { at }),
                notes,
                unnoted,
                at: now,
            }])
        }
        OrderCommand::Cancel { reason, even_started, now } => {
            can_cancel(order, even_started)?;
            Ok(with_online_refund(order, OrderEvent::OrderCancelled { reason, at: now, note: None }, now))
        }
        OrderCommand::Expire { now } => expire(order, now),
        OrderCommand::RecordPayment { method, amount, now } => record_payment(order, method, amount, now),
        OrderCommand::PayOnline { outcome, now } => pay_online(order, outcome, now),
        OrderCommand::Refund { method, amount, now } => refund(order, method, amount, now),
        OrderCommand::StartPreparation { by, now } => {
            only_while(order, &[OrderStatus::Placed])?;
            paid_as_agreed(order)?;
            Ok(vec![OrderEvent::PreparationStarted { by, at: now }])
        }
        OrderCommand::MarkItemBaked { line, now } => mark_item_baked(order, line, now),
        OrderCommand::MarkReady { now } => {
            only_while(order, &[OrderStatus::InPreparation])?;
            Ok(vec![OrderEvent::OrderReady { fulfilment: order.fulfilment, at: now }])
        }
        OrderCommand::HandOver { now } => hand_over(order, now),
        OrderCommand::MarkOutForDelivery { now } => {
            only_while(order, &[OrderStatus::Ready, OrderStatus::NotDelivered])?;
            if order.fulfilment != Fulfilment::Delivery {
                return Err(OrderError::WrongState { status: order.status() });
            }
            Ok(vec![OrderEvent::OrderOutForDelivery { at: now }])
        }
        OrderCommand::MarkDelivered { now } => {
            only_while(order, &[OrderStatus::OutForDelivery])?;
            Ok(vec![OrderEvent::OrderDelivered { at: now }])
        }
        OrderCommand::MarkNotDelivered { reason, now } => {
            only_while(order, &[OrderStatus::OutForDelivery])?;
            Ok(vec![OrderEvent::OrderNotDelivered { reason, at: now }])
        }
        OrderCommand::MarkReturned { now } => {
            only_while(order, &[OrderStatus::NotDelivered])?;
            Ok(vec![OrderEvent::OrderReturned { at: now }])
        }
    }
}

/// Returns the order if its lines may still change; checked before new lines are priced.
pub(crate) fn changeable(state: &Order) -> Result<&PlacedOrder, OrderError> {
    match state {
        Order::NotPlaced => Err(OrderError::NotFound),
        Order::Refused(_) => Err(OrderError::TooLate { status: OrderStatus::Refused }),
        Order::Placed(order) => lines_can_change(order).map(|()| &**order),
    }
}

/// Checks the total that the caller expects, if given.
pub(crate) fn expect_total(expected: Option<Cents>, actual: Cents) -> Result<(), OrderError> {
    match expected {
        Some(expected) if expected != actual => Err(OrderError::PriceChanged { expected, actual }),
        Some(_) | None => Ok(()),
    }
}

fn only_while(order: &PlacedOrder, allowed: &[OrderStatus]) -> Result<(), OrderError> {
    let status = order.status();
    if allowed.contains(&status) { Ok(()) } else { Err(OrderError::WrongState { status }) }
}

/// Checks that preparation has not started (DOMAIN.md, `changeOrderLines`).
fn lines_can_change(order: &PlacedOrder) -> Result<(), OrderError> {
    let status = order.status();
    match status {
        OrderStatus::AwaitingPayment | OrderStatus::Placed => Ok(()),
        OrderStatus::InPreparation
        | OrderStatus::Ready
        | OrderStatus::OutForDelivery
        | OrderStatus::NotDelivered
        | OrderStatus::Refused
        | OrderStatus::Delivered
        | OrderStatus::Returned
        | OrderStatus::HandedOver
        | OrderStatus::Cancelled
        | OrderStatus::Expired => Err(OrderError::TooLate { status }),
    }
}

/// Checks that the order may be cancelled. Only a manager cancels an order in preparation, or one ready at
/// the counter that is not collected: DOMAIN.md lets a manager cancel later, and such orders have no
/// NOT_DELIVERED to end in. An order ready for delivery ends by its delivery.
fn can_cancel(order: &PlacedOrder, even_started: bool) -> Result<(), OrderError> {
    let status = order.status();
    match status {
        OrderStatus::AwaitingPayment | OrderStatus::Placed => Ok(()),
        OrderStatus::InPreparation if even_started => Ok(()),
        OrderStatus::Ready if even_started && order.fulfilment != Fulfilment::Delivery => Ok(()),
        OrderStatus::InPreparation
        | OrderStatus::Ready
        | OrderStatus::OutForDelivery
        | OrderStatus::NotDelivered => Err(OrderError::TooLate { status }),
        OrderStatus::Refused
        | OrderStatus::Delivered
        | OrderStatus::Returned
        | OrderStatus::HandedOver
        | OrderStatus::Cancelled
        | OrderStatus::Expired => Err(OrderError::AlreadyClosed { status }),
    }
}

/// Checks that a change names lines of the order, gives no number twice, and leaves at least one line.
fn check_change(order: &PlacedOrder, change: &LinesChange) -> Result<(), OrderError> {
    let named = change.removed.iter().chain(change.quantities.iter().map(|one| &one.line));
    let mut seen = BTreeSet::new();
    for line in named {
        if !seen.insert(*line) || order.line(*line).is_none() {
            return Err(OrderError::UnknownLine { line: *line });
        }
    }
    if let Some(taken) = change.added.iter().find(|line| !order.is_new_line(line.id)) {
        return Err(OrderError::UnknownLine { line: taken.id });
    }
    let stays = order.lines.iter().any(|line| !change.removed.contains(&line.line));
    if stays || !change.added.is_empty() { Ok(()) } else { Err(OrderError::EmptyOrder) }
}

/// Returns the amount captured less refunded by one method.
pub(crate) fn paid_by(order: &PlacedOrder, method: PaymentMethod) -> Cents {
    order
        .payments
        .iter()
        .filter(|payment| payment.method == method)
        .map(|payment| match payment.kind {
            PaymentKind::Captured => payment.amount,
            PaymentKind::Refunded => -payment.amount,
            PaymentKind::Authorised | PaymentKind::Declined => Cents::ZERO,
        })
        .sum()
}

/// Adds the refund of what was paid online; other methods are refunded at the counter.
fn with_online_refund(order: &PlacedOrder, event: OrderEvent, now: DateTime<Utc>) -> Vec<OrderEvent> {
    let method = PaymentMethod::Online;
    let amount = paid_by(order, method);
    let mut events = vec![event];
    if amount > Cents::ZERO {
        events.push(OrderEvent::PaymentRefunded { method, amount, at: now, note: None });
    }
    events
}

fn expire(order: &PlacedOrder, now: DateTime<Utc>) -> Result<Vec<OrderEvent>, OrderError> {
    match order.progress {
        Progress::AwaitingPayment { expires_at } if now >= expires_at => {
            Ok(with_online_refund(order, OrderEvent::OrderExpired { at: now }, now))
        }
        Progress::AwaitingPayment { .. } => Err(OrderError::NotExpired),
        Progress::Placed { .. }
        | Progress::InPreparation { .. }
        | Progress::Ready { .. }
        | Progress::OutForDelivery { .. }
        | Progress::Delivered { .. }
        | Progress::NotDelivered { .. }
        | Progress::Returned { .. }
        | Progress::HandedOver { .. }
        | Progress::Cancelled { .. }
        | Progress::Expired { .. } => Err(OrderError::WrongState { status: order.status() }),
    }
}

/// Checks that the order can still take money: not if it will never reach the customer.
fn takes_money(order: &PlacedOrder) -> Result<(), OrderError> {
    let status = order.status();
    match status {
        OrderStatus::AwaitingPayment
        | OrderStatus::Placed
        | OrderStatus::InPreparation
        | OrderStatus::Ready
        | OrderStatus::OutForDelivery
        | OrderStatus::NotDelivered
        | OrderStatus::Delivered
        | OrderStatus::HandedOver => Ok(()),
        OrderStatus::Refused | OrderStatus::Returned | OrderStatus::Cancelled | OrderStatus::Expired => {
            Err(OrderError::AlreadyClosed { status })
        }
    }
}

/// Checks that an online order is paid. It is checked before preparation and before delivery, because added
/// lines may have made more due.
pub(crate) fn paid_as_agreed(order: &PlacedOrder) -> Result<(), OrderError> {
    match order.owed_online() {
        Some(due) => Err(OrderError::NotPaid { due }),
        None => Ok(()),
    }
}

/// Checks that a person, not the payment provider, moves money by this method.
fn by_hand(method: PaymentMethod) -> Result<(), OrderError> {
    match method {
        PaymentMethod::Online => Err(OrderError::MethodNotAllowed { method }),
        PaymentMethod::Card | PaymentMethod::Cash | PaymentMethod::Cheque | PaymentMethod::MealVoucher => {
            Ok(())
        }
    }
}

fn record_payment(
    order: &PlacedOrder,
    method: PaymentMethod,
    amount: Cents,
    now: DateTime<Utc>,
) -> Result<Vec<OrderEvent>, OrderError> {
    by_hand(method)?;
    takes_money(order)?;
    if amount <= Cents::ZERO {
        return Err(OrderError::InvalidAmount);
    }
    let due = order.due();
    if amount > due {
        return Err(OrderError::Overpaid { amount, due });
    }
    Ok(vec![OrderEvent::PaymentCaptured { method, amount, reference: None, at: now }])
}

fn pay_online(
    order: &PlacedOrder,
    outcome: OnlinePayment,
    now: DateTime<Utc>,
) -> Result<Vec<OrderEvent>, OrderError> {
    takes_money(order)?;
    let due = order.due();
    if due <= Cents::ZERO {
        return Err(OrderError::Overpaid { amount: Cents::ZERO, due });
    }
    Ok(match outcome {
        OnlinePayment::Unavailable => return Err(OrderError::OnlinePaymentUnavailable),
        OnlinePayment::Barred { max } => return Err(OrderError::TooManyDeclines { max }),
        OnlinePayment::Accepted { reference } => vec![
            OrderEvent::PaymentAuthorised { amount: due, reference: reference.clone(), at: now },
            OrderEvent::PaymentCaptured {
                method: PaymentMethod::Online,
                amount: due,
                reference: Some(reference),
                at: now,
            },
        ],
        OnlinePayment::Declined { .. } if order.is_barred() => {
            return Err(OrderError::TooManyDeclines { max: MAX_DECLINES });
        }
        OnlinePayment::Declined { reason } => {
            vec![OrderEvent::PaymentDeclined { amount: due, reason, at: now }]
        }
    })
}

fn refund(
    order: &PlacedOrder,
    method: PaymentMethod,
    amount: Cents,
    now: DateTime<Utc>,
) -> Result<Vec<OrderEvent>, OrderError> {
    // This decision cannot ask the provider, so that it never records an online refund.
    by_hand(method)?;
    if amount <= Cents::ZERO {
        return Err(OrderError::InvalidAmount);
    }
    let refundable = paid_by(order, method);
    if amount > refundable {
        return Err(OrderError::OverRefund { amount, refundable });
    }
    Ok(vec![OrderEvent::PaymentRefunded { method, amount, at: now, note: None }])
}

fn mark_item_baked(
    order: &PlacedOrder,
    line: u32,
    now: DateTime<Utc>,
) -> Result<Vec<OrderEvent>, OrderError> {
    only_while(order, &[OrderStatus::InPreparation])?;
    match order.lines.iter().find(|item| item.line == line) {
        None => Err(OrderError::UnknownLine { line }),
        // Drinks and desserts have no size and are not baked.
        Some(item) if item.size.is_none() => Err(OrderError::NotBaked { line }),
        Some(item) if item.baked => Err(OrderError::WrongState { status: order.status() }),
        Some(_) => Ok(vec![OrderEvent::ItemBaked { line, at: now }]),
    }
}

fn hand_over(order: &PlacedOrder, now: DateTime<Utc>) -> Result<Vec<OrderEvent>, OrderError> {
    only_while(order, &[OrderStatus::Ready])?;
    match order.fulfilment {
        Fulfilment::Delivery => return Err(OrderError::WrongState { status: order.status() }),
        Fulfilment::Takeaway | Fulfilment::OnSite => {}
    }
    let due = order.due();
    if due > Cents::ZERO {
        return Err(OrderError::NotPaid { due });
    }
    Ok(vec![OrderEvent::OrderHandedOver { at: now }])
}
