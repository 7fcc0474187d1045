//! Reading inputs, and the path of each problem.

use domain::Quantity;
use domain::ids::{CODE_MAX, ContactId};
use domain::order::{LinePart, OrderError};
use domain::usecase::Refusal;
use messages::labels::Lang;

use super::*;
use crate::error::ApiError;
use crate::types::user_error::UserError;
use crate::types::user_error_code::UserErrorCode;

fn line(quantity: i64) -> OrderLineInput {
    OrderLineInput {
        item: ID("MAR".to_owned()),
        size: None,
        quantity,
        extras: None,
        without: None,
        note: None,
    }
}

fn stocked(ingredient: &str, quantity: i64) -> StockLineInput {
    StockLineInput { ingredient: ID(ingredient.to_owned()), quantity }
}

/// Returns the code and the field of each user error.
fn told(problems: Problems) -> Vec<(UserErrorCode, String)> {
    let user_errors = user_errors(problems);
    user_errors.into_iter().map(|error| (error.code, error.field.unwrap_or_default().join("."))).collect()
}

fn user_errors(problems: Problems) -> Vec<UserError> {
    match problems.check() {
        Ok(()) => Vec::new(),
        Err(ApiError::InvalidInput(error)) => error.user_errors(Lang::Fr),
        Err(error) => panic!("{error:?}"),
    }
}

fn at(code: UserErrorCode, field: &str) -> (UserErrorCode, String) {
    (code, field.to_owned())
}

#[test]
fn reports_every_problem_with_path_and_bounds() {
    let mut problems = Problems::default();
    assert_eq!(problems.text("name", "  ", NAME_MAX), None);
    assert_eq!(problems.text("supplier", &"é".repeat(NAME_MAX + 1), NAME_MAX), None);
    assert_eq!(problems.quantity("threshold", -1, 0), None);
    let lines = [stocked("HAM", 1), stocked("egg", 0)];
    assert_eq!(problems.stock_lines("lines", &lines, 1), None);
    let mut errors = user_errors(problems).into_iter();
    let mut next = || errors.next().map(|error| (error.code, error.field.unwrap().join("."), error.detail));
    let (code, field, detail) = next().unwrap();
    assert_eq!(
        (code, &*field, detail.rule),
        (UserErrorCode::InvalidInput, "input.name", Some(InputRule::Empty))
    );
    let (code, field, detail) = next().unwrap();
    assert_eq!(
        (code, &*field, detail.max_length),
        (UserErrorCode::InvalidInput, "input.supplier", Some(200))
    );
    let (code, field, detail) = next().unwrap();
    assert_eq!((code, &*field), (UserErrorCode::InvalidInput, "input.threshold"));
    assert_eq!((detail.min, detail.max), (Some(0), Some(Quantity::MAX_INPUT)));
    let (code, field, detail) = next().unwrap();
    assert_eq!((code, &*field), (UserErrorCode::UnknownIngredient, "input.lines.1.ingredient"));
    assert_eq!(detail.ingredient_code.as_deref(), Some("egg"));
    let (code, field, detail) = next().unwrap();
    assert_eq!((code, &*field, detail.min), (UserErrorCode::InvalidInput, "input.lines.1.quantity", Some(1)));
    assert_eq!(next(), None);
}

#[test]
fn returns_values_without_problems() {
    let mut problems = Problems::default();
    let name = problems.text("name", " Zoé ", NAME_MAX);
    let quantity = problems.quantity("quantity", 3, 1);
    assert_eq!(problems.optional_text("phone", Some(" "), SHORT_MAX), None);
    assert_eq!(problems.all((name, quantity)).unwrap(), ("Zoé".to_owned(), Quantity(3)));
}

#[test]
fn reports_unreadable_lines_and_reads_the_others() {
    let ids = |text: &str| Some(vec![ID("HAM".to_owned()), ID(text.to_owned())]);
    let pizza = OrderLineInput { item: ID("🍕".to_owned()), ..line(1) };
    let extra = OrderLineInput { extras: ids("ham"), ..line(1) };
    let without = OrderLineInput { without: ids("item:HAM"), ..line(1) };
    let mut problems = Problems::default();
    let read = problems.basket_lines("lines", &[line(1), pizza, extra, without, line(0)]);
    let expected = [
        at(UserErrorCode::UnknownPizza, "input.lines.1.item"),
        at(UserErrorCode::UnknownExtra, "input.lines.2.extras.1"),
        at(UserErrorCode::UnknownIngredient, "input.lines.3.without.1"),
    ];
    assert_eq!(told(problems), expected);
    assert_eq!(read.lines.iter().map(|line| line.quantity).collect::<Vec<_>>(), [1, 0]);
    // The second readable line is the fifth of the input.
    let wrong = |index| {
        let error = Box::new(OrderError::InvalidQuantity { max: 99 });
        Refusal::from(OrderError::Line { index, part: LinePart::Quantity, error })
    };
    assert_eq!(read.in_input(wrong(1)), Some(wrong(4)));
    assert_eq!(read.in_input(OrderError::EmptyOrder.into()), None);
}

