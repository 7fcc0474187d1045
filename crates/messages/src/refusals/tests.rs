//! Messages of refusals in both languages.

use domain::Quantity;
use domain::order::{Missing, OrderError, OrderStatus};

use super::*;

#[test]
fn names_each_missing_ingredient_with_its_quantities() {
    let missing = |code: &str, needed, available| Missing {
        ingredient: code.parse().unwrap(),
        needed: Quantity(needed),
        available: Quantity(available),
    };
    let refusal = OrderError::InsufficientStock {
        missing: vec![missing("BASIL", 4, 0), missing("GOAT_CHEESE", 116, 6)],
    }
    .into();
    assert_eq!(
        message(&refusal, Lang::En),
        "Not enough stock: BASIL (4 needed, 0 available), GOAT_CHEESE (116 needed, 6 available)."
    );
    assert_eq!(
        message(&refusal, Lang::Fr),
        "Stock insuffisant : BASIL (il en faut 4, il en reste 0), GOAT_CHEESE (il en faut 116, il en reste 6)."
    );
}

#[test]
fn names_states_in_the_callers_language() {
    let refusal = OrderError::TooLate { status: OrderStatus::InPreparation }.into();
    assert_eq!(message(&refusal, Lang::Fr), "Trop tard : la commande est en préparation.");
    assert_eq!(message(&refusal, Lang::En), "Too late: the order is in preparation.");
}
