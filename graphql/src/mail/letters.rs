//! What mails say, in French or in English. Words only.

use crate::labels::Lang;

/// What a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letter {
    /// To show that the address is theirs.
    VerifyEmail,
    /// To set another password.
    ResetPassword,
    /// To set a first password.
    Invitation,
}

impl Letter {
    fn page(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify-email",
            Self::ResetPassword => "reset-password",
            Self::Invitation => "invitation",
        }
    }

    /// Subject and text. The token stands behind `#`, so that it shows in no server's log.
    pub(super) fn text(self, public_url: Option<&str>, token: &str, lang: Lang) -> (String, String) {
        let key = match public_url {
            Some(url) => format!("{}/{}#token={token}", url.trim_end_matches('/'), self.page()),
            None => token.to_owned(),
        };
        let subject = match self {
            Self::VerifyEmail => lang.pick("Confirmez votre adresse e-mail", "Confirm your e-mail address"),
            Self::ResetPassword => lang.pick("Votre nouveau mot de passe", "Your new password"),
            Self::Invitation => lang.pick("Votre accès à OC Pizza", "Your access to OC Pizza"),
        };
        let (before, after) = match self {
            Self::VerifyEmail => (
                lang.pick(
                    "Pour confirmer que cette adresse est la vôtre :",
                    "To confirm that this address is yours:",
                ),
                lang.pick(
                    "Valable deux jours. Vous n'avez rien demandé ? Ignorez ce message.",
                    "Good for two days. You have not asked for it? Leave it be.",
                ),
            ),
            Self::ResetPassword => (
                lang.pick("Pour choisir un nouveau mot de passe :", "To choose a new password:"),
                lang.pick(
                    "Valable une heure, une seule fois. Vous n'avez rien demandé ? Ignorez ce message : votre mot de passe reste le même.",
                    "Good for one hour, once. You have not asked for it? Leave it be: your password stays as it is.",
                ),
            ),
            Self::Invitation => (
                lang.pick(
                    "Vous travaillez désormais avec OC Pizza-Manager. Pour choisir votre mot de passe :",
                    "You work with OC Pizza-Manager now. To choose your password:",
                ),
                lang.pick("Valable sept jours, une seule fois.", "Good for seven days, once."),
            ),
        };
        (subject.to_owned(), format!("{before}\n\n{key}\n\n{after}\n\nOC Pizza\n"))
    }
}

/// Subject and text for the address that an account had before.
pub(super) fn moved(lang: Lang) -> (String, String) {
    let subject = lang.pick("Votre adresse e-mail a changé", "Your e-mail address has changed");
    let body = lang.pick(
        "Votre compte OC Pizza a désormais une autre adresse e-mail. Ce n'était pas vous ? Prévenez votre pizzeria.",
        "Your account at OC Pizza has another e-mail address now. It was not you? Tell your pizzeria.",
    );
    (subject.to_owned(), format!("{body}\n\nOC Pizza\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_has_a_link_or_the_bare_token_in_either_language() {
        for letter in [Letter::VerifyEmail, Letter::ResetPassword, Letter::Invitation] {
            for lang in [Lang::Fr, Lang::En] {
                let (_, linked) = letter.text(Some("https://ocpizza.example/"), "ocp_T", lang);
                let link = format!("https://ocpizza.example/{}#token=ocp_T", letter.page());
                assert!(linked.lines().any(|line| line == link), "{linked}");
                let (_, bare) = letter.text(None, "ocp_T", lang);
                assert!(bare.lines().any(|line| line == "ocp_T"), "{bare}");
            }
            assert_ne!(letter.text(None, "t", Lang::Fr), letter.text(None, "t", Lang::En));
        }
    }
}
