//! Stock: movements to the gram, low levels, reservations.

use serde_json::{Value, json};
use tests::Shop;
use tests::orders::{basket, level, pizza, refusals};

fn low(stock: &Value, ingredient: &str) -> bool {
    let levels = stock["levels"].as_array().unwrap();
    levels.iter().find(|level| level["ingredient"]["code"] == ingredient).unwrap()["low"].as_bool().unwrap()
}

fn lines(ingredient: &str, quantity: i64) -> Value {
    json!([{ "ingredient": ingredient, "quantity": quantity }])
}

#[tokio::test]
async fn shows_each_movement_and_counts_a_delivery_note_once() {
    let shop = Shop::open().await;
    let kitchen = shop.person("pizzaiolo1.p1");
    let note = json!({ "supplier": "Fromagerie", "deliveryNote": "F-1", "lines": lines("GOAT_CHEESE", 400) });
    let received = kitchen.to_stock("receiveSupply", "P1", note.clone()).await;
    assert_eq!(level(&received["stock"], "GOAT_CHEESE"), (1_000, 0, 1_000), "{received}");
    assert_eq!(refusals(&kitchen.to_stock("receiveSupply", "P1", note).await), ["DUPLICATE_RECEIPT"]);

    let order =
        shop.person("receptionist1.p1").placed(basket("P1", "TAKEAWAY", &[pizza("CHV", "M", 2)])).await;
    let counted = kitchen.to_stock("countStock", "P1", json!({ "lines": lines("GOAT_CHEESE", 100) })).await;
    assert_eq!(level(&counted["stock"], "GOAT_CHEESE"), (100, 140, -40), "a count is a fact");
    let document = "{ events(filter: { streamId: \"stock:P1\", types: [\"ReservationShort\", \"StockLow\"] },
        last: 2) { nodes { type payload } } }";
    let events = shop.person("manager.p1").data(document, Value::Null).await;
    let events = events["events"]["nodes"].as_array().unwrap().clone();
    let short = events.iter().find(|event| event["type"] == "ReservationShort").unwrap();
    let order_uuid = order["id"].as_str().unwrap().strip_prefix("order:").unwrap();
    assert!(short["payload"].to_string().contains(order_uuid), "{short}");
    assert_eq!(events.len(), 2, "{events:?}");

    let more = json!({ "supplier": "Fromagerie", "deliveryNote": "F-2", "lines": lines("GOAT_CHEESE", 500) });
    let received = kitchen.to_stock("receiveSupply", "P1", more).await;
    assert_eq!(level(&received["stock"], "GOAT_CHEESE"), (600, 140, 460));
    assert!(!low(&received["stock"], "GOAT_CHEESE"));
}

#[tokio::test]
async fn records_low_and_recovered_once_each() {
    let shop = Shop::open().await;
    let manager = shop.person("manager.p1");
    assert!(!low(&manager.stock("P1", &Value::Null).await, "GOAT_CHEESE"));
    let threshold = |grams: i64| json!({ "ingredient": "GOAT_CHEESE", "threshold": grams });
    let set = manager.to_stock("setStockThreshold", "P1", threshold(601)).await;
    assert!(low(&set["stock"], "GOAT_CHEESE"), "{set}");
    manager.to_stock("setStockThreshold", "P1", threshold(650)).await;
    let back = manager.to_stock("setStockThreshold", "P1", threshold(90)).await;
    assert!(!low(&back["stock"], "GOAT_CHEESE"), "{back}");
    let document = "{ events(filter: { streamId: \"stock:P1\", types: [\"StockLow\", \"StockRecovered\"] },
        first: 10) { nodes { type } } }";
    let data = manager.data(document, Value::Null).await;
    assert_eq!(data["events"]["nodes"], json!([{ "type": "StockLow" }, { "type": "StockRecovered" }]));
}

#[tokio::test]
async fn refuses_transfers_beyond_the_stock_or_without_destination_or_lines() {
    let shop = Shop::open().await;
    let director = shop.person("director");
    let send = |to: &str, grams: i64| json!({ "fromPizzeriaId": "P1", "toPizzeriaId": to, "lines": lines("GOAT_CHEESE", grams) });
    for (input, code) in [
        (send("P2", 601), "INSUFFICIENT_STOCK"),
        (send("P1", 1), "SAME_PIZZERIA"),
        (json!({ "fromPizzeriaId": "P1", "toPizzeriaId": "P2", "lines": [] }), "EMPTY_LINES"),
    ] {
        let payload = director.mutate("transferStock", "stock { version }", input).await;
        assert_eq!((refusals(&payload), payload["position"].is_null()), (vec![code], true), "{payload}");
    }
    let moved = director.mutate("transferStock", "stock { version }", send("P2", 600)).await;
    assert_eq!(refusals(&moved), Vec::<&str>::new());
    assert_eq!(level(&director.stock("P1", &moved["position"]).await, "GOAT_CHEESE"), (0, 0, 0));
    assert_eq!(level(&director.stock("P2", &moved["position"]).await, "GOAT_CHEESE"), (2_600, 0, 2_600));
}
