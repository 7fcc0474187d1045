//! Operations on a log, one by one, as the program executes them.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bench::Database;
use chrono::{DateTime, Utc};
use domain::access::Actor;
use domain::ids::{OrderId, PizzeriaId};
use domain::ingredients::{Ingredients, Quantity};
use domain::order::{Fulfilment, OrderChannel, OrderEvent, OrderStatus, PaymentIntent};
use domain::pizzeria::PizzeriaCommand;
use domain::stock::StockCommand;
use domain::usecase::{
    Basket, BasketLine, Decision, PlaceOrder, Refusal, States, ToPizzeria, ToStock, UseCase,
};
use domain::{LogPosition, StreamId};
use event_store::{CommandContext, CommandResult, EventStore, Follower, Settings};
use futures_util::{StreamExt, TryStreamExt};
use projections::order_details::{self, OrderFilter, OrderSort};
use projections::page::PageArgs;
use uuid::Uuid;

/// Events of a stock after its snapshot: half of the interval.
const BEHIND_SNAPSHOT: u32 = 100;
/// Distance from the head of a resumed subscription.
const MISSED: i64 = 300;
/// Orders per page.
const PAGE: i32 = 20;

/// Measured operations.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    Append,
    PlaceOrder,
    Load,
    Page,
    DeepPage,
    OpenPage,
    Resume,
}

impl Work {
    pub(super) const ALL: &[Self] = &[
        Self::Append,
        Self::PlaceOrder,
        Self::Load,
        Self::Page,
        Self::DeepPage,
        Self::OpenPage,
        Self::Resume,
    ];

    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Append => "growth-append",
            Self::PlaceOrder => "growth-place-order",
            Self::Load => "growth-load",
            Self::Page => "growth-page",
            Self::DeepPage => "growth-page-deep",
            Self::OpenPage => "growth-page-open",
            Self::Resume => "growth-resume",
        }
    }

    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Append => "append of three events to a fresh stream, one client",
            Self::PlaceOrder => "`placeOrder` over one stock, one client",
            Self::Load => "load of a stock: its snapshot and 100 events",
            Self::Page => "the 20 newest orders with their deliveries",
            Self::DeepPage => "20 orders with their deliveries, from a cursor in the middle of history",
            Self::OpenPage => "the newest orders that are being prepared",
            Self::Resume => "resume of a subscription 300 events before the head",
        }
    }

    pub(super) fn short(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::PlaceOrder => "placeOrder",
            Self::Load => "load",
            Self::Page => "page",
            Self::DeepPage => "deep page",
            Self::OpenPage => "open orders",
            Self::Resume => "resume",
        }
    }
}

/// Three events of a new order without a decision: the cost of appending alone.
#[derive(Debug)]
struct ThreeEvents(OrderId, Arc<Vec<OrderEvent>>);

impl UseCase for ThreeEvents {
    fn name(&self) -> &'static str {
        "threeEvents"
    }

    fn streams(&self, _: &States<'_>) -> Vec<StreamId> {
        vec![StreamId::order(self.0)]
    }

    fn begins(&self) -> Option<StreamId> {
        Some(StreamId::order(self.0))
    }

    fn decide(&self, _: &States<'_>) -> Result<Decision, Refusal> {
        Ok(Decision::on(StreamId::order(self.0), (*self.1).clone()))
    }
}

const THREE: [&str; 3] = [
    include_str!("../../../domain/fixtures/events/OrderPlaced-2.0.0.json"),
    include_str!("../../../domain/fixtures/events/PaymentCaptured-1.0.0.json"),
    include_str!("../../../domain/fixtures/events/PreparationStarted-1.0.0.json"),
];

/// A log and the state of a process that serves it.
pub(super) struct Subject {
    database: Database,
    store: EventStore,
    follower: Follower,
    three: Arc<Vec<OrderEvent>>,
    /// Pizzeria of new orders.
    busy: PizzeriaId,
    /// Pizzeria whose stock is loaded.
    loaded: StreamId,
    /// A cursor in the middle of the orders.
    middle: String,
    /// Time of the last event.
    now: DateTime<Utc>,
}

