//! Identifiers, each its own type, parsed once at the edge. A `String` or a bare `Uuid` is never used as an
//! id.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

/// Text that is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}")]
pub struct InvalidId {
    /// Expected kind of identifier, for example `order id`.
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
    /// Order id: a UUIDv7, so that orders created together are adjacent in the index.
    OrderId, "order id"
);
uuid_id!(
    /// Delivery id: a UUIDv5 of its order's id, so that scheduling twice names the same stream.
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
    /// Random id of a note, a row outside the log.
    NoteId, "note id"
);
uuid_id!(
    /// Random id of a row of personal data outside the log.
    ContactId, "contact id"
);

uuid_id!(
    /// Holder of unpaid reservations: an account's id, or a random id that stands for a caller's telephone
    /// number or address and is kept beside the log for a limited time.
    HolderId, "holder id"
);

impl DeliveryId {
    /// Returns the id of an order's delivery, always the same for one order (RFC 9562, version 5).
    pub fn of(order: OrderId) -> Self {
        Self(Uuid::new_v5(&order.0, b"delivery"))
    }
}

/// Maximum length of a code, in characters.
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
            /// Returns the code as text.
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
    /// Code of a pizzeria (`P1`).
    PizzeriaId, "pizzeria code"
);
code_id!(
    /// Code of a menu item: a pizza (`MAR`), a drink (`COLA`) or a dessert (`ICE_CREAM`).
    ItemCode, "menu item code"
);
code_id!(
    /// Code of an ingredient: anything counted in stock (`GOAT_CHEESE`, `BXM`, `COLA`).
    IngredientCode, "ingredient code"
);

/// Code of the pizzeria reserved for the functional check.
const FUNCTIONAL_CHECK: &str = "CHECK";

impl PizzeriaId {
    /// The pizzeria reserved for the functional check. It counts in no sales and no closing, and only the
    /// system works in it.
    pub fn functional_check() -> Self {
        Self(FUNCTIONAL_CHECK.into())
    }

    /// Whether it is the pizzeria of the functional check.
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
    /// Converts a stock code back to the menu code.
    fn from(ingredient: &IngredientCode) -> Self {
        Self(ingredient.0.clone())
    }
}

/// Position in the log: 1 for the first event, gapless, in commit order. 0 is before the first event.
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
        let position = text.parse().ok().filter(|position: &i64| *position >= 0);
        position.map(Self).ok_or(InvalidId { kind: "log position" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_allow_upper_case_letters_digits_and_underscores() {
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
    fn delivery_ids_are_unique_and_stable_per_order() {
        let (one, other) = (OrderId(Uuid::from_u128(1)), OrderId(Uuid::from_u128(2)));
        assert_eq!(DeliveryId::of(one), DeliveryId::of(one));
        assert_ne!(DeliveryId::of(one), DeliveryId::of(other));
        assert_eq!(DeliveryId::of(one).0.get_version_num(), 5);
    }

    #[test]
    fn recognises_the_pizzeria_of_the_functional_check() {
        assert!(PizzeriaId::functional_check().is_functional_check());
        assert_eq!("CHECK".parse(), Ok(PizzeriaId::functional_check()));
        assert!(!"P1".parse::<PizzeriaId>().unwrap().is_functional_check());
    }

    #[test]
    fn sides_share_the_code_of_their_stock_item() {
        let item: ItemCode = "COLA".parse().unwrap();
        assert_eq!(ItemCode::from(&IngredientCode::from(&item)), item);
    }

    #[test]
    fn rejects_negative_positions() {
        assert_eq!("0".parse(), Ok(LogPosition::START));
        assert_eq!(i64::MAX.to_string().parse(), Ok(LogPosition(i64::MAX)));
        for text in ["-1", "", "1.0", "x", "9223372036854775808"] {
            assert_eq!(text.parse::<LogPosition>(), Err(InvalidId { kind: "log position" }));
        }
    }
}
