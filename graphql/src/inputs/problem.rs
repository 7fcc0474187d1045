//! A problem of an input: the rule, its bound and the path. Types only; parsing is in [`super::Problems`].

use async_graphql::Enum;
use domain::ids::CODE_MAX;
use domain::usecase::{Refusal, RefusalCode};
use messages::labels::Lang;

use super::path::Path;
use crate::types::user_error::{self, UserError};
use crate::types::user_error_code::UserErrorCode;
use crate::types::user_error_detail::UserErrorDetail;

/// The rule that an input breaks, when the code is `INVALID_INPUT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum InputRule {
    /// The value is required.
    Missing,
    /// The text must not be blank.
    Empty,
    /// The text has more characters than `maxLength`.
    TooLong,
    /// The list has more items than `max`.
    TooMany,
    /// The number is not between `min` and `max`.
    OutOfRange,
    /// The amount is not between 0.00 and 1,000,000.00.
    Amount,
    /// The text has line breaks, control characters or marks that change the text's direction.
    Characters,
    /// The text is not a phone number as dialled from France or with its country code.
    Phone,
    /// Latitude and longitude must be given together.
    Place,
    /// The code does not have 1 to 32 characters of `A-Z`, `0-9` and `_`.
    Code,
    /// The text is not the name of a zone in the IANA time zone database.
    TimeZone,
    /// The text is not a time of day such as `11:30`; midnight at the end of a day is `24:00`.
    TimeOfDay,
    /// Opening hours must start before they end, within one day.
    OpeningHours,
    /// The list has an item more than once.
    Duplicate,
    /// The value does not go with the rest of the input.
    NotApplicable,
}

/// A problem of one value of an input.
#[derive(Debug, Clone, PartialEq)]
pub enum ProblemKind {
    /// A rule without a bound.
    Rule(InputRule),
    /// The text has more characters than this.
    TooLong(usize),
    /// The list has more items than this; for the lines of an order the code is `ORDER_TOO_LARGE`.
    TooMany {
        /// Upper bound on the number of items.
        max: usize,
        /// The code that clients see.
        code: UserErrorCode,
    },
    /// The number is out of range.
    OutOfRange {
        /// The minimum.
        min: i64,
        /// The maximum.
        max: i64,
    },
    /// The text cannot be a code (`mar`, `🍕`), so it names nothing.
    Unknown {
        /// The domain's code for an unknown thing of this kind.
        code: UserErrorCode,
        /// The given text, shortened.
        given: String,
    },
    /// A refusal by the domain about this value alone.
    Refused(Box<Refusal>),
}

impl ProblemKind {
    /// A text that cannot be a code and therefore names nothing.
    pub(super) fn unknown(code: UserErrorCode, given: &str) -> Self {
        Self::Unknown { code, given: given.chars().take(CODE_MAX).collect() }
    }
}

impl From<InputRule> for ProblemKind {
    fn from(rule: InputRule) -> Self {
        Self::Rule(rule)
    }
}

/// A problem of an input and its path.
#[derive(Debug, Clone, PartialEq)]
pub struct InputProblem {
    /// Path from the argument down: `["input", "lines", "0", "quantity"]`; empty when the problem is about
    /// the entity itself.
    pub field: Vec<String>,
    /// The kind of problem.
    pub kind: ProblemKind,
}

/// All problems of an input; never empty.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", self.in_words())]
pub struct InputError {
    /// The problems, in the order of the input's fields.
    pub problems: Vec<InputProblem>,
}

impl InputError {
    fn in_words(&self) -> String {
        let each = |problem: &InputProblem| {
            format!("{}: {}", problem.field.join("."), problem.user_error(Lang::En).message)
        };
        self.problems.iter().map(each).collect::<Vec<_>>().join(" ")
    }

    /// Converts the problems to a payload's user errors.
    pub fn user_errors(&self, lang: Lang) -> Vec<UserError> {
        self.problems.iter().map(|problem| problem.user_error(lang)).collect()
    }
}

impl From<Refusal> for InputProblem {
    fn from(refusal: Refusal) -> Self {
        let field = user_error::field(&refusal).unwrap_or_default();
        Self { field, kind: ProblemKind::Refused(Box::new(refusal)) }
    }
}

