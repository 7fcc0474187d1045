//! Texts of the mails, in French and English.

use messages::labels::Lang;

/// Kind of mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letter {
    /// Verifies an e-mail address.
    VerifyEmail,
    /// Resets a password.
    ResetPassword,
    /// Invites a member of staff to set the first password.
    Invitation,
    /// Tells the previous address that the account has another one.
    Moved,
    /// Tells that an authenticator app was set up or removed.
    TotpChanged,
}

impl Letter {
    /// Page that the link opens; `None` for a letter without a token.
    fn page(self) -> Option<&'static str> {
        match self {
            Self::VerifyEmail => Some("verify-email"),
            Self::ResetPassword => Some("reset-password"),
            Self::Invitation => Some("invitation"),
            Self::Moved | Self::TotpChanged => None,
        }
    }

    /// Kind that the mail is counted as. Mails that an anonymous caller can cause do not use up the invitations and
    /// warnings to an address.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::VerifyEmail | Self::ResetPassword => "mail",
            Self::Invitation => "invitation",
            Self::Moved | Self::TotpChanged => "warning",
        }
    }

    /// Returns subject and text. The token follows `#`, so that no server logs it.
    pub(super) fn text(self, public_url: Option<&str>, token: &str, lang: Lang) -> (String, String) {
        let key = match (self.page(), public_url) {
            (Some(page), Some(url)) => format!("\n\n{}/{page}#token={token}\n", url.trim_end_matches('/')),
            (Some(_), None) => format!("\n\n{token}\n"),
            (None, _) => String::new(),
        };
        let (subject, before, after) = match self {
            Self::VerifyEmail => (
                ("Confirmez votre adresse e-mail", "Confirm your e-mail address"),
                ("Pour confirmer que cette adresse est la vôtre :", "To confirm that this address is yours:"),
                (
                    "Valable deux jours. Vous n'avez rien demandé ? Ignorez ce message.",
                    "Valid for two days. If you did not request this, ignore this message.",
                ),
            ),
            Self::ResetPassword => (
                ("Votre nouveau mot de passe", "Your new password"),
                ("Pour choisir un nouveau mot de passe :", "To choose a new password:"),
                (
                    "Valable une heure, une seule fois. Vous n'avez rien demandé ? Ignorez ce message : \
                     votre mot de passe reste le même.",
                    "Valid for one hour, once. If you did not request this, ignore this message: \
                     your password stays the same.",
                ),
            ),
            Self::Invitation => (
                ("Votre accès à OC Pizza", "Your access to OC Pizza"),
                (
                    "Vous travaillez désormais avec OC Pizza-Manager. Pour choisir votre mot de passe :",
                    "You now have access to OC Pizza-Manager. To choose your password:",
                ),
                ("Valable sept jours, une seule fois.", "Valid for seven days, once."),
            ),
            Self::Moved => (
                ("Votre adresse e-mail a changé", "Your e-mail address has changed"),
                (
                    "Votre compte OC Pizza a désormais une autre adresse e-mail.",
                    "Your OC Pizza account now has another e-mail address.",
                ),
                (
                    "Ce n'était pas vous ? Prévenez votre pizzeria.",
                    "If this was not you, contact your pizzeria.",
                ),
            ),
            Self::TotpChanged => (
                ("Votre application d'authentification a changé", "Your authenticator app has changed"),
                (
                    "Une application d'authentification a été associée à votre compte OC Pizza, ou retirée.",
                    "An authenticator app was set up for your OC Pizza account, or removed.",
                ),
                (
                    "Ce n'était pas vous ? Changez votre mot de passe et prévenez votre pizzeria.",
                    "If this was not you, change your password and contact your pizzeria.",
                ),
            ),
        };
        let pick = |(fr, en)| lang.pick(fr, en);
        let (subject, before, after) = (pick(subject), pick(before), pick(after));
        (subject.to_owned(), format!("{before}{key}\n{after}\n\nOC Pizza\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_hold_a_link_or_the_bare_token_in_both_languages() {
        for letter in [Letter::VerifyEmail, Letter::ResetPassword, Letter::Invitation] {
            for lang in [Lang::Fr, Lang::En] {
                let (_, linked) = letter.text(Some("https://ocpizza.example/"), "ocp_T", lang);
                let link = format!("https://ocpizza.example/{}#token=ocp_T", letter.page().unwrap());
                assert!(linked.lines().any(|line| line == link), "{linked}");
                let (_, bare) = letter.text(None, "ocp_T", lang);
                assert!(bare.lines().any(|line| line == "ocp_T"), "{bare}");
            }
            assert_ne!(letter.text(None, "t", Lang::Fr), letter.text(None, "t", Lang::En));
        }
    }

    #[test]
    fn warnings_hold_no_token() {
        for letter in [Letter::Moved, Letter::TotpChanged] {
            let (_, text) = letter.text(Some("https://ocpizza.example/"), "ocp_T", Lang::En);
            assert!(!text.contains("ocp_T") && !text.contains("https:"), "{text}");
            assert_ne!(letter.text(None, "", Lang::Fr), letter.text(None, "", Lang::En));
        }
    }
}
