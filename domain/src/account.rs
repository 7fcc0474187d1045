//! Rules for every account, of customers and staff: its fields, e-mail addresses and passwords. The values
//! are personal data and never enter the log.

use serde::{Deserialize, Serialize};

use crate::usecase::RefusalCode;

/// Minimum length of a password, in characters (NIST SP 800-63B asks for 8 with a second factor).
pub const PASSWORD_MIN: usize = 10;
/// Maximum length of a password, in bytes: bounds the input of the hash.
pub const PASSWORD_MAX: usize = 256;
/// Maximum length of an e-mail address, in characters (RFC 5321, 4.5.3.1.3, without the brackets).
pub const EMAIL_MAX: usize = 254;

/// Maximum length of a name, in characters.
pub const NAME_MAX: usize = 200;

/// Field of an account's personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccountField {
    /// Name.
    Name,
    /// E-mail address.
    Email,
    /// Telephone number.
    Phone,
    /// Postal address.
    Address,
    /// Whether signing in also needs a code of an authenticator app.
    Totp,
}

impl AccountField {
    /// Every field.
    pub const ALL: [Self; 5] = [Self::Name, Self::Email, Self::Phone, Self::Address, Self::Totp];
}

/// Refusal about an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum AccountError {
    /// Another account has this e-mail address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// The text is not an e-mail address.
    #[error("not an e-mail address")]
    InvalidEmail,
    /// The password is too short, too long, or the e-mail address itself.
    #[error("the password is too weak")]
    WeakPassword,
    /// The password is among the first an attacker tries: common, a pattern, or made from the name or
    /// address.
    #[error("the password is easy to guess")]
    GuessablePassword,
    /// This change needs the current password.
    #[error("the current password is needed")]
    PasswordRequired,
    /// The password is right; the authenticator app's code is needed too.
    #[error("a code of the authenticator app is needed")]
    TotpRequired,
    /// The code of the authenticator app is wrong, expired or was used before.
    #[error("the code is wrong, expired or was used before")]
    BadTotpCode,
    /// The account has an authenticator app already.
    #[error("an authenticator app is already set up")]
    TotpEnabled,
    /// The account has no authenticator app, or none waits for its first code.
    #[error("no authenticator app is set up")]
    TotpNotEnabled,
    /// No account has this e-mail address and password; the error does not reveal which of the two is wrong.
    #[error("wrong e-mail address or password")]
    BadCredentials,
    /// The token is unknown, used or expired.
    #[error("the token is invalid or has expired")]
    BadToken,
    /// The e-mail address is verified already.
    #[error("the e-mail address is already verified")]
    AlreadyVerified,
}

impl AccountError {
    /// Returns the code under which the API shows the refusal.
    pub fn code(&self) -> RefusalCode {
        use RefusalCode as C;
        match self {
            Self::EmailTaken => C::EmailTaken,
            Self::InvalidEmail => C::InvalidEmail,
            Self::WeakPassword | Self::GuessablePassword => C::WeakPassword,
            Self::PasswordRequired => C::PasswordRequired,
            Self::TotpRequired => C::TotpRequired,
            Self::BadTotpCode => C::BadTotpCode,
            Self::TotpEnabled => C::TotpAlreadyEnabled,
            Self::TotpNotEnabled => C::TotpNotEnabled,
            Self::BadCredentials => C::BadCredentials,
            Self::BadToken => C::BadToken,
            Self::AlreadyVerified => C::AlreadyVerified,
        }
    }
}

/// E-mail address in lower case, the form by which accounts are looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Parses an address: one `@`, a local part, a host with a dot, no whitespace. Whether mail reaches it is
    /// known only once it is verified.
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

    /// Returns the address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character is allowed in an address; the others could break out of a mail header.
fn is_plain(letter: char) -> bool {
    !letter.is_whitespace() && !letter.is_control() && !"<>()[]\\,;:\"".contains(letter)
}

/// Checks a password: at least [`PASSWORD_MIN`] characters, at most [`PASSWORD_MAX`] bytes, and not the
/// e-mail address. There are no rules about kinds of characters, because length is what counts (NIST SP
/// 800-63B, 5.1.1.2). The caller estimates how easily it is guessed.
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
    fn parses_addresses_to_lower_case() {
        for (text, address) in [
            ("Ada.Lovelace@Example.org", "ada.lovelace@example.org"),
            ("  a+b@x.y ", "a+b@x.y"),
            ("élodie@boîte.example", "élodie@boîte.example"),
        ] {
            assert_eq!(EmailAddress::parse(text).unwrap().as_str(), address);
        }
    }

    #[test]
    fn rejects_invalid_addresses() {
        let long = format!("{}@example.org", "a".repeat(EMAIL_MAX));
        let bad = ["", "ada", "@example.org", "ada@", "ada@example", "a@b@c.d", "a b@c.d", "a@.d", "a@c..d"];
        for text in bad.into_iter().chain(["a\r\nBcc:x@y.z", "a,b@c.d", "<a@b.c>", "a\0@b.c", &long]) {
            assert_eq!(EmailAddress::parse(text), Err(AccountError::InvalidEmail), "{text:?}");
        }
    }

    #[test]
    fn checks_password_length_and_difference_from_the_address() {
        let email = EmailAddress::parse("ada@example.org").unwrap();
        let check = |password: &str| check_password(password, &email);
        assert_eq!(check("éééééééééé"), Ok(()), "its length; how soon it is guessed is for the edge");
        assert_eq!(check("ninechars"), Err(AccountError::WeakPassword));
        assert_eq!(check(&"a".repeat(PASSWORD_MAX)), Ok(()));
        assert_eq!(check(&"a".repeat(PASSWORD_MAX + 1)), Err(AccountError::WeakPassword));
        assert_eq!(check("Ada@example.org"), Err(AccountError::WeakPassword));
    }
}
