//! Decisions: the events that follow from a command, or its refusal. Pure; never changes the state.

use super::{Customer, CustomerCommand, CustomerError, CustomerEvent, Registered};

/// Returns the events that follow from a command.
///
/// # Errors
/// A [`CustomerError`] if the command is refused.
pub fn decide(state: &Customer, command: CustomerCommand) -> Result<Vec<CustomerEvent>, CustomerError> {
    match command {
        CustomerCommand::Register { customer, now } => match state {
            Customer::NotRegistered => Ok(vec![CustomerEvent::CustomerRegistered { customer, at: now }]),
            Customer::Registered(_) => Err(CustomerError::AlreadyRegistered),
            Customer::Erased => Err(CustomerError::AlreadyErased),
        },
        CustomerCommand::VerifyEmail { now } => {
            if registered(state)?.email_verified {
                return Ok(Vec::new());
            }
            Ok(vec![CustomerEvent::CustomerEmailVerified { at: now }])
        }
        CustomerCommand::Update { changed, now } => {
            registered(state)?;
            if changed.is_empty() {
                return Err(CustomerError::NothingToChange);
            }
            Ok(vec![CustomerEvent::CustomerAccountUpdated { changed, at: now }])
        }
        CustomerCommand::ChangePassword { reset, now } => {
            registered(state)?;
            Ok(vec![CustomerEvent::CustomerPasswordChanged { reset, at: now }])
        }
        // Accounts may be older than customers' streams; they can be erased too.
        CustomerCommand::Erase { now } => match state {
            Customer::NotRegistered | Customer::Registered(_) => {
                Ok(vec![CustomerEvent::CustomerErased { at: now }])
            }
            Customer::Erased => Err(CustomerError::AlreadyErased),
        },
    }
}

fn registered(state: &Customer) -> Result<&Registered, CustomerError> {
    match state {
        Customer::Registered(registered) => Ok(registered),
        Customer::NotRegistered => Err(CustomerError::NotFound),
        Customer::Erased => Err(CustomerError::AlreadyErased),
    }
}
