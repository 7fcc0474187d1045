//! Parses inputs at the edge into the domain's types. A value that cannot be used is a problem with its path;
//! all problems of an input are reported together ([`Problems`]). The domain decides whether the input makes
//! sense.

mod order;
mod path;
mod phone;
mod problem;
mod problems;
#[cfg(test)]
mod tests;

use async_graphql::{ID, InputObject};

pub use order::{LineNotes, ReadLines};
pub use path::Path;
pub use problem::{InputError, InputProblem, InputRule, ProblemKind};
pub use problems::{Complete, Problems};

use crate::types::enums::PizzaSize;

pub use domain::account::NAME_MAX;

/// Upper bound on the lines of an order; a longer list is not read.
pub const ORDER_LINES_MAX: usize = 50;
/// Upper bound on the lines of a stock command.
pub const STOCK_LINES_MAX: usize = 200;
/// Upper bound on the extras, and on the ingredients left out, of one line.
pub const ALTERATIONS_MAX: usize = 20;
/// Maximum length of a note, in characters.
pub const NOTE_MAX: usize = 500;
/// Maximum length of a phone number as entered, a postcode or a delivery note number, in characters.
pub const SHORT_MAX: usize = 64;

/// A line of an order.
#[derive(Debug, Clone, InputObject)]
pub struct OrderLineInput {
    /// The pizza, drink or dessert: its id or its code.
    pub item: ID,
    /// The size of a pizza; omitted for a drink or a dessert.
    pub size: Option<PizzaSize>,
    /// How many pieces.
    pub quantity: i64,
    /// Extras, by the ids or codes of their ingredients. An ingredient listed twice is added twice.
    pub extras: Option<Vec<ID>>,
    /// Ingredients to leave out, by their ids or codes.
    pub without: Option<Vec<ID>>,
    /// A note to the kitchen about the line, at most 500 characters. `changeOrderLines` keeps the note of an
    /// unchanged line when this is omitted, and removes it when this is the empty text.
    pub note: Option<String>,
}

/// A postal address.
#[derive(Debug, Clone, InputObject)]
pub struct AddressInput {
    /// Street and number.
    pub street: Option<String>,
    /// Postcode.
    pub postcode: Option<String>,
    /// Name of the city.
    pub city: Option<String>,
    /// Latitude in degrees, WGS 84, -90 to 90. Required for a delivery.
    pub latitude: Option<f64>,
    /// Longitude in degrees, WGS 84, -180 to 180. Required for a delivery.
    pub longitude: Option<f64>,
}

/// The person an order is for. Stored outside the log, so that it can be erased.
#[derive(Debug, Clone, InputObject)]
pub struct ContactInput {
    /// The person's name.
    pub name: Option<String>,
    /// Phone number, as dialled from France or with its country code; stored as E.164.
    pub phone: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Postal address.
    pub address: Option<AddressInput>,
}

/// An ingredient and a quantity of it.
#[derive(Debug, Clone, InputObject)]
pub struct StockLineInput {
    /// The ingredient's id or code.
    pub ingredient: ID,
    /// Quantity in the ingredient's unit: grams, millilitres or pieces.
    pub quantity: i64,
}
