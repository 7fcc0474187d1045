//! Recomputes every closing from the log in one pass, and names the first that differs.

use std::collections::BTreeMap;

use domain::closing::{ClosingEvent, DayClosing, Totals};
use domain::ids::PizzeriaId;
use domain::{Event, LogPosition, StreamType};
use event_store::log::{self, EventFilter};
use sqlx::PgPool;

use super::tally::{BATCH_ENTRIES, ClosingsError, Tally};

/// Result of [`audit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// Number of closings.
    pub closings: u64,
    /// Number of events counted.
    pub events: u64,
    /// The first closing, by position, that differs from the log.
    pub wrong: Option<WrongClosing>,
}

/// A closing that differs from the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongClosing {
    /// Position of the event that closed the day.
    pub position: LogPosition,
    /// The closing.
    pub closing: Box<DayClosing>,
    /// The difference.
    pub what: &'static str,
}

/// A closing with its position.
type Closed = (LogPosition, DayClosing);

/// Audits every closing. `progress` gets the position reached and the last one.
///
/// # Errors
/// The log cannot be read.
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
        let entries = log::read_after(pool, at, BATCH_ENTRIES).await?;
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

/// Returns every closing by position.
async fn all(pool: &PgPool) -> Result<Vec<Closed>, ClosingsError> {
    let mut filter = EventFilter { kinds: vec![StreamType::Closing], ..EventFilter::default() };
    let mut closings = Vec::new();
    loop {
        let entries = log::search(pool, &filter, BATCH_ENTRIES, false).await?;
        let Some(end) = entries.last().map(event_store::LogEntry::position) else { return Ok(closings) };
        filter.after = Some(end);
        for entry in entries {
            let event = entry.readable()?;
            for happened in &event.events {
                match happened {
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
}

/// The closings to compare, and the previous closing of each pizzeria.
#[derive(Default)]
struct Books {
    waiting: BTreeMap<PizzeriaId, Vec<Closed>>,
    before: BTreeMap<PizzeriaId, DayClosing>,
}

impl Books {
    /// Compares the closings that end before a position.
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

/// Returns how a closing differs from its predecessor and the figures counted.
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
