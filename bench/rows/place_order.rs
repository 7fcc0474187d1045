//! `placeOrder` from end to end: HTTP, GraphQL, authentication, prices, stock, log, answer.

pub(crate) mod by_hand;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bench::binary::{Serving, UNLIMITED};
use bench::http::Client;
use bench::load::{Watched, closed_loop};
use bench::{Database, Measure, Row, Sample, Target, Unit, Worker, in_turn};
use domain::access::Actor;
use domain::demo_data;
use domain::ids::PizzeriaId;
use domain::ingredients::{Ingredients, Quantity};
use domain::pizzeria::{Changes, PizzeriaCommand, UnpaidChanges, UnpaidLimit, WeeklyHours};
use domain::stock::StockCommand;
use domain::usecase::{ToPizzeria, ToStock, UseCase};
use event_store::{CommandContext, EventStore};
use identity::accounts::{self, ServerKey};
use identity::clock::Clock;
use serde_json::json;
use simulation::demo;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::Bench;

const CLIENTS: usize = 64;
/// Sessions shared by the clients: a multiple of the pizzerias, within the limit of an account.
const SESSIONS: usize = 20;
/// Default database connections: the pool's seven, the appender's, and the one of the runners' locks.
const CONNECTIONS: u32 = 9;
/// Number of maximal supplies of a pizzeria: enough for a hundred thousand orders.
const SUPPLIES: u32 = 10;
/// Interval of reading the read models' lag.
const ASKED_EVERY: Duration = Duration::from_millis(20);
/// Deadline for the read models to catch up with the log.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(60);

/// The mutation as a frontend sends it, with what it shows next.
const DOCUMENT: &str = "mutation PlaceOrder($input: PlaceOrderInput!) { placeOrder(input: $input) { position \
    order { id number status promisedAt total { amount } lines { item name size quantity total { amount } } } \
    userErrors { code message } } }";

/// Sessions of the demo's customers, who each live near the pizzeria of their number.
type Tokens = Vec<String>;

/// Our server with its data.
struct Ours {
    database: Database,
    tokens: Arc<Tokens>,
    serving: Serving,
}

/// Pizzerias of the orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spread {
    Five,
    Hot,
}

impl Spread {
    /// A client's pizzeria, from 1.
    fn pizzeria(self, client: usize) -> usize {
        match self {
            Self::Five => client % 5 + 1,
            Self::Hot => 1,
        }
    }
}

/// Input of a delivered order of two pizzas and two bottles of water.
fn input(pizzeria: usize) -> String {
    let lines = json!([
        { "item": "REI", "size": "M", "quantity": 1 },
        { "item": "4FR", "size": "L", "quantity": 1 },
        { "item": "WATER", "quantity": 2 },
    ]);
    json!({
        "pizzeriaId": format!("P{pizzeria}"),
        "channel": "WEB",
        "fulfilment": "DELIVERY",
        "payment": "ON_DELIVERY",
        "lines": lines,
        "idempotencyKey": Uuid::new_v4(),
    })
    .to_string()
}

impl Ours {
    async fn start(bench: &Bench, spread: Spread, variables: &[(&str, &str)]) -> Result<Self> {
        let database = bench.cluster.database().await?;
        let (pool, clock) = (&database.pool, Clock::system());
        let store = EventStore::start(pool.clone(), event_store::Settings::default());
        demo::seed(&store, clock.now()).await?;
        supply(&store, &clock, SUPPLIES).await?;
        let key = ServerKey::development(pool).await?;
        let mut tokens: Tokens = Vec::with_capacity(CLIENTS);
        for client in 0..CLIENTS {
            let token = match client.checked_sub(SESSIONS) {
                Some(before) => tokens[before].clone(),
                None => {
                    let email = format!("customer{}@ocpizza.example", spread.pizzeria(client));
                    accounts::issue_token(pool, &key, &email, &clock).await?.0
                }
            };
            tokens.push(token);
        }
        projections::catch_up(pool).await?;
        // One client places more orders than an account may.
        let serving = Serving::start(&database.url, &[UNLIMITED, variables].concat()).await?;
        Ok(Self { database, tokens: Arc::new(tokens), serving })
    }

