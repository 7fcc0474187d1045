//! Orders and the stock they use, decided together and stored in one transaction.

use chrono::{DateTime, Utc};

use super::quote::{Basket, BasketLine};
use super::{Decision, Refusal, States, UseCase};
use crate::ids::{ContactId, CustomerId, OrderId, PizzeriaId};
use crate::money::Cents;
use crate::order::{CancelReason, OrderChannel, PaymentIntent};
use crate::stream::StreamId;

/// `placeOrder`: price, reserve and accept; or refuse for want of stock, which is stored too.
#[derive(Debug, Clone)]
pub struct PlaceOrder {
    /// The new order's id.
    pub order: OrderId,
    /// Where.
    pub pizzeria: PizzeriaId,
    /// What.
    pub basket: Basket,
    /// How it came in.
    pub channel: OrderChannel,
    /// Whose, if they have an account.
    pub customer: Option<CustomerId>,
    /// The row of personal data that is stored with it.
    pub contact: Option<ContactId>,
    /// How the customer means to pay.
    pub payment: PaymentIntent,
    /// The total that the caller expects, if they said.
    pub expected_total: Option<Cents>,
    /// Four digits drawn at the edge; kept for deliveries only.
    pub delivery_code: String,
    /// Now.
    pub now: DateTime<Utc>,
}

/// `changeOrderLines`: new lines, new prices, and the difference in the reservation.
#[derive(Debug, Clone)]
pub struct ChangeOrderLines {
    /// The order.
    pub order: OrderId,
    /// The lines that shall hold.
    pub lines: Vec<BasketLine>,
    /// The total that the caller expects, if they said.
    pub expected_total: Option<Cents>,
    /// Now.
    pub now: DateTime<Utc>,
}

/// `cancelOrder`: what was reserved is released; what was started is wasted; what was paid online goes back.
#[derive(Debug, Clone)]
pub struct CancelOrder {
    /// The order.
    pub order: OrderId,
    /// Why.
    pub reason: CancelReason,
    /// Whether the caller may cancel once preparation has started (managers).
    pub even_started: bool,
    /// Now.
    pub now: DateTime<Utc>,
}

/// `expireOrder`: an online order that stayed unpaid; its reservation is released.
#[derive(Debug, Clone)]
pub struct ExpireOrder {
    /// The order.
    pub order: OrderId,
    /// Now.
    pub now: DateTime<Utc>,
}

/// `startPreparation`: the reservation is consumed.
#[derive(Debug, Clone)]
pub struct StartPreparation {
    /// The order.
    pub order: OrderId,
    /// Now.
    pub now: DateTime<Utc>,
}

macro_rules! stub { ($($t:ident => $n:literal),*) => {$(
impl UseCase for $t {
    fn name(&self) -> &'static str { $n }
    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> { todo!() }
    fn decide(&self, _states: &States<'_>) -> Result<Decision, Refusal> { todo!() }
}
)*}}
stub!(PlaceOrder => "placeOrder", ChangeOrderLines => "changeOrderLines", CancelOrder => "cancelOrder", ExpireOrder => "expireOrder", StartPreparation => "startPreparation");
