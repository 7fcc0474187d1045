//! Rebuilds: the live read model serves and advances throughout.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_store::log;
use projections::{Model, ProjectionError, catch_up, menus, order_board, order_details, stock_levels};
use tests::{DEADLINE, Database, eventually, within};

use crate::log::pizzas::{margherita, order_id, p1};
use crate::read_models::evening::play;
use crate::read_models::projections::{assert_sound, store};
use crate::read_models::takeover::start;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rebuild_under_load_equals_the_live_read_model() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = store(&database);
    let (_, fetched) = play(&store).await;
    let read_models = start(pool, &store).await;
    within(read_models.wait_for(Model::ALL, log::head(pool).await.unwrap(), DEADLINE)).await.unwrap();

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
    let reader = {
        let (pool, stop) = (pool.clone(), stop.clone());
        tokio::spawn(async move {
            let mut reads = 0;
            while !stop.load(Ordering::Relaxed) {
                let found = order_details::by_ids(&pool, &[fetched]).await.unwrap();
                assert_eq!(found.len(), 1, "served throughout");
                assert!(!order_board::board(&pool, None, None).await.unwrap().is_empty());
                assert_eq!(stock_levels::by_pizzerias(&pool, &[p1()]).await.unwrap().len(), 1);
                reads += 1;
            }
            reads
        })
    };
    for model in Model::ALL {
        within(projections::rebuild(pool, *model, &mut |_| {})).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let last = writer.await.unwrap();
    assert!(reader.await.unwrap() > 0);
    within(read_models.wait_for(Model::ALL, last, DEADLINE)).await.unwrap();
    assert_sound(pool).await;
    // A rebuilt table keeps the names of its indexes and can be rebuilt again.
    projections::rebuild(pool, Model::OrderDetails, &mut |_| {}).await.unwrap();
    let indexes: Vec<String> = sqlx::query_scalar(
        "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'order_board' ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    assert_eq!(
        indexes,
        ["order_board_expires_at_idx", "order_board_pizzeria_placed_at_id_idx", "order_board_pkey"]
    );
}

#[tokio::test]
async fn only_one_process_rebuilds_a_read_model_at_a_time() {
    let database = Database::create().await;
    let pool = &database.pool;
    play(&store(&database)).await;
    catch_up(pool).await.unwrap();
    // One rebuild was killed, another is running.
    sqlx::query("CREATE SCHEMA rebuild_menus CREATE TABLE menus (nothing int)").execute(pool).await.unwrap();
    let mut other = pool.acquire().await.unwrap();
    let lock = "SELECT pg_advisory_lock(hashtextextended('rebuild_menus', 0))";
    sqlx::query(lock).execute(&mut *other).await.unwrap();
    let refused = projections::rebuild(pool, Model::Menus, &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, ProjectionError::Busy(Model::Menus)));
    other.close_on_drop();
    drop(other);
    let busy = || async { projections::rebuild(pool, Model::Menus, &mut |_| {}).await.ok() };
    eventually("the lock is free", busy).await;
    assert_sound(pool).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_swap_waits_for_a_long_query_without_blocking_readers() {
    let database = Database::create().await;
    let pool = &database.pool;
    play(&store(&database)).await;
    catch_up(pool).await.unwrap();
    let mut long = pool.begin().await.unwrap();
    sqlx::query("SELECT FROM menus").fetch_all(&mut *long).await.unwrap();
    let rebuilding = {
        let pool = pool.clone();
        tokio::spawn(async move { projections::rebuild(&pool, Model::Menus, &mut |_| {}).await })
    };
    let waits = || async {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks WHERE relation = 'menus'::regclass AND NOT granted",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        (waiting > 0).then_some(())
    };
    eventually("the swap waits for the query", waits).await;
    // Readers do not wait for the long query.
    assert!(within(menus::current(pool)).await.unwrap().is_some());
    assert!(!rebuilding.is_finished());
    long.rollback().await.unwrap();
    within(rebuilding).await.unwrap().unwrap();
    assert_sound(pool).await;
}
