//! The traits of cqrs-es over streams that the program made. `examples/loyalty` tests a foreign aggregate.

use std::collections::BTreeMap;

use cqrs_es::AggregateContext;
use cqrs_es::persist::PersistedEventStore;
use domain::closing::Closing;
use domain::customer::Customer;
use domain::delivery::Delivery;
use domain::menu::Menu;
use domain::order::Order;
use domain::pizzeria::{Pizzeria, PizzeriaCommand};
use domain::staff::Staff;
use domain::stock::Stock;
use domain::{Aggregate, AggregateState, StreamId, demo_data};
use event_store::{EventStore, Framework, Settings};
use postgres_es::PostgresEventRepository;
use simulation::history::{self, Options};
use sqlx::PgPool;
use tests::Database;

use crate::log::pizzas::*;

/// Streams of each kind that are loaded.
const STREAMS_OF_A_KIND: i64 = 40;

/// Loads streams of one kind through the traits, and compares their events and states with the store's. Returns the number
/// of streams that another program, with postgres-es alone, can read too.
async fn load_streams<A: Aggregate>(store: &EventStore, as_state: fn(A) -> AggregateState) -> usize {
    let sql = "SELECT aggregate_id, count(*) FROM events WHERE aggregate_type = $1 \
               GROUP BY aggregate_id ORDER BY count(*) DESC, aggregate_id LIMIT $2";
    let kind = A::STREAM.as_str();
    let streams: Vec<(String, i64)> =
        sqlx::query_as(sql).bind(kind).bind(STREAMS_OF_A_KIND).fetch_all(store.pool()).await.unwrap();
    let repository = PostgresEventRepository::new(store.pool().clone());
    let plain = PersistedEventStore::<_, Framework<A>>::new_event_store(repository);
    for (id, events) in &streams {
        let loaded = cqrs_es::EventStore::<Framework<A>>::load_events(store, id).await.unwrap();
        assert_eq!(i64::try_from(loaded.len()).unwrap(), *events, "{kind}:{id}");
        assert!(loaded.iter().all(|event| event.metadata.contains_key("command")));
        let mut context = cqrs_es::EventStore::<Framework<A>>::load_aggregate(store, id).await.unwrap();
        let (state, _) = store.load(&StreamId::new(A::STREAM, id.as_str())).await.unwrap();
        assert_eq!(as_state(context.aggregate().0.clone()), state, "{kind}:{id}");
        let alone = cqrs_es::EventStore::<Framework<A>>::load_events(&plain, id).await.unwrap();
        assert_eq!(alone.len(), loaded.len(), "{kind}:{id}");
    }
    streams.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cqrs_es_loads_every_kind_of_stream_that_the_simulation_made() {
    let database = Database::create().await;
    let options = Options { days: Some(1), ..Options::new(4_000, 3) };
    let later = "2026-11-01T00:00:00Z".parse().unwrap();
    history::generate(&database.pool, &options, later).await.unwrap();
    let store = EventStore::start(database.pool.clone(), Settings::default());
    let loaded = BTreeMap::from([
        ("order", load_streams::<Order>(&store, AggregateState::Order).await),
        ("stock", load_streams::<Stock>(&store, AggregateState::Stock).await),
        ("delivery", load_streams::<Delivery>(&store, AggregateState::Delivery).await),
        ("pizzeria", load_streams::<Pizzeria>(&store, AggregateState::Pizzeria).await),
        ("menu", load_streams::<Menu>(&store, AggregateState::Menu).await),
        ("staff", load_streams::<Staff>(&store, AggregateState::Staff).await),
    ]);
    assert!(loaded.values().all(|streams| *streams > 0), "{loaded:?}");
    load_streams::<Customer>(&store, AggregateState::Customer).await;
    load_streams::<Closing>(&store, AggregateState::Closing).await;
    let caused = "SELECT count(*) FROM events WHERE metadata->>'causation' LIKE '1/%'";
    let caused: i64 = sqlx::query_scalar(caused).fetch_one(&database.pool).await.unwrap();
    assert!(caused > 0, "events of reactors were among them");
}

/// Appends an event as releases up to 0.1 stored what a reactor did: its cause as a number.
async fn append_of_0_1(pool: &PgPool) {
    sqlx::query(
        "WITH head AS (UPDATE event_log_head SET position = position + 1 RETURNING position) \
         INSERT INTO events SELECT head.position, aggregate_type, aggregate_id, sequence + 1, 'PizzeriaResumed', \
         '1.0.0', now(), '{\"type\":\"PizzeriaResumed\",\"at\":\"2026-03-02T12:00:00Z\"}', \
         (metadata::jsonb || '{\"causationId\": 1}')::json FROM head, events \
         WHERE aggregate_type = 'pizzeria' ORDER BY sequence DESC LIMIT 1",
    )
    .execute(pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn cqrs_es_writes_to_the_same_log() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    let framework = cqrs_es::CqrsFramework::<Framework<Pizzeria>, _>::new(store.clone(), vec![], ());
    let opening = Box::new(demo_data::pizzerias().into_iter().find(|o| o.pizzeria == p1()).unwrap());

    framework.execute("P1", PizzeriaCommand::Open { opening, now: now() }).await.unwrap();
    let pause = PizzeriaCommand::Pause { reason: "oven".into(), until: None, now: now() };
    framework.execute("P1", pause).await.unwrap();
    append_of_0_1(&database.pool).await;
    let pause = PizzeriaCommand::Pause { reason: "oven".into(), until: None, now: now() };
    framework.execute("P1", pause).await.unwrap();

    let (state, version) = store.load(&StreamId::pizzeria(&p1())).await.unwrap();
    let AggregateState::Pizzeria(pizzeria) = state else { panic!("a pizzeria") };
    assert_eq!((version, pizzeria.opened().unwrap().pause.is_some()), (4, true));
    assert_eq!(assert_whole(&database).await, 4);
}
