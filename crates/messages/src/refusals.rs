//! Messages of refusals in French and English. Every refusal has its own arm, so that a new one does not compile
//! without a message.

use domain::account::{AccountError, PASSWORD_MAX, PASSWORD_MIN};
use domain::closing::ClosingError;
use domain::customer::CustomerError;
use domain::delivery::DeliveryError;
use domain::menu::{MenuError, Unit};
use domain::pizzeria::PizzeriaError;
use domain::staff::StaffError;
use domain::stock::StockError;
use domain::usecase::Refusal;

use crate::labels::{Lang, delivery_status};

mod order;

use order::{insufficient, order};

pub use order::shortage;

/// Returns the message of a refusal: the rule, the values concerned and what to do.
pub fn message(refusal: &Refusal, lang: Lang) -> String {
    match refusal {
        Refusal::Order(error) => order(error, lang),
        Refusal::Stock(error) => stock(error, lang),
        Refusal::Delivery(error) => delivery(error, lang),
        Refusal::Staff(error) => staff(error, lang),
        Refusal::Customer(error) => customer(error, lang),
        Refusal::Closing(error) => closing(error, lang),
        Refusal::Account(error) => account(error, lang),
        Refusal::Pizzeria(error) => pizzeria(error, lang),
        Refusal::Menu(error) => menu(error, lang),
        Refusal::StaleVersion { expected, actual } => lang.pick(
            format!("Modifié entre-temps : vous avez vu la version {expected}, la version actuelle est la {actual}."),
            format!("Changed in the meantime: you saw version {expected}, the current version is {actual}."),
        ),
        Refusal::Several(refusals) => {
            refusals.iter().map(|refusal| message(refusal, lang)).collect::<Vec<_>>().join(" ")
        }
        Refusal::IdempotencyKeyReused => lang.text(
                "Cette clé d'idempotence a déjà servi pour une autre demande.",
                "This idempotency key was already used for another request.",
            ),
    }
}

fn stock(error: &StockError, lang: Lang) -> String {
    match error {
        StockError::Insufficient { missing } => insufficient(missing, lang),
        StockError::AlreadyReserved { order } => lang.pick(
            format!("La commande {order} a déjà une réservation."),
            format!("Order {order} already has a reservation."),
        ),
        StockError::NoReservation { order } => lang.pick(
            format!("La commande {order} n'a pas de réservation."),
            format!("Order {order} has no reservation."),
        ),
        StockError::DuplicateReceipt { supplier, delivery_note } => lang.pick(
            format!("Le bon de livraison {delivery_note} de {supplier} a déjà été reçu."),
            format!("Delivery note {delivery_note} of {supplier} was already received."),
        ),
        StockError::LimitExceeded { ingredient, on_hand, max } => lang.pick(
            format!("{ingredient} : {on_hand} en stock ; un stock contient au plus {max}."),
            format!("{ingredient}: {on_hand} on hand; a stock holds at most {max}."),
        ),
        StockError::NoLines => lang.text("Indiquez au moins un ingrédient.", "Give at least one ingredient."),
        StockError::UnknownIngredient { ingredient } => lang.pick(
            format!("{ingredient} n'est pas un ingrédient."),
            format!("{ingredient} is not an ingredient."),
        ),
        StockError::UnknownPizza { pizza } => {
            lang.pick(format!("{pizza} n'est pas une pizza."), format!("{pizza} is not a pizza."))
        }
        StockError::AlreadyBlocked { pizza } => {
            lang.pick(format!("{pizza} est déjà bloquée."), format!("{pizza} is already blocked."))
        }
        StockError::NotBlocked { pizza } => {
            lang.pick(format!("{pizza} n'est pas bloquée."), format!("{pizza} is not blocked."))
        }
        StockError::SamePizzeria { pizzeria } => lang.pick(
            format!("{pizzeria} ne transfère pas à elle-même."),
            format!("{pizzeria} cannot transfer to itself."),
        ),
    }
}

