//! What is wrong with an input: a rule, its bound, and where. Words and codes only; nothing here reads anything.

use async_graphql::Enum;
use domain::ids::CODE_MAX;
use domain::usecase::{Refusal, RefusalCode};
use messages::labels::Lang;

use super::path::Path;
use crate::types::user_error::{self, UserError, UserErrorCode};
use crate::types::user_error_detail::UserErrorDetail;

/// The rule that an input breaks, where its code is `INVALID_INPUT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum InputRule {
    /// It must be given.
    Missing,
    /// It must not be blank.
    Empty,
    /// It has more characters than `maxLength`.
    TooLong,
    /// The list has more items than `max`.
    TooMany,
    /// The number is not between `min` and `max`.
    OutOfRange,
    /// An amount is between 0.00 and 1,000,000.00.
    Amount,
    /// Line breaks, control characters, and marks that change the direction of text have no place in it.
    Characters,
    /// A telephone number as it is dialled from France, or with its country code.
    Phone,
    /// Latitude and longitude come together.
    Place,
    /// A code has 1 to 32 characters of `A-Z`, `0-9` and `_`.
    Code,
    /// The name of a zone in the IANA time zone database.
    TimeZone,
    /// A time of day such as `11:30`; midnight at the end of a day is `24:00`.
    TimeOfDay,
    /// Opening hours start before they end, within one day.
    OpeningHours,
    /// Each item of the list only once.
    Duplicate,
    /// It does not go with the rest of the input.
    NotApplicable,
}

/// What is wrong with one place of an input.
#[derive(Debug, Clone, PartialEq)]
pub enum ProblemKind {
    /// A rule without a bound.
    Rule(InputRule),
    /// More characters than this.
    TooLong(usize),
    /// More items than this; for the lines of an order, `ORDER_TOO_LARGE`.
    TooMany {
        /// The bound.
        max: usize,
        /// The code that clients know it by.
        code: UserErrorCode,
    },
    /// A number beyond its bounds.
    OutOfRange {
        /// The least.
        min: i64,
        /// The most.
        max: i64,
    },
    /// A text where a code is meant, which no code looks like: `mar`, `🍕`. There is no such thing.
    Unknown {
        /// The code of the refusal that the domain has for what it does not know.
        code: UserErrorCode,
        /// What was given, shortened.
        given: String,
    },
    /// What the domain refuses about it without looking at anything else.
    Refused(Box<Refusal>),
}

impl ProblemKind {
    /// A text that can be no code, and so names nothing.
    pub(super) fn unknown(code: UserErrorCode, given: &str) -> Self {
        Self::Unknown { code, given: given.chars().take(CODE_MAX).collect() }
    }
}

impl From<InputRule> for ProblemKind {
    fn from(rule: InputRule) -> Self {
        Self::Rule(rule)
    }
}

/// Something that is wrong with an input, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct InputProblem {
    /// From the argument down: `["input", "lines", "0", "quantity"]`; empty when it is about the thing itself.
    pub field: Vec<String>,
    /// What.
    pub kind: ProblemKind,
}

/// Everything that is wrong with an input; never empty.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", self.in_words())]
pub struct InputError {
    /// In the order of the input's fields.
    pub problems: Vec<InputProblem>,
}

impl InputError {
    fn in_words(&self) -> String {
        let each = |problem: &InputProblem| {
            format!("{}: {}", problem.field.join("."), problem.user_error(Lang::En).message)
        };
        self.problems.iter().map(each).collect::<Vec<_>>().join(" ")
    }

    /// As a payload shows it.
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
    /// Of one place.
    pub fn new<'a>(at: impl Into<Path<'a>>, kind: impl Into<ProblemKind>) -> Self {
        Self { field: at.into().parts(), kind: kind.into() }
    }

    /// As a payload shows it.
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
