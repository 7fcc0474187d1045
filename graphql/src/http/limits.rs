//! What a request may be at most, checked before anything is executed: its size, how deep it nests,
//! and how many fields it asks for once its fragments are expanded. Counts; executes nothing.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

/// The largest body of a request and message of a WebSocket, in bytes.
pub const BODY: usize = 64 * 1024;
/// How deep brackets may nest in a document: deeper ones would use up the parser's stack.
const BRACKETS: usize = 64;
/// How deep selections may nest, fragments expanded; the schema's own bound on fields is lower.
const NESTING: usize = 64;
/// How many fields an operation may ask for, fragments expanded.
const FIELDS: u64 = 10_000;
/// How many operations a document may hold.
const OPERATIONS: usize = 50;
/// How many fragments a document may hold.
const FRAGMENTS: usize = 200;
/// The lists of types of types: each multiplies the answer by as many as the schema has.
const TYPE_LISTS: [&str; 5] = ["fields", "interfaces", "possibleTypes", "inputFields", "enumValues"];
/// How many of them may lie on one path of introspection: the standard query needs one.
const TYPE_LISTS_ON_A_PATH: usize = 1;
/// How many fields an operation may ask the schema about itself, fragments expanded: the standard
/// query needs about 240. Each may be answered once a field of every type, and aliases count.
const INTROSPECTION: u64 = 400;

/// How deep lists and objects may nest in variables.
const VARIABLES_NESTING: usize = 16;
/// How many values a list of variables may hold; inputs have narrower bounds of their own.
const VARIABLES_LIST: usize = 2_000;

/// Why variables are not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooManyVariables {
    /// Lists and objects in lists and objects.
    #[error("variables nest deeper than {VARIABLES_NESTING}")]
    Nesting,
    /// A long list.
    #[error("a list in variables is longer than {VARIABLES_LIST}")]
    List,
}

