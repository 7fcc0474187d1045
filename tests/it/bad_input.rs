//! Input that makes no sense gets an error with a code, and changes nothing. Names of any script are
//! no such input.

use serde_json::{Value, json};
use tests::orders::{basket, pizza, refusals, side, with};
use tests::{Api, Shop};

const JSON: &str = "application/json";

/// Everything that a command could have left behind.
async fn stored(shop: &Shop) -> (i64, i64, i64, i64) {
    let sql = "SELECT (SELECT position FROM event_log_head), (SELECT count(*) FROM events),
        (SELECT count(*) FROM contacts), (SELECT count(*) FROM idempotency_keys)";
    sqlx::query_as(sql).fetch_one(&shop.database().pool).await.unwrap()
}

fn takeaway(lines: Value) -> Value {
    with(basket("P1", "TAKEAWAY", &[]), json!({ "lines": lines }))
}

fn line(quantity: Value) -> Value {
    takeaway(json!([{ "item": "MAR", "size": "M", "quantity": quantity }]))
}

#[tokio::test]
async fn inputs_that_make_no_sense_are_refused_with_a_code_and_store_nothing() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let before = stored(&shop).await;
    let one = [pizza("MAR", "M", 1)];
    let good = basket("P1", "TAKEAWAY", &one);
    let place = |fields: Value| with(good.clone(), fields);
    let nobody = "order:0193b3c0-0000-7000-8000-000000000000";
    for (mutation, input, code) in [
        ("placeOrder", line(json!(0)), "BAD_USER_INPUT"),
        ("placeOrder", line(json!(-1)), "BAD_USER_INPUT"),
        ("placeOrder", line(json!(10_000_001)), "BAD_USER_INPUT"),
        ("placeOrder", line(json!(i64::MAX)), "BAD_USER_INPUT"),
        ("placeOrder", line(json!(i64::MIN)), "BAD_USER_INPUT"),
        ("placeOrder", line(json!(1e30)), "BAD_USER_INPUT"),
        ("placeOrder", line(json!(1.5)), "BAD_USER_INPUT"),
        ("placeOrder", line(json!("2")), "BAD_USER_INPUT"),
        ("placeOrder", line(Value::Null), "BAD_USER_INPUT"),
        ("placeOrder", takeaway(Value::Null), "BAD_USER_INPUT"),
        ("placeOrder", takeaway(json!(vec![side("WATER", 1); 51])), "BAD_USER_INPUT"),
        (
            "placeOrder",
            takeaway(json!(vec![json!({ "item": "WATER", "quantity": 1 }); 1_500])),
            "BAD_USER_INPUT",
        ),
        ("placeOrder", takeaway(json!([{ "item": "MAR", "size": "XL", "quantity": 1 }])), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "pizzeriaId": "P9" })), "NOT_FOUND"),
        ("placeOrder", place(json!({ "pizzeriaId": "order:P1" })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "pizzeriaId": "" })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "channel": "PIGEON" })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "expectedTotal": "-1.00" })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "expectedTotal": "1.001" })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "expectedTotal": 11.0 })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "expectedTotal": "NaN" })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "note": "x".repeat(501) })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "note": "nul\u{0}" })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "contact": { "name": "esc\u{1b}[31m" } })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "contact": { "name": "x".repeat(201) } })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "contact": { "address": { "latitude": 48.9 } } })), "BAD_USER_INPUT"),
        (
            "placeOrder",
            place(json!({ "contact": { "address": { "latitude": 91.0, "longitude": 2.0 } } })),
            "BAD_USER_INPUT",
        ),
        ("placeOrder", place(json!({ "idempotencyKey": "" })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "idempotencyKey": "k".repeat(256) })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "surprise": true })), "BAD_USER_INPUT"),
        ("placeOrder", json!("an order, please"), "BAD_USER_INPUT"),
        ("placeOrder", json!([]), "BAD_USER_INPUT"),
        ("cancelOrder", json!({ "orderId": nobody, "reason": "OTHER" }), "NOT_FOUND"),
        ("cancelOrder", json!({ "orderId": "order:1", "reason": "OTHER" }), "BAD_USER_INPUT"),
        ("cancelOrder", json!({ "orderId": nobody, "reason": "BOREDOM" }), "BAD_USER_INPUT"),
        ("changeOrderLines", json!({ "orderId": nobody, "lines": one }), "NOT_FOUND"),
        ("payOnline", json!({ "orderId": nobody }), "NOT_FOUND"),
        (
            "payOnline",
            json!({ "orderId": "delivery:0193b3c0-0000-7000-8000-000000000000" }),
            "BAD_USER_INPUT",
        ),
    ] {
        let answer = customer.try_mutate(mutation, "order { id }", input.clone()).await;
        assert_eq!(answer.code(), code, "{mutation}: {input}: {}", answer.body);
        assert!(matches!(answer.status, 200 | 400), "{mutation}: {input}: {}", answer.status);
    }
    for (input, code) in [
        (takeaway(json!([])), "EMPTY_ORDER"),
        (takeaway(json!([{ "item": "NOTHING", "quantity": 1 }])), "UNKNOWN_PIZZA"),
        (takeaway(json!([{ "item": "mar'; DROP TABLE events; --", "quantity": 1 }])), "UNKNOWN_PIZZA"),
        (takeaway(json!([{ "item": "MAR", "quantity": 1 }])), "UNKNOWN_PIZZA"),
        (takeaway(json!([{ "item": "COLA", "size": "M", "quantity": 1 }])), "UNKNOWN_PIZZA"),
        (
            takeaway(json!([{ "item": "MAR", "size": "M", "quantity": 1, "extras": ["HONEY"] }])),
            "UNKNOWN_EXTRA",
        ),
        (
            takeaway(json!([{ "item": "MAR", "size": "M", "quantity": 1, "without": ["DOUGH"] }])),
            "UNKNOWN_INGREDIENT",
        ),
        (line(json!(10_000_000)), "ORDER_TOO_LARGE"),
    ] {
        let payload = customer.place(input.clone()).await;
        assert_eq!(refusals(&payload), [code], "{input}: {payload}");
    }
    let manager = shop.person("manager.p1");
    let lines = |quantity: Value| json!([{ "ingredient": "TOMATO", "quantity": quantity }]);
    let stocked = |fields: Value| with(json!({ "pizzeriaId": "P1" }), fields);
    for (mutation, input, code) in [
        ("countStock", stocked(json!({ "lines": lines(json!(-1)) })), "BAD_USER_INPUT"),
        ("countStock", stocked(json!({ "lines": lines(json!(10_000_001)) })), "BAD_USER_INPUT"),
        (
            "wasteIngredients",
            stocked(json!({ "lines": lines(json!(0)), "reason": "SPOILED" })),
            "BAD_USER_INPUT",
        ),
        ("setStockThreshold", stocked(json!({ "ingredient": "TOMATO", "threshold": -5 })), "BAD_USER_INPUT"),
        (
            "receiveSupply",
            stocked(json!({ "lines": lines(json!(1)), "supplier": " ", "deliveryNote": "1" })),
            "BAD_USER_INPUT",
        ),
    ] {
        let answer = manager.try_mutate(mutation, "stock { id }", input.clone()).await;
        assert_eq!(answer.code(), code, "{mutation}: {input}: {}", answer.body);
    }
    let unknown = json!({ "lines": [{ "ingredient": "UNOBTAINIUM", "quantity": 1 }] });
    assert_eq!(refusals(&manager.to_stock("countStock", "P1", unknown).await), ["UNKNOWN_INGREDIENT"]);
    assert_eq!(
        refusals(&manager.to_stock("countStock", "P1", json!({ "lines": [] })).await),
        ["EMPTY_LINES"]
    );
    assert_eq!(stored(&shop).await, before);
    // The input that everything above was made from is a good one.
    assert_eq!(refusals(&customer.place(good).await), Vec::<&str>::new());
}

