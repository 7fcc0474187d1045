//! Commands on known streams: cached states beside loading before each append.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use bench::load::{Watched, closed_loop};
use bench::{Database, Row, Sample, Target, in_turn};
use domain::StreamId;
use domain::ids::OrderId;
use domain::order::OrderEvent;
use domain::usecase::{Decision, Refusal, States, UseCase};
use event_store::{EventStore, Settings};
use futures_util::StreamExt;
use uuid::Uuid;

use crate::Bench;
use crate::append::command::{self, Events};

const CLIENTS: usize = 64;
/// Initial length of the streams: an order that is out for delivery, with payments.
const LENGTH: usize = 9;

/// One more event of an order, the size of a typical command.
#[derive(Debug)]
struct Add {
    order: OrderId,
    events: Vec<OrderEvent>,
}

impl UseCase for Add {
    fn name(&self) -> &'static str {
        "recordPayment"
    }

    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        vec![StreamId::order(self.order)]
    }

    fn decide(&self, _states: &States<'_>) -> Result<Decision, Refusal> {
        Ok(Decision::on(StreamId::order(self.order), self.events.clone()))
    }
}

pub(crate) async fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let database = bench.cluster.database().await?;
    let orders = Orders::place(&database, bench.length.pick(5_000, 200)).await?;
    let cached = Settings::default();
    // The cache holds one stream, rarely the requested one.
    let uncached = Settings { cached_streams: NonZeroUsize::MIN, ..Settings::default() };
    let samples = in_turn(bench.length.repetitions(), 2, async |thing| {
        let settings = if thing == 0 { &cached } else { &uncached };
        orders.measure(&database, settings.clone(), bench.length.duration()).await
    });
    let samples = samples.await?;
    database.remove().await?;
    let work = format!("commands of one event on streams seen before, {CLIENTS} concurrent");
    Ok(vec![
        Row::new("cache-seen", &work, "with a cache of one stream: loaded before each append")
            .with_throughput("commands", &samples[0], &samples[1], Some(Target::AtLeast(2.0))),
    ])
}

struct Orders {
    ids: Arc<[OrderId]>,
    event: OrderEvent,
}

impl Orders {
    /// Streams of [`LENGTH`] events.
    async fn place(database: &Database, count: usize) -> Result<Self> {
        let events = Events::read()?;
        let [placed, paid, begun] = events.list() else { unreachable!("a command stores three events") };
        let mut history = vec![placed.clone(), paid.clone(), begun.clone()];
        history.resize(LENGTH, paid.clone());
        let ids: Arc<[OrderId]> = (0..count).map(|_| OrderId(Uuid::now_v7())).collect();
        let store = EventStore::start(database.pool.clone(), Settings::default());
        let mut placing = futures_util::stream::iter(ids.iter().copied())
            .map(|order| add(&store, order, history.clone()))
            .buffer_unordered(CLIENTS);
        while let Some(placed) = placing.next().await {
            placed?;
        }
        drop(placing);
        Ok(Self { ids, event: paid.clone() })
    }

    async fn measure(&self, database: &Database, settings: Settings, duration: Duration) -> Result<Sample> {
        let store = EventStore::start(database.pool.clone(), settings);
        // Cached, as in a process that has run for a while.
        let mut seeing = futures_util::stream::iter(self.ids.iter())
            .map(|order| {
                let store = &store;
                async move { store.recall(&StreamId::order(*order)).await }
            })
            .buffer_unordered(16);
        while let Some(seen) = seeing.next().await {
            ensure!(seen?.1 > 0, "an order is not there");
        }
        drop(seeing);
        let (ids, event) = (self.ids.clone(), self.event.clone());
        let watched = Watched { process: None, postmaster: database.postmaster };
        closed_loop(CLIENTS, duration, watched, move |client, number| {
            // Each client uses its own streams in turn.
            let (each, turn) = (ids.len() / CLIENTS, usize::try_from(number).unwrap_or_default());
            let order = ids[client * each + turn % each];
            let (store, events) = (store.clone(), vec![event.clone()]);
            async move { add(&store, order, events).await }
        })
        .await
    }
}

async fn add(store: &EventStore, order: OrderId, events: Vec<OrderEvent>) -> Result<()> {
    let outcome = store.execute(Arc::new(Add { order, events }), command::context()).await?;
    ensure!(outcome.position.is_some(), "a command was refused: {:?}", outcome.refusal);
    Ok(())
}
