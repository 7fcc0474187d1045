//! Edits of the menu: omitted values stay as they are, and removal is explicit. Merged with the menu into the
//! complete values that a publication stores; edits are never stored themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::events::MenuChanges;
use super::values::{Allergen, Category, Extra, Ingredient, Pizza, PizzaSize, Side, SizedPizza, Unit};
use super::{Menu, MenuError};
use crate::ids::{IngredientCode, ItemCode};
use crate::ingredients::{Ingredients, Quantity};
use crate::money::Cents;
use crate::vat::{DatedRate, VatClass};

/// Edits of the menu, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MenuEdits {
    /// Ingredients added or changed.
    pub ingredients: Vec<IngredientEdit>,
    /// Pizzas added or changed.
    pub pizzas: Vec<PizzaEdit>,
    /// Drinks and desserts added or changed.
    pub sides: Vec<SideEdit>,
    /// Extras added or changed.
    pub extras: Vec<ExtraEdit>,
    /// VAT rates added.
    pub vat: Vec<DatedRate>,
    /// Pizzas, drinks and desserts withdrawn. One that is also edited is created anew.
    pub withdrawn: Vec<ItemCode>,
    /// Extras withdrawn. One that is also edited is created anew.
    pub withdrawn_extras: Vec<IngredientCode>,
}

/// Edit of an ingredient; a new one needs every value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of `Ingredient`")]
pub struct IngredientEdit {
    pub code: IngredientCode,
    pub name: Option<String>,
    pub unit: Option<Unit>,
    pub allergens: Option<BTreeSet<Allergen>>,
    pub removable: Option<bool>,
}

/// Edit of a pizza; a new one needs a name and a size.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of `Pizza`")]
pub struct PizzaEdit {
    pub code: ItemCode,
    pub name: Option<String>,
    /// Sizes added or changed; others stay.
    pub sizes: BTreeMap<PizzaSize, SizeEdit>,
    /// Sizes withdrawn.
    pub withdrawn_sizes: BTreeSet<PizzaSize>,
}

/// Edit of one size of a pizza; a new size needs both values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of `SizedPizza`")]
pub struct SizeEdit {
    pub price: Option<Cents>,
    pub recipe: Option<Ingredients>,
}

/// Edit of a drink or a dessert; a new one needs every value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of `Side`")]
pub struct SideEdit {
    pub code: ItemCode,
    pub name: Option<String>,
    pub category: Option<Category>,
    pub vat_class: Option<VatClass>,
    pub price: Option<Cents>,
}

/// Edit of an extra; a new one needs every value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of `Extra`")]
pub struct ExtraEdit {
    pub ingredient: IngredientCode,
    pub quantity: Option<Quantity>,
    pub price: Option<Cents>,
}

/// Returns the given value or the current one; reports the field if neither exists.
fn value<T>(
    errors: &mut Vec<MenuError>,
    given: Option<T>,
    there: Option<T>,
    code: &str,
    field: &str,
) -> Option<T> {
    let value = given.or(there);
    if value.is_none() {
        errors.push(MenuError::ValueRequired { code: code.to_owned(), field: field.to_owned() });
    }
    value
}

