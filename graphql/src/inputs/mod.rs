//! What callers give, parsed once at the edge into the domain's types. What cannot be used is a problem with
//! its place; all problems of an input are told at once ([`Problems`]). Whether an input makes sense, the
//! domain decides.

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

/// The most lines of an order that are read at all.
pub const ORDER_LINES_MAX: usize = 50;
/// The most lines of a command to a stock.
pub const STOCK_LINES_MAX: usize = 200;
/// The most extras, or ingredients left out, of one line.
pub const ALTERATIONS_MAX: usize = 20;
/// Longest note, in characters.
pub const NOTE_MAX: usize = 500;
/// Longest telephone number as it is written, postcode or delivery note number, in characters.
pub const SHORT_MAX: usize = 64;

/// A line of an order.
#[derive(Debug, Clone, InputObject)]
pub struct OrderLineInput {
    /// The pizza, drink or dessert: its id or its code.
    pub item: ID,
    /// The size of a pizza; none for anything else.
    pub size: Option<PizzaSize>,
    /// How many.
    pub quantity: i64,
    /// Extras, by their ingredients' ids or codes; one named twice is added twice.
    pub extras: Option<Vec<ID>>,
    /// Ingredients to leave out, by their ids or codes.
    pub without: Option<Vec<ID>>,
    /// What the kitchen should know about the line, at most 500 characters. When the lines of an order are changed, a
    /// line that stays keeps the note that it has where this is left out; the empty text takes it away.
    pub note: Option<String>,
}

/// Where somebody lives.
#[derive(Debug, Clone, InputObject)]
pub struct AddressInput {
    /// Street and number.
    pub street: Option<String>,
    /// Postcode.
    pub postcode: Option<String>,
    /// Name of the city.
    pub city: Option<String>,
    /// Degrees, WGS 84, -90 to 90. A delivery needs it.
    pub latitude: Option<f64>,
    /// Degrees, WGS 84, -180 to 180. A delivery needs it.
    pub longitude: Option<f64>,
}

/// Who an order is for. It is kept outside the log.
#[derive(Debug, Clone, InputObject)]
pub struct ContactInput {
    /// Their name.
    pub name: Option<String>,
    /// Their telephone number, as it is dialled from France or with its country code; kept as E.164.
    pub phone: Option<String>,
    /// Their e-mail address.
    pub email: Option<String>,
    /// Where they live.
    pub address: Option<AddressInput>,
}

/// An ingredient and a quantity of it.
#[derive(Debug, Clone, InputObject)]
pub struct StockLineInput {
    /// The ingredient's id or code.
    pub ingredient: ID,
    /// How much, in the ingredient's unit: grams, millilitres or pieces.
    pub quantity: i64,
}
