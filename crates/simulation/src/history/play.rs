//! The simulation: executes tasks in order of time, until there are enough events.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Europe::Paris;
use domain::access::{Actor, Role};
use domain::usecase::{Refusal, UseCase};
use event_store::CommandContext;
use event_store::bulk::Rows;
use identity::accounts::Account;
use projections::Reaction;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::agenda::{Agenda, Task, Ticket};
use super::journal::Journal;
use super::people::{self, Branch, Customer};
use super::world::World;
use super::{Answered, Ending, Options, SimulateError, Summary};
use crate::demo;

pub(super) struct Play {
    pub(super) world: World,
    pub(super) agenda: Agenda,
    pub(super) rng: StdRng,
    pub(super) branches: Vec<Branch>,
    pub(super) customers: Vec<Customer>,
    pub(super) director: Option<Account>,
    /// Current time of the simulated clock.
    pub(super) now: DateTime<Utc>,
    /// Time from which each kitchen can start another order.
    pub(super) kitchen_free: Vec<DateTime<Utc>>,
    /// Requested number of events.
    pub(super) wanted: u64,
    pub(super) first_day: NaiveDate,
    pub(super) days: u64,
    /// Orders so far, from which a day is planned.
    pub(super) asked: u64,
    /// Supplies so far; numbers the delivery notes.
    pub(super) supplies: u64,
    refusals: BTreeMap<&'static str, u64>,
}

/// Returns the begin of a history: 08:00 local time.
pub(super) fn begin(day: NaiveDate) -> DateTime<Utc> {
    at(day, 8 * 3_600)
}

/// Returns a time of a day, in seconds after midnight, local time.
pub(super) fn at(day: NaiveDate, seconds: u32) -> DateTime<Utc> {
    let local = day.and_time(chrono::NaiveTime::MIN) + TimeDelta::seconds(i64::from(seconds));
    // A local time that a change to summer time skips is taken an hour later.
    let found = Paris.from_local_datetime(&local).earliest();
    let found = found.or_else(|| Paris.from_local_datetime(&(local + TimeDelta::hours(1))).earliest());
    found.map_or_else(|| local.and_utc(), |found| found.to_utc())
}

impl Play {
    pub(super) fn new(options: &Options, accounts: &[Account], batches: mpsc::Sender<Rows>) -> Self {
        let customers = people::customers(accounts);
        let branches = people::branches(accounts, &customers);
        let now = begin(options.first_day());
        Self {
            world: World::new(Journal::new(batches)),
            agenda: Agenda::default(),
            rng: StdRng::seed_from_u64(options.seed),
            kitchen_free: vec![now; branches.len()],
            branches,
            customers,
            director: accounts.iter().find(|account| account.role == Role::Director).cloned(),
            now,
            wanted: options.events,
            first_day: options.first_day(),
            days: options.days(),
            asked: 0,
            supplies: 0,
            refusals: BTreeMap::new(),
        }
    }

    /// Loads the initial data: the demo's, and an account for every customer.
    pub(super) fn found(&mut self, accounts: &[Account]) -> Result<Vec<Answered>, SimulateError> {
        let mut answered = Vec::new();
        for step in demo::steps(accounts, self.now).into_iter().flatten() {
            let context = step.context(self.command_id());
            let done = self.world.execute(&*step.use_case, &context, self.now)?;
            if let Some(refusal) = done.refusal {
                return Err(SimulateError::Refused(Box::new(refusal)));
            }
            answered.push(Answered {
                context,
                stream: done.stream,
                version: done.version,
                position: self.world.position(),
                recorded_at: self.now,
            });
        }
        Ok(answered)
    }

    /// Runs until there are enough events; open orders stay open.
    pub(super) fn run(&mut self) -> Result<(), SimulateError> {
        self.agenda.note(self.now, Task::Day(self.first_day));
        while self.emitted() < self.wanted {
            // Each day schedules the next, so the agenda is never empty.
            let Some((at, task)) = self.agenda.next() else { break };
            self.now = at;
            self.perform(task)?;
        }
        Ok(())
    }

    pub(super) fn end(mut self, answered: Vec<Answered>) -> Result<Ending, SimulateError> {
        self.world.journal.send()?;
        let (begins, ends) = self.world.journal.span();
        let summary = Summary {
            position: self.world.position(),
            begins,
            ends,
            events: std::mem::take(&mut self.world.journal.events),
            refusals: self.refusals,
        };
        let counted = self.world.journal.counted.clone();
        Ok(Ending { summary, counted, answered, snapshots: self.world.into_stocks() })
    }

    pub(super) fn emitted(&self) -> u64 {
        u64::try_from(self.world.position().0).unwrap_or_default()
    }

