//! Documents as they are executed: what the specification refuses is not executed, variables have one value for every
//! part of the process, and what is selected twice is executed once. On every transport.

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
async fn a_default_decides_what_is_executed_on_every_transport() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let head = shop.person("director").head().await;
    let me = "query($s: Boolean! = true) { me { id email @include(if: $s) } }";
    let whole = customer.data("{ me { id email } }", Value::Null).await;
    assert_eq!(customer.data(me, json!({})).await, whole);
    assert_eq!(customer.data(me, json!({ "s": false })).await["me"], json!({ "id": whole["me"]["id"] }));
    // The same as a persisted document: left here with its hash, then named by it.
    let hash: String = Sha256::digest(me).iter().map(|byte| format!("{byte:02x}")).collect();
    let persisted = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    for body in [json!({ "query": me, "extensions": persisted }), json!({ "extensions": persisted })] {
        let answer = customer.post("application/json", body.to_string()).await.unwrap();
        assert_eq!(answer.data(), whole);
    }
    // A mutation that its default skips.
    let input = json!({ "input": drink() });
    assert_eq!(customer.data(PLACE, input.clone()).await, json!({}));
    // GET, server-sent events, a WebSocket.
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
async fn a_default_is_the_value_for_the_resolver_and_for_the_cost() {
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
    // A variable that is not given is an argument that is not given; null is null.
    let placed = "query($at: AsOf, $n: Int!) { orders(first: $n, asOf: $at) { nodes { id } asOfPosition } }";
    let data = customer.data(placed, json!({ "n": 1 })).await;
    assert_eq!(data["orders"]["asOfPosition"], Value::Null);
    let condition = "query($s: Boolean = true) { me { id @include(if: $s) email } }";
    assert_eq!(refused(&customer, condition, json!({ "s": null })).await, (400, "BAD_USER_INPUT".to_owned()));
}

#[tokio::test]
async fn a_variable_that_does_not_fit_is_named_with_its_path() {
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
    // What fits, in every way that JSON has: a whole number with a point, one item for a list, an id as a number.
    let input = json!({ "input": with(drink(), json!({ "lines": { "item": "WATER", "quantity": 1.0 } })) });
    let placed = customer.data(place, input).await;
    assert!(placed["placeOrder"]["order"]["id"].is_string(), "{placed}");
    assert!(shop.person("director").head().await > head);
}

#[tokio::test]
async fn what_the_specification_refuses_is_not_executed() {
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
        // An enum literal that is written as a string.
        (without(place(&format!("{} {line}", rest.replace("WEB", "\"WEB\"")))), input),
        // An input field given twice.
        (without(place(&format!("{rest} {line} note: \"a\" note: \"b\""))), invalid),
        // Null where null may not be, default or not.
        ("{ kitchenQueue(pizzeriaId: \"P1\", first: null) { id } }".to_owned(), input),
        // A variable that may be null where null may not be, in a list in an object.
        (place(&format!("{rest} lines: [{{ item: \"WATER\", quantity: $v }}]")), invalid),
        (
            "query($p: LogPosition) { menu(pizzeriaId: \"P1\", asOf: { position: $p }) { version } }"
                .to_owned(),
            invalid,
        ),
        ("{ menu(pizzeriaId: \"P1\", asOf: { position: \"1\", at: null }) { version } }".to_owned(), invalid),
        ("query($p: Boolean = null) { me { id @include(if: $p) } }".to_owned(), invalid),
        // Different shapes, fields and arguments under one key.
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
async fn strings_have_every_escape_of_the_specification() {
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
async fn what_is_selected_twice_is_executed_once() {
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
async fn a_field_is_repeated_to_a_bound() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let again = |times: usize| format!("{{ {} }}", "me { id } ".repeat(times));
    assert!(customer.data(&again(30), Value::Null).await["me"]["id"].is_string());
    assert_eq!(refused(&customer, &again(1_000), Value::Null).await, (400, "QUERY_TOO_COMPLEX".to_owned()));
    let fragments = format!("{{ {} }} fragment F on Query {{ me {{ id }} }}", "...F ".repeat(1_000));
    assert_eq!(refused(&customer, &fragments, Value::Null).await.1, "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn an_answer_is_in_the_order_asked_for_below_an_interface_too() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let order = customer.placed(drink()).await;
    // `node` names no position to wait for.
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
