//! Several processes on one database: they share the log without loss, and any of them may be killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use projections::Model;
use serde_json::json;
use sqlx::PgPool;
use tests::orders::{basket, position, refusals, side, with};
use tests::processes::{Process, run};
use tests::{Api, Demo, Subscription, eventually};
use tokio::task::JoinHandle;

const ORDER: &str = "subscription($id: ID!, $after: LogPosition) { orderChanged(id: $id, after: $after) {
    position order { version status } } }";
const EVENTS: &str = "subscription($after: LogPosition) { eventAppended(after: $after) {
    position event { position } } }";
/// Clients of each process.
const CLIENTS: usize = 32;
/// Orders of each client.
const ORDERS: usize = 4;

async fn two(demo: &Demo) -> (Process, Process) {
    tokio::join!(Process::serve(&demo.database.url), Process::serve(&demo.database.url))
}

/// Stock for all orders of the test.
async fn water(demo: &Demo, base: &str) {
    let lines = json!([{ "ingredient": "WATER", "quantity": 100_000 }]);
    let supply = json!({ "supplier": "Source", "deliveryNote": "W-1", "lines": lines });
    let received = demo.person(base, "director").to_stock("receiveSupply", "P1", supply).await;
    assert_eq!(refusals(&received), Vec::<&str>::new());
}

/// Reads positions until the given head is known and reached.
fn follow(
    mut events: Subscription,
    mut head: tokio::sync::watch::Receiver<Option<i64>>,
) -> JoinHandle<Vec<i64>> {
    tokio::spawn(async move {
        let mut seen: Vec<i64> = Vec::new();
        loop {
            if head.borrow().is_some_and(|head| seen.last() >= Some(&head)) {
                return seen;
            }
            tokio::select! {
                item = events.value() => {
                    assert_eq!(item["position"], item["event"]["position"]);
                    seen.push(position(&item["position"]));
                }
                changed = head.changed() => changed.unwrap(),
            }
        }
    })
}

/// Reads positions page by page.
async fn pages(api: &Api, after: i64) -> Vec<i64> {
    let document = "query($after: String) { events(first: 100, after: $after) {
        nodes { position } pageInfo { hasNextPage endCursor } } }";
    let (mut seen, mut cursor) = (Vec::new(), json!(after.to_string()));
    loop {
        let mut data = api.data(document, json!({ "after": cursor })).await;
        let nodes = data["events"]["nodes"].as_array().unwrap();
        seen.extend(nodes.iter().map(|event| position(&event["position"])));
        if data["events"]["pageInfo"]["hasNextPage"] == false {
            return seen;
        }
        cursor = data["events"]["pageInfo"]["endCursor"].take();
    }
}

/// Places orders one by one at `bases[0]`; when no answer comes, repeats the request at the next process. Returns
/// the orders' ids.
async fn shopping(client: Api, name: usize, bases: [String; 2], done: Arc<AtomicUsize>) -> Vec<String> {
    let mut at = 0;
    let mut ids = Vec::new();
    for order in 0..ORDERS {
        let key = json!({ "idempotencyKey": format!("client-{name}-{order}") });
        let input = with(basket("P1", "TAKEAWAY", &[side("WATER", 1)]), key);
        let document = Api::mutation("placeOrder", "order { id }");
        let payload = loop {
            match client.at(&bases[at]).try_ask(&document, json!({ "input": input })).await {
                Ok(answer) => break answer.data()["placeOrder"].take(),
                Err(_) => at = 1 - at,
            }
        };
        assert_eq!(refusals(&payload), Vec::<&str>::new());
        ids.push(payload["order"]["id"].as_str().unwrap().to_owned());
        done.fetch_add(1, Ordering::Relaxed);
    }
    ids
}

