//! Property tests: invariants of an order under any commands and events.

use proptest::prelude::*;

use super::*;
use crate::testing::given;

/// Generates any event.
fn any_event() -> impl Strategy<Value = OrderEvent> {
    let money = 0_i64..3_000;
    let method = prop::sample::select(PaymentMethod::ALL.to_vec());
    prop_oneof![
        (prop::sample::select(OrderStatus::ALL.to_vec()), any::<prop::sample::Index>()).prop_map(
            |(status, index)| {
                let events = history(status);
                events[index.index(events.len())].clone()
            }
        ),
        (method.clone(), money.clone()).prop_map(|(method, amount)| captured(method, amount)),
        (method, money.clone()).prop_map(|(method, amount)| refunded(method, amount)),
        money.clone().prop_map(|amount| OrderEvent::PaymentAuthorised {
            amount: Cents(amount),
            reference: String::new(),
            at: now()
        }),
        money.prop_map(|amount| OrderEvent::PaymentDeclined {
            amount: Cents(amount),
            reason: String::new(),
            at: now()
        }),
        any::<u32>().prop_map(|line| OrderEvent::ItemBaked { line, at: now() }),
        (any::<[bool; 2]>(), any::<[u32; 2]>()).prop_map(|([replaces, adds], [line, quantity])| {
            OrderEvent::OrderLinesChanged {
                added: if adds { sold(&lines()) } else { Vec::new() },
                removed: vec![line],
                quantities: vec![LineQuantity { line: 1, quantity }],
                replaces,
                needs: crate::Ingredients::new(),
                pricing: None,
                promise: Some(Promised { at: later(50) }),
                notes: Vec::new(),
                unnoted: Vec::new(),
                at: now(),
            }
        }),
    ]
}

/// Generates commands: indices into [`every_command`], each with an amount.
fn any_commands() -> impl Strategy<Value = Vec<OrderCommand>> {
    let command =
        (0..every_command().len(), 1_i64..=TOTAL.0, 1_u32..=2).prop_map(|(which, money, number)| {
            match every_command().swap_remove(which) {
                OrderCommand::RecordPayment { method, now, .. } => {
                    OrderCommand::RecordPayment { method, amount: Cents(money), now }
                }
                OrderCommand::Refund { method, now, .. } => {
                    OrderCommand::Refund { method, amount: Cents(money), now }
                }
                OrderCommand::MarkItemBaked { now, .. } => OrderCommand::MarkItemBaked { line: number, now },
                OrderCommand::Place { expected_total, now, .. } => OrderCommand::Place {
                    placement: Box::new(match number {
                        1 => placement(Fulfilment::Delivery, PaymentIntent::Online),
                        _ => placement(Fulfilment::Takeaway, PaymentIntent::AtCounter),
                    }),
                    expected_total,
                    now,
                },
                other => other,
            }
        });
    prop::collection::vec(command, 1..60)
}

/// Returns the events of the accepted commands.
fn lived(commands: Vec<OrderCommand>) -> Vec<OrderEvent> {
    let (mut state, mut events) = (Order::default(), Vec::new());
    for command in commands {
        for event in decide(&state, command).unwrap_or_default() {
            state.evolve(&event);
            events.push(event);
        }
    }
    events
}

proptest! {
    #[test]
    fn evolve_is_total(events in prop::collection::vec(any_event(), 0..40)) {
        let mut state = Order::default();
        for event in &events {
            state.evolve(event);
            if let Some(order) = state.placed() {
                prop_assert!(!order.promises.is_empty());
                let _ = (order.due(), order.is_late(), order.status());
            }
        }
        let begins = |event: &OrderEvent| {
            matches!(event, OrderEvent::OrderPlaced { .. } | OrderEvent::OrderRefused { .. })
        };
        prop_assert_eq!(state.status().is_some(), events.iter().any(begins));
    }

    #[test]
    fn decide_is_total_over_any_state(
        events in prop::collection::vec(any_event(), 0..20),
        which in 0..every_command().len(),
    ) {
        let state = given::<Order>(events).state;
        // It never panics, and an accepted command has events.
        if let Ok(decided) = decide(&state, every_command().swap_remove(which)) {
            prop_assert!(!decided.is_empty());
        }
    }

    #[test]
    fn any_prefix_of_a_valid_history_loads_and_round_trips(commands in any_commands()) {
        let events = lived(commands);
        for length in 0..=events.len() {
            let state = given::<Order>(events[..length].to_vec()).state;
            let text = serde_json::to_string(&state).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Order>(&text).unwrap(), &state);
            if let Some(order) = state.placed() {
                // Payments never exceed the total, and refunds never exceed payments.
                prop_assert!(order.paid >= Cents::ZERO && order.paid <= TOTAL);
            }
        }
        for event in events {
            let text = serde_json::to_string(&event).unwrap();
            prop_assert_eq!(serde_json::from_str::<OrderEvent>(&text).unwrap(), event);
        }
    }

    #[test]
    fn closed_orders_stay_closed(commands in any_commands()) {
        let mut state = Order::default();
        let mut closed = None;
        for event in lived(commands) {
            state.evolve(&event);
            if let Some(closed) = closed {
                prop_assert_eq!(state.status(), Some(closed));
            }
            closed = state.status().filter(|status| status.is_closed());
        }
    }
}
