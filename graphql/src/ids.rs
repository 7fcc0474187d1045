//! Global ids: `order:<uuid>`, `pizzeria:P1`, `item:MAR`, `event:42`. Written and read here only.
//!
//! An id stands for one value, so that caches which keep objects by their ids are right. What depends on the
//! pizzeria has it in its id (`menuItem:P1:MAR`, `extra:P1:EGG`); what is of the past ends in the position of the log
//! (`order:<uuid>@42`) or in the version of the menu (`item:MAR@v7`). Where a thing is asked for, each of its ids
//! names it.

use async_graphql::ID;
use domain::LogPosition;
use domain::ids::{CustomerId, DeliveryId, IngredientCode, ItemCode, OrderId, PizzeriaId, StaffId};

use crate::as_of::Moment;
use crate::error::ApiError;

/// An identifier that has a place in the API's one space of ids.
pub trait GlobalId: Sized {
    /// What stands before the colon.
    const PREFIX: &'static str;

    /// What stands before the colon in ids of values that belong to the thing.
    const ALSO: &'static [&'static str] = &[];

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
        let Some((prefix, local)) = id.split_once(':') else { return Self::from_local(id) };
        let (local, _) = split_time(local)?;
        if prefix == Self::PREFIX {
            Self::from_local(local)
        } else if Self::ALSO.contains(&prefix) {
            // Behind a pizzeria, where there is one.
            Self::from_local(local.rsplit_once(':').map_or(local, |(_, local)| local))
        } else {
            None
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
    ($($type:ty => $prefix:literal $(also $also:literal)?),+ $(,)?) => {$(
        impl GlobalId for $type {
            const PREFIX: &'static str = $prefix;
            const ALSO: &'static [&'static str] = &[$($also)?];

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
    ItemCode => "item" also "menuItem",
    IngredientCode => "ingredient" also "extra",
    LogPosition => "event",
);

/// Of when the value is that an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueTime {
    /// The present: the value changes, and a cache keeps the latest.
    Present,
    /// Right after the event at a position of the log.
    Position(LogPosition),
    /// A version of the menu.
    MenuVersion(u32),
}

/// Takes the end of an id that says of when its value is; `None` when it ends in anything else behind `@`.
fn split_time(local: &str) -> Option<(&str, ValueTime)> {
    let Some((local, time)) = local.split_once('@') else { return Some((local, ValueTime::Present)) };
    let time = match time.strip_prefix('v') {
        Some(version) => ValueTime::MenuVersion(version.parse().ok()?),
        None => ValueTime::Position(time.parse().ok()?),
    };
    Some((local, time))
}

/// The id of a thing as it was at a moment, or its own when there is none.
pub fn at_moment(id: ID, moment: Option<Moment>) -> ID {
    match moment {
        Some(moment) => ID(format!("{}@{}", id.as_str(), moment.position)),
        None => id,
    }
}

/// The id of a thing of the menu as it was in a version.
pub fn at_version(id: ID, version: u32) -> ID {
    ID(format!("{}@v{version}", id.as_str()))
}

/// An id without what says of when its value is.
pub fn without_time(id: &str) -> &str {
    id.split_once('@').map_or(id, |(id, _)| id)
}

/// The id of a pizza, a drink or a dessert as a pizzeria sells it, `menuItem:P1:MAR`.
pub fn menu_item(pizzeria: &PizzeriaId, item: &ItemCode) -> ID {
    ID(format!("menuItem:{pizzeria}:{item}"))
}

/// The id of an extra, `extra:EGG`, or as a pizzeria sells it, `extra:P1:EGG`.
pub fn extra(pizzeria: Option<&PizzeriaId>, ingredient: &IngredientCode) -> ID {
    match pizzeria {
        Some(pizzeria) => ID(format!("extra:{pizzeria}:{ingredient}")),
        None => ID(format!("extra:{ingredient}")),
    }
}

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
    /// A thing on the group's menu.
    Item(ItemCode),
    /// A thing on a pizzeria's menu.
    MenuItem(PizzeriaId, ItemCode),
    /// An extra of the group's menu, or of a pizzeria's.
    Extra(Option<PizzeriaId>, IngredientCode),
    /// An ingredient.
    Ingredient(IngredientCode),
    /// A pizzeria's stock.
    Stock(PizzeriaId),
    /// A member of staff.
    Staff(StaffId),
    /// A customer's account.
    Customer(CustomerId),
    /// An event.
    Event(LogPosition),
}

