//! Documents at and beyond each limit.

use async_graphql::parser::parse_query;

use super::*;

fn check(query: &str) -> Result<(), LimitExceeded> {
    check_text(query)?;
    check_document(&parse_query(query).unwrap())
}

/// Distinct fields.
fn fields(name: &str, times: usize) -> String {
    (0..times).map(|at| format!("{name}{at} ")).collect()
}

#[test]
fn accepts_a_small_query() {
    assert_eq!(check("{ a { ...F ...F } } fragment F on A { b c { d } }"), Ok(()));
    assert_eq!(check(r#"{ a(b: "[[[[\"{{{{", c: """((("(((""") } # {{{"#), Ok(()));
}

#[test]
fn counts_doubling_fragments() {
    let mut bomb = String::from("{ ...F0 }");
    for level in 0..40 {
        bomb += &format!(" fragment F{level} on A {{ ...F{0} ...F{0} }}", level + 1);
    }
    bomb += " fragment F40 on A { a }";
    assert_eq!(check(&bomb), Err(LimitExceeded::Aliases));
    let wide =
        format!("{{ a {{ ...F }} b {{ ...F }} c {{ ...F }} }} fragment F on A {{ {} }}", fields("a", 3_334));
    assert_eq!(check(&wide), Err(LimitExceeded::Fields));
}

#[test]
fn counts_doubling_empty_fragments() {
    let mut bomb = String::from("{ a ...F0 }");
    for level in 0..40 {
        bomb += &format!(" fragment F{level} on A {{ ...F{0} ...F{0} }}", level + 1);
    }
    assert_eq!(check(&bomb), Err(LimitExceeded::Fields));
}

#[test]
fn limits_chains_of_fragments() {
    let chain = |length: usize| {
        let mut chain = String::from("{ ...F0 }");
        for level in 0..length {
            chain += &format!(" fragment F{level} on A {{ ...F{} }}", level + 1);
        }
        chain + &format!(" fragment F{length} on A {{ a }}")
    };
    assert_eq!(check(&chain(20)), Ok(()));
    assert_eq!(check(&chain(150)), Err(LimitExceeded::Nesting));
}

#[test]
fn rejects_recursive_fragments_used_or_not() {
    assert_eq!(check("{ ...F } fragment F on A { b { ...F } }"), Err(LimitExceeded::Cycle));
    let aside = "{ a } fragment F on A { ...G } fragment G on A { ...F }";
    assert_eq!(check(aside), Err(LimitExceeded::Cycle));
}

#[tokio::test]
async fn accepts_the_standard_introspection() {
    let query = include_str!("../introspection.graphql");
    assert_eq!(check(query), Ok(()));
    let response = graphql::schema::bare().execute(query.into()).await;
    assert_eq!(response.errors, Vec::new());
}

#[test]
fn rejects_nested_lists_of_types() {
    let nested = "{ __schema { types { interfaces { possibleTypes { name } } } } }";
    assert_eq!(check(nested), Err(LimitExceeded::IntrospectionNesting));
    let typed = "{ __type(name: \"Node\") { ... on __Type { fields { type { fields { name } } } } } }";
    assert_eq!(check(typed), Err(LimitExceeded::IntrospectionNesting));
    let spread = "{ ...Q } fragment Q on Query { __schema { types { ...T } } } \
                  fragment T on __Type { possibleTypes { ...U } } fragment U on __Type { interfaces { name } }";
    assert_eq!(check(spread), Err(LimitExceeded::IntrospectionNesting));
    // Outside an introspection these names have no meaning.
    assert_eq!(check("{ fields { fields { fields } } }"), Ok(()));
}

#[test]
fn limits_introspection_fields() {
    let wide = |times: usize| format!("types {{ {} }}", fields("name", times));
    assert_eq!(check(&format!("{{ __schema {{ {} }} }}", wide(399))), Ok(()));
    assert_eq!(check(&format!("{{ __schema {{ {} }} }}", wide(400))), Err(LimitExceeded::Introspection));
    let twice = format!("{{ a: __schema {{ {0} }} b: __schema {{ {0} }} }}", wide(300));
    assert_eq!(check(&twice), Err(LimitExceeded::Introspection));
}

#[test]
fn limits_nested_fields() {
    let nested = |times: usize| format!("{}a{}", "{a".repeat(times - 1) + "{", "}".repeat(times));
    assert_eq!(check(&nested(MAX_DEPTH)), Ok(()));
    assert_eq!(check(&nested(MAX_DEPTH + 1)), Err(LimitExceeded::Depth));
    let spread = format!("{{ b {{ ...F }} }} fragment F on A {}", nested(MAX_DEPTH));
    assert_eq!(check(&spread), Err(LimitExceeded::Depth));
}

#[test]
fn limits_aliases_of_a_field_and_of_an_operation() {
    let aliases =
        |field: &str, times: usize| (0..times).map(|at| format!("{field}{at}: {field} ")).collect::<String>();
    assert_eq!(check(&format!("{{ {} }}", aliases("a", 30))), Ok(()));
    assert_eq!(check(&format!("{{ {} }}", aliases("a", 31))), Err(LimitExceeded::FieldAliases));
    let several = |times: usize| (0..times).map(|at| aliases(&format!("f{at}_"), 20)).collect::<String>();
    assert_eq!(check(&format!("{{ {} }}", several(10))), Ok(()));
    assert_eq!(check(&format!("{{ {} }}", several(11))), Err(LimitExceeded::Aliases));
    let spread = format!("{{ {} }} fragment F on A {{ {} }}", "b { ...F } ".repeat(7), aliases("a", 30));
    assert_eq!(check(&spread), Err(LimitExceeded::Aliases));
}

#[test]
fn counts_repeated_fields_as_aliases() {
    let repeated = |times: usize| "a ".repeat(times);
    assert_eq!(check(&format!("{{ {} }}", repeated(31))), Ok(()));
    assert_eq!(check(&format!("{{ {} }}", repeated(32))), Err(LimitExceeded::FieldAliases));
    assert_eq!(check(&format!("{{ {} }}", "... { a } ".repeat(32))), Err(LimitExceeded::FieldAliases));
    let mixed = format!("{{ {} b: a {} }}", repeated(20), repeated(20));
    assert_eq!(check(&mixed), Err(LimitExceeded::FieldAliases));
    // In a fragment that is spread repeatedly, and in several fragments.
    let again = format!("{{ {} }} fragment F on A {{ {} }}", "...F ".repeat(12), fields("a", 20));
    assert_eq!(check(&again), Err(LimitExceeded::Aliases));
    let several =
        |times: usize| (0..times).map(|at| format!("b{at} {{ {} }}", repeated(30))).collect::<String>();
    assert_eq!(check(&format!("{{ {} }}", several(6))), Ok(()));
    assert_eq!(check(&format!("{{ {} }}", several(7))), Err(LimitExceeded::Aliases));
}

#[test]
fn limits_fields_of_all_operations() {
    let document = |operations: usize| {
        let queries = (0..operations).map(|n| format!("query Q{n} {{ ...F }} ")).collect::<String>();
        format!("{queries} fragment F on A {{ {} }}", fields("a", 1_998))
    };
    assert_eq!(check(&document(10)), Ok(()));
    assert_eq!(check(&document(11)), Err(LimitExceeded::DocumentFields));
}

#[test]
fn limits_directives_at_a_place_and_in_a_document() {
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
        assert_eq!(check(&document), Err(LimitExceeded::PlaceDirectives), "{document}");
    }
    let in_all = |times: usize| {
        let fields = (0..times).map(|at| format!("a{at} {}", at_a_place(5))).collect::<String>();
        format!("{{ {fields} }}")
    };
    assert_eq!(check(&in_all(40)), Ok(()));
    assert_eq!(check(&in_all(41)), Err(LimitExceeded::Directives));
}

#[test]
fn limits_fields_of_a_mutation() {
    assert_eq!(check(&format!("mutation {{ {} }}", "a ".repeat(10))), Ok(()));
    assert_eq!(check(&format!("mutation {{ {} }}", "a ".repeat(11))), Err(LimitExceeded::Mutations));
    let spread = "mutation { ...F ...F ... { b } } fragment F on Mutation { a a a a a }";
    assert_eq!(check(spread), Err(LimitExceeded::Mutations));
}

#[test]
fn limits_variables_of_an_operation() {
    let variables = |times: usize| (0..times).map(|at| format!("$v{at}: Int ")).collect::<String>();
    assert_eq!(check(&format!("query({}) {{ a }}", variables(100))), Ok(()));
    assert_eq!(check(&format!("query({}) {{ a }}", variables(101))), Err(LimitExceeded::Variables));
}

#[test]
fn counts_root_fields_in_fragments() {
    let document = parse_query("{ a ...F ... { b } } fragment F on A { c { d } e }").unwrap();
    let (_, operation) = crate::completion::find_operation(&document, None).unwrap();
    assert_eq!(root_fields(&document, &operation.node.selection_set.node), 4);
}

#[test]
fn limits_operations_and_fragments() {
    let operations = |times: usize| (0..times).map(|n| format!("query Q{n} {{ a }} ")).collect::<String>();
    assert_eq!(check(&operations(50)), Ok(()));
    assert_eq!(check(&operations(51)), Err(LimitExceeded::Operations));
    let fragments = |times: usize| {
        (0..times).fold("{ a } ".to_owned(), |text, n| text + &format!("fragment F{n} on A {{ a }} "))
    };
    assert_eq!(check(&fragments(200)), Ok(()));
    assert_eq!(check(&fragments(201)), Err(LimitExceeded::Fragments));
}
