//! What a person is told when the domain says no, in French or in English. Pure words: every refusal
//! is written out, so that a new one does not compile before it can be said.

use domain::Cents;
use domain::account::{AccountError, PASSWORD_MAX, PASSWORD_MIN};
use domain::closing::ClosingError;
use domain::customer::CustomerError;
use domain::delivery::DeliveryError;
use domain::menu::{MenuError, PizzaSize};
use domain::order::{Fulfilment, Missing, OrderError};
use domain::pizzeria::{PizzeriaError, UnpaidUnit};
use domain::staff::StaffError;
use domain::stock::StockError;
use domain::usecase::Refusal;

use crate::labels::{Lang, amount, delivery_status, order_status};

/// The message of a refusal. It names what is missing, by how much, and what would do.
pub fn message(refusal: &Refusal, lang: Lang) -> String {
    match refusal {
        Refusal::Order(error) => order(error, lang),
        Refusal::Stock(error) => stock(error, lang),
        Refusal::Delivery(error) => delivery(error, lang),
        Refusal::Staff(error) => staff(error, lang),
        Refusal::Customer(error) => customer(error, lang).to_owned(),
        Refusal::Closing(error) => closing(error, lang),
        Refusal::Account(error) => account(error, lang),
        Refusal::Pizzeria(error) => pizzeria(error, lang),
        Refusal::Menu(error) => menu(error, lang),
        Refusal::StaleVersion { expected, actual } => lang.pick(
            format!("Modifié entre-temps : vous avez vu la version {expected}, la version actuelle est la {actual}."),
            format!("Changed in the meantime: you saw version {expected}, it is at version {actual} now."),
        ),
        Refusal::Several(refusals) => {
            refusals.iter().map(|refusal| message(refusal, lang)).collect::<Vec<_>>().join(" ")
        }
        Refusal::IdempotencyKeyReused => lang
            .pick(
                "Cette clé d'idempotence a déjà servi pour une autre demande.",
                "This idempotency key was used before, with another input.",
            )
            .to_owned(),
    }
}