impl Subject {
    pub(super) async fn new(database: Database) -> Result<Self> {
        let pool = database.pool.clone();
        let now = sqlx::query_scalar("SELECT recorded_at FROM event_log_head").fetch_one(&pool).await?;
        let middle = "SELECT placed_at FROM order_details ORDER BY placed_at \
                      OFFSET (SELECT count(*) / 2 FROM order_details) LIMIT 1";
        let middle: DateTime<Utc> = sqlx::query_scalar(middle).fetch_one(&pool).await?;
        let filter = OrderFilter { placed_to: Some(middle), ..OrderFilter::default() };
        let args = PageArgs::new(Some(1), None, None, None)?;
        let page = order_details::page(&pool, &filter, OrderSort::PlacedAtDesc, &args).await?;
        let middle = page.items.into_iter().next().context("there are orders")?.cursor;
        let (busy, loaded) = ("P1".parse()?, "P2".parse()?);
        let this = Self {
            store: EventStore::start(pool.clone(), Settings::default()),
            follower: Follower::start(pool, &[]).await?,
            three: Arc::new(THREE.iter().map(|text| serde_json::from_str(text)).collect::<Result<_, _>>()?),
            loaded: StreamId::stock(&loaded),
            busy,
            middle,
            now,
            database,
        };
        this.prepare(&loaded).await?;
        Ok(this)
    }

    /// Enough stock at one pizzeria, and events after the snapshot at the other.
    async fn prepare(&self, loaded: &PizzeriaId) -> Result<()> {
        let now = self.now;
        // Refused if it was not paused.
        let command = PizzeriaCommand::Resume { now };
        self.tell(ToPizzeria { name: "resumePizzeria", pizzeria: self.busy.clone(), command }).await?;
        let water = "WATER".parse()?;
        let mut lines = Ingredients::new();
        lines.add(&water, Quantity(1_000_000));
        let (supplier, delivery_note) = ("Source".into(), "growth".to_owned());
        let command = StockCommand::Receive { supplier, delivery_note, lines, now };
        self.tell(ToStock { name: "receiveSupply", pizzeria: self.busy.clone(), command }).await?;
        for threshold in 1..=BEHIND_SNAPSHOT {
            let command =
                StockCommand::SetThreshold { ingredient: water.clone(), threshold: Quantity(threshold), now };
            let name = "setStockThreshold";
            self.tell(ToStock { name, pizzeria: loaded.clone(), command }).await?;
        }
        Ok(())
    }

    async fn tell(&self, use_case: impl UseCase + 'static) -> Result<CommandResult> {
        let context = CommandContext::new(Actor::system(), Uuid::now_v7(), "bench");
        Ok(self.store.execute(Arc::new(use_case), context).await?)
    }

    pub(super) async fn carry_out(&self, work: Work) -> Result<()> {
        match work {
            Work::Append => {
                self.tell(ThreeEvents(OrderId(Uuid::now_v7()), self.three.clone())).await?;
            }
            Work::PlaceOrder => self.place().await?,
            Work::Load => {
                self.store.load(&self.loaded).await?;
            }
            Work::Page => self.page(OrderFilter::default(), None).await?,
            Work::DeepPage => self.page(OrderFilter::default(), Some(&self.middle)).await?,
            Work::OpenPage => {
                let statuses = vec![OrderStatus::InPreparation];
                self.page(OrderFilter { statuses, ..OrderFilter::default() }, None).await?;
            }
            Work::Resume => {
                let after = LogPosition(self.follower.head().borrow().0 - MISSED);
                let missed = self.follower.entries_after(after).take(usize::try_from(MISSED)?);
                let entries: Vec<_> = missed.try_collect().await?;
                std::hint::black_box(entries);
            }
        }
        Ok(())
    }

    async fn place(&self) -> Result<()> {
        let line = BasketLine {
            item: "WATER".parse()?,
            size: None,
            quantity: 1,
            extras: Vec::new(),
            without: Vec::new(),
        };
        let basket = Basket { fulfilment: Fulfilment::Takeaway, lines: vec![line], place: None };
        let outcome = self
            .tell(PlaceOrder {
                order: OrderId(Uuid::now_v7()),
                pizzeria: self.busy.clone(),
                basket,
                channel: OrderChannel::Counter,
                customer: None,
                contact: None,
                payment: PaymentIntent::AtCounter,
                expected_total: None,
                conditions: domain::usecase::Conditions::default(),
                now: self.now,
            })
            .await?;
        match outcome.refusal {
            Some(refusal) => bail!("an order was refused: {refusal:?}"),
            None => Ok(()),
        }
    }

    /// The API's query for orders with their deliveries.
    async fn page(&self, filter: OrderFilter, after: Option<&str>) -> Result<()> {
        let pool = &self.database.pool;
        let args = PageArgs::new(Some(PAGE), after, None, None)?;
        let page = order_details::page(pool, &filter, OrderSort::PlacedAtDesc, &args).await?;
        let orders: Vec<OrderId> = page.items.iter().map(|item| item.node.order.id).collect();
        std::hint::black_box(projections::deliveries::by_orders(pool, &orders).await?);
        Ok(())
    }

    /// Removes the database.
    pub(super) async fn remove(self) -> Result<()> {
        drop((self.store, self.follower));
        self.database.remove().await
    }
}
