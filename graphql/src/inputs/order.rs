//! Reads the lines and the contact of an order's input.

use async_graphql::ID;
use domain::ids::{ContactId, IngredientCode};
use domain::order::OrderError;
use domain::pizzeria::Place;
use domain::usecase::{BasketLine, Refusal, RefusalCode};
use event_store::NewContact;

use super::path::Path;
use super::problem::InputRule;
use super::problems::Problems;
use super::{
    ALTERATIONS_MAX, AddressInput, ContactInput, NAME_MAX, NOTE_MAX, ORDER_LINES_MAX, OrderLineInput,
    SHORT_MAX,
};

/// The readable lines of an order, each with its index in the input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadLines {
    /// The lines.
    pub lines: Vec<BasketLine>,
    indices: Vec<u32>,
    given: usize,
}

/// Notes on the lines of an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineNotes {
    /// The note's text, by line number.
    pub given: Vec<(u32, String)>,
    /// Numbers of the lines whose note is removed.
    pub cleared: Vec<u32>,
}

impl ReadLines {
    /// Returns whether every line could be read.
    pub fn is_whole(&self) -> bool {
        self.lines.len() == self.given
    }

    /// Maps a refusal of the readable lines to the line's index in the input. Returns `None` for a rule about
    /// the whole order when some lines could not be read.
    pub fn in_input(&self, refusal: Refusal) -> Option<Refusal> {
        match refusal {
            Refusal::Order(
                OrderError::EmptyOrder | OrderError::BelowMinimum { .. } | OrderError::PriceChanged { .. },
            ) if !self.is_whole() => None,
            Refusal::Order(OrderError::Line { index, part, error }) => {
                let read = usize::try_from(index).ok().and_then(|index| self.indices.get(index));
                Some(OrderError::Line { index: read.copied().unwrap_or(index), part, error }.into())
            }
            refusal => Some(refusal),
        }
    }
}

impl Problems {
    /// Reads the lines of an order and skips those with problems. The domain checks quantities and the number
    /// of lines, together with its other rules.
    pub fn basket_lines<'a>(&mut self, at: impl Into<Path<'a>>, lines: &[OrderLineInput]) -> ReadLines {
        let at = at.into();
        let mut read = ReadLines { given: lines.len(), ..ReadLines::default() };
        if !self.bounded_list(at, lines, ORDER_LINES_MAX, RefusalCode::OrderTooLarge) {
            return read;
        }
        for (line, index) in lines.iter().zip(0..) {
            let at = at.item(usize::try_from(index).unwrap_or(usize::MAX));
            let item = self.code(at.field("item"), &line.item, RefusalCode::UnknownPizza.into());
            let extras =
                self.alterations(at.field("extras"), line.extras.as_deref(), RefusalCode::UnknownExtra);
            let without = self.alterations(
                at.field("without"),
                line.without.as_deref(),
                RefusalCode::UnknownIngredient,
            );
            let (Some(item), Some(extras), Some(without)) = (item, extras, without) else { continue };
            read.lines.push(BasketLine {
                item,
                size: line.size.map(Into::into),
                // A quantity beyond 32 bits is out of range for the domain too.
                quantity: u32::try_from(line.quantity.max(0)).unwrap_or(u32::MAX),
                extras,
                without,
            });
            read.indices.push(index);
        }
        read
    }

    fn alterations(
        &mut self,
        at: Path<'_>,
        ids: Option<&[ID]>,
        unknown: RefusalCode,
    ) -> Option<Vec<IngredientCode>> {
        let ids = ids.unwrap_or_default();
        if !self.list(at, ids, ALTERATIONS_MAX) {
            return None;
        }
        let codes = ids.iter().enumerate().map(|(index, id)| self.code(at.item(index), id, unknown.into()));
        // Collects first, so that every id is read and every problem found.
        codes.collect::<Vec<_>>().into_iter().collect()
    }

    /// Reads the coordinates of an address, if it has any.
    pub fn address_place<'a>(&mut self, at: impl Into<Path<'a>>, address: &AddressInput) -> Option<Place> {
        let at = at.into();
        match (address.latitude, address.longitude) {
            (Some(latitude), Some(longitude)) => self.place(at, latitude, longitude),
            (None, None) => None,
            (Some(_), None) => {
                self.add(at.field("longitude"), InputRule::Place);
                None
            }
            (None, Some(_)) => {
                self.add(at.field("latitude"), InputRule::Place);
                None
            }
        }
    }

    /// Builds the row of personal data from the input.
    pub fn contact<'a>(
        &mut self,
        at: impl Into<Path<'a>>,
        id: ContactId,
        contact: Option<&ContactInput>,
        note: Option<String>,
    ) -> NewContact {
        let at = at.into();
        let mut row = NewContact {
            id,
            customer: None,
            order: None,
            name: None,
            phone: None,
            email: None,
            street: None,
            postcode: None,
            city: None,
            latitude: None,
            longitude: None,
            note,
        };
        let Some(contact) = contact else { return row };
        row.name = self.optional_text(at.field("name"), contact.name.as_deref(), NAME_MAX);
        row.phone = self.optional_phone(at.field("phone"), contact.phone.as_deref());
        if let Some(email) = contact.email.as_deref().filter(|email| !email.trim().is_empty()) {
            row.email = self.email(at.field("email"), email).map(|email| email.as_str().to_owned());
        }
        if let Some(address) = &contact.address {
            let at = at.field("address");
            row.street = self.optional_text(at.field("street"), address.street.as_deref(), NAME_MAX);
            row.postcode = self.optional_text(at.field("postcode"), address.postcode.as_deref(), SHORT_MAX);
            row.city = self.optional_text(at.field("city"), address.city.as_deref(), NAME_MAX);
            let place = self.address_place(at, address);
            (row.latitude, row.longitude) = (place.map(Place::latitude), place.map(Place::longitude));
        }
        row
    }

    /// Reads the notes on the lines of an order, by line number from 1.
    pub fn line_notes<'a>(&mut self, at: impl Into<Path<'a>>, lines: &[OrderLineInput]) -> LineNotes {
        let at = at.into();
        let mut notes = LineNotes::default();
        for (index, line) in lines.iter().enumerate().take(ORDER_LINES_MAX) {
            let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
            let Some(given) = &line.note else { continue };
            match self.note(at.item(index).field("note"), Some(given)) {
                Some(text) => notes.given.push((number, text)),
                None => notes.cleared.push(number),
            }
        }
        notes
    }

    /// Reads the customer's note to the pizzeria.
    pub fn note<'a>(&mut self, at: impl Into<Path<'a>>, note: Option<&str>) -> Option<String> {
        self.optional_lines(at, note, NOTE_MAX)
    }
}
