//! The parts of an order's input: its lines, and whom it is for.

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

/// The lines of an order that could be read, each with its index in the input.
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
    /// What was written, by the line's number.
    pub given: Vec<(u32, String)>,
    /// The lines whose note is taken away.
    pub cleared: Vec<u32>,
}

impl ReadLines {
    /// Whether every line could be read.
    pub fn is_whole(&self) -> bool {
        self.lines.len() == self.given
    }

    /// A refusal of the lines that could be read, with the index that its line has in the input. `None` for
    /// what is only true of all the lines, when some could not be read.
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
    /// The lines of an order; those that cannot be read are left out. Quantities and the number of lines are
    /// the domain's to refuse, with everything else that it finds.
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
                // Beyond 32 bits it is out of bounds as well.
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
        // Every one is read, so that every problem is found.
        codes.collect::<Vec<_>>().into_iter().collect()
    }

    /// Where an address is, when it says so.
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

    /// A row of personal data from what was given.
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

    /// The notes on the lines of an order, by the line's number from 1.
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

    /// What the pizzeria should know, in the customer's words.
    pub fn note<'a>(&mut self, at: impl Into<Path<'a>>, note: Option<&str>) -> Option<String> {
        self.optional_lines(at, note, NOTE_MAX)
    }
}
