//! What comes with a command, and what comes back.

use std::sync::Arc;

use domain::access::Actor;
use domain::ids::{ContactId, CustomerId, OrderId};
use domain::note::NoteRef;
use domain::usecase::Refusal;
use domain::{AggregateState, LogPosition, StreamId};
use uuid::Uuid;

/// A caller's promise that the same key means the same command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// 1 to 255 characters, in the actor's own name space.
    pub key: String,
    /// SHA-256 of the command's name and input.
    pub fingerprint: [u8; 32],
}

/// A row of personal data, stored outside the log in the transaction of the events that name it.
///
/// It is stored only when the command is not refused.
#[derive(Debug, Clone, PartialEq)]
pub struct NewContact {
    /// The random id that events carry.
    pub id: ContactId,
    /// Whose account it is given by or for.
    pub customer: Option<CustomerId>,
    /// The order that it is for.
    pub order: Option<OrderId>,
    /// Somebody's name.
    pub name: Option<String>,
    /// Telephone number.
    pub phone: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Street and number.
    pub street: Option<String>,
    /// Postcode.
    pub postcode: Option<String>,
    /// City.
    pub city: Option<String>,
    /// Degrees, WGS 84.
    pub latitude: Option<f64>,
    /// Degrees, WGS 84.
    pub longitude: Option<f64>,
    /// What the customer wants the pizzeria to know.
    pub note: Option<String>,
}

/// A note, stored outside the log in the transaction of the event that refers to it, and only when the command is
/// not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNote {
    /// What the event carries of it.
    pub note: NoteRef,
    /// The order that it is about; `None` for a stock.
    pub order: Option<OrderId>,
    /// Whose order, if they have an account.
    pub customer: Option<CustomerId>,
    /// What was written.
    pub text: String,
    /// Random; hashed before the text, so that the hash in the event does not give a short text away.
    pub salt: [u8; 16],
}

/// Who, why and under which promises: everything about a command but the command.
#[derive(Debug, Clone)]
pub struct CommandContext {
    /// Who acts.
    pub actor: Actor,
    /// This command, once; a reactor derives it from the event that it reacts to.
    pub command_id: Uuid,
    /// The request that it belongs to (`X-Request-Id`).
    pub correlation_id: String,
    /// The event that caused it, for reactors.
    pub causation: Option<LogPosition>,
    /// The caller's idempotency key.
    pub idempotency: Option<Idempotency>,
    /// The version of the primary stream that the caller has seen.
    pub expected_version: Option<i64>,
    /// Personal data to be stored with it.
    pub contact: Option<NewContact>,
    /// Notes to be stored with it.
    pub notes: Vec<NewNote>,
}

impl CommandContext {
    /// The least that a command carries.
    pub fn new(actor: Actor, command_id: Uuid, correlation_id: impl Into<String>) -> Self {
        Self {
            actor,
            command_id,
            correlation_id: correlation_id.into(),
            causation: None,
            idempotency: None,
            expected_version: None,
            contact: None,
            notes: Vec::new(),
        }
    }
}

/// The answer to a command: what it changed, or why not.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The stream that the command is about.
    pub stream: StreamId,
    /// Its state after the command; as it is, when the command was refused.
    pub state: Arc<AggregateState>,
    /// Its version: the last sequence of the stream.
    pub version: i64,
    /// The position of the command's last event; none when nothing was stored.
    pub position: Option<LogPosition>,
    /// Why not. A refusal may have been stored as a fact: then there is a position too.
    pub refusal: Option<Refusal>,
}
