//! The timer that closes past business days, in order and exactly once. One process at a time runs it; if two do, the
//! version of the closings' stream lets one win, and the day's idempotency key returns its result to the other. After
//! downtime it closes the missed days one by one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use domain::closing::{ClosingCommand, ClosingError, TreeHead, business_day, business_day_end};
use domain::ids::PizzeriaId;
use domain::pizzeria::PizzeriaEvent;
use domain::usecase::{Refusal, ToClosing};
use domain::{AggregateState, Event, LogPosition, StreamId};
use event_store::{EventStore, log};
use sqlx::PgPool;

use super::tally::{BATCH_ENTRIES, ClosingsError, Tally};
use crate::leadership::Leadership;
use crate::reactor::timer_context;
use crate::runner::{Backoff, Chain};

/// Name of the lock.
pub(crate) const NAME: &str = "closer";
/// Interval between two looks at the clock.
const TICK_INTERVAL: Duration = Duration::from_secs(1);
/// Delay between the end of a day and its closing: longer than any running statement.
const CLOSING_DELAY: TimeDelta = TimeDelta::minutes(1);
/// Longest pause between two looks at the pizzerias.
const MAX_REST: TimeDelta = TimeDelta::minutes(5);

/// The timer.
pub(crate) struct Closer {
    pub(crate) pool: PgPool,
    pub(crate) store: EventStore,
    pub(crate) now: fn() -> DateTime<Utc>,
}

/// The part of the log that a closing covers: after a position and before an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    before: DateTime<Utc>,
    after: LogPosition,
}

/// The next step of the timer.
#[derive(Debug)]
enum Plan {
    /// Close these days with this part of the log.
    Close(Part, Vec<(PizzeriaId, NaiveDate)>),
    /// Do nothing before this instant.
    Rest(DateTime<Utc>),
}

impl Closer {
    /// Closes days while this process is the leader. Never ends.
    pub(crate) async fn run(self, leadership: Leadership) {
        let mut backoff = Backoff::default();
        loop {
            leadership.gained(NAME).await;
            let mut rest = DateTime::<Utc>::MIN_UTC;
            while leadership.holds(NAME) {
                if (self.now)() < rest {
                    tokio::time::sleep(TICK_INTERVAL).await;
                    continue;
                }
                match self.step().await {
                    Ok(until) => {
                        backoff.reset();
                        rest = until.unwrap_or(rest);
                    }
                    Err(error) => {
                        tracing::warn!(error = %Chain(&error), "days cannot be closed for now");
                        backoff.pause().await;
                    }
                }
            }
        }
    }

    /// Closes the earliest due days; or returns the instant before which none is due.
    async fn step(&self) -> Result<Option<DateTime<Utc>>, ClosingsError> {
        match self.plan().await? {
            Plan::Rest(until) => Ok(Some(until)),
            Plan::Close(part, days) => {
                self.close(part, days).await?;
                Ok(None)
            }
        }
    }

    async fn plan(&self) -> Result<Plan, ClosingsError> {
        let now = (self.now)();
        let mut due: BTreeMap<Part, Vec<(PizzeriaId, NaiveDate)>> = BTreeMap::new();
        let mut rest = now + MAX_REST;
        for (pizzeria, zone) in self.pizzerias().await? {
            let Some((day, after)) = self.next(&pizzeria, zone).await? else { continue };
            let Some(before) = business_day_end(day, zone) else { continue };
            if before + CLOSING_DELAY > now {
                rest = rest.min(before + CLOSING_DELAY);
            } else {
                due.entry(Part { before, after }).or_default().push((pizzeria, day));
            }
        }
        Ok(due.pop_first().map_or(Plan::Rest(rest), |(part, days)| Plan::Close(part, days)))
    }

