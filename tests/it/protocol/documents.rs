//! Execution of documents: invalid ones are refused, variables have one value everywhere, and repeated selections
//! execute once, on every transport.

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::orders::{basket, pizza, position, side, with};
use tests::{Api, Events, RawSocket, Shop};

const PLACE: &str = "mutation($s: Boolean! = true, $input: PlaceOrderInput!) { \
    placeOrder(input: $input) @skip(if: $s) { order { id } userErrors { code } } }";

fn drink() -> Value {
    basket("P1", "TAKEAWAY", &[side("WATER", 1)])
}

async fn refused(api: &Api, document: &str, variables: Value) -> (u16, String) {
    let answer = api.ask(document, variables).await;
    assert!(answer.body.get("data").is_none(), "{document}: {}", answer.body);
    (answer.status, answer.code().to_owned())
}

#[tokio::test]
async fn defaults_decide_the_executed_fields_on_every_transport() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let head = shop.person("director").head().await;
    let me = "query($s: Boolean! = true) { me { id email @include(if: $s) } }";
    let whole = customer.data("{ me { id email } }", Value::Null).await;
    assert_eq!(customer.data(me, json!({})).await, whole);
    assert_eq!(customer.data(me, json!({ "s": false })).await["me"], json!({ "id": whole["me"]["id"] }));
    // As a persisted document: sent with its hash, then named by it.
    let hash: String = Sha256::digest(me).iter().map(|byte| format!("{byte:02x}")).collect();
    let persisted = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    for body in [json!({ "query": me, "extensions": persisted }), json!({ "extensions": persisted })] {
        let answer = customer.post("application/json", body.to_string()).await.unwrap();
        assert_eq!(answer.data(), whole);
    }
    // A mutation skipped by the default of a variable.
    let input = json!({ "input": drink() });
    assert_eq!(customer.data(PLACE, input.clone()).await, json!({}));
    // By GET, server-sent events and WebSocket.
    let base = &shop.server.base;
    let get = reqwest::Client::new()
        .get(format!("{base}/graphql"))
        .query(&[(
            "query",
            "query($s: Boolean! = true) { a: __typename @include(if: $s) b: __typename @skip(if: $s) }",
        )])
        .header(ACCEPT, "application/json");
    let got: Value = get.send().await.unwrap().json().await.unwrap();
    assert_eq!(got["data"], json!({ "a": "Query" }));
    let mut events = Events::open(base, customer.token(), None, PLACE, input.clone()).await;
    assert_eq!(events.event().await.unwrap().data["data"], json!({}));
    let mut socket = RawSocket::initialised(base, customer.token()).await;
    socket.subscribe("1", me, json!({})).await;
    assert_eq!(socket.message().await["payload"]["data"], whole);
    socket.subscribe("2", PLACE, input).await;
    let mut answers = [socket.message().await, socket.message().await, socket.message().await];
    answers.sort_by_key(|answer| answer["id"].to_string() + answer["type"].as_str().unwrap_or_default());
    assert_eq!(answers[2]["payload"]["data"], json!({}), "{answers:?}");
    assert_eq!(shop.person("director").head().await, head, "no order was placed");
}

#[tokio::test]
async fn defaults_are_used_by_resolvers_and_cost() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    for _ in 0..3 {
        customer.placed(drink()).await;
    }
    let document = "query($n: Int = 2) { orders(first: $n) { nodes { id } } }";
    let of = async |variables: Value| {
        let answer = customer.ask(document, variables).await;
        let cost = answer.body["extensions"]["cost"]["requested"].clone();
        (answer.data()["orders"]["nodes"].as_array().unwrap().len(), cost)
    };
    assert_eq!(of(json!({})).await, (2, json!(1 + 2 * 2)));
    assert_eq!(of(json!({ "n": 1 })).await, (1, json!(1 + 2)));
    // A missing variable is a missing argument; `null` is `null`.
    let placed = "query($at: AsOf, $n: Int!) { orders(first: $n, asOf: $at) { nodes { id } asOfPosition } }";
    let data = customer.data(placed, json!({ "n": 1 })).await;
    assert_eq!(data["orders"]["asOfPosition"], Value::Null);
    let condition = "query($s: Boolean = true) { me { id @include(if: $s) email } }";
    assert_eq!(refused(&customer, condition, json!({ "s": null })).await, (400, "BAD_USER_INPUT".to_owned()));
}