impl InputProblem {
    /// Creates a problem at one path.
    pub fn new<'a>(at: impl Into<Path<'a>>, kind: impl Into<ProblemKind>) -> Self {
        Self { field: at.into().parts(), kind: kind.into() }
    }

    /// Converts the problem to a payload's user error.
    pub fn user_error(&self, lang: Lang) -> UserError {
        let field = Some(self.field.clone()).filter(|field| !field.is_empty());
        let (code, message, detail) = match &self.kind {
            ProblemKind::Refused(refusal) => {
                return UserError { field, ..UserError::new(refusal, lang, Vec::new()) };
            }
            ProblemKind::Unknown { code, given } => {
                return UserError { field, ..UserError::unknown(*code, given, lang) };
            }
            ProblemKind::Rule(rule) => {
                (RefusalCode::InvalidInput.into(), rule_message(*rule, lang), of(*rule))
            }
            ProblemKind::TooLong(max) => (
                RefusalCode::InvalidInput.into(),
                lang.pick(format!("Au plus {max} caractères."), format!("At most {max} characters.")),
                UserErrorDetail { max_length: u32::try_from(*max).ok(), ..of(InputRule::TooLong) },
            ),
            ProblemKind::TooMany { max, code } => (
                *code,
                lang.pick(format!("Au plus {max}."), format!("At most {max}.")),
                UserErrorDetail { max: u32::try_from(*max).ok(), ..of(InputRule::TooMany) },
            ),
            ProblemKind::OutOfRange { min, max } => (
                RefusalCode::InvalidInput.into(),
                lang.pick(format!("Un nombre de {min} à {max}."), format!("A number from {min} to {max}.")),
                UserErrorDetail {
                    min: i32::try_from(*min).ok(),
                    max: u32::try_from(*max).ok(),
                    ..of(InputRule::OutOfRange)
                },
            ),
        };
        UserError { code, message, field, detail }
    }
}

fn of(rule: InputRule) -> UserErrorDetail {
    UserErrorDetail { rule: Some(rule), ..UserErrorDetail::default() }
}

fn rule_message(rule: InputRule, lang: Lang) -> String {
    let (fr, en) = match rule {
        InputRule::Missing => ("À renseigner.", "This is needed."),
        InputRule::Empty => ("Ne peut pas être vide.", "This must not be blank."),
        InputRule::TooLong => ("Trop long.", "This is too long."),
        InputRule::TooMany => ("Trop d'éléments.", "These are too many."),
        InputRule::OutOfRange => ("Valeur hors limites.", "The value is out of range."),
        InputRule::Amount => ("Un montant de 0,00 à 1 000 000,00.", "An amount from 0.00 to 1,000,000.00."),
        InputRule::Characters => (
            "Sans saut de ligne, caractère de contrôle ni marque de direction.",
            "No line breaks, control characters or marks of direction.",
        ),
        InputRule::Phone => (
            "Un numéro de téléphone, tel que 01 42 68 53 00 ou +33 1 42 68 53 00.",
            "A telephone number such as 01 42 68 53 00 or +33 1 42 68 53 00.",
        ),
        InputRule::Place => ("Latitude et longitude vont ensemble.", "Latitude and longitude come together."),
        InputRule::Code => (
            "Un code : de 1 à 32 caractères parmi A-Z, 0-9 et _.",
            "A code: 1 to 32 characters of A-Z, 0-9 and _.",
        ),
        InputRule::TimeZone => (
            "Un fuseau horaire de l'IANA, tel que Europe/Paris.",
            "A time zone of the IANA database, such as Europe/Paris.",
        ),
        InputRule::TimeOfDay => ("Une heure telle que 11:30.", "A time of day such as 11:30."),
        InputRule::OpeningHours => (
            "Les horaires commencent avant de finir, dans la même journée.",
            "Opening hours start before they end, within one day.",
        ),
        InputRule::Duplicate => ("Indiqué deux fois.", "This is given twice."),
        InputRule::NotApplicable => {
            ("Sans objet avec le reste de la demande.", "This does not go with the rest of the input.")
        }
    };
    lang.pick(fr, en).to_owned()
}
