//! What is within the limits, and what is just beyond.

use async_graphql::parser::parse_query;

use super::*;

fn check(query: &str) -> Result<(), TooMuch> {
    check_text(query)?;
    check_document(&parse_query(query).unwrap())
}

/// Different fields.
fn fields(name: &str, times: usize) -> String {
    (0..times).map(|at| format!("{name}{at} ")).collect()
}

#[test]
fn a_modest_query_passes() {
    assert_eq!(check("{ a { ...F ...F } } fragment F on A { b c { d } }"), Ok(()));
    assert_eq!(check(r#"{ a(b: "[[[[\"{{{{", c: """((("(((""") } # {{{"#), Ok(()));
}

#[test]
fn fragments_that_double_are_counted_once_each() {
    let mut bomb = String::from("{ ...F0 }");
    for level in 0..40 {
        bomb += &format!(" fragment F{level} on A {{ ...F{0} ...F{0} }}", level + 1);
    }
    bomb += " fragment F40 on A { a }";
    assert_eq!(check(&bomb), Err(TooMuch::Aliases));
    let wide =
        format!("{{ a {{ ...F }} b {{ ...F }} c {{ ...F }} }} fragment F on A {{ {} }}", fields("a", 3_334));
    assert_eq!(check(&wide), Err(TooMuch::Fields));
}

#[test]
fn fragments_that_double_into_nothing_are_counted_too() {
    let mut bomb = String::from("{ a ...F0 }");
    for level in 0..40 {
        bomb += &format!(" fragment F{level} on A {{ ...F{0} ...F{0} }}", level + 1);
    }
    assert_eq!(check(&bomb), Err(TooMuch::Fields));
}

#[test]
fn a_chain_of_fragments_is_as_deep_as_it_is_long() {
    let chain = |length: usize| {
        let mut chain = String::from("{ ...F0 }");
        for level in 0..length {
            chain += &format!(" fragment F{level} on A {{ ...F{} }}", level + 1);
        }
        chain + &format!(" fragment F{length} on A {{ a }}")
    };
    assert_eq!(check(&chain(20)), Ok(()));
    assert_eq!(check(&chain(150)), Err(TooMuch::Nesting));
}

#[test]
fn cycles_are_refused_even_where_no_operation_comes() {
    assert_eq!(check("{ ...F } fragment F on A { b { ...F } }"), Err(TooMuch::Cycle));
    let aside = "{ a } fragment F on A { ...G } fragment G on A { ...F }";
    assert_eq!(check(aside), Err(TooMuch::Cycle));
}

#[tokio::test]
async fn the_standard_introspection_passes_and_is_answered() {
    let query = include_str!("../introspection.graphql");
    assert_eq!(check(query), Ok(()));
    let response = graphql::schema::bare().execute(query.into()).await;
    assert_eq!(response.errors, Vec::new());
}

#[test]
fn lists_of_types_within_each_other_are_refused_however_they_are_spread() {
    let nested = "{ __schema { types { interfaces { possibleTypes { name } } } } }";
    assert_eq!(check(nested), Err(TooMuch::IntrospectionNesting));
    let typed = "{ __type(name: \"Node\") { ... on __Type { fields { type { fields { name } } } } } }";
    assert_eq!(check(typed), Err(TooMuch::IntrospectionNesting));
    let spread = "{ ...Q } fragment Q on Query { __schema { types { ...T } } } \
                  fragment T on __Type { possibleTypes { ...U } } fragment U on __Type { interfaces { name } }";
    assert_eq!(check(spread), Err(TooMuch::IntrospectionNesting));
    // Elsewhere these are names like any other.
    assert_eq!(check("{ fields { fields { fields } } }"), Ok(()));
}

#[test]
fn an_introspection_has_so_many_fields() {
    let wide = |times: usize| format!("types {{ {} }}", fields("name", times));
    assert_eq!(check(&format!("{{ __schema {{ {} }} }}", wide(399))), Ok(()));
    assert_eq!(check(&format!("{{ __schema {{ {} }} }}", wide(400))), Err(TooMuch::Introspection));
    let twice = format!("{{ a: __schema {{ {0} }} b: __schema {{ {0} }} }}", wide(300));
    assert_eq!(check(&twice), Err(TooMuch::Introspection));
}

#[test]
fn fields_nest_to_a_depth() {
    let nested = |times: usize| format!("{}a{}", "{a".repeat(times - 1) + "{", "}".repeat(times));
    assert_eq!(check(&nested(DEPTH)), Ok(()));
    assert_eq!(check(&nested(DEPTH + 1)), Err(TooMuch::Depth));
    let spread = format!("{{ b {{ ...F }} }} fragment F on A {}", nested(DEPTH));
    assert_eq!(check(&spread), Err(TooMuch::Depth));
}

#[test]
fn aliases_are_counted_of_a_field_and_in_all() {
    let aliases =
        |field: &str, times: usize| (0..times).map(|at| format!("{field}{at}: {field} ")).collect::<String>();
    assert_eq!(check(&format!("{{ {} }}", aliases("a", 30))), Ok(()));
    assert_eq!(check(&format!("{{ {} }}", aliases("a", 31))), Err(TooMuch::AliasesOfAField));
    let several = |times: usize| (0..times).map(|at| aliases(&format!("f{at}_"), 20)).collect::<String>();
    assert_eq!(check(&format!("{{ {} }}", several(10))), Ok(()));
    assert_eq!(check(&format!("{{ {} }}", several(11))), Err(TooMuch::Aliases));
    let spread = format!("{{ {} }} fragment F on A {{ {} }}", "b { ...F } ".repeat(7), aliases("a", 30));
    assert_eq!(check(&spread), Err(TooMuch::Aliases));
}

#[test]
fn repeated_fields_count_as_aliases() {
    let repeated = |times: usize| "a ".repeat(times);
    assert_eq!(check(&format!("{{ {} }}", repeated(31))), Ok(()));
    assert_eq!(check(&format!("{{ {} }}", repeated(32))), Err(TooMuch::AliasesOfAField));
    assert_eq!(check(&format!("{{ {} }}", "... { a } ".repeat(32))), Err(TooMuch::AliasesOfAField));
    let mixed = format!("{{ {} b: a {} }}", repeated(20), repeated(20));
    assert_eq!(check(&mixed), Err(TooMuch::AliasesOfAField));
    // In a fragment that is spread again and again, and in several fragments.
    let again = format!("{{ {} }} fragment F on A {{ {} }}", "...F ".repeat(12), fields("a", 20));
    assert_eq!(check(&again), Err(TooMuch::Aliases));
    let several =
        |times: usize| (0..times).map(|at| format!("b{at} {{ {} }}", repeated(30))).collect::<String>();
    assert_eq!(check(&format!("{{ {} }}", several(6))), Ok(()));
    assert_eq!(check(&format!("{{ {} }}", several(7))), Err(TooMuch::Aliases));
}

#[test]
fn the_operations_of_a_document_have_so_many_fields_together() {
    let document = |operations: usize| {
        let queries = (0..operations).map(|n| format!("query Q{n} {{ ...F }} ")).collect::<String>();
        format!("{queries} fragment F on A {{ {} }}", fields("a", 1_998))
    };
    assert_eq!(check(&document(10)), Ok(()));
    assert_eq!(check(&document(11)), Err(TooMuch::FieldsTogether));
}

#[test]
fn directives_are_counted_at_a_place_and_in_all() {
    let at_a_place = |times: usize| "@skip(if: false) ".repeat(times);
    assert_eq!(check(&format!("{{ a {} }}", at_a_place(5))), Ok(()));
    for document in [
        "{ a @@ }",
        "query @@ { a }",
        "query($a: Int @@) { a }",
        "{ ... @@ { a } }",
        "{ ...F @@ } fragment F on A { a }",
        "{ ...F } fragment F on A @@ { a }",
    ] {
        let document = document.replace("@@", &at_a_place(6));
        assert_eq!(check(&document), Err(TooMuch::DirectivesAtAPlace), "{document}");
    }
    let in_all = |times: usize| {
        let fields = (0..times).map(|at| format!("a{at} {}", at_a_place(5))).collect::<String>();
        format!("{{ {fields} }}")
    };
    assert_eq!(check(&in_all(40)), Ok(()));
    assert_eq!(check(&in_all(41)), Err(TooMuch::Directives));
}

#[test]
fn a_mutation_has_so_many_fields() {
    assert_eq!(check(&format!("mutation {{ {} }}", "a ".repeat(10))), Ok(()));
    assert_eq!(check(&format!("mutation {{ {} }}", "a ".repeat(11))), Err(TooMuch::Mutations));
    let spread = "mutation { ...F ...F ... { b } } fragment F on Mutation { a a a a a }";
    assert_eq!(check(spread), Err(TooMuch::Mutations));
}

#[test]
fn an_operation_defines_so_many_variables() {
    let variables = |times: usize| (0..times).map(|at| format!("$v{at}: Int ")).collect::<String>();
    assert_eq!(check(&format!("query({}) {{ a }}", variables(100))), Ok(()));
    assert_eq!(check(&format!("query({}) {{ a }}", variables(101))), Err(TooMuch::Variables));
}

#[test]
fn the_fields_of_a_root_are_counted_through_fragments() {
    let document = parse_query("{ a ...F ... { b } } fragment F on A { c { d } e }").unwrap();
    let (_, operation) = crate::completion::find_operation(&document, None).unwrap();
    assert_eq!(root_fields(&document, &operation.node.selection_set.node), 4);
}

#[test]
fn a_document_holds_so_many_operations_and_fragments() {
    let operations = |times: usize| (0..times).map(|n| format!("query Q{n} {{ a }} ")).collect::<String>();
    assert_eq!(check(&operations(50)), Ok(()));
    assert_eq!(check(&operations(51)), Err(TooMuch::Operations));
    let fragments = |times: usize| {
        (0..times).fold("{ a } ".to_owned(), |text, n| text + &format!("fragment F{n} on A {{ a }} "))
    };
    assert_eq!(check(&fragments(200)), Ok(()));
    assert_eq!(check(&fragments(201)), Err(TooMuch::Fragments));
}
