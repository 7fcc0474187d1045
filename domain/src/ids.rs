//! Identifiers, each its own type: a `String` or a bare `Uuid` is never an id. Parsed once, at the edge.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}")]
pub struct InvalidId {
    /// What was expected, for example `order id`.
    pub kind: &'static str,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.parse().map(Self).map_err(|_| InvalidId { kind: $kind })
            }
        }
    };
}

uuid_id!(
    /// An order; UUID version 7, so that streams written together lie together.
    OrderId, "order id"
);
uuid_id!(
    /// A delivery; UUID version 5 of its order's id: scheduling it twice names the same stream.
    DeliveryId, "delivery id"
);
uuid_id!(
    /// A customer's account.
    CustomerId, "customer id"
);
uuid_id!(
    /// A member of staff.
    StaffId, "staff id"
);
uuid_id!(
    /// The random key of a note, a row kept outside the log.
    NoteId, "note id"
);
uuid_id!(
    /// The random key of a row of personal data kept outside the log.
    ContactId, "contact id"
);

uuid_id!(
    /// A customer as unpaid reservations are counted: an account's id, or the random id that is kept beside the
    /// log, for a while, for a caller's telephone number or address.
    HolderId, "holder id"
);

impl DeliveryId {
    /// The delivery of an order: the same order always gives the same id (RFC 9562, version 5).
    pub fn of(order: OrderId) -> Self {
        Self(Uuid::new_v5(&order.0, b"delivery"))
    }
}

/// Longest code accepted, in characters.
pub const CODE_MAX: usize = 32;

macro_rules! code_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        ///
        /// 1 to 32 characters of `A–Z`, `0–9` and `_`.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The code's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let valid = (1..=CODE_MAX).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
                if valid { Ok(Self(text.into())) } else { Err(InvalidId { kind: $kind }) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

code_id!(
    /// A pizzeria, named by its code (`P1`).
    PizzeriaId, "pizzeria code"
);
code_id!(
    /// A thing on the menu: a pizza (`MAR`), a drink (`COLA`) or a dessert (`ICE_CREAM`).
    ItemCode, "menu item code"
);
code_id!(
    /// Something counted in stock (`GOAT_CHEESE`, `BXM`, `COLA`).
    IngredientCode, "ingredient code"
);

/// The code of the pizzeria that is reserved for the functional check.
const FUNCTIONAL_CHECK: &str = "CHECK";

impl PizzeriaId {
    /// The pizzeria that is reserved for the functional check: it counts in no sales and in no closing, and only
    /// the system works in it.
    pub fn functional_check() -> Self {
        Self(FUNCTIONAL_CHECK.into())
    }

    /// Whether it is that pizzeria.
    pub fn is_functional_check(&self) -> bool {
        &*self.0 == FUNCTIONAL_CHECK
    }
}

impl From<&ItemCode> for IngredientCode {
    /// Drinks and desserts are stock items under their menu code (DOMAIN.md, demo data).
    fn from(item: &ItemCode) -> Self {
        Self(item.0.clone())
    }
}

impl From<&IngredientCode> for ItemCode {
    /// The other way round.
    fn from(ingredient: &IngredientCode) -> Self {
        Self(ingredient.0.clone())
    }
}

/// A place in the log: 1 for the first event, gapless, in commit order. 0 is before everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogPosition(pub i64);

impl LogPosition {
    /// Before the first event.
    pub const START: Self = Self(0);
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for LogPosition {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.parse::<i64>() {
            Ok(position) if position >= 0 => Ok(Self(position)),
            _ => Err(InvalidId { kind: "log position" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_upper_case_letters_digits_and_underscores() {
        for text in ["P1", "4FR", "GOAT_CHEESE", "A", &"X".repeat(CODE_MAX)] {
            assert_eq!(text.parse::<IngredientCode>().unwrap().as_str(), text);
        }
        for text in ["", "mar", "MAR ", " MAR", "M-R", "É", "٣", "🍕", "M\0", &"X".repeat(CODE_MAX + 1)] {
            assert_eq!(text.parse::<ItemCode>(), Err(InvalidId { kind: "menu item code" }), "{text:?}");
            let json = serde_json::to_string(text).unwrap();
            assert!(serde_json::from_str::<ItemCode>(&json).is_err(), "{text:?}");
        }
    }

    #[test]
    fn ids_are_uuids() {
        let id = OrderId(Uuid::from_u128(1));
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "1", "P1", "00000000-0000-0000-0000-00000000000g"] {
            assert_eq!(text.parse::<OrderId>(), Err(InvalidId { kind: "order id" }));
        }
    }

    #[test]
    fn an_order_has_one_delivery_id_and_no_other_order_has_it() {
        let (one, other) = (OrderId(Uuid::from_u128(1)), OrderId(Uuid::from_u128(2)));
        assert_eq!(DeliveryId::of(one), DeliveryId::of(one));
        assert_ne!(DeliveryId::of(one), DeliveryId::of(other));
        assert_eq!(DeliveryId::of(one).0.get_version_num(), 5);
    }

    #[test]
    fn the_pizzeria_of_the_functional_check_is_known_by_its_code() {
        assert!(PizzeriaId::functional_check().is_functional_check());
        assert_eq!("CHECK".parse(), Ok(PizzeriaId::functional_check()));
        assert!(!"P1".parse::<PizzeriaId>().unwrap().is_functional_check());
    }

    #[test]
    fn a_side_and_its_stock_item_share_their_code() {
        let item: ItemCode = "COLA".parse().unwrap();
        assert_eq!(ItemCode::from(&IngredientCode::from(&item)), item);
    }

    #[test]
    fn positions_are_not_negative() {
        assert_eq!("0".parse(), Ok(LogPosition::START));
        assert_eq!(i64::MAX.to_string().parse(), Ok(LogPosition(i64::MAX)));
        for text in ["-1", "", "1.0", "x", "9223372036854775808"] {
            assert_eq!(text.parse::<LogPosition>(), Err(InvalidId { kind: "log position" }));
        }
    }
}
