//! Subscriptions: latency from commit to client, and memory per subscriber, with real sockets to a real process on
//! this machine.

mod evening;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bench::binary::Serving;
use bench::load::Latencies;
use bench::postgres::note;
use bench::websocket::{Received, Subscriber, Subscription};
use bench::{Database, Length, Measure, Row, Target, Unit, cpu};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use self::evening::Evening;
use crate::Bench;

/// The example documents of the API.
const OPERATIONS: &str = include_str!("../../crates/http/operations/subscriptions.graphql");
/// Sockets opened concurrently.
const CONCURRENT_CONNECTS: usize = 64;
/// Sessions of each customer shared by sockets.
const SESSIONS: usize = 20;
/// Kitchen screens in a hundred subscribers; as many follow stocks, the rest are customers.
const SCREENS_OF_100: usize = 1;
/// Silence after which no item is expected.
const QUIET: Duration = Duration::from_millis(1_500);
/// Memory targets per idle subscriber, and for ten thousand.
const IDLE_BYTES: f64 = 20_000.0;
const IDLE_IN_ALL: f64 = 350e6;

pub(crate) async fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let few = bench.length.pick(1_000, 20);
    let many = bench.length.pick(10_000, 60);
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;

    let database = bench.cluster.database().await?;
    // At least as many as are handed over during the measurement.
    let mut evening = Evening::make(&database, many.max(200)).await?;
    let (at_few, at_many, idle) = own_orders(bench.length, &database, &mut evening, few, many).await?;
    let broadcast = broadcast(bench.length, &database, &mut evening, few).await?;
    drop(evening);
    database.remove().await?;
    Ok(vec![at_few, at_many, broadcast, idle])
}

/// Rows for sockets that mostly follow their own order: few, many, and the memory of the many.
async fn own_orders(
    length: Length,
    database: &Database,
    evening: &mut Evening,
    few: usize,
    many: usize,
) -> Result<(Row, Row, Row)> {
    let serving = Serving::start(&database.url, &[]).await?;
    let audience = Audience::of(evening).await?;
    // Memory that the process keeps after serving its first client is not counted.
    drop(audience.join(&serving, evening, 0..few.min(100)).await?);
    tokio::time::sleep(length.pick(Duration::from_secs(1), Duration::ZERO)).await;
    let resident = || cpu::resident_bytes(serving.pid()).context("the process has ended");
    let empty = resident()?;

    let mut subscribers = audience.join(&serving, evening, 0..few).await?;
    let at_few = measured(length, &serving, database, evening, &subscribers).await?;
    subscribers.extend(audience.join(&serving, evening, few..many).await?);
    // Every socket was pinged and its session checked again.
    tokio::time::sleep(length.pick(Duration::from_secs(22), Duration::ZERO)).await;
    let full = resident()?;
    let at_many = measured(length, &serving, database, evening, &subscribers).await?;
    if let Some(gone) = subscribers.iter().position(|subscriber| !subscriber.is_open()) {
        bail!("subscriber {gone} was disconnected");
    }
    serving.end().await?;

    let title =
        |count: &str| format!("an event to those of {count} WebSockets whom it concerns, from its commit on");
    let few = at_few.row("subscriptions-1000", &title("1,000"));
    let many_row = at_many.row("subscriptions-10000", &title("10,000"));
    #[allow(clippy::cast_precision_loss)] // far below 2^52
    let (each, all) = (full.saturating_sub(empty) as f64 / many as f64, full as f64);
    let idle = Row::new("subscriptions-idle", "10,000 subscribers while nothing happens", "")
        .with(Measure::alone("each", Unit::Bytes, vec![each]).to_reach(Target::AtMost(IDLE_BYTES)))
        .with(Measure::alone("the process", Unit::Bytes, vec![all]).to_reach(Target::AtMost(IDLE_IN_ALL)));
    Ok((few, many_row, idle))
}

/// The row of sockets that follow everything.
async fn broadcast(length: Length, database: &Database, evening: &mut Evening, count: usize) -> Result<Row> {
    let serving = Serving::start(&database.url, &[]).await?;
    let (query, variables) = (operation("EventAppended")?, json!({}));
    let everything = Subscription { token: evening.token("director").await?, query, variables };
    let joining = (0..count).map(|_| Subscriber::start(&serving.address, &everything, false));
    let subscribers: Vec<_> = stream::iter(joining).buffered(CONCURRENT_CONNECTS).try_collect().await?;
    // They have no first item: waits until they follow.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let measured = measured(length, &serving, database, evening, &subscribers).await?;
    serving.end().await?;
    Ok(measured.row("subscriptions-broadcast", "every event to each of 1,000 WebSockets, from its commit on"))
}

/// The subscribers.
struct Audience {
    customers: Vec<Arc<str>>,
    manager: Arc<str>,
    order: Arc<str>,
    kitchen: Arc<str>,
    stock: Arc<str>,
}

