//! Bounds on what one customer holds unpaid.

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

/// A takeaway order by these holders.
fn by(holders: &[u128], bound: Bound, number: u128, lines: &[&str]) -> PlaceOrder {
    let holders = holders.iter().copied().map(holder).collect();
    PlaceOrder { conditions: Conditions { holders, bound, ..Conditions::default() }, ..place(number, lines) }
}

/// P1 with three orders and ten pieces for whomever.
fn bounded() -> World {
    let mut world = World::demo();
    let limit = Some(UnpaidLimit { orders: 3, pieces: 10 });
    let unpaid = UnpaidChanges { account: limit, unverified: limit, caller: limit };
    let changes = Changes { unpaid, ..Changes::default() };
    world.append(&StreamId::pizzeria(&p1()), PizzeriaEvent::PizzeriaUpdated { changes, at: now() }.into());
    world
}

#[test]
fn a_customer_holds_so_many_unpaid_orders_and_paying_for_one_makes_room() {
    let mut world = bounded();
    let order = |number| by(&[1], Bound::Account, number, &["1 MAR M"]);
    for number in 1..=3 {
        world.execute(&order(number)).unwrap();
    }
    refused(&mut world, &order(4), OrderError::UnpaidLimit { what: Orders, max: 3 });
    let paid = RecordPayment { order: id(2), method: Cash, amount: Cents(1100), by: None, now: now() };
    world.execute(&paid).unwrap();
    world.execute(&order(4)).unwrap();
    refused(&mut world, &order(5), OrderError::UnpaidLimit { what: Orders, max: 3 });
    // What the kitchen has begun, and what was cancelled, holds no stock any more.
    world.execute(&StartPreparation { order: id(1), now: now() }).unwrap();
    world.execute(&order(5)).unwrap();
    world.execute(&cancel(3, false)).unwrap();
    world.execute(&order(6)).unwrap();
    // Another customer is another matter.
    world.execute(&by(&[2], Bound::Account, 7, &["1 MAR M"])).unwrap();
}

#[test]
fn pieces_count_too_and_an_account_without_a_verified_address_is_told_to_verify_it() {
    let mut world = bounded();
    world.execute(&by(&[1], Bound::Unverified, 1, &["6 MAR M", "2 COLA"])).unwrap();
    let more = by(&[1], Bound::Unverified, 2, &["3 MAR M"]);
    refused(&mut world, &more, OrderError::VerificationRequired { what: Pieces, max: 10 });
    let all_at_once = by(&[2], Bound::Account, 3, &["11 MAR M"]);
    refused(&mut world, &all_at_once, OrderError::UnpaidLimit { what: Pieces, max: 10 });
    // A manager vouches for whom they order for.
    world.execute(&by(&[], Bound::Vouched, 4, &["11 MAR M"])).unwrap();
}

#[test]
fn a_caller_is_bounded_by_telephone_number_and_by_address() {
    let mut world = bounded();
    for (number, holders) in [(1, [10, 20]), (2, [10, 21]), (3, [11, 20])] {
        world.execute(&by(&holders, Bound::Caller, number, &["1 MAR M"])).unwrap();
    }
    // Either of the two has three with this one.
    let refusal = OrderError::UnpaidLimit { what: Orders, max: 3 };
    refused(&mut world, &by(&[10, 20], Bound::Caller, 4, &["1 MAR M"]), refusal);
    world.execute(&by(&[12, 22], Bound::Caller, 4, &["1 MAR M"])).unwrap();
}

#[test]
fn an_order_does_not_grow_above_the_bound_but_may_always_shrink() {
    let mut world = bounded();
    world.execute(&by(&[1], Bound::Account, 1, &["4 MAR M"])).unwrap();
    world.execute(&by(&[1], Bound::Account, 2, &["5 MAR M"])).unwrap();
    let change = |lines: &[&str], bound| ChangeOrderLines {
        order: id(2),
        lines: lines.iter().map(|text| line(text)).collect(),
        expected_total: None,
        bound,
        load: KitchenLoad::default(),
        now: now(),
    };
    let refusal = OrderError::UnpaidLimit { what: Pieces, max: 10 };
    refused(&mut world, &change(&["7 MAR M"], Bound::Account), refusal.clone());
    world.execute(&change(&["7 MAR M"], Bound::Vouched)).unwrap();
    // Fewer are never refused, not even above the bound.
    world.execute(&by(&[1], Bound::Vouched, 3, &["9 MAR M"])).unwrap();
    world.execute(&change(&["6 MAR M"], Bound::Account)).unwrap();
    refused(&mut world, &change(&["7 MAR M"], Bound::Account), refusal);
}

#[test]
fn what_there_is_not_is_refused_as_before_and_is_not_counted() {
    let mut world = bounded();
    let decision = world.execute(&by(&[1], Bound::Account, 1, &["99 MAR M"])).unwrap();
    assert_eq!(names(&decision), ["OrderRefused"]);
    let mut unstored = by(&[1], Bound::Account, 2, &["99 MAR M"]);
    unstored.conditions.stores_refusal = false;
    let length = world.log().len();
    let refusal = world.execute(&unstored).unwrap_err();
    assert_eq!((refusal.code().as_str(), refusal.is_passing()), ("INSUFFICIENT_STOCK", true));
    assert_eq!(world.log().len(), length);
}

#[test]
fn nothing_is_paid_online_without_a_provider() {
    let mut world = World::demo();
    let conditions = Conditions { online_payment: false, ..Conditions::default() };
    let online = PlaceOrder { conditions: conditions.clone(), ..placed_online(1, &["1 MAR M"]) };
    refused(&mut world, &online, OrderError::OnlinePaymentUnavailable);
    world.execute(&PlaceOrder { conditions, ..place(1, &["1 MAR M"]) }).unwrap();
}
