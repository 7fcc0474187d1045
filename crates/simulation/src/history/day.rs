//! Plan of a day: orders and other tasks of each pizzeria. Days are planned so that the last one ends with the requested
//! number of events.

use chrono::{Datelike, Days, NaiveDate, Weekday};
use rand::Rng;

use super::SimulateError;
use super::agenda::Task;
use super::play::{Play, at};

/// Estimated events per order, until enough orders were simulated.
const EVENTS_PER_ORDER: f64 = 13.0;
/// Shares of the pizzerias in the orders.
const SHARES: [f64; 5] = [1.2, 1.3, 1.0, 0.9, 0.7];

/// Hours and minutes as seconds after midnight.
const fn clock(hour: u32, minute: u32) -> u32 {
    hour * 3_600 + minute * 60
}

/// Times of orders: lunch and dinner (DOMAIN.md, the group's hours).
const LUNCH: (u32, u32) = (clock(11, 30), clock(13, 50));
const DINNER: (u32, u32) = (clock(18, 0), clock(22, 15));

impl Play {
    pub(super) fn day(&mut self, day: NaiveDate) -> Result<(), SimulateError> {
        let Some(tomorrow) = day.checked_add_days(Days::new(1)) else { return Ok(()) };
        self.agenda.note(at(tomorrow, 0), Task::Day(tomorrow));
        let orders = self.orders_of(day);
        for branch in 0..self.branches.len() {
            self.plan(branch, day, orders);
        }
        if day.day() == 15 && day.month().is_multiple_of(3) {
            self.agenda.note(at(day, clock(9, 5)), Task::Publish);
        }
        Ok(())
    }

    /// Returns the number of orders of a day, of all pizzerias.
    fn orders_of(&self, day: NaiveDate) -> f64 {
        #[allow(clippy::cast_precision_loss)] // far below 2^53
        let count = |number: u64| number as f64;
        let played = u64::try_from((day - self.first_day).num_days()).unwrap_or_default();
        let an_order =
            if self.asked < 500 { EVENTS_PER_ORDER } else { count(self.emitted()) / count(self.asked) };
        let left = count(self.wanted.saturating_sub(self.emitted()));
        let days = count(self.days.saturating_sub(played).max(1));
        // Events that the last day lacks are played on the next day.
        (left / days / an_order).max(20.0) * weight(day.weekday())
    }

    fn plan(&mut self, branch: usize, day: NaiveDate, orders: f64) {
        let shares: f64 = SHARES.iter().take(self.branches.len()).sum();
        let share = SHARES.get(branch).copied().unwrap_or(1.0) / shares;
        let mean = orders * share * self.rng.random_range(0.85..1.15);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a few hundred
        let orders = mean.round() as u32;
        for _ in 0..orders {
            let lunch = day.weekday() != Weekday::Sun && self.chance(30);
            let (from, to) = if lunch { LUNCH } else { DINNER };
            // The mean of two random times: most orders come in the middle.
            let moment = (self.rng.random_range(from..to) + self.rng.random_range(from..to)) / 2;
            self.plan_at(day, moment, Task::Place { branch });
        }
        self.plan_at(day, clock(10, 10), Task::Supply { branch, orders });
        self.plan_at(day, clock(16, 40), Task::Supply { branch, orders });
        self.plan_at(day, clock(23, 20), Task::Count { branch });
        let waste = self.rng.random_range(clock(11, 0)..clock(22, 0));
        let occasions = [
            (60, waste, Task::Waste { branch }),
            (8, clock(19, 10), Task::Waste { branch }),
            (30, clock(19, 40), Task::Transfer { branch }),
            (15, clock(20, 15), Task::CountShort { branch }),
            (12, clock(18, 40), Task::Block { branch }),
            (4, clock(20, 5), Task::Pause { branch }),
            (3, clock(9, 30), Task::Threshold { branch }),
        ];
        for (percent, moment, task) in occasions {
            if self.chance(percent) {
                self.plan_at(day, moment, task);
            }
        }
    }

    /// Schedules a task at a random time within a minute.
    fn plan_at(&mut self, day: NaiveDate, moment: u32, task: Task) {
        let micros = self.rng.random_range(0..60_000_000);
        self.agenda.note(at(day, moment) + chrono::TimeDelta::microseconds(micros), task);
    }
}

fn weight(day: Weekday) -> f64 {
    match day {
        Weekday::Fri | Weekday::Sat => 1.3,
        Weekday::Sun => 0.9,
        Weekday::Mon | Weekday::Tue => 0.8,
        Weekday::Wed | Weekday::Thu => 0.95,
    }
}
