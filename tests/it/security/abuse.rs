//! The abuse corpus (`tests/abuse/`) against a real process: each request is refused with its code, memory stays
//! bounded, and a well-behaved client is served throughout.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tests::processes::Process;
use tests::{Api, Demo, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

#[path = "../../abuse/corpus.rs"]
mod corpus;

/// Allowed growth of the process in KiB: a few hundred connections and subscriptions, and what the allocator
/// keeps.
const GROWTH: u64 = 256 * 1024;

/// No rate limits: each request is judged by itself.
const NO_RATES: [(&str, &str); 2] =
    [("OCPIZZA_MANAGER_RATE_PER_ADDRESS", "OFF"), ("OCPIZZA_MANAGER_RATE_PER_ACCOUNT", "OFF")];

async fn process(demo: &Demo) -> Process {
    Process::serve_with(&demo.database.url, &NO_RATES).await
}

/// A client that asks repeatedly and must be answered.
struct Neighbour {
    enough: Arc<AtomicBool>,
    asking: JoinHandle<(u64, Duration)>,
}

impl Neighbour {
    fn of(process: &Process) -> Self {
        let (enough, api) = (Arc::new(AtomicBool::new(false)), Api::new(&process.base));
        let told = enough.clone();
        let asking = tokio::spawn(async move {
            let (mut served, mut longest) = (0, Duration::ZERO);
            while !told.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let menu =
                    api.data("{ menu(pizzeriaId: \"P1\") { version pizzas { name } } }", Value::Null).await;
                assert_eq!(menu["menu"]["version"], 1);
                (served, longest) = (served + 1, longest.max(begun.elapsed()));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            (served, longest)
        });
        Self { enough, asking }
    }

    /// Number of answers, and the slowest.
    async fn leaves(self) -> (u64, Duration) {
        self.enough.store(true, Ordering::Relaxed);
        let (served, longest) = within(self.asking).await.unwrap();
        assert!(served > 0);
        (served, longest)
    }
}

#[allow(clippy::print_stdout)] // what docs/limits.md quotes
fn say(line: std::fmt::Arguments<'_>) {
    println!("{line}");
}

#[tokio::test]
async fn refuses_each_request_of_the_corpus_with_its_code() {
    let demo = Demo::create().await;
    let process = process(&demo).await;
    let neighbour = Neighbour::of(&process);
    let (http, url) = (reqwest::Client::new(), format!("{}/graphql", process.base));
    let before = process.resident() / 1024;
    let (mut slowest, mut wrong) = (Duration::ZERO, Vec::new());
    for abuse in corpus::corpus() {
        let mut request = http.post(&url).header("accept", "application/graphql-response+json");
        for (name, value) in &abuse.headers {
            let headers = [(name.parse().unwrap(), value.parse().unwrap())];
            request = request.headers(headers.into_iter().collect::<reqwest::header::HeaderMap>());
        }
        let begun = Instant::now();
        let is_too_large = abuse.body.len() > 64 * 1024;
        let answer = within(request.body(abuse.body).send()).await;
        // A large body may be refused before it is sent completely.
        let Ok(answer) = answer else {
            assert!(is_too_large, "{}: no answer", abuse.name);
            continue;
        };
        let status = answer.status().as_u16();
        let text = within(answer.text()).await.unwrap();
        let took = begun.elapsed();
        slowest = slowest.max(took);
        let body: Value = serde_json::from_str(&text).unwrap();
        let code = body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
        say(format_args!("{:>9.2?} {status} {code} {}", took, abuse.name));
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        let all_coded = errors.iter().all(|error| error["extensions"]["code"].is_string());
        // Only errors of execution have status 200.
        let is_refused = (400..500).contains(&status) || body.get("data").is_some();
        if !(abuse.codes.contains(&code) && all_coded && is_refused && text.len() < 64 * 1024) {
            wrong.push(format!("{}: {status} {text:.300}", abuse.name));
        }
    }
    let (served, longest) = neighbour.leaves().await;
    let after = process.resident() / 1024;
    say(format_args!(
        "slowest {slowest:.2?}; beside, {served} were served, the slowest in {longest:.2?}; {before} KiB, then {after} KiB"
    ));
    assert_eq!(wrong, Vec::<String>::new());
    assert!(after < before + GROWTH, "{before} KiB, then {after} KiB");
}

async fn connect(process: &Process) -> TcpStream {
    TcpStream::connect(process.base.trim_start_matches("http://")).await.unwrap()
}

/// Writes `drip` repeatedly until the server closes; returns what it answered.
async fn drip(process: &Process, begin: &str, drip: &str) -> String {
    let (mut reading, mut writing) = connect(process).await.into_split();
    let (begin, drip) = (begin.to_owned(), drip.to_owned());
    let dripping = tokio::spawn(async move {
        let _ = writing.write_all(begin.as_bytes()).await;
        while writing.write_all(drip.as_bytes()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let mut said = Vec::new();
    let _ = within(reading.read_to_end(&mut said)).await;
    within(dripping).await.unwrap();
    String::from_utf8(said).unwrap()
}

#[tokio::test]
async fn cuts_off_slow_clients_while_others_are_served() {
    let demo = Demo::create().await;
    let process = process(&demo).await;
    let neighbour = Neighbour::of(&process);
    let before = process.resident() / 1024;
    let head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let body = format!("{head}Content-Length: 60000\r\n\r\n{{");
    let heads = join_all((0..50).map(|_| drip(&process, head, "X-Drop: 1\r\n")));
    let bodies = join_all((0..50).map(|_| drip(&process, &body, " ")));
    // Opened without a message, like an idle client.
    let silent = join_all((0..200).map(|_| async {
        let mut silent = connect(&process).await;
        within(silent.read_to_end(&mut Vec::new())).await
    }));
    let (heads, bodies, silent) = tokio::join!(heads, bodies, silent);
    assert!(heads.iter().all(String::is_empty), "{heads:?}");
    for answer in bodies {
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("BAD_USER_INPUT"), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
    assert_eq!(silent.len(), 200);
    let (served, longest) = neighbour.leaves().await;
    let after = process.resident() / 1024;
    say(format_args!(
        "beside, {served} were served, the slowest in {longest:.2?}; {before} KiB, then {after} KiB"
    ));
    assert!(after < before + GROWTH, "{before} KiB, then {after} KiB");
}

#[tokio::test]
async fn refuses_a_thousand_subscriptions_on_one_socket() {
    let demo = Demo::create().await;
    let process = process(&demo).await;
    let neighbour = Neighbour::of(&process);
    let before = process.resident() / 1024;
    let url = process.base.replacen("http", "ws", 1) + "/graphql";
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
    let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let (mut sending, mut receiving) = socket.split();
    let refused = Arc::new(AtomicU64::new(0));
    let counting = refused.clone();
    let reading = tokio::spawn(async move {
        while let Some(Ok(message)) = receiving.next().await {
            let Message::Text(text) = message else { return };
            let message: Value = serde_json::from_str(&text).unwrap();
            let errors =
                if message["type"] == "error" { &message["payload"] } else { &message["payload"]["errors"] };
            if errors[0]["extensions"]["code"] == "RATE_LIMITED"
                && counting.fetch_add(1, Ordering::Relaxed) == 899
            {
                return;
            }
        }
    });
    sending.send(Message::text(json!({ "type": "connection_init" }).to_string())).await.unwrap();
    let query = "subscription { menuChanged: orderChanged(id: \"order:0193b3c0-0000-7000-8000-000000000000\") { position } }";
    for id in 0..1_000 {
        let subscribe = json!({ "type": "subscribe", "id": id.to_string(), "payload": { "query": query } });
        // Or the whole socket is closed.
        if sending.send(Message::text(subscribe.to_string())).await.is_err() {
            break;
        }
    }
    within(reading).await.unwrap();
    let (served, longest) = neighbour.leaves().await;
    let after = process.resident() / 1024;
    let refused = refused.load(Ordering::Relaxed);
    say(format_args!(
        "{refused} refused; beside, {served} were served, the slowest in {longest:.2?}; {before} KiB, then {after} KiB"
    ));
    assert!(after < before + GROWTH, "{before} KiB, then {after} KiB");
}
