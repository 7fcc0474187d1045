//! One value at a time, for inputs that have no other: the first problem is the answer.

use async_graphql::ID;
use domain::ids::ContactId;
use domain::pizzeria::Place;
use domain::{Cents, Ingredients, Quantity};
use event_store::NewContact;

use super::{ContactInput, Path, Problems, StockLineInput};
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::scalars::Decimal;
use crate::types::user_error::UserErrorCode;

fn one<T>(field: &str, read: impl FnOnce(&mut Problems, Path<'_>) -> T) -> Result<T, ApiError> {
    let field = field.replace('[', ".").replace(']', "");
    let mut problems = Problems::default();
    let path = match field.strip_prefix("input") {
        Some("") => Path::Input,
        Some(below) if below.starts_with('.') => Path::from(&below[1..]),
        Some(_) | None => Path::from(&*field),
    };
    let value = read(&mut problems, path);
    problems.check()?;
    Ok(value)
}

fn needed<T>(field: &str, read: impl FnOnce(&mut Problems, Path<'_>) -> Option<T>) -> Result<T, ApiError> {
    one(field, read)?.ok_or_else(|| ApiError::bad_input(format!("{field}: cannot be read")))
}

/// As [`Problems::text`].
///
/// # Errors
/// The problem, at `field`: a path with dots.
pub fn text(field: &str, value: &str, max: usize) -> Result<String, ApiError> {
    needed(field, |problems, at| problems.text(at, value, max))
}

/// As [`Problems::optional_text`].
///
/// # Errors
/// As [`text`].
pub fn optional_text(field: &str, value: Option<&str>, max: usize) -> Result<Option<String>, ApiError> {
    one(field, |problems, at| problems.optional_text(at, value, max))
}

/// As [`Problems::quantity`].
///
/// # Errors
/// As [`text`].
pub fn quantity(field: &str, value: i64, least: u32) -> Result<Quantity, ApiError> {
    needed(field, |problems, at| problems.quantity(at, value, least))
}

/// As [`Problems::amount`].
///
/// # Errors
/// As [`text`].
pub fn amount(field: &str, value: Decimal) -> Result<Cents, ApiError> {
    needed(field, |problems, at| problems.amount(at, value))
}

/// As [`Problems::place`].
///
/// # Errors
/// As [`text`].
pub fn place(field: &str, latitude: f64, longitude: f64) -> Result<Place, ApiError> {
    needed(field, |problems, at| problems.place(at, latitude, longitude))
}

/// As [`Problems::code`].
///
/// # Errors
/// As [`text`].
pub fn code<T: GlobalId>(field: &str, id: &ID, unknown: UserErrorCode) -> Result<T, ApiError> {
    needed(field, |problems, at| problems.code(at, id, unknown))
}

/// As [`Problems::stock_lines`].
///
/// # Errors
/// As [`text`].
pub fn stock_lines(field: &str, lines: &[StockLineInput], least: u32) -> Result<Ingredients, ApiError> {
    needed(field, |problems, at| problems.stock_lines(at, lines, least))
}

/// As [`Problems::contact`].
///
/// # Errors
/// As [`text`].
pub fn contact(
    field: &str,
    id: ContactId,
    contact: Option<&ContactInput>,
    note: Option<String>,
) -> Result<NewContact, ApiError> {
    one(field, |problems, at| problems.contact(at, id, contact, note))
}
