use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Europe::Paris;
use domain::Cents;
use domain::delivery::DeliveryFailure;
use domain::ids::{OrderId, PizzeriaId};
use domain::menu::PizzaSize;
use domain::order::{
    CancelReason, Fulfilment, OrderChannel, OrderEvent, Part, PaymentIntent, PaymentMethod, Placement,
    Promised, SoldLine, SoldVat, Whole,
};
use domain::vat::{VatClass, VatRate};
use uuid::Uuid;

use super::ledger::Ledger;
use super::{Figures, VatSum};
use domain::closing::business_day;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn p1() -> PizzeriaId {
    "P1".parse().unwrap()
}

fn order(n: u128) -> OrderId {
    OrderId(Uuid::from_u128(n))
}

/// A line of one pizza.
fn line(id: u32, price: i64) -> SoldLine {
    let part = Part {
        item: "MAR".parse().unwrap(),
        size: Some(PizzaSize::M),
        name: String::new(),
        recipe_version: 1,
    };
    SoldLine {
        id,
        parts: Whole(part),
        options: Vec::new(),
        quantity: 1,
        unit_price: Cents(price),
        vat: SoldVat { class: VatClass::Pizza, rate: VatRate(1000) },
    }
}

fn placed(order: OrderId, total: i64, when: &str, online: bool) -> OrderEvent {
    let now = at(when);
    let placement = Placement {
        order,
        number: "P1-000001".into(),
        pizzeria: p1(),
        channel: OrderChannel::Web,
        fulfilment: Fulfilment::Takeaway,
        customer: None,
        contact: None,
        distance_m: None,
        delivery_code: None,
        lines: vec![line(1, total)],
        delivery_fee: Cents::ZERO,
        needs: domain::Ingredients::new(),
        pricing: None,
        minimum: None,
        payment: if online { PaymentIntent::Online } else { PaymentIntent::AtCounter },
        promise: Promised { at: now + TimeDelta::minutes(20) },
        expires_at: online.then(|| now + TimeDelta::minutes(10)),
        notes: Vec::new(),
    };
    OrderEvent::OrderPlaced { placement: Box::new(placement), at: now }
}

fn captured(method: PaymentMethod, amount: i64, when: &str) -> OrderEvent {
    OrderEvent::PaymentCaptured { method, amount: Cents(amount), reference: None, at: at(when) }
}

/// Returns the figures of a day after some events, and checks that batches of one event give the same.
fn figures(events: &[(OrderId, OrderEvent)], of: &str) -> Figures {
    let whole = fold(events, events.len().max(1), day(of));
    assert_eq!(fold(events, 1, day(of)), whole, "the batches make no difference");
    whole
}

fn fold(events: &[(OrderId, OrderEvent)], batch: usize, of: NaiveDate) -> Figures {
    let mut stored = Figures::default();
    let mut ledger = Ledger::default();
    for batch in events.chunks(batch) {
        ledger.days.clear();
        for (n, (order, event)) in (1..).zip(batch) {
            ledger.record(&event.clone().into(), Some(*order), n);
        }
        if let Some(change) = ledger.days.get(&(p1(), of)) {
            stored.add(&change.figures);
        }
    }
    stored
}

fn sold(orders: i64, total: i64) -> Figures {
    let tax = Cents(total / 11);
    let sum = VatSum { net: Cents(total) - tax, tax, gross: Cents(total) };
    Figures {
        orders,
        gross: Cents(total),
        vat: [(VatRate(1000), sum)].into_iter().collect(),
        ..Figures::default()
    }
}

