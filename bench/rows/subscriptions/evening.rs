//! An evening in the log: ready orders that are paid and handed over while others are placed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bench::Database;
use domain::access::{Actor, Role};
use domain::ids::{CustomerId, OrderId, PizzeriaId};
use domain::menu::PizzaSize;
use domain::money::Cents;
use domain::order::{Fulfilment, OrderChannel, OrderCommand, PaymentIntent, PaymentMethod};
use domain::usecase::{Basket, BasketLine, PlaceOrder, StartPreparation, ToOrder, UseCase};
use domain::{AggregateState, demo_data};
use event_store::{CommandContext, CommandResult, EventStore, Settings};
use futures_util::{StreamExt, TryStreamExt, stream};
use identity::accounts::session::{self, Issuer};
use identity::accounts::{Account, ServerKey};
use identity::clock::Clock;
use simulation::demo;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::place_order;

/// Concurrent commands while the evening is created.
const CONCURRENT_COMMANDS: usize = 64;

/// A ready order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ready {
    pub(super) id: OrderId,
    total: Cents,
}

/// A database with an evening.
pub(super) struct Evening {
    store: EventStore,
    key: ServerKey,
    clock: Clock,
    accounts: Vec<Account>,
    pizzerias: Vec<PizzeriaId>,
    /// Orders, each followed by at most one customer.
    pub(super) orders: Vec<Ready>,
    /// Number of handed over orders.
    over: usize,
}

impl Evening {
    /// The demo's accounts, menu and pizzerias, and the orders.
    pub(super) async fn make(database: &Database, orders: usize) -> Result<Self> {
        let clock = Clock::system();
        let store = EventStore::start(database.pool.clone(), Settings::default());
        demo::seed(&store, clock.now()).await?;
        place_order::supply(&store, &clock, 1).await?;
        let pizzerias: Vec<_> = demo_data::pizzerias().into_iter().map(|opening| opening.pizzeria).collect();
        let key = ServerKey::or_development(None, &database.pool).await?;
        let accounts = demo::accounts();
        let mut this = Self { store, key, clock, accounts, pizzerias, orders: Vec::new(), over: 0 };
        let made =
            stream::iter(0..orders).map(|number| this.made_ready(number)).buffered(CONCURRENT_COMMANDS);
        let made = made.try_collect().await?;
        this.orders = made;
        Ok(this)
    }

    /// A session of the account with this local part.
    pub(super) async fn token(&self, name: &str) -> Result<Arc<str>> {
        let mut accounts = self.accounts.iter();
        let named = |account: &&Account| account.email.split('@').next() == Some(name);
        let account = accounts.find(named).with_context(|| format!("no account {name}"))?;
        let now = self.clock.now();
        let opened = session::open(self.store.pool(), &self.key, account.id, Issuer::Operator, now).await?;
        Ok(opened.0.into())
    }

    /// The points of sale.
    pub(super) fn pizzerias(&self) -> &[PizzeriaId] {
        &self.pizzerias
    }

    /// The customer of the order with this number.
    pub(super) fn customer_of(number: usize) -> String {
        format!("customer{}", number % 5 + 1)
    }

    async fn ask(&self, use_case: impl UseCase + 'static) -> Result<CommandResult> {
        let context = CommandContext::new(Actor::system(), Uuid::now_v7(), "bench");
        let outcome = self.store.execute(Arc::new(use_case), context).await?;
        match &outcome.refusal {
            None => Ok(outcome),
            Some(refusal) => bail!("refused: {refusal:?}"),
        }
    }

    async fn placed(&self, number: usize) -> Result<Ready> {
        let order = OrderId(Uuid::now_v7());
        let line = BasketLine {
            item: "MAR".parse()?,
            size: Some(PizzaSize::M),
            quantity: 2,
            extras: Vec::new(),
            without: Vec::new(),
        };
        let name = Self::customer_of(number);
        let mut customers = self.accounts.iter().filter(|account| account.role == Role::Customer);
        let customer = customers.find(|account| account.email.starts_with(&name));
        let place = PlaceOrder {
            order,
            pizzeria: self.pizzerias[number % self.pizzerias.len()].clone(),
            basket: Basket { fulfilment: Fulfilment::Takeaway, lines: vec![line], place: None },
            channel: OrderChannel::Web,
            customer: customer.map(|account| CustomerId(account.id)),
            contact: None,
            payment: PaymentIntent::AtCounter,
            expected_total: None,
            conditions: domain::usecase::Conditions::default(),
            now: self.clock.now(),
        };
        let outcome = self.ask(place).await?;
        let AggregateState::Order(state) = &*outcome.state else { bail!("no order") };
        let total = state.placed().context("it was not placed")?.pricing.total;
        Ok(Ready { id: order, total })
    }

    async fn made_ready(&self, number: usize) -> Result<Ready> {
        let ready = self.placed(number).await?;
        self.ask(StartPreparation { by: None, order: ready.id, now: self.clock.now() }).await?;
        let command = OrderCommand::MarkReady { now: self.clock.now() };
        self.ask(ToOrder { name: "markOrderReady", order: ready.id, command }).await?;
        Ok(ready)
    }

    async fn paid(&self, ready: Ready) -> Result<CommandResult> {
        let command = OrderCommand::RecordPayment {
            method: PaymentMethod::Card,
            amount: ready.total,
            now: self.clock.now(),
        };
        self.ask(ToOrder { name: "recordPayment", order: ready.id, command }).await
    }

    async fn handed_over(&self, ready: Ready) -> Result<CommandResult> {
        let command = OrderCommand::HandOver { now: self.clock.now() };
        self.ask(ToOrder { name: "handOverOrder", order: ready.id, command }).await
    }

    /// Continues the evening for a while: every 50 ms an order is placed and prepared, and two ready ones are paid
    /// and handed over; 7 commands and 9 events. Returns the log's position before it.
    pub(super) async fn go_on(&mut self, duration: Duration) -> Result<i64> {
        let before = self.store.last_stored().0;
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ends = Instant::now() + duration;
        while Instant::now() < ends {
            tick.tick().await;
            let [first, second] = [self.over, self.over + 1].map(|at| self.orders.get(at).copied());
            let (first, second) = first.zip(second).context("every order was handed over")?;
            self.over += 2;
            let hand_over = async |ready| {
                self.paid(ready).await?;
                self.handed_over(ready).await
            };
            tokio::try_join!(self.made_ready(self.over), hand_over(first), hand_over(second))?;
        }
        Ok(before)
    }
}
