//! The states that a use case decides over. Read-only: a decision never changes them.

use std::sync::LazyLock;

use crate::closing::Closing;
use crate::customer::Customer;
use crate::delivery::Delivery;
use crate::ids::{CustomerId, DeliveryId, OrderId, PizzeriaId, StaffId};
use crate::menu::Menu;
use crate::order::Order;
use crate::pizzeria::Pizzeria;
use crate::staff::Staff;
use crate::stock::Stock;
use crate::stream::{AggregateState, StreamId};

/// States loaded for a use case; a stream that was not loaded reads as empty.
#[derive(Debug, Default)]
pub struct States<'a>(Vec<(&'a StreamId, &'a AggregateState)>);

static NO_ORDER: Order = Order::NotPlaced;
static NO_DELIVERY: Delivery = Delivery::NotScheduled;
static NO_PIZZERIA: Pizzeria = Pizzeria::NotOpened;
static NO_STAFF: Staff = Staff::NotHired;
static NO_CUSTOMER: Customer = Customer::NotRegistered;
static NO_STOCK: LazyLock<Stock> = LazyLock::new(Stock::default);
static NO_CLOSING: LazyLock<Closing> = LazyLock::new(Closing::default);
static NO_MENU: LazyLock<Menu> = LazyLock::new(Menu::default);

impl<'a> FromIterator<(&'a StreamId, &'a AggregateState)> for States<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a StreamId, &'a AggregateState)>>(states: I) -> Self {
        Self(states.into_iter().collect())
    }
}

impl States<'_> {
    fn get(&self, stream: &StreamId) -> Option<&AggregateState> {
        self.0.iter().find(|(id, _)| *id == stream).map(|(_, state)| *state)
    }
}

macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident($($id:ident: $type:ty)?): $state:ident, $empty:ident;)+) => {
        impl States<'_> { $(
            $(#[$doc])*
            pub fn $name(&self $(, $id: $type)?) -> &$state {
                match self.get(&StreamId::$name($($id)?)) {
                    Some(AggregateState::$state(state)) => state,
                    Some(_) | None => &$empty,
                }
            }
        )+ }
    };
}

readers! {
    /// Returns the state of an order.
    order(id: OrderId): Order, NO_ORDER;
    /// Returns a pizzeria's stock.
    stock(pizzeria: &PizzeriaId): Stock, NO_STOCK;
    /// Returns the state of a delivery.
    delivery(id: DeliveryId): Delivery, NO_DELIVERY;
    /// Returns the state of a pizzeria.
    pizzeria(id: &PizzeriaId): Pizzeria, NO_PIZZERIA;
    /// Returns the menu.
    menu(): Menu, NO_MENU;
    /// Returns the state of a member of staff.
    staff(id: StaffId): Staff, NO_STAFF;
    /// Returns the state of a customer's account.
    customer(id: CustomerId): Customer, NO_CUSTOMER;
    /// Returns the state of a pizzeria's closings.
    closing(pizzeria: &PizzeriaId): Closing, NO_CLOSING;
}
