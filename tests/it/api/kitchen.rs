//! The kitchen: its queue from the oldest order on, and the steps of an item.

use serde_json::{Value, json};
use tests::Api;
use tests::Shop;
use tests::orders::{basket, pizza, refusals, side};

async fn queue(api: &Api, position: &Value) -> Vec<Value> {
    let document = "query($at: LogPosition) { kitchenQueue(pizzeriaId: \"P1\", atLeastPosition: $at) {
        number status } }";
    let data = api.data(document, json!({ "at": position })).await;
    data["kitchenQueue"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_kitchen_queue_starts_with_the_oldest_order() {
    let shop = Shop::open().await;
    let reception = shop.person("receptionist1.p1");
    let kitchen = shop.person("pizzaiolo1.p1");
    let mut orders = Vec::new();
    for _ in 0..3 {
        orders
            .push(reception.placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "S", 1), side("COLA", 1)])).await);
    }
    let waiting = |order: &Value, status: &str| json!({ "number": order["number"], "status": status });
    assert_eq!(
        queue(&kitchen, &orders[2]["position"]).await,
        [waiting(&orders[0], "PLACED"), waiting(&orders[1], "PLACED"), waiting(&orders[2], "PLACED")]
    );

    let started = kitchen.step("startPreparation", &orders[0]).await;
    assert_eq!(refusals(&kitchen.to_order("startPreparation", &orders[0], json!({})).await), ["WRONG_STATE"]);
    assert_eq!(queue(&kitchen, &started["position"]).await[0], waiting(&orders[0], "IN_PREPARATION"));
    assert_eq!(
        refusals(&kitchen.to_order("markItemBaked", &orders[0], json!({ "line": 3 })).await),
        ["UNKNOWN_LINE"]
    );
    let baked = kitchen.to_order("markItemBaked", &orders[0], json!({ "line": 1 })).await;
    let lines = kitchen.order(&orders[0], "lines { line baked }", &baked["position"]).await;
    assert_eq!(lines["lines"], json!([{ "line": 1, "baked": true }, { "line": 2, "baked": false }]));
    assert_eq!(
        refusals(&kitchen.to_order("markItemBaked", &orders[0], json!({ "line": 1 })).await),
        ["WRONG_STATE"]
    );
    let ready = kitchen.step("markOrderReady", &orders[0]).await;
    assert_eq!(queue(&kitchen, &ready["position"]).await.len(), 2);
    assert_eq!(refusals(&kitchen.to_order("markOrderReady", &orders[1], json!({})).await), ["WRONG_STATE"]);
}

#[tokio::test]
async fn a_long_queue_or_board_shows_the_oldest_orders_and_counts_all() {
    let shop = Shop::open().await;
    let manager = shop.person("manager.p1");
    let mut orders = Vec::new();
    for _ in 0..3 {
        orders.push(manager.placed(basket("P1", "TAKEAWAY", &[side("COLA", 1)])).await);
    }
    let document = "query($at: LogPosition, $first: Int!) {
        kitchenQueue(pizzeriaId: \"P1\", first: $first, atLeastPosition: $at) { number }
        orderBoard(pizzeriaId: \"P1\", first: $first, atLeastPosition: $at) {
            counts { status orders } orders { number } } }";
    let asked = |first: i64| json!({ "at": orders[2]["position"], "first": first });

    let data = manager.data(document, asked(2)).await;
    let oldest = json!([{ "number": orders[0]["number"] }, { "number": orders[1]["number"] }]);
    assert_eq!((&data["kitchenQueue"], &data["orderBoard"]["orders"]), (&oldest, &oldest));
    assert_eq!(data["orderBoard"]["counts"], json!([{ "status": "PLACED", "orders": 3 }]));
    for out_of_bounds in [0, 101] {
        assert_eq!(manager.ask(document, asked(out_of_bounds)).await.code(), "BAD_USER_INPUT");
    }
}
