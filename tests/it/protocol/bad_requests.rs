//! Malformed, too complex and invalid requests: each gets a status and a code, and stores nothing.

use serde_json::{Value, json};
use tests::orders::{basket, side};
use tests::{Api, Shop};

use crate::api::bad_input::stored;

const JSON: &str = "application/json";

#[tokio::test]
async fn answers_malformed_requests_with_a_status_and_a_code() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let before = stored(&shop).await;
    let query = |text: &str| json!({ "query": text }).to_string().into_bytes();
    let huge = basket("P1", "TAKEAWAY", &vec![side("WATER", 1); 10_000]);
    let huge =
        json!({ "query": Api::mutation("placeOrder", "order { id }"), "variables": { "input": huge } });
    for (content_type, body, status, code) in [
        (JSON, b"".to_vec(), 400, "BAD_USER_INPUT"),
        (JSON, b"{\"query\": ".to_vec(), 400, "BAD_USER_INPUT"),
        (JSON, b"\xff\xfe{}".to_vec(), 400, "BAD_USER_INPUT"),
        (JSON, b"null".to_vec(), 400, "BAD_USER_INPUT"),
        (JSON, b"[]".to_vec(), 400, "BAD_USER_INPUT"),
        (JSON, b"{}".to_vec(), 400, "BAD_USER_INPUT"),
        (JSON, b"{\"query\": 7}".to_vec(), 400, "BAD_USER_INPUT"),
        (JSON, b"{\"query\": \"{ __typename }\", \"variables\": []}".to_vec(), 400, "BAD_USER_INPUT"),
        (JSON, huge.to_string().into_bytes(), 413, "BAD_USER_INPUT"),
        (JSON, "[".repeat(60_000).into_bytes(), 400, "BAD_USER_INPUT"),
        ("text/plain", query("{ __typename }"), 415, "BAD_USER_INPUT"),
        ("application/x-www-form-urlencoded", b"query={__typename}".to_vec(), 415, "BAD_USER_INPUT"),
        (JSON, query(""), 400, "GRAPHQL_PARSE_FAILED"),
        (JSON, query("{"), 400, "GRAPHQL_PARSE_FAILED"),
        (JSON, query("{ nothing }"), 400, "GRAPHQL_VALIDATION_FAILED"),
        (JSON, query("{ pizzeria }"), 400, "GRAPHQL_VALIDATION_FAILED"),
        (JSON, query("{ pizzeria(id: 1.5) { id } }"), 400, "BAD_USER_INPUT"),
        (JSON, query("query($n: Int!) { orders(first: $n) { nodes { id } } }"), 400, "BAD_USER_INPUT"),
        (JSON, query("query A { __typename } query B { __typename }"), 400, "BAD_USER_INPUT"),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let answer = customer.post(content_type, body).await.unwrap();
        assert_eq!((answer.status, answer.code()), (status, code), "{shown}: {}", answer.body);
        assert!(answer.body["data"].is_null(), "{shown}");
    }
    let mutation = "/graphql?query=mutation%20%7B%20cancelOrder(input%3A%20%7B%20orderId%3A%20%22x%22%2C\
        %20reason%3A%20OTHER%20%7D)%20%7B%20position%20%7D%20%7D";
    let answer = customer.get(mutation).await.unwrap();
    assert_eq!((answer.status, answer.code()), (405, "BAD_USER_INPUT"));
    let stranger = shop.anonymous().with_token("ocp_unknown");
    let answer = stranger.ask("{ __typename }", Value::Null).await;
    assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"));
    assert_eq!(stored(&shop).await, before);
}

#[tokio::test]
async fn refuses_queries_that_are_too_complex() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let deep = (0..30).fold("id".to_owned(), |inner, _| format!("delivery {{ order {{ {inner} }} }}"));
    let mut bomb = String::from("{ ...F0 }");
    for level in 0..30 {
        bomb += &format!(" fragment F{level} on Query {{ ...F{0} ...F{0} }}", level + 1);
    }
    bomb += " fragment F30 on Query { pizzerias { id } }";
    let wide =
        format!("{{ {} }}", (0..1_500).map(|at| format!("a{at}: pizzerias {{ id }} ")).collect::<String>());
    for (name, query) in [
        ("deep", format!("{{ orders(first: 1) {{ nodes {{ {deep} }} }} }}")),
        ("brackets", format!("{}id{}", "{ a".repeat(10_000), "}".repeat(10_000))),
        ("bomb", bomb),
        ("wide", wide),
        ("cycle", "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }".to_owned()),
        (
            "pages of pages",
            "{ orders(first: 100) { nodes { history(first: 100) { nodes { type position } } } } }".to_owned(),
        ),
    ] {
        let answer = customer.ask(&query, Value::Null).await;
        assert_eq!((answer.status, answer.code()), (400, "QUERY_TOO_COMPLEX"), "{name}: {}", answer.body);
    }
}

#[tokio::test]
async fn refuses_years_outside_the_range_of_the_database() {
    let shop = Shop::open().await;
    let director = shop.person("director");
    for field in [
        r#"stock(pizzeriaId: "P1", asOf: { at: "-200000-01-01T00:00:00Z" }) { asOfPosition }"#,
        r#"events(first: 1, filter: { from: "-200000-01-01T00:00:00Z" }) { nodes { id } }"#,
        r#"orders(first: 1, filter: { placedFrom: "-200000-01-01T00:00:00Z" }) { nodes { id } }"#,
        r#"sales(pizzeriaId: "P1", from: "-200000-01-01", to: "-200000-01-01") { date }"#,
        r#"closings(pizzeriaId: "P1", from: "-200000-01-01", to: "-200000-01-01") { date }"#,
    ] {
        let answer = director.ask(&format!("{{ {field} }}"), Value::Null).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{field}: {}", answer.body);
    }
}

#[tokio::test]
async fn validates_directives_and_arguments_on_typename() {
    let shop = Shop::open().await;
    let ask = async |query: &str, variables: Value| {
        let answer = shop.anonymous().ask(query, variables).await;
        let code = answer.body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
        (answer.status, code.to_owned(), answer.body["data"].clone())
    };
    for query in [
        "{ __typename @nothing }",
        "{ __typename(a: 1) }",
        "{ __typename { a } }",
        "{ __typename @skip(if: true) @skip(if: false) }",
        "{ pizzerias { __typename @nothing id } }",
        "{ ...A } fragment A on Query { __typename @deprecated }",
    ] {
        let (status, code, data) = ask(query, Value::Null).await;
        assert_eq!((status, code.as_str()), (400, "GRAPHQL_VALIDATION_FAILED"), "{query}");
        assert!(data.is_null());
    }
    assert_eq!(ask("{ __typename @include(if: 1) }", Value::Null).await.1, "BAD_USER_INPUT");
    let query = "query($a: Boolean!) { name: __typename @skip(if: $a) pizzeria(id: \"P1\") { __typename @include(if: $a) id } }";
    for (skipped, data) in [
        (true, json!({ "pizzeria": { "__typename": "Pizzeria", "id": "pizzeria:P1" } })),
        (false, json!({ "name": "Query", "pizzeria": { "id": "pizzeria:P1" } })),
    ] {
        assert_eq!(ask(query, json!({ "a": skipped })).await.2, data);
    }
}
