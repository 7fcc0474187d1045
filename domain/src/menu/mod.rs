//! The group's menu: pizzas with recipes and prices, extras, drinks, desserts, VAT rates. One stream; each
//! publication is a version.

mod commands;
mod decide;
mod edits;
mod error;
mod events;
mod state;
#[cfg(test)]
mod tests;
mod values;

pub use commands::MenuCommand;
pub use decide::{decide, refusals};
pub use edits::{ExtraEdit, IngredientEdit, MenuEdits, PizzaEdit, SideEdit, SizeEdit};
pub use error::MenuError;
pub use events::{MenuChanges, MenuEvent};
pub use state::{Makeable, Menu};
pub use values::{Allergen, Category, Extra, Ingredient, Pizza, PizzaSize, Side, SizedPizza, Unit};
