//! What a basket would cost, when it would be ready, and what stands in its way. Stores nothing.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use domain::Cents;
use domain::order::Fulfilment;
use domain::usecase;

use super::enums::PaymentIntent;
use super::order_parts::{OrderLine, VatPart};
use super::user_error::UserError;
use super::user_error_detail::MissingIngredient;
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
    pub missing: Vec<MissingIngredient>,
    /// Whether `placeOrder` would accept it now.
    pub acceptable: bool,
    /// How it may be paid, as `placeOrder` takes it now: `ONLINE` only while a payment provider is configured,
    /// `ON_DELIVERY` for deliveries, `AT_COUNTER` for the others.
    pub payment_intents: Vec<PaymentIntent>,
    /// Why it would be refused, everything at once; `PRICE_CHANGED` last.
    pub user_errors: Vec<UserError>,
    /// The log's position that the menu and the stock were of, at least.
    pub position: scalars::Position,
}

/// How an order that leaves in some way may be paid.
pub fn payment_intents(fulfilment: Fulfilment, online_available: bool) -> Vec<PaymentIntent> {
    let in_person = match fulfilment {
        Fulfilment::Delivery => PaymentIntent::OnDelivery,
        Fulfilment::Takeaway | Fulfilment::OnSite => PaymentIntent::AtCounter,
    };
    online_available.then_some(PaymentIntent::Online).into_iter().chain([in_person]).collect()
}

impl Quote {
    /// Of a basket that was priced; `exact_stock` for a caller who may know how much the pizzeria has left.
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

    /// Of a basket that has no price.
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