fn order(error: &OrderError, lang: Lang) -> String {
    // The label of a status needs the fulfilment only to tell the two kinds of "ready" apart; "prête" does for both.
    let status_of = |status| order_status(status, Fulfilment::Takeaway, lang).to_lowercase();
    match error {
        OrderError::NotFound => lang.pick("Commande introuvable.", "There is no such order.").to_owned(),
        OrderError::AlreadyPlaced => {
            lang.pick("Cette commande existe déjà.", "This order exists already.").to_owned()
        }
        OrderError::EmptyOrder => lang
            .pick("Une commande comporte au moins une ligne.", "An order has at least one line.")
            .to_owned(),
        OrderError::TooLarge { what, max } => match lang {
            Lang::Fr if *what == "lines" => format!("Une commande comporte au plus {max} lignes."),
            Lang::Fr if *what == "euros" => format!("Une commande est d'au plus {max} €."),
            Lang::Fr if what.starts_with("extras") => {
                format!("Une ligne de commande comporte au plus {max} suppléments.")
            }
            Lang::Fr => format!("Une ligne de commande comporte au plus {max} pièces."),
            Lang::En => format!("An order has at most {max} {what}."),
        },
        OrderError::Line { error, .. } => order(error, lang),
        OrderError::InvalidQuantity { max } => {
            lang.pick(format!("Une quantité va de 1 à {max}."), format!("A quantity is 1 to {max}."))
        }
        OrderError::ChannelNotAllowed { .. } => lang
            .pick(
                "Un client commande sur le web (WEB) ; le personnel saisit les autres commandes.",
                "A customer orders on the web (WEB); staff enter the other orders.",
            )
            .to_owned(),
        OrderError::PaymentNotAllowed { fulfilment: Fulfilment::Delivery, .. } => lang
            .pick(
                "Une livraison se paie en ligne ou au livreur.",
                "A delivery is paid online or to the courier.",
            )
            .to_owned(),
        OrderError::PaymentNotAllowed { fulfilment: Fulfilment::Takeaway | Fulfilment::OnSite, .. } => lang
            .pick(
                "Sans livraison, une commande se paie en ligne ou au comptoir.",
                "Without a delivery, an order is paid online or at the counter.",
            )
            .to_owned(),
        OrderError::ReasonNotAllowed { .. } => lang
            .pick(
                "Un client annule à sa demande (CUSTOMER_REQUEST) ou pour une autre raison (OTHER).",
                "A customer cancels at their own request (CUSTOMER_REQUEST) or for another reason (OTHER).",
            )
            .to_owned(),
        OrderError::NotBaked { line } => lang.pick(
            format!("La ligne {line} n'est pas une pizza : elle ne passe pas au four."),
            format!("Line {line} is not a pizza: it does not go through the oven."),
        ),
        OrderError::UnknownItem { item } => {
            lang.pick(format!("{item} n'est pas à la carte."), format!("{item} is not on the menu."))
        }
        OrderError::UnknownSize { item, size } => match size {
            Some(size) => lang.pick(
                format!("{item} n'est pas vendu en taille {size}."),
                format!("{item} is not sold in size {size}."),
            ),
            None => lang.pick(
                format!("Choisissez une taille pour {item} : {}.", sizes("ou")),
                format!("Choose a size for {item}: {}.", sizes("or")),
            ),
        },
        OrderError::UnknownExtra { item, extra } => lang.pick(
            format!("{extra} n'est pas un supplément pour {item}."),
            format!("{extra} is not an extra for {item}."),
        ),
        OrderError::UnknownIngredient { item, ingredient } => lang.pick(
            format!("{ingredient} ne peut pas être retiré de {item}."),
            format!("{ingredient} cannot be left out of {item}."),
        ),
        OrderError::ItemBlocked { item } => lang.pick(
            format!("{item} n'est pas disponible pour le moment."),
            format!("{item} is not available for now."),
        ),
        OrderError::NoVatRate { item } => lang.pick(
            format!("{item} ne peut pas être vendu aujourd'hui : la carte n'a pas son taux de TVA."),
            format!("{item} cannot be sold today: the menu lacks its VAT rate."),
        ),
        OrderError::PizzeriaClosed => lang
            .pick("La pizzeria ne prend pas de commandes en ce moment.", "The pizzeria takes no orders now.")
            .to_owned(),
        OrderError::AddressRequired => lang
            .pick(
                "Une livraison demande une adresse avec sa latitude et sa longitude.",
                "A delivery needs an address with its latitude and longitude.",
            )
            .to_owned(),
        OrderError::OutOfDeliveryArea { distance_m, radius_m } => lang.pick(
            format!("L'adresse est à {distance_m} m ; la pizzeria livre jusqu'à {radius_m} m."),
            format!("The address is {distance_m} m away; the pizzeria delivers up to {radius_m} m."),
        ),
        OrderError::BelowMinimum { subtotal, minimum } => {
            let (subtotal, minimum) = (amount(*subtotal, lang), amount(*minimum, lang));
            lang.pick(
                format!("{subtotal} : la livraison demande un minimum de {minimum}."),
                format!("{subtotal} is below the minimum of {minimum} for a delivery."),
            )
        }
        OrderError::InsufficientStock { missing } | OrderError::RefusalNotStored { missing } => insufficient(missing, lang),
        OrderError::PriceChanged { expected, actual } => {
            let (expected, actual) = (amount(*expected, lang), amount(*actual, lang));
            lang.pick(
                format!("Le total est de {actual}, et non de {expected}."),
                format!("The total is {actual}, not {expected}."),
            )
        }
        OrderError::TooLate { status } => {
            let status = status_of(*status);
            lang.pick(
                format!("Trop tard : la commande est {status}."),
                format!("Too late: the order is {status}."),
            )
        }
        OrderError::AlreadyClosed { status } => {
            let status = status_of(*status);
            lang.pick(format!("La commande est close : {status}."), format!("The order is closed: {status}."))
        }
        OrderError::WrongState { status } => {
            let status = status_of(*status);
            lang.pick(
                format!("Impossible tant que la commande est {status}."),
                format!("Not possible while the order is {status}."),
            )
        }
        OrderError::UnknownLine { line } => lang
            .pick(format!("La commande n'a pas de ligne {line}."), format!("The order has no line {line}.")),
        OrderError::InvalidAmount => {
            lang.pick("Un montant est supérieur à zéro.", "An amount is more than zero.").to_owned()
        }
        OrderError::PaymentDeclined { reason } => lang.pick(
            format!("Le paiement a été refusé ({reason})."),
            format!("The payment was declined ({reason})."),
        ),
        OrderError::Overpaid { due, .. } if *due <= Cents::ZERO => {
            lang.pick("Il ne reste rien à payer.", "Nothing is due.").to_owned()
        }
        OrderError::Overpaid { amount: given, due } => {
            let (given, due) = (amount(*given, lang), amount(*due, lang));
            lang.pick(
                format!("{given} dépasse ce qui reste dû : {due}."),
                format!("{given} is more than what is due: {due}."),
            )
        }
        OrderError::OverRefund { refundable, .. } if *refundable <= Cents::ZERO => lang
            .pick("Rien à rembourser par ce moyen.", "There is nothing to refund by this method.")
            .to_owned(),
        OrderError::OverRefund { amount: given, refundable } => {
            let (given, refundable) = (amount(*given, lang), amount(*refundable, lang));
            lang.pick(
                format!("{given} dépasse ce qui peut être remboursé par ce moyen : {refundable}."),
                format!("{given} is more than what can be refunded by this method: {refundable}."),
            )
        }
        OrderError::NotPaid { due } => {
            let due = amount(*due, lang);
            lang.pick(
                format!("Il reste {due} à payer avant de continuer."),
                format!("{due} is still due and is to be paid first."),
            )
        }
        OrderError::MethodNotAllowed { method } => {
            let method = method.as_str();
            lang.pick(
                format!("{method} vient du prestataire de paiement et ne se saisit pas à la main."),
                format!("{method} is what the payment provider reports; it is not entered by hand."),
            )
        }
        OrderError::OnlinePaymentUnavailable => lang
            .pick(
                "Le paiement en ligne n'est pas disponible : choisissez un paiement sur place ou à la livraison.",
                "Online payment is not available: pay at the counter or on delivery.",
            )
            .to_owned(),
        OrderError::TooManyDeclines { max } => lang.pick(
            format!("Déjà {max} paiements refusés : payez autrement, ou réessayez plus tard."),
            format!("{max} payments were declined already: pay in another way, or try again later."),
        ),
        OrderError::VerificationRequired { what, max } => {
            let (fr, en) = unpaid_units(*what);
            lang.pick(
                format!("Au plus {max} {fr} sans paiement : confirmez d'abord votre adresse e-mail."),
                format!("At most {max} {en} without payment: verify your e-mail address first."),
            )
        }
        OrderError::UnpaidLimit { what, max } => {
            let (fr, en) = unpaid_units(*what);
            lang.pick(
                format!("Au plus {max} {fr} sans paiement : payez d'abord une partie."),
                format!("At most {max} {en} without payment: pay for some first."),
            )
        }
        OrderError::ClosesTooSoon { .. } => lang
            .pick(
                "La pizzeria ferme avant que cette commande puisse être prête.",
                "The pizzeria closes before this order could be ready.",
            )
            .to_owned(),
        OrderError::NotExpired => lang
            .pick("Le délai de paiement n'est pas écoulé.", "The deadline for payment has not passed.")
            .to_owned(),
    }
}

