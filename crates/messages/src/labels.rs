//! Labels of statuses and amounts in the caller's language, and the choice of that language.

use domain::Cents;
use domain::delivery::DeliveryStatus;
use domain::order::{Fulfilment, OrderStatus};

/// Language of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Lang {
    /// French.
    Fr,
    /// English, unless the caller prefers French.
    #[default]
    En,
}

impl Lang {
    /// Parses an `Accept-Language` header (RFC 9110, section 12.5.4): French if it ranks before English, else English.
    pub fn from_accept_language(header: &str) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for range in header.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default();
            let quality = parts
                .find_map(|part| part.strip_prefix("q="))
                .map_or(1.0, |quality| quality.parse::<f32>().unwrap_or(0.0));
            let lang = match tag.split('-').next() {
                Some(primary) if primary.eq_ignore_ascii_case("fr") => Self::Fr,
                Some(primary) if primary.eq_ignore_ascii_case("en") || primary == "*" => Self::En,
                Some(_) | None => continue,
            };
            if quality > best.map_or(0.0, |(quality, _)| quality) {
                best = Some((quality, lang));
            }
        }
        best.map(|(_, lang)| lang).unwrap_or_default()
    }

    /// Returns the value of this language.
    pub fn pick<T>(self, fr: T, en: T) -> T {
        match self {
            Self::Fr => fr,
            Self::En => en,
        }
    }

    /// Returns the text of this language as a `String`.
    pub fn text(self, fr: &str, en: &str) -> String {
        self.pick(fr, en).to_owned()
    }
}

/// Formats an amount: `12,50 €` in French, `€12.50` in English.
pub fn amount(amount: Cents, lang: Lang) -> String {
    match lang {
        Lang::Fr => format!("{} €", amount.to_string().replace('.', ",")),
        Lang::En if amount < Cents::ZERO => format!("-€{}", -amount),
        Lang::En => format!("€{amount}"),
    }
}

/// Returns the label of an order's status.
pub fn order_status(status: OrderStatus, fulfilment: Fulfilment, lang: Lang) -> &'static str {
    match status {
        OrderStatus::Refused => lang.pick("Refusée", "Refused"),
        OrderStatus::AwaitingPayment => lang.pick("En attente de paiement", "Awaiting payment"),
        OrderStatus::Placed => lang.pick("Enregistrée", "Placed"),
        OrderStatus::InPreparation => lang.pick("En préparation", "In preparation"),
        OrderStatus::Ready => match fulfilment {
            Fulfilment::Delivery => lang.pick("Prête à livrer", "Ready for delivery"),
            Fulfilment::Takeaway | Fulfilment::OnSite => lang.pick("Prête à retirer", "Ready to collect"),
        },
        OrderStatus::OutForDelivery => lang.pick("En livraison", "Out for delivery"),
        OrderStatus::Delivered => lang.pick("Livrée", "Delivered"),
        OrderStatus::NotDelivered => lang.pick("Non livrée", "Not delivered"),
        OrderStatus::Returned => lang.pick("Retournée", "Returned"),
        OrderStatus::HandedOver => lang.pick("Remise", "Handed over"),
        OrderStatus::Cancelled => lang.pick("Annulée", "Cancelled"),
        OrderStatus::Expired => lang.pick("Expirée", "Expired"),
    }
}

/// Returns the label of a delivery's status.
pub fn delivery_status(status: DeliveryStatus, lang: Lang) -> &'static str {
    match status {
        DeliveryStatus::Scheduled => lang.pick("À prendre", "Waiting for a courier"),
        DeliveryStatus::Assigned => lang.pick("Attribuée", "Assigned"),
        DeliveryStatus::PickedUp => lang.pick("En route", "On its way"),
        DeliveryStatus::Delivered => lang.pick("Livrée", "Delivered"),
        DeliveryStatus::Failed => lang.pick("Échouée", "Failed"),
        DeliveryStatus::RetryScheduled => lang.pick("À retenter", "To be tried again"),
        DeliveryStatus::Returned => lang.pick("Retournée", "Returned"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_accept_language() {
        for (header, lang) in [
            ("fr", Lang::Fr),
            ("fr-FR,fr;q=0.9,en;q=0.8", Lang::Fr),
            ("de, FR-ca;q=0.7", Lang::Fr),
            ("en-GB,en;q=0.9,fr;q=0.8", Lang::En),
            ("en;q=0.3, fr;q=0.8", Lang::Fr),
            ("fr;q=0", Lang::En),
            ("de", Lang::En),
            ("", Lang::En),
            ("*", Lang::En),
        ] {
            assert_eq!(Lang::from_accept_language(header), lang, "{header:?}");
        }
    }

    #[test]
    fn formats_amounts() {
        assert_eq!(amount(Cents(1250), Lang::Fr), "12,50 €");
        assert_eq!(amount(Cents(1250), Lang::En), "€12.50");
        assert_eq!(amount(Cents(-5), Lang::En), "-€0.05");
    }
}
