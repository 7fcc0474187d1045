//! Quantities of ingredients, in whole grams, millilitres or pieces. Never fractions; arithmetic saturates.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::IngredientCode;

/// Quantity of one ingredient in its unit: grams, millilitres or pieces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quantity(pub u32);

impl Quantity {
    /// Maximum of one line of a command: ten tonnes, or ten million pieces.
    pub const MAX_INPUT: u32 = 10_000_000;

    /// Maximum of one ingredient on hand: a thousand tonnes, or a billion pieces. Every level, and every
    /// difference of two levels, fits in 32 bits.
    pub const LEVEL_MAX: i64 = 1_000_000_000;
    /// Maximum of one ingredient in one pizza or extra: ten kilograms. The need of a whole order fits in 32
    /// bits.
    pub const RECIPE_MAX: u32 = 10_000;

    /// Returns a quantity given by a caller, if it is 0 to [`Self::MAX_INPUT`].
    pub fn from_input(value: i64) -> Option<Self> {
        u32::try_from(value).ok().filter(|q| *q <= Self::MAX_INPUT).map(Self)
    }

    /// Returns the quantity as a signed number, for differences.
    pub fn signed(self) -> i64 {
        i64::from(self.0)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Quantities by ingredient, in the order of their codes. Serialised as `{"TOMATO": 80}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ingredients(BTreeMap<IngredientCode, Quantity>);

impl Ingredients {
    /// Returns an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a quantity, saturating.
    pub fn add(&mut self, ingredient: &IngredientCode, quantity: Quantity) {
        let held = self.0.entry(ingredient.clone()).or_default();
        held.0 = held.0.saturating_add(quantity.0);
    }

    /// Adds every quantity of `other`, `times` over.
    pub fn add_all(&mut self, other: &Self, times: u32) {
        for (ingredient, quantity) in other.iter() {
            self.add(ingredient, Quantity(quantity.0.saturating_mul(times)));
        }
    }

    /// Takes every quantity of `other` away, `times` over. What is left of an ingredient is never below 0; one of which
    /// nothing is left is no longer listed.
    pub fn take_all(&mut self, other: &Self, times: u32) {
        for (ingredient, quantity) in other.iter() {
            let left = self.get(ingredient).0.saturating_sub(quantity.0.saturating_mul(times));
            if left == 0 {
                self.0.remove(ingredient);
            } else {
                self.0.insert(ingredient.clone(), Quantity(left));
            }
        }
    }

    /// Removes an ingredient; returns whether it was listed.
    pub fn remove(&mut self, ingredient: &IngredientCode) -> bool {
        self.0.remove(ingredient).is_some()
    }

    /// Returns the quantity of an ingredient; 0 if it is not listed.
    pub fn get(&self, ingredient: &IngredientCode) -> Quantity {
        self.0.get(ingredient).copied().unwrap_or_default()
    }

    /// Whether the ingredient is listed.
    pub fn contains(&self, ingredient: &IngredientCode) -> bool {
        self.0.contains_key(ingredient)
    }

    /// Returns the quantities by ingredient code, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (&IngredientCode, Quantity)> {
        self.0.iter().map(|(ingredient, quantity)| (ingredient, *quantity))
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of listed ingredients.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<(IngredientCode, Quantity)> for Ingredients {
    fn from_iter<I: IntoIterator<Item = (IngredientCode, Quantity)>>(items: I) -> Self {
        let mut sum = Self::new();
        for (ingredient, quantity) in items {
            sum.add(&ingredient, quantity);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[(&str, u32)]) -> Ingredients {
        lines.iter().map(|(code, quantity)| (code.parse().unwrap(), Quantity(*quantity))).collect()
    }

    #[test]
    fn bounds_quantities_from_callers() {
        for (value, quantity) in [
            (0, Some(Quantity(0))),
            (10_000_000, Some(Quantity(Quantity::MAX_INPUT))),
            (10_000_001, None),
            (-1, None),
            (i64::MAX, None),
            (i64::MIN, None),
        ] {
            assert_eq!(Quantity::from_input(value), quantity, "{value}");
        }
    }

    #[test]
    fn adds_quantities_of_the_same_ingredient() {
        assert_eq!(of(&[("EGG", 1), ("HAM", 60), ("EGG", 2)]), of(&[("EGG", 3), ("HAM", 60)]));
        let mut sum = of(&[("EGG", 1)]);
        sum.add_all(&of(&[("EGG", 2), ("HAM", 60)]), 3);
        assert_eq!(sum, of(&[("EGG", 7), ("HAM", 180)]));
    }

    #[test]
    fn sums_saturate() {
        let mut sum = of(&[("EGG", u32::MAX)]);
        sum.add_all(&of(&[("EGG", u32::MAX)]), u32::MAX);
        assert_eq!(sum, of(&[("EGG", u32::MAX)]));
    }

    #[test]
    fn removes_the_whole_quantity() {
        let mut lines = of(&[("EGG", 3), ("HAM", 60)]);
        assert!(lines.remove(&"EGG".parse().unwrap()));
        assert!(!lines.remove(&"EGG".parse().unwrap()));
        assert_eq!((lines.get(&"EGG".parse().unwrap()), lines.len()), (Quantity(0), 1));
    }

    #[test]
    fn serialises_as_an_object_by_code() {
        let json = r#"{"EGG":3,"HAM":60}"#;
        assert_eq!(serde_json::to_string(&of(&[("HAM", 60), ("EGG", 3)])).unwrap(), json);
        assert_eq!(serde_json::from_str::<Ingredients>(json).unwrap(), of(&[("EGG", 3), ("HAM", 60)]));
        for bad in [r#"{"egg":3}"#, r#"{"EGG":-3}"#, r#"{"EGG":1.5}"#] {
            assert!(serde_json::from_str::<Ingredients>(bad).is_err());
        }
    }
}
