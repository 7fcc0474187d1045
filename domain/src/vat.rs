//! VAT: rates are dated data, prices include VAT, and each rate is rounded once an order.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::money::Cents;

/// A rate in hundredths of a percent: 550 is 5.5 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VatRate(pub u32);

/// What a product is for VAT (DOMAIN.md, Prices).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VatClass {
    /// A pizza, with its extras.
    Pizza,
    /// A soft drink in a can or bottle.
    SoftDrink,
    /// Beer and wine.
    Alcohol,
    /// Packaged ice cream.
    IceCream,
}

/// One line of the table of rates: from a day on, what a class costs in VAT away and on site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatedRate {
    /// The first local day on which it applies.
    pub from: NaiveDate,
    /// The class.
    pub class: VatClass,
    /// Taken away or delivered.
    pub away: VatRate,
    /// Eaten on site.
    pub on_site: VatRate,
}

/// One rate's part of an order's total: `net + tax = gross`, and the parts' gross add up to the total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VatPart {
    /// The rate.
    pub rate: VatRate,
    /// Without VAT.
    pub net: Cents,
    /// The VAT itself, rounded half up.
    pub tax: Cents,
    /// With VAT.
    pub gross: Cents,
}
