//! Random documents through all steps before execution: each ends within a time limit, without a panic.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use async_graphql::Variables;
use document::{Validator, execution};
use proptest::prelude::*;

use super::Costs;

/// Generous for shared machines: it only detects exponential time.
const TIME_LIMIT: Duration = Duration::from_secs(10);

const PIECES: [&str; 34] = [
    "{",
    "}",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "...",
    "...F",
    "...G",
    " on ",
    "query ",
    "mutation ",
    "fragment F on Query ",
    "fragment G on Order ",
    "F",
    "node",
    "orders",
    "id",
    ":",
    "!",
    "=",
    "$v",
    "$v:Int",
    "@skip(if:true)",
    "first:100",
    "1",
    "-0.5e9",
    "\"",
    "\"\"\"",
    "\\",
    "#\n",
    "é\u{0}🍕",
];

/// Runs the steps of `Api::check` that need no process.
fn examine(query: &str) {
    let begun = Instant::now();
    if let Ok(document) = VALIDATOR.document(query) {
        let costs = Costs::of(SCHEMA).unwrap();
        let executable = &document.executable;
        for (name, operation) in executable.operations.iter() {
            let variables = Variables::default();
            costs.cost(executable, &operation.node, &variables);
            if document.violations.is_empty() {
                let _ = execution::plan(VALIDATOR.schema(), executable, name, operation, &variables);
            }
        }
    }
    assert!(begun.elapsed() < TIME_LIMIT, "{query}");
}

static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| Validator::new(SCHEMA, graphql::scalars::check).unwrap());

const SCHEMA: &str = "type Query { node: Order orders(first: Int): OrderConnection } \
    type OrderConnection { nodes: [Order!]! } type Order { id: ID! node: Order orders(first: Int): OrderConnection }";

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..300).prop_map(|pieces| pieces.concat())
}

/// Returns fragments that spread each other at random.
fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop::collection::vec(0..24_usize, 1..4);
    prop::collection::vec(fragment, 1..24).prop_map(|fragments| {
        let mut text = "{ ...F0 }".to_owned();
        for (at, spreads) in fragments.iter().enumerate() {
            let spreads: String = spreads.iter().map(|to| format!("...F{to} node {{ ...F{to} }} ")).collect();
            text += &format!(" fragment F{at} on Query {{ {spreads} }}");
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text_is_examined_soon(text in any::<String>()) {
        examine(&text);
    }

    #[test]
    fn any_bytes_are_no_request_or_one(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        if let Ok(parameters) = serde_json::from_slice::<crate::request::Parameters>(&bytes) {
            let _ = parameters.into_request(&crate::persisted_documents::PersistedDocuments::default());
        }
        examine(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn pieces_of_documents_are_examined_soon(text in pieces()) {
        examine(&text);
    }

    #[test]
    fn fragments_of_fragments_are_examined_soon(text in fragments()) {
        examine(&text);
    }
}
