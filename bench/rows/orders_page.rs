//! A page of orders beside one hand-written statement.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use bench::binary::{Serving, UNLIMITED};
use bench::http::Client;
use bench::load::{Watched, closed_loop};
use bench::{Length, Row, Sample, Target, Worker, in_turn};
use identity::accounts::{self, ServerKey};
use identity::clock::Clock;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::sync::Mutex;

use crate::{Bench, by_hand};

/// Name of the worker.
pub(crate) const WORKER: &str = "page-by-hand";
/// Concurrent clients.
const CLIENTS: [usize; 2] = [1, 16];
/// The default size of our pool.
const CONNECTIONS: u32 = 7;
/// Allowed ratio to the statement.
const SLOWER: Target = Target::AtMost(1.5);

const DOCUMENT: &str = "{ orders(first: 20) { nodes { id number status total { amount } \
    lines { line name size quantity total { amount } } payments { kind method amount { amount } at } \
    delivery { id status attempts } } } }";

/// The same JSON by one statement.
const STATEMENT: &str = "
WITH page AS (
    SELECT id, number, status, placed_at, total, document FROM order_details ORDER BY placed_at DESC, id DESC LIMIT 20
)
SELECT json_build_object('data', json_build_object('orders', json_build_object('nodes', coalesce(json_agg(
    json_build_object(
        'id', 'order:' || page.id, 'number', page.number, 'status', page.status,
        'total', json_build_object('amount', to_char(page.total / 100.0, 'FM999999990.00')),
        'lines', (
            SELECT coalesce(json_agg(json_build_object(
                'line', line->'line', 'name', line->'name', 'size', line->'size', 'quantity', line->'quantity',
                'total', json_build_object('amount', to_char((line->>'total')::bigint / 100.0, 'FM999999990.00'))
            )), '[]') FROM json_array_elements(page.document->'lines') AS line),
        'payments', (
            SELECT coalesce(json_agg(json_build_object(
                'kind', payment->'kind', 'method', payment->'method',
                'at', replace(payment->>'at', 'Z', '+00:00'),
                'amount', json_build_object('amount', to_char((payment->>'amount')::bigint / 100.0, 'FM999999990.00'))
            )), '[]') FROM json_array_elements(page.document->'payments') AS payment),
        'delivery', (
            SELECT json_build_object('id', 'delivery:' || d.id, 'status', d.status, 'attempts', d.document->'attempts')
            FROM deliveries d WHERE d.order_id = page.id LIMIT 1)
    ) ORDER BY page.placed_at DESC, page.id DESC), '[]'))))::text
FROM page";

pub(crate) async fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let database = &bench.million().await?.database;
    let (pool, clock) = (&database.pool, Clock::system());
    let key = ServerKey::development(pool).await?;
    let (token, _) = accounts::issue_token(pool, &key, "director@ocpizza.example", &clock).await?;
    let serving = Serving::start(&database.url, UNLIMITED).await?;
    if bench.length == Length::Full {
        // The days of the generated log are closed first.
        serving.settled().await;
    }
    let mut worker = Worker::start(WORKER, &database.url)?;
    let address: String = worker.hear().await?;
    let postmaster = database.postmaster;
    let ours = Page {
        address: serving.address.clone(),
        path: "/graphql",
        token,
        body: json!({ "query": DOCUMENT }).to_string(),
        watched: Watched { process: Some(serving.pid()), postmaster },
    };
    let by_hand = Page {
        address,
        path: "/orders",
        token: "none".to_owned(),
        body: "{}".to_owned(),
        watched: Watched { process: Some(worker.pid()), postmaster },
    };
    let (our_answer, the_other) = (ours.ask().await?, by_hand.ask().await?);
    ensure!(our_answer["data"] == the_other["data"], "not the same page: {our_answer} and {the_other}");
    let orders = our_answer["data"]["orders"]["nodes"].as_array().context("a page")?.len();
    ensure!(orders == 20, "{orders} orders on a page of 20");

    let mut samples = in_turn(bench.length.repetitions(), 2 * CLIENTS.len(), async |thing| {
        let page = if thing % 2 == 0 { &ours } else { &by_hand };
        page.measure(bench, CLIENTS[thing / 2]).await
    })
    .await?
    .into_iter();
    serving.end().await?;
    worker.end().await?;
    let mut rows = Vec::new();
    for clients in CLIENTS {
        let (ours, by_hand) = (samples.next().unwrap_or_default(), samples.next().unwrap_or_default());
        let row = Row::new(
            &format!("orders-page-{clients}"),
            &format!("`orders(first: 20)` with lines, delivery and payments over HTTP, {clients} at a time"),
            "the same JSON from one statement, through axum, without asking who wants it",
        );
        rows.push(row.with_throughput("pages", &ours, &by_hand, None).reaching("p50", SLOWER));
    }
    Ok(rows)
}

/// A served page.
struct Page {
    address: String,
    path: &'static str,
    token: String,
    body: String,
    watched: Watched,
}

impl Page {
    async fn ask(&self) -> Result<Value> {
        let mut client = Client::connect(&self.address).await?;
        Ok(serde_json::from_slice(client.post(self.path, &self.token, &self.body).await?.body)?)
    }

    async fn measure(&self, bench: &Bench, clients: usize) -> Result<Sample> {
        let mut connections = Vec::new();
        for _ in 0..clients {
            connections.push(Mutex::new(Client::connect(&self.address).await?));
        }
        let shared = Arc::new((connections, self.path, self.token.clone(), self.body.clone()));
        closed_loop(clients, bench.length.duration() / 2, self.watched, move |client, _| {
            let shared = shared.clone();
            async move {
                let (connections, path, token, body) = &*shared;
                let connection = connections.get(client).context("a connection a client")?;
                let mut connection = connection.lock().await;
                let answer = connection.post(path, token, body).await?;
                if answer.status != 200 || answer.says("\"errors\"") {
                    bail!("no page: {} {}", answer.status, String::from_utf8_lossy(answer.body));
                }
                Ok(())
            }
        })
        .await
    }
}

/// Serves the statement until it is ended; first sends its address.
pub(crate) async fn serve(task: String) -> Result<()> {
    let url: String = serde_json::from_str(&task)?;
    let pool = by_hand::pool(&url, CONNECTIONS).await?;
    let router = Router::new().route("/orders", routing::post(page)).with_state(pool);
    by_hand::serve(router).await
}

async fn page(State(pool): State<PgPool>) -> Response {
    match sqlx::query_scalar::<_, String>(STATEMENT).fetch_one(&pool).await {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
