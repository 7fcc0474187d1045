//! Reads an input field by field and collects its problems.

use async_graphql::ID;
use domain::account::EmailAddress;
use domain::order::OrderError;
use domain::pizzeria::Place;
use domain::usecase::{Refusal, RefusalCode};
use domain::{Cents, Ingredients, Quantity};
use identity::text;
use messages::labels::Lang;

use super::path::Path;
use super::problem::{InputError, InputProblem, InputRule, ProblemKind};
use super::{SHORT_MAX, STOCK_LINES_MAX, StockLineInput, phone};
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::scalars::Decimal;
use crate::types::user_error::UserError;
use crate::types::user_error_code::UserErrorCode;

/// The problems of one input. Each method reads one value and returns `None` if the value cannot be used, or
/// if an optional value is omitted; [`Problems::all`] ends the reading.
///
/// ```ignore
/// let mut problems = Problems::default();
/// let supplier = problems.text("supplier", &input.supplier, NAME_MAX);
/// let lines = problems.stock_lines("lines", &input.lines, 1);
/// let (supplier, lines) = problems.all((supplier, lines))?;
/// ```
#[derive(Debug, Default)]
#[must_use = "problems are told by `all` or `check`"]
pub struct Problems {
    found: Vec<InputProblem>,
}

impl Problems {
    /// Adds a problem.
    pub fn add<'a>(&mut self, at: impl Into<Path<'a>>, kind: impl Into<ProblemKind>) {
        self.found.push(InputProblem::new(at, kind));
    }

    /// Adds a refusal by the domain about one value of the input.
    pub fn refuse<'a>(&mut self, at: impl Into<Path<'a>>, refusal: impl Into<Refusal>) {
        self.add(at, ProblemKind::Refused(Box::new(refusal.into())));
    }

    /// Adds the domain's refusals of the whole input, each at the field that it concerns.
    pub fn refuse_all(&mut self, refusals: impl IntoIterator<Item = Refusal>) {
        let news: Vec<_> = refusals.into_iter().filter(|refusal| !self.cover(refusal)).collect();
        self.found.extend(news.into_iter().map(InputProblem::from));
    }

    /// Returns whether a refusal misses a value that was given but could not be read.
    pub fn cover(&self, refusal: &Refusal) -> bool {
        let place = ["latitude", "longitude"].map(|name| Path::from("contact.address").field(name).parts());
        matches!(refusal, Refusal::Order(OrderError::AddressRequired))
            && self.found.iter().any(|problem| place.contains(&problem.field))
    }

    /// Returns whether no problem was found so far.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Returns the values that were read.
    ///
    /// # Errors
    /// Returns every problem that was found.
    pub fn all<T: Complete>(self, read: T) -> Result<T::Values, ApiError> {
        let values = read.complete();
        self.check()?;
        values.ok_or_else(|| ApiError::internal("an input was not read, and no problem was found"))
    }

    /// Checks as [`Problems::all`] does, without values.
    ///
    /// # Errors
    /// Returns every problem that was found.
    pub fn check(self) -> Result<(), ApiError> {
        if self.found.is_empty() { Ok(()) } else { Err(InputError { problems: self.found }.into()) }
    }

    /// Converts the problems to a payload's user errors.
    pub fn user_errors(self, lang: Lang) -> Vec<UserError> {
        self.found.iter().map(|problem| problem.user_error(lang)).collect()
    }

    /// Returns the value, or records its problem at this path.
    fn read<'a, T>(&mut self, at: impl Into<Path<'a>>, value: Result<T, ProblemKind>) -> Option<T> {
        value.map_err(|kind| self.add(at, kind)).ok()
    }

    /// Reads a single-line text of 1 to `max` characters in any script; trims and normalises it.
    pub fn text<'a>(&mut self, at: impl Into<Path<'a>>, value: &str, max: usize) -> Option<String> {
        let text = text::single_line(value).map_err(|_unsafe| ProblemKind::from(InputRule::Characters));
        let text = text.and_then(|text| text.ok_or(InputRule::Empty.into()));
        self.read(at, text.and_then(|text| bounded(text, max)))
    }

    /// Reads as [`Problems::text`] does; a blank text counts as omitted.
    pub fn optional_text<'a>(
        &mut self,
        at: impl Into<Path<'a>>,
        value: Option<&str>,
        max: usize,
    ) -> Option<String> {
        let text = text::single_line(value?).map_err(|_unsafe| ProblemKind::from(InputRule::Characters));
        self.read(at, text.and_then(|text| text.map(|text| bounded(text, max)).transpose())).flatten()
    }

    /// Reads a text of one or more lines and at most `max` characters; line breaks become line feeds.
    pub fn optional_lines<'a>(
        &mut self,
        at: impl Into<Path<'a>>,
        value: Option<&str>,
        max: usize,
    ) -> Option<String> {
        let text = text::lines(value?).map_err(|_unsafe| ProblemKind::from(InputRule::Characters));
        self.read(at, text.and_then(|text| text.map(|text| bounded(text, max)).transpose())).flatten()
    }

    /// Reads an integer from `min` to `max`.
    pub fn number<'a, T: TryFrom<i64>>(
        &mut self,
        at: impl Into<Path<'a>>,
        value: i64,
        min: i64,
        max: i64,
    ) -> Option<T> {
        let wrong = ProblemKind::OutOfRange { min, max };
        let read = if (min..=max).contains(&value) { T::try_from(value).ok() } else { None };
        self.read(at, read.ok_or(wrong))
    }

    /// Reads a quantity from `least` to ten million.
    pub fn quantity<'a>(&mut self, at: impl Into<Path<'a>>, value: i64, least: u32) -> Option<Quantity> {
        self.number(at, value, i64::from(least), i64::from(Quantity::MAX_INPUT)).map(Quantity)
    }

    /// Reads an amount of zero or more; the domain decides whether it is sufficient.
    pub fn amount<'a>(&mut self, at: impl Into<Path<'a>>, value: Decimal) -> Option<Cents> {
        let wrong = ProblemKind::from(InputRule::Amount);
        self.read(at, if value.0 < Cents::ZERO { Err(wrong) } else { Ok(value.0) })
    }

    /// Reads a point on the globe from the fields `latitude` and `longitude` at the path.
    pub fn place<'a>(&mut self, at: impl Into<Path<'a>>, latitude: f64, longitude: f64) -> Option<Place> {
        let at = at.into();
        let place = Place::from_degrees(latitude, longitude).ok();
        if place.is_none() {
            for (name, value, max) in [("latitude", latitude, 90_i32), ("longitude", longitude, 180)] {
                if !(-f64::from(max)..=f64::from(max)).contains(&value) {
                    let max = i64::from(max);
                    self.add(at.field(name), ProblemKind::OutOfRange { min: -max, max });
                }
            }
        }
        place
    }

    /// Reads the code of an existing entity. A text that cannot be a code is reported like an unknown code.
    pub fn code<'a, T: GlobalId>(
        &mut self,
        at: impl Into<Path<'a>>,
        id: &ID,
        unknown: UserErrorCode,
    ) -> Option<T> {
        self.read(at, T::parse(id).ok_or_else(|| ProblemKind::unknown(unknown, id)))
    }

    /// Reads the code of a new entity.
    pub fn new_code<'a, T: GlobalId>(&mut self, at: impl Into<Path<'a>>, id: &str) -> Option<T> {
        self.read(at, T::parse(id).ok_or(InputRule::Code.into()))
    }

    /// Reads an e-mail address.
    pub fn email<'a>(&mut self, at: impl Into<Path<'a>>, value: &str) -> Option<EmailAddress> {
        let email = EmailAddress::parse(value);
        self.read(at, email.map_err(|error| ProblemKind::Refused(Box::new(error.into()))))
    }

    /// Reads a phone number as E.164; a blank text counts as omitted.
    pub fn optional_phone<'a>(&mut self, at: impl Into<Path<'a>>, value: Option<&str>) -> Option<String> {
        let given = value.map(str::trim).filter(|given| !given.is_empty())?;
        let fits = given.chars().count() <= SHORT_MAX;
        let phone = fits.then(|| phone::e164(given)).flatten();
        self.read(at, phone.ok_or(InputRule::Phone.into()))
    }

    /// Requires a value that the rest of the input makes necessary, unless a problem of it is already
    /// recorded.
    pub fn needed<'a, T>(&mut self, at: impl Into<Path<'a>>, value: Option<&T>) {
        let at = at.into();
        let field = at.parts();
        if value.is_none() && self.found.iter().all(|problem| problem.field != field) {
            self.add(at, InputRule::Missing);
        }
    }

    /// Records a problem if the list has more than `max` items; returns whether it fits.
    pub fn list<'a, T>(&mut self, at: impl Into<Path<'a>>, items: &[T], max: usize) -> bool {
        self.bounded_list(at, items, max, RefusalCode::InvalidInput)
    }

    pub(super) fn bounded_list<'a, T>(
        &mut self,
        at: impl Into<Path<'a>>,
        items: &[T],
        max: usize,
        code: RefusalCode,
    ) -> bool {
        let fits = items.len() <= max;
        if !fits {
            self.add(at, ProblemKind::TooMany { max, code: code.into() });
        }
        fits
    }

    /// Reads the lines of a stock command; quantities of an ingredient listed twice are added.
    pub fn stock_lines<'a>(
        &mut self,
        at: impl Into<Path<'a>>,
        lines: &[StockLineInput],
        least: u32,
    ) -> Option<Ingredients> {
        let at = at.into();
        if !self.list(at, lines, STOCK_LINES_MAX) {
            return None;
        }
        let mut read = Vec::with_capacity(lines.len());
        for (index, line) in lines.iter().enumerate() {
            let at = at.item(index);
            let unknown = RefusalCode::UnknownIngredient.into();
            let ingredient = self.code(at.field("ingredient"), &line.ingredient, unknown);
            let quantity = self.quantity(at.field("quantity"), line.quantity, least);
            read.extend(ingredient.zip(quantity));
        }
        (read.len() == lines.len()).then(|| read.into_iter().collect())
    }
}

fn bounded(text: String, max: usize) -> Result<String, ProblemKind> {
    if text.chars().count() > max { Err(ProblemKind::TooLong(max)) } else { Ok(text) }
}

/// A tuple of values that were read, complete or not.
pub trait Complete {
    /// The values without `Option`.
    type Values;

    /// Returns the values if all are there.
    fn complete(self) -> Option<Self::Values>;
}

impl<T> Complete for Option<T> {
    type Values = T;

    fn complete(self) -> Self {
        self
    }
}

macro_rules! complete {
    ($($name:ident)+) => {
        #[allow(non_snake_case)] // each name is both a type and a value
        impl<$($name),+> Complete for ($(Option<$name>,)+) {
            type Values = ($($name,)+);

            fn complete(self) -> Option<Self::Values> {
                let ($($name,)+) = self;
                Some(($($name?,)+))
            }
        }
    };
}

complete!(A B);
complete!(A B C);
complete!(A B C D);
complete!(A B C D E);
complete!(A B C D E F);
complete!(A B C D E F G);
complete!(A B C D E F G H);
complete!(A B C D E F G H I);
complete!(A B C D E F G H I J);