fn delivery(error: &DeliveryError, lang: Lang) -> String {
    match error {
        DeliveryError::NotFound => lang.text("Livraison introuvable.", "There is no such delivery."),
        DeliveryError::AlreadyScheduled => {
            lang.text("Cette livraison est déjà prévue.", "This delivery is already scheduled.")
        }
        DeliveryError::AlreadyClaimed => {
            lang.text("Un livreur a déjà pris cette livraison.", "A courier already has this delivery.")
        }
        DeliveryError::WrongState { status } => {
            let status = delivery_status(*status, lang).to_lowercase();
            lang.pick(
                format!("Impossible tant que la livraison est {status}."),
                format!("Not possible while the delivery is {status}."),
            )
        }
        DeliveryError::NotYours => {
            lang.text("Cette livraison est celle d'un autre livreur.", "This delivery is another courier's.")
        }
        DeliveryError::UnknownCourier { courier } => lang.pick(
            format!("{courier} n'est pas un livreur de cette pizzeria."),
            format!("{courier} is not a courier of this pizzeria."),
        ),
        DeliveryError::CourierFull { max } => courier_full(*max, lang),
        DeliveryError::BadCode { tries_left: 0 } => lang.text(
            "Le code est faux, et c'était le dernier essai : donnez un nom ou une photo.",
            "The code is wrong and no tries are left: give a name or a photograph.",
        ),
        DeliveryError::BadCode { tries_left } => lang.pick(
            format!("Le code est faux ; essais restants : {tries_left}."),
            format!("The code is wrong; tries left: {tries_left}."),
        ),
    }
}

fn courier_full(max: usize, lang: Lang) -> String {
    lang.pick(
        format!("Un livreur porte au plus {max} livraisons."),
        format!("A courier carries at most {max} deliveries."),
    )
}

fn staff(error: &StaffError, lang: Lang) -> String {
    match error {
        StaffError::NotFound => {
            lang.text("Cette personne n'est pas employée ici.", "There is no such member of staff.")
        }
        StaffError::AlreadyHired => lang.text("Déjà employé dans ce rôle.", "Already hired in this role."),
        StaffError::AlreadyRevoked => lang.text("N'est déjà plus employé.", "No longer works here."),
        StaffError::NotACourier => {
            lang.text("N'est pas un livreur de cette pizzeria.", "Not a courier of this pizzeria.")
        }
        StaffError::Full { max } => courier_full(*max, lang),
        StaffError::LastDirector => lang.text(
            "Le groupe garde au moins un directeur : nommez-en un autre d'abord.",
            "The group must keep a director: appoint another one first.",
        ),
        StaffError::RoleNotAllowed { .. } => lang.text(
            "Vous ne pouvez ni embaucher ni renvoyer dans ce rôle.",
            "Your role may not hire or revoke this role.",
        ),
        StaffError::NothingToChange => nothing_to_change(lang),
    }
}

fn nothing_to_change(lang: Lang) -> String {
    lang.text("Il n'y a rien à modifier.", "There is nothing to change.")
}

fn customer(error: &CustomerError, lang: Lang) -> String {
    match error {
        CustomerError::NotFound => lang.text("Ce compte n'existe pas.", "There is no such account."),
        CustomerError::AlreadyRegistered => {
            lang.text("Ce compte existe déjà.", "This account already exists.")
        }
        CustomerError::AlreadyErased => lang.text("Ce compte a été effacé.", "This account has been erased."),
        CustomerError::NothingToChange => nothing_to_change(lang),
    }
}

fn closing(error: &ClosingError, lang: Lang) -> String {
    match error {
        ClosingError::AlreadyClosed { day } => lang.pick(
            format!("Les journées sont clôturées jusqu'au {day}."),
            format!("Days are closed up to {day}."),
        ),
        ClosingError::NotNext => {
            lang.text("Ce n'est pas la clôture suivante.", "This is not the next closing.")
        }
    }
}

fn account(error: &AccountError, lang: Lang) -> String {
    match error {
        AccountError::EmailTaken => lang.text("Un compte existe déjà avec cette adresse.", "An account with this address already exists."),
        AccountError::InvalidEmail => {
            lang.text("Adresse e-mail invalide.", "The e-mail address is not valid.")
        }
        AccountError::WeakPassword => lang.pick(
            format!(
                "Un mot de passe a au moins {PASSWORD_MIN} caractères, au plus {PASSWORD_MAX} octets, et n'est pas l'adresse e-mail."
            ),
            format!(
                "A password has at least {PASSWORD_MIN} characters, at most {PASSWORD_MAX} bytes, and is not the e-mail address."
            ),
        ),
        AccountError::GuessablePassword => lang.text(
                "Ce mot de passe est facile à deviner. Choisissez plusieurs mots sans rapport, sans votre nom ni votre adresse.",
                "This password is easy to guess. Choose several unrelated words, without your name or address.",
            ),
        AccountError::PasswordRequired => lang.text(
                "Indiquez votre mot de passe actuel pour changer d'adresse e-mail.",
                "Enter your current password to change the e-mail address.",
            ),
        AccountError::TotpRequired => lang.text(
                "Indiquez aussi le code de votre application d'authentification.",
                "Enter the code of your authenticator app as well.",
            ),
        AccountError::BadTotpCode => lang.text(
                "Ce code est faux, expiré ou a déjà servi. Attendez le suivant.",
                "This code is wrong, expired or already used. Wait for the next one.",
            ),
        AccountError::TotpEnabled => lang.text(
                "Une application d'authentification est déjà associée à ce compte. Retirez-la d'abord.",
                "An authenticator app is already set up for this account. Disable it first.",
            ),
        AccountError::TotpNotEnabled => lang.text(
                "Aucune application d'authentification n'est associée à ce compte.",
                "No authenticator app is set up for this account.",
            ),
        AccountError::BadCredentials => lang.text("Adresse e-mail ou mot de passe incorrect.", "Wrong e-mail address or password."),
        AccountError::BadToken => lang.text("Ce lien n'est pas valable ou a expiré.", "This link is not valid or has expired."),
        AccountError::AlreadyVerified => {
            lang.text("Cette adresse est déjà vérifiée.", "This address is already verified.")
        }
    }
}

