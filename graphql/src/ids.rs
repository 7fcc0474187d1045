//! Global ids: `order:<uuid>`, `pizzeria:P1`, `item:MAR`, `event:42`. Only this module formats and parses
//! them.
//!
//! An id identifies one value, so that normalising caches are correct. An id of a value that depends on a
//! pizzeria contains the pizzeria (`menuItem:P1:MAR`, `extra:P1:EGG`); an id of a past value ends in the log
//! position (`order:<uuid>@42`) or the version of the menu (`item:MAR@v7`). Arguments accept any of an
//! entity's ids.

use async_graphql::ID;
use domain::LogPosition;
use domain::ids::{CustomerId, DeliveryId, IngredientCode, ItemCode, OrderId, PizzeriaId, StaffId};

use crate::as_of::PointInTime;
use crate::error::ApiError;

/// A domain id with a global id.
pub trait GlobalId: Sized {
    /// The prefix before the colon.
    const PREFIX: &'static str;

    /// Prefixes of ids of values that belong to the entity.
    const ALSO: &'static [&'static str] = &[];

    /// Returns the part after the prefix.
    fn local(&self) -> String;

    /// Parses the part after the prefix, or a bare id.
    fn from_local(text: &str) -> Option<Self>;

    /// Returns the global id.
    fn to_global(&self) -> ID {
        ID(format!("{}:{}", Self::PREFIX, self.local()))
    }

    /// Parses a client's id, with or without the prefix. Returns `None` if it cannot name such an entity.
    fn parse(id: &str) -> Option<Self> {
        let Some((prefix, local)) = id.split_once(':') else { return Self::from_local(id) };
        let (local, _) = split_time(local)?;
        if prefix == Self::PREFIX {
            Self::from_local(local)
        } else if Self::ALSO.contains(&prefix) {
            // The part after the pizzeria, if there is one.
            Self::from_local(local.rsplit_once(':').map_or(local, |(_, local)| local))
        } else {
            None
        }
    }

    /// Parses a required id.
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

/// The time of the value that an id identifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueTime {
    /// The present: the value changes, and a cache keeps the latest.
    Present,
    /// Right after the event at a position of the log.
    Position(LogPosition),
    /// A version of the menu.
    MenuVersion(u32),
}

/// Splits an id from its time; `None` for another text after `@`.
fn split_time(local: &str) -> Option<(&str, ValueTime)> {
    let Some((local, time)) = local.split_once('@') else { return Some((local, ValueTime::Present)) };
    let time = match time.strip_prefix('v') {
        Some(version) => ValueTime::MenuVersion(version.parse().ok()?),
        None => ValueTime::Position(time.parse().ok()?),
    };
    Some((local, time))
}

/// Returns the id of an entity at a point in time, or of the present one.
pub fn at_point(id: ID, point: Option<PointInTime>) -> ID {
    match point {
        Some(point) => ID(format!("{}@{}", id.as_str(), point.position)),
        None => id,
    }
}

/// Returns the id of a menu item in a version of the menu.
pub fn at_version(id: ID, version: u32) -> ID {
    ID(format!("{}@v{version}", id.as_str()))
}

/// Returns an id without its time.
pub fn without_time(id: &str) -> &str {
    id.split_once('@').map_or(id, |(id, _)| id)
}

/// Returns the id of a pizza, a drink or a dessert on a pizzeria's menu, `menuItem:P1:MAR`.
pub fn menu_item(pizzeria: &PizzeriaId, item: &ItemCode) -> ID {
    ID(format!("menuItem:{pizzeria}:{item}"))
}

/// Returns the id of an extra, `extra:EGG`, or of one on a pizzeria's menu, `extra:P1:EGG`.
pub fn extra(pizzeria: Option<&PizzeriaId>, ingredient: &IngredientCode) -> ID {
    match pizzeria {
        Some(pizzeria) => ID(format!("extra:{pizzeria}:{ingredient}")),
        None => ID(format!("extra:{ingredient}")),
    }
}

/// Returns the id of a pizzeria's stock, `stock:P1`.
pub fn stock(pizzeria: &PizzeriaId) -> ID {
    ID(format!("stock:{pizzeria}"))
}

/// Returns the id of a line of an order, `orderLine:<uuid>:2`. It stays the line's while the order is changed.
pub fn order_line(order: OrderId, number: u32, point: Option<PointInTime>) -> ID {
    at_point(ID(format!("orderLine:{order}:{number}")), point)
}

/// Parses the id of a line of an order, or its number alone. Returns `None` if it names no line of this order.
pub fn order_line_number(id: &str, order: &str) -> Option<u32> {
    let Some(line) = id.strip_prefix("orderLine:") else { return id.parse().ok() };
    let (line, _) = split_time(line)?;
    let (of, number) = line.split_once(':')?;
    (OrderId::from_local(of) == OrderId::parse(order)).then(|| number.parse().ok()).flatten()
}

/// The entity that a global id names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// An order.
    Order(OrderId),
    /// A delivery.
    Delivery(DeliveryId),
    /// A pizzeria.
    Pizzeria(PizzeriaId),
    /// An item of the group's menu.
    Item(ItemCode),
    /// An item of a pizzeria's menu.
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

/// Parses a global id into the entity and the time of its value.
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
    fn parses_formatted_ids_and_bare_codes() {
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
    fn ids_of_lines_name_their_order() {
        let (order, other) = (OrderId(uuid::Uuid::from_u128(7)), OrderId(uuid::Uuid::from_u128(8)));
        let point = Some(PointInTime { position: LogPosition(42), now: chrono::DateTime::UNIX_EPOCH });
        for id in [order_line(order, 2, None), order_line(order, 2, point), ID("2".into())] {
            assert_eq!(order_line_number(&id, &order.to_global()), Some(2), "{id:?}");
        }
        assert_eq!(order_line_number(&order_line(other, 2, None), &order.to_global()), None);
        for nonsense in ["", "x", "-1", "orderLine:", "orderLine:2", "order:2"] {
            assert_eq!(order_line_number(nonsense, &order.to_global()), None, "{nonsense:?}");
        }
    }

    #[test]
    fn ids_differ_by_pizzeria_and_time_but_name_the_same_entity() {
        let (p1, mar, egg): (PizzeriaId, ItemCode, IngredientCode) =
            ("P1".parse().unwrap(), "MAR".parse().unwrap(), "EGG".parse().unwrap());
        let point = Some(PointInTime { position: LogPosition(42), now: chrono::DateTime::UNIX_EPOCH });
        let past = at_point(menu_item(&p1, &mar), point);
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