#[tokio::test]
async fn names_an_invalid_variable_with_its_path() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let head = shop.person("director").head().await;
    let place = "mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id } } }";
    let line = |line: Value| json!({ "input": basket("P1", "TAKEAWAY", &[side("WATER", 1), line]) });
    let orders = "query($o: OrderOrder, $f: OrderFilter) { orders(first: 1, orderBy: $o, filter: $f) { nodes { id } } }";
    for (document, variables, path) in [
        (place, json!({}), "$input"),
        (place, json!({ "input": null }), "$input"),
        (place, json!({ "input": 1 }), "$input"),
        (place, line(json!({ "item": "WATER", "quantity": "1" })), "$input.lines[1].quantity"),
        (place, line(json!({ "item": "WATER", "quantity": 1.5 })), "$input.lines[1].quantity"),
        (place, line(json!({ "item": "WATER", "quantity": 3_000_000_000_i64 })), "$input.lines[1].quantity"),
        (place, line(json!({ "item": "WATER" })), "$input.lines[1].quantity"),
        (place, line(json!({ "item": true, "quantity": 1 })), "$input.lines[1].item"),
        (place, line(json!({ "item": "WATER", "quantity": 1, "nothing": 1 })), "$input.lines[1]"),
        (place, line(json!({ "item": "WATER", "quantity": 1, "size": "XXL" })), "$input.lines[1].size"),
        (place, json!({ "input": with(drink(), json!({ "expectedTotal": 12.5 })) }), "$input.expectedTotal"),
        (
            place,
            json!({ "input": with(drink(), json!({ "expectedTotal": "much" })) }),
            "$input.expectedTotal",
        ),
        (orders, json!({ "o": 1 }), "$o"),
        (orders, json!({ "f": { "placedFrom": "yesterday" } }), "$f.placedFrom"),
        ("query($a: AsOf!) { menu(pizzeriaId: \"P1\", asOf: $a) { version } }", json!({ "a": {} }), "$a"),
        (
            "query($a: AsOf!) { menu(pizzeriaId: \"P1\", asOf: $a) { version } }",
            json!({ "a": { "position": "1", "at": null } }),
            "$a",
        ),
    ] {
        let answer = customer.ask(document, variables).await;
        let message = answer.body["errors"][0]["message"].as_str().unwrap_or_default();
        assert_eq!((answer.status, answer.code()), (400, "BAD_USER_INPUT"), "{}", answer.body);
        assert!(message.starts_with(&format!("the variable {path}: ")), "{path}: {message}");
        assert!(answer.body.get("data").is_none());
    }
    // Values that fit: an integer with a decimal point, one item for a list, a number as an id.
    let input = json!({ "input": with(drink(), json!({ "lines": { "item": "WATER", "quantity": 1.0 } })) });
    let placed = customer.data(place, input).await;
    assert!(placed["placeOrder"]["order"]["id"].is_string(), "{placed}");
    assert!(shop.person("director").head().await > head);
}

#[tokio::test]
async fn refuses_documents_that_the_specification_forbids() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let head = shop.person("director").head().await;
    let place = |input: &str| {
        format!(
            "mutation($v: Int) {{ placeOrder(input: {{ {input} }}) {{ order {{ id }} userErrors {{ code }} }} }}"
        )
    };
    let without = |document: String| document.replace("($v: Int)", "");
    let line = "lines: [{ item: \"WATER\", quantity: 1 }]";
    let rest = "pizzeriaId: \"P1\", fulfilment: TAKEAWAY, payment: AT_COUNTER, channel: WEB";
    let input = "BAD_USER_INPUT";
    let invalid = "GRAPHQL_VALIDATION_FAILED";
    for (document, code) in [
        // An enum value written as a string.
        (without(place(&format!("{} {line}", rest.replace("WEB", "\"WEB\"")))), input),
        // An input field given twice.
        (without(place(&format!("{rest} {line} note: \"a\" note: \"b\""))), invalid),
        // `null` for a non-null type, with and without a default.
        ("{ kitchenQueue(pizzeriaId: \"P1\", first: null) { id } }".to_owned(), input),
        // A nullable variable for a non-null field in a list of an object.
        (place(&format!("{rest} lines: [{{ item: \"WATER\", quantity: $v }}]")), invalid),
        (
            "query($p: LogPosition) { menu(pizzeriaId: \"P1\", asOf: { position: $p }) { version } }"
                .to_owned(),
            invalid,
        ),
        ("{ menu(pizzeriaId: \"P1\", asOf: { position: \"1\", at: null }) { version } }".to_owned(), invalid),
        ("query($p: Boolean = null) { me { id @include(if: $p) } }".to_owned(), invalid),
        // Different shapes, fields and arguments under one response key.
        (
            "{ node(id: \"x\") { ... on Order { v: version } ... on Pizzeria { v: code } } }".to_owned(),
            invalid,
        ),
        ("{ a: me { id } a: pizzerias { id } }".to_owned(), invalid),
        ("{ orders(first: 1) { nodes { id } } orders(first: 2) { nodes { id } } }".to_owned(), invalid),
        (
            "{ orders(first: 1, filter: { status: [PLACED] }) { nodes { id } } \
               orders(first: 1, filter: { status: [PLACED, READY] }) { nodes { id } } }"
                .to_owned(),
            invalid,
        ),
        ("{ orders(first: 1, filter: { placedFrom: \"now\" }) { nodes { id } } }".to_owned(), input),
    ] {
        assert_eq!(refused(&customer, &document, Value::Null).await, (400, code.to_owned()), "{document}");
    }
    assert_eq!(shop.person("director").head().await, head);
}