    /// Returns every selling pizzeria with its time zone, from the log.
    async fn pizzerias(&self) -> Result<Vec<(PizzeriaId, Tz)>, ClosingsError> {
        let sql = "SELECT aggregate_id FROM events WHERE aggregate_type = 'pizzeria' AND sequence = 1";
        let ids: Vec<String> = sqlx::query_scalar(sql).fetch_all(&self.pool).await?;
        let mut pizzerias = Vec::new();
        for id in ids.iter().filter_map(|id| id.parse::<PizzeriaId>().ok()) {
            let (state, _) = self.store.load(&StreamId::pizzeria(&id)).await?;
            let AggregateState::Pizzeria(state) = state else { continue };
            if let Some(opened) = state.opened().filter(|_| !id.is_functional_check()) {
                pizzerias.push((id, opened.timezone));
            }
        }
        Ok(pizzerias)
    }

    /// Returns the next day to close, and the position after which its part of the log begins.
    async fn next(
        &self,
        pizzeria: &PizzeriaId,
        zone: Tz,
    ) -> Result<Option<(NaiveDate, LogPosition)>, ClosingsError> {
        let (state, _) = self.store.load(&StreamId::closing(pizzeria)).await?;
        let AggregateState::Closing(closed) = state else { return Ok(None) };
        if let Some(day) = closed.day {
            return Ok(day.succ_opt().map(|next| (next, closed.upto)));
        }
        let first = log::read_stream(&self.pool, &StreamId::pizzeria(pizzeria), 0, 1).await?;
        let opened = first.iter().flat_map(|recorded| &recorded.events).find_map(|event| match event {
            Event::Pizzeria(PizzeriaEvent::PizzeriaOpened { at, .. }) => Some(*at),
            Event::Pizzeria(
                PizzeriaEvent::PizzeriaUpdated { .. }
                | PizzeriaEvent::PizzeriaPaused { .. }
                | PizzeriaEvent::PizzeriaResumed { .. },
            )
            | Event::Order(_)
            | Event::Stock(_)
            | Event::Delivery(_)
            | Event::Menu(_)
            | Event::Staff(_)
            | Event::Customer(_)
            | Event::Closing(_) => None,
        });
        Ok(opened.map(|at| (business_day(at, zone), closed.upto)))
    }

    async fn close(&self, part: Part, days: Vec<(PizzeriaId, NaiveDate)>) -> Result<(), ClosingsError> {
        let (tally, upto) = self.tally(part).await?;
        let head = tree_head(&self.pool).await?;
        for (pizzeria, day) in days {
            let command = ClosingCommand::CloseDay {
                pizzeria: pizzeria.clone(),
                day,
                after: part.after,
                upto,
                totals: tally.ledger.totals(&pizzeria),
                head: head.clone(),
                now: (self.now)(),
            };
            let context = timer_context(NAME, &format!("{pizzeria}:{day}"));
            let close = ToClosing { pizzeria: pizzeria.clone(), command };
            match self.store.execute(Arc::new(close), context).await?.refusal {
                None => tracing::info!(%pizzeria, %day, "a day was closed"),
                Some(Refusal::Closing(ClosingError::AlreadyClosed { .. })) => {
                    tracing::debug!(%pizzeria, %day, "was closed before");
                }
                Some(refusal) => {
                    tracing::warn!(%pizzeria, %day, code = refusal.code().as_str(), "a day was not closed");
                }
            }
        }
        Ok(())
    }

    /// Counts a part of the log, and returns its last position.
    async fn tally(&self, part: Part) -> Result<(Tally, LogPosition), ClosingsError> {
        let mut tally = Tally::new(self.pool.clone());
        let mut at = part.after;
        loop {
            let entries = log::read_after(&self.pool, at, BATCH_ENTRIES).await?;
            if entries.is_empty() {
                return Ok((tally, at));
            }
            for entry in entries {
                if entry.recorded_at() >= part.before {
                    return Ok((tally, at));
                }
                tally.count(&entry).await?;
                at = entry.position();
            }
        }
    }
}

/// Returns the latest signed head of the log's tree.
async fn tree_head(pool: &PgPool) -> Result<Option<TreeHead>, sqlx::Error> {
    let sql = "SELECT size, root_hash, key_id FROM tree_heads ORDER BY size DESC LIMIT 1";
    let head: Option<(i64, Vec<u8>, String)> = sqlx::query_as(sql).fetch_optional(pool).await?;
    Ok(head.map(|(size, root, key_id)| TreeHead { size, root_hash: BASE64_STANDARD.encode(root), key_id }))
}
