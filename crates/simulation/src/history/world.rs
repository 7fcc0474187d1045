//! Streams in memory, and commands executed on them as the event store does, without a database.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::ids::{DeliveryId, OrderId, PizzeriaId, StaffId};
use domain::menu::Menu;
use domain::order::PlacedOrder;
use domain::policies;
use domain::stock::Stock;
use domain::usecase::{Refusal, States, UseCase};
use domain::{AggregateState, LogPosition, StreamId};
use event_store::{CommandContext, Metadata, StoreError};
use projections::Reaction;

use super::SimulateError;
use super::journal::Journal;

/// Times that a command may name further streams.
const MAX_LOADS: usize = 10;

/// A stream's state, and its number of events.
struct Held {
    state: AggregateState,
    version: i64,
}

/// Result of a command.
pub(super) struct Done {
    /// The command's own stream, and its version.
    pub(super) stream: StreamId,
    pub(super) version: i64,
    pub(super) refusal: Option<Refusal>,
    /// Commands of the policies that follow.
    pub(super) reactions: Vec<Reaction>,
}

pub(super) struct World {
    streams: HashMap<StreamId, Held>,
    pub(super) journal: Journal,
}

impl World {
    pub(super) fn new(journal: Journal) -> Self {
        Self { streams: HashMap::new(), journal }
    }

    fn states<'a>(&'a self, streams: &'a [StreamId]) -> States<'a> {
        streams.iter().filter_map(|stream| Some((stream, &self.streams.get(stream)?.state))).collect()
    }

    /// Returns the streams that a command needs, as the event store finds them.
    fn settle(&self, use_case: &dyn UseCase) -> Result<Vec<StreamId>, StoreError> {
        let mut streams = Vec::new();
        for _ in 0..MAX_LOADS {
            let wanted = use_case.streams(&self.states(&streams));
            if wanted == streams {
                return Ok(streams);
            }
            streams = wanted;
        }
        Err(StoreError::Unsettled(use_case.name()))
    }

    /// Executes a command: decides, and writes the events.
    pub(super) fn execute(
        &mut self,
        use_case: &dyn UseCase,
        context: &CommandContext,
        at: DateTime<Utc>,
    ) -> Result<Done, SimulateError> {
        let streams = self.settle(use_case)?;
        let stream = streams.first().cloned().ok_or(StoreError::Unsettled(use_case.name()))?;
        let (events, refusal) = match use_case.decide(&self.states(&streams)) {
            Ok(decision) => (decision.events, decision.refusal),
            Err(refusal) => (Vec::new(), Some(refusal)),
        };
        let mut reactions = Vec::new();
        if !events.is_empty() {
            self.journal.tick(at);
            let metadata = metadata(use_case, context)?;
            for (stream, event) in events {
                let held = self
                    .streams
                    .entry(stream.clone())
                    .or_insert_with(|| Held { state: AggregateState::empty(stream.kind), version: 0 });
                held.state.evolve(&event).map_err(StoreError::from)?;
                held.version += 1;
                let position = self.journal.add(&stream, held.version, &event, &metadata)?;
                for policy in policies::ALL.iter().filter(|policy| policy.follows == stream.kind) {
                    let (at, events) = ((&stream, position), std::slice::from_ref(&event));
                    reactions.extend(projections::reactions(policy, at, events, &context.correlation_id));
                }
            }
            self.journal.send_full()?;
        }
        let version = self.streams.get(&stream).map_or(0, |held| held.version);
        Ok(Done { stream, version, refusal, reactions })
    }

    /// Removes an order and its delivery, to which no further command applies.
    pub(super) fn forget(&mut self, order: OrderId) {
        self.streams.remove(&StreamId::order(order));
        self.streams.remove(&StreamId::delivery(DeliveryId::of(order)));
    }

    pub(super) fn order(&self, order: OrderId) -> Option<&PlacedOrder> {
        match &self.streams.get(&StreamId::order(order))?.state {
            AggregateState::Order(order) => order.placed(),
            _ => None,
        }
    }

    pub(super) fn stock(&self, pizzeria: &PizzeriaId) -> Option<&Stock> {
        match &self.streams.get(&StreamId::stock(pizzeria))?.state {
            AggregateState::Stock(stock) => Some(stock),
            _ => None,
        }
    }

    pub(super) fn menu(&self) -> Option<&Menu> {
        match &self.streams.get(&StreamId::menu())?.state {
            AggregateState::Menu(menu) => Some(menu),
            _ => None,
        }
    }

    /// Returns the number of deliveries that a courier carries.
    pub(super) fn carried(&self, courier: StaffId) -> usize {
        match self.streams.get(&StreamId::staff(courier)).map(|held| &held.state) {
            Some(AggregateState::Staff(staff)) => staff.employed().map_or(0, |person| person.carrying.len()),
            _ => 0,
        }
    }

    /// Returns the stocks, which are long streams, with their versions.
    pub(super) fn into_stocks(self) -> Vec<(StreamId, AggregateState, i64)> {
        let stocks =
            self.streams.into_iter().filter(|(_, held)| matches!(held.state, AggregateState::Stock(_)));
        stocks.map(|(stream, held)| (stream, held.state, held.version)).collect()
    }

    pub(super) fn position(&self) -> LogPosition {
        self.journal.position()
    }
}

/// Returns the metadata as the event store writes it.
fn metadata(use_case: &dyn UseCase, context: &CommandContext) -> Result<String, StoreError> {
    Ok(serde_json::to_string(&Metadata {
        actor: context.actor.id,
        role: context.actor.role,
        command: use_case.name().to_owned(),
        command_id: context.command_id,
        correlation_id: context.correlation_id.clone(),
        causation_id: context.causation,
        class: None,
    })?)
}
