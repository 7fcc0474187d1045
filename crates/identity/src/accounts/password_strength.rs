//! Strength of a new password: its length by the domain's rule, and its guessability by zxcvbn, which knows common
//! passwords, names, dates and keyboard patterns. Every mutation that sets a password must call it.

use domain::account::{AccountError, EmailAddress, check_password};
use zxcvbn::{Score, zxcvbn};

/// Lowest accepted score of 0 to 4: more than 10^8 guesses, which withstands attacks on a slow hash for a while.
const SCORE_MIN: Score = Score::Three;
/// Words that an attacker of this product tries first.
const PRODUCT: [&str; 4] = ["ocpizza", "oc pizza", "pizzeria", "pizza-manager"];

/// Checks a new password: its length, and that it is not common, a pattern, or made from the account's e-mail address
/// or name.
///
/// # Errors
/// [`AccountError::WeakPassword`] for its length, [`AccountError::GuessablePassword`] otherwise.
pub fn check_strength(password: &str, email: &EmailAddress, name: &str) -> Result<(), AccountError> {
    check_password(password, email)?;
    // zxcvbn scores the first hundred characters.
    let mut inputs: Vec<&str> = PRODUCT.to_vec();
    inputs.push(email.as_str());
    inputs.extend(email.as_str().split(['@', '.', '-', '_', '+']).filter(|part| part.chars().count() > 2));
    inputs.push(name);
    inputs.extend(name.split_whitespace().filter(|part| part.chars().count() > 2));
    let score = zxcvbn(password, &inputs).score();
    if score < SCORE_MIN { Err(AccountError::GuessablePassword) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str) -> Result<(), AccountError> {
        check_strength(password, &EmailAddress::parse("ada.quenelle@example.org").unwrap(), "Ada Quenelle")
    }

    #[test]
    fn refuses_common_passwords_patterns_and_the_account_itself() {
        for password in [
            "1234567890",
            "aaaaaaaaaa",
            "éééééééééé",
            "azertyuiop",
            "qwertyuiop",
            "password123",
            "P@ssw0rd123",
            "motdepasse1",
            "marseille13",
            "jetaime1234",
            "0612345678",
            "pizzeria2026",
            "quenelle2026",
            "adaquenelle",
            &"a".repeat(200),
        ] {
            assert_eq!(check(password), Err(AccountError::GuessablePassword), "{password}");
        }
        assert_eq!(check("neuf lett"), Err(AccountError::WeakPassword));
        assert_eq!(check("ada.quenelle@example.org"), Err(AccountError::WeakPassword));
    }

    #[test]
    fn accepts_a_few_unrelated_words_in_any_script() {
        for password in
            ["cent pizzas chaudes", "seize ingrédients", "correct horse battery", "مرحبا بالعالم الجميل"]
        {
            assert_eq!(check(password), Ok(()), "{password}");
        }
    }
}
