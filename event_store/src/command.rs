//! The context of a command, and its result.

use std::sync::Arc;

use domain::access::Actor;
use domain::ids::{ContactId, CustomerId, OrderId};
use domain::note::NoteRef;
use domain::usecase::Refusal;
use domain::{AggregateState, LogPosition, StreamId};
use uuid::Uuid;

/// An idempotency key: the same key always means the same command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// 1 to 255 characters, unique per actor.
    pub key: String,
    /// SHA-256 of the command's name and input.
    pub fingerprint: [u8; 32],
}

/// A row of `contacts`, stored outside the log in the transaction of the events that carry its id. A refused command
/// stores none.
#[derive(Debug, Clone, PartialEq)]
pub struct NewContact {
    /// Random id, carried by events.
    pub id: ContactId,
    /// The customer account.
    pub customer: Option<CustomerId>,
    /// The order.
    pub order: Option<OrderId>,
    /// Name.
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
    /// Free text for the pizzeria.
    pub note: Option<String>,
}

/// A row of `notes`, stored outside the log in the transaction of the event that refers to it. A refused command
/// stores none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNote {
    /// The reference that the event carries.
    pub note: NoteRef,
    /// The order; `None` for a stock.
    pub order: Option<OrderId>,
    /// The order's customer account.
    pub customer: Option<CustomerId>,
    /// The text.
    pub text: String,
    /// Random bytes hashed before the text, so that the hash in the event does not reveal a short text.
    pub salt: [u8; 16],
}

/// Everything about a command except its use case: actor, ids, idempotency key, expected version, rows outside the log.
#[derive(Debug, Clone)]
pub struct CommandContext {
    /// The actor.
    pub actor: Actor,
    /// Unique id of the command; a reactor derives it from the event that it reacts to.
    pub command_id: Uuid,
    /// Id of the request (`X-Request-Id`).
    pub correlation_id: String,
    /// Position of the event that a reactor reacts to.
    pub causation: Option<LogPosition>,
    /// The caller's idempotency key.
    pub idempotency: Option<Idempotency>,
    /// Version of the primary stream that the caller has read.
    pub expected_version: Option<i64>,
    /// Personal data to store with the command.
    pub contact: Option<NewContact>,
    /// Notes to store with the command.
    pub notes: Vec<NewNote>,
}

impl CommandContext {
    /// Returns a context without idempotency key, expected version, contact and notes.
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

/// The result of a command, accepted or refused.
#[derive(Debug, Clone)]
pub struct CommandResult {
    /// The command's own stream.
    pub stream: StreamId,
    /// The stream's state after the command; the unchanged state if the command was refused.
    pub state: Arc<AggregateState>,
    /// The stream's version: its last sequence.
    pub version: i64,
    /// Position of the command's last event; `None` if nothing was stored.
    pub position: Option<LogPosition>,
    /// The refusal. It may itself be stored as an event; then `position` is set too.
    pub refusal: Option<Refusal>,
}

impl CommandResult {
    /// Returns the position of the command's last event; `None` if it was refused or stored nothing.
    pub fn accepted_at(&self) -> Option<LogPosition> {
        self.position.filter(|_| self.refusal.is_none())
    }
}