/// Refuses variables that nest too deep, or have too long a list.
///
/// # Errors
/// [`TooManyVariables`].
pub fn check_variables(variables: &serde_json::Value) -> Result<(), TooManyVariables> {
    use serde_json::Value;
    fn check(value: &Value, depth: usize) -> Result<(), TooManyVariables> {
        match value {
            Value::Array(_) | Value::Object(_) if depth > VARIABLES_NESTING => Err(TooManyVariables::Nesting),
            Value::Array(items) if items.len() > VARIABLES_LIST => Err(TooManyVariables::List),
            Value::Array(items) => items.iter().try_for_each(|item| check(item, depth + 1)),
            Value::Object(fields) => fields.values().try_for_each(|field| check(field, depth + 1)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }
    check(variables, 0)
}

/// Why a document is not executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// Brackets in brackets in brackets.
    #[error("the document nests too deep")]
    Brackets,
    /// Selections in selections.
    #[error("the query nests too deep")]
    Nesting,
    /// Fragments that expand to too many fields.
    #[error("the query asks for more than {FIELDS} fields")]
    Fields,
    /// A fragment that contains itself.
    #[error("a fragment contains itself")]
    Cycle,
    /// Operations beside operations.
    #[error("a document holds at most {OPERATIONS} operations")]
    Operations,
    /// Fragments beside fragments.
    #[error("a document holds at most {FRAGMENTS} fragments")]
    Fragments,
    /// Types of types of types.
    #[error("the introspection asks for lists of types within each other")]
    IntrospectionNesting,
    /// An answer about the schema that is many times the schema.
    #[error("the introspection asks for more than {INTROSPECTION} fields")]
    Introspection,
}

/// Refuses a text whose brackets nest too deep, before it is parsed.
///
/// # Errors
/// [`TooMuch::Brackets`].
pub fn check_text(query: &str) -> Result<(), TooMuch> {
    let bytes = query.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' | b'(' => {
                depth += 1;
                if depth > BRACKETS {
                    return Err(TooMuch::Brackets);
                }
            }
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            b'#' => at += bytes[at..].iter().take_while(|byte| !matches!(byte, b'\n' | b'\r')).count(),
            b'"' if bytes[at..].starts_with(b"\"\"\"") => at = end_of_block(bytes, at + 3),
            b'"' => at = end_of_string(bytes, at + 1),
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// Where a block string ends: at the last of its closing quotes.
fn end_of_block(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        if bytes[at..].starts_with(b"\\\"\"\"") {
            at += 4;
        } else if bytes[at..].starts_with(b"\"\"\"") {
            return at + 2;
        } else {
            at += 1;
        }
    }
    at
}

/// Where a string ends: at its closing quote, or at the end of its line.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' | b'\n' => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

/// What a selection comes to, fragments expanded.
#[derive(Debug, Clone, Copy)]
struct Weight {
    fields: u64,
    nesting: usize,
    /// The most [`TYPE_LISTS`] on one path, if this is a part of an introspection.
    type_lists: usize,
    /// The fields below `__schema` and `__type`.
    introspection: u64,
}

impl Weight {
    const NOTHING: Self = Self { fields: 0, nesting: 0, type_lists: 0, introspection: 0 };

    /// A field over its selection.
    fn under(self, name: &str) -> Result<Self, TooMuch> {
        let introspects = ["__schema", "__type"].contains(&name);
        if introspects && self.type_lists > TYPE_LISTS_ON_A_PATH {
            return Err(TooMuch::IntrospectionNesting);
        }
        Ok(Self {
            fields: self.fields.saturating_add(1),
            nesting: self.nesting + 1,
            type_lists: self.type_lists + usize::from(TYPE_LISTS.contains(&name)),
            introspection: if introspects { self.fields } else { self.introspection },
        })
    }
}

/// Each fragment is weighed once, however often it is spread; `None` while it is being weighed.
type Weighed<'a> = HashMap<&'a Name, Option<Weight>>;

/// Refuses a document of which any operation asks for too much. Each fragment is weighed once,
/// however many operations spread it.
///
/// # Errors
/// [`TooMuch`].
pub fn check_document(document: &ExecutableDocument) -> Result<(), TooMuch> {
    if document.operations.iter().len() > OPERATIONS {
        return Err(TooMuch::Operations);
    }
    if document.fragments.len() > FRAGMENTS {
        return Err(TooMuch::Fragments);
    }
    let mut weighed = Weighed::new();
    for (_, operation) in document.operations.iter() {
        weigh(document, &operation.node.selection_set.node, &mut weighed, 0)?;
    }
    // Fragments that no operation spreads are read by validation all the same.
    for name in document.fragments.keys() {
        weigh_fragment(document, name, &mut weighed, 0)?;
    }
    Ok(())
}

fn weigh<'a>(
    document: &'a ExecutableDocument,
    selections: &'a SelectionSet,
    weighed: &mut Weighed<'a>,
    depth: usize,
) -> Result<Weight, TooMuch> {
    if depth > NESTING {
        return Err(TooMuch::Nesting);
    }
    let mut sum = Weight::NOTHING;
    for selection in &selections.items {
        let part = match &selection.node {
            Selection::Field(field) => {
                let below = weigh(document, &field.node.selection_set.node, weighed, depth + 1)?;
                below.under(&field.node.name.node)?
            }
            Selection::InlineFragment(fragment) => {
                let below = weigh(document, &fragment.node.selection_set.node, weighed, depth + 1)?;
                Weight { nesting: below.nesting + 1, ..below }
            }
            Selection::FragmentSpread(spread) => {
                let below = weigh_fragment(document, &spread.node.fragment_name.node, weighed, depth + 1)?;
                Weight { nesting: below.nesting + 1, ..below }
            }
        };
        sum.fields = sum.fields.saturating_add(part.fields);
        sum.nesting = sum.nesting.max(part.nesting);
        sum.type_lists = sum.type_lists.max(part.type_lists);
        sum.introspection = sum.introspection.saturating_add(part.introspection);
        if sum.introspection > INTROSPECTION {
            return Err(TooMuch::Introspection);
        }
        if sum.fields > FIELDS {
            return Err(TooMuch::Fields);
        }
        if depth + sum.nesting > NESTING {
            return Err(TooMuch::Nesting);
        }
    }
    Ok(sum)
}