fn unpaid_units(what: UnpaidUnit) -> (&'static str, &'static str) {
    match what {
        UnpaidUnit::Orders => ("commandes ouvertes", "open orders"),
        UnpaidUnit::Pieces => ("articles", "pieces"),
    }
}

fn sizes(or: &str) -> String {
    let [small, medium, large] = PizzaSize::ALL;
    format!("{small}, {medium} {or} {large}")
}

/// What there is not enough of, without saying how much there is.
pub fn shortage(missing: &[Missing], lang: Lang) -> String {
    let codes: Vec<&str> = missing.iter().map(|missing| missing.ingredient.as_str()).collect();
    let codes = codes.join(", ");
    lang.pick(format!("Il n'y a plus assez de : {codes}."), format!("There is not enough of: {codes}."))
}

/// `Stock insuffisant : GOAT_CHEESE (116 nécessaires, 6 disponibles).`
fn insufficient(missing: &[Missing], lang: Lang) -> String {
    let each: Vec<String> = missing
        .iter()
        .map(|Missing { ingredient, needed, available }| {
            lang.pick(
                format!("{ingredient} (il en faut {needed}, il en reste {available})"),
                format!("{ingredient} ({needed} needed, {available} available)"),
            )
        })
        .collect();
    let each = each.join(", ");
    lang.pick(format!("Stock insuffisant : {each}."), format!("Not enough stock: {each}."))
}

