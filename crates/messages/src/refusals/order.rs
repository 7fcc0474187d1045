//! Messages of refused commands on orders.

use domain::Cents;
use domain::menu::PizzaSize;
use domain::order::{Fulfilment, Missing, OrderError};
use domain::pizzeria::UnpaidUnit;

use crate::labels::{Lang, amount, order_status};

/// Returns the message of an order's refusal.
pub(super) fn order(error: &OrderError, lang: Lang) -> String {
    // The fulfilment only distinguishes two labels of READY; takeaway's is used for both.
    let status_of = |status| order_status(status, Fulfilment::Takeaway, lang).to_lowercase();
    match error {
        OrderError::NotFound => lang.text("Commande introuvable.", "There is no such order."),
        OrderError::AlreadyPlaced => lang.text("Cette commande existe déjà.", "This order already exists."),
        OrderError::EmptyOrder => {
            lang.text("Une commande comporte au moins une ligne.", "An order has at least one line.")
        }
        OrderError::TooLarge { what, max } => match lang {
            Lang::Fr if *what == "lines" => format!("Une commande comporte au plus {max} lignes."),
            Lang::Fr if *what == "euros" => format!("Une commande ne dépasse pas {max} €."),
            Lang::Fr if what.starts_with("extras") => {
                format!("Une ligne de commande comporte au plus {max} suppléments.")
            }
            Lang::Fr => format!("Une ligne de commande comporte au plus {max} pièces."),
            Lang::En => format!("An order has at most {max} {what}."),
        },
        OrderError::Line { error, .. } => order(error, lang),
        OrderError::InvalidQuantity { max } => lang
            .pick(format!("Une quantité va de 1 à {max}."), format!("A quantity must be from 1 to {max}.")),
        OrderError::ChannelNotAllowed { .. } => lang.text(
            "Un client commande sur le web (WEB) ; le personnel saisit les autres commandes.",
            "A customer orders on the web (WEB); staff enter the other orders.",
        ),
        OrderError::PaymentNotAllowed { fulfilment: Fulfilment::Delivery, .. } => lang.text(
            "Une livraison se paie en ligne ou au livreur.",
            "A delivery is paid online or to the courier.",
        ),
        OrderError::PaymentNotAllowed { fulfilment: Fulfilment::Takeaway | Fulfilment::OnSite, .. } => lang
            .text(
                "Sans livraison, une commande se paie en ligne ou au comptoir.",
                "Without a delivery, an order is paid online or at the counter.",
            ),
        OrderError::ReasonNotAllowed { .. } => lang.text(
            "Un client annule à sa demande (CUSTOMER_REQUEST) ou pour une autre raison (OTHER).",
            "A customer cancels at their own request (CUSTOMER_REQUEST) or for another reason (OTHER).",
        ),
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
            format!("{item} is not available at the moment."),
        ),
        OrderError::NoVatRate { item } => lang.pick(
            format!("{item} ne peut pas être vendu aujourd'hui : la carte n'a pas son taux de TVA."),
            format!("{item} cannot be sold today: the menu lacks its VAT rate."),
        ),
        OrderError::PizzeriaClosed => lang.text(
            "La pizzeria ne prend pas de commandes en ce moment.",
            "The pizzeria is not taking orders at the moment.",
        ),
        OrderError::AddressRequired => lang.text(
            "Une livraison demande une adresse avec sa latitude et sa longitude.",
            "A delivery needs an address with its latitude and longitude.",
        ),
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
        OrderError::InsufficientStock { missing } | OrderError::RefusalNotStored { missing } => {
            insufficient(missing, lang)
        }
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
            lang.text("Un montant doit être supérieur à zéro.", "An amount must be more than zero.")
        }
        OrderError::PaymentDeclined { reason } => lang.pick(
            format!("Le paiement a été refusé ({reason})."),
            format!("The payment was declined ({reason})."),
        ),
        OrderError::Overpaid { due, .. } if *due <= Cents::ZERO => {
            lang.text("Il ne reste rien à payer.", "Nothing is due.")
        }
        OrderError::Overpaid { amount: given, due } => {
            let (given, due) = (amount(*given, lang), amount(*due, lang));
            lang.pick(
                format!("{given} dépasse ce qui reste dû : {due}."),
                format!("{given} is more than what is due: {due}."),
            )
        }
        OrderError::OverRefund { refundable, .. } if *refundable <= Cents::ZERO => {
            lang.text("Rien à rembourser par ce moyen.", "There is nothing to refund by this method.")
        }
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
                format!("{due} is still due and must be paid first."),
            )
        }
        OrderError::MethodNotAllowed { method } => {
            let method = method.as_str();
            lang.pick(
                format!("{method} vient du prestataire de paiement et ne se saisit pas à la main."),
                format!("{method} is reported by the payment provider and cannot be entered by hand."),
            )
        }
        OrderError::OnlinePaymentUnavailable => lang.text(
            "Le paiement en ligne n'est pas disponible : choisissez un paiement sur place ou à la livraison.",
            "Online payment is not available: pay at the counter or on delivery.",
        ),
        OrderError::TooManyDeclines { max } => lang.pick(
            format!("Déjà {max} paiements refusés : payez autrement, ou réessayez plus tard."),
            format!("{max} payments were already declined: pay in another way, or try again later."),
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
                format!("At most {max} {en} without payment: pay for some of them first."),
            )
        }
        OrderError::ClosesTooSoon { .. } => lang.text(
            "La pizzeria ferme avant que cette commande puisse être prête.",
            "The pizzeria closes before this order could be ready.",
        ),
        OrderError::NotExpired => {
            lang.text("Le délai de paiement n'est pas écoulé.", "The deadline for payment has not passed.")
        }
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

/// Names the ingredients that are missing, without quantities.
pub fn shortage(missing: &[Missing], lang: Lang) -> String {
    let codes: Vec<&str> = missing.iter().map(|missing| missing.ingredient.as_str()).collect();
    let codes = codes.join(", ");
    lang.pick(format!("Il n'y a plus assez de : {codes}."), format!("There is not enough of: {codes}."))
}

/// Names each missing ingredient with its quantities: `Stock insuffisant : GOAT_CHEESE (il en faut 116, il en reste 6).`
pub(super) fn insufficient(missing: &[Missing], lang: Lang) -> String {
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