fn pizzeria(error: &PizzeriaError, lang: Lang) -> String {
    match error {
        PizzeriaError::NotFound => lang.text("Pizzeria introuvable.", "There is no such pizzeria."),
        PizzeriaError::AlreadyOpened => {
            lang.text("Une pizzeria a déjà ce code.", "A pizzeria with this code already exists.")
        }
        PizzeriaError::AlreadyPaused => lang.text(
            "La pizzeria est déjà en pause jusqu'à ce moment.",
            "The pizzeria is already paused until then.",
        ),
        PizzeriaError::NotPaused => {
            lang.text("La pizzeria n'est pas en pause.", "The pizzeria is not paused.")
        }
        PizzeriaError::PauseInThePast => {
            lang.text("Une pause doit se terminer dans le futur.", "A pause must end in the future.")
        }
        PizzeriaError::NothingToChange => nothing_to_change(lang),
        PizzeriaError::OutOfRange { field } => lang.pick(
            format!("La valeur de {field} est hors limites."),
            format!("The value of {field} is out of range."),
        ),
    }
}

fn menu(error: &MenuError, lang: Lang) -> String {
    match error {
        MenuError::NothingToPublish => lang.text("Il n'y a rien à publier.", "There is nothing to publish."),
        MenuError::UnknownIngredient { ingredient } => lang.pick(
            format!("{ingredient} n'est pas un ingrédient."),
            format!("{ingredient} is not an ingredient."),
        ),
        MenuError::UnknownItem { item } => {
            lang.pick(format!("{item} n'est pas à la carte."), format!("{item} is not on the menu."))
        }
        MenuError::UnknownSize { item, size } => lang.pick(
            format!("{item} n'est pas vendue en taille {size}."),
            format!("{item} is not sold in size {size}."),
        ),
        MenuError::ValueRequired { code, field } => lang.pick(
            format!("{code} est nouveau à la carte : il lui faut « {field} »."),
            format!("{code} is new to the menu: it needs `{field}`."),
        ),
        MenuError::UnitFixed { ingredient, unit } => {
            let (fr, en) = match unit {
                Unit::Gram => ("grammes", "grams"),
                Unit::Millilitre => ("millilitres", "millilitres"),
                Unit::Piece => ("pièces", "pieces"),
            };
            lang.pick(
                format!("{ingredient} se compte en {fr} et garde cette unité : publiez un autre ingrédient."),
                format!("{ingredient} is counted in {en} and keeps this unit: publish another ingredient."),
            )
        }
        MenuError::DuplicateCode { item } => {
            lang.pick(format!("{item} est utilisé deux fois."), format!("{item} is used twice."))
        }
        MenuError::NoRecipe { item } => lang.pick(
            format!("{item} demande au moins une taille, chacune avec sa recette."),
            format!("{item} needs at least one size, each with a recipe."),
        ),
        MenuError::QuantityTooLarge { item, ingredient, max } => lang.pick(
            format!("{item} contient au plus {max} de {ingredient}."),
            format!("{item} takes at most {max} of {ingredient}."),
        ),
        MenuError::InvalidPrice { code } => lang.pick(
            format!("Le prix de {code} doit être supérieur à zéro."),
            format!("The price of {code} must be more than zero."),
        ),
        MenuError::InvalidRate => {
            lang.text("Un taux de TVA ne dépasse pas 100 %.", "A VAT rate is at most 100 %.")
        }
    }
}

#[cfg(test)]
mod tests;
