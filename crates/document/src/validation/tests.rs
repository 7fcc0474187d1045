//! Valid and invalid documents; the client tests compare many more with graphql-js.

use std::time::{Duration, Instant};

use super::*;
use crate::validator::Validator;

fn validator() -> Validator {
    Validator::new(&graphql::schema::sdl(), graphql::scalars::check).unwrap()
}

/// Returns the code and message of a document's first violation.
fn first(text: &str) -> Option<(ErrorCode, String)> {
    match validator().document(text) {
        Ok(document) => {
            document.violations.first().map(|violation| (violation.code, violation.message.clone()))
        }
        Err(DocumentError::Syntax(violation)) => Some((violation.code, violation.message)),
        Err(DocumentError::LimitExceeded(error)) => Some((ErrorCode::QueryTooComplex, error.to_string())),
    }
}

#[test]
fn checks_the_rules_that_apollo_compiler_lacks() {
    let order = |filter: &str| format!("{{ orders(first: 1, filter: {{ {filter} }}) {{ nodes {{ id }} }} }}");
    for (document, message) in [
        (order("status: [] status: []"), "the input field status is given twice"),
        (
            "{ menu(pizzeriaId: 1, asOf: {}) { version } }".to_owned(),
            "AsOf takes exactly one field, which is not null",
        ),
        (
            "query($p: LogPosition) { menu(pizzeriaId: 1, asOf: { position: $p }) { version } }".to_owned(),
            "the variable $p is used in AsOf, and must be declared LogPosition!",
        ),
        (
            "query($s: OrderStatus) { orders(first: 1, filter: { status: [$s] }) { nodes { id } } }"
                .to_owned(),
            "the variable $s is declared OrderStatus, and is used where OrderStatus! is expected",
        ),
        (
            "query($s: Boolean = null) { me { id @skip(if: $s) } }".to_owned(),
            "the variable $s is declared Boolean, and is used where Boolean! is expected",
        ),
        (
            "{ orders(first: 1, filter: { status: [PLACED] }) { nodes { id } } \
               orders(first: 1, filter: { status: [PLACED, READY] }) { nodes { id } } }"
                .to_owned(),
            "two different fields, or arguments, are selected under the key orders",
        ),
    ] {
        let expected = Some((ErrorCode::GraphqlValidationFailed, message.to_owned()));
        assert_eq!(first(&document), expected, "{document}");
    }
    let day = order("placedFrom: \"tomorrow\"");
    assert_eq!(first(&day).map(|(code, _)| code), Some(ErrorCode::BadUserInput));
}

#[test]
fn a_subscription_may_repeat_its_root_field() {
    let follow = "orderChanged(id: \"x\")";
    assert_eq!(
        first(&format!("subscription {{ {follow} {{ position }} ... {{ {follow} {{ position }} }} }}")),
        None
    );
    let two = first(&format!("subscription {{ {follow} {{ position }} b: {follow} {{ position }} }}"));
    assert_eq!(two.map(|(code, _)| code), Some(ErrorCode::GraphqlValidationFailed));
}

#[test]
fn suggests_names_similar_to_unknown_ones() {
    for (document, suggestion) in [
        ("{ pizerias { id } }", " Did you mean \"pizzerias\" or \"pizzeria\"?"),
        ("{ pizzeria(ids: 1) { id } }", " Did you mean \"id\"?"),
        ("{ orders(first: 1, filter: { statis: [PLACED] }) { nodes { id } } }", " Did you mean \"status\"?"),
        ("{ orders(first: 1, filter: { status: [PLACD] }) { nodes { id } } }", " Did you mean \"PLACED\"?"),
    ] {
        let violations = validator().document(document).unwrap().violations;
        let violation =
            violations.iter().find(|violation| violation.suggestion.as_deref() == Some(suggestion));
        let violation = violation.unwrap_or_else(|| panic!("{document}: {violations:?}"));
        let reported = |suggest| violation.to_error(suggest).message;
        assert!(reported(true).ends_with(suggestion) && !reported(false).contains("Did you mean"));
    }
}

#[test]
fn violations_have_a_location() {
    let at = |text: &str| match validator().document(text) {
        Ok(document) => document.violations[0].pos,
        Err(DocumentError::Syntax(violation)) => violation.pos,
        Err(DocumentError::LimitExceeded(_)) => None,
    };
    assert_eq!(at("{\r\n  me { nothing }\r}"), Some(async_graphql::Pos { line: 2, column: 8 }));
    assert_eq!(
        at("# é\n{ pizzeria(id: \"é😀\") { nothing } }"),
        Some(async_graphql::Pos { line: 2, column: 24 })
    );
    assert_eq!(at("{ me { id } "), Some(async_graphql::Pos { line: 1, column: 13 }));
}

/// Documents at the limits that take exponential time in naive rules. The time limit only detects those.
#[test]
fn validates_hostile_documents_in_bounded_time() {
    let fields = |times: usize| (0..times).map(|at| format!("n{at}: nodes {{ id }} ")).collect::<String>();
    // The same response key on every path through two fields, fifteen deep, each with an alias of its own.
    let mut paths = String::from("query { orders(first: 1) { nodes { ...F0 } } }");
    for level in 0..6 {
        let next = level + 1;
        paths += &format!(
            " fragment F{level} on Order {{ delivery {{ order {{ ...F{next} a{level}: id }} o: order {{ ...F{next} b{level}: id }} }} }}"
        );
    }
    paths += " fragment F6 on Order { id }";
    let spread =
        (0..190).map(|at| format!(" fragment G{at} on Query {{ me {{ id email }} }}")).collect::<String>();
    let spreads = (0..190).map(|at| format!("...G{at} ")).collect::<String>();
    let arguments =
        "orders(first: 1, filter: { status: [PLACED, PLACED, PLACED] }) { nodes { id } } ".repeat(30);
    let operations = (0..50).map(|at| format!("query Q{at} {{ ...G }} ")).collect::<String>();
    let wide = (0..390).map(|at| format!("pizzeria {{ c{}: code }} ", at % 28)).take(28).collect::<String>();
    for document in [
        paths,
        format!("{{ {spreads} }} {spread}"),
        format!("{{ {arguments} }}"),
        format!("{operations} fragment G on Query {{ orders(first: 1) {{ {} }} }}", fields(28)),
        format!("{{ orders(first: 1) {{ nodes {{ {wide} }} }} }}"),
        format!("{{ {} }}", "nothing_at_all ".repeat(30)),
    ] {
        let begun = Instant::now();
        let _ = validator().document(&document);
        assert!(begun.elapsed() < Duration::from_secs(20), "{document}");
    }
}
