//! The states that a use case decides over.

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

/// The states loaded for a use case; a stream that is not among them reads as empty.
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

    /// An order.
    pub fn order(&self, id: OrderId) -> &Order {
        match self.get(&StreamId::order(id)) {
            Some(AggregateState::Order(order)) => order,
            _ => &NO_ORDER,
        }
    }

    /// A pizzeria's stock.
    pub fn stock(&self, pizzeria: &PizzeriaId) -> &Stock {
        match self.get(&StreamId::stock(pizzeria)) {
            Some(AggregateState::Stock(stock)) => stock,
            _ => &NO_STOCK,
        }
    }

    /// A delivery.
    pub fn delivery(&self, id: DeliveryId) -> &Delivery {
        match self.get(&StreamId::delivery(id)) {
            Some(AggregateState::Delivery(delivery)) => delivery,
            _ => &NO_DELIVERY,
        }
    }

    /// A pizzeria.
    pub fn pizzeria(&self, id: &PizzeriaId) -> &Pizzeria {
        match self.get(&StreamId::pizzeria(id)) {
            Some(AggregateState::Pizzeria(pizzeria)) => pizzeria,
            _ => &NO_PIZZERIA,
        }
    }

    /// The menu.
    pub fn menu(&self) -> &Menu {
        match self.get(&StreamId::menu()) {
            Some(AggregateState::Menu(menu)) => menu,
            _ => &NO_MENU,
        }
    }

    /// A member of staff.
    pub fn staff(&self, id: StaffId) -> &Staff {
        match self.get(&StreamId::staff(id)) {
            Some(AggregateState::Staff(staff)) => staff,
            _ => &NO_STAFF,
        }
    }

    /// A customer's account.
    pub fn customer(&self, id: CustomerId) -> &Customer {
        match self.get(&StreamId::customer(id)) {
            Some(AggregateState::Customer(customer)) => customer,
            _ => &NO_CUSTOMER,
        }
    }

    /// A pizzeria's closings.
    pub fn closing(&self, pizzeria: &PizzeriaId) -> &Closing {
        match self.get(&StreamId::closing(pizzeria)) {
            Some(AggregateState::Closing(closing)) => closing,
            _ => &NO_CLOSING,
        }
    }
}