impl Audience {
    async fn of(evening: &Evening) -> Result<Self> {
        let mut customers = Vec::new();
        for number in 0..SESSIONS * 5 {
            customers.push(evening.token(&Evening::customer_of(number)).await?);
        }
        Ok(Self {
            customers,
            manager: evening.token("director").await?,
            order: operation("OrderChanged")?,
            kitchen: operation("KitchenQueueChanged")?,
            stock: operation("StockChanged")?,
        })
    }

    /// Connects the subscribers of these numbers; each has received the current state.
    async fn join(
        &self,
        serving: &Serving,
        evening: &Evening,
        numbers: std::ops::Range<usize>,
    ) -> Result<Vec<Subscriber>> {
        let joining = numbers.map(async |number| {
            let subscription = self.subscription(evening, number);
            Subscriber::start(&serving.address, &subscription, true).await
        });
        stream::iter(joining).buffered(CONCURRENT_CONNECTS).try_collect().await
    }

    fn subscription(&self, evening: &Evening, number: usize) -> Subscription {
        let pizzerias = evening.pizzerias();
        let of_pizzeria = |query: &Arc<str>| Subscription {
            token: self.manager.clone(),
            query: query.clone(),
            variables: json!({ "pizzeriaId": pizzerias[number / 100 % pizzerias.len()].as_str() }),
        };
        match number % 100 {
            rank if rank < SCREENS_OF_100 => of_pizzeria(&self.kitchen),
            rank if rank < 2 * SCREENS_OF_100 => of_pizzeria(&self.stock),
            _ => Subscription {
                // The order's customer.
                token: self.customers[number % self.customers.len()].clone(),
                query: self.order.clone(),
                variables: json!({ "id": evening.orders[number].id.to_string() }),
            },
        }
    }
}

/// An operation of the documents.
fn operation(name: &str) -> Result<Arc<str>> {
    let begins = OPERATIONS.find(&format!("subscription {name}(")).with_context(|| format!("no {name}"))?;
    let rest = &OPERATIONS[begins..];
    let ends = rest.find("\n}\n").context("an operation ends")?;
    Ok(rest[..ends + 2].into())
}

/// Results of the repetitions.
#[derive(Default)]
struct Measured {
    latencies: Vec<Latencies>,
    /// Events a second.
    events: Vec<f64>,
    /// CPU microseconds of the process an event.
    process: Vec<f64>,
}

impl Measured {
    fn row(&self, id: &str, work: &str) -> Row {
        let quantile = |share| self.latencies.iter().map(|of| of.quantile_millis(share)).collect();
        #[allow(clippy::cast_precision_loss)] // far below 2^52
        let items = self.latencies.iter().map(|of| of.count() as f64).collect();
        Row::new(id, work, "")
            .with(Measure::alone("p50", Unit::Milliseconds, quantile(0.5)))
            .with(Measure::alone("p99", Unit::Milliseconds, quantile(0.99)))
            .with(Measure::alone("events", Unit::PerSecond, self.events.clone()))
            .with(Measure::alone("items received", Unit::Count, items))
            .with(Measure::alone("CPU of the process an event", Unit::CpuMicros, self.process.clone()))
    }
}

/// Continues the evening several times and measures when its events reach the subscribers.
async fn measured(
    length: Length,
    serving: &Serving,
    database: &Database,
    evening: &mut Evening,
    subscribers: &[Subscriber],
) -> Result<Measured> {
    let mut measured = Measured::default();
    evening.go_on(length.duration() / 4).await?;
    for _ in 0..length.repetitions() {
        arrived(subscribers).await;
        let cpu = cpu::of(serving.pid());
        let before = evening.go_on(length.duration()).await?;
        let received = arrived(subscribers).await;
        let cpu = cpu::of(serving.pid()) - cpu;
        let committed = committed(database, before).await?;
        let mut latencies = Latencies::default();
        for item in received {
            let Some(at) = committed.get(&item.position) else { continue };
            let micros = item.at_micros - at.timestamp_micros();
            latencies.add(Duration::from_micros(u64::try_from(micros).unwrap_or_default()));
        }
        if latencies.count() == 0 {
            bail!("no item arrived");
        }
        #[allow(clippy::cast_precision_loss)] // far below 2^52
        let events = committed.len() as f64;
        note(&format!("  {} items of {events} events", latencies.count()));
        measured.latencies.push(latencies);
        measured.events.push(events / length.duration().as_secs_f64());
        measured.process.push(cpu * 1e6 / events);
    }
    Ok(measured)
}

/// Collects items until none arrives for a while.
async fn arrived(subscribers: &[Subscriber]) -> Vec<Received> {
    let mut received = Vec::new();
    loop {
        tokio::time::sleep(QUIET).await;
        let before = received.len();
        received.extend(subscribers.iter().flat_map(Subscriber::take));
        if received.len() == before {
            return received;
        }
    }
}

/// Commit times of the events after a position: the database's clock just before the commit, on the same machine.
async fn committed(database: &Database, after: i64) -> Result<HashMap<i64, DateTime<Utc>>> {
    let sql = "SELECT position, recorded_at FROM events WHERE position > $1";
    let rows: Vec<(i64, DateTime<Utc>)> = sqlx::query_as(sql).bind(after).fetch_all(&database.pool).await?;
    Ok(rows.into_iter().collect())
}
