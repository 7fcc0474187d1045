//! Figures of a replay, and how orders and events add to them. Never decides anything.

use std::collections::BTreeMap;

use crate::ingredients::Ingredients;
use crate::money::Cents;
use crate::order::{OrderStatus, PlacedOrder, Pricing};
use crate::stock::StockEvent;
use crate::vat::VatRate;

/// Figures of a pizzeria over a period.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Accepted orders.
    pub orders: i64,
    /// Placements refused for want of stock.
    pub refused: i64,
    /// Deliveries refused because they are below the policy's minimum.
    pub below_minimum: i64,
    /// Changes of lines refused for want of stock.
    pub changes_refused: i64,
    /// Orders that count as sold: placed, and neither cancelled, expired nor returned.
    pub sold: i64,
    /// Total of the sold orders, VAT included.
    pub takings: Cents,
    /// The same by VAT rate.
    pub takings_by_rate: BTreeMap<VatRate, Cents>,
    /// Wasted ingredients, those of started orders included.
    pub waste: Ingredients,
    /// Orders that reached the customer after the latest promise.
    pub late: i64,
    /// Sum of their delays, in seconds.
    pub late_seconds: i64,
    /// Accepted orders whose ready time is unknown.
    pub untimed: i64,
    /// Number of times that an ingredient became low.
    pub low: i64,
    /// Supplies received by the policy's restocking rules.
    pub restocked: i64,
    /// Recorded transfers refused for want of stock.
    pub transfers_refused: i64,
    /// Maximum of orders in preparation at once.
    pub kitchen_most: usize,
}

/// Whether an order counts as a sale: it was placed, and neither cancelled, expired nor returned.
pub(super) fn is_sold(order: &PlacedOrder) -> bool {
    match order.status() {
        OrderStatus::Placed
        | OrderStatus::InPreparation
        | OrderStatus::Ready
        | OrderStatus::OutForDelivery
        | OrderStatus::NotDelivered
        | OrderStatus::Delivered
        | OrderStatus::HandedOver => true,
        OrderStatus::Refused
        | OrderStatus::AwaitingPayment
        | OrderStatus::Cancelled
        | OrderStatus::Expired
        | OrderStatus::Returned => false,
    }
}

impl Figures {
    /// Adds a sold order, at these prices.
    pub(super) fn sell(&mut self, pricing: &Pricing) {
        self.sold += 1;
        self.takings = self.takings + pricing.total;
        for part in &pricing.vat {
            let sum = self.takings_by_rate.entry(part.rate).or_default();
            *sum = *sum + part.gross;
        }
    }

    /// Adds an order in its state at the end of the period, at these prices.
    pub(super) fn close(&mut self, order: &PlacedOrder, pricing: &Pricing) {
        if is_sold(order) {
            self.sell(pricing);
        }
        if let Some(at) = order.completed_at {
            self.finished((at - order.promised_at()).num_seconds());
        }
    }

    /// Adds an order that reached the customer `late_seconds` after its promise.
    pub(super) fn finished(&mut self, late_seconds: i64) {
        if late_seconds > 0 {
            self.late += 1;
            self.late_seconds += late_seconds;
        }
    }

    /// Adds the waste and low levels of a stock's event.
    pub(super) fn count(&mut self, event: &StockEvent) {
        match event {
            StockEvent::IngredientsWasted { lines, .. }
            | StockEvent::PreparedOrderDiscarded { wasted: lines, .. } => self.waste.add_all(lines, 1),
            StockEvent::StockLow { .. } => self.low += 1,
            StockEvent::IngredientsReserved { .. }
            | StockEvent::ReservationChanged { .. }
            | StockEvent::ReservationReleased { .. }
            | StockEvent::ReservationConsumed { .. }
            | StockEvent::SupplyReceived { .. }
            | StockEvent::StockCounted { .. }
            | StockEvent::TransferSent { .. }
            | StockEvent::TransferReceived { .. }
            | StockEvent::ThresholdSet { .. }
            | StockEvent::StockRecovered { .. }
            | StockEvent::ReservationShort { .. }
            | StockEvent::PizzaBlocked { .. }
            | StockEvent::PizzaUnblocked { .. } => {}
        }
    }

    /// Adds the figures of another pizzeria; of maxima, the larger is kept.
    pub fn add(&mut self, other: &Self) {
        self.orders += other.orders;
        self.refused += other.refused;
        self.below_minimum += other.below_minimum;
        self.changes_refused += other.changes_refused;
        self.sold += other.sold;
        self.takings = self.takings + other.takings;
        for (rate, gross) in &other.takings_by_rate {
            let sum = self.takings_by_rate.entry(*rate).or_default();
            *sum = *sum + *gross;
        }
        self.waste.add_all(&other.waste, 1);
        self.late += other.late;
        self.late_seconds += other.late_seconds;
        self.untimed += other.untimed;
        self.low += other.low;
        self.restocked += other.restocked;
        self.transfers_refused += other.transfers_refused;
        self.kitchen_most = self.kitchen_most.max(other.kitchen_most);
    }
}
