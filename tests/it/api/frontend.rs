//! What frontends rely on: ids, refusals that name the field, one input for quote and order, `null` for unknown
//! values.

use serde_json::{Value, json};
use tests::Shop;
use tests::orders::{basket, pizza, side, with};

const USER_ERRORS: &str =
    "userErrors { code message field detail { item itemCode ingredient ingredientCode } }";

#[tokio::test]
async fn refuses_malformed_codes_at_their_field() {
    let shop = Shop::open().await;
    let reception = shop.person("receptionist1.p1");
    let document = format!(
        "mutation($input: PlaceOrderInput!) {{ placeOrder(input: $input) {{ order {{ id }} {USER_ERRORS} }} }}"
    );
    let refused = async |line: Value| {
        let input = basket("P1", "TAKEAWAY", &[side("COLA", 1), line]);
        let payload = reception.data(&document, json!({ "input": input })).await["placeOrder"].take();
        assert!(payload["order"].is_null());
        payload["userErrors"][0].clone()
    };
    for (line, code, path) in [
        (pizza("mar", "M", 1), "UNKNOWN_PIZZA", vec!["1", "item"]),
        (pizza("NOPE", "M", 1), "UNKNOWN_PIZZA", vec!["1", "item"]),
        (side("MAR", 1), "UNKNOWN_PIZZA", vec!["1", "size"]),
        (with(pizza("MAR", "M", 1), json!({ "extras": ["🍕"] })), "UNKNOWN_EXTRA", vec!["1", "extras", "0"]),
        (
            with(pizza("MAR", "M", 1), json!({ "extras": ["HONEY"] })),
            "UNKNOWN_EXTRA",
            vec!["1", "extras", "0"],
        ),
        (
            with(pizza("MAR", "M", 1), json!({ "without": ["ham!"] })),
            "UNKNOWN_INGREDIENT",
            vec!["1", "without", "0"],
        ),
        (
            with(pizza("MAR", "M", 1), json!({ "without": ["SALMON"] })),
            "UNKNOWN_INGREDIENT",
            vec!["1", "without", "0"],
        ),
    ] {
        let error = refused(line).await;
        let path = ["input", "lines"].into_iter().chain(path).collect::<Vec<_>>();
        assert_eq!((&error["code"], &error["field"]), (&json!(code), &json!(path)), "{error}");
    }
    let error = refused(pizza("NOPE", "M", 1)).await;
    assert_eq!(error["detail"]["item"], "item:NOPE");
    assert_eq!(error["detail"]["itemCode"], "NOPE");

    let manager = shop.person("manager.p1");
    let lines = json!([{ "ingredient": "TOMATO", "quantity": 1 }, { "ingredient": "tomate", "quantity": 1 }]);
    let counted = manager.to_stock("countStock", "P1", json!({ "lines": lines })).await;
    let error = &counted["userErrors"][0];
    assert_eq!(error["code"], "UNKNOWN_INGREDIENT");
    assert_eq!(error["field"], json!(["input", "lines", "1", "ingredient"]));
    let blocked = manager.to_stock("blockPizza", "P1", json!({ "pizza": "Margherita" })).await;
    let error = &blocked["userErrors"][0];
    assert_eq!((&error["code"], &error["field"]), (&json!("UNKNOWN_PIZZA"), &json!(["input", "pizza"])));
}

#[tokio::test]
async fn orders_and_quotes_share_one_input_for_every_caller() {
    let shop = Shop::open().await;
    let address = json!({ "latitude": 48.893, "longitude": 2.345 });
    let input = with(
        basket("P1", "DELIVERY", &[pizza("CHV", "L", 2), pizza("CHV", "L", 2)]),
        json!({ "contact": { "address": address }, "expectedTotal": "1.00", "note": "2e", "idempotencyKey": "k" }),
    );
    let document = "query($input: QuoteOrderInput!) { quoteOrder(input: $input) { acceptable total { amount } \
                    missing { ingredient { id code name } needed available } \
                    userErrors { code field detail { missing { ingredient { id code name } } } } } }";
    for person in
        [shop.anonymous(), shop.person("customer1"), shop.person("courier1.p2"), shop.person("auditor")]
    {
        let mut quote = person.data(document, json!({ "input": input.clone() })).await["quoteOrder"].take();
        assert_eq!(quote["acceptable"], false);
        let last = quote["userErrors"].as_array_mut().unwrap().pop().unwrap();
        assert_eq!(
            (&last["code"], &last["field"]),
            (&json!("PRICE_CHANGED"), &json!(["input", "expectedTotal"]))
        );
        let total = quote["total"]["amount"].take();
        let seen = with(input.clone(), json!({ "expectedTotal": total }));
        let quote = person.data(document, json!({ "input": seen })).await["quoteOrder"].take();
        assert_eq!((&quote["acceptable"], &quote["userErrors"]), (&json!(true), &json!([])), "{quote}");
    }
    // Missing ingredients have one shape in quotes and refusals.
    let much = with(input, json!({ "expectedTotal": null, "lines": [pizza("CHV", "L", 20)] }));
    let quote = shop.anonymous().data(document, json!({ "input": much })).await["quoteOrder"].take();
    let missing = quote["missing"].as_array().unwrap();
    let goat = missing.iter().find(|missing| missing["ingredient"]["code"] == "GOAT_CHEESE").unwrap();
    assert_eq!(goat["ingredient"]["id"], "ingredient:GOAT_CHEESE");
    let named = &quote["userErrors"][0]["detail"]["missing"];
    assert!(named.as_array().unwrap().iter().any(|one| one["ingredient"] == goat["ingredient"]), "{quote}");
}

