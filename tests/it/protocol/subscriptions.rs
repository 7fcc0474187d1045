//! Subscriptions over WebSocket: contents, order and access.

use serde_json::{Value, json};
use tests::Shop;
use tests::orders::{basket, level, pizza, refusals, side};

const ORDER: &str = "subscription($id: ID!, $after: LogPosition) { orderChanged(id: $id, after: $after) {
    position order { version status } } }";
const EVENTS: &str = "subscription($after: LogPosition) { eventAppended(after: $after) {
    position event { position type } } }";

#[tokio::test]
async fn the_kitchen_follows_its_queue() {
    let shop = Shop::open().await;
    let reception = shop.person("receptionist1.p1");
    let kitchen = shop.person("pizzaiolo1.p1");
    let document = "subscription { kitchenQueueChanged(pizzeriaId: \"P1\") {
        position event queue { number status } order { number } } }";
    let mut queue = kitchen.subscribe(document, Value::Null).await;
    let first = queue.value().await;
    assert_eq!((&first["queue"], first["order"].is_null()), (&json!([]), true));

    shop.person("receptionist1.p2").placed(basket("P2", "TAKEAWAY", &[pizza("MAR", "S", 1)])).await;
    let order = reception.placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "S", 1)])).await;
    let number = &order["number"];
    let seen = queue.value().await;
    assert_eq!(seen["queue"], json!([{ "number": number, "status": "PLACED" }]));
    assert_eq!((&seen["event"], &seen["order"]["number"]), (&json!("OrderPlaced"), number));
    kitchen.step("startPreparation", &order).await;
    assert_eq!(queue.value().await["queue"], json!([{ "number": number, "status": "IN_PREPARATION" }]));
    kitchen.step("markOrderReady", &order).await;
    let gone = queue.value().await;
    assert_eq!((&gone["queue"], &gone["order"]["number"]), (&json!([]), number));
}

#[tokio::test]
async fn the_kitchen_follows_the_stock() {
    let shop = Shop::open().await;
    let kitchen = shop.person("pizzaiolo1.p1");
    let document = "subscription { stockChanged(pizzeriaId: \"P1\") { event changes { ingredient { code } onHand reserved }
        stock { levels { ingredient { code } onHand reserved available } } } }";
    let mut stock = kitchen.subscribe(document, Value::Null).await;
    assert_eq!(level(&stock.value().await["stock"], "COLA"), (60, 0, 60));
    let order = shop.person("receptionist1.p1").placed(basket("P1", "TAKEAWAY", &[side("COLA", 2)])).await;
    let moved = |on_hand: i64, reserved: i64| json!([{ "ingredient": { "code": "COLA" }, "onHand": on_hand, "reserved": reserved }]);
    let reserved = stock.value().await;
    assert_eq!((&reserved["event"], &reserved["changes"]), (&json!("IngredientsReserved"), &moved(0, 2)));
    assert_eq!(level(&reserved["stock"], "COLA"), (60, 2, 58));
    kitchen.step("startPreparation", &order).await;
    let consumed = stock.value().await;
    assert_eq!((&consumed["event"], &consumed["changes"]), (&json!("ReservationConsumed"), &moved(-2, -2)));
    assert_eq!(level(&consumed["stock"], "COLA"), (58, 0, 58));
}

