//! What callers give, parsed once at the edge into the domain's types. What cannot be used is
//! `BAD_USER_INPUT`, naming the field; nothing here decides whether it makes sense.

use async_graphql::{ID, InputObject};
use domain::ids::{CODE_MAX, ContactId, IngredientCode};
use domain::pizzeria::Place;
use domain::usecase::BasketLine;
use domain::{Cents, Ingredients, Quantity};
use event_store::NewContact;

use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::scalars::Decimal;
use crate::types::enums::PizzaSize;
use crate::types::user_error::UserErrorCode;

/// The most lines of an order that are read at all.
pub const ORDER_LINES_MAX: usize = 50;
/// The most lines of a command to a stock.
pub const STOCK_LINES_MAX: usize = 200;
/// The most extras, or ingredients left out, of one line.
pub const ALTERATIONS_MAX: usize = 20;
/// Longest name, street or reason, in characters.
pub const NAME_MAX: usize = 200;
/// Longest note, in characters.
pub const NOTE_MAX: usize = 500;
/// Longest telephone number, postcode or delivery note number, in characters.
pub const SHORT_MAX: usize = 64;
/// Longest e-mail address (RFC 5321), in characters.
pub const EMAIL_MAX: usize = 254;

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
    /// Their telephone number.
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

/// Why an input makes no command.
#[derive(Debug)]
pub enum Unusable {
    /// Something failed, or cannot be read at all.
    Failed(ApiError),
    /// It names something by what can be no code: the domain would know no such thing.
    Unknown(UnknownCode),
}

impl<E: Into<ApiError>> From<E> for Unusable {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Unusable {
    /// Where only errors can be answered.
    pub fn into_error(self) -> ApiError {
        match self {
            Self::Failed(error) => error,
            Self::Unknown(unknown) => {
                ApiError::bad_input(format!("{}: there is no such thing", unknown.field.join(".")))
            }
        }
    }
}

/// A text where a code is meant, which no code looks like: `mar`, `🍕`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCode {
    /// The code of the refusal that the domain has for what it does not know.
    pub code: UserErrorCode,
    /// What was given, shortened.
    pub given: String,
    /// Where.
    pub field: Vec<String>,
}

/// Reads a code; what cannot be one is unknown, as one that names nothing is.
///
/// # Errors
/// [`Unusable::Unknown`]. `field` is a path with dots.
pub fn code<T: GlobalId>(field: &str, id: &ID, code: UserErrorCode) -> Result<T, Unusable> {
    T::parse(id).ok_or_else(|| {
        Unusable::Unknown(UnknownCode {
            code,
            given: id.chars().take(CODE_MAX).collect(),
            field: field.split('.').map(str::to_owned).collect(),
        })
    })
}

/// A text of 1 to `max` characters, not blank. Any script; control characters are refused, but for
/// line breaks.
///
/// # Errors
/// `BAD_USER_INPUT`, naming the field.
pub fn text(field: &str, value: &str, max: usize) -> Result<String, ApiError> {
    let value = value.trim();
    if value.is_empty() {
        return Err(ApiError::bad_input(format!("{field}: must not be empty")));
    }
    if value.chars().count() > max {
        return Err(ApiError::bad_input(format!("{field}: at most {max} characters")));
    }
    if value.chars().any(|char| char.is_control() && char != '\n') {
        return Err(ApiError::bad_input(format!("{field}: no control characters")));
    }
    Ok(value.to_owned())
}

/// As [`text`]; none, and blank, are none.
///
/// # Errors
/// `BAD_USER_INPUT`, naming the field.
pub fn optional_text(field: &str, value: Option<&str>, max: usize) -> Result<Option<String>, ApiError> {
    value.filter(|value| !value.trim().is_empty()).map(|value| text(field, value, max)).transpose()
}

/// A quantity from `least` to ten million.
///
/// # Errors
/// `BAD_USER_INPUT`, naming the field.
pub fn quantity(field: &str, value: i64, least: u32) -> Result<Quantity, ApiError> {
    Quantity::from_input(value).filter(|quantity| quantity.0 >= least).ok_or_else(|| {
        ApiError::bad_input(format!("{field}: a whole number from {least} to {}", Quantity::MAX_INPUT))
    })
}