    /// Orders, then the seconds until the read models have caught up.
    async fn measure(&self, bench: &Bench, spread: Spread) -> Result<(Sample, f64)> {
        let watched = Watched { process: Some(self.serving.pid()), postmaster: self.database.postmaster };
        let sample =
            measure(bench, &self.serving.address, "/graphql", &self.tokens, watched, move |client| {
                format!(
                    r#"{{"query":{},"variables":{{"input":{}}}}}"#,
                    json!(DOCUMENT),
                    input(spread.pizzeria(client))
                )
            })
            .await?;
        let ended = Instant::now();
        let behind = "SELECT (SELECT position FROM event_log_head) > (SELECT min(position) FROM checkpoints)";
        while sqlx::query_scalar(behind).fetch_one(&self.database.pool).await? {
            if ended.elapsed() > CAUGHT_UP_WITHIN {
                bail!("the read models do not catch up");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok((sample, ended.elapsed().as_secs_f64()))
    }

    async fn end(self) -> Result<()> {
        self.serving.end().await?;
        self.database.remove().await
    }
}

/// Supplies every pizzeria with maximal amounts repeatedly, so that nothing runs out, and lifts the limits on
/// unpaid orders, since few accounts place them all.
pub(crate) async fn supply(store: &EventStore, clock: &Clock, times: u32) -> Result<()> {
    for opening in demo_data::pizzerias() {
        let pizzeria: PizzeriaId = opening.pizzeria;
        let unpaid = UnpaidChanges { account: Some(UnpaidLimit::NONE), ..UnpaidChanges::default() };
        let command = PizzeriaCommand::Update {
            changes: Changes { unpaid, ..Changes::default() },
            days: WeeklyHours::default(),
            closed: Vec::new(),
            now: clock.now(),
        };
        let unbound = ToPizzeria { name: "updatePizzeria", pizzeria: pizzeria.clone(), command };
        accepted(store, unbound).await?;
        let everything: Ingredients = demo_data::opening_stock(&pizzeria)
            .iter()
            .map(|(code, _)| (code.clone(), Quantity(Quantity::MAX_INPUT)))
            .collect();
        for number in 0..times {
            let now = clock.now();
            let command = StockCommand::Receive {
                supplier: "Everything".into(),
                delivery_note: number.to_string(),
                lines: everything.clone(),
                now,
            };
            let to_stock = ToStock { name: "receiveSupply", pizzeria: pizzeria.clone(), command };
            accepted(store, to_stock).await?;
        }
    }
    Ok(())
}

async fn accepted(store: &EventStore, use_case: impl UseCase + 'static) -> Result<()> {
    let context = CommandContext::new(Actor::system(), Uuid::now_v7(), "bench");
    match store.execute(Arc::new(use_case), context).await?.refusal {
        Some(refusal) => bail!("a command of the system was refused: {refusal:?}"),
        None => Ok(()),
    }
}

/// 64 clients that place orders one by one; each must be accepted.
async fn measure(
    bench: &Bench,
    address: &str,
    path: &'static str,
    tokens: &Arc<Tokens>,
    watched: Watched,
    body: impl Fn(usize) -> String + Clone + Send + Sync + 'static,
) -> Result<Sample> {
    let mut connections = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        connections.push(Mutex::new(Client::connect(address).await?));
    }
    let (connections, tokens) = (Arc::new(connections), tokens.clone());
    let seen = Arc::new(AtomicI64::new(0));
    let placed = seen.clone();
    let sample = closed_loop(CLIENTS, bench.length.duration(), watched, move |client, _| {
        let (connections, tokens, body, placed) =
            (connections.clone(), tokens.clone(), body(client), placed.clone());
        async move {
            let (Some(connection), Some(token)) = (connections.get(client), tokens.get(client)) else {
                bail!("no client {client}");
            };
            let mut connection = connection.lock().await;
            let answer = connection.post(path, token, &body).await?;
            if answer.status != 200 || !answer.says(r#""number":"P"#) || answer.says(r#""message""#) {
                bail!("no order: {} {}", answer.status, String::from_utf8_lossy(answer.body));
            }
            placed.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    })
    .await?;
    if seen.load(Ordering::Relaxed) < i64::try_from(sample.operations)? {
        bail!("more operations than orders");
    }
    Ok(sample)
}

/// Our server on its own data: orders that are never prepared accumulate as in no real pizzeria.
async fn ours(bench: &Bench, spread: Spread, variables: &[(&str, &str)]) -> Result<(Sample, f64)> {
    let ours = Ours::start(bench, spread, variables).await?;
    let measured = ours.measure(bench, spread).await?;
    ours.end().await?;
    Ok(measured)
}

/// The 99th percentile of the slowest read model's lag under orders, in seconds.
pub(crate) async fn lag(bench: &Bench) -> Result<(Sample, f64)> {
    let ours = Ours::start(bench, Spread::Five, &[]).await?;
    let mut connection = ours.database.pool.acquire().await?;
    let mut late = Vec::new();
    let asking = async {
        loop {
            let lags = projections::lag::lags(&mut connection).await?;
            late.push(
                lags.iter().filter(|lag| lag.is_read_model()).map(|lag| lag.seconds).fold(0.0, f64::max),
            );
            tokio::time::sleep(ASKED_EVERY).await;
        }
    };
    let (sample, _) = tokio::select! {
        measured = ours.measure(bench, Spread::Five) => measured?,
        failed = asking => return failed,
    };
    drop(connection);
    ours.end().await?;
    late.sort_by(f64::total_cmp);
    let p99 = late.get(late.len() * 99 / 100).or(late.last()).copied().unwrap_or_default();
    Ok((sample, p99))
}

/// The hand-written handler on its own data.
async fn by_hand(bench: &Bench) -> Result<Sample> {
    let database = bench.cluster.bare_database().await?;
    let each = i64::from(Quantity::MAX_INPUT) * i64::from(SUPPLIES);
    let tokens = by_hand::fill(&database.pool, each, CLIENTS).await?;
    let task = by_hand::Task { database_url: database.url.clone(), connections: CONNECTIONS };
    let mut worker = Worker::start(by_hand::NAME, &task)?;
    let address: String = worker.hear().await?;
    let watched = Watched { process: Some(worker.pid()), postmaster: database.postmaster };
    let body = |client| input(Spread::Five.pizzeria(client));
    let sample = measure(bench, &address, "/orders", &Arc::new(tokens), watched, body).await?;
    worker.end().await?;
    database.remove().await?;
    Ok(sample)
}

/// Rows: five pizzerias beside the hand-written handler, one busy pizzeria beside the five, and the cost of the
/// request log.
pub(crate) async fn rows(bench: &Bench) -> Result<Vec<Row>> {
    // Rows without a target are skipped in a short run.
    let things = bench.length.pick(5, 3);
    let mut taken = in_turn(bench.length.repetitions(), things, async |thing| match thing {
        0 => ours(bench, Spread::Five, &[]).await,
        1 => Ok((by_hand(bench).await?, 0.0)),
        2 => ours(bench, Spread::Hot, &[]).await,
        3 => ours(bench, Spread::Five, &[("RUST_LOG", "warn")]).await,
        _ => ours(bench, Spread::Five, &[("OCPIZZA_MANAGER_DATABASE_CONNECTIONS", "36")]).await,
    })
    .await?
    .into_iter();
    let mut next = || taken.next().unwrap_or_default();
    let (five, by_hand, hot, silent, wide) = (next(), next(), next(), next(), next());
    let samples = |of: &[(Sample, f64)]| of.iter().map(|(sample, _)| sample.clone()).collect::<Vec<_>>();
    let behind = |of: &[(Sample, f64)]| of.iter().map(|(_, behind)| *behind).collect();
    let ours = samples(&five);
    let at_least = |ratio| Some(Target::AtLeast(ratio));
    let mut rows = vec![
        Row::new(
            "place-order-5",
            "`placeOrder` over HTTP and GraphQL, 5 pizzerias, 64 clients, all runners beside it",
            "a handler by hand (axum, sqlx): the same rows and the stock in one transaction, as many connections",
        )
        .with_throughput("orders", &ours, &samples(&by_hand), at_least(1.0))
        .reaching("p99", Target::AtMost(1.0))
        .with(Measure::alone("read models caught up after the last order", Unit::Seconds, behind(&five))),
        Row::new("place-order-hot", "the same at one pizzeria", "5 pizzerias")
            .with_throughput("orders", &samples(&hot), &ours, at_least(0.8)),
    ];
    let beside = [
        ("place-order-silent", "without a line of log a request", "with it, as usual", samples(&silent)),
        ("place-order-wide", "with a pool of 15 connections", "with 7, as usual", samples(&wide)),
    ];
    for (id, work, reference, beside) in beside.into_iter().filter(|(.., beside)| !beside.is_empty()) {
        rows.push(Row::new(id, work, reference).with_throughput("orders", &beside, &ours, None));
    }
    Ok(rows)
}