impl MenuEdits {
    /// Returns the complete values that result from the edits.
    ///
    /// # Errors
    /// Everything that is missing or wrong: [`MenuError::ValueRequired`] for each value that a new entry
    /// lacks, [`MenuError::UnknownSize`] for a withdrawn size that is not sold, [`MenuError::DuplicateCode`]
    /// for an ingredient edited twice.
    pub fn merge(self, menu: &Menu) -> Result<MenuChanges, Vec<MenuError>> {
        let mut errors = Vec::new();
        let mut edited = BTreeSet::new();
        for edit in &self.ingredients {
            if !edited.insert(&edit.code) {
                errors.push(MenuError::DuplicateCode { item: ItemCode::from(&edit.code) });
            }
        }
        let kept = |code: &ItemCode| !self.withdrawn.contains(code);
        let kept_extra = |code: &IngredientCode| !self.withdrawn_extras.contains(code);
        let mut changes = MenuChanges::default();
        for edit in self.ingredients {
            let there = menu.ingredients.get(&edit.code);
            changes.ingredients.extend(edit.merge(there, &mut errors));
        }
        for edit in self.pizzas {
            let there = menu.pizzas.get(&edit.code).filter(|pizza| kept(&pizza.code));
            changes.pizzas.extend(edit.merge(there, &mut errors));
        }
        for edit in self.sides {
            let there = menu.sides.get(&edit.code).filter(|side| kept(&side.code));
            changes.sides.extend(edit.merge(there, &mut errors));
        }
        for edit in self.extras {
            let there = menu.extras.get(&edit.ingredient).filter(|extra| kept_extra(&extra.ingredient));
            changes.extras.extend(edit.merge(there, &mut errors));
        }
        changes.vat = self.vat;
        changes.withdrawn = self.withdrawn;
        changes.withdrawn_extras = self.withdrawn_extras;
        if errors.is_empty() { Ok(changes) } else { Err(errors) }
    }
}

impl IngredientEdit {
    fn merge(self, there: Option<&Ingredient>, errors: &mut Vec<MenuError>) -> Option<Ingredient> {
        let code = self.code.as_str();
        let name = value(errors, self.name, there.map(|it| it.name.clone()), code, "name");
        let unit = value(errors, self.unit, there.map(|it| it.unit), code, "unit");
        let allergens =
            value(errors, self.allergens, there.map(|it| it.allergens.clone()), code, "allergens");
        let removable = value(errors, self.removable, there.map(|it| it.removable), code, "removable");
        Some(Ingredient {
            name: name?,
            unit: unit?,
            allergens: allergens?,
            removable: removable?,
            code: self.code,
        })
    }
}

impl PizzaEdit {
    fn merge(self, there: Option<&Pizza>, errors: &mut Vec<MenuError>) -> Option<Pizza> {
        let code = self.code.as_str();
        let name = value(errors, self.name, there.map(|it| it.name.clone()), code, "name");
        let mut sizes = there.map(|it| it.sizes.clone()).unwrap_or_default();
        for size in self.withdrawn_sizes {
            if sizes.remove(&size).is_none() {
                errors.push(MenuError::UnknownSize { item: self.code.clone(), size });
            }
        }
        for (size, edit) in self.sizes {
            let sized = sizes.get(&size);
            let price = value(errors, edit.price, sized.map(|it| it.price), code, "price");
            let recipe = value(errors, edit.recipe, sized.map(|it| it.recipe.clone()), code, "recipe");
            if let Some((price, recipe)) = price.zip(recipe) {
                sizes.insert(size, SizedPizza { price, recipe });
            }
        }
        Some(Pizza { name: name?, sizes, code: self.code })
    }
}

impl SideEdit {
    fn merge(self, there: Option<&Side>, errors: &mut Vec<MenuError>) -> Option<Side> {
        let code = self.code.as_str();
        let name = value(errors, self.name, there.map(|it| it.name.clone()), code, "name");
        let category = value(errors, self.category, there.map(|it| it.category), code, "category");
        let vat_class = value(errors, self.vat_class, there.map(|it| it.vat_class), code, "vatClass");
        let price = value(errors, self.price, there.map(|it| it.price), code, "price");
        Some(Side { name: name?, category: category?, vat_class: vat_class?, price: price?, code: self.code })
    }
}

impl ExtraEdit {
    fn merge(self, there: Option<&Extra>, errors: &mut Vec<MenuError>) -> Option<Extra> {
        let code = self.ingredient.as_str();
        let quantity = value(errors, self.quantity, there.map(|it| it.quantity), code, "quantity");
        let price = value(errors, self.price, there.map(|it| it.price), code, "price");
        Some(Extra { quantity: quantity?, price: price?, ingredient: self.ingredient })
    }
}
