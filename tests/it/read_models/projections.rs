//! Read models: rows, batches, repeated delivery, failing events, verification.

use std::sync::Arc;

use domain::LogPosition;
use domain::ids::DeliveryId;
use domain::order::{OrderStatus, PaymentMethod};
use domain::usecase::{ChangeOrderLines, LineEdits};
use event_store::{EventStore, RecordedEvent, Settings, log};
use projections::page::PageArgs;
use projections::{
    Model, ProjectionError, catch_up, daily_sales, deliveries, kitchen_queue, menus, order_board,
    order_details, pizzerias, stock_levels, verify,
};
use sqlx::PgPool;
use tests::Database;

use crate::log::pizzas::{margherita, now, order_id, p1};
use crate::read_models::evening::{done, play};

const TABLES: [&str; 14] = [
    "checkpoints",
    "menus",
    "pizzerias",
    "order_details",
    "order_board",
    "kitchen_queue",
    "stock_levels",
    "deliveries",
    "daily_sales",
    "daily_sales_orders",
    "daily_sales_zones",
    "order_hours",
    "stock_history",
    "closings",
];

pub fn store(database: &Database) -> EventStore {
    EventStore::start(database.pool.clone(), Settings::default())
}

/// Every row of every read model as text, without times of writing.
async fn dump(pool: &PgPool) -> Vec<String> {
    let mut all = Vec::new();
    for table in TABLES {
        let columns = match table {
            "checkpoints" => "(name, position, events_applied, digest, failed_position, failure)",
            _ => "t",
        };
        let sql = format!("SELECT {columns}::text FROM {table} AS t ORDER BY 1");
        let rows: Vec<String> = sqlx::query_scalar(&sql).fetch_all(pool).await.unwrap();
        // Stocks are kept every 200 events, and a process closes days: one evening has neither.
        let later = ["stock_history", "closings"];
        assert!(!rows.is_empty() || later.contains(&table), "{table} has rows");
        all.extend(rows.into_iter().map(|row| format!("{table} {row}")));
    }
    all
}

async fn forget(pool: &PgPool) {
    sqlx::query(&format!("TRUNCATE {}", TABLES.join(", "))).execute(pool).await.unwrap();
}

async fn whole_log(pool: &PgPool) -> Vec<RecordedEvent> {
    let entries = log::read_after(pool, LogPosition::START, 10_000).await.unwrap();
    entries.into_iter().map(|entry| Arc::unwrap_or_clone(entry.readable().unwrap())).collect()
}

pub async fn assert_sound(pool: &PgPool) {
    for report in verify(pool, &mut |_, _| {}).await.unwrap() {
        assert!(report.is_sound(), "{report:?}");
    }
}

#[tokio::test]
async fn rows_do_not_depend_on_batches_or_on_repeated_delivery() {
    let database = Database::create().await;
    let pool = &database.pool;
    play(&store(&database)).await;
    catch_up(pool).await.unwrap();
    let expected = dump(pool).await;
    let events = whole_log(pool).await;
    forget(pool).await;
    for model in Model::ALL {
        let mut rest = &events[..];
        for size in [1, 3, 2, 7, 1, 5].into_iter().cycle() {
            let (batch, behind) = rest.split_at(size.min(rest.len()));
            projections::deliver(pool, *model, batch).await.unwrap();
            projections::deliver(pool, *model, batch).await.unwrap();
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        projections::deliver(pool, *model, &events).await.unwrap();
    }
    let rows = dump(pool).await;
    for (row, expected) in rows.iter().zip(&expected) {
        assert_eq!(row, expected);
    }
    assert_eq!(rows.len(), expected.len());
    assert_sound(pool).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_runners_apply_each_event_once() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = store(&database);
    play(&store).await;
    for _ in 0..5 {
        done(&store, margherita(order_id())).await;
        let all = tokio::join!(catch_up(pool), catch_up(pool), catch_up(pool), catch_up(pool));
        assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok() && all.3.is_ok(), "{all:?}");
    }
    assert_sound(pool).await;
}

/// Each commit that stores events or advances a checkpoint, with its wait event.
const WATCH_COMMITS: &str = "
CREATE TABLE commits (moved text, waits text);
CREATE FUNCTION note_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO commits VALUES (TG_TABLE_NAME, current_setting('synchronous_commit'));
    RETURN NULL;
END $$;
CREATE TRIGGER note_commit AFTER INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION note_commit();
CREATE TRIGGER note_commit AFTER UPDATE ON checkpoints FOR EACH STATEMENT EXECUTE FUNCTION note_commit();
-- As anywhere but in the PostgreSQL of tests. For connections from now on.
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = on', current_database()); END $$";

#[tokio::test]
async fn commits_of_events_are_durable_and_those_of_read_models_are_not() {
    let database = Database::create().await;
    sqlx::raw_sql(WATCH_COMMITS).execute(&database.pool).await.unwrap();
    let pool = PgPool::connect(&database.url).await.unwrap();
    play(&EventStore::start(pool.clone(), Settings::default())).await;
    catch_up(&pool).await.unwrap();
    let sql = "SELECT DISTINCT moved || ' ' || waits FROM commits ORDER BY 1";
    let commits: Vec<String> = sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap();
    assert_eq!(commits, ["checkpoints off", "events on"]);
}