#[tokio::test]
async fn a_manager_follows_the_stock_and_the_log_of_one_pizzeria() {
    let shop = Shop::open().await;
    let manager = shop.person("manager.p1");
    let document = "subscription { stockChanged(pizzeriaId: \"P1\") { event changes { ingredient { code } onHand reserved } } }";
    let mut stock = manager.subscribe(document, Value::Null).await;
    assert_eq!(stock.value().await["changes"], json!([]));
    let document = "subscription($after: LogPosition) { eventAppended(after: $after) { event { type stream { type id } } } }";
    let head = shop.person("auditor").head().await.to_string();
    let mut events = manager.subscribe(document, json!({ "after": head })).await;
    let spoiled =
        |pizzeria: &str, lines: Value| json!({ "pizzeriaId": pizzeria, "reason": "SPOILED", "lines": lines });
    let denied = manager.try_mutate("wasteIngredients", "stock { id }", spoiled("P2", json!([]))).await;
    assert_eq!(denied.code(), "FORBIDDEN");

    for (who, pizzeria) in [("manager.p2", "P2"), ("manager.p1", "P1")] {
        let input = spoiled(pizzeria, json!([{ "ingredient": "GOAT_CHEESE", "quantity": 60 }]));
        let wasted = shop.person(who).mutate("wasteIngredients", "stock { id }", input).await;
        assert_eq!(refusals(&wasted), Vec::<&str>::new());
    }
    let changes = json!([{ "ingredient": { "code": "GOAT_CHEESE" }, "onHand": -60, "reserved": 0 }]);
    assert_eq!(stock.value().await, json!({ "event": "IngredientsWasted", "changes": changes }));
    let stream = json!({ "type": "STOCK", "id": "stock:P1" });
    assert_eq!(events.value().await["event"], json!({ "type": "IngredientsWasted", "stream": stream }));
}

#[tokio::test]
async fn a_customer_follows_a_delivery_with_the_couriers_position() {
    let shop = Shop::open().await;
    let (customer, courier) = (shop.person("customer1"), shop.person("courier1.p1"));
    let waiting = "subscription($after: LogPosition) { readyDeliveries(pizzeriaId: \"P1\", after: $after) {
        event delivery { id status } } }";
    let head = shop.person("auditor").head().await.to_string();
    let mut waiting = shop.person("courier2.p1").subscribe(waiting, json!({ "after": head })).await;
    let (_, delivery) = crate::api::deliveries::ready(&shop).await;
    let seen = waiting.value().await;
    assert_eq!(seen["event"], "DeliveryScheduled");
    assert_eq!(seen["delivery"], json!({ "id": delivery["id"], "status": "SCHEDULED" }));

    let document = "subscription($id: ID!) { deliveryChanged(id: $id) { position event delivery { status }
        courierPosition { latitude longitude } } }";
    let mut steps = customer.subscribe(document, json!({ "id": delivery["id"] })).await;
    assert_eq!(steps.value().await["delivery"]["status"], "SCHEDULED");
    courier.carry("claimDelivery", &delivery, json!({})).await;
    assert_eq!(steps.value().await["delivery"]["status"], "ASSIGNED");
    assert_eq!(waiting.value().await["delivery"]["status"], "ASSIGNED");
    let here = json!({ "deliveryId": delivery["id"], "latitude": 48.89, "longitude": 2.34 });
    let early = courier.mutate("reportCourierPosition", "delivery { id }", here).await;
    assert_eq!(refusals(&early), ["WRONG_STATE"]);
    courier.carry("pickUpDelivery", &delivery, json!({})).await;
    let seen = steps.value().await;
    assert_eq!(
        (&seen["event"], &seen["delivery"]["status"]),
        (&json!("DeliveryPickedUp"), &json!("PICKED_UP"))
    );
    for (latitude, longitude) in [(48.893, 2.343), (48.895, 2.341)] {
        let here = json!({ "deliveryId": delivery["id"], "latitude": latitude, "longitude": longitude });
        let heard = courier.mutate("reportCourierPosition", "delivery { id }", here).await;
        assert_eq!(refusals(&heard), Vec::<&str>::new());
        assert!(heard["position"].is_null(), "a position is not an event: {heard}");
        let seen = steps.value().await;
        assert!(seen["event"].is_null());
        assert_eq!(seen["courierPosition"], json!({ "latitude": latitude, "longitude": longitude }));
    }
    courier.carry("completeDelivery", &delivery, json!({ "proof": { "receivedBy": "Inès" } })).await;
    assert_eq!(steps.value().await["delivery"]["status"], "DELIVERED");
}