#[tokio::test]
async fn names_of_any_script_come_back_as_they_were_given() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    for name in [
        "Zoé 🍕",
        "محمد بن سلمان",
        "שלום עולם",
        "李小龍",
        "👩‍👩‍👧‍👦",
        "e\u{301}\u{202e}abc",
        "O'Brien; DROP TABLE \"orders\"; --",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    ] {
        let note = format!("{name}\n— {name}");
        let input = with(
            basket("P1", "TAKEAWAY", &[side("WATER", 1)]),
            json!({ "contact": { "name": name }, "note": note, "idempotencyKey": name }),
        );
        let order = customer.placed(input).await;
        let seen = customer.order(&order, "contact { name } note", &order["position"]).await;
        assert_eq!(seen, json!({ "contact": { "name": name }, "note": note }));
    }
}

#[tokio::test]
async fn requests_that_are_none_get_a_status_and_a_code() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let before = stored(&shop).await;
    let query = |text: &str| json!({ "query": text }).to_string().into_bytes();
    let huge = takeaway(json!(vec![side("WATER", 1); 10_000]));
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
    let stranger = shop.anybody().with_token("ocp_unknown");
    let answer = stranger.ask("{ __typename }", Value::Null).await;
    assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"));
    assert_eq!(stored(&shop).await, before);
}

#[tokio::test]
async fn queries_that_ask_for_too_much_are_not_executed() {
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
async fn years_that_the_database_does_not_know_are_the_requests_fault() {
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
async fn what_is_written_on_typename_is_validated_as_on_any_field() {
    let shop = Shop::open().await;
    let ask = async |query: &str, variables: Value| {
        let answer = shop.anybody().ask(query, variables).await;
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
