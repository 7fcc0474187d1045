//! The scalars of the API, each with its specification.

use std::borrow::Cow;

use async_graphql::registry::Registry;
use async_graphql::{
    InputType, InputValueError, InputValueResult, Pos, Scalar, ScalarType, SimpleObject, Value,
};
use chrono::{DateTime, NaiveDate, Utc};
use domain::Cents;
use domain::vat::VatRate;
use secrecy::SecretString;

use crate::error::ApiError;
use crate::field_access::open;
use crate::types::enums::Currency;

/// A decimal number as text, such as `"12.50"`: at most two decimals, and at most one million in absolute
/// value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal(pub Cents);

/// An exact decimal number as text, such as `"12.50"`.
#[Scalar(name = "Decimal", specified_by_url = "https://www.w3.org/TR/xmlschema11-2/#decimal")]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => text.parse().map(Self).map_err(InputValueError::custom),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A text that is neither displayed nor logged: a password or a token. Clients see a `String`.
#[derive(Debug, Clone)]
pub struct Secret(pub SecretString);

impl InputType for Secret {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        <String as InputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <String as InputType>::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        match value {
            Some(Value::String(text)) => Ok(Self(text.into())),
            _ => Err(InputValueError::custom("a text is needed")),
        }
    }

    fn to_value(&self) -> Value {
        Value::Null
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}

/// A log position: the decimal text of a 64-bit integer, 0 before the first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position(pub domain::LogPosition);

/// A log position: the decimal text of a 64-bit integer, 0 before the first event.
#[Scalar(name = "LogPosition", specified_by_url = "https://www.w3.org/TR/xmlschema11-2/#long")]
impl ScalarType for Position {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => text.parse().map(Self).map_err(InputValueError::custom),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A calendar date, such as `2026-11-24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date(pub NaiveDate);

/// A calendar date, such as `"2026-11-24"`.
#[Scalar(name = "Date", specified_by_url = "https://datatracker.ietf.org/doc/html/rfc3339#section-5.6")]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .map(Self)
                .map_err(|_| InputValueError::custom("not a day written YYYY-MM-DD")),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.format("%Y-%m-%d").to_string())
    }
}

/// Any JSON value.
#[derive(Debug, Clone, PartialEq)]
pub struct Json(pub serde_json::Value);

/// Any JSON value.
#[Scalar(name = "JSON", specified_by_url = "https://datatracker.ietf.org/doc/html/rfc8259")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value.into_json()?))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}

/// Checks that a value is valid for a custom scalar.
///
/// # Errors
/// Returns the problem, without the value.
pub fn check(scalar: &str, value: Value) -> Result<(), String> {
    fn parse<T: InputType>(value: Value) -> Result<(), String> {
        if !matches!(value, Value::String(_)) {
            return Err(format!("{} is written as text", T::type_name()));
        }
        T::parse(Some(value)).map(drop).map_err(|error| error.into_server_error(Pos::default()).message)
    }
    match scalar {
        "Date" => parse::<Date>(value),
        "DateTime" => parse::<DateTime<Utc>>(value),
        "Decimal" => parse::<Decimal>(value),
        "LogPosition" => parse::<Position>(value),
        // `JSON` accepts anything. A test compares this list with the schema.
        _ => Ok(()),
    }
}

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct Money {
    /// The amount; negative when owed by the pizzeria.
    pub amount: Decimal,
    /// The currency.
    pub currency: Currency,
}

impl From<Cents> for Money {
    fn from(cents: Cents) -> Self {
        Self { amount: Decimal(cents), currency: Currency::Eur }
    }
}

/// Converts a VAT rate to percent, such as `"5.50"`.
pub fn percent(rate: VatRate) -> Decimal {
    Decimal(Cents(i64::from(rate.0)))
}

/// An integer beyond the range of GraphQL's `Int`.
#[derive(Debug, thiserror::Error)]
#[error("{0} is beyond the 32 bits of an Int")]
struct TooLarge(i64);

/// Converts an integer to GraphQL's `Int` of 32 bits. Stock levels and versions stay far below; a truncated
/// number would be wrong.
///
/// # Errors
/// `INTERNAL`, not retryable, beyond 32 bits.
pub fn int(value: i64) -> Result<i32, ApiError> {
    i32::try_from(value).map_err(|_| ApiError::permanent(TooLarge(value)))
}

#[cfg(test)]
mod tests;
