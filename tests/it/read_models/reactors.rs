//! Reactors and the expiry timer: each consequence of the log happens once.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use domain::delivery::{DeliveryCommand, DeliveryFailure, DeliveryStatus, ProofGiven};
use domain::ids::{DeliveryId, OrderId};
use domain::order::{OrderCommand, OrderStatus};
use domain::usecase::PlaceOrder;
use domain::{LogPosition, StreamId};
use event_store::{EventStore, Follower, Settings, log};
use projections::{ReadModels, deliveries, order_details, status};
use sqlx::PgPool;
use tests::{Database, eventually};

use crate::log::pizzas::{now, open, order_id, p1, stock_for};
use crate::read_models::evening::{
    cook, courier, delivered, done, later, leave_with, online, open_p1, step, tell,
};

async fn start(pool: &PgPool, store: &EventStore, now: fn() -> DateTime<Utc>) -> ReadModels {
    let follower = Follower::start(pool.clone(), &[]).await.unwrap();
    ReadModels::start(pool.clone(), &follower, store.clone(), now).await.unwrap()
}

async fn order_is(pool: &PgPool, order: OrderId, status: OrderStatus) {
    let probe = || async {
        let found = order_details::by_ids(pool, &[order]).await.unwrap();
        (found.first()?.order.status() == status).then_some(())
    };
    eventually("the order follows", probe).await;
}

pub async fn delivery_is(pool: &PgPool, order: OrderId, status: DeliveryStatus) {
    let probe = || async {
        let found = deliveries::by_orders(pool, &[order]).await.unwrap();
        (found.first()?.delivery.status() == status).then_some(())
    };
    eventually("the delivery follows", probe).await;
}

/// The event types of a stream, in order.
async fn history(pool: &PgPool, stream: StreamId) -> Vec<String> {
    let events = log::read_stream(pool, &stream, 0, i64::MAX).await.unwrap();
    events.into_iter().map(|event| event.event_type).collect()
}