#[test]
fn a_day_ends_at_four_by_the_clock_on_the_wall() {
    for (instant, expected) in [
        ("2026-11-24T02:59:59.999Z", "2026-11-23"), // 03:59 in winter
        ("2026-11-24T03:00:00Z", "2026-11-24"),     // 04:00
        ("2026-07-14T01:59:59Z", "2026-07-13"),     // 03:59 in summer
        ("2026-07-14T02:00:00Z", "2026-07-14"),     // 04:00
        ("2026-03-29T01:59:59Z", "2026-03-28"),     // the clocks go forward at 01:00Z: 03:59
        ("2026-03-29T02:00:00Z", "2026-03-29"),     // 04:00
        ("2026-10-25T00:30:00Z", "2026-10-24"),     // the clocks go back at 01:00Z: 02:30, the first one
        ("2026-10-25T02:59:59Z", "2026-10-24"),     // 03:59
        ("2026-10-25T03:00:00Z", "2026-10-25"),     // 04:00
    ] {
        assert_eq!(business_day(at(instant), Paris), day(expected), "{instant}");
    }
}

#[test]
fn an_order_counts_on_the_day_it_was_placed_and_money_when_it_moved() {
    let events = [
        (order(1), placed(order(1), 1100, "2026-11-24T02:30:00Z", false)),
        (order(1), captured(PaymentMethod::Cash, 500, "2026-11-24T02:40:00Z")),
        (order(1), captured(PaymentMethod::Card, 600, "2026-11-24T12:00:00Z")),
    ];
    let evening = Figures { paid: [(PaymentMethod::Cash, Cents(500))].into(), ..sold(1, 1100) };
    assert_eq!(figures(&events, "2026-11-23"), evening);
    let next = Figures { paid: [(PaymentMethod::Card, Cents(600))].into(), ..Figures::default() };
    assert_eq!(figures(&events, "2026-11-24"), next);
}

#[test]
fn an_online_order_counts_once_it_is_paid() {
    let mut events = vec![(order(1), placed(order(1), 1100, "2026-11-24T02:55:00Z", true))];
    assert_eq!(figures(&events, "2026-11-23"), Figures::default());
    events.push((order(1), captured(PaymentMethod::Online, 1100, "2026-11-24T03:01:00Z")));
    assert_eq!(figures(&events, "2026-11-23"), Figures::default());
    let paid = Figures { paid: [(PaymentMethod::Online, Cents(1100))].into(), ..sold(1, 1100) };
    assert_eq!(figures(&events, "2026-11-24"), paid);
}

#[test]
fn an_online_order_that_is_never_paid_was_never_sold() {
    let events = [
        (order(1), placed(order(1), 1100, "2026-11-24T12:00:00Z", true)),
        (order(1), OrderEvent::OrderExpired { at: at("2026-11-24T12:10:00Z") }),
    ];
    assert_eq!(figures(&events, "2026-11-24"), Figures::default());
}

#[test]
fn a_cancelled_order_is_taken_out_of_its_day_and_its_refund_goes_on_its_own() {
    let events = [
        (order(1), placed(order(1), 1100, "2026-11-24T20:00:00Z", false)),
        (order(2), placed(order(2), 2200, "2026-11-24T20:00:00Z", false)),
        (order(1), captured(PaymentMethod::Card, 1100, "2026-11-24T20:01:00Z")),
        (
            order(1),
            OrderEvent::OrderCancelled {
                reason: CancelReason::Other,
                at: at("2026-11-25T12:00:00Z"),
                note: None,
            },
        ),
        (
            order(1),
            OrderEvent::PaymentRefunded {
                method: PaymentMethod::Card,
                amount: Cents(1100),
                at: at("2026-11-25T12:00:00Z"),
                note: None,
            },
        ),
    ];
    let paid = [(PaymentMethod::Card, Cents(1100))].into();
    assert_eq!(figures(&events, "2026-11-24"), Figures { cancelled: 1, paid, ..sold(1, 2200) });
    let refunded = [(PaymentMethod::Card, Cents(-1100))].into();
    assert_eq!(figures(&events, "2026-11-25"), Figures { paid: refunded, ..Figures::default() });
}

