//! Tests of releasing unpaid orders, over the demo's pizzerias.

use uuid::Uuid;

use super::*;
use crate::ids::IngredientCode;
use crate::order::{Fulfilment, OrderChannel, PaymentIntent};
use crate::testing::MemoryStore;
use crate::testing::baskets::{basket, p1};
use crate::usecase::{Conditions, PlaceOrder, RecordPayment, StartPreparation};

fn now() -> DateTime<Utc> {
    MemoryStore::now()
}

fn id(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number))
}

fn dough(store: &MemoryStore) -> i64 {
    let dough: IngredientCode = "DOUGH".parse().unwrap();
    store.stock(&p1()).available(&dough)
}

#[test]
fn releases_unpaid_orders_and_keeps_the_others() {
    let mut store = MemoryStore::demo();
    for (number, pizzeria) in [(1, "P1"), (2, "P1"), (3, "P1"), (4, "P1"), (5, "P2")] {
        let place = PlaceOrder {
            order: id(number),
            pizzeria: pizzeria.parse().unwrap(),
            basket: basket(Fulfilment::Takeaway, &["2 MAR M"]),
            channel: OrderChannel::Phone,
            customer: None,
            contact: None,
            payment: PaymentIntent::AtCounter,
            expected_total: None,
            conditions: Conditions::default(),
            now: now(),
        };
        store.execute(&place).unwrap();
    }
    store.execute(&StartPreparation { by: None, order: id(3), now: now() }).unwrap();
    let method = PaymentMethod::Cash;
    store.execute(&RecordPayment { order: id(4), method, amount: Cents(1), by: None, now: now() }).unwrap();
    let before = dough(&store);
    let orders = vec![id(1), id(2), id(3), id(4), id(5), id(9)];
    let release = ReleaseUnpaidOrders { pizzeria: p1(), orders, now: now() };
    store.execute(&release).unwrap();
    let status = |number| store.placed(id(number)).status();
    assert_eq!([1, 2].map(status), [OrderStatus::Cancelled; 2]);
    assert_eq!([3, 4, 5].map(status), [OrderStatus::InPreparation, OrderStatus::Placed, OrderStatus::Placed]);
    assert_eq!(dough(&store) - before, 4 * 260);
    // Again: nothing is left to release.
    assert_eq!(store.execute(&release), Ok(Decision::default()));
}
