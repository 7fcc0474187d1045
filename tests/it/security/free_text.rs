//! Free text of people stays out of the log, whichever input carries it, and is shown from beside it.

use serde_json::{Value, json};
use tests::Shop;

/// Stands in every text of these tests.
const MARK: &str = "Agathe-0612345678";

async fn events_with_the_mark(shop: &Shop) -> i64 {
    let sql = "SELECT count(*) FROM events WHERE payload::text || metadata::text LIKE '%' || $1 || '%'";
    sqlx::query_scalar(sql).bind(MARK).fetch_one(&shop.database().pool).await.unwrap()
}

#[tokio::test]
async fn reasons_and_suppliers_are_shown_and_not_in_the_log() {
    let shop = Shop::open().await;
    let manager = shop.person("manager.p1");
    let pause = json!({ "pizzeriaId": "P1", "reason": format!("rush, call {MARK}") });
    let paused = manager.mutate("pausePizzeria", "pizzeria { pause { reason } }", pause).await;
    assert_eq!(paused["pizzeria"]["pause"]["reason"], format!("rush, call {MARK}"), "{paused}");
    let block = json!({ "pizza": "MAR", "reason": format!("says {MARK}") });
    let blocked = manager.to_stock("blockPizza", "P1", block).await;
    assert_eq!(blocked["userErrors"], json!([]), "{blocked}");
    let lines = json!([{ "ingredient": "GOAT_CHEESE", "quantity": 1 }]);
    let supply = json!({ "supplier": MARK, "deliveryNote": "1", "lines": lines });
    let received = manager.to_stock("receiveSupply", "P1", supply.clone()).await;
    assert_eq!(received["userErrors"], json!([]), "{received}");
    let again = manager.to_stock("receiveSupply", "P1", supply).await;
    assert_eq!(again["userErrors"][0]["code"], "DUPLICATE_RECEIPT", "{again}");

    let document = "query($at: LogPosition!) { \
        menu(pizzeriaId: \"P1\", atLeastPosition: $at) { pizzas { code sizes { blocked } } } \
        whyUnavailable(pizzeriaId: \"P1\", pizza: \"MAR\", size: M) { blockedReason pausedReason } \
        stock(pizzeriaId: \"P1\", atLeastPosition: $at) { blocks { reason } suppliers { id name } \
            } events(filter: { streamId: \"stock:P1\", types: [\"SupplyReceived\"] }, last: 1) { nodes { payload } } }";
    let told = manager.data(document, json!({ "at": received["position"] })).await;
    assert_eq!(told["stock"]["blocks"][0]["reason"], format!("says {MARK}"));
    let why =
        json!({ "blockedReason": format!("says {MARK}"), "pausedReason": format!("rush, call {MARK}") });
    assert_eq!(told["whyUnavailable"], why);
    let pizzas = told["menu"]["pizzas"].as_array().unwrap();
    let margherita = pizzas.iter().find(|pizza| pizza["code"] == "MAR").unwrap();
    assert_eq!(margherita["sizes"][0]["blocked"], format!("says {MARK}"));
    let supplier = told["stock"]["suppliers"].as_array().unwrap().iter().find(|one| one["name"] == MARK);
    assert_eq!(told["events"]["nodes"][0]["payload"]["supplier"], supplier.unwrap()["id"]);
    assert_eq!(events_with_the_mark(&shop).await, 0);
}

#[tokio::test]
async fn request_ids_that_are_no_uuid_are_not_in_the_log() {
    let shop = Shop::open().await;
    let manager = shop.person("manager.p1");
    let uuid = "0193b3c0-0000-7000-8000-00000000abcd";
    for id in [MARK, uuid] {
        let document =
            "mutation($input: SetStockThresholdInput!) { setStockThreshold(input: $input) { position } }";
        let threshold = if id == uuid { 11 } else { 10 };
        let input = json!({ "pizzeriaId": "P1", "ingredient": "GOAT_CHEESE", "threshold": threshold });
        let sent = reqwest::Client::new()
            .post(format!("{}/graphql", manager.base))
            .bearer_auth(manager.token().unwrap())
            .header("x-request-id", id)
            .json(&json!({ "query": document, "variables": { "input": input } }))
            .send()
            .await
            .unwrap();
        assert_eq!(sent.headers()["x-request-id"], id, "the client's id comes back");
        let body: Value = sent.json().await.unwrap();
        assert!(body["data"]["setStockThreshold"]["position"].is_string(), "{body}");
    }
    let found = "query($id: String!) { events(filter: { streamId: \"stock:P1\", correlationId: $id }, first: 9) \
        { nodes { type correlationId } } }";
    for (id, stored) in [(MARK, None), (uuid, Some(uuid))] {
        let events = shop.person("director").data(found, json!({ "id": id })).await["events"]["nodes"].take();
        assert_eq!(
            (events[0]["type"].as_str(), events[1].is_null()),
            (Some("ThresholdSet"), true),
            "{events}"
        );
        let correlation = events[0]["correlationId"].as_str().unwrap();
        assert!(stored.map_or(correlation.len() == 36, |stored| correlation == stored), "{events}");
    }
    assert_eq!(events_with_the_mark(&shop).await, 0);
}
