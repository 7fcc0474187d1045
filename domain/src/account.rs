//! What holds for every account, a customer's or a member of staff's: which fields it has, what an e-mail
//! address and a password must be. The values themselves are personal data and stay outside the log.

use serde::{Deserialize, Serialize};

/// The fewest characters of a password (NIST SP 800-63B asks for 8 where there is a second factor).
pub const PASSWORD_MIN: usize = 10;
/// The most bytes of a password: what is hashed is bounded.
pub const PASSWORD_MAX: usize = 256;
/// The most characters of an e-mail address (RFC 5321, 4.5.3.1.3, without the brackets).
pub const EMAIL_MAX: usize = 254;

/// What is kept of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccountField {
    /// What they are called.
    Name,
    /// E-mail address.
    Email,
    /// Telephone number.
    Phone,
    /// Where they live.
    Address,
    /// Whether signing in also needs a code of an authenticator app.
    Totp,
}

impl AccountField {
    /// Every field.
    pub const ALL: [Self; 5] = [Self::Name, Self::Email, Self::Phone, Self::Address, Self::Totp];
}

/// Why something about an account is refused, wherever its values are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum AccountError {
    /// Another account has this e-mail address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// Not an e-mail address.
    #[error("not an e-mail address")]
    InvalidEmail,
    /// Too short, too long, or the e-mail address itself.
    #[error("the password is too weak")]
    WeakPassword,
    /// Among the first that an attacker tries: common, a pattern, or made from the name or address.
    #[error("the password is easy to guess")]
    GuessablePassword,
    /// The present password is needed for this change.
    #[error("the present password is needed")]
    PasswordRequired,
    /// The password is right; a code of the authenticator app is needed as well.
    #[error("a code of the authenticator app is needed")]
    TotpRequired,
    /// The code of the authenticator app is wrong, expired or was used before.
    #[error("the code does not hold")]
    BadTotpCode,
    /// The account has an authenticator app already.
    #[error("an authenticator app is set up already")]
    TotpEnabled,
    /// The account has no authenticator app, or none waits for its first code.
    #[error("no authenticator app is set up")]
    TotpNotEnabled,
    /// No account with this e-mail address and password: which of the two is wrong is not said.
    #[error("wrong e-mail address or password")]
    BadCredentials,
    /// The token is unknown, used or expired.
    #[error("the token does not hold")]
    BadToken,
    /// The e-mail address is verified already.
    #[error("verified already")]
    AlreadyVerified,
}

/// An e-mail address in lower case, as accounts are found by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Reads an address: one `@`, something before it, a name with a dot behind it, no blanks. Whether
    /// anybody reads what is sent there shows when they verify it.
    ///
    /// # Errors
    /// [`AccountError::InvalidEmail`].
    pub fn parse(text: &str) -> Result<Self, AccountError> {
        let text = text.trim();
        let fits = text.chars().count() <= EMAIL_MAX && text.chars().all(is_plain);
        let (local, host) = text.rsplit_once('@').ok_or(AccountError::InvalidEmail)?;
        let labels: Vec<&str> = host.split('.').collect();
        let named = labels.len() > 1 && labels.iter().all(|label| !label.is_empty());
        if fits && named && !local.is_empty() && !local.contains('@') {
            Ok(Self(text.to_lowercase()))
        } else {
            Err(AccountError::InvalidEmail)
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What may stand in an address, so that none breaks out of a mail's header.
fn is_plain(letter: char) -> bool {
    !letter.is_whitespace() && !letter.is_control() && !"<>()[]\\,;:\"".contains(letter)
}

/// Whether a password has the right length: at least [`PASSWORD_MIN`] characters, at most [`PASSWORD_MAX`]
/// bytes, and not the e-mail address. How soon it is guessed is looked at where it is set. No rules about kinds of letters: length is what counts (NIST SP 800-63B, 5.1.1.2).
///
/// # Errors
/// [`AccountError::WeakPassword`].
pub fn check_password(password: &str, email: &EmailAddress) -> Result<(), AccountError> {
    let long_enough = password.chars().count() >= PASSWORD_MIN && password.len() <= PASSWORD_MAX;
    if long_enough && password.to_lowercase() != email.0 { Ok(()) } else { Err(AccountError::WeakPassword) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_in_lower_case() {
        for (text, address) in [
            ("Ada.Lovelace@Example.org", "ada.lovelace@example.org"),
            ("  a+b@x.y ", "a+b@x.y"),
            ("élodie@boîte.example", "élodie@boîte.example"),
        ] {
            assert_eq!(EmailAddress::parse(text).unwrap().as_str(), address);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.org", "a".repeat(EMAIL_MAX));
        let bad = ["", "ada", "@example.org", "ada@", "ada@example", "a@b@c.d", "a b@c.d", "a@.d", "a@c..d"];
        for text in bad.into_iter().chain(["a\r\nBcc:x@y.z", "a,b@c.d", "<a@b.c>", "a\0@b.c", &long]) {
            assert_eq!(EmailAddress::parse(text), Err(AccountError::InvalidEmail), "{text:?}");
        }
    }

    #[test]
    fn a_password_is_long_enough_bounded_and_not_the_address() {
        let email = EmailAddress::parse("ada@example.org").unwrap();
        let check = |password: &str| check_password(password, &email);
        assert_eq!(check("éééééééééé"), Ok(()), "its length; how soon it is guessed is for the edge");
        assert_eq!(check("ninechars"), Err(AccountError::WeakPassword));
        assert_eq!(check(&"a".repeat(PASSWORD_MAX)), Ok(()));
        assert_eq!(check(&"a".repeat(PASSWORD_MAX + 1)), Err(AccountError::WeakPassword));
        assert_eq!(check("Ada@example.org"), Err(AccountError::WeakPassword));
    }
}
