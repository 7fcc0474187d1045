//! What an order is made of, as clients see it: lines, VAT, payments, promises.

use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};

use super::enums::{PaymentKind, PaymentMethod, PizzaSize};
use crate::ids::GlobalId;
use crate::scalars::{self, Decimal, Money};

/// One line of an order, as it was priced.
#[derive(Debug, SimpleObject)]
pub struct OrderLine {
    /// Its number, from 1.
    pub line: u32,
    /// The item's id.
    pub item: ID,
    /// The item's code, `MAR`.
    pub code: String,
    /// The item's name then.
    pub name: String,
    /// The size, for a pizza.
    pub size: Option<PizzaSize>,
    /// How many.
    pub quantity: u32,
    /// The ids of the ingredients added to each.
    pub extras: Vec<ID>,
    /// The ids of the ingredients left out of each.
    pub without: Vec<ID>,
    /// What one costs, extras included.
    pub unit_price: Money,
    /// What the line costs.
    pub total: Money,
    /// Its VAT rate, in percent.
    pub vat_rate: Decimal,
    /// The version of the menu that its recipe and price are from.
    pub recipe_version: u32,
    /// Whether it has come out of the oven; for what is not a pizza, once the order is ready.
    pub baked: bool,
}

impl From<&domain::order::OrderLine> for OrderLine {
    fn from(line: &domain::order::OrderLine) -> Self {
        Self {
            line: line.line,
            item: line.item.to_global(),
            code: line.item.to_string(),
            name: line.name.clone(),
            size: line.size.map(PizzaSize::from),
            quantity: line.quantity,
            extras: line.extras.iter().map(|extra| extra.ingredient.to_global()).collect(),
            without: line.without.iter().map(GlobalId::to_global).collect(),
            unit_price: line.unit_price.into(),
            total: line.total.into(),
            vat_rate: scalars::percent(line.vat_rate),
            recipe_version: line.recipe_version,
            baked: line.baked,
        }
    }
}

/// One VAT rate's part of a total.
#[derive(Debug, SimpleObject)]
pub struct VatPart {
    /// The rate, in percent.
    pub rate: Decimal,
    /// Without VAT.
    pub net: Money,
    /// The VAT.
    pub tax: Money,
    /// With VAT.
    pub gross: Money,
}

impl From<&domain::vat::VatPart> for VatPart {
    fn from(part: &domain::vat::VatPart) -> Self {
        Self {
            rate: scalars::percent(part.rate),
            net: part.net.into(),
            tax: part.tax.into(),
            gross: part.gross.into(),
        }
    }
}

/// One entry of an order's payments.
#[derive(Debug, SimpleObject)]
pub struct Payment {
    /// Which way.
    pub kind: PaymentKind,
    /// The method of payment.
    pub method: PaymentMethod,
    /// How much; never negative.
    pub amount: Money,
    /// When it was authorised, captured, declined or given back.
    pub at: DateTime<Utc>,
}

/// A promised time, and when it was given.
#[derive(Debug, SimpleObject)]
pub struct Promise {
    /// For when.
    pub promised_at: DateTime<Utc>,
    /// Since when this promise holds.
    pub given_at: DateTime<Utc>,
}
