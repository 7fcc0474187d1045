//! Values that fit and values that do not, on a schema of every kind of input.

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

/// The coerced variables of `query($v: <ty>)`.
fn coerced(ty: &str, given: Value) -> Result<Value, Vec<String>> {
    let validator = Validator::new(SCHEMA, graphql::scalars::check).unwrap();
    let document = validator.document(&format!("query($v: {ty}) {{ __typename }}")).unwrap();
    let (_, operation) = find_operation(&document.executable, None).unwrap();
    let given = Variables::from_value(given);
    let coerced = document.coerce(&validator, None, &operation.node, given);
    let coerced =
        coerced.map_err(|complaints| complaints.into_iter().map(|complaint| complaint.message).collect());
    coerced
        .map(|variables: Variables| serde_json::from_value(serde_json::to_value(variables).unwrap()).unwrap())
}

fn fits(ty: &str, given: Value, expected: Value) {
    let text = |value: &Value| serde_json::to_string(value).unwrap();
    assert_eq!(text(&coerced(ty, given).unwrap()), text(&expected), "{ty}");
}

fn refused(ty: &str, given: Value, problem: &str) {
    assert_eq!(coerced(ty, given).unwrap_err(), [problem], "{ty}");
}

#[test]
fn defaults_are_applied_and_null_is_not_a_missing_value() {
    fits("Int = 7", value!({}), value!({ "v": 7 }));
    fits("Int = 7", value!({ "v": null }), value!({ "v": null }));
    fits("Int", value!({}), value!({}));
    fits("Int", value!({ "other": 1 }), value!({}));
    fits("Int! = 7", value!({ "v": 1 }), value!({ "v": 1 }));
    fits("E = X", value!({}), value!({ "v": "X" }));
    fits("[Int] = 7", value!({}), value!({ "v": [7] }));
    refused("Int! = 7", value!({ "v": null }), "the variable $v: Int! is required, not null");
    refused("Int!", value!({}), "the variable $v: Int! is required");
}

#[test]
fn scalars_are_coerced_as_json_writes_them() {
    fits("Int", value!({ "v": 1.0 }), value!({ "v": 1 }));
    fits("Float", value!({ "v": 1 }), value!({ "v": 1 }));
    fits("ID", value!({ "v": 7 }), value!({ "v": "7" }));
    fits("Decimal", value!({ "v": "12.50" }), value!({ "v": "12.50" }));
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
        refused(ty, value!({ "v": (given) }), &format!("the variable $v: {ty} is expected, not {found}"));
    }
    refused("E", value!({ "v": "Z" }), "the variable $v: this text is not a value of E");
    refused("Decimal", value!({ "v": 1.5 }), "the variable $v: Decimal is written as text");
}

#[test]
fn lists_take_one_item_for_a_list_of_one() {
    fits("[Int!]", value!({ "v": 1 }), value!({ "v": [1] }));
    fits("[[Int]]", value!({ "v": 1 }), value!({ "v": [[1]] }));
    fits("[[Int]]", value!({ "v": [1, [2, null], null] }), value!({ "v": [[1], [2, null], null] }));
    fits("[In!]!", value!({ "v": { "n": 2 } }), value!({ "v": [{ "n": 2 }] }));
    refused("[[Int!]]", value!({ "v": [[1, null]] }), "the variable $v[0][1]: Int! is required, not null");
}

#[test]
fn input_objects_are_coerced_field_by_field() {
    let deep = value!({ "v": { "e": "X", "in": { "n": 2.0, "list": { "n": 3 } } } });
    fits("In", deep, value!({ "v": { "e": "X", "in": { "list": [{ "n": 3 }], "n": 2 } } }));
    refused("In", value!({ "v": { "n": null } }), "the variable $v.n: Int! is required, not null");
    refused(
        "In",
        value!({ "v": { "in": { "list": [{}, { "e": 1 }] } } }),
        "the variable $v.in.list[1].e: E is expected, not this number",
    );
    refused("In", value!({ "v": { "zzz": 1 } }), "the variable $v: In has no field called zzz");
    fits("One", value!({ "v": { "b": { "n": 1 } } }), value!({ "v": { "b": { "n": 1 } } }));
    for wrong in
        [value!({}), value!({ "a": 1, "b": {} }), value!({ "a": null }), value!({ "a": 1, "b": null })]
    {
        let problem = "the variable $v: One takes exactly one field, which is not null";
        refused("One", value!({ "v": (wrong) }), problem);
    }
}

#[test]
fn every_problem_is_told_to_a_bound() {
    let problems = coerced("[Int]", value!({ "v": ["a", 1, "b"] })).unwrap_err();
    assert_eq!(problems.len(), 2);
    let many = Value::List(vec![Value::Boolean(true); 1_000]);
    assert_eq!(coerced("[Int]", value!({ "v": (many) })).unwrap_err().len(), COMPLAINTS);
}