#[tokio::test]
async fn refuses_subscriptions_without_access() {
    let shop = Shop::open().await;
    let order = shop.person("customer1").placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "S", 1)])).await;
    let id = json!({ "id": order["id"] });
    for (person, code) in [
        (shop.person("customer2"), "NOT_FOUND"),
        (shop.person("receptionist1.p2"), "FORBIDDEN"),
        (shop.anonymous(), "UNAUTHENTICATED"),
    ] {
        let mut steps = person.subscribe(ORDER, id.clone()).await;
        assert_eq!(steps.refused().await, code);
    }
    let mut steps = shop.person("customer1").subscribe(ORDER, json!({ "id": "order:nothing" })).await;
    assert_eq!(steps.refused().await, "BAD_USER_INPUT");
    let after = json!({ "id": order["id"], "after": "999999999" });
    let mut steps = shop.person("customer1").subscribe(ORDER, after).await;
    assert_eq!(steps.refused().await, "BAD_USER_INPUT");
    let mut events = shop.person("customer1").subscribe(EVENTS, json!({})).await;
    assert_eq!(events.refused().await, "FORBIDDEN");
}

#[tokio::test]
async fn resumes_an_old_position_from_the_streams_own_events() {
    let shop = Shop::open().await;
    let kitchen = shop.person("pizzaiolo1.p1");
    let take = || basket("P1", "TAKEAWAY", &[side("COLA", 1)]);
    let order = shop.person("customer1").placed(take()).await;
    shop.person("customer2").placed(take()).await;
    kitchen.step("startPreparation", &order).await;
    shop.person("customer3").placed(take()).await;

    let mut steps =
        shop.person("customer1").subscribe(ORDER, json!({ "id": order["id"], "after": "0" })).await;
    let mut versions = Vec::new();
    let mut positions = Vec::new();
    for _ in 0..2 {
        let step = steps.value().await;
        versions.push(step["order"]["version"].as_i64().unwrap());
        positions.push(tests::orders::position(&step["position"]));
    }
    // Then live.
    kitchen.step("markOrderReady", &order).await;
    let step = steps.value().await;
    versions.push(step["order"]["version"].as_i64().unwrap());
    positions.push(tests::orders::position(&step["position"]));
    assert_eq!(versions, [1, 2, 3]);
    assert!(positions.is_sorted_by(|one, next| one < next), "{positions:?}");

    let after = json!({ "id": order["id"], "after": positions[1].to_string() });
    let mut steps = shop.person("customer1").subscribe(ORDER, after).await;
    assert_eq!(steps.value().await["order"]["version"], 3);

    let document = "subscription { stockChanged(pizzeriaId: \"P1\", after: \"0\") { stock { version } } }";
    let mut stock = kitchen.subscribe(document, Value::Null).await;
    let query = "{ stock(pizzeriaId: \"P1\") { version } }";
    let version = kitchen.data(query, Value::Null).await["stock"]["version"].as_i64().unwrap();
    for expected in 1..=version {
        assert_eq!(stock.value().await["stock"]["version"], expected);
    }
}

#[tokio::test]
async fn a_connection_ends_with_its_session() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let order = customer.placed(basket("P1", "TAKEAWAY", &[side("COLA", 1)])).await;
    let mut steps = customer.subscribe(ORDER, json!({ "id": order["id"] })).await;
    steps.value().await;
    sqlx::query("DELETE FROM sessions").execute(&shop.demo.database.pool).await.unwrap();
    assert_eq!(steps.item().await, tests::Item::Gone);
}

#[tokio::test]
async fn resuming_a_stream_reads_no_other_stream() {
    let shop = Shop::open().await;
    // A reader of the whole log would stop here, at an event of a later release.
    sqlx::raw_sql(
        "INSERT INTO events SELECT position + 1, 'order', gen_random_uuid(), 1, 'OrderTeleported', '1.0.0', now(), \
         '{\"type\": \"OrderTeleported\"}', metadata FROM events ORDER BY position DESC LIMIT 1; \
         UPDATE event_log_head SET position = position + 1",
    )
    .execute(&shop.demo.database.pool)
    .await
    .unwrap();
    let order = shop.person("customer1").placed(basket("P1", "TAKEAWAY", &[side("COLA", 1)])).await;
    shop.person("pizzaiolo1.p1").step("startPreparation", &order).await;
    let after = json!({ "id": order["id"], "after": "0" });
    let mut steps = shop.person("customer1").subscribe(ORDER, after).await;
    for version in [1, 2] {
        assert_eq!(steps.value().await["order"]["version"], version);
    }
}
