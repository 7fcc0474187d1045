//! Folding of an accepted order: how each event changes it. Never decides.

use chrono::{DateTime, Utc};

use super::events::{OrderEvent, Placement};
use super::sold::{LineQuantity, Pricing, SoldLine};
use super::state::{PlacedOrder, Progress};
use super::values::{OrderLine, OrderStatus, Payment, PaymentIntent, PaymentKind, PaymentMethod, Promise};
use crate::money::Cents;
use crate::note::NoteRef;

/// Declined payments allowed for one order; more indicates that stolen cards are being tried.
pub const MAX_DECLINES: u32 = 5;

impl PlacedOrder {
    pub(super) fn new(placement: &Placement, at: DateTime<Utc>) -> Self {
        let lines = placement.order_lines();
        Self {
            id: placement.order,
            number: placement.number.clone(),
            pizzeria: placement.pizzeria.clone(),
            channel: placement.channel,
            fulfilment: placement.fulfilment,
            customer: placement.customer,
            contact: placement.contact,
            distance_m: placement.distance_m,
            delivery_code: placement.delivery_code.clone(),
            last_line: 0,
            needs: placement.needs.clone(),
            pricing: placement.prices(&lines),
            lines,
            minimum: placement.minimum,
            notes: placement.notes.clone(),
            cancel_note: None,
            refund_notes: Vec::new(),
            payment: placement.payment,
            payments: Vec::new(),
            paid: Cents::ZERO,
            promises: vec![Promise { promised_at: placement.promise.at, given_at: at }],
            progress: match placement.expires_at {
                Some(expires_at) => Progress::AwaitingPayment { expires_at },
                None => Progress::Placed { since: at },
            },
            placed_at: at,
            started_at: None,
            prepared_by: None,
            ready_at: None,
            out_at: None,
            completed_at: None,
        }
    }

    /// Returns the status.
    pub fn status(&self) -> OrderStatus {
        match self.progress {
            Progress::AwaitingPayment { .. } => OrderStatus::AwaitingPayment,
            Progress::Placed { .. } => OrderStatus::Placed,
            Progress::InPreparation { .. } => OrderStatus::InPreparation,
            Progress::Ready { .. } => OrderStatus::Ready,
            Progress::OutForDelivery { .. } => OrderStatus::OutForDelivery,
            Progress::Delivered { .. } => OrderStatus::Delivered,
            Progress::NotDelivered { .. } => OrderStatus::NotDelivered,
            Progress::Returned { .. } => OrderStatus::Returned,
            Progress::HandedOver { .. } => OrderStatus::HandedOver,
            Progress::Cancelled { .. } => OrderStatus::Cancelled,
            Progress::Expired { .. } => OrderStatus::Expired,
        }
    }

    /// Returns the amount still to be paid; negative if money is owed back.
    ///
    /// A cancelled, expired or returned order costs nothing, so that what was paid is owed back.
    pub fn due(&self) -> Cents {
        match self.status() {
            OrderStatus::Cancelled | OrderStatus::Expired | OrderStatus::Returned => -self.paid,
            OrderStatus::Refused
            | OrderStatus::AwaitingPayment
            | OrderStatus::Placed
            | OrderStatus::InPreparation
            | OrderStatus::Ready
            | OrderStatus::OutForDelivery
            | OrderStatus::Delivered
            | OrderStatus::NotDelivered
            | OrderStatus::HandedOver => self.pricing.total - self.paid,
        }
    }

    /// Whether too many payments were declined for another online payment.
    pub fn is_barred(&self) -> bool {
        let declined = self.payments.iter().filter(|payment| payment.kind == PaymentKind::Declined).count();
        u32::try_from(declined).is_ok_and(|declined| declined >= MAX_DECLINES)
    }

    /// Returns the amount due of an online order; `None` if it is paid, or is to be paid at the counter or at
    /// the door.
    pub fn owed_online(&self) -> Option<Cents> {
        match self.payment {
            PaymentIntent::Online => Some(self.due()).filter(|due| *due > Cents::ZERO),
            PaymentIntent::OnDelivery | PaymentIntent::AtCounter => None,
        }
    }

    /// Returns the latest promised time.
    pub fn promised_at(&self) -> DateTime<Utc> {
        self.promises.last().map_or(self.placed_at, |promise| promise.promised_at)
    }

    /// Whether it reached the customer after the latest promise.
    pub fn is_late(&self) -> bool {
        self.completed_at.is_some_and(|at| at > self.promised_at())
    }

    fn pay(&mut self, kind: PaymentKind, method: PaymentMethod, amount: Cents, at: DateTime<Utc>) {
        self.payments.push(Payment { kind, method, amount, at });
        match kind {
            PaymentKind::Captured => self.paid = self.paid + amount,
            PaymentKind::Refunded => self.paid = self.paid - amount,
            PaymentKind::Authorised | PaymentKind::Declined => {}
        }
    }

