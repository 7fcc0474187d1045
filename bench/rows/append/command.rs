//! The appended command: an order placed at the counter, paid and started at once. Three events of real sizes.

use std::sync::Arc;

use anyhow::{Result, ensure};
use domain::access::Actor;
use domain::ids::OrderId;
use domain::order::OrderEvent;
use domain::usecase::{Decision, Refusal, States, UseCase};
use domain::{LogPosition, StreamId};
use event_store::{CommandContext, EventStore};
use uuid::Uuid;

/// Name of the command, which reads and writes one order.
pub(crate) const NAME: &str = "placeOrder";

/// The stored events.
const STORED: [&str; 3] = [
    include_str!("../../../domain/fixtures/events/OrderPlaced-2.0.0.json"),
    include_str!("../../../domain/fixtures/events/PaymentCaptured-1.0.0.json"),
    include_str!("../../../domain/fixtures/events/PreparationStarted-1.0.0.json"),
];

/// Events of each command.
#[derive(Debug, Clone)]
pub(crate) struct Events(Arc<[OrderEvent]>);

impl Events {
    pub(crate) fn read() -> Result<Self> {
        let read: Result<Vec<OrderEvent>, _> = STORED.iter().map(|text| serde_json::from_str(text)).collect();
        Ok(Self(read?.into()))
    }

    /// Deserialises each once.
    pub(crate) fn list(&self) -> &[OrderEvent] {
        &self.0
    }
}

/// Stores them on a new stream.
#[derive(Debug)]
struct Place {
    order: OrderId,
    events: Events,
}

impl UseCase for Place {
    fn name(&self) -> &'static str {
        NAME
    }

    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        vec![StreamId::order(self.order)]
    }

    fn begins(&self) -> Option<StreamId> {
        Some(StreamId::order(self.order))
    }

    fn decide(&self, _states: &States<'_>) -> Result<Decision, Refusal> {
        Ok(Decision::on(StreamId::order(self.order), self.events.list().to_vec()))
    }
}

/// Executes one command, as a mutation does, without an idempotency key.
pub(crate) async fn execute(store: &EventStore, events: &Events) -> Result<LogPosition> {
    let place = Place { order: OrderId(Uuid::now_v7()), events: events.clone() };
    let outcome = store.execute(Arc::new(place), context()).await?;
    ensure!(outcome.version == 3, "a stream that was new is at version {}", outcome.version);
    Ok(outcome.position.unwrap_or(LogPosition::START))
}

/// Metadata as of a request.
pub(crate) fn context() -> CommandContext {
    CommandContext::new(Actor::system(), Uuid::now_v7(), Uuid::now_v7().to_string())
}