#[test]
fn a_returned_order_is_taken_out_of_its_day_and_counted_apart() {
    let late = at("2026-11-24T20:50:00Z");
    let events = [
        (order(1), placed(order(1), 1100, "2026-11-24T20:00:00Z", false)),
        (order(2), placed(order(2), 2200, "2026-11-24T20:00:00Z", false)),
        (order(1), OrderEvent::OrderOutForDelivery { at: at("2026-11-24T20:15:00Z") }),
        (order(1), OrderEvent::OrderNotDelivered { reason: DeliveryFailure::Absent, at: late }),
        (order(1), OrderEvent::OrderReturned { at: at("2026-11-25T12:00:00Z") }),
    ];
    assert_eq!(figures(&events[..4], "2026-11-24"), sold(2, 3300));
    assert_eq!(figures(&events, "2026-11-24"), Figures { returned: 1, ..sold(1, 2200) });
    assert_eq!(figures(&events, "2026-11-25"), Figures::default());
}

#[test]
fn changed_lines_correct_the_day_that_the_order_counts_on() {
    let changed = OrderEvent::OrderLinesChanged {
        added: vec![line(2, 2200)],
        removed: Vec::new(),
        quantities: Vec::new(),
        replaces: false,
        needs: domain::Ingredients::new(),
        pricing: None,
        promise: Some(Promised { at: at("2026-11-24T03:30:00Z") }),
        notes: Vec::new(),
        unnoted: Vec::new(),
        at: at("2026-11-24T03:05:00Z"),
    };
    let events = [(order(1), placed(order(1), 1100, "2026-11-24T02:55:00Z", false)), (order(1), changed)];
    assert_eq!(figures(&events, "2026-11-23"), sold(1, 3300));
    assert_eq!(figures(&events, "2026-11-24"), Figures::default());
}

#[test]
fn late_is_after_the_latest_promise() {
    // Promised for 20:20.
    for (handed_over, late) in [("2026-11-24T20:20:00Z", 0), ("2026-11-24T20:20:01Z", 1)] {
        let events = [
            (order(1), placed(order(1), 1100, "2026-11-24T20:00:00Z", false)),
            (order(1), OrderEvent::OrderHandedOver { at: at(handed_over) }),
        ];
        assert_eq!(figures(&events, "2026-11-24"), Figures { late, ..sold(1, 1100) });
    }
}

#[test]
fn what_the_functional_check_orders_is_no_sale() {
    let check = PizzeriaId::functional_check();
    let OrderEvent::OrderPlaced { mut placement, at: placed_at } =
        placed(order(1), 1100, "2026-11-24T12:00:00Z", false)
    else {
        panic!("an order is placed")
    };
    placement.pizzeria = check.clone();
    let refused = OrderEvent::OrderRefused {
        order: order(2),
        pizzeria: check,
        channel: OrderChannel::Web,
        customer: None,
        asked: vec![],
        total: Cents(1100),
        missing: vec![],
        at: placed_at,
    };
    let mut ledger = Ledger::default();
    for (n, id, event) in [
        (1, order(1), OrderEvent::OrderPlaced { placement, at: placed_at }),
        (2, order(1), captured(PaymentMethod::Cash, 1100, "2026-11-24T12:01:00Z")),
        (3, order(1), OrderEvent::OrderHandedOver { at: at("2026-11-24T12:20:00Z") }),
        (4, order(2), refused),
    ] {
        ledger.record(&event.into(), Some(id), n);
    }
    assert!(ledger.days.is_empty() && ledger.memos.is_empty());
}

#[test]
fn a_refusal_counts_on_its_day_in_the_pizzerias_own_zone() {
    let refused = OrderEvent::OrderRefused {
        order: order(1),
        pizzeria: p1(),
        channel: OrderChannel::Web,
        customer: None,
        asked: vec![],
        total: Cents(1100),
        missing: vec![],
        at: at("2026-11-24T03:30:00Z"),
    };
    let events = [(order(1), refused)];
    assert_eq!(figures(&events, "2026-11-24"), Figures { refused: 1, ..Figures::default() });
    // In Montréal it is still the evening before.
    let mut ledger = Ledger::default();
    ledger.zones.insert("P1".into(), chrono_tz::America::Montreal);
    ledger.record(&events[0].1.clone().into(), Some(order(1)), 1);
    assert_eq!(ledger.days.keys().next(), Some(&(p1(), day("2026-11-23"))));
}