    fn change_lines(&mut self, ends: impl Fn(u32) -> bool, quantities: &[LineQuantity], added: &[SoldLine]) {
        let highest = self.highest_line().max(self.last_line);
        self.lines.retain(|line| !ends(line.line));
        for new in quantities {
            for line in self.lines.iter_mut().filter(|line| line.line == new.line) {
                line.quantity = new.quantity;
                line.total = line.unit_price.times(new.quantity);
            }
        }
        self.lines.extend(added.iter().map(OrderLine::from));
        self.lines.sort_by_key(|line| line.line);
        self.last_line = if highest > self.highest_line() { highest } else { 0 };
    }

    pub(super) fn evolve(&mut self, event: &OrderEvent) {
        match event {
            // Only the first event of a stream places or refuses.
            OrderEvent::OrderPlaced { .. } | OrderEvent::OrderRefused { .. } => {}
            OrderEvent::OrderLinesChanged {
                added,
                removed,
                quantities,
                replaces,
                needs,
                pricing,
                promise,
                notes,
                unnoted,
                at,
            } => {
                let ends = |line: u32| *replaces || removed.contains(&line);
                self.change_lines(ends, quantities, added);
                if *replaces {
                    // Version 1 numbered the lines anew.
                    self.last_line = 0;
                    self.needs.clone_from(needs);
                }
                let fee = self.pricing.delivery_fee;
                self.pricing = pricing.clone().unwrap_or_else(|| Pricing::of(&self.lines, fee));
                let renewed = |note: &NoteRef| {
                    notes.iter().any(|new| new.line == note.line && new.purpose == note.purpose)
                };
                self.notes.retain(|note| {
                    !note.line.is_some_and(|line| ends(line) || unnoted.contains(&line)) && !renewed(note)
                });
                self.notes.extend(notes.iter().cloned());
                self.promises.extend(promise.map(|new| Promise { promised_at: new.at, given_at: *at }));
                self.place_once_paid(*at);
            }
            OrderEvent::OrderCancelled { reason, at, note } => {
                self.cancel_note.clone_from(note);
                self.progress =
                    Progress::Cancelled { at: *at, reason: *reason, was_started: self.started_at.is_some() };
            }
            OrderEvent::OrderExpired { at } => self.progress = Progress::Expired { at: *at },
            OrderEvent::PaymentAuthorised { amount, at, .. } => {
                self.pay(PaymentKind::Authorised, PaymentMethod::Online, *amount, *at);
            }
            OrderEvent::PaymentCaptured { method, amount, at, .. } => {
                self.pay(PaymentKind::Captured, *method, *amount, *at);
                self.place_once_paid(*at);
            }
            OrderEvent::PaymentDeclined { amount, at, .. } => {
                self.pay(PaymentKind::Declined, PaymentMethod::Online, *amount, *at);
            }
            OrderEvent::PaymentRefunded { method, amount, at, note } => {
                self.refund_notes.extend(note.iter().cloned());
                self.pay(PaymentKind::Refunded, *method, *amount, *at);
            }
            OrderEvent::PreparationStarted { by, at } => {
                self.started_at = Some(*at);
                self.prepared_by = *by;
                self.progress = Progress::InPreparation { since: *at };
            }
            OrderEvent::ItemBaked { line, .. } => {
                for item in self.lines.iter_mut().filter(|item| item.line == *line) {
                    item.baked = true;
                }
            }
            OrderEvent::OrderReady { at, .. } => {
                // A ready order is baked, whether or not its lines were marked one by one.
                for item in &mut self.lines {
                    item.baked = true;
                }
                self.ready_at = Some(*at);
                self.progress = Progress::Ready { since: *at };
            }
            OrderEvent::OrderHandedOver { at } => {
                self.completed_at = Some(*at);
                self.progress = Progress::HandedOver { at: *at };
            }
            OrderEvent::OrderOutForDelivery { at } => {
                self.out_at = Some(*at);
                self.progress = Progress::OutForDelivery { since: *at };
            }
            OrderEvent::OrderDelivered { at } => {
                self.completed_at = Some(*at);
                self.progress = Progress::Delivered { at: *at };
            }
            OrderEvent::OrderNotDelivered { reason, at } => {
                self.progress = Progress::NotDelivered { at: *at, reason: *reason };
            }
            OrderEvent::OrderReturned { at } => self.progress = Progress::Returned { at: *at },
        }
    }

    /// Places an order that awaited payment once nothing is due.
    fn place_once_paid(&mut self, at: DateTime<Utc>) {
        if matches!(self.progress, Progress::AwaitingPayment { .. }) && self.paid >= self.pricing.total {
            self.progress = Progress::Placed { since: at };
        }
    }
}
