//! Reads phone numbers as E.164 (`+33142685300`): one form to store, dial and compare.

use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, country};

/// The country whose numbers may omit their country code.
const HOME: country::Id = country::Id::FR;
/// Number of digits of a French number after the country code.
const FRENCH_DIGITS: usize = 9;

/// Parses a number as dialled from France or with its country code. Returns `None` for letters, extensions,
/// short numbers and numbers that do not exist in their country.
pub(super) fn e164(given: &str) -> Option<String> {
    if given.chars().any(char::is_alphabetic) {
        return None;
    }
    let number = phonenumber::parse(Some(HOME), given).ok()?;
    let is_french = number.country().id() == Some(HOME);
    let national = number.national().to_string();
    // The regulator's numbers for fiction (01 99 00, 06 39 98, …) match only the general French pattern.
    let fits = if is_french {
        national.len() == FRENCH_DIGITS
            && number
                .metadata(&DATABASE)
                .is_some_and(|country| country.descriptors().general().is_match(&national))
    } else {
        number.is_valid()
    };
    (fits && number.extension().is_none()).then(|| number.format().mode(Mode::E164).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalises_phone_numbers() {
        for given in [
            "01 42 68 53 00",
            "0142685300",
            "01.42.68.53.00",
            "+33 1 42 68 53 00",
            "+33 (0)1 42 68 53 00",
            "00 33 1 42 68 53 00",
        ] {
            assert_eq!(e164(given).as_deref(), Some("+33142685300"), "{given}");
        }
        assert_eq!(e164("+44 20 7946 0018").as_deref(), Some("+442079460018"));
        // One of the French numbers reserved for fiction.
        assert_eq!(e164("06 39 98 00 99").as_deref(), Some("+33639980099"));
    }

    #[test]
    fn rejects_invalid_phone_numbers() {
        for given in [
            "abc",
            "12",
            "36 39",
            "06 12 34 56 7",
            "06 12 34 56 78 9",
            "06 12 34 56 78 poste 3",
            "0612345678 abc",
            "++33",
            "+999 123456",
            "+1 555 0100",
            "",
        ] {
            assert_eq!(e164(given), None, "{given:?}");
        }
    }
}
