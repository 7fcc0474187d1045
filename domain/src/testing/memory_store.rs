//! Event store in memory, for tests: runs use cases as the event store does, over the demo's pizzerias, menu
//! and stocks. A use case sees only the streams that it names.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::demo_data;
use crate::event::Event;
use crate::ids::{OrderId, PizzeriaId};
use crate::menu::{Menu, MenuCommand};
use crate::order::{Order, PlacedOrder};
use crate::pizzeria::{OpenedPizzeria, PizzeriaCommand};
use crate::stock::{self, Stock, StockCommand};
use crate::stream::{AggregateState, StreamId};
use crate::usecase::{Decision, Refusal, States, ToMenu, ToPizzeria, UseCase};

/// Number of calls within which a use case must settle on its streams.
const ROUNDS: usize = 4;

/// Every stream, and every event in the order of the log.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    states: BTreeMap<StreamId, AggregateState>,
    log: Vec<(StreamId, Event)>,
}

impl MemoryStore {
    /// Returns a Monday evening in March, 19:00 in Paris.
    pub(crate) fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(1_772_474_400)
    }

    /// Returns the demo's five open pizzerias, with menu and opening stock.
    pub(crate) fn demo() -> Self {
        let (mut store, now) = (Self::default(), Self::now());
        let command = MenuCommand::Publish { changes: Box::new(demo_data::menu()), now };
        store.execute(&ToMenu { command }).unwrap();
        for opening in demo_data::pizzerias() {
            let pizzeria = opening.pizzeria.clone();
            let command = PizzeriaCommand::Open { opening: Box::new(opening), now };
            store.execute(&ToPizzeria { name: "openPizzeria", pizzeria: pizzeria.clone(), command }).unwrap();
            let lines = demo_data::opening_stock(&pizzeria);
            store.stocked(
                &pizzeria,
                StockCommand::Receive { supplier: "Demo".into(), delivery_note: "1".into(), lines, now },
            );
        }
        store
    }

    /// Runs a use case and stores what it decides.
    pub(crate) fn execute(&mut self, use_case: &dyn UseCase) -> Result<Decision, Refusal> {
        let mut loaded: Vec<(StreamId, AggregateState)> = Vec::new();
        for _ in 0..ROUNDS {
            let wanted = use_case.streams(&view(&loaded));
            if wanted.iter().all(|stream| loaded.iter().any(|(id, _)| id == stream)) {
                break;
            }
            loaded = wanted.into_iter().map(|stream| (stream.clone(), self.state(&stream))).collect();
        }
        let decision = use_case.decide(&view(&loaded))?;
        for (stream, event) in &decision.events {
            assert!(loaded.iter().any(|(id, _)| id == stream), "{stream} was not named by {use_case:?}");
            self.append(stream, event.clone());
        }
        Ok(decision)
    }

    /// Runs a command to a stock, which must be accepted.
    #[track_caller]
    pub(crate) fn stocked(&mut self, pizzeria: &PizzeriaId, command: StockCommand) {
        for event in stock::decide(&self.stock(pizzeria), command).unwrap() {
            self.append(&StreamId::stock(pizzeria), event.into());
        }
    }

    /// Stores an event without a decision.
    pub(crate) fn append(&mut self, stream: &StreamId, event: Event) {
        let mut state = self.state(stream);
        state.evolve(&event).unwrap();
        self.states.insert(stream.clone(), state);
        self.log.push((stream.clone(), event));
    }

    /// Sets a state that today's rules do not reach.
    pub(crate) fn replace(&mut self, stream: &StreamId, state: AggregateState) {
        self.states.insert(stream.clone(), state);
    }

    /// Returns every event in the order of the log.
    pub(crate) fn log(&self) -> &[(StreamId, Event)] {
        &self.log
    }

    /// Returns the state of a stream.
    pub(crate) fn state(&self, stream: &StreamId) -> AggregateState {
        self.states.get(stream).cloned().unwrap_or_else(|| AggregateState::empty(stream.kind))
    }

    /// A pizzeria's stock.
    pub(crate) fn stock(&self, pizzeria: &PizzeriaId) -> Stock {
        match self.state(&StreamId::stock(pizzeria)) {
            AggregateState::Stock(stock) => stock,
            other => panic!("{other:?}"),
        }
    }

    /// The menu.
    pub(crate) fn menu(&self) -> Menu {
        match self.state(&StreamId::menu()) {
            AggregateState::Menu(menu) => menu,
            other => panic!("{other:?}"),
        }
    }

    /// Returns a pizzeria, which must have opened.
    pub(crate) fn pizzeria(&self, id: &PizzeriaId) -> OpenedPizzeria {
        match self.state(&StreamId::pizzeria(id)) {
            AggregateState::Pizzeria(pizzeria) => pizzeria.opened().unwrap().clone(),
            other => panic!("{other:?}"),
        }
    }

    /// An order.
    pub(crate) fn order(&self, id: OrderId) -> Order {
        match self.state(&StreamId::order(id)) {
            AggregateState::Order(order) => order,
            other => panic!("{other:?}"),
        }
    }

    /// Returns an order, which must have been accepted.
    #[track_caller]
    pub(crate) fn placed(&self, id: OrderId) -> PlacedOrder {
        self.order(id).placed().unwrap().clone()
    }
}

fn view(loaded: &[(StreamId, AggregateState)]) -> States<'_> {
    loaded.iter().map(|(id, state)| (id, state)).collect()
}
