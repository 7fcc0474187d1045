//! Coercion of valid and invalid values, for every kind of input type.

use async_graphql::value;

use super::*;
use crate::Validator;
use crate::completion::find_operation;

const SCHEMA: &str = "
    type Query { a(int: Int, float: Float, text: String, id: ID, list: [[Int!]], in: In, one: One, e: E, d: Decimal): Int }
    scalar Decimal
    directive @oneOf on INPUT_OBJECT
    enum E { X Y }
    input In { n: Int! = 1 e: E in: In list: [In!] }
    input One @oneOf { a: Int b: In }
";

/// Returns the coerced variables of `query($v: <ty>)`.
fn coerced(ty: &str, given: Value) -> Result<Value, Vec<String>> {
    let validator = Validator::new(SCHEMA, graphql::scalars::check).unwrap();
    let document = validator.document(&format!("query($v: {ty}) {{ __typename }}")).unwrap();
    let (_, operation) = find_operation(&document.executable, None).unwrap();
    let given = Variables::from_value(given);
    let coerced = document.coerce(&validator, None, &operation.node, given);
    let coerced =
        coerced.map_err(|violations| violations.into_iter().map(|violation| violation.message).collect());
    coerced
        .map(|variables: Variables| serde_json::from_value(serde_json::to_value(variables).unwrap()).unwrap())
}

fn accepts(ty: &str, given: Value, expected: Value) {
    let text = |value: &Value| serde_json::to_string(value).unwrap();
    assert_eq!(text(&coerced(ty, given).unwrap()), text(&expected), "{ty}");
}

fn rejects(ty: &str, given: Value, problem: &str) {
    assert_eq!(coerced(ty, given).unwrap_err(), [problem], "{ty}");
}

#[test]
fn applies_defaults_and_distinguishes_null_from_unset() {
    accepts("Int = 7", value!({}), value!({ "v": 7 }));
    accepts("Int = 7", value!({ "v": null }), value!({ "v": null }));
    accepts("Int", value!({}), value!({}));
    accepts("Int", value!({ "other": 1 }), value!({}));
    accepts("Int! = 7", value!({ "v": 1 }), value!({ "v": 1 }));
    accepts("E = X", value!({}), value!({ "v": "X" }));
    accepts("[Int] = 7", value!({}), value!({ "v": [7] }));
    rejects("Int! = 7", value!({ "v": null }), "the variable $v: Int! is required, not null");
    rejects("Int!", value!({}), "the variable $v: Int! is required");
}

#[test]
fn coerces_scalars() {
    accepts("Int", value!({ "v": 1.0 }), value!({ "v": 1 }));
    accepts("Float", value!({ "v": 1 }), value!({ "v": 1 }));
    accepts("ID", value!({ "v": 7 }), value!({ "v": "7" }));
    accepts("Decimal", value!({ "v": "12.50" }), value!({ "v": "12.50" }));
    for (ty, given, found) in [
        ("Int", value!(1.5), "this number"),
        ("Int", value!(2147483648_i64), "this number"),
        ("Int", value!("1"), "this text"),
        ("Int", value!(true), "a boolean"),
        ("Int", value!([1]), "a list"),
        ("Float", value!("1"), "this text"),
        ("String", value!(1), "this number"),
        ("Boolean", value!("true"), "this text"),
        ("Boolean", value!(1), "this number"),
        ("ID", value!(1.5), "this number"),
        ("ID", value!({ "a": 1 }), "an object"),
        ("E", value!(1), "this number"),
        ("In", value!([]), "a list"),
    ] {
        rejects(ty, value!({ "v": (given) }), &format!("the variable $v: {ty} is expected, not {found}"));
    }
    rejects("E", value!({ "v": "Z" }), "the variable $v: this text is not a value of E");
    rejects("Decimal", value!({ "v": 1.5 }), "the variable $v: Decimal is written as text");
}

#[test]
fn coerces_one_item_to_a_list() {
    accepts("[Int!]", value!({ "v": 1 }), value!({ "v": [1] }));
    accepts("[[Int]]", value!({ "v": 1 }), value!({ "v": [[1]] }));
    accepts("[[Int]]", value!({ "v": [1, [2, null], null] }), value!({ "v": [[1], [2, null], null] }));
    accepts("[In!]!", value!({ "v": { "n": 2 } }), value!({ "v": [{ "n": 2 }] }));
    rejects("[[Int!]]", value!({ "v": [[1, null]] }), "the variable $v[0][1]: Int! is required, not null");
}

#[test]
fn coerces_input_objects() {
    let deep = value!({ "v": { "e": "X", "in": { "n": 2.0, "list": { "n": 3 } } } });
    accepts("In", deep, value!({ "v": { "e": "X", "in": { "list": [{ "n": 3 }], "n": 2 } } }));
    rejects("In", value!({ "v": { "n": null } }), "the variable $v.n: Int! is required, not null");
    rejects(
        "In",
        value!({ "v": { "in": { "list": [{}, { "e": 1 }] } } }),
        "the variable $v.in.list[1].e: E is expected, not this number",
    );
    rejects("In", value!({ "v": { "zzz": 1 } }), "the variable $v: In has no field called zzz");
    accepts("One", value!({ "v": { "b": { "n": 1 } } }), value!({ "v": { "b": { "n": 1 } } }));
    for wrong in
        [value!({}), value!({ "a": 1, "b": {} }), value!({ "a": null }), value!({ "a": 1, "b": null })]
    {
        let problem = "the variable $v: One takes exactly one field, which is not null";
        rejects("One", value!({ "v": (wrong) }), problem);
    }
}

#[test]
fn reports_every_violation_up_to_the_limit() {
    let problems = coerced("[Int]", value!({ "v": ["a", 1, "b"] })).unwrap_err();
    assert_eq!(problems.len(), 2);
    let many = Value::List(vec![Value::Boolean(true); 1_000]);
    assert_eq!(coerced("[Int]", value!({ "v": (many) })).unwrap_err().len(), MAX_VIOLATIONS);
}