fn stock(error: &StockError, lang: Lang) -> String {
    match error {
        StockError::Insufficient { missing } => insufficient(missing, lang),
        StockError::AlreadyReserved { order } => lang.pick(
            format!("La commande {order} a déjà une réservation."),
            format!("Order {order} has a reservation already."),
        ),
        StockError::NoReservation { order } => lang.pick(
            format!("La commande {order} n'a pas de réservation."),
            format!("Order {order} has no reservation."),
        ),
        StockError::DuplicateReceipt { supplier, delivery_note } => lang.pick(
            format!("Le bon de livraison {delivery_note} de {supplier} a déjà été reçu."),
            format!("Delivery note {delivery_note} of {supplier} was received before."),
        ),
        StockError::LimitExceeded { ingredient, on_hand, max } => lang.pick(
            format!("{ingredient} : {on_hand} en stock ; un stock contient au plus {max}."),
            format!("{ingredient}: {on_hand} on hand; a stock holds at most {max}."),
        ),
        StockError::NoLines => {
            lang.pick("Indiquez au moins un ingrédient.", "At least one ingredient is needed.").to_owned()
        }
        StockError::UnknownIngredient { ingredient } => lang.pick(
            format!("{ingredient} n'est pas un ingrédient."),
            format!("{ingredient} is not an ingredient."),
        ),
        StockError::UnknownPizza { pizza } => {
            lang.pick(format!("{pizza} n'est pas une pizza."), format!("{pizza} is not a pizza."))
        }
        StockError::AlreadyBlocked { pizza } => {
            lang.pick(format!("{pizza} est déjà bloquée."), format!("{pizza} is blocked already."))
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
        DeliveryError::NotFound => {
            lang.pick("Livraison introuvable.", "There is no such delivery.").to_owned()
        }
        DeliveryError::AlreadyScheduled => {
            lang.pick("Cette livraison est déjà prévue.", "This delivery is scheduled already.").to_owned()
        }
        DeliveryError::AlreadyClaimed => lang
            .pick("Un livreur a déjà pris cette livraison.", "A courier has this delivery already.")
            .to_owned(),
        DeliveryError::WrongState { status } => {
            let status = delivery_status(*status, lang).to_lowercase();
            lang.pick(
                format!("Impossible tant que la livraison est {status}."),
                format!("Not possible while the delivery is {status}."),
            )
        }
        DeliveryError::NotYours => lang
            .pick("Cette livraison est celle d'un autre livreur.", "This delivery is another courier's.")
            .to_owned(),
        DeliveryError::UnknownCourier { courier } => lang.pick(
            format!("{courier} n'est pas un livreur de cette pizzeria."),
            format!("{courier} is not a courier of this pizzeria."),
        ),
        DeliveryError::CourierFull { max } => courier_full(*max, lang),
        DeliveryError::BadCode { tries_left: 0 } => lang
            .pick(
                "Le code est faux, et c'était le dernier essai : donnez un nom ou une photo.",
                "The code is wrong, and there are no tries left: give a name or a photograph.",
            )
            .to_owned(),
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
        StaffError::NotFound => lang
            .pick("Cette personne n'est pas employée ici.", "There is no such member of staff.")
            .to_owned(),
        StaffError::AlreadyHired => lang.pick("Déjà employé dans ce rôle.", "Hired already.").to_owned(),
        StaffError::AlreadyRevoked => {
            lang.pick("N'est déjà plus employé.", "Does not work here any more.").to_owned()
        }
        StaffError::NotACourier => {
            lang.pick("N'est pas un livreur de cette pizzeria.", "Not a courier of this pizzeria.").to_owned()
        }
        StaffError::Full { max } => courier_full(*max, lang),
        StaffError::LastDirector => lang
            .pick(
                "Le groupe garde au moins un directeur : nommez-en un autre d'abord.",
                "The group keeps a director: make somebody else one first.",
            )
            .to_owned(),
        StaffError::RoleNotAllowed { .. } => lang
            .pick(
                "Vous ne pouvez ni embaucher ni renvoyer dans ce rôle.",
                "You do not hire or revoke in this role.",
            )
            .to_owned(),
        StaffError::NothingToChange => nothing_to_change(lang).to_owned(),
    }
}

fn nothing_to_change(lang: Lang) -> &'static str {
    lang.pick("Rien à modifier.", "There is nothing to change.")
}

fn customer(error: &CustomerError, lang: Lang) -> &'static str {
    match error {
        CustomerError::NotFound => lang.pick("Ce compte n'existe pas.", "There is no such account."),
        CustomerError::AlreadyRegistered => {
            lang.pick("Ce compte existe déjà.", "There is this account already.")
        }
        CustomerError::AlreadyErased => lang.pick("Ce compte a été effacé.", "This account was erased."),
        CustomerError::NothingToChange => nothing_to_change(lang),
    }
}

fn closing(error: &ClosingError, lang: Lang) -> String {
    match error {
        ClosingError::AlreadyClosed { day } => lang.pick(
            format!("Les journées sont clôturées jusqu'au {day}."),
            format!("Days are closed up to {day}."),
        ),
        ClosingError::NotNext => lang
            .pick("Ce n'est pas la clôture suivante.", "This is not what the next closing is about.")
            .to_owned(),
    }
}