/// An amount that is not negative; whether it is enough is for the domain to say.
///
/// # Errors
/// `BAD_USER_INPUT`, naming the field.
pub fn amount(field: &str, value: Decimal) -> Result<Cents, ApiError> {
    if value.0 < Cents::ZERO {
        return Err(ApiError::bad_input(format!("{field}: must not be negative")));
    }
    Ok(value.0)
}

/// A point on the globe.
///
/// # Errors
/// `BAD_USER_INPUT`, naming the field.
pub fn place(field: &str, latitude: f64, longitude: f64) -> Result<Place, ApiError> {
    Place::from_degrees(latitude, longitude).map_err(|error| ApiError::bad_input(format!("{field}: {error}")))
}

/// At most so many.
fn bounded<T>(field: &str, list: &[T], max: usize) -> Result<(), ApiError> {
    if list.len() > max { Err(ApiError::bad_input(format!("{field}: at most {max}"))) } else { Ok(()) }
}

fn ingredients(
    field: &str,
    ids: Option<&[ID]>,
    unknown: UserErrorCode,
) -> Result<Vec<IngredientCode>, Unusable> {
    let ids = ids.unwrap_or_default();
    bounded(field, ids, ALTERATIONS_MAX)?;
    ids.iter().enumerate().map(|(at, id)| code(&format!("{field}.{at}"), id, unknown)).collect()
}

/// The lines of an order. No lines at all are left to the domain to refuse.
///
/// # Errors
/// `BAD_USER_INPUT`, naming the field; [`Unusable::Unknown`].
pub fn basket_lines(field: &str, lines: &[OrderLineInput]) -> Result<Vec<BasketLine>, Unusable> {
    bounded(field, lines, ORDER_LINES_MAX)?;
    let line = |(at, line): (usize, &OrderLineInput)| {
        let path = format!("{field}.{at}");
        let extras = line.extras.as_deref();
        let without = line.without.as_deref();
        Ok(BasketLine {
            quantity: quantity(&format!("{field}[{at}].quantity"), line.quantity, 1)?.0,
            item: code(&format!("{path}.item"), &line.item, UserErrorCode::UnknownPizza)?,
            size: line.size.map(Into::into),
            extras: ingredients(&format!("{path}.extras"), extras, UserErrorCode::UnknownExtra)?,
            without: ingredients(&format!("{path}.without"), without, UserErrorCode::UnknownIngredient)?,
        })
    };
    lines.iter().enumerate().map(line).collect()
}

/// The lines of a command to a stock; an ingredient named twice is added up.
///
/// # Errors
/// `BAD_USER_INPUT`, naming the field; [`Unusable::Unknown`].
pub fn stock_lines(field: &str, lines: &[StockLineInput], least: u32) -> Result<Ingredients, Unusable> {
    bounded(field, lines, STOCK_LINES_MAX)?;
    let line = |(at, line): (usize, &StockLineInput)| {
        let path = format!("{field}.{at}.ingredient");
        Ok((
            code(&path, &line.ingredient, UserErrorCode::UnknownIngredient)?,
            quantity(&format!("{field}[{at}].quantity"), line.quantity, least)?,
        ))
    };
    lines.iter().enumerate().map(line).collect()
}

/// Where an address is, when it says so.
///
/// # Errors
/// `BAD_USER_INPUT` for half a place, and for one that is not on the globe.
pub fn address_place(field: &str, address: &AddressInput) -> Result<Option<Place>, ApiError> {
    match (address.latitude, address.longitude) {
        (Some(latitude), Some(longitude)) => place(field, latitude, longitude).map(Some),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => {
            Err(ApiError::bad_input(format!("{field}: latitude and longitude come together")))
        }
    }
}

