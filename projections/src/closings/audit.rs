//! Counts every closing again from the log, in one pass, and names the first that differs.

use std::collections::BTreeMap;

use domain::closing::{ClosingEvent, DayClosing, Totals};
use domain::ids::PizzeriaId;
use domain::{Event, LogPosition, StreamType};
use event_store::log::{self, EventFilter};
use sqlx::PgPool;

use super::tally::{BATCH, ClosingsError, Tally};

/// What the audit found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// How many closings there are.
    pub closings: u64,
    /// How many events were counted.
    pub events: u64,
    /// Of the closings that differ from the log, the first by position.
    pub wrong: Option<WrongClosing>,
}

/// A closing that is not what the log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongClosing {
    /// The event that closed the day.
    pub position: LogPosition,
    /// The closing.
    pub closing: Box<DayClosing>,
    /// What about it is wrong.
    pub what: &'static str,
}

/// A closing, and where it is.
type Closed = (LogPosition, DayClosing);

/// Reads the log up to the last closing's end; `progress` is told how far, and how far it goes.
///
/// # Errors
/// When the log cannot be read.
pub async fn audit(
    pool: &PgPool,
    progress: &mut dyn FnMut(LogPosition, LogPosition),
) -> Result<AuditReport, ClosingsError> {
    let closings = all(pool).await?;
    let last = closings.iter().map(|(_, closing)| closing.upto).max().unwrap_or_default();
    let mut report = AuditReport { closings: 0, events: 0, wrong: None };
    let mut books = Books::default();
    for closed in closings {
        report.closings += 1;
        books.waiting.entry(closed.1.pizzeria.clone()).or_default().push(closed);
    }
    let mut tally = Tally::new(pool.clone());
    let mut at = LogPosition::START;
    while at < last {
        let entries = log::read_after(pool, at, BATCH).await?;
        let Some(end) = entries.last().map(event_store::LogEntry::position) else { break };
        for entry in entries {
            books.compare(&mut tally, entry.position(), &mut report);
            tally.count(&entry).await?;
            report.events += 1;
        }
        at = end;
        progress(at.min(last), last);
    }
    books.compare(&mut tally, LogPosition(i64::MAX), &mut report);
    Ok(report)
}

/// Every closing, by position.
async fn all(pool: &PgPool) -> Result<Vec<Closed>, ClosingsError> {
    let mut filter = EventFilter { kinds: vec![StreamType::Closing], ..EventFilter::default() };
    let mut closings = Vec::new();
    loop {
        let entries = log::search(pool, &filter, BATCH, false).await?;
        let Some(end) = entries.last().map(event_store::LogEntry::position) else { return Ok(closings) };
        filter.after = Some(end);
        for entry in entries {
            let event = entry.readable()?;
            match &event.event {
                Event::Closing(ClosingEvent::DayClosed { closing, .. }) => {
                    closings.push((event.position, (**closing).clone()));
                }
                Event::Order(_)
                | Event::Stock(_)
                | Event::Delivery(_)
                | Event::Pizzeria(_)
                | Event::Menu(_)
                | Event::Staff(_)
                | Event::Customer(_) => {}
            }
        }
    }
}

/// The closings that are still to be compared, and where each pizzeria's last one ended.
#[derive(Default)]
struct Books {
    waiting: BTreeMap<PizzeriaId, Vec<Closed>>,
    before: BTreeMap<PizzeriaId, DayClosing>,
}

impl Books {
    /// Compares the closings whose part of the log ends before a position.
    fn compare(&mut self, tally: &mut Tally, position: LogPosition, report: &mut AuditReport) {
        for (pizzeria, closings) in &mut self.waiting {
            while closings.first().is_some_and(|(_, closing)| closing.upto < position) {
                let (at, closing) = closings.remove(0);
                let counted = tally.ledger.take(pizzeria);
                let what = difference(self.before.get(pizzeria), &closing, &counted);
                let is_first = report.wrong.as_ref().is_none_or(|wrong| at < wrong.position);
                if let Some(what) = what.filter(|_| is_first) {
                    let closing = Box::new(closing.clone());
                    report.wrong = Some(WrongClosing { position: at, closing, what });
                }
                self.before.insert(pizzeria.clone(), closing);
            }
        }
    }
}

/// What is wrong about a closing.
fn difference(before: Option<&DayClosing>, closing: &DayClosing, counted: &Totals) -> Option<&'static str> {
    let (after, number, day, sum) = match before {
        Some(before) => {
            (before.upto, before.number + 1, before.day.succ_opt(), before.cumulative.plus(counted))
        }
        None => (LogPosition::START, 1, Some(closing.day), counted.clone()),
    };
    if closing.day != day.unwrap_or(closing.day) {
        Some("its day does not follow the closing before")
    } else if closing.number != number {
        Some("its number does not follow the closing before")
    } else if closing.after != after {
        Some("its part of the log does not follow the closing before")
    } else if closing.totals != *counted {
        Some("its figures are not those of the log")
    } else if closing.cumulative != sum {
        Some("its cumulative figures do not add up")
    } else {
        None
    }
}