async fn verified(demo: &Demo) {
    let output = run(&demo.database.url, &["projections", "verify"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

/// 32 clients at each of two processes while readers follow at the first; optionally kills the second half-way.
async fn crowd(kill: bool) {
    let demo = Demo::create().await;
    let (a, b) = two(&demo).await;
    water(&demo, &a.base).await;
    let auditor = demo.person(&a.base, "auditor");
    let start = auditor.head().await;
    let (said, head) = tokio::sync::watch::channel(None);
    let events = auditor.subscribe(EVENTS, json!({ "after": start.to_string() })).await;
    let reader = follow(events, head);

    let done = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..2 * CLIENTS)
        .map(|name| {
            let customer = demo.person(&a.base, ["customer1", "customer2", "customer3"][name % 3]).apart();
            let (near, far) = if name % 2 == 0 { (&a, &b) } else { (&b, &a) };
            let bases = [near.base.clone(), far.base.clone()];
            tokio::spawn(shopping(customer, name, bases, Arc::clone(&done)))
        })
        .collect();
    let other = if kill {
        eventually("the load has started", || async {
            (done.load(Ordering::Relaxed) >= CLIENTS).then_some(())
        })
        .await;
        b.kill().await;
        a.base.clone()
    } else {
        b.base.clone()
    };
    let orders: Vec<Vec<String>> = join_all(clients).await.into_iter().map(Result::unwrap).collect();

    let total = 2 * CLIENTS * ORDERS;
    let mut ids: Vec<String> = orders.into_iter().flatten().collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), total);
    let head = auditor.head().await;
    said.send(Some(head)).unwrap();
    let expected: Vec<i64> = (start + 1..=head).collect();
    assert_eq!(reader.await.unwrap(), expected, "every position once, in order");
    assert_eq!(pages(&auditor.at(&other), start).await, expected);
    assert_eq!(expected.len(), 2 * total, "each order and its reservation, once");

    // The read models reach the head and match the log.
    let stock = demo.person(&a.base, "pizzaiolo1.p1").stock("P1", &json!(head.to_string())).await;
    assert_eq!(tests::orders::level(&stock, "WATER"), (100_060, 256, 99_804));
    verified(&demo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_each_position_of_two_processes_once() {
    crowd(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_nothing() {
    crowd(true).await;
}

/// The processes that hold locks of read models, reactors and timers, and how many.
async fn leaders(pool: &PgPool) -> Vec<(String, i64)> {
    sqlx::query_as(
        "SELECT application_name, count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) \
         WHERE locktype = 'advisory' AND granted AND application_name LIKE 'ocpizza-manager runners %' \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY 1",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

/// What one process at a time runs: the read models, three reactors, two timers and the sealer.
const RUN_BY_ONE: i64 = 16;

async fn leads(pool: &PgPool, process: &Process) {
    let expected = vec![(format!("ocpizza-manager runners {}", process.id()), RUN_BY_ONE)];
    eventually("the process runs everything", || async { (leaders(pool).await == expected).then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_takes_over_the_read_models_of_a_killed_one() {
    let demo = Demo::create().await;
    let pool = &demo.database.pool;
    let leader = Process::serve(&demo.database.url).await;
    leads(pool, &leader).await;
    let other = Process::serve(&demo.database.url).await;
    water(&demo, &other.base).await;
    let done = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|name| {
            let customer = demo.person(&other.base, ["customer1", "customer2"][name % 2]).apart();
            let (near, far) = if name % 2 == 0 { (&leader, &other) } else { (&other, &leader) };
            let bases = [near.base.clone(), far.base.clone()];
            tokio::spawn(shopping(customer, name, bases, Arc::clone(&done)))
        })
        .collect();
    eventually("orders come in", || async { (done.load(Ordering::Relaxed) >= CLIENTS / 2).then_some(()) })
        .await;
    leads(pool, &leader).await;
    leader.kill().await;
    let orders: Vec<String> = join_all(clients).await.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(orders.len(), CLIENTS * ORDERS);
    leads(pool, &other).await;

    // Orders from before, during and after the change are all there, once.
    let head = demo.person(&other.base, "auditor").head().await.to_string();
    let kitchen = demo.person(&other.base, "pizzaiolo1.p1");
    eventually("the read models are at the head", || async {
        let ready = kitchen.get("/readyz").await.unwrap();
        let models = ready.body["readModels"].as_array().unwrap().clone();
        models.iter().all(|model| model["position"] == head.as_str()).then_some(())
    })
    .await;
    let stock = kitchen.stock("P1", &json!(head)).await;
    assert_eq!(tests::orders::level(&stock, "WATER").1, i64::try_from(orders.len()).unwrap());
    verified(&demo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rebuilds_every_read_model_while_the_api_serves() {
    let demo = Demo::create().await;
    let a = Process::serve(&demo.database.url).await;
    water(&demo, &a.base).await;
    let customer = demo.person(&a.base, "customer1");
    let kitchen = demo.person(&a.base, "pizzaiolo1.p1");
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    let traffic = tokio::spawn({
        let (customer, kitchen) = (customer.clone(), kitchen.clone());
        async move {
            let mut orders = 0;
            while !*stopped.borrow_and_update() {
                let order = customer.placed(basket("P1", "TAKEAWAY", &[side("WATER", 1)])).await;
                // New data is read during the rebuilds.
                let seen = customer.order(&order, "status delivery { id }", &order["position"]).await;
                assert_eq!(seen["status"], "PLACED");
                let started = kitchen.step("startPreparation", &order).await;
                let stock = kitchen.stock("P1", &started["position"]).await;
                orders += 1;
                assert_eq!(tests::orders::level(&stock, "WATER").0, 100_060 - orders);
            }
            orders
        }
    });
    for model in Model::ALL.iter().map(|model| model.name()) {
        let output = run(&demo.database.url, &["projections", "rebuild", model]).await;
        assert_eq!(output.status.code(), Some(0), "{model}: {}", String::from_utf8_lossy(&output.stderr));
        verified(&demo).await;
    }
    stop.send(true).unwrap();
    let orders = traffic.await.unwrap();
    assert!(orders > 0);
    verified(&demo).await;
    let unknown = run(&demo.database.url, &["projections", "rebuild", "nothing"]).await;
    assert_eq!(unknown.status.code(), Some(2));
}

#[tokio::test]
async fn reports_a_read_model_that_differs_from_the_log() {
    let demo = Demo::create().await;
    let a = Process::serve(&demo.database.url).await;
    verified(&demo).await;
    drop(a);
    let wrong = "UPDATE stock_levels SET version = version - 1 WHERE pizzeria = 'P3'";
    sqlx::query(wrong).execute(&demo.database.pool).await.unwrap();
    let output = run(&demo.database.url, &["projections", "verify"]).await;
    assert_eq!(output.status.code(), Some(1));
    let rebuilt = run(&demo.database.url, &["projections", "rebuild", "stock_levels"]).await;
    assert_eq!(rebuilt.status.code(), Some(0));
    verified(&demo).await;
}

#[tokio::test]
async fn subscriptions_at_another_process_resume_without_loss() {
    let demo = Demo::create().await;
    let (a, b) = two(&demo).await;
    let reception = demo.person(&a.base, "receptionist1.p1");
    let auditor = demo.person(&b.base, "auditor");
    let start = auditor.head().await;
    let mut events = auditor.subscribe(EVENTS, json!({ "after": start.to_string() })).await;

    let mut seen = Vec::new();
    let mut orders = Vec::new();
    for round in 0..6 {
        orders.push(reception.placed(basket("P1", "TAKEAWAY", &[side("WATER", 1)])).await);
        // Each order is two events. The connection is cut before the second is read.
        let item = events.value().await;
        assert_eq!(item["position"], item["event"]["position"]);
        seen.push(position(&item["position"]));
        if round % 2 == 1 {
            drop(events);
            reception.placed(basket("P1", "TAKEAWAY", &[side("COLA", 1)])).await;
            let after = json!({ "after": seen.last().unwrap().to_string() });
            events = auditor.subscribe(EVENTS, after).await;
        }
    }
    let head = auditor.head().await;
    while seen.last() < Some(&head) {
        seen.push(position(&events.value().await["position"]));
    }
    assert_eq!(seen, (start + 1..=head).collect::<Vec<_>>());
    assert_eq!(head - start, 18);

    // The same for one order: steps at A while no client listens at B.
    let kitchen = demo.person(&a.base, "pizzaiolo1.p1");
    let customer = demo.person(&b.base, "receptionist1.p1");
    let order = &orders[0];
    let mut steps = customer.subscribe(ORDER, json!({ "id": order["id"] })).await;
    let first = steps.value().await;
    assert_eq!(first["order"], json!({ "version": 1, "status": "PLACED" }));
    drop(steps);
    kitchen.step("startPreparation", order).await;
    let mut steps = customer.subscribe(ORDER, json!({ "id": order["id"], "after": first["position"] })).await;
    assert_eq!(steps.value().await["order"], json!({ "version": 2, "status": "IN_PREPARATION" }));
    kitchen.step("markOrderReady", order).await;
    assert_eq!(steps.value().await["order"], json!({ "version": 3, "status": "READY" }));
}
