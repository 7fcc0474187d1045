//! Maintenance with real processes: each refuses mutations within a second of the command and serves everything
//! else.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tests::orders::{basket, refusals, side};
use tests::processes::{Process, run};
use tests::{Api, Demo, Heard, RawSocket, events, eventually, within};

const PAUSE: &str =
    "mutation($input: PausePizzeriaInput!) { pausePizzeria(input: $input) { userErrors { code } } }";
const FOLLOW: &str = "subscription { maintenanceChanged { position maintenance { message since until } } }";
const ASK: &str = "{ maintenance { message since until } }";
const MESSAGE: &str = "Back in half an hour";
/// The promised time.
const PROMISED_DELAY: Duration = Duration::from_secs(1);
/// Slack for shared machines.
const SLACK: Duration = Duration::from_secs(9);

fn pause() -> Value {
    json!({ "input": { "pizzeriaId": "P1", "reason": "Fire drill" } })
}

/// The output of the command, which must succeed.
async fn maintenance(url: &str, arguments: &[&str]) -> String {
    let output = run(url, &[&["maintenance"], arguments].concat()).await;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Waits until a process refuses or accepts mutations.
async fn refusing(api: &Api, is_refusing: bool) {
    eventually("the process notices the change", || async {
        let answer = api.ask(PAUSE, pause()).await;
        let refused = answer.body["errors"][0]["extensions"]["code"] == "MAINTENANCE";
        (refused == is_refusing).then_some(())
    })
    .await;
}

/// A socket's next ping about maintenance.
async fn told(socket: &mut RawSocket) -> Value {
    within(async {
        loop {
            match socket.heard().await {
                Heard::Message(mut message) if message["type"] == "ping" => {
                    if let Some(maintenance) =
                        message["payload"].as_object_mut().and_then(|payload| payload.remove("maintenance"))
                    {
                        return maintenance;
                    }
                }
                Heard::Message(_) => {}
                end => panic!("{end:?}"),
            }
        }
    })
    .await
}

#[tokio::test]
async fn every_process_refuses_mutations_and_serves_everything_else() {
    let demo = Demo::create().await;
    let url = &demo.database.url;
    let (a, b) = (Process::serve(url).await, Process::serve(url).await);
    let managers = [demo.person(&a.base, "manager.p1"), demo.person(&b.base, "manager.p1")];
    let order = managers[0].placed(basket("P1", "TAKEAWAY", &[side("WATER", 1)])).await;
    let mut sockets = [
        RawSocket::initialised(&a.base, None).await,
        RawSocket::initialised(&b.base, managers[1].token()).await,
    ];
    let mut stream = within(events::request(&b.base, None, None, FOLLOW, Value::Null)).await.unwrap();
    let mut page = Api::new(&a.base).subscribe(FOLLOW, Value::Null).await;
    assert_eq!(page.value().await["maintenance"], Value::Null);
    assert_eq!(maintenance(url, &["status"]).await, "maintenance is off\n");

    let said = maintenance(url, &["on", "--message", MESSAGE, "--until", "30m"]).await;
    let on = Instant::now();
    let (since, rest) =
        said.strip_prefix("maintenance is on since ").unwrap().split_once(", until ").unwrap();
    let until = rest.strip_suffix(&format!(": {MESSAGE}\n")).unwrap();
    let times = [since, until].map(|time| time.parse::<DateTime<Utc>>().unwrap());
    assert_eq!(times[1] - times[0], TimeDelta::minutes(30));
    assert_eq!(maintenance(url, &["status"]).await, said);

    // Connected clients are notified at once.
    for socket in &mut sockets {
        assert_eq!(told(socket).await, json!({ "message": MESSAGE, "since": since, "until": until }));
    }
    let update = page.value().await;
    assert_eq!(update["maintenance"]["message"], MESSAGE);
    let mut text = String::new();
    while !text.contains("\n: maintenance {") || !text.contains("Back in half an hour\",\"since\"") {
        text.push_str(&String::from_utf8_lossy(&within(stream.chunk()).await.unwrap().unwrap()));
    }
    for manager in &managers {
        refusing(manager, true).await;
    }
    assert!(on.elapsed() < PROMISED_DELAY + SLACK, "{:?}", on.elapsed());

    // The refusal's contents; only mutations are refused.
    for manager in &managers {
        let answer = manager.ask(PAUSE, pause()).await;
        let error = &answer.body["errors"][0];
        let wait = error["extensions"]["retryAfter"].as_u64().unwrap();
        assert!((1..=1800).contains(&wait), "{wait}");
        let extensions =
            json!({ "code": "MAINTENANCE", "retryable": true, "retryAfter": wait, "until": until });
        assert_eq!(*error, json!({ "message": MESSAGE, "extensions": extensions }));
        assert_eq!((answer.status, answer.body.get("data")), (503, None));
        let response = reqwest::Client::new()
            .post(format!("{}/graphql", manager.base))
            .header("content-type", "application/json")
            .body(json!({ "query": "mutation { signOut(input: {}) { position } }" }).to_string())
            .send();
        let response = within(response).await.unwrap();
        assert_eq!(response.status(), 503);
        let header: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=1800).contains(&header), "{header}");

        assert_eq!(manager.data(ASK, Value::Null).await["maintenance"]["message"], MESSAGE);
        assert_eq!(manager.order(&order, "status", &Value::Null).await["status"], "PLACED");
        assert_eq!(manager.get("/readyz").await.unwrap().status, 200);
        // By WebSocket and server-sent events.
        let mut mutation = manager.subscribe(PAUSE, pause()).await;
        assert_eq!(mutation.refused().await, "MAINTENANCE");
        let mut mutation = events::Events::open(&manager.base, manager.token(), None, PAUSE, pause()).await;
        let refused = mutation.event().await.unwrap().data;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "MAINTENANCE");
    }
    let follow = "subscription($id: ID!) { orderChanged(id: $id) { order { status } } }";
    let mut following = managers[1].subscribe(follow, json!({ "id": order["id"] })).await;
    assert_eq!(following.value().await["order"]["status"], "PLACED");

    // A new process is under maintenance and tells its clients.
    drop(a);
    let c = Process::serve(url).await;
    let customer = demo.person(&c.base, "customer1");
    assert_eq!(customer.ask(PAUSE, pause()).await.code(), "MAINTENANCE");
    let mut newcomer = RawSocket::initialised(&c.base, None).await;
    assert_eq!(told(&mut newcomer).await["message"], MESSAGE);

    let changed = maintenance(url, &["on", "--message", "A while longer"]).await;
    assert_eq!(changed, format!("maintenance is on since {since}: A while longer\n"));
    assert_eq!(
        told(&mut newcomer).await,
        json!({ "message": "A while longer", "since": since, "until": null })
    );
    assert_eq!(maintenance(url, &["off"]).await, "maintenance is off\n");
    assert_eq!(told(&mut newcomer).await, Value::Null);
    assert_eq!(maintenance(url, &["off"]).await, "maintenance was off already\n");
    let manager = managers[1].at(&c.base);
    for manager in [&managers[1], &manager] {
        refusing(manager, false).await;
        let payload = manager.place(basket("P1", "TAKEAWAY", &[side("WATER", 1)])).await;
        assert!(!refusals(&payload).contains(&"MAINTENANCE"), "{payload}");
    }
}