fn weigh_fragment<'a>(
    document: &'a ExecutableDocument,
    name: &'a Name,
    weighed: &mut Weighed<'a>,
    depth: usize,
) -> Result<Weight, TooMuch> {
    match weighed.get(name) {
        Some(Some(weight)) => return Ok(*weight),
        Some(None) => return Err(TooMuch::Cycle),
        None => {}
    }
    // A fragment that does not exist is for validation to refuse.
    let Some(fragment) = document.fragments.get(name) else { return Ok(Weight::NOTHING) };
    weighed.insert(name, None);
    let weight = weigh(document, &fragment.node.selection_set.node, weighed, depth)?;
    weighed.insert(name, Some(weight));
    Ok(weight)
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn check(query: &str) -> Result<(), TooMuch> {
        check_text(query)?;
        check_document(&parse_query(query).unwrap())
    }

    #[test]
    fn a_modest_query_passes() {
        assert_eq!(check("{ a { ...F ...F } } fragment F on A { b c { d } }"), Ok(()));
        assert_eq!(check(r#"{ a(b: "[[[[\"{{{{", c: """((("(((""") } # {{{"#), Ok(()));
    }

    #[test]
    fn brackets_nest_to_a_bound() {
        let nested = |times: usize| format!("{}a{}", "{a".repeat(times - 1) + "{", "}".repeat(times));
        assert_eq!(check_text(&nested(BRACKETS)), Ok(()));
        assert_eq!(check_text(&nested(BRACKETS + 1)), Err(TooMuch::Brackets));
        assert_eq!(check_text(&"[".repeat(BODY)), Err(TooMuch::Brackets));
        // What stands in a string or a comment is no bracket; an open string ends somewhere.
        for text in [format!("\"{}", "[".repeat(99)), format!("#{}", "[".repeat(99)), "\"\"\"[".to_owned()] {
            assert_eq!(check_text(&text), Ok(()), "{text}");
        }
    }

    #[test]
    fn fragments_that_double_are_counted_once_each() {
        let mut bomb = String::from("{ ...F0 }");
        for level in 0..40 {
            bomb += &format!(" fragment F{level} on A {{ ...F{0} ...F{0} }}", level + 1);
        }
        bomb += " fragment F40 on A { a }";
        assert_eq!(check(&bomb), Err(TooMuch::Fields));
        let wide = format!("{{ {} }}", "a ".repeat(10_001));
        assert_eq!(check(&wide), Err(TooMuch::Fields));
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
        let query = include_str!("introspection.graphql");
        assert_eq!(check(query), Ok(()));
        let response = crate::schema::bare().execute(query).await;
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
    fn aliases_do_not_multiply_an_introspection() {
        let alias = |times: usize| (0..times).map(|n| format!("a{n}: name ")).collect::<String>();
        assert_eq!(check(&format!("{{ __schema {{ types {{ {} }} }} }}", alias(399))), Ok(()));
        let wide = format!("{{ __schema {{ types {{ {} }} }} }}", alias(400));
        assert_eq!(check(&wide), Err(TooMuch::Introspection));
        let half = format!("types {{ {} }}", alias(300));
        let twice = format!("{{ a: __schema {{ {half} }} b: __schema {{ {half} }} }}");
        assert_eq!(check(&twice), Err(TooMuch::Introspection));
    }

    #[test]
    fn a_document_holds_so_many_operations_and_fragments() {
        let operations =
            |times: usize| (0..times).map(|n| format!("query Q{n} {{ a }} ")).collect::<String>();
        assert_eq!(check(&operations(50)), Ok(()));
        assert_eq!(check(&operations(51)), Err(TooMuch::Operations));
        let fragments = |times: usize| {
            (0..times).fold("{ a } ".to_owned(), |text, n| text + &format!("fragment F{n} on A {{ a }} "))
        };
        assert_eq!(check(&fragments(200)), Ok(()));
        assert_eq!(check(&fragments(201)), Err(TooMuch::Fragments));
    }
}
