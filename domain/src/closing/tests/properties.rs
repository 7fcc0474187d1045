//! Property tests: closings add up to the whole log, to the cent, wherever it is cut into days.

use proptest::prelude::*;

use super::*;
use crate::event::Event;
use crate::ids::OrderId;
use crate::order::{
    CancelReason, Fulfilment, OnlinePayment, OrderChannel, OrderCommand, OrderEvent, PaymentIntent,
};
use crate::stream::AggregateState;
use crate::testing::MemoryStore;
use crate::usecase::{
    Basket, BasketLine, CancelOrder, ChangeOrderLines, ExpireOrder, PlaceOrder, StartPreparation, ToOrder,
    UseCase,
};

/// Number of orders, at two pizzerias.
const ORDERS: u128 = 6;

fn order_id(number: u128) -> OrderId {
    OrderId(uuid::Uuid::from_u128(number))
}

fn pizzeria(order: u128) -> PizzeriaId {
    if order.is_multiple_of(2) { p1() } else { "P2".parse().unwrap() }
}

fn lines(quantity: u32) -> Vec<BasketLine> {
    let line = |item: &str, size, quantity| BasketLine {
        item: item.parse().unwrap(),
        size,
        quantity,
        extras: Vec::new(),
        without: Vec::new(),
    };
    // Three VAT rates; goat cheese runs out after a few orders.
    vec![
        line("CHV", Some(crate::menu::PizzaSize::L), quantity),
        line("COLA", None, quantity),
        line("BEER", None, 1),
    ]
}

fn any_use_case() -> impl Strategy<Value = Box<dyn UseCase>> {
    let order = 1..=ORDERS;
    let now = MemoryStore::now();
    let to_order = move |number, command| ToOrder { name: "test", order: order_id(number), command };
    prop_oneof![
        4 => (order.clone(), 1..4_u32, any::<bool>()).prop_map(move |(number, quantity, online)| {
            Box::new(PlaceOrder {
                order: order_id(number),
                pizzeria: pizzeria(number),
                basket: Basket { fulfilment: Fulfilment::Takeaway, lines: lines(quantity), place: None },
                channel: OrderChannel::Counter,
                customer: None,
                contact: None,
                payment: if online { PaymentIntent::Online } else { PaymentIntent::AtCounter },
                expected_total: None,
                conditions: crate::usecase::Conditions::default(),
                now,
            }) as Box<dyn UseCase>
        }),
        1 => (order.clone(), 1..3_u32).prop_map(move |(number, quantity)| {
            let lines = lines(quantity);
            Box::new(ChangeOrderLines { order: order_id(number), edits: crate::usecase::LineEdits::Whole(lines), notes: Vec::new(), unnoted: Vec::new(), expected_total: None, bound: crate::usecase::Bound::Vouched, load: crate::policies::promise::KitchenLoad::default(), now })
                as Box<dyn UseCase>
        }),
        2 => order.clone().prop_map(move |number| {
            let (order, reason) = (order_id(number), CancelReason::Other);
            Box::new(CancelOrder { order, reason, even_started: true, now }) as Box<dyn UseCase>
        }),
        1 => order.clone().prop_map(move |number| {
            let now = now + chrono::TimeDelta::minutes(10);
            Box::new(ExpireOrder { order: order_id(number), now }) as Box<dyn UseCase>
        }),
        1 => order.clone().prop_map(move |number| {
            Box::new(StartPreparation { by: None, order: order_id(number), now }) as Box<dyn UseCase>
        }),
        2 => order.clone().prop_map(move |number| {
            let outcome = OnlinePayment::Accepted { reference: "r".to_owned() };
            Box::new(to_order(number, OrderCommand::PayOnline { outcome, now })) as Box<dyn UseCase>
        }),
        2 => (order.clone(), 1..900_i64).prop_map(move |(number, amount)| {
            let (method, amount) = (PaymentMethod::Cash, Cents(amount));
            Box::new(to_order(number, OrderCommand::RecordPayment { method, amount, now }))
                as Box<dyn UseCase>
        }),
        2 => (order, 1..900_i64).prop_map(move |(number, amount)| {
            let (method, amount) = (PaymentMethod::Cash, Cents(amount));
            Box::new(to_order(number, OrderCommand::Refund { method, amount, now })) as Box<dyn UseCase>
        }),
    ]
}

fn orders_of(store: &MemoryStore) -> Vec<(OrderId, OrderEvent)> {
    let of_order = |(stream, event): &(crate::StreamId, Event)| match event {
        Event::Order(event) => Some((stream.id.parse().unwrap(), event.clone())),
        _ => None,
    };
    store.log().iter().filter_map(of_order).collect()
}

proptest! {
    #[test]
    fn closings_add_up_to_the_whole_log(
        use_cases in prop::collection::vec(any_use_case(), 1..60),
        mut cuts in prop::collection::vec(0..100_usize, 0..6),
    ) {
        let mut store = MemoryStore::demo();
        for use_case in use_cases {
            let _ = store.execute(&*use_case);
        }
        let log = orders_of(&store);
        let mut whole = Ledger::default();
        for (order, event) in &log {
            whole.apply(*order, event);
        }

        // One ledger per day, which recalls the earlier states of its orders.
        cuts.iter_mut().for_each(|cut| *cut = *cut * log.len() / 100);
        cuts.push(log.len());
        cuts.sort_unstable();
        let pizzerias = [p1(), "P2".parse().unwrap()];
        let mut sums = [Totals::default(), Totals::default()];
        let mut from = 0;
        for to in cuts {
            let mut day = Ledger::default();
            for (at, (order, event)) in log.iter().enumerate().take(to).skip(from) {
                if !day.knows(*order) {
                    let mut state = crate::order::Order::default();
                    for (_, before) in log[..at].iter().filter(|(other, _)| other == order) {
                        state.evolve(before);
                    }
                    day.recall(*order, state);
                }
                day.apply(*order, event);
            }
            for (sum, pizzeria) in sums.iter_mut().zip(&pizzerias) {
                *sum = sum.plus(&day.totals(pizzeria));
            }
            from = to;
        }
        for (sum, pizzeria) in sums.iter().zip(&pizzerias) {
            prop_assert_eq!(sum, &whole.totals(pizzeria));
        }

        // The whole equals the sold orders and the payments.
        for (sum, pizzeria) in sums.iter().zip(&pizzerias) {
            let mut gross = Cents::ZERO;
            let mut paid = Cents::ZERO;
            for number in 1..=ORDERS {
                let AggregateState::Order(state) = store.state(&crate::StreamId::order(order_id(number))) else {
                    panic!("no order");
                };
                let Some(order) = state.placed().filter(|order| order.pizzeria == *pizzeria) else { continue };
                use crate::order::OrderStatus::{Cancelled, Expired, AwaitingPayment};
                if !matches!(order.status(), Cancelled | Expired | AwaitingPayment) {
                    gross = gross + order.pricing.total;
                }
                paid = paid + order.paid;
            }
            prop_assert_eq!(sum.gross, gross);
            let moved: Cents = sum.payments.iter().map(|part| part.captured - part.refunded).sum();
            prop_assert_eq!(moved, paid);
            let by_rate: Cents = sum.vat.iter().map(|part| part.net + part.tax).sum();
            prop_assert_eq!(by_rate, sum.gross);
        }
    }
}
