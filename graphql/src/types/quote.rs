//! What a basket would cost, when it would be ready, and what stands in its way. Stores nothing.

use std::sync::Arc;

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use domain::menu::Menu;
use domain::order::Missing;
use domain::usecase::{self, Refusal};

use super::menu::Ingredient;
use super::order_parts::{OrderLine, VatPart};
use super::user_error::UserError;
use crate::labels::Lang;
use crate::scalars::{self, Money};

/// What a basket would cost now. Whatever stands in its way is in `userErrors`.
#[derive(Debug, SimpleObject)]
pub struct Quote {
    /// The lines, priced.
    pub lines: Vec<OrderLine>,
    /// The lines, without the delivery fee.
    pub subtotal: Money,
    /// What the delivery would cost; zero unless delivered.
    pub delivery_fee: Money,
    /// The total by VAT rate, rates ascending.
    pub vat: Vec<VatPart>,
    /// What would be to be paid, VAT included: `expectedTotal` of `placeOrder`.
    pub total: Money,
    /// From the pizzeria to the door, in metres; for deliveries.
    pub distance_metres: Option<u32>,
    /// When it would be promised for; none when it cannot be priced.
    pub promised_at: Option<DateTime<Utc>>,
    /// What there is not enough of.
    pub missing: Vec<MissingStock>,
    /// Whether `placeOrder` would accept it now.
    pub acceptable: bool,
    /// Why it would be refused, in the order in which `placeOrder` checks.
    pub user_errors: Vec<UserError>,
    /// The log's position that the menu and the stock were of, at least.
    pub position: scalars::LogPosition,
}

/// An ingredient of which there is not enough, in its unit.
#[derive(Debug, SimpleObject)]
pub struct MissingStock {
    /// The ingredient.
    pub ingredient: Ingredient,
    /// How much is needed.
    pub needed: u32,
    /// How much is available.
    pub available: u32,
}

impl MissingStock {
    fn of(menu: &Menu, missing: &Missing) -> Self {
        Self {
            ingredient: Ingredient::of(menu, &missing.ingredient),
            needed: missing.needed.0,
            available: missing.available.0,
        }
    }
}

impl Quote {
    /// Of a basket that was priced.
    pub fn priced(
        quote: &usecase::Quote,
        menu: &Arc<Menu>,
        lang: Lang,
        position: domain::LogPosition,
    ) -> Self {
        let refusals = quote.obstacles.iter().cloned().map(Refusal::from);
        Self {
            lines: quote.lines.iter().map(OrderLine::from).collect(),
            subtotal: quote.pricing.subtotal.into(),
            delivery_fee: quote.pricing.delivery_fee.into(),
            vat: quote.pricing.vat.iter().map(VatPart::from).collect(),
            total: quote.pricing.total.into(),
            distance_metres: quote.distance_m,
            promised_at: Some(quote.promised_at),
            missing: quote.missing.iter().map(|missing| MissingStock::of(menu, missing)).collect(),
            acceptable: quote.obstacles.is_empty(),
            user_errors: refusals.map(|refusal| UserError::new(&refusal, lang, Vec::new())).collect(),
            position: scalars::LogPosition(position),
        }
    }

    /// Of a basket that has no price.
    pub fn refused(refusal: &Refusal, lang: Lang, position: domain::LogPosition) -> Self {
        let nothing = Money::from(domain::Cents::ZERO);
        Self {
            lines: Vec::new(),
            subtotal: nothing,
            delivery_fee: nothing,
            vat: Vec::new(),
            total: nothing,
            distance_metres: None,
            promised_at: None,
            missing: Vec::new(),
            acceptable: false,
            user_errors: vec![UserError::new(refusal, lang, Vec::new())],
            position: scalars::LogPosition(position),
        }
    }
}
