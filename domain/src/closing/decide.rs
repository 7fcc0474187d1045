//! Decisions: the events that follow from a command, or its refusal. Pure; never changes the state.

use super::{Closing, ClosingCommand, ClosingError, ClosingEvent, DayClosing};

/// Returns the events that follow from a command.
///
/// # Errors
/// A [`ClosingError`] if the command is refused.
pub fn decide(state: &Closing, command: ClosingCommand) -> Result<Vec<ClosingEvent>, ClosingError> {
    match command {
        ClosingCommand::CloseDay { pizzeria, day, after, upto, totals, head, now } => {
            if let Some(closed) = state.day.filter(|closed| *closed >= day) {
                return Err(ClosingError::AlreadyClosed { day: closed });
            }
            if after != state.upto || upto < after {
                return Err(ClosingError::NotNext);
            }
            let closing = DayClosing {
                pizzeria,
                day,
                number: state.number.saturating_add(1),
                after,
                upto,
                cumulative: state.cumulative.plus(&totals),
                totals,
                head,
            };
            Ok(vec![ClosingEvent::DayClosed { closing: Box::new(closing), at: now }])
        }
    }
}
