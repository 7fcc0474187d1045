//! A batch as column arrays, the parameters of the statement. They borrow from the units.

use std::collections::{HashMap, HashSet};

use domain::StreamId;
use uuid::Uuid;

use super::{ForeignEvents, is_setting};
use crate::idempotency;
use crate::unit_of_work::Unit;

/// Streams with a sequence each.
#[derive(Default)]
pub(super) struct Streams<'a> {
    pub kind: Vec<&'a str>,
    pub id: Vec<&'a str>,
    pub sequence: Vec<i64>,
}

impl<'a> Streams<'a> {
    fn add(&mut self, stream: &'a StreamId, sequence: i64) {
        self.push(stream.kind.as_str(), &stream.id, sequence);
    }

    fn push(&mut self, kind: &'a str, id: &'a str, sequence: i64) {
        self.kind.push(kind);
        self.id.push(id);
        self.sequence.push(sequence);
    }
}

#[derive(Default)]
pub(super) struct Events<'a> {
    pub kind: Vec<&'a str>,
    pub id: Vec<&'a str>,
    pub sequence: Vec<i64>,
    pub event_type: Vec<&'a str>,
    pub event_version: Vec<&'a str>,
    pub payload: Vec<&'a str>,
    pub metadata: Vec<&'a str>,
}

#[derive(Default)]
pub(super) struct Keys<'a> {
    pub actor: Vec<Uuid>,
    pub key: Vec<&'a str>,
    pub fingerprint: Vec<Vec<u8>>,
    pub kind: Vec<&'static str>,
    pub id: Vec<String>,
    pub version: Vec<i64>,
    /// Number in the batch of the command's last event; `None` if it has no event.
    pub ordinal: Vec<Option<i64>>,
    pub refusal: Vec<Option<&'a str>>,
}

#[derive(Default)]
pub(super) struct Contacts<'a> {
    pub id: Vec<Uuid>,
    pub name: Vec<Option<&'a str>>,
    pub phone: Vec<Option<&'a str>>,
    pub email: Vec<Option<&'a str>>,
    pub street: Vec<Option<&'a str>>,
    pub postcode: Vec<Option<&'a str>>,
    pub city: Vec<Option<&'a str>>,
    pub latitude: Vec<Option<f64>>,
    pub longitude: Vec<Option<f64>>,
    pub note: Vec<Option<&'a str>>,
    pub customer: Vec<Option<Uuid>>,
    pub order: Vec<Option<Uuid>>,
}

#[derive(Default)]
pub(super) struct Notes<'a> {
    pub id: Vec<Uuid>,
    pub purpose: Vec<&'static str>,
    pub order: Vec<Option<Uuid>>,
    pub line: Vec<Option<i64>>,
    pub customer: Vec<Option<Uuid>>,
    pub text: Vec<&'a str>,
    pub salt: Vec<&'a [u8]>,
}

#[derive(Default)]
pub(super) struct Columns<'a> {
    /// Every stream that the batch looked at, each once, with the version that it was decided on. A stream that the batch
    /// begins is left out: its first event is unique.
    pub seen: Streams<'a>,
    pub events: Events<'a>,
    pub keys: Keys<'a>,
    pub contacts: Contacts<'a>,
    pub notes: Notes<'a>,
    /// Whether an event belongs to a menu or a pizzeria ([`is_setting`]).
    pub settings: bool,
}

impl<'a> Columns<'a> {
    pub fn of(units: &'a [Unit]) -> Self {
        let mut columns = Self::default();
        for unit in units {
            columns.add_events(unit);
            columns.add_key(unit);
            columns.add_contact(unit);
            columns.add_notes(unit);
        }
        columns.add_seen(units);
        columns
    }

    /// Returns the columns of events of a stream that the domain does not know.
    pub fn of_foreign(foreign: &'a ForeignEvents<'a>) -> Self {
        let mut columns = Self::default();
        for (event, sequence) in foreign.events.iter().zip(foreign.version + 1..) {
            let events = &mut columns.events;
            events.kind.push(foreign.kind);
            events.id.push(foreign.id);
            events.sequence.push(sequence);
            events.event_type.push(&event.event_type);
            events.event_version.push(&event.event_version);
            events.payload.push(&event.payload);
            events.metadata.push(foreign.metadata);
        }
        if foreign.version > 0 {
            columns.seen.push(foreign.kind, foreign.id, foreign.version);
        }
        columns
    }

    fn add_events(&mut self, unit: &'a Unit) {
        for event in &unit.decision.events {
            self.settings |= is_setting(event.stream.kind);
            let events = &mut self.events;
            events.kind.push(event.stream.kind.as_str());
            events.id.push(&event.stream.id);
            events.sequence.push(event.sequence);
            events.event_type.push(event.event.event_type());
            events.event_version.push(event.event.version());
            events.payload.push(&event.payload);
            events.metadata.push(&unit.command.metadata);
        }
    }

    fn add_key(&mut self, unit: &'a Unit) {
        let Some((idempotency, result)) = idempotency::to_be_stored(unit) else { return };
        let stored = !unit.decision.events.is_empty();
        let keys = &mut self.keys;
        keys.actor.push(unit.command.context.actor.id);
        keys.key.push(&idempotency.key);
        keys.fingerprint.push(result.fingerprint);
        keys.kind.push(result.stream.kind.as_str());
        keys.id.push(result.stream.id.to_string());
        keys.version.push(result.version);
        keys.ordinal.push(stored.then(|| count(self.events.sequence.len())));
        keys.refusal.push(unit.decision.refusal_text.as_deref());
    }

    fn add_contact(&mut self, unit: &'a Unit) {
        let Some(contact) = &unit.command.context.contact else { return };
        if unit.decision.refusal.is_some() {
            return;
        }
        let contacts = &mut self.contacts;
        contacts.id.push(contact.id.0);
        contacts.name.push(contact.name.as_deref());
        contacts.phone.push(contact.phone.as_deref());
        contacts.email.push(contact.email.as_deref());
        contacts.street.push(contact.street.as_deref());
        contacts.postcode.push(contact.postcode.as_deref());
        contacts.city.push(contact.city.as_deref());
        contacts.latitude.push(contact.latitude);
        contacts.longitude.push(contact.longitude);
        contacts.note.push(contact.note.as_deref());
        contacts.customer.push(contact.customer.map(|customer| customer.0));
        contacts.order.push(contact.order.map(|order| order.0));
    }

    fn add_notes(&mut self, unit: &'a Unit) {
        if unit.decision.refusal.is_some() {
            return;
        }
        for new in &unit.command.context.notes {
            let notes = &mut self.notes;
            notes.id.push(new.note.id.0);
            notes.purpose.push(new.note.purpose.as_str());
            notes.order.push(new.order.map(|order| order.0));
            notes.line.push(new.note.line.map(i64::from));
            notes.customer.push(new.customer.map(|customer| customer.0));
            notes.text.push(&new.text);
            notes.salt.push(&new.salt);
        }
    }

    fn add_seen(&mut self, units: &'a [Unit]) {
        let mut written = HashSet::new();
        for event in units.iter().flat_map(|unit| &unit.decision.events) {
            if written.insert(&event.stream) && event.sequence > 1 {
                self.seen.add(&event.stream, event.sequence - 1);
            }
        }
        let mut read = HashMap::new();
        for (stream, version) in units.iter().flat_map(|unit| &unit.decision.based_on) {
            if !written.contains(stream) {
                read.insert(stream, *version);
            }
        }
        read.into_iter().for_each(|(stream, version)| self.seen.add(stream, version));
    }
}

/// Converts a length to a `bigint`.
pub(super) fn count(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}
