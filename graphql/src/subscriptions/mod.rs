//! The subscription root, merged from one small struct per entity. Each follows the log and folds the
//! domain's states, so that events are shown in order and exactly once.

mod delivery;
mod event;
mod fold;
mod follow;
mod kitchen;
mod maintenance;
mod order;
mod stock;

use async_graphql::MergedSubscription;
use domain::ids::PizzeriaId;
use domain::pizzeria::Pizzeria;
use domain::{AggregateState, StreamId};

pub use delivery::DeliveryUpdate;
pub use event::EventUpdate;
pub use kitchen::KitchenQueueUpdate;
pub use maintenance::MaintenanceUpdate;
pub use order::OrderUpdate;
pub use stock::{StockChange, StockUpdate};

use crate::context::Services;
use crate::error::ApiError;

/// The subscription root.
#[derive(Debug, Default, MergedSubscription)]
pub struct Subscription(
    order::OrderSubscription,
    kitchen::KitchenSubscription,
    stock::StockSubscription,
    delivery::DeliverySubscription,
    event::EventSubscription,
    maintenance::MaintenanceSubscription,
);

/// Checks that a pizzeria has opened; another one would never have events.
async fn opened(services: &Services, pizzeria: &PizzeriaId) -> Result<(), ApiError> {
    match services.store.load(&StreamId::pizzeria(pizzeria)).await? {
        (AggregateState::Pizzeria(Pizzeria::Opened(_)), _) => Ok(()),
        _ => Err(ApiError::NotFound("pizzeria")),
    }
}
