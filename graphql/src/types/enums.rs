//! The API's enums, derived from the domain's lists, so that the domain knows no GraphQL. Variants, names and
//! descriptions stand in the domain; a variant must never be listed here again.

use async_graphql::Enum;

/// Declares the API's enum for one of the domain, with conversions both ways; called by the domain's list.
macro_rules! mirror {
    ({ $(#[$meta:meta])* $name:ident = $domain:tt } $($(#[$doc:meta])* $variant:ident = $code:tt,)+) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
        #[graphql(remote = $domain)]
        pub enum $name { $($(#[$doc])* #[graphql(name = $code)] $variant,)+ }
    };
}
pub(super) use mirror;

/// As [`mirror`], for the types of streams, of which a newer program may have written others.
macro_rules! mirror_stream_type {
    ({} $($(#[$doc:meta])* $variant:ident = $code:tt,)+) => {
        /// The kinds of stream in the log.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
        pub enum StreamType {
            $($(#[$doc])* $variant,)+
            /// A kind that only a newer release knows. It is shown, but cannot be requested.
            Unknown,
        }

        impl From<domain::StreamType> for StreamType {
            fn from(kind: domain::StreamType) -> Self {
                match kind { $(domain::StreamType::$variant => Self::$variant,)+ }
            }
        }
    };
}

/// The currencies of amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Currency {
    /// Euro (ISO 4217).
    Eur,
}

domain::for_each_pizza_size!(mirror! {
    /// The sizes of a pizza.
    PizzaSize = "domain::menu::PizzaSize"
});

domain::for_each_unit!(mirror! {
    /// The unit of an ingredient's quantities.
    Unit = "domain::menu::Unit"
});

domain::for_each_allergen!(mirror! {
    /// The allergens of Annex II of Regulation (EU) 1169/2011, all fourteen.
    Allergen = "domain::menu::Allergen"
});

domain::for_each_category!(mirror! {
    /// The part of the menu of a drink or dessert.
    SideCategory = "domain::menu::Category"
});

domain::for_each_vat_class!(mirror! {
    /// The VAT class of a product.
    VatClass = "domain::vat::VatClass"
});

domain::for_each_order_channel!(mirror! {
    /// How an order came in.
    OrderChannel = "domain::order::OrderChannel"
});

domain::for_each_fulfilment!(mirror! {
    /// How an order reaches the customer.
    Fulfilment = "domain::order::Fulfilment"
});

domain::for_each_payment_intent!(mirror! {
    /// How the customer will pay.
    PaymentIntent = "domain::order::PaymentIntent"
});

domain::for_each_payment_method!(mirror! {
    /// The means of a payment.
    PaymentMethod = "domain::order::PaymentMethod"
});

domain::for_each_payment_kind!(mirror! {
    /// The kind of a payment step.
    PaymentKind = "domain::order::PaymentKind"
});

domain::for_each_cancel_reason!(mirror! {
    /// Why an order was cancelled.
    CancelReason = "domain::order::CancelReason"
});

domain::for_each_order_status!(mirror! {
    /// Where an order stands.
    OrderStatus = "domain::order::OrderStatus"
});

domain::for_each_delivery_status!(mirror! {
    /// Where a delivery stands.
    DeliveryStatus = "domain::delivery::DeliveryStatus"
});

domain::for_each_delivery_failure!(mirror! {
    /// Why a delivery failed.
    DeliveryFailure = "domain::delivery::DeliveryFailure"
});

domain::for_each_waste_reason!(mirror! {
    /// Why something was thrown away.
    WasteReason = "domain::stock::WasteReason"
});

domain::for_each_role!(mirror! {
    /// The role of an account, which decides what it may do.
    Role = "domain::access::Role"
});

domain::for_each_stream_type!(mirror_stream_type! {});

impl StreamType {
    /// The kind, of those that this program knows.
    pub fn known(self) -> Option<domain::StreamType> {
        domain::StreamType::ALL.into_iter().find(|kind| Self::from(*kind) == self)
    }
}

/// Proof that a delivery arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ProofKind {
    /// The customer's four digits.
    Code,
    /// A recipient took it and gave a name.
    ReceivedBy,
    /// A photograph.
    Photo,
}

/// The days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "chrono::Weekday")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}
