//! Property tests: invariants of a delivery under any commands and events.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn some_by() -> impl Strategy<Value = Option<StaffId>> {
    proptest::option::of((1u128..3).prop_map(courier))
}

fn some_command() -> impl Strategy<Value = DeliveryCommand> {
    prop_oneof![
        2 => Just(schedule()),
        3 => (1u128..3).prop_map(assign),
        9 => (some_by(), 0usize..6).prop_map(|(by, index)| own_commands(by)[index].1.clone()),
        1 => some_by().prop_map(|by| complete(by, code("0000"))),
    ]
}

fn some_event() -> impl Strategy<Value = DeliveryEvent> {
    prop_oneof![
        Just(scheduled()),
        (1u128..3).prop_map(assigned),
        (1u128..3).prop_map(unassigned),
        (1u128..3).prop_map(picked_up),
        any::<u32>().prop_map(wrong_code),
        (1u128..3).prop_map(|number| completed(number, Proof::Code)),
        (1u128..3).prop_map(failed),
        Just(retried()),
        Just(returned()),
    ]
}

proptest! {
    #[test]
    fn evolve_is_total_over_any_events(events in vec(some_event(), 0..40)) {
        let exists = events.contains(&scheduled());
        let state = given::<Delivery>(events).state;
        prop_assert_eq!(state.scheduled().is_some(), exists);
        // Decisions hold for any number of wrong codes.
        for (_, command) in own_commands(None) {
            let _ = decide(&state, command);
        }
    }

    #[test]
    fn ends_once_and_any_prefix_loads(commands in vec(some_command(), 0..60)) {
        let mut state = Delivery::default();
        let mut history: Vec<DeliveryEvent> = Vec::new();
        for command in commands {
            let closed = status(&state).is_some_and(DeliveryStatus::is_closed);
            let events = decide(&state, command).unwrap_or_default();
            prop_assert!(events.is_empty() || !closed, "{events:?} after the end");
            for event in events {
                state.evolve(&event);
                history.push(serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap());
                prop_assert_eq!(&given::<Delivery>(history.clone()).state, &state);
            }
            prop_assert!(state.scheduled().is_none_or(|delivery| delivery.wrong_codes <= MAX_CODE_TRIES));
            let snapshot = serde_json::to_string(&state).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Delivery>(&snapshot).unwrap(), &state);
        }
    }
}