/// A row of personal data from what was given.
///
/// # Errors
/// `BAD_USER_INPUT`, naming the field.
pub fn contact(
    field: &str,
    id: ContactId,
    contact: Option<&ContactInput>,
    note: Option<String>,
) -> Result<NewContact, ApiError> {
    let text_at = |name: &str, value: Option<&String>, max| {
        optional_text(&format!("{field}.{name}"), value.map(String::as_str), max)
    };
    let address = contact.and_then(|contact| contact.address.as_ref());
    let place = match address {
        Some(address) => address_place(&format!("{field}.address"), address)?,
        None => None,
    };
    Ok(NewContact {
        id,
        customer: None,
        order: None,
        name: text_at("name", contact.and_then(|contact| contact.name.as_ref()), NAME_MAX)?,
        phone: text_at("phone", contact.and_then(|contact| contact.phone.as_ref()), SHORT_MAX)?,
        email: text_at("email", contact.and_then(|contact| contact.email.as_ref()), EMAIL_MAX)?,
        street: text_at("address.street", address.and_then(|address| address.street.as_ref()), NAME_MAX)?,
        postcode: text_at(
            "address.postcode",
            address.and_then(|address| address.postcode.as_ref()),
            SHORT_MAX,
        )?,
        city: text_at("address.city", address.and_then(|address| address.city.as_ref()), NAME_MAX)?,
        latitude: place.map(Place::latitude),
        longitude: place.map(Place::longitude),
        note,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(quantity: i64) -> OrderLineInput {
        OrderLineInput { item: ID("MAR".to_owned()), size: None, quantity, extras: None, without: None }
    }

    fn message(error: impl Into<Unusable>) -> String {
        let error = error.into().into_error();
        let ApiError::BadUserInput(message) = error else { panic!("{error:?}") };
        message
    }

    #[test]
    fn quantities_out_of_bounds_are_refused_with_their_path() {
        for given in [0, -1, i64::from(Quantity::MAX_INPUT) + 1, i64::MAX, i64::MIN] {
            let error = basket_lines("input.lines", &[line(1), line(given)]).unwrap_err();
            assert_eq!(
                message(error),
                "input.lines[1].quantity: a whole number from 1 to 10000000",
                "{given}"
            );
        }
        assert_eq!(basket_lines("input.lines", &[line(3)]).unwrap()[0].quantity, 3);
    }

    #[test]
    fn what_can_be_no_code_is_unknown_and_named_where_it_stands() {
        let ids = |text: &str| Some(vec![ID("HAM".to_owned()), ID(text.to_owned())]);
        let pizza = OrderLineInput { item: ID("🍕".to_owned()), ..line(1) };
        let extra = OrderLineInput { extras: ids("ham"), ..line(1) };
        let without = OrderLineInput { without: ids("item:HAM"), ..line(1) };
        for (given, code, path) in [
            (pizza, UserErrorCode::UnknownPizza, "input.lines.1.item"),
            (extra, UserErrorCode::UnknownExtra, "input.lines.1.extras.1"),
            (without, UserErrorCode::UnknownIngredient, "input.lines.1.without.1"),
        ] {
            let Err(Unusable::Unknown(unknown)) = basket_lines("input.lines", &[line(1), given]) else {
                panic!("{path}")
            };
            assert_eq!((unknown.code, unknown.field.join(".").as_str()), (code, path));
        }
        let given = StockLineInput { ingredient: ID("x".repeat(99)), quantity: 1 };
        let Err(Unusable::Unknown(unknown)) = stock_lines("input.lines", &[given], 1) else { panic!() };
        assert_eq!((unknown.given.len(), unknown.field.len()), (CODE_MAX, 4));
    }

    #[test]
    fn a_list_has_a_bound() {
        let lines = vec![line(1); ORDER_LINES_MAX + 1];
        assert_eq!(message(basket_lines("input.lines", &lines).unwrap_err()), "input.lines: at most 50");
        assert_eq!(basket_lines("input.lines", &lines[1..]).unwrap().len(), ORDER_LINES_MAX);
    }

    #[test]
    fn any_script_is_a_name_and_control_characters_are_none() {
        for name in ["Zoé 🍕", "محمد", "שלום", "李", &"é".repeat(NAME_MAX)] {
            assert_eq!(text("name", name, NAME_MAX).unwrap(), name);
        }
        for name in ["", "  ", "a\0b", "a\u{1b}[31m", &"é".repeat(NAME_MAX + 1)] {
            assert!(text("name", name, NAME_MAX).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_place_is_on_the_globe() {
        let at = |latitude, longitude| AddressInput {
            street: None,
            postcode: None,
            city: None,
            latitude,
            longitude,
        };
        assert!(address_place("a", &at(Some(48.9), Some(2.3))).unwrap().is_some());
        assert!(address_place("a", &at(None, None)).unwrap().is_none());
        for (latitude, longitude) in [
            (Some(91.0), Some(0.0)),
            (Some(f64::NAN), Some(0.0)),
            (Some(0.0), Some(180.5)),
            (Some(0.0), None),
        ] {
            assert!(address_place("a", &at(latitude, longitude)).is_err(), "{latitude:?} {longitude:?}");
        }
    }
}
