//! The group's menu: pizzas with their recipes and prices, extras, drinks, desserts, VAT. One
//! versioned stream; each publication is a version.

mod aggregate;
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
