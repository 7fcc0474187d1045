//! Queue of tasks by time; tasks of the same time keep their order of insertion.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use domain::ids::{IngredientCode, ItemCode, OrderId, StaffId};
use domain::usecase::{BasketLine, UseCase};
use event_store::CommandContext;

/// An order under way, its pizzeria and customer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    pub(super) order: OrderId,
    /// Index of the pizzeria.
    pub(super) branch: usize,
    /// Index of the customer; `None` for orders by phone and at the counter.
    pub(super) customer: Option<usize>,
}

/// A scheduled task.
#[derive(Debug)]
pub(super) enum Task {
    /// A day begins.
    Day(NaiveDate),
    /// A customer orders.
    Place {
        branch: usize,
    },
    /// A customer pays online; the payment may be declined.
    PayOnline {
        ticket: Ticket,
        declined: bool,
    },
    ChangeLines {
        ticket: Ticket,
        lines: Vec<BasketLine>,
    },
    Cancel {
        ticket: Ticket,
    },
    Expire {
        ticket: Ticket,
    },
    Start {
        ticket: Ticket,
    },
    Bake {
        ticket: Ticket,
        line: u32,
    },
    Ready {
        ticket: Ticket,
    },
    HandOver {
        ticket: Ticket,
    },
    Claim {
        ticket: Ticket,
    },
    Unassign {
        ticket: Ticket,
        courier: StaffId,
    },
    PickUp {
        ticket: Ticket,
        courier: StaffId,
    },
    Arrive {
        ticket: Ticket,
        courier: StaffId,
        wrong_code: bool,
    },
    Refund {
        ticket: Ticket,
        percent: i64,
    },
    Forget {
        ticket: Ticket,
    },
    Supply {
        branch: usize,
        orders: u32,
    },
    Count {
        branch: usize,
    },
    CountShort {
        branch: usize,
    },
    Waste {
        branch: usize,
    },
    Transfer {
        branch: usize,
    },
    Threshold {
        branch: usize,
    },
    Block {
        branch: usize,
    },
    Unblock {
        branch: usize,
        pizza: ItemCode,
    },
    Pause {
        branch: usize,
    },
    Resume {
        branch: usize,
    },
    /// The director changes a price.
    Publish,
    /// A policy's command.
    React {
        use_case: Arc<dyn UseCase>,
        context: Box<CommandContext>,
    },
}

struct Entry {
    at: DateTime<Utc>,
    rank: u64,
    task: Task,
}

/// Reversed, because the heap returns the greatest entry first.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.rank).cmp(&(self.at, self.rank))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

#[derive(Default)]
pub(super) struct Agenda {
    entries: BinaryHeap<Entry>,
    noted: u64,
}

impl Agenda {
    pub(super) fn note(&mut self, at: DateTime<Utc>, task: Task) {
        self.noted += 1;
        self.entries.push(Entry { at, rank: self.noted, task });
    }

    pub(super) fn next(&mut self) -> Option<(DateTime<Utc>, Task)> {
        self.entries.pop().map(|entry| (entry.at, entry.task))
    }
}

/// An ingredient and a quantity.
pub(super) type Amount = (IngredientCode, u32);
