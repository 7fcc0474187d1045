//! Generated histories: reproducible by seed, complete, and valid logs.

use domain::access::{Actor, Role};
use domain::demo_data;
use domain::ids::{CustomerId, OrderId};
use domain::order::{Fulfilment, OrderChannel, OrderEvent, PaymentIntent};
use domain::stock::StockEvent;
use domain::usecase::{Basket, BasketLine, PlaceOrder};
use domain::{LogPosition, StreamId};
use event_store::{CommandContext, EventStore, Settings, log};
use sha2::{Digest, Sha256};
use simulation::history::{self, Options, SimulateError, Summary};
use sqlx::PgPool;
use tests::Database;

use crate::log::pizzas::now;

async fn made(database: &Database, events: u64, seed: u64) -> Summary {
    history::generate(&database.pool, &Options::new(events, seed), now()).await.unwrap()
}

/// A hash over every byte of the log.
async fn digest(pool: &PgPool) -> Vec<u8> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT concat_ws('|', position, aggregate_type, aggregate_id, sequence, event_type, event_version, \
         recorded_at AT TIME ZONE 'UTC', payload, metadata) FROM events ORDER BY position",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut digest = Sha256::new();
    for row in rows {
        digest.update(row);
    }
    digest.finalize().to_vec()
}

#[tokio::test]
async fn a_seed_determines_the_events() {
    let (one, same, other) = (Database::create().await, Database::create().await, Database::create().await);
    let (first, again) = (made(&one, 3_000, 7).await, made(&same, 3_000, 7).await);
    made(&other, 3_000, 8).await;
    assert_eq!(first, again);
    assert_eq!(digest(&one.pool).await, digest(&same.pool).await);
    assert_ne!(digest(&one.pool).await, digest(&other.pool).await);
}

#[tokio::test]
async fn a_generated_history_is_a_valid_log_and_can_be_continued() {
    let database = Database::create().await;
    let pool = &database.pool;
    let summary = made(&database, 20_000, 1).await;

    // No gap, no time that decreases, and every stream counts from 1.
    let head = log::head(pool).await.unwrap();
    assert_eq!(head, summary.position);
    assert!((20_000..20_050).contains(&head.0), "{head}");
    for (what, sql) in [
        ("positions", "SELECT count(*) <> max(position) FROM events"),
        (
            "times",
            "SELECT coalesce(bool_or(recorded_at < before), false) FROM \
             (SELECT recorded_at, lag(recorded_at) OVER (ORDER BY position) AS before FROM events) AS e",
        ),
        (
            "sequences",
            "SELECT coalesce(bool_or(n <> sequence), false) FROM (SELECT sequence, row_number() OVER \
             (PARTITION BY aggregate_type, aggregate_id ORDER BY position) AS n FROM events) AS e",
        ),
        (
            "the head",
            "SELECT NOT EXISTS (SELECT FROM event_log_head h JOIN events e ON e.position = h.position \
             AND e.recorded_at = h.recorded_at AND h.settings_position = (SELECT max(position) FROM events \
             WHERE aggregate_type IN ('menu', 'pizzeria')))",
        ),
    ] {
        let wrong: bool = sqlx::query_scalar(sql).fetch_one(pool).await.unwrap();
        assert!(!wrong, "{what}");
    }
    let reacted: i64 = sqlx::query_scalar("SELECT count(*) FROM checkpoints WHERE position = $1")
        .bind(head.0)
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(reacted, i64::try_from(domain::policies::ALL.len()).unwrap());

    // Every type of event occurs.
    let names =
        OrderEvent::NAMES.iter().chain(StockEvent::NAMES).chain(domain::delivery::DeliveryEvent::NAMES);
    let never: Vec<&&str> = names.filter(|name| !summary.events.contains_key(**name)).collect();
    assert!(never.is_empty(), "{never:?}");

    // The read models match the log.
    projections::catch_up(pool).await.unwrap();
    for report in projections::verify(pool, &mut |_, _| {}).await.unwrap() {
        assert!(report.is_sound(), "{report:?}");
    }

    // The next order is appended.
    let store = EventStore::start(pool.clone(), Settings::default());
    let customer =
        simulation::demo::accounts().into_iter().find(|account| account.role == Role::Customer).unwrap();
    let opening = demo_data::pizzerias().remove(0);
    let place = PlaceOrder {
        order: OrderId(uuid::Uuid::now_v7()),
        pizzeria: opening.pizzeria.clone(),
        basket: Basket {
            fulfilment: Fulfilment::Takeaway,
            place: None,
            lines: vec![BasketLine {
                item: "WATER".parse().unwrap(),
                size: None,
                quantity: 1,
                extras: Vec::new(),
                without: Vec::new(),
            }],
        },
        channel: OrderChannel::Web,
        customer: Some(CustomerId(customer.id)),
        contact: None,
        payment: PaymentIntent::AtCounter,
        expected_total: None,
        conditions: domain::usecase::Conditions::default(),
        now: now(),
    };
    let actor = Actor { id: customer.id, role: Role::Customer, pizzeria: None };
    let stock = store.load(&StreamId::stock(&opening.pizzeria)).await.unwrap().1;
    let outcome = store
        .execute(std::sync::Arc::new(place), CommandContext::new(actor, uuid::Uuid::now_v7(), "test"))
        .await
        .unwrap();
    assert_eq!((outcome.refusal, outcome.version), (None, 1));
    assert!(outcome.position > Some(LogPosition(head.0)));
    assert!(store.load(&StreamId::stock(&opening.pizzeria)).await.unwrap().1 > stock);
}

#[tokio::test]
async fn the_demo_continues_a_generated_history() {
    let database = Database::create().await;
    let head = made(&database, 1_000, 1).await.position;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    assert_eq!(simulation::demo::seed(&store, now()).await.unwrap(), head);
}

#[tokio::test]
async fn refuses_a_database_with_data_and_a_history_that_ends_in_the_future() {
    let database = Database::create().await;
    let generate = async |options: Options| history::generate(&database.pool, &options, now()).await;
    for options in [
        Options::new(999, 1),
        Options { days: Some(1), ..Options::new(20_001, 1) },
        Options { from: Some(now().date_naive()), ..Options::new(1_000, 1) },
    ] {
        let refused = generate(options).await.unwrap_err();
        assert!(matches!(refused, SimulateError::Options(_)), "{refused:?}");
    }
    assert_eq!(log::head(&database.pool).await.unwrap(), LogPosition::START);
    generate(Options::new(1_000, 1)).await.unwrap();
    let refused = generate(Options::new(1_000, 1)).await.unwrap_err();
    assert!(matches!(refused, SimulateError::NotEmpty), "{refused:?}");
}