#[tokio::test]
async fn reads_every_string_escape() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let rest = "pizzeriaId: \"P1\", fulfilment: TAKEAWAY, payment: AT_COUNTER, channel: WEB, \
                lines: [{ item: \"WATER\", quantity: 1 }]";
    for (note, read) in [
        (r#""\uD83D\uDE00 \u{1F600} \u00e9 \"\\\/""#, "😀 😀 é \"\\/"),
        ("\"\"\"\n  two\n    lines \\\"\"\"\n\"\"\"", "two\n  lines \"\"\""),
    ] {
        let place = format!(
            "mutation {{ placeOrder(input: {{ {rest}, note: {note} }}) {{ order {{ note }} userErrors {{ code }} }} }}"
        );
        let placed = customer.data(&place, Value::Null).await;
        assert_eq!(placed["placeOrder"], json!({ "order": { "note": read }, "userErrors": [] }), "{note}");
    }
    for note in [r#""\uD83D""#, r#""\uDE00\uD83D""#, r#""\u{110000}""#, r#""\u{}""#, r#""\x""#] {
        let place =
            format!("mutation {{ placeOrder(input: {{ {rest}, note: {note} }}) {{ order {{ id }} }} }}");
        assert_eq!(refused(&customer, &place, Value::Null).await.1, "GRAPHQL_PARSE_FAILED", "{note}");
    }
}

#[tokio::test]
async fn executes_a_repeated_selection_once() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let before = shop.person("director").head().await;
    let place = "mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id } } \
        ...Again placeOrder(input: $input) { order { number } userErrors { code } } } \
        fragment Again on Mutation { placeOrder(input: $input) { order { status id } } }";
    let placed = customer.data(place, json!({ "input": drink() })).await;
    let order = &placed["placeOrder"]["order"];
    assert_eq!(order.as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "number", "status"]);
    let last = customer.placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)])).await;
    assert!(position(&last["position"]) > before);
    let mine = "query($p: LogPosition) { orders(first: 10, atLeastPosition: $p) { nodes { id } } }";
    let listed = customer.data(mine, json!({ "p": last["position"] })).await;
    assert_eq!(listed["orders"]["nodes"].as_array().unwrap().len(), 2, "{listed}");
}

#[tokio::test]
async fn limits_repetitions_of_a_field() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let again = |times: usize| format!("{{ {} }}", "me { id } ".repeat(times));
    assert!(customer.data(&again(30), Value::Null).await["me"]["id"].is_string());
    assert_eq!(refused(&customer, &again(1_000), Value::Null).await, (400, "QUERY_TOO_COMPLEX".to_owned()));
    let fragments = format!("{{ {} }} fragment F on Query {{ me {{ id }} }}", "...F ".repeat(1_000));
    assert_eq!(refused(&customer, &fragments, Value::Null).await.1, "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn answers_in_the_order_of_the_selection() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let order = customer.placed(drink()).await;
    // `node` has no position to wait for.
    customer.order(&order, "status", &order["position"]).await;
    let query = "query($id: ID!) { node(id: $id) { ... on Order { status note } __typename ... on Order { id n: number } } }";
    let body = json!({ "query": query, "variables": { "id": order["id"] } }).to_string();
    let answer = reqwest::Client::new()
        .post(format!("{}/graphql", shop.server.base))
        .bearer_auth(customer.token().unwrap())
        .header(CONTENT_TYPE, "application/json")
        .body(body);
    let text = answer.send().await.unwrap().text().await.unwrap();
    let keys =
        ["\"status\"", "\"note\"", "\"__typename\"", "\"id\"", "\"n\""].map(|key| text.find(key).unwrap());
    assert!(keys.is_sorted(), "{text}");
    assert!(!text.contains(" type"), "{text}");
}
