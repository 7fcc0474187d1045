//! Decisions: the events that follow from a command, or its refusal. Pure; never changes the state.

use chrono::{DateTime, Utc};

use super::{
    Changes, OpenedPizzeria, Pizzeria, PizzeriaCommand, PizzeriaError, PizzeriaEvent, UnpaidChanges,
};
use crate::money::Cents;
use crate::note::Reason;

/// Maximum length of a name or address, in characters.
const TEXT_MAX: usize = 200;
/// Maximum delivery radius, in metres.
pub const RADIUS_MAX_M: u32 = 50_000;

/// Returns the events that follow from a command.
///
/// # Errors
/// A [`PizzeriaError`] if the command is refused.
pub fn decide(state: &Pizzeria, command: PizzeriaCommand) -> Result<Vec<PizzeriaEvent>, PizzeriaError> {
    match (state, command) {
        (Pizzeria::NotOpened, PizzeriaCommand::Open { opening, now }) => {
            check_text("name", &opening.name)?;
            check_text("address", &opening.address)?;
            check_radius(opening.radius_m)?;
            check_amount("delivery_fee", opening.delivery_fee)?;
            check_amount("minimum", opening.minimum)?;
            check_unpaid(&opening.unpaid)?;
            Ok(vec![PizzeriaEvent::PizzeriaOpened { opening, at: now }])
        }
        (Pizzeria::Opened(_), PizzeriaCommand::Open { .. }) => Err(PizzeriaError::AlreadyOpened),
        (Pizzeria::Opened(pizzeria), PizzeriaCommand::Update { mut changes, days, closed, now }) => {
            if !days.spans().is_empty() || !closed.is_empty() {
                changes.hours = Some(pizzeria.hours.with_days(&days, &closed));
            }
            check_changes(&changes)?;
            Ok(vec![PizzeriaEvent::PizzeriaUpdated { changes, at: now }])
        }
        (Pizzeria::Opened(pizzeria), PizzeriaCommand::Pause { reason, until, now }) => {
            pause(pizzeria, reason, until, now)
        }
        (Pizzeria::Opened(pizzeria), PizzeriaCommand::Resume { now }) => {
            if !pizzeria.is_paused(now) {
                return Err(PizzeriaError::NotPaused);
            }
            Ok(vec![PizzeriaEvent::PizzeriaResumed { at: now }])
        }
        (
            Pizzeria::NotOpened,
            PizzeriaCommand::Update { .. } | PizzeriaCommand::Pause { .. } | PizzeriaCommand::Resume { .. },
        ) => Err(PizzeriaError::NotFound),
    }
}

fn check_changes(changes: &Changes) -> Result<(), PizzeriaError> {
    if *changes == Changes::default() {
        return Err(PizzeriaError::NothingToChange);
    }
    changes.name.as_deref().map_or(Ok(()), |name| check_text("name", name))?;
    changes.radius_m.map_or(Ok(()), check_radius)?;
    changes.delivery_fee.map_or(Ok(()), |fee| check_amount("delivery_fee", fee))?;
    changes.minimum.map_or(Ok(()), |minimum| check_amount("minimum", minimum))?;
    check_unpaid(&changes.unpaid)
}

/// Pauses, or replaces the end of a running pause, which keeps its reason unless another is given.
fn pause(
    pizzeria: &OpenedPizzeria,
    reason: Reason,
    until: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Vec<PizzeriaEvent>, PizzeriaError> {
    let running = pizzeria.pause.as_ref().filter(|_| pizzeria.is_paused(now));
    let reason = match running {
        Some(running) if reason.is_empty() => running.reason.clone(),
        Some(_) | None => reason,
    };
    if running.is_some_and(|running| running.until == until && running.reason == reason) {
        return Err(PizzeriaError::AlreadyPaused);
    }
    if until.is_some_and(|until| until <= now) {
        return Err(PizzeriaError::PauseInThePast);
    }
    Ok(vec![PizzeriaEvent::PizzeriaPaused { reason, until, at: now }])
}

fn check_text(field: &'static str, text: &str) -> Result<(), PizzeriaError> {
    if !text.trim().is_empty() && text.chars().count() <= TEXT_MAX {
        Ok(())
    } else {
        Err(PizzeriaError::OutOfRange { field: field.into() })
    }
}

fn check_radius(radius_m: u32) -> Result<(), PizzeriaError> {
    if radius_m <= RADIUS_MAX_M {
        Ok(())
    } else {
        Err(PizzeriaError::OutOfRange { field: "radius_m".into() })
    }
}

fn check_unpaid(limits: &UnpaidChanges) -> Result<(), PizzeriaError> {
    if limits.is_in_range() { Ok(()) } else { Err(PizzeriaError::OutOfRange { field: "unpaid".into() }) }
}

fn check_amount(field: &'static str, amount: Cents) -> Result<(), PizzeriaError> {
    if (Cents::ZERO..=Cents::MAX_INPUT).contains(&amount) {
        Ok(())
    } else {
        Err(PizzeriaError::OutOfRange { field: field.into() })
    }
}
