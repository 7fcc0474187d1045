//! Orders on the web, by phone and at the counter, and their changes until preparation.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::access::Actor;
use domain::ids::{ContactId, CustomerId, OrderId};
use domain::money::Cents;
use domain::order::{
    CancelReason, Fulfilment, OnlinePayment, OrderChannel, OrderCommand, OrderStatus, Payment, PaymentIntent,
    PaymentKind, PaymentMethod,
};
use domain::pizzeria::Place;
use domain::usecase::{Basket, BasketLine, CancelOrder, ChangeOrderLines, ExpireOrder, PlaceOrder, ToOrder};
use rand::Rng;
use rand::seq::IndexedRandom;

use super::SimulateError;
use super::agenda::{Task, Ticket};
use super::people::somewhere;
use super::play::{Play, Shared};

/// Time after which an order is removed from memory: later than any task on it.
const ORDER_LIFETIME: TimeDelta = TimeDelta::hours(36);

/// Actor, channel and fulfilment of an order.
struct Way {
    actor: Actor,
    customer: Option<usize>,
    channel: OrderChannel,
    fulfilment: Fulfilment,
    payment: PaymentIntent,
    place: Option<Place>,
}

impl Play {
    pub(super) fn place(&mut self, branch: usize) -> Result<(), SimulateError> {
        self.asked += 1;
        let way = match self.rng.random_range(0..100) {
            0..55 => self.on_the_web(branch),
            55..80 => self.by_phone(branch),
            _ => self.at_the_counter(branch),
        };
        let pizzeria = self.branches[branch].opening.pizzeria.clone();
        let lines = self.basket(&pizzeria);
        let ticket = Ticket { order: OrderId(self.command_id()), branch, customer: way.customer };
        let customer = way.customer.map(|at| CustomerId(self.customers[at].account.id));
        let place = PlaceOrder {
            order: ticket.order,
            pizzeria,
            basket: Basket { fulfilment: way.fulfilment, lines, place: way.place },
            channel: way.channel,
            customer,
            contact: Some(self.contact()),
            payment: way.payment,
            expected_total: None,
            conditions: domain::usecase::Conditions::default(),
            now: self.now,
        };
        self.agenda.note(self.now + ORDER_LIFETIME, Task::Forget { ticket });
        if self.ask(way.actor, place)? {
            self.after_placing(ticket, way.payment);
        }
        Ok(())
    }

    fn on_the_web(&mut self, branch: usize) -> Way {
        let near = &self.branches[branch].customers;
        let customer = near[self.rng.random_range(0..near.len())];
        let delivered = self.chance(75);
        let payment = match (self.chance(60), delivered) {
            (true, _) => PaymentIntent::Online,
            (false, true) => PaymentIntent::OnDelivery,
            (false, false) => PaymentIntent::AtCounter,
        };
        Way {
            actor: self.customers[customer].account.actor(),
            customer: Some(customer),
            channel: OrderChannel::Web,
            fulfilment: if delivered { Fulfilment::Delivery } else { Fulfilment::Takeaway },
            payment,
            place: self.customers[customer].home.filter(|_| delivered),
        }
    }

    fn by_phone(&mut self, branch: usize) -> Way {
        Way {
            actor: self.receptionist(branch),
            customer: None,
            channel: OrderChannel::Phone,
            fulfilment: Fulfilment::Delivery,
            payment: PaymentIntent::OnDelivery,
            // Sometimes outside the delivery area.
            place: Some(somewhere(&mut self.rng, &self.branches[branch].opening, 1.02)),
        }
    }

    fn at_the_counter(&mut self, branch: usize) -> Way {
        Way {
            actor: self.receptionist(branch),
            customer: None,
            channel: OrderChannel::Counter,
            fulfilment: if self.chance(60) { Fulfilment::Takeaway } else { Fulfilment::OnSite },
            payment: PaymentIntent::AtCounter,
            place: None,
        }
    }

    /// Schedules the tasks of an accepted order.
    fn after_placing(&mut self, ticket: Ticket, payment: PaymentIntent) {
        let choice = self.rng.random_range(0..100);
        match choice {
            0..3 => self.later(20, 150, Task::Cancel { ticket }),
            3..7 => {
                let pizzeria = self.branches[ticket.branch].opening.pizzeria.clone();
                let lines = self.basket(&pizzeria);
                self.later(15, 60, Task::ChangeLines { ticket, lines });
            }
            _ => {}
        }
        if payment != PaymentIntent::Online {
            self.queue(ticket);
            return;
        }
        // Some are not paid: the order expires.
        if self.chance(96) {
            let declined = self.chance(7);
            self.later(25, 240, Task::PayOnline { ticket, declined });
        }
        self.later(601, 603, Task::Expire { ticket });
    }

    pub(super) fn pay_online(&mut self, ticket: Ticket, declined: bool) -> Result<(), SimulateError> {
        let Some(actor) = self.customer(ticket) else { return Ok(()) };
        if self.status(ticket) != Some(OrderStatus::AwaitingPayment) {
            return Ok(());
        }
        let outcome = if declined {
            OnlinePayment::Declined { reason: "card_declined".to_owned() }
        } else {
            let charge = uuid::Builder::from_random_bytes(self.rng.random()).into_uuid();
            OnlinePayment::Accepted { reference: format!("demo_{}", charge.simple()) }
        };
        let command = OrderCommand::PayOnline { outcome, now: self.now };
        if self.ask(actor, ToOrder { name: "payOnline", order: ticket.order, command })? {
            self.queue(ticket);
        } else if declined {
            self.later(20, 90, Task::PayOnline { ticket, declined: false });
        }
        Ok(())
    }