#[tokio::test]
async fn rows_match_the_evening() {
    let database = Database::create().await;
    let pool = &database.pool;
    let (open, fetched) = play(&store(&database)).await;
    catch_up(pool).await.unwrap();

    let queue = kitchen_queue::queue(pool, &p1(), None).await.unwrap();
    assert_eq!(queue.iter().map(|row| row.order.id).collect::<Vec<_>>(), [open]);
    assert_eq!(queue[0].order.lines[0].quantity, 3);
    assert_eq!((queue[0].version, queue[0].order.status()), (2, OrderStatus::Placed));

    let found = order_details::by_ids(pool, &[fetched, fetched, order_id()]).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].order.id, found[0].order.status()), (fetched, OrderStatus::HandedOver));

    // Of the two delivered ones, one was brought and left the board.
    let board = order_board::counts(pool).await.unwrap();
    let board: Vec<_> = board.iter().map(|count| (count.status, count.orders)).collect();
    let expected =
        [OrderStatus::NotDelivered, OrderStatus::Placed, OrderStatus::Ready].map(|status| (status, 1));
    assert_eq!(board, expected);
    assert_eq!(order_board::board(pool, Some(&p1()), None).await.unwrap().len(), 3);
    assert_eq!(order_board::board(pool, None, None).await.unwrap().len(), 3);
    assert_eq!(order_board::board(pool, Some(&"P2".parse().unwrap()), None).await.unwrap(), []);

    let stock = stock_levels::by_pizzerias(pool, &[p1()]).await.unwrap();
    assert_eq!(stock[0].stock.waiting_orders(), 1);
    assert_eq!(
        stock[0].stock.available(&"MOZZARELLA".parse().unwrap()),
        9000 - 120 * (3 + 1 + 1 + 1 + 2 + 2)
    );
    let menu = menus::current(pool).await.unwrap().unwrap();
    assert_eq!((menu.menu.version, menu.version), (1, 1));
    assert_eq!(menus::at_versions(pool, &[1, 1, 9]).await.unwrap(), [menu]);
    assert_eq!(pizzerias::all(pool).await.unwrap()[0].pizzeria.id, p1());

    let all = PageArgs::new(Some(100), None, None, None).unwrap();
    let page = deliveries::page(pool, &Default::default(), Default::default(), &all).await.unwrap();
    assert_eq!(page.items.len(), 2);
    let order = page.items[0].node.delivery.order;
    let found = deliveries::by_orders(pool, &[order]).await.unwrap();
    assert_eq!(found, deliveries::by_ids(pool, &[DeliveryId::of(order)]).await.unwrap());

    let today = now().date_naive();
    let sales = daily_sales::range(pool, &[p1()], today, today).await.unwrap();
    let figures = &sales[0].figures;
    // Open (three pizzas), collected, paid online, and two deliveries of 24.90 each; the two cancelled orders are
    // subtracted, the expired one was never counted.
    assert_eq!((figures.orders, figures.gross.0), (5, 3300 + 1100 + 1100 + 2 * 2490));
    assert_eq!((figures.cancelled, figures.late, figures.refused), (2, 0, 0));
    assert_eq!(figures.paid[&PaymentMethod::Cash].0, 1100);
    assert_eq!(figures.paid[&PaymentMethod::Online].0, 1100);
    assert_eq!(figures.vat.values().map(|sum| sum.gross.0).sum::<i64>(), figures.gross.0);
}

#[tokio::test]
async fn a_failing_event_stops_one_read_model_before_it() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = store(&database);
    let (open, _) = play(&store).await;
    catch_up(pool).await.unwrap();
    let whole: String = sqlx::query_scalar("SELECT document::text FROM order_details WHERE id = $1")
        .bind(open.0)
        .fetch_one(pool)
        .await
        .unwrap();
    let spoil = "UPDATE order_details SET document = $2::json WHERE id = $1";
    sqlx::query(spoil).bind(open.0).bind("{}").execute(pool).await.unwrap();

    let before = done(&store, margherita(order_id())).await.position.unwrap();
    let start = domain::usecase::StartPreparation { by: None, order: open, now: now() };
    done(&store, start).await;
    let head = done(&store, margherita(order_id())).await.position.unwrap();
    let poison = LogPosition(before.0 + 1);
    let stopped = catch_up(pool).await.unwrap_err();
    assert!(
        matches!(stopped, ProjectionError::Poison { model: Model::OrderDetails, position, .. } if position == poison),
        "{stopped:?}"
    );
    for status in projections::status(pool).await.unwrap() {
        let failed = status.failure.as_ref().map(|failure| failure.position);
        match &*status.name {
            "order_details" => assert_eq!((status.position, failed), (before, Some(poison))),
            name if name.starts_with("reactor:") => assert_eq!(status.position, LogPosition::START),
            _ => assert_eq!((status.position, failed, status.lag()), (head, None, 0)),
        }
        assert_eq!(status.applied, status.position.0);
    }

    // Once repaired, it continues.
    sqlx::query(spoil).bind(open.0).bind(whole).execute(pool).await.unwrap();
    catch_up(pool).await.unwrap();
    let status = projections::status(pool).await.unwrap();
    assert!(status.iter().all(|status| status.failure.is_none()));
    assert_sound(pool).await;
}