#[test]
fn saturates_quantities_beyond_32_bits() {
    let mut problems = Problems::default();
    let given = [0, -1, i64::MIN, i64::MAX, 7].map(line);
    let read = problems.basket_lines("lines", &given);
    assert!(problems.is_empty());
    assert_eq!(read.lines.iter().map(|line| line.quantity).collect::<Vec<_>>(), [0, 0, 0, u32::MAX, 7]);
}

#[test]
fn limits_the_length_of_lists() {
    let lines = vec![line(1); ORDER_LINES_MAX + 1];
    let mut problems = Problems::default();
    problems.basket_lines("lines", &lines);
    problems.stock_lines("lines", &vec![stocked("HAM", 1); STOCK_LINES_MAX + 1], 1);
    let many = vec![ID("HAM".to_owned()); ALTERATIONS_MAX + 1];
    problems.basket_lines("lines", &[OrderLineInput { extras: Some(many), ..line(1) }]);
    let expected = [
        at(UserErrorCode::OrderTooLarge, "input.lines"),
        at(UserErrorCode::InvalidInput, "input.lines"),
        at(UserErrorCode::InvalidInput, "input.lines.0.extras"),
    ];
    assert_eq!(told(problems), expected);
    assert_eq!(Problems::default().basket_lines("lines", &lines[1..]).lines.len(), ORDER_LINES_MAX);
}

#[test]
fn shortens_the_text_given_as_a_code() {
    let mut problems = Problems::default();
    problems.stock_lines("lines", &[stocked(&"x".repeat(99), 1)], 1);
    let detail = user_errors(problems).remove(0).detail;
    assert_eq!(detail.ingredient_code.map(|code| code.len()), Some(CODE_MAX));
}

#[test]
fn accepts_complete_coordinates_in_range() {
    let address =
        |latitude, longitude| AddressInput { street: None, postcode: None, city: None, latitude, longitude };
    let read = |latitude, longitude| {
        let mut problems = Problems::default();
        let place = problems.address_place("address", &address(latitude, longitude));
        (place.is_some(), told(problems).into_iter().map(|(_, field)| field).collect::<Vec<_>>())
    };
    assert_eq!(read(Some(48.9), Some(2.3)), (true, vec![]));
    assert_eq!(read(None, None), (false, vec![]));
    let (latitude, longitude) = ("input.address.latitude".to_owned(), "input.address.longitude".to_owned());
    for (given, wrong) in [
        ((Some(91.0), Some(0.0)), vec![latitude.clone()]),
        ((Some(f64::NAN), Some(0.0)), vec![latitude.clone()]),
        ((Some(0.0), Some(180.5)), vec![longitude.clone()]),
        ((Some(-91.0), Some(-181.0)), vec![latitude.clone(), longitude.clone()]),
        ((Some(0.0), None), vec![longitude]),
        ((None, Some(0.0)), vec![latitude]),
    ] {
        assert_eq!(read(given.0, given.1), (false, wrong), "{given:?}");
    }
}

#[test]
fn reports_all_problems_of_a_contact() {
    let address = AddressInput {
        street: Some("\0".to_owned()),
        postcode: None,
        city: None,
        latitude: Some(0.0),
        longitude: None,
    };
    let contact = ContactInput {
        name: Some("Ada\u{202e}".to_owned()),
        phone: Some("abc".to_owned()),
        email: Some("ada".to_owned()),
        address: Some(address),
    };
    let mut problems = Problems::default();
    let row = problems.contact("contact", ContactId(uuid::Uuid::nil()), Some(&contact), None);
    assert_eq!((row.name, row.phone, row.email), (None, None, None));
    let expected = [
        at(UserErrorCode::InvalidInput, "input.contact.name"),
        at(UserErrorCode::InvalidInput, "input.contact.phone"),
        at(UserErrorCode::InvalidEmail, "input.contact.email"),
        at(UserErrorCode::InvalidInput, "input.contact.address.street"),
        at(UserErrorCode::InvalidInput, "input.contact.address.longitude"),
    ];
    assert_eq!(told(problems), expected);
}

#[test]
fn reports_problems_in_both_languages() {
    let problem = InputProblem::new("quantity", ProblemKind::OutOfRange { min: 1, max: 99 });
    assert_eq!(problem.user_error(Lang::Fr).message, "Un nombre de 1 à 99.");
    assert_eq!(problem.user_error(Lang::En).message, "A number from 1 to 99.");
}
