//! Contradictions between channel, fulfilment and payment of an order. Never looks at the menu, the stock or
//! the hours.

use crate::order::{Fulfilment, OrderChannel, OrderError, PaymentIntent};

/// Terms of an order; an unset one contradicts nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Fulfilment.
    pub fulfilment: Fulfilment,
    /// Channel through which it was placed.
    pub channel: Option<OrderChannel>,
    /// Payment intent of the customer.
    pub payment: Option<PaymentIntent>,
    /// Whether the caller is the customer.
    pub by_customer: bool,
}

impl Terms {
    /// Returns every contradiction, in the order of the input's fields.
    pub fn contradictions(self) -> Vec<OrderError> {
        let channel = self.channel.filter(|channel| self.by_customer && !is_customers(*channel));
        let payment = self.payment.filter(|payment| !goes_with(*payment, self.fulfilment));
        let channel = channel.map(|channel| OrderError::ChannelNotAllowed { channel });
        let payment =
            payment.map(|payment| OrderError::PaymentNotAllowed { payment, fulfilment: self.fulfilment });
        channel.into_iter().chain(payment).collect()
    }
}

/// Whether customers use this channel without staff.
fn is_customers(channel: OrderChannel) -> bool {
    match channel {
        OrderChannel::Web => true,
        OrderChannel::Phone | OrderChannel::Counter => false,
    }
}

/// Whether the money can be taken where the goods change hands.
fn goes_with(payment: PaymentIntent, fulfilment: Fulfilment) -> bool {
    match payment {
        PaymentIntent::Online => true,
        PaymentIntent::OnDelivery => fulfilment == Fulfilment::Delivery,
        PaymentIntent::AtCounter => fulfilment != Fulfilment::Delivery,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Fulfilment::{Delivery, OnSite, Takeaway};
    use OrderChannel::{Counter, Phone, Web};
    use PaymentIntent::{AtCounter, OnDelivery, Online};

    fn contradictions(
        channel: OrderChannel,
        fulfilment: Fulfilment,
        payment: PaymentIntent,
    ) -> Vec<OrderError> {
        let terms = Terms { fulfilment, channel: Some(channel), payment: Some(payment), by_customer: true };
        terms.contradictions()
    }

    #[test]
    fn rejects_payments_that_do_not_fit_the_fulfilment() {
        for fulfilment in [Delivery, Takeaway, OnSite] {
            for payment in [Online, OnDelivery, AtCounter] {
                let fits = matches!(
                    (fulfilment, payment),
                    (_, Online) | (Delivery, OnDelivery) | (Takeaway | OnSite, AtCounter)
                );
                let refused = vec![OrderError::PaymentNotAllowed { payment, fulfilment }];
                let expected = if fits { Vec::new() } else { refused };
                assert_eq!(contradictions(Web, fulfilment, payment), expected);
            }
        }
    }

    #[test]
    fn rejects_staff_channels_for_customers() {
        for channel in [Phone, Counter] {
            let refused = OrderError::ChannelNotAllowed { channel };
            assert_eq!(contradictions(channel, Takeaway, AtCounter), std::slice::from_ref(&refused));
            let both = [refused, OrderError::PaymentNotAllowed { payment: AtCounter, fulfilment: Delivery }];
            assert_eq!(contradictions(channel, Delivery, AtCounter), both);
            let staff = Terms {
                fulfilment: Takeaway,
                channel: Some(channel),
                payment: Some(AtCounter),
                by_customer: false,
            };
            assert_eq!(staff.contradictions(), []);
        }
    }

    #[test]
    fn ignores_unset_terms() {
        let terms = Terms { fulfilment: Delivery, channel: None, payment: None, by_customer: true };
        assert_eq!(terms.contradictions(), []);
    }
}