#[tokio::test]
async fn a_rebuild_repairs_a_stopped_read_model() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = store(&database);
    let (open, _) = play(&store).await;
    catch_up(pool).await.unwrap();
    sqlx::query("UPDATE order_details SET document = '{}' WHERE id = $1")
        .bind(open.0)
        .execute(pool)
        .await
        .unwrap();
    let head =
        done(&store, domain::usecase::StartPreparation { by: None, order: open, now: now() }).await.position;
    catch_up(pool).await.unwrap_err();
    let mut heard = Vec::new();
    let rebuilt = projections::rebuild(pool, Model::OrderDetails, &mut |at| heard.push(at)).await.unwrap();
    assert_eq!(Some(rebuilt), head);
    assert_eq!(heard.last().copied(), head);
    catch_up(pool).await.unwrap();
    assert_sound(pool).await;
}

#[tokio::test]
async fn verify_names_rows_that_differ_from_the_log() {
    let database = Database::create().await;
    let pool = &database.pool;
    let (open, fetched) = play(&store(&database)).await;
    catch_up(pool).await.unwrap();
    assert_sound(pool).await;
    for sql in [
        "UPDATE daily_sales SET document = json_build_object('orders', 1)",
        "DELETE FROM order_details WHERE id = $1",
        "UPDATE order_details SET total = total + 1 WHERE id = $2",
        "INSERT INTO pizzerias VALUES ('PX', 1, 1, '{}')",
    ] {
        // Each statement binds both parameters.
        let sql = format!("WITH ids AS (SELECT $1::uuid, $2::uuid) {sql}");
        sqlx::query(&sql).bind(open.0).bind(fetched.0).execute(pool).await.unwrap();
    }
    let reports = verify(pool, &mut |_, _| {}).await.unwrap();
    let found: Vec<_> = reports
        .iter()
        .flat_map(|report| &report.differences)
        .map(|difference| (difference.table.as_str(), difference.key.clone(), difference.what))
        .collect();
    let day = format!("P1,{}", now().date_naive());
    let mut orders = vec![
        ("order_details", open.to_string(), "missing"),
        ("order_details", fetched.to_string(), "different"),
    ];
    orders.sort_by(|a, b| a.1.cmp(&b.1));
    let mut expected = vec![("pizzerias", "PX".to_owned(), "unexpected")];
    expected.extend(orders);
    expected.push(("daily_sales", day, "different"));
    assert_eq!(found, expected);
    assert!(reports.iter().all(|report| report.digest_matches && report.applied == report.expected));
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'rebuild%'")
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn verify_finds_a_skipped_event() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = store(&database);
    play(&store).await;
    catch_up(pool).await.unwrap();
    done(&store, margherita(order_id())).await;
    // Of the placement's two events, the order's is skipped.
    let skip = "UPDATE checkpoints SET position = position + 1 WHERE name = 'order_board'";
    sqlx::query(skip).execute(pool).await.unwrap();
    catch_up(pool).await.unwrap();
    for report in verify(pool, &mut |_, _| {}).await.unwrap() {
        let skipped = report.model == Model::OrderBoard;
        assert_eq!(report.is_sound(), !skipped, "{report:?}");
        assert_eq!(report.digest_matches, !skipped);
        assert_eq!(report.expected - report.applied, i64::from(skipped));
        assert_eq!(report.differences.len(), usize::from(skipped));
    }
    projections::rebuild(pool, Model::OrderBoard, &mut |_| {}).await.unwrap();
    assert_sound(pool).await;
}

/// The previous release keeps no lines in its rows of daily sales; today's prices of a changed order add up from them.
#[tokio::test]
async fn daily_sales_of_an_order_that_the_previous_release_counted_follow_its_change() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = store(&database);
    play(&store).await;
    let order = order_id();
    done(&store, margherita(order)).await;
    catch_up(pool).await.unwrap();
    let slim = "UPDATE daily_sales_orders SET document = jsonb_set(jsonb_set(document::jsonb, \
                '{order,lines}', '[]'), '{order,lastLine}', '0')::json WHERE id = $1";
    sqlx::query(slim).bind(order.0).execute(pool).await.unwrap();
    let added = domain::usecase::BasketLine {
        item: "WATER".parse().unwrap(),
        size: None,
        quantity: 1,
        extras: Vec::new(),
        without: Vec::new(),
    };
    let change = ChangeOrderLines {
        order,
        edits: LineEdits::ByLine { added: vec![added], edited: Vec::new(), removed: Vec::new() },
        notes: Vec::new(),
        unnoted: Vec::new(),
        expected_total: None,
        bound: domain::usecase::Bound::Vouched,
        load: domain::policies::promise::KitchenLoad::default(),
        now: now(),
    };
    done(&store, change).await;
    catch_up(pool).await.unwrap();
    assert_sound(pool).await;
}