/// Waits until both reactors have processed the whole log, including what follows from it.
pub async fn settled(pool: &PgPool) -> LogPosition {
    let probe = || async {
        let status = status(pool).await.unwrap();
        // Read last: a reactor advances only after appending what follows.
        let head = log::head(pool).await.unwrap();
        let mut reactors = status.iter().filter(|status| status.name.starts_with("reactor:"));
        reactors.all(|reactor| reactor.position == head).then_some(head)
    };
    eventually("the reactors are at the head", probe).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_order_follows_its_delivery_and_a_replay_adds_nothing() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = EventStore::start(pool.clone(), Settings::default());
    open_p1(&store).await;
    let read_models = start(pool, &store, now).await;
    let (brought, returned) = (order_id(), order_id());
    for order in [brought, returned] {
        done(&store, delivered(order)).await;
        cook(&store, order).await;
        delivery_is(pool, order, DeliveryStatus::Scheduled).await;
        leave_with(&store, order).await;
        order_is(pool, order, OrderStatus::OutForDelivery).await;
    }
    let proof = ProofGiven::Code { given: "1234".into(), derived: vec!["1234".into()] };
    step(&store, brought, DeliveryCommand::Complete { by: Some(courier()), proof, now: later(30) }).await;
    order_is(pool, brought, OrderStatus::Delivered).await;
    let reason = DeliveryFailure::Absent;
    step(&store, returned, DeliveryCommand::Fail { by: Some(courier()), reason, now: later(30) }).await;
    order_is(pool, returned, OrderStatus::NotDelivered).await;
    step(&store, returned, DeliveryCommand::Return { by: Some(courier()), now: later(40) }).await;
    order_is(pool, returned, OrderStatus::Returned).await;

    let expected =
        ["OrderPlaced", "PreparationStarted", "OrderReady", "OrderOutForDelivery", "OrderDelivered"];
    assert_eq!(history(pool, StreamId::order(brought)).await, expected);
    let follows = log::read_stream(pool, &StreamId::delivery(DeliveryId::of(brought)), 0, 1).await.unwrap();
    let ready = log::read_stream(pool, &StreamId::order(brought), 2, 3).await.unwrap();
    assert_eq!(follows[0].metadata.causation_id, Some(ready[0].position));
    assert_eq!(follows[0].metadata.correlation_id, "test");

    // A replay from the start, as after a crash, has no effect.
    let head = settled(pool).await;
    drop(read_models);
    let reset = "UPDATE checkpoints SET position = 0, events_applied = 0, digest = decode(repeat('00', 32), 'hex') \
                 WHERE name LIKE 'reactor:%'";
    sqlx::query(reset).execute(pool).await.unwrap();
    let _again = start(pool, &store, now).await;
    assert_eq!(settled(pool).await, head);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_unpaid_online_order_expires_after_its_time_and_releases_its_stock() {
    // The test's clock, in minutes after `now`.
    static MINUTES: AtomicI64 = AtomicI64::new(0);
    fn clock() -> DateTime<Utc> {
        later(MINUTES.load(Ordering::SeqCst))
    }
    let database = Database::create().await;
    let pool = &database.pool;
    let store = EventStore::start(pool.clone(), Settings::default());
    open_p1(&store).await;
    let _read_models = start(pool, &store, clock).await;
    let (unpaid, paid) = (order_id(), order_id());
    for order in [unpaid, paid] {
        done(&store, online(order)).await;
    }
    let outcome = domain::order::OnlinePayment::Accepted { reference: "r".into() };
    tell(&store, paid, OrderCommand::PayOnline { outcome, now: later(1) }).await;
    order_is(pool, paid, OrderStatus::Placed).await;
    MINUTES.store(9, Ordering::SeqCst);
    order_is(pool, unpaid, OrderStatus::AwaitingPayment).await;
    MINUTES.store(10, Ordering::SeqCst);
    order_is(pool, unpaid, OrderStatus::Expired).await;
    order_is(pool, paid, OrderStatus::Placed).await;
    assert_eq!(history(pool, StreamId::order(unpaid)).await, ["OrderPlaced", "OrderExpired"]);
    let stock = history(pool, StreamId::stock(&p1())).await;
    assert_eq!(stock.iter().filter(|event| *event == "ReservationReleased").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_unreadable_order_does_not_delay_the_next_expiry() {
    static MINUTES: AtomicI64 = AtomicI64::new(0);
    fn clock() -> DateTime<Utc> {
        later(MINUTES.load(Ordering::SeqCst))
    }
    let database = Database::create().await;
    let pool = &database.pool;
    let store = EventStore::start(pool.clone(), Settings::default());
    open_p1(&store).await;
    let _read_models = start(pool, &store, clock).await;
    let mut orders = [order_id(), order_id()];
    orders.sort();
    let [broken, next] = orders;
    for order in orders {
        done(&store, online(order)).await;
    }
    let on_board = || async {
        let unpaid = projections::order_board::unpaid_at(pool, later(10), &[], 2).await.unwrap();
        (unpaid == orders).then_some(())
    };
    eventually("the board has them, the broken one first", on_board).await;
    // An event of a later release.
    sqlx::query(
        "WITH head AS (UPDATE event_log_head SET position = position + 1 RETURNING position) \
         INSERT INTO events SELECT head.position, 'order', $1, 2, 'OrderTeleported', '1.0.0', now(), \
         '{\"type\": \"OrderTeleported\"}', metadata FROM head, events \
         WHERE aggregate_type = 'order' AND aggregate_id = $1",
    )
    .bind(broken.to_string())
    .execute(pool)
    .await
    .unwrap();
    MINUTES.store(10, Ordering::SeqCst);
    let expired = || async {
        let last = "SELECT event_type FROM events WHERE aggregate_id = $1 ORDER BY sequence DESC LIMIT 1";
        let last: String = sqlx::query_scalar(last).bind(next.to_string()).fetch_one(pool).await.unwrap();
        (last == "OrderExpired").then_some(())
    };
    eventually("the next one expires", expired).await;
}

/// More orders than the timer handles in one batch.
const FAILING_ORDERS: usize = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_failing_orders_do_not_delay_the_next_expiry() {
    static MINUTES: AtomicI64 = AtomicI64::new(0);
    fn clock() -> DateTime<Utc> {
        later(MINUTES.load(Ordering::SeqCst))
    }
    let database = Database::create().await;
    let pool = &database.pool;
    let store = EventStore::start(pool.clone(), Settings::default());
    open(&store, stock_for(200)).await;
    let mut orders: Vec<_> = (0..=FAILING_ORDERS).map(|_| order_id()).collect();
    orders.sort();
    let next = orders.pop().unwrap();
    for order in &orders {
        done(&store, PlaceOrder { now: now() - TimeDelta::minutes(1), ..online(*order) }).await;
    }
    done(&store, online(next)).await;
    projections::catch_up(pool).await.unwrap();
    // An event of a later release.
    sqlx::query(
        "WITH broken AS (SELECT id, row_number() OVER () AS n FROM unnest($1::text[]) AS t (id)), \
         head AS (UPDATE event_log_head SET position = position + cardinality($1::text[]) \
                  RETURNING position - cardinality($1::text[]) AS base) \
         INSERT INTO events SELECT head.base + n, 'order', broken.id, 2, 'OrderTeleported', '1.0.0', now(), \
         '{\"type\": \"OrderTeleported\"}', metadata FROM head, broken, events \
         WHERE aggregate_type = 'order' AND aggregate_id = broken.id",
    )
    .bind(orders.iter().map(ToString::to_string).collect::<Vec<_>>())
    .execute(pool)
    .await
    .unwrap();
    MINUTES.store(11, Ordering::SeqCst);
    let _read_models = start(pool, &store, clock).await;
    let expired =
        || async { (history(pool, StreamId::order(next)).await.last()? == "OrderExpired").then_some(()) };
    eventually("the next one expires", expired).await;
}