    fn perform(&mut self, task: Task) -> Result<(), SimulateError> {
        match task {
            Task::Day(day) => self.day(day),
            Task::Place { branch } => self.place(branch),
            Task::PayOnline { ticket, declined } => self.pay_online(ticket, declined),
            Task::ChangeLines { ticket, lines } => self.change_lines(ticket, lines),
            Task::Cancel { ticket } => self.cancel(ticket),
            Task::Expire { ticket } => self.expire(ticket),
            Task::Start { ticket } => self.start(ticket),
            Task::Bake { ticket, line } => self.bake(ticket, line),
            Task::Ready { ticket } => self.ready(ticket),
            Task::HandOver { ticket } => self.hand_over(ticket),
            Task::Claim { ticket } => self.claim(ticket),
            Task::Unassign { ticket, courier } => self.unassign(ticket, courier),
            Task::PickUp { ticket, courier } => self.pick_up(ticket, courier),
            Task::Arrive { ticket, courier, wrong_code } => self.arrive(ticket, courier, wrong_code),
            Task::Refund { ticket, percent } => self.refund(ticket, percent),
            Task::Forget { ticket } => {
                self.forget(ticket);
                Ok(())
            }
            Task::Supply { branch, orders } => self.supply(branch, orders),
            Task::Count { branch } => self.count(branch),
            Task::CountShort { branch } => self.count_short(branch),
            Task::Waste { branch } => self.waste(branch),
            Task::Transfer { branch } => self.transfer(branch),
            Task::Threshold { branch } => self.threshold(branch),
            Task::Block { branch } => self.block(branch),
            Task::Unblock { branch, pizza } => self.unblock(branch, pizza),
            Task::Pause { branch } => self.pause(branch),
            Task::Resume { branch } => self.resume(branch),
            Task::Publish => self.publish(),
            Task::React { use_case, context } => self.carry_out(&*use_case, &context).map(|_| ()),
        }
    }

    /// Executes a command of an actor; returns whether it was accepted.
    pub(super) fn ask(&mut self, actor: Actor, use_case: impl UseCase) -> Result<bool, SimulateError> {
        let correlation = uuid::Builder::from_random_bytes(self.rng.random()).into_uuid();
        let context = CommandContext::new(actor, self.command_id(), correlation.to_string());
        Ok(self.carry_out(&use_case, &context)?.is_none())
    }

    /// Executes a command, and schedules its reactions. Refusals are counted.
    pub(super) fn carry_out(
        &mut self,
        use_case: &dyn UseCase,
        context: &CommandContext,
    ) -> Result<Option<Refusal>, SimulateError> {
        // Time between request and storage.
        let recorded_at = self.now + TimeDelta::microseconds(self.rng.random_range(800..9_000));
        let done = self.world.execute(use_case, context, recorded_at)?;
        for Reaction { use_case, context, .. } in done.reactions {
            let after = TimeDelta::microseconds(self.rng.random_range(2_000..40_000));
            self.agenda.note(recorded_at + after, Task::React { use_case, context: Box::new(context) });
        }
        if let Some(refusal) = &done.refusal {
            *self.refusals.entry(refusal.code().as_str()).or_default() += 1;
        }
        Ok(done.refusal)
    }

    /// Schedules a task at a random time between two numbers of seconds from now.
    pub(super) fn later(&mut self, from: u32, to: u32, task: Task) {
        let micros = self.rng.random_range(i64::from(from) * 1_000_000..=i64::from(to) * 1_000_000);
        self.agenda.note(self.now + TimeDelta::microseconds(micros), task);
    }

    /// Returns a UUIDv7 of the simulated time.
    pub(super) fn command_id(&mut self) -> Uuid {
        let millis = u64::try_from(self.now.timestamp_millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &self.rng.random()).into_uuid()
    }

    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_ratio(percent, 100)
    }

    pub(super) fn receptionist(&mut self, branch: usize) -> Actor {
        let people = &self.branches[branch].receptionists;
        people[self.rng.random_range(0..people.len())].actor()
    }

    pub(super) fn pizzaiolo(&mut self, branch: usize) -> Actor {
        let people = &self.branches[branch].pizzaioli;
        people[self.rng.random_range(0..people.len())].actor()
    }

    pub(super) fn manager(&self, branch: usize) -> Actor {
        self.branches[branch].manager.actor()
    }

    pub(super) fn customer(&self, ticket: Ticket) -> Option<Actor> {
        Some(self.customers.get(ticket.customer?)?.account.actor())
    }
}

/// A command of a reaction or timer, shared.
pub(super) type Shared = Arc<dyn UseCase>;
