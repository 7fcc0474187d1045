//! Global ids: `order:<uuid>`, `pizzeria:P1`, `item:MAR`, `event:42`. Written and read here only.

use async_graphql::ID;
use domain::LogPosition;
use domain::ids::{CustomerId, DeliveryId, IngredientCode, ItemCode, OrderId, PizzeriaId, StaffId};

use crate::error::ApiError;

/// An identifier that has a place in the API's one space of ids.
pub trait GlobalId: Sized {
    /// What stands before the colon.
    const PREFIX: &'static str;

    /// What stands after it.
    fn local(&self) -> String;

    /// Reads what stands after it, or stands alone.
    fn from_local(text: &str) -> Option<Self>;

    /// The id as clients see it.
    fn to_global(&self) -> ID {
        ID(format!("{}:{}", Self::PREFIX, self.local()))
    }

    /// Reads a client's id: with the prefix or without. `None` when it cannot name such a thing.
    fn parse(id: &str) -> Option<Self> {
        match id.split_once(':') {
            Some((prefix, local)) if prefix == Self::PREFIX => Self::from_local(local),
            Some(_) => None,
            None => Self::from_local(id),
        }
    }

    /// As [`GlobalId::parse`], for an input that must be one.
    ///
    /// # Errors
    /// `BAD_USER_INPUT`, naming the argument or input field.
    fn required(id: &ID, field: &str) -> Result<Self, ApiError> {
        Self::parse(id)
            .ok_or_else(|| ApiError::bad_input(format!("{field}: not the id of a {}", Self::PREFIX)))
    }
}

macro_rules! global {
    ($($type:ty => $prefix:literal),+ $(,)?) => {$(
        impl GlobalId for $type {
            const PREFIX: &'static str = $prefix;

            fn local(&self) -> String {
                self.to_string()
            }

            fn from_local(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )+};
}

global!(
    OrderId => "order",
    DeliveryId => "delivery",
    StaffId => "staff",
    CustomerId => "customer",
    PizzeriaId => "pizzeria",
    ItemCode => "item",
    IngredientCode => "ingredient",
    LogPosition => "event",
);

/// The id of a pizzeria's stock, `stock:P1`.
pub fn stock(pizzeria: &PizzeriaId) -> ID {
    ID(format!("stock:{pizzeria}"))
}

/// What a global id names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// An order.
    Order(OrderId),
    /// A delivery.
    Delivery(DeliveryId),
    /// A pizzeria.
    Pizzeria(PizzeriaId),
    /// A thing on the menu.
    Item(ItemCode),
    /// An ingredient.
    Ingredient(IngredientCode),
    /// A pizzeria's stock.
    Stock(PizzeriaId),
    /// A member of staff.
    Staff(StaffId),
    /// An event.
    Event(LogPosition),
}

/// What a global id names, when it is one.
pub fn named(id: &str) -> Option<Named> {
    let (prefix, local) = id.split_once(':')?;
    match prefix {
        "order" => OrderId::from_local(local).map(Named::Order),
        "delivery" => DeliveryId::from_local(local).map(Named::Delivery),
        "pizzeria" => PizzeriaId::from_local(local).map(Named::Pizzeria),
        "item" => ItemCode::from_local(local).map(Named::Item),
        "ingredient" => IngredientCode::from_local(local).map(Named::Ingredient),
        "stock" => PizzeriaId::from_local(local).map(Named::Stock),
        "staff" => StaffId::from_local(local).map(Named::Staff),
        "event" => LogPosition::from_local(local).map(Named::Event),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written_and_codes_stand_alone() {
        let order = OrderId(uuid::Uuid::from_u128(7));
        assert_eq!(OrderId::parse(&order.to_global()), Some(order));
        assert_eq!(OrderId::parse(&order.to_string()), Some(order));
        assert_eq!(PizzeriaId::parse("P1"), PizzeriaId::parse("pizzeria:P1"));
        assert_eq!(PizzeriaId::parse("order:P1"), None);
        assert_eq!(DeliveryId::parse(&order.to_global()), None);
        assert_eq!(named("stock:P1"), "P1".parse().ok().map(Named::Stock));
        for nonsense in ["", ":", "order:", "order", "nothing:1", "event:-1", "item:mar", "order:🍕"] {
            assert_eq!(named(nonsense), None, "{nonsense:?}");
        }
    }
}