/// What a global id names, and of when its value is, when it is one.
pub fn named(id: &str) -> Option<(Named, ValueTime)> {
    let (prefix, local) = id.split_once(':')?;
    let (local, time) = split_time(local)?;
    let at = local.split_once(':');
    let named = match prefix {
        "order" => OrderId::from_local(local).map(Named::Order),
        "delivery" => DeliveryId::from_local(local).map(Named::Delivery),
        "pizzeria" => PizzeriaId::from_local(local).map(Named::Pizzeria),
        "item" => ItemCode::from_local(local).map(Named::Item),
        "menuItem" => {
            let (pizzeria, code) = at?;
            Some(Named::MenuItem(PizzeriaId::from_local(pizzeria)?, ItemCode::from_local(code)?))
        }
        "extra" => match at {
            Some((pizzeria, code)) => {
                Some(Named::Extra(Some(PizzeriaId::from_local(pizzeria)?), IngredientCode::from_local(code)?))
            }
            None => IngredientCode::from_local(local).map(|code| Named::Extra(None, code)),
        },
        "ingredient" => IngredientCode::from_local(local).map(Named::Ingredient),
        "stock" => PizzeriaId::from_local(local).map(Named::Stock),
        "staff" => StaffId::from_local(local).map(Named::Staff),
        "customer" => CustomerId::from_local(local).map(Named::Customer),
        "event" => LogPosition::from_local(local).map(Named::Event),
        _ => None,
    };
    Some((named?, time))
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
        let present = |named| (named, ValueTime::Present);
        assert_eq!(named("stock:P1"), "P1".parse().ok().map(Named::Stock).map(present));
        for nonsense in ["", ":", "order:", "order", "nothing:1", "event:-1", "item:mar", "order:🍕"] {
            assert_eq!(named(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn an_id_of_another_pizzeria_or_time_is_another_and_names_the_same_thing() {
        let (p1, mar, egg): (PizzeriaId, ItemCode, IngredientCode) =
            ("P1".parse().unwrap(), "MAR".parse().unwrap(), "EGG".parse().unwrap());
        let moment = Some(Moment { position: LogPosition(42), now: chrono::DateTime::UNIX_EPOCH });
        let past = at_moment(menu_item(&p1, &mar), moment);
        assert_eq!(past.as_str(), "menuItem:P1:MAR@42");
        let time = ValueTime::Position(LogPosition(42));
        assert_eq!(named(&past), Some((Named::MenuItem(p1.clone(), mar.clone()), time)));
        let frozen = at_version(mar.to_global(), 7);
        assert_eq!(named(&frozen), Some((Named::Item(mar.clone()), ValueTime::MenuVersion(7))));
        for id in [past, frozen, menu_item(&p1, &mar), mar.to_global(), ID("MAR".into())] {
            assert_eq!(ItemCode::parse(&id), Some(mar.clone()), "{id:?}");
        }
        for id in [extra(Some(&p1), &egg), extra(None, &egg), egg.to_global(), ID("EGG".into())] {
            assert_eq!(IngredientCode::parse(&id), Some(egg.clone()), "{id:?}");
        }
        assert_eq!(PizzeriaId::parse("pizzeria:P1@9"), Some(p1));
        for nonsense in ["pizzeria:P1@", "pizzeria:P1@x", "menuItem:MAR", "item:MAR@v", "extra:P1:EGG:X"] {
            assert_eq!(named(nonsense), None, "{nonsense:?}");
        }
    }
}
