//! Policy of a replay: what differs from the record. Parsed from a file by the caller; a value that is not
//! set stays as recorded.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};

use crate::ids::{IngredientCode, PizzeriaId};
use crate::ingredients::Quantity;
use crate::money::Cents;

/// Differences from the record, for every pizzeria and for single ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Rules for every pizzeria.
    pub all: Rules,
    /// Rules for single pizzerias, by code; they override those for all.
    pub pizzerias: BTreeMap<PizzeriaId, Rules>,
}

/// Differences from the record in a pizzeria.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Quantities on hand when the period begins, in the ingredient's unit.
    pub opening_stock: BTreeMap<IngredientCode, Quantity>,
    /// Thresholds during the whole period.
    pub thresholds: BTreeMap<IngredientCode, Quantity>,
    /// Restocking rules.
    pub restock: Vec<Restock>,
    /// Number of orders that the kitchen makes at once; 1 or more.
    #[serde(deserialize_with = "at_least_one")]
    pub orders_at_once: Option<usize>,
    /// Delivery fee, such as `"2.90"`.
    #[serde(deserialize_with = "amount")]
    pub delivery_fee: Option<Cents>,
    /// Minimum subtotal of a delivery, such as `"15.00"`.
    #[serde(deserialize_with = "amount")]
    pub minimum: Option<Cents>,
}

/// Supply ordered when an ingredient becomes low.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restock {
    /// The ingredient.
    pub ingredient: IngredientCode,
    /// Quantity in the ingredient's unit; 1 or more.
    #[serde(deserialize_with = "some")]
    pub quantity: Quantity,
    /// Delay until it arrives, in minutes; at least 1.
    pub delay_minutes: u32,
}

fn some<'de, D: Deserializer<'de>>(given: D) -> Result<Quantity, D::Error> {
    let quantity = Quantity::deserialize(given)?;
    if quantity.0 == 0 {
        return Err(de::Error::custom("a quantity must be 1 or more"));
    }
    Ok(quantity)
}

fn at_least_one<'de, D: Deserializer<'de>>(given: D) -> Result<Option<usize>, D::Error> {
    let number = Option::<usize>::deserialize(given)?;
    if number == Some(0) {
        return Err(de::Error::custom("orders_at_once must be 1 or more"));
    }
    Ok(number)
}

fn amount<'de, D: Deserializer<'de>>(given: D) -> Result<Option<Cents>, D::Error> {
    let text = Option::<String>::deserialize(given)?;
    let amount = text.map(|text| text.parse::<Cents>()).transpose().map_err(de::Error::custom)?;
    if amount.is_some_and(|amount| amount.0 < 0) {
        return Err(de::Error::custom("an amount must not be negative"));
    }
    Ok(amount)
}

impl Policy {
    /// Returns the rules of a pizzeria.
    pub fn of(&self, pizzeria: &PizzeriaId) -> Rules {
        let mut rules = self.all.clone();
        let Some(own) = self.pizzerias.get(pizzeria) else { return rules };
        rules.opening_stock.extend(own.opening_stock.clone());
        rules.thresholds.extend(own.thresholds.clone());
        rules.restock.retain(|all| own.restock.iter().all(|one| one.ingredient != all.ingredient));
        rules.restock.extend(own.restock.iter().cloned());
        rules.orders_at_once = own.orders_at_once.or(rules.orders_at_once);
        rules.delivery_fee = own.delivery_fee.or(rules.delivery_fee);
        rules.minimum = own.minimum.or(rules.minimum);
        rules
    }
}
