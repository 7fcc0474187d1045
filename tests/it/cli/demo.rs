//! The demo's data: complete, loaded once, and never into a database with other data.

use domain::access::{Actor, Role};
use domain::demo_data;
use domain::ids::{IngredientCode, StaffId};
use domain::pizzeria::PizzeriaCommand;
use domain::staff::{Employed, Staff};
use domain::usecase::ToPizzeria;
use domain::{AggregateState, LogPosition, StreamId};
use event_store::{CommandContext, EventStore, Settings, log};
use simulation::demo::{self, SeedError};
use tests::{Database, eventually};

use crate::log::pizzas::now;

async fn seeded() -> (Database, EventStore, LogPosition) {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    let head = demo::seed(&store, now()).await.unwrap();
    (database, store, head)
}

#[tokio::test]
async fn the_demo_data_is_complete_to_the_gram() {
    let (database, store, head) = seeded().await;
    let accounts = demo::accounts();

    let pizzerias = demo_data::pizzerias();
    assert_eq!(pizzerias.len(), 5);
    for opening in &pizzerias {
        let id = &opening.pizzeria;
        let (AggregateState::Pizzeria(pizzeria), 1) = store.load(&StreamId::pizzeria(id)).await.unwrap()
        else {
            panic!("{id} is not open");
        };
        assert!(pizzeria.opened().unwrap().takes_orders(now()));

        let (AggregateState::Stock(stock), _) = store.load(&StreamId::stock(id)).await.unwrap() else {
            panic!("{id} has no stock");
        };
        assert_eq!(stock.levels().count(), 37);
        for (code, opening) in demo_data::opening_stock(id).iter() {
            let level = stock.level(code);
            assert_eq!(
                (level.on_hand, level.reserved, level.low),
                (opening.signed(), 0, false),
                "{id} {code}"
            );
            assert_eq!(level.threshold, demo_data::thresholds(id).get(code), "{id} {code}");
        }
    }
    // Two numbers from the contract, not from the code.
    let goat_cheese: IngredientCode = "GOAT_CHEESE".parse().unwrap();
    for (pizzeria, grams) in [("P1", 600), ("P2", 2_000)] {
        let stream = StreamId::stock(&pizzeria.parse().unwrap());
        let (AggregateState::Stock(stock), _) = store.load(&stream).await.unwrap() else { panic!() };
        assert_eq!(stock.level(&goat_cheese).available(), grams, "{pizzeria}");
    }

    let staff: Vec<_> = accounts.iter().filter(|account| account.role != Role::Customer).collect();
    assert_eq!((staff.len(), accounts.len()), (42, 47));
    for account in staff {
        let stream = StreamId::staff(StaffId(account.id));
        let (AggregateState::Staff(Staff::Hired(hired)), 1) = store.load(&stream).await.unwrap() else {
            panic!("{} is not hired", account.email);
        };
        let Employed { role, pizzeria, active, .. } = hired;
        assert_eq!((role, &pizzeria, active), (account.role, &account.pizzeria, true), "{}", account.email);
    }
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM accounts WHERE demo")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert_eq!(stored, 47);
    // The menu, 5 openings, 42 hirings, 5 customers, 5 supplies and 5 × 37 thresholds.
    assert_eq!(head, LogPosition(1 + 5 + 42 + 5 + 5 + 185));
}

#[tokio::test]
async fn loading_the_demo_again_changes_nothing() {
    let (database, _store, head) = seeded().await;
    let rename = "UPDATE accounts SET display_name = 'Somebody' WHERE email = 'customer1@ocpizza.example'";
    sqlx::query(rename).execute(&database.pool).await.unwrap();

    // Another process on another day.
    let restarted = EventStore::start(database.pool.clone(), Settings::default());
    let again = demo::seed(&restarted, now() + chrono::TimeDelta::days(1)).await.unwrap();

    assert_eq!(again, head);
    let name: String =
        sqlx::query_scalar("SELECT display_name FROM accounts WHERE email = 'customer1@ocpizza.example'")
            .fetch_one(&database.pool)
            .await
            .unwrap();
    assert_eq!(name, "Somebody");
}

#[tokio::test]
async fn concurrent_loads_store_it_once() {
    let database = Database::create().await;
    let one = EventStore::start(database.pool.clone(), Settings::default());
    let other = EventStore::start(database.pool.clone(), Settings::default());
    let (one, other) = tokio::join!(demo::seed(&one, now()), demo::seed(&other, now()));
    one.unwrap();
    other.unwrap();
    assert_eq!(log::head(&database.pool).await.unwrap(), LogPosition(243));
}

#[tokio::test]
async fn an_interrupted_load_is_completed() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    let interrupted = tokio::spawn(async move { demo::seed(&store, now()).await });
    eventually("loading has begun", async || {
        let head = log::head(&database.pool).await.unwrap();
        (head > LogPosition::START).then_some(())
    })
    .await;
    interrupted.abort();

    let store = EventStore::start(database.pool.clone(), Settings::default());
    assert_eq!(demo::seed(&store, now()).await.unwrap(), LogPosition(243));
}

#[tokio::test]
async fn refuses_a_database_with_other_data() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    let opening = demo_data::pizzerias().remove(0);
    let open = ToPizzeria {
        name: "openPizzeria",
        pizzeria: opening.pizzeria.clone(),
        command: PizzeriaCommand::Open { opening: Box::new(opening), now: now() },
    };
    let context = CommandContext::new(Actor::system(), uuid::Uuid::now_v7(), "test");
    store.execute(std::sync::Arc::new(open), context).await.unwrap();

    let refused = demo::seed(&store, now()).await.unwrap_err();

    assert!(matches!(refused, SeedError::NotEmpty), "{refused:?}");
    assert_eq!(log::head(&database.pool).await.unwrap(), LogPosition(1));
    let accounts: i64 =
        sqlx::query_scalar("SELECT count(*) FROM accounts").fetch_one(&database.pool).await.unwrap();
    assert_eq!(accounts, 0);
}
