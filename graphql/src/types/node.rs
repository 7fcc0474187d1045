//! The interface of entities with a global id.

use async_graphql::Interface;

use super::account::Account;
use super::delivery::Delivery;
use super::event::Event;
use super::menu::{Extra, Ingredient, Pizza, Side};
use super::order::Order;
use super::pizzeria::Pizzeria;
use super::staff::Staff;
use super::stock::Stock;

/// An entity with an id.
#[derive(Debug, Clone, Interface)]
#[graphql(field(name = "id", ty = "async_graphql::ID", desc = "The id, unique in the whole API."))]
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
    /// An extra for a pizza.
    Extra(Extra),
    /// An ingredient.
    Ingredient(Ingredient),
    /// The stock of a pizzeria.
    Stock(Stock),
    /// A member of staff.
    Staff(Staff),
    /// An account.
    Account(Account),
    /// An event of the log.
    Event(Event),
}
