//! Processes replaced one by one under load: no command of a retrying client fails, and followers miss and repeat
//! nothing. And processes that end on SIGTERM.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::orders::position;
use tests::processes::Process;
use tests::{Api, Demo, Item, RawSocket, events, within};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::operations::load::Load;

const EVENTS: &str = "subscription($after: LogPosition) { eventAppended(after: $after) { position } }";
/// Time that a platform gives a process before it kills it.
const GRACE: Duration = Duration::from_secs(25);

/// Follows the log at any process and resumes after the last item; returns every position.
async fn follow(
    auditor: Api,
    after: i64,
    bases: watch::Receiver<Vec<String>>,
    mut last: watch::Receiver<Option<i64>>,
) -> (Vec<i64>, usize) {
    let (mut seen, mut cuts) = (Vec::new(), 0);
    let mut at = after;
    loop {
        let base = {
            let bases = bases.borrow();
            bases[cuts % bases.len()].clone()
        };
        let opened = auditor.at(&base).try_subscribe(EVENTS, json!({ "after": at.to_string() })).await;
        let Ok(mut following) = opened else {
            cuts += 1;
            continue;
        };
        loop {
            tokio::select! {
                item = following.item() => match item {
                    Item::Next(item) => {
                        at = position(&item["position"]);
                        seen.push(at);
                    }
                    // The process ends; continue at the next one.
                    Item::Gone => break,
                    other => panic!("{other:?}"),
                },
                changed = last.changed() => changed.unwrap(),
            }
            if last.borrow().is_some_and(|last| at >= last) {
                return (seen, cuts);
            }
        }
        cuts += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replaces_processes_one_by_one_under_load() {
    let demo = Demo::create().await;
    let url = &demo.database.url;
    let mut running = vec![Process::serve(url).await, Process::serve(url).await];
    let auditor = demo.person(&running[0].base, "auditor");
    let start = auditor.head().await;
    let addresses = |running: &[Process]| running.iter().map(|process| process.base.clone()).collect();
    let (known, bases) = watch::channel(addresses(&running));
    let (end, last) = watch::channel(None);
    let load = Load::begin(4, &demo.person(&running[0].base, "manager.p1"), bases.clone()).await;
    let following: Vec<_> =
        (0..3).map(|_| tokio::spawn(follow(auditor.clone(), start, bases.clone(), last.clone()))).collect();

    for _ in 0..2 {
        // The new process is ready before the old one is stopped; clients learn of it afterwards.
        running.push(Process::serve(url).await);
        let old = running.remove(0);
        old.ask_to_end().await;
        let asked = Instant::now();
        assert_eq!(old.ended().await, Some(0));
        assert!(asked.elapsed() < GRACE, "{:?}", asked.elapsed());
        known.send_replace(addresses(&running));
    }
    let told = load.end().await;

    let placed: Vec<i64> = told.iter().flat_map(|told| &told.placed).map(|(_, at)| *at).collect();
    let different: HashSet<i64> = placed.iter().copied().collect();
    assert_eq!(different.len(), placed.len(), "two orders were answered with one position");
    let orders = "SELECT count(*) FROM events WHERE event_type = 'OrderPlaced' AND position > $1";
    let orders: i64 = sqlx::query_scalar(orders).bind(start).fetch_one(&demo.database.pool).await.unwrap();
    assert_eq!(orders, i64::try_from(placed.len()).unwrap(), "one order a key");

    let head = auditor.at(&running[0].base).head().await;
    end.send_replace(Some(head));
    let mut cuts = 0;
    for following in following {
        let (seen, cut) = within(following).await.unwrap();
        assert_eq!(seen, (start + 1..=head).collect::<Vec<_>>());
        cuts += cut;
    }
    assert!(cuts > 0, "no stream was cut");
}

#[tokio::test]
async fn a_process_ends_on_sigterm_whatever_its_clients_do() {
    let demo = Demo::create().await;
    let process = Process::serve(&demo.database.url).await;
    let api = demo.person(&process.base, "auditor");
    let at = process.base.trim_start_matches("http://").to_owned();
    // A request that never completes, a subscription, a silent socket, and an event stream.
    let mut slow = TcpStream::connect(&at).await.unwrap();
    slow.write_all(b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{").await.unwrap();
    let mut socket = RawSocket::initialised(&process.base, api.token()).await;
    socket.subscribe("1", EVENTS, json!({ "after": "0" })).await;
    socket.message().await;
    let silent = tests::raw_socket::silent(&process.base).await;
    let mut stream =
        events::Events::open(&process.base, api.token(), None, EVENTS, json!({ "after": "0" })).await;
    stream.event().await.unwrap();
    // A query that waits for a lock, longer than the time given.
    let mut locking = demo.database.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE pizzerias").execute(&mut *locking).await.unwrap();
    let waiting = api.clone();
    let waiting = tokio::spawn(async move { waiting.try_ask("{ pizzerias { id } }", Value::Null).await });
    tests::eventually("the query waits", || async {
        let sql =
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'pizzerias'::regclass)";
        let waits: bool = sqlx::query_scalar(sql).fetch_one(&demo.database.pool).await.unwrap();
        waits.then_some(())
    })
    .await;

    process.ask_to_end().await;
    let asked = Instant::now();
    // graphql-ws reconnects after code 1001.
    assert_eq!(socket.closed().await.0, 1001);
    while stream.block().await.is_some() {}
    silent.ended().await;
    // The request under way is answered.
    let answer = within(waiting).await.unwrap().unwrap();
    assert_eq!(answer.code(), "UNAVAILABLE");
    let refused = TcpStream::connect(&at).await;
    assert!(refused.is_err(), "it accepts no new connections");
    assert_eq!(process.ended().await, Some(0));
    assert!(asked.elapsed() < GRACE, "{:?}", asked.elapsed());
    drop((slow, locking));
}