#[tokio::test]
async fn ids_and_codes_lead_to_their_objects() {
    let shop = Shop::open().await;
    let document = "query($id: ID!) { node(id: $id) { __typename id \
                    ... on Pizza { sizes { available makeable limitingIngredient { code } } } \
                    ... on Side { available left } } }";
    for (id, kind, global) in [
        ("P1", "Pizzeria", "pizzeria:P1"),
        ("MAR", "Pizza", "item:MAR"),
        ("COLA", "Side", "item:COLA"),
        ("item:ICE_CREAM", "Side", "item:ICE_CREAM"),
        ("ingredient:GOAT_CHEESE", "Ingredient", "ingredient:GOAT_CHEESE"),
    ] {
        let node = shop.anonymous().data(document, json!({ "id": id })).await["node"].take();
        assert_eq!((&node["__typename"], &node["id"]), (&json!(kind), &json!(global)), "{id}");
        // Without a pizzeria the stock is unknown.
        let unknown = json!({ "available": null, "makeable": null, "limitingIngredient": null });
        match kind {
            "Pizza" => assert_eq!(node["sizes"], json!([unknown, unknown, unknown])),
            "Side" => assert_eq!((&node["available"], &node["left"]), (&Value::Null, &Value::Null)),
            _ => {}
        }
    }
    for id in ["P99", "NOPE", "mar", "ingredient:NOPE", "item:NOPE", ""] {
        assert_eq!(shop.anonymous().data(document, json!({ "id": id })).await["node"], Value::Null, "{id}");
    }
    for (query, who) in [
        ("{ pizzeria(id: \"P99\") { id } }", "customer1"),
        ("{ delivery(id: \"0193b3c0-0000-7000-8000-000000000000\") { id } }", "customer1"),
        ("{ order(id: \"nothing\") { id } }", "director"),
    ] {
        assert_eq!(shop.person(who).ask(query, Value::Null).await.code(), "NOT_FOUND", "{query}");
    }
    let query = "{ orders(first: 1, filter: { status: [REFUSED] }) { nodes { id } } }";
    assert_eq!(shop.person("director").ask(query, Value::Null).await.code(), "BAD_USER_INPUT");
}

#[tokio::test]
async fn only_managers_of_the_pizzeria_see_its_couriers() {
    let shop = Shop::open().await;
    let document = "{ pizzeria(id: \"P1\") { code couriers { id role } } }";
    let data = shop.person("manager.p1").data(document, Value::Null).await;
    let couriers = data["pizzeria"]["couriers"].as_array().unwrap().clone();
    assert_eq!(couriers.len(), 3);
    assert!(couriers.iter().all(|courier| courier["role"] == "COURIER"), "{couriers:?}");
    for who in ["manager.p2", "courier1.p1", "customer1", "auditor"] {
        let answer = shop.person(who).ask(document, Value::Null).await;
        let pizzeria = json!({ "code": "P1", "couriers": null });
        assert_eq!((answer.code(), &answer.body["data"]["pizzeria"]), ("FORBIDDEN", &pizzeria), "{who}");
    }
    let (_, delivery) = crate::api::deliveries::ready(&shop).await;
    let given = json!({ "courierId": couriers[0]["id"] });
    let assigned = shop.person("manager.p1").carry("assignDelivery", &delivery, given).await;
    assert_eq!(assigned["courier"]["id"], couriers[0]["id"]);
}

#[tokio::test]
async fn a_document_costs_as_much_as_its_named_operation() {
    let shop = Shop::open().await;
    let document = "query One { menu(pizzeriaId: \"P1\") { version } } \
        query Many($first: Int!) { a: orders(first: $first) { nodes { ...Whole } } \
            b: orders(first: 100) { nodes { ...Whole } } c: orders(first: 100) { nodes { ...Whole } } } \
        fragment Whole on Order { id history(first: 100) { nodes { position type } } }";
    let body = json!({ "query": document, "operationName": "One" });
    let answer = shop.anonymous().post("application/json", body.to_string()).await.unwrap();
    assert_eq!(answer.data(), json!({ "menu": { "version": 1 } }));
}
