//! Tests of limits on one customer's unpaid orders.

use super::*;
use crate::ids::HolderId;
use crate::money::Cents;
use crate::order::PaymentMethod::Cash;
use crate::pizzeria::{Changes, UnpaidChanges, UnpaidLimit, UnpaidUnit};
use crate::usecase::RecordPayment;
use UnpaidUnit::{Orders, Pieces};

fn holder(number: u128) -> HolderId {
    HolderId(Uuid::from_u128(number))
}

/// Returns the placement of a takeaway order by these holders.
fn by(holders: &[u128], bound: Bound, number: u128, lines: &[&str]) -> PlaceOrder {
    let holders = holders.iter().copied().map(holder).collect();
    PlaceOrder { conditions: Conditions { holders, bound, ..Conditions::default() }, ..place(number, lines) }
}

/// Returns a store in which P1 allows three orders and ten pieces for every holder.
fn bounded() -> MemoryStore {
    let mut store = MemoryStore::demo();
    let limit = Some(UnpaidLimit { orders: 3, pieces: 10 });
    let unpaid = UnpaidChanges { account: limit, unverified: limit, caller: limit };
    let changes = Changes { unpaid, ..Changes::default() };
    store.append(&StreamId::pizzeria(&p1()), PizzeriaEvent::PizzeriaUpdated { changes, at: now() }.into());
    store
}

#[test]
fn limits_unpaid_orders_per_customer_until_paid() {
    let mut store = bounded();
    let order = |number| by(&[1], Bound::Account, number, &["1 MAR M"]);
    for number in 1..=3 {
        store.execute(&order(number)).unwrap();
    }
    refused(&mut store, &order(4), OrderError::UnpaidLimit { what: Orders, max: 3 });
    let paid = RecordPayment { order: id(2), method: Cash, amount: Cents(1100), by: None, now: now() };
    store.execute(&paid).unwrap();
    store.execute(&order(4)).unwrap();
    refused(&mut store, &order(5), OrderError::UnpaidLimit { what: Orders, max: 3 });
    // Started and cancelled orders hold no stock.
    store.execute(&StartPreparation { by: None, order: id(1), now: now() }).unwrap();
    store.execute(&order(5)).unwrap();
    store.execute(&cancel(3, false)).unwrap();
    store.execute(&order(6)).unwrap();
    // Another customer has a limit of their own.
    store.execute(&by(&[2], Bound::Account, 7, &["1 MAR M"])).unwrap();
}

#[test]
fn limits_pieces_and_asks_unverified_accounts_to_verify() {
    let mut store = bounded();
    store.execute(&by(&[1], Bound::Unverified, 1, &["6 MAR M", "2 COLA"])).unwrap();
    let more = by(&[1], Bound::Unverified, 2, &["3 MAR M"]);
    refused(&mut store, &more, OrderError::VerificationRequired { what: Pieces, max: 10 });
    let all_at_once = by(&[2], Bound::Account, 3, &["11 MAR M"]);
    refused(&mut store, &all_at_once, OrderError::UnpaidLimit { what: Pieces, max: 10 });
    // A manager vouches for the customer.
    store.execute(&by(&[], Bound::Vouched, 4, &["11 MAR M"])).unwrap();
}

#[test]
fn limits_callers_by_telephone_number_and_address() {
    let mut store = bounded();
    for (number, holders) in [(1, [10, 20]), (2, [10, 21]), (3, [11, 20])] {
        store.execute(&by(&holders, Bound::Caller, number, &["1 MAR M"])).unwrap();
    }
    // Either of the two has three with this one.
    let refusal = OrderError::UnpaidLimit { what: Orders, max: 3 };
    refused(&mut store, &by(&[10, 20], Bound::Caller, 4, &["1 MAR M"]), refusal);
    store.execute(&by(&[12, 22], Bound::Caller, 4, &["1 MAR M"])).unwrap();
}

#[test]
fn orders_may_shrink_but_not_grow_above_the_limit() {
    let mut store = bounded();
    store.execute(&by(&[1], Bound::Account, 1, &["4 MAR M"])).unwrap();
    store.execute(&by(&[1], Bound::Account, 2, &["5 MAR M"])).unwrap();
    let change = |lines: &[&str], bound| ChangeOrderLines { bound, now: now(), ..changing::change(2, lines) };
    let refusal = OrderError::UnpaidLimit { what: Pieces, max: 10 };
    refused(&mut store, &change(&["7 MAR M"], Bound::Account), refusal.clone());
    store.execute(&change(&["7 MAR M"], Bound::Vouched)).unwrap();
    // A smaller order is accepted even above the limit.
    store.execute(&by(&[1], Bound::Vouched, 3, &["9 MAR M"])).unwrap();
    store.execute(&change(&["6 MAR M"], Bound::Account)).unwrap();
    refused(&mut store, &change(&["7 MAR M"], Bound::Account), refusal);
}

#[test]
fn reports_shortages_before_limits() {
    let mut store = bounded();
    let decision = store.execute(&by(&[1], Bound::Account, 1, &["99 MAR M"])).unwrap();
    assert_eq!(names(&decision), ["OrderRefused"]);
    let mut unstored = by(&[1], Bound::Account, 2, &["99 MAR M"]);
    unstored.conditions.stores_refusal = false;
    let length = store.log().len();
    let refusal = store.execute(&unstored).unwrap_err();
    assert_eq!((refusal.code().as_str(), refusal.is_passing()), ("INSUFFICIENT_STOCK", true));
    assert_eq!(store.log().len(), length);
}

#[test]
fn rejects_online_payment_without_a_provider() {
    let mut store = MemoryStore::demo();
    let conditions = Conditions { online_payment: false, ..Conditions::default() };
    let online = PlaceOrder { conditions: conditions.clone(), ..placed_online(1, &["1 MAR M"]) };
    refused(&mut store, &online, OrderError::OnlinePaymentUnavailable);
    store.execute(&PlaceOrder { conditions, ..place(1, &["1 MAR M"]) }).unwrap();
}