#[tokio::test]
async fn a_lost_notification_delays_a_second_and_bad_arguments_are_refused() {
    let demo = Demo::create().await;
    let url = &demo.database.url;
    let process = Process::serve(url).await;
    let manager = demo.person(&process.base, "manager.p1");
    // A change without a notification.
    let quietly = "UPDATE maintenance SET message = 'Quiet', since = now()";
    sqlx::query(quietly).execute(&demo.database.pool).await.unwrap();
    refusing(&manager, true).await;
    let answer = manager.ask(PAUSE, pause()).await;
    assert_eq!(answer.body["errors"][0]["extensions"]["retryAfter"], 30);
    assert!(answer.body["errors"][0]["extensions"]["until"].is_null());

    let long = "x".repeat(501);
    for (arguments, code, said) in [
        (vec!["on", "--message", " "], 1, "the message must have 1 to 500 characters"),
        (vec!["on", "--message", &long], 1, "the message must have 1 to 500 characters"),
        (vec!["on", "--until", "2020-01-01T00:00:00Z"], 1, "until must be later than now"),
        (vec!["on", "--until", "soon"], 2, "it must be a time such as"),
        (vec!["on", "--until", "-5m"], 2, ""),
        (vec![], 2, ""),
    ] {
        let output = run(url, &[vec!["maintenance"], arguments.clone()].concat()).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said) && output.stdout.is_empty(), "{arguments:?}: {stderr}");
    }
}
