//! A database outage under load: requests meanwhile get `UNAVAILABLE` at once, everything recovers by itself, and
//! no acknowledged event is missing. All within the connections of a small plan.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection, PgPool};
use tests::orders::position;
use tests::own_postgres::PASSWORD;
use tests::processes::{Process, run};
use tests::{Api, OwnPostgres, demo, eventually, within};
use tokio::sync::watch;

use crate::operations::load::Load;

/// Duration of the outage.
const OUTAGE: Duration = Duration::from_secs(10);
/// The pool waits two seconds for a connection; the rest is slack for shared machines.
const ANSWER_DEADLINE: Duration = Duration::from_secs(2 + 6);
/// Connections of the plan.
const CONNECTIONS: u16 = 20;

async fn status(api: &Api, path: &str) -> u16 {
    within(api.get(path)).await.unwrap().status
}

async fn ready(api: &Api) {
    eventually("the process is ready", || async { (status(api, "/readyz").await == 200).then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_outage_of_ten_seconds_loses_no_acknowledged_event() {
    let mut postgres = OwnPostgres::start(CONNECTIONS).await;
    let url = postgres.url("127.0.0.1", "");
    assert_eq!(run(&url, &["migrate"]).await.status.code(), Some(0));
    let whole = postgres.url("127.0.0.1", "/ocpizza_manager_db");
    let pool = PgPool::connect(&whole).await.unwrap();
    let tokens = demo::fill(&pool).await;
    pool.close().await;

    let variables = [("OCPIZZA_MANAGER_PROCESSES", "2")];
    let processes =
        [Process::serve_with(&url, &variables).await, Process::serve_with(&url, &variables).await];
    let bases: Vec<String> = processes.iter().map(|process| process.base.clone()).collect();
    let apis: Vec<Api> = bases.iter().map(Api::new).collect();
    let manager = Api::new(&*bases[0]).with_token(&tokens["manager.p1"]);
    let auditor = Api::new(&*bases[1]).with_token(&tokens["auditor"]);
    let (_bases, known) = watch::channel(bases);
    let load = Load::begin(6, &manager, known).await;

    // Two processes under load leave connections for commands and for a third process during a replacement.
    let third = Process::serve_with(&url, &variables).await;
    for arguments in [&["migrate"][..], &["maintenance", "status"]] {
        let output = run(&url, arguments).await;
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut admin = postgres.admin().await;
    let used = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'";
    let used: i64 = sqlx::query_scalar(used).fetch_one(&mut admin).await.unwrap();
    assert!(used <= i64::from(CONNECTIONS), "{used}");
    drop(admin);
    third.kill().await;

    postgres.stop().await;
    let gone = Instant::now();
    while gone.elapsed() < OUTAGE {
        for api in &apis {
            let asked = Instant::now();
            let answer = api.ask("{ pizzerias { id } }", Value::Null).await;
            assert_eq!(answer.code(), "UNAVAILABLE", "{}", answer.body);
            assert!(asked.elapsed() < ANSWER_DEADLINE, "{:?}", asked.elapsed());
            assert_eq!((status(api, "/healthz").await, status(api, "/readyz").await), (200, 503));
        }
    }
    postgres.run().await;
    for api in &apis {
        ready(api).await;
    }
    // Followers are notified by either process.
    let document = "subscription { eventAppended { position event { type } } }";
    let mut following = auditor.subscribe(document, Value::Null).await;
    following.until(|item| item["event"]["type"] == "OrderPlaced").await;
    let told = load.end().await;

    let failed: Vec<_> = told.iter().flat_map(|told| &told.failed).collect();
    assert!(!failed.is_empty(), "no request failed");
    for (code, after) in failed {
        assert_eq!(code, "UNAVAILABLE");
        assert!(*after < ANSWER_DEADLINE, "{after:?}");
    }
    let mut placed: HashMap<&str, i64> = HashMap::new();
    for (key, at) in told.iter().flat_map(|told| &told.placed) {
        assert_eq!(placed.insert(key, *at), None, "{key} was answered twice");
    }
    assert!(placed.len() > 20, "{}", placed.len());
    // One connection: the processes use the others of the plan.
    let mut db = PgConnection::connect(&whole).await.unwrap();
    for at in placed.values() {
        let sql = "SELECT EXISTS (SELECT FROM events WHERE position = $1)";
        assert!(sqlx::query_scalar::<_, bool>(sql).bind(at).fetch_one(&mut db).await.unwrap(), "{at}");
    }
    // Each key placed one order, however often it was sent.
    let orders = "SELECT count(*) FROM events WHERE event_type = 'OrderPlaced' AND position > $1";
    let first = placed.values().min().unwrap() - 2;
    let orders: i64 = sqlx::query_scalar(orders).bind(first).fetch_one(&mut db).await.unwrap();
    assert_eq!(orders, i64::try_from(placed.len()).unwrap());
    // Runners have caught up in one of the two processes.
    let last = placed.values().max().unwrap().to_string();
    let query = "query($at: LogPosition) { kitchenQueue(pizzeriaId: \"P1\", atLeastPosition: $at) { id } }";
    eventually("the read models continue", || async {
        let answer = manager.ask(query, json!({ "at": last })).await;
        answer.body["errors"].is_null().then_some(())
    })
    .await;
    db.close().await.unwrap();

    // The password changes while the processes run, and changes back.
    let mut admin = postgres.admin().await;
    admin.execute("ALTER ROLE app PASSWORD 'another'").await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'";
    admin.execute(cut).await.unwrap();
    for api in &apis {
        eventually("the process cannot connect", || async {
            let answer = api.ask("{ pizzerias { id } }", Value::Null).await;
            (!answer.body["errors"].is_null()).then(|| assert_eq!(answer.code(), "UNAVAILABLE"))
        })
        .await;
        assert_eq!((status(api, "/healthz").await, status(api, "/readyz").await), (200, 503));
    }
    admin.execute(&*format!("ALTER ROLE app PASSWORD '{PASSWORD}'")).await.unwrap();
    for api in &apis {
        ready(api).await;
    }
    let director = manager.with_token(&tokens["director"]);
    let load = Load::begin(1, &director, watch::channel(vec![manager.base.clone()]).1).await;
    let item = following_again(&auditor).await;
    assert!(position(&item["position"]) > first);
    load.end().await;
}

async fn following_again(auditor: &Api) -> Value {
    let document = "subscription { eventAppended { position event { type } } }";
    let mut following = auditor.subscribe(document, Value::Null).await;
    following.until(|item| item["event"]["type"] == "OrderPlaced").await
}