    pub(super) fn change_lines(
        &mut self,
        ticket: Ticket,
        lines: Vec<BasketLine>,
    ) -> Result<(), SimulateError> {
        if !matches!(self.status(ticket), Some(OrderStatus::AwaitingPayment | OrderStatus::Placed)) {
            return Ok(());
        }
        let actor = self.owner(ticket);
        let change = ChangeOrderLines {
            order: ticket.order,
            edits: domain::usecase::LineEdits::Whole(lines),
            notes: Vec::new(),
            unnoted: Vec::new(),
            expected_total: None,
            bound: domain::usecase::Bound::Vouched,
            load: domain::policies::promise::KitchenLoad::default(),
            now: self.now,
        };
        self.ask(actor, change).map(|_| ())
    }

    /// Cancels an order: its owner before preparation, the manager later.
    pub(super) fn cancel(&mut self, ticket: Ticket) -> Result<(), SimulateError> {
        let Some(status) = self.status(ticket) else { return Ok(()) };
        let early = matches!(status, OrderStatus::AwaitingPayment | OrderStatus::Placed);
        let late = status == OrderStatus::InPreparation || status == OrderStatus::Ready;
        if !early && !late {
            return Ok(());
        }
        let (actor, reason) = if early {
            (self.owner(ticket), CancelReason::CustomerRequest)
        } else {
            (self.manager(ticket.branch), CancelReason::Other)
        };
        let cancel = CancelOrder { order: ticket.order, reason, even_started: late, now: self.now };
        self.ask(actor, cancel).map(|_| ())
    }

    pub(super) fn expire(&mut self, ticket: Ticket) -> Result<(), SimulateError> {
        if self.status(ticket) == Some(OrderStatus::AwaitingPayment) {
            let expire: Shared = Arc::new(ExpireOrder { order: ticket.order, now: self.now });
            self.carry_out(&*expire, &projections::expiry_context(ticket.order))?;
        }
        Ok(())
    }

    /// Records payments of what is due.
    pub(super) fn take_payment(&mut self, ticket: Ticket, actor: Actor) -> Result<(), SimulateError> {
        let due = self.world.order(ticket.order).map_or(Cents::ZERO, |order| order.due());
        if due <= Cents::ZERO {
            return Ok(());
        }
        use PaymentMethod::{Card, Cash, Cheque, MealVoucher};
        let ways = [Card, Card, Card, Card, Card, Cash, Cash, Cash, MealVoucher, Cheque];
        let method = ways.choose(&mut self.rng).copied().unwrap_or(Card);
        // A meal voucher covers at most 11 euros.
        let parts = if method == MealVoucher && due > Cents(1_100) {
            vec![(MealVoucher, Cents(1_100)), (Card, due - Cents(1_100))]
        } else {
            vec![(method, due)]
        };
        for (method, amount) in parts {
            let command = OrderCommand::RecordPayment { method, amount, now: self.now };
            self.ask(actor.clone(), ToOrder { name: "recordPayment", order: ticket.order, command })?;
        }
        Ok(())
    }

    /// Refunds a share of the last payment, by the manager.
    pub(super) fn refund(&mut self, ticket: Ticket, percent: i64) -> Result<(), SimulateError> {
        let Some(order) = self.world.order(ticket.order) else { return Ok(()) };
        // Online payments are refunded on cancellation only.
        let by_hand = |payment: &&Payment| {
            payment.kind == PaymentKind::Captured && payment.method != PaymentMethod::Online
        };
        let captured = order.payments.iter().rev().find(by_hand);
        let Some(payment) = captured.filter(|_| order.paid > Cents::ZERO) else { return Ok(()) };
        let amount = Cents((payment.amount.0 * percent / 100).max(1));
        let command = OrderCommand::Refund { method: payment.method, amount, now: self.now };
        let manager = self.manager(ticket.branch);
        self.ask(manager, ToOrder { name: "refundOrder", order: ticket.order, command }).map(|_| ())
    }

    /// Removes a closed order from memory; reschedules itself for an open one.
    pub(super) fn forget(&mut self, ticket: Ticket) {
        if self.status(ticket).is_none_or(OrderStatus::is_closed) {
            self.world.forget(ticket.order);
        } else {
            self.agenda.note(self.now + ORDER_LIFETIME, Task::Forget { ticket });
        }
    }

    pub(super) fn status(&self, ticket: Ticket) -> Option<OrderStatus> {
        self.world.order(ticket.order).map(|order| order.status())
    }

    /// Returns a random id of personal data, as after its retention.
    pub(super) fn contact(&mut self) -> ContactId {
        ContactId(uuid::Builder::from_random_bytes(self.rng.random()).into_uuid())
    }

    /// Returns the customer, or the receptionist who took the order.
    fn owner(&mut self, ticket: Ticket) -> Actor {
        match self.customer(ticket) {
            Some(customer) => customer,
            None => self.receptionist(ticket.branch),
        }
    }
}
