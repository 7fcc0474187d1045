//! Anything with an id.

use async_graphql::Interface;

use super::account::Account;
use super::delivery::Delivery;
use super::event::Event;
use super::menu::{Extra, Ingredient, Pizza, Side};
use super::order::Order;
use super::pizzeria::Pizzeria;
use super::staff::Staff;
use super::stock::Stock;

/// Anything with an id.
#[derive(Debug, Clone, Interface)]
#[graphql(field(name = "id", ty = "async_graphql::ID", desc = "Its id, unique in the whole API."))]
pub enum Node {
    /// An order.
    Order(Order),
    /// A delivery.
    Delivery(Delivery),
    /// A pizzeria.
    Pizzeria(Pizzeria),
    /// A pizza.
    Pizza(Pizza),
    /// A drink or a dessert.
    Side(Side),
    /// Something that can be added to a pizza.
    Extra(Extra),
    /// Something counted in stock.
    Ingredient(Ingredient),
    /// A stock.
    Stock(Stock),
    /// A member of staff.
    Staff(Staff),
    /// The caller's own account.
    Account(Account),
    /// An event.
    Event(Event),
}
