//! Property tests: under any commands to orders of one pizzeria, orders and stock agree and nothing is
//! oversold.

use proptest::prelude::*;

use super::*;
use crate::Ingredients;
use crate::order::PlacedOrder;
use crate::policies::promise::{pizzas_left, promise};

/// Number of orders.
const ORDERS: u128 = 6;

fn any_lines() -> impl Strategy<Value = Vec<BasketLine>> {
    // Goat cheese and eggs run out soon.
    let line = prop::sample::select(vec!["3 CHV L", "2 4FR M", "5 CAL M", "4 FER L", "1 MAR S", "20 COLA"]);
    prop::collection::vec(line.prop_map(super::line), 1..3)
}

fn any_use_case() -> impl Strategy<Value = Box<dyn UseCase>> {
    let order = (1..=ORDERS).prop_map(id);
    let to_place = (order.clone(), any_lines(), any::<bool>());
    prop_oneof![
        3 => to_place.prop_map(|(order, lines, online)| {
            let payment = if online { PaymentIntent::Online } else { PaymentIntent::AtCounter };
            let basket = Basket { lines, ..basket(Takeaway, &[]) };
            Box::new(PlaceOrder { order, basket, payment, ..place(0, &[]) }) as Box<dyn UseCase>
        }),
        2 => (order.clone(), any_edits()).prop_map(|(order, edits)| {
            Box::new(ChangeOrderLines { order, edits, ..changing::change(0, &[]) }) as Box<dyn UseCase>
        }),
        1 => prop::sample::select(vec!["CHV", "CAL", "MAR"]).prop_map(|pizza| {
            Box::new(Republish { pizza: pizza.parse().unwrap() }) as Box<dyn UseCase>
        }),
        2 => (order.clone(), any::<bool>()).prop_map(|(order, even_started)| {
            Box::new(CancelOrder { order, reason: CancelReason::Other, even_started, now: now() })
                as Box<dyn UseCase>
        }),
        1 => order.clone().prop_map(|order| Box::new(ExpireOrder { order, now: later(10) }) as Box<dyn UseCase>),
        2 => order.clone().prop_map(|order| Box::new(StartPreparation { by: None, order, now: now() }) as Box<dyn UseCase>),
        1 => order.prop_map(|order| Box::new(ToOrder { order, ..pay_online(0) }) as Box<dyn UseCase>),
    ]
}

fn any_edits() -> impl Strategy<Value = LineEdits> {
    let numbers = || prop::collection::vec(1..5_u32, 0..2);
    let by_line =
        (any_lines(), numbers(), 1..8_u32, numbers()).prop_map(|(added, edited, pieces, removed)| {
            let edited = edited.into_iter().map(|line| (line, Some(pieces))).collect();
            LineEdits::ByLine { added, edited, removed }
        });
    prop_oneof![any_lines().prop_map(LineEdits::Whole), by_line]
}

/// Publishes a pizza with one gram of dough more in each size.
#[derive(Debug)]
struct Republish {
    pizza: crate::ids::ItemCode,
}

impl UseCase for Republish {
    fn name(&self) -> &'static str {
        "publishMenu"
    }

    fn streams(&self, _: &States<'_>) -> Vec<StreamId> {
        vec![StreamId::menu()]
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let mut pizza = states.menu().pizzas[&self.pizza].clone();
        for sized in pizza.sizes.values_mut() {
            sized.recipe.add(&stocked("DOUGH"), crate::Quantity(1));
        }
        let changes = crate::menu::MenuChanges { pizzas: vec![pizza], ..Default::default() };
        let command = crate::menu::MenuCommand::Publish { changes: Box::new(changes), now: now() };
        Ok(Decision::on(StreamId::menu(), crate::menu::decide(states.menu(), command).unwrap()))
    }
}

fn waits(order: &PlacedOrder) -> bool {
    matches!(order.status(), OrderStatus::AwaitingPayment | OrderStatus::Placed)
}

proptest! {
    #[test]
    fn starting_preparation_never_makes_a_promise_earlier(
        quantities in prop::collection::vec(1..6_u32, 1..6), started in prop::collection::vec(any::<bool>(), 6),
        mine in 1..9_u32,
    ) {
        let mut store = MemoryStore::demo();
        let numbers = || (1_u128..).zip(&quantities);
        for (number, quantity) in numbers() {
            store.execute(&place(number, &[&format!("{quantity} MAR M")])).unwrap();
        }
        let promised = |store: &MemoryStore| {
            let pizzas = numbers().map(|(number, _)| pizzas_left(&store.placed(id(number)))).sum();
            promise(now(), mine, KitchenLoad { pizzas, ..KitchenLoad::default() }, None)
        };
        let mut before = promised(&store);
        for ((number, _), _) in numbers().zip(&started).filter(|(_, started)| **started) {
            store.execute(&StartPreparation { by: None, order: id(number), now: now() }).unwrap();
            let after = promised(&store);
            prop_assert!(before <= after);
            before = after;
        }
    }

    #[test]
    fn orders_and_stock_agree(use_cases in prop::collection::vec(any_use_case(), 1..40)) {
        let mut store = MemoryStore::demo();
        for use_case in use_cases {
            let before = store.log().len();
            if store.execute(&*use_case).is_err() {
                prop_assert_eq!(store.log().len(), before);
            }
            let stock = store.stock(&p1());
            let mut reserved = Ingredients::new();
            for number in 1..=ORDERS {
                let order = store.order(id(number));
                let waits = order.placed().is_some_and(waits);
                let needs = waits.then(|| needs(&store, number));
                prop_assert_eq!(stock.reservation(id(number)), needs.as_ref());
                reserved.add_all(&needs.unwrap_or_default(), 1);
            }
            for (ingredient, level) in stock.levels() {
                prop_assert_eq!(level.reserved, reserved.get(ingredient).signed());
                prop_assert!(level.available() >= 0, "{} oversold", ingredient);
            }
        }
    }
}
