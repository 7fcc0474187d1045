//! Model of a kitchen that makes a fixed number of orders at once, the oldest first, each in its recorded
//! time. It ignores working hours, and that a full kitchen is slower.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::order::PlacedOrder;

/// Order in the kitchen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    /// When it was queued.
    pub(super) queued: DateTime<Utc>,
    /// Preparation time.
    pub(super) takes: TimeDelta,
    /// Time from the kitchen to the customer.
    pub(super) then: TimeDelta,
    /// Promised time.
    pub(super) promised: DateTime<Utc>,
}

/// Returns when each job reaches its customer, in the order of the queue.
pub(super) fn finish(mut jobs: Vec<Job>, at_once: usize) -> Vec<(Job, DateTime<Utc>)> {
    jobs.sort_by_key(|job| job.queued);
    let mut busy: BinaryHeap<Reverse<DateTime<Utc>>> = BinaryHeap::new();
    jobs.into_iter()
        .map(|job| {
            let mut start = job.queued;
            if busy.len() >= at_once.max(1)
                && let Some(Reverse(free)) = busy.pop()
            {
                start = start.max(free);
            }
            let ready = start + job.takes;
            busy.push(Reverse(ready));
            let done = ready + job.then;
            (job, done)
        })
        .collect()
}

/// Returns the maximum of these orders in preparation at once. One that ends at the instant at which another
/// begins makes room for it.
pub(super) fn busiest<'a>(orders: impl Iterator<Item = &'a PlacedOrder>) -> usize {
    let spans = orders.filter_map(|order| Some((order.started_at?, order.ready_at?)));
    most(spans)
}

/// Returns the maximum of overlapping spans.
pub(super) fn most(spans: impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)>) -> usize {
    let mut steps: Vec<(DateTime<Utc>, bool)> =
        spans.flat_map(|(from, to)| [(from, true), (to, false)]).collect();
    steps.sort_unstable();
    let (mut now, mut most) = (0_usize, 0);
    for (_, begins) in steps {
        now = if begins { now + 1 } else { now.saturating_sub(1) };
        most = most.max(now);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    fn job(queued: i64, takes: i64) -> Job {
        let minutes = TimeDelta::minutes;
        Job { queued: at(queued), takes: minutes(takes), then: minutes(1), promised: at(queued + 10) }
    }

    fn done(jobs: Vec<Job>, at_once: usize) -> Vec<DateTime<Utc>> {
        finish(jobs, at_once).into_iter().map(|(_, done)| done).collect()
    }

    #[test]
    fn makes_the_oldest_order_first() {
        let jobs = || vec![job(2, 5), job(0, 10), job(1, 4)];
        assert_eq!(done(jobs(), 1), [at(11), at(15), at(20)]);
        assert_eq!(done(jobs(), 2), [at(11), at(6), at(11)]);
        assert_eq!(done(jobs(), 9), [at(11), at(6), at(8)]);
    }

    #[test]
    fn counts_the_maximum_of_overlapping_spans() {
        assert_eq!(most([(at(0), at(5)), (at(5), at(9)), (at(4), at(6))].into_iter()), 2);
        assert_eq!(most(std::iter::empty()), 0);
    }
}
