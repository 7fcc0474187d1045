//! The price of a basket, its promised time, and why it would be refused. Nothing is stored.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use domain::Cents;
use domain::order::Fulfilment;
use domain::usecase;

use super::enums::PaymentIntent;
use super::order_parts::{OrderLine, VatPart};
use super::user_error::UserError;
use super::user_error_detail::MissingIngredient;
use crate::field_access::open;
use crate::scalars::{self, Money};

/// The current price of a basket. `userErrors` lists why the order would be refused.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct Quote {
    /// The lines with their prices.
    pub lines: Vec<OrderLine>,
    /// The price of the lines, VAT included, without the delivery fee.
    pub subtotal: Money,
    /// The delivery fee, VAT included; zero unless delivered.
    pub delivery_fee: Money,
    /// The total by VAT rate, in ascending order of the rate.
    pub vat: Vec<VatPart>,
    /// The total price, VAT and delivery included: `expectedTotal` of `placeOrder`.
    pub total: Money,
    /// The distance from the pizzeria to the door, in metres; `null` unless delivered.
    pub distance_metres: Option<u32>,
    /// The time that would be promised; `null` if the basket cannot be priced.
    pub promised_at: Option<DateTime<Utc>>,
    /// The ingredients of which there is not enough.
    pub missing: Vec<MissingIngredient>,
    /// Whether `placeOrder` would accept it now.
    pub acceptable: bool,
    /// The ways of payment that `placeOrder` accepts now: `ONLINE` only while a payment provider is
    /// configured, `ON_DELIVERY` for deliveries, `AT_COUNTER` for other orders.
    pub payment_intents: Vec<PaymentIntent>,
    /// Why the order would be refused: all reasons, `PRICE_CHANGED` last.
    pub user_errors: Vec<UserError>,
    /// Menu and stock include the log at least up to this position.
    pub position: scalars::Position,
}

/// Returns the ways of payment for a fulfilment.
pub fn payment_intents(fulfilment: Fulfilment, online_available: bool) -> Vec<PaymentIntent> {
    let in_person = match fulfilment {
        Fulfilment::Delivery => PaymentIntent::OnDelivery,
        Fulfilment::Takeaway | Fulfilment::OnSite => PaymentIntent::AtCounter,
    };
    online_available.then_some(PaymentIntent::Online).into_iter().chain([in_person]).collect()
}

impl Quote {
    /// Builds the quote of a priced basket; `exact_stock` for a caller who may read the stock.
    pub fn priced(
        quote: &usecase::Quote,
        payment_intents: Vec<PaymentIntent>,
        user_errors: Vec<UserError>,
        exact_stock: bool,
        position: domain::LogPosition,
    ) -> Self {
        let missing = quote.missing.iter().cloned().map(MissingIngredient);
        Self {
            lines: quote.lines.iter().map(OrderLine::from).collect(),
            subtotal: quote.pricing.subtotal.into(),
            delivery_fee: quote.pricing.delivery_fee.into(),
            vat: quote.pricing.vat.iter().map(VatPart::from).collect(),
            total: quote.pricing.total.into(),
            distance_metres: quote.distance_m,
            promised_at: Some(quote.promised_at),
            missing: missing.map(|one| if exact_stock { one } else { one.capped() }).collect(),
            acceptable: user_errors.is_empty(),
            payment_intents,
            user_errors,
            position: scalars::Position(position),
        }
    }

    /// Builds the quote of a basket that cannot be priced.
    pub fn refused(
        payment_intents: Vec<PaymentIntent>,
        user_errors: Vec<UserError>,
        position: domain::LogPosition,
    ) -> Self {
        let nothing = Money::from(Cents::ZERO);
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
            payment_intents,
            user_errors,
            position: scalars::Position(position),
        }
    }
}
