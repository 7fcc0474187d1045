//! Executed operations of documents.

use async_graphql::value;

use super::*;
use crate::Validator;
use crate::completion::find_operation;

const SCHEMA: &str = "
    type Query { a(n: Int = 1, in: In, list: [Int]): A! b: Node other: String }
    interface Node { id: ID! }
    type A implements Node { id: ID! a: A text: String }
    type B implements Node { id: ID! number: Int }
    input In { n: Int m: Int }
";

fn print(set: &SelectionSet) -> String {
    let item = |item: &Positioned<Selection>| match &item.node {
        Selection::Field(field) => {
            let field = &field.node;
            let alias = field.alias.as_ref().map(|alias| format!("{}:", alias.node)).unwrap_or_default();
            let arguments =
                field.arguments.iter().map(|(name, value)| format!("({}:{})", name.node, value.node));
            let arguments: String = arguments.collect();
            let below = &field.selection_set.node;
            let below = if below.items.is_empty() { String::new() } else { print(below) };
            format!("{alias}{}{arguments}{below}", field.name.node)
        }
        Selection::InlineFragment(inline) => {
            let on = inline.node.type_condition.as_ref().map(|on| on.node.on.node.to_string());
            format!("...{}{}", on.unwrap_or_default(), print(&inline.node.selection_set.node))
        }
        Selection::FragmentSpread(spread) => format!("...{}", spread.node.fragment_name.node),
    };
    format!("{{{}}}", set.items.iter().map(item).collect::<Vec<_>>().join(" "))
}

fn executed(query: &str, variables: Constant) -> Result<String, String> {
    let validator = Validator::new(SCHEMA, graphql::scalars::check).unwrap();
    let document = validator.document(query).unwrap();
    assert_eq!(document.violations, [], "{query}");
    let (name, operation) = find_operation(&document.executable, None).unwrap();
    let variables = Variables::from_value(variables);
    let executed = plan(validator.schema(), &document.executable, name, operation, &variables);
    let executed = executed.map_err(|violation| violation.message)?;
    let (_, operation) = find_operation(&executed, None).unwrap();
    Ok(print(&operation.node.selection_set.node))
}

#[test]
fn merges_fields_with_the_same_key() {
    let query = "{ a { id } ...F ... { a { a { text } } other } other } fragment F on Query { a { text a { id } } x: a { id } }";
    assert_eq!(executed(query, value!({})).unwrap(), "{a{id text a{id text}} x:a{id} other}");
}

#[test]
fn decides_conditions_by_variables() {
    let query = "query($y: Boolean!, $n: Boolean = false) { a @include(if: $y) { id @skip(if: $y) text } \
        ... @include(if: $n) { other } x: other @include(if: true) @skip(if: false) }";
    assert_eq!(executed(query, value!({ "y": true, "n": false })).unwrap(), "{a{text} x:other}");
    assert_eq!(executed(query, value!({ "y": false, "n": true })).unwrap(), "{other x:other}");
    let error = executed(query, value!({ "y": true, "n": null })).unwrap_err();
    assert_eq!(error, "the variable $n is null, and a condition needs true or false");
}

#[test]
fn drops_arguments_with_unset_variables() {
    let query = "query($n: Int, $m: Int) { a(n: $n, in: { n: $n, m: $m }, list: [$n, 2]) { id } }";
    assert_eq!(executed(query, value!({})).unwrap(), "{a(in:{})(list:[null, 2]){id}}");
    assert_eq!(executed(query, value!({ "m": 1 })).unwrap(), "{a(in:{m: $m})(list:[null, 2]){id}}");
    let given = executed(query, value!({ "n": null, "m": 1 })).unwrap();
    assert_eq!(given, "{a(n:$n)(in:{n: $n, m: $m})(list:[$n, 2]){id}}");
}

#[test]
fn requests_the_type_of_objects_of_an_interface() {
    let query = "{ b { ... on A { text } id ... on Node { id } ...F ... on A { a { id } } } } \
        fragment F on B { number ... on Node { x: id } ... on B { id } }";
    let expected = "{b{...A{text a{id}} id ...B{number x:id id}  type:__typename}}";
    assert_eq!(executed(query, value!({})).unwrap(), expected);
    // The type of an object is known: fragments on other types are dropped.
    let query =
        "{ a { ... on Node { id ... on A { text } } ...F } } fragment F on Node { ... on B { number } id }";
    assert_eq!(executed(query, value!({})).unwrap(), "{a{id text}}");
}
