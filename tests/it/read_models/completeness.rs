//! Completeness: counters and rows of each read model, compared with the log while it grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_store::log;
use projections::{Model, Step, catch_up, compare, count};
use sqlx::Executor;
use tests::processes::run;
use tests::{DEADLINE, Database, Demo, within};

use crate::log::pizzas::{margherita, order_id};
use crate::read_models::evening::play;
use crate::read_models::projections::store;
use crate::read_models::takeover::start;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn compares_rows_while_orders_are_placed() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = store(&database);
    play(&store).await;
    let read_models = start(pool, &store).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (store, stop) = (store.clone(), stop.clone());
        tokio::spawn(async move {
            let mut last = None;
            while !stop.load(Ordering::Relaxed) {
                last = crate::log::pizzas::run(&store, margherita(order_id())).await.position;
            }
            last.unwrap()
        })
    };
    let before = log::head(pool).await.unwrap();
    let compared = within(compare(pool, &mut |_, _| {})).await.unwrap();
    for comparison in &compared {
        assert!(comparison.is_sound(), "{comparison:?}");
    }
    assert_eq!(compared.iter().map(|found| found.model).collect::<Vec<_>>(), Model::ALL);
    // The live read models advanced; each was compared as of its own position.
    let last = compared.iter().map(|found| found.position).max().unwrap();
    assert!(last > before, "{last} > {before}");
    stop.store(true, Ordering::Relaxed);
    let last = writer.await.unwrap();
    within(read_models.wait_for(Model::ALL, last, DEADLINE)).await.unwrap();
    assert!(count(pool, &mut |_, _| {}).await.unwrap().iter().all(|count| count.is_sound()));
}

#[tokio::test]
async fn locks_no_live_table() {
    let database = Database::create().await;
    let pool = &database.pool;
    play(&store(&database)).await;
    catch_up(pool).await.unwrap();
    // A runner that applies an event holds this lock; the comparison waits for no lock.
    let mut applying = pool.begin().await.unwrap();
    applying.execute("SELECT FROM checkpoints FOR UPDATE").await.unwrap();
    let mut steps = Vec::new();
    let compared = within(compare(pool, &mut |step, at| steps.push((step, at)))).await.unwrap();
    assert!(compared.iter().all(|comparison| comparison.is_sound()));
    let head = log::head(pool).await.unwrap();
    for model in Model::ALL {
        assert!(steps.contains(&(Step::Filling(*model), head)), "{model} was filled");
        assert!(steps.contains(&(Step::Comparing(*model), head)), "{model} was compared");
    }
    applying.rollback().await.unwrap();
}

#[tokio::test]
async fn compares_counters_with_the_log_without_comparing_rows() {
    let demo = Demo::create().await;
    let (url, pool) = (&demo.database.url, &demo.database.pool);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    catch_up(pool).await.unwrap();
    pool.execute("DELETE FROM pizzerias WHERE id = 'P1'").await.unwrap();
    let counted = run(url, &["projections", "verify", "--quick"]).await;
    assert_eq!(counted.status.code(), Some(0), "{counted:?}");
    assert_eq!(text(&counted.stdout).matches(" complete: ").count(), Model::ALL.len());
    let missed = "UPDATE checkpoints SET events_applied = events_applied - 1 WHERE name = 'menus'";
    pool.execute(missed).await.unwrap();
    let missed = run(url, &["projections", "verify", "--quick"]).await;
    assert_eq!(missed.status.code(), Some(1));
    assert!(text(&missed.stdout).contains("menus            NOT COMPLETE: "), "{missed:?}");
    assert!(text(&missed.stderr).contains("not what the log says: menus;"), "{missed:?}");
}

#[tokio::test]
async fn names_the_first_differing_rows_and_exits_with_a_failure() {
    let demo = Demo::create().await;
    let (url, pool) = (&demo.database.url, &demo.database.pool);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    catch_up(pool).await.unwrap();
    let equal = run(url, &["audit", "rebuild-check"]).await;
    assert_eq!((equal.status.code(), text(&equal.stderr)), (Some(0), String::new()), "{equal:?}");
    assert_eq!(text(&equal.stdout).matches(" equal: ").count(), Model::ALL.len());

    pool.execute("UPDATE stock_levels SET version = version + 1 WHERE pizzeria = 'P2'").await.unwrap();
    pool.execute("DELETE FROM pizzerias WHERE id = 'P1'").await.unwrap();
    let differs = run(url, &["audit", "rebuild-check"]).await;
    assert_eq!(differs.status.code(), Some(1));
    let (found, line) = (text(&differs.stdout), text(&differs.stderr));
    assert!(found.contains("\n  stock_levels P2 different\n"), "{found}");
    assert!(found.contains("\n  pizzerias P1 missing\n"), "{found}");
    assert!(line.contains("not what the log says: pizzerias, stock_levels;"), "{line}");
}