fn account(error: &AccountError, lang: Lang) -> String {
    match error {
        AccountError::EmailTaken => lang
            .pick("Un compte existe déjà avec cette adresse.", "There is an account with this address already.")
            .to_owned(),
        AccountError::InvalidEmail => {
            lang.pick("Adresse e-mail invalide.", "This is not an e-mail address.").to_owned()
        }
        AccountError::WeakPassword => lang.pick(
            format!(
                "Un mot de passe a au moins {PASSWORD_MIN} caractères, au plus {PASSWORD_MAX} octets, et n'est pas l'adresse e-mail."
            ),
            format!(
                "A password has at least {PASSWORD_MIN} characters, at most {PASSWORD_MAX} bytes, and is not the e-mail address."
            ),
        ),
        AccountError::GuessablePassword => lang
            .pick(
                "Ce mot de passe est facile à deviner. Choisissez plusieurs mots sans rapport, sans votre nom ni votre adresse.",
                "This password is easy to guess. Choose several unrelated words, without your name or address.",
            )
            .to_owned(),
        AccountError::PasswordRequired => lang
            .pick(
                "Indiquez votre mot de passe actuel pour changer d'adresse e-mail.",
                "Give your present password to change the e-mail address.",
            )
            .to_owned(),
        AccountError::TotpRequired => lang
            .pick(
                "Indiquez aussi le code de votre application d'authentification.",
                "Give the code of your authenticator app as well.",
            )
            .to_owned(),
        AccountError::BadTotpCode => lang
            .pick(
                "Ce code est faux, expiré ou a déjà servi. Attendez le suivant.",
                "This code is wrong, has expired or was used before. Wait for the next one.",
            )
            .to_owned(),
        AccountError::TotpEnabled => lang
            .pick(
                "Une application d'authentification est déjà associée à ce compte. Retirez-la d'abord.",
                "An authenticator app is set up for this account already. Disable it first.",
            )
            .to_owned(),
        AccountError::TotpNotEnabled => lang
            .pick(
                "Aucune application d'authentification n'est associée à ce compte.",
                "No authenticator app is set up for this account.",
            )
            .to_owned(),
        AccountError::BadCredentials => lang
            .pick("Adresse e-mail ou mot de passe incorrect.", "Wrong e-mail address or password.")
            .to_owned(),
        AccountError::BadToken => lang
            .pick("Ce lien n'est pas ou plus valable.", "This link does not hold, or no longer.")
            .to_owned(),
        AccountError::AlreadyVerified => {
            lang.pick("Cette adresse est déjà vérifiée.", "This address is verified already.").to_owned()
        }
    }
}

fn pizzeria(error: &PizzeriaError, lang: Lang) -> String {
    match error {
        PizzeriaError::NotFound => {
            lang.pick("Pizzeria introuvable.", "There is no such pizzeria.").to_owned()
        }
        PizzeriaError::AlreadyOpened => lang
            .pick("Une pizzeria a déjà ce code.", "A pizzeria with this code has opened already.")
            .to_owned(),
        PizzeriaError::AlreadyPaused => lang
            .pick(
                "La pizzeria est déjà en pause jusqu'à ce moment.",
                "The pizzeria is paused until then already.",
            )
            .to_owned(),
        PizzeriaError::NotPaused => {
            lang.pick("La pizzeria n'est pas en pause.", "The pizzeria is not paused.").to_owned()
        }
        PizzeriaError::PauseInThePast => {
            lang.pick("Une pause se termine dans le futur.", "A pause ends in the future.").to_owned()
        }
        PizzeriaError::NothingToChange => {
            lang.pick("Il n'y a rien à modifier.", "There is nothing to change.").to_owned()
        }
        PizzeriaError::OutOfRange { field } => lang.pick(
            format!("La valeur de {field} est hors limites."),
            format!("The value of {field} is out of range."),
        ),
    }
}

fn menu(error: &MenuError, lang: Lang) -> String {
    match error {
        MenuError::NothingToPublish => {
            lang.pick("Il n'y a rien à publier.", "There is nothing to publish.").to_owned()
        }
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
            format!("Le prix de {code} est supérieur à zéro."),
            format!("The price of {code} is more than zero."),
        ),
        MenuError::InvalidRate => {
            lang.pick("Un taux de TVA est d'au plus 100 %.", "A VAT rate is at most 100 %.").to_owned()
        }
    }
}

#[cfg(test)]
mod tests;
