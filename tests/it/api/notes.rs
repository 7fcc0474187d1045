//! Notes: who may read which, that no event contains their text, and when they are erased.

use chrono::{DateTime, TimeDelta, Utc};
use identity::clock::Clock;
use identity::personal_data::ContactRetention;
use serde_json::{Value, json};
use tests::orders::{basket, pizza, refusals, with};
use tests::{Api, Shop, eventually};

const KITCHEN: &str = "Allergie aux noix\n2e service";
const LINE: &str = "Bien cuite";
const DOOR: &str = "Code 12B, 3e étage";

/// A delivery order with one note of each kind.
fn noted() -> Value {
    let address = json!({ "street": "1 rue du Four", "latitude": 48.893, "longitude": 2.345 });
    let lines = [with(pizza("MAR", "M", 1), json!({ "note": LINE })), pizza("REI", "M", 1)];
    with(
        basket("P1", "DELIVERY", &lines),
        json!({ "kitchenNote": "Allergie aux noix\r\n2e service", "deliveryNote": DOOR,
            "contact": { "name": "Camille Martin", "phone": "+33 1 42 68 53 00", "address": address } }),
    )
}

const SEEN: &str = "kitchenNote deliveryNote note customerFirstName lines { note }";

async fn seen(api: &Api, order: &Value) -> Value {
    api.order(order, SEEN, &order["position"]).await
}

#[tokio::test]
async fn each_note_is_shown_to_its_readers_while_they_handle_the_order() {
    let shop = Shop::open().await;
    let (customer, kitchen) = (shop.person("customer1"), shop.person("pizzaiolo1.p1"));
    let (courier, other) = (shop.person("courier1.p1"), shop.person("courier2.p1"));
    let order = customer.placed(noted()).await;
    let lines = json!([{ "note": LINE }, { "note": null }]);
    let both = format!("{KITCHEN}\n{DOOR}");
    for who in ["customer1", "receptionist1.p1", "manager.p1", "director"] {
        let all = json!({ "kitchenNote": KITCHEN, "deliveryNote": DOOR, "note": both,
            "customerFirstName": "Camille", "lines": lines });
        assert_eq!(seen(&shop.person(who), &order).await, all, "{who}");
    }
    let ticket = json!({ "kitchenNote": KITCHEN, "deliveryNote": null, "note": KITCHEN,
        "customerFirstName": "Camille", "lines": lines });
    assert_eq!(seen(&kitchen, &order).await, ticket);
    let queue = format!("{{ kitchenQueue(pizzeriaId: \"P1\") {{ {SEEN} }} }}");
    assert_eq!(kitchen.data(&queue, Value::Null).await["kitchenQueue"], json!([ticket]));
    let document =
        format!("subscription {{ kitchenQueueChanged(pizzeriaId: \"P1\") {{ queue {{ {SEEN} }} }} }}");
    let item = kitchen.subscribe(&document, Value::Null).await.value().await;
    assert_eq!(item["queue"], json!([ticket]));

    let nothing = json!({ "kitchenNote": null, "deliveryNote": null, "note": null,
        "customerFirstName": null, "lines": [{ "note": null }, { "note": null }] });
    assert_eq!(seen(&shop.person("auditor"), &order).await, nothing);
    assert_eq!(seen(&courier, &order).await, nothing, "no delivery is scheduled yet");
    kitchen.step("startPreparation", &order).await;
    kitchen.step("markOrderReady", &order).await;
    let delivery = courier.delivery_of(&order).await;
    courier.carry("claimDelivery", &delivery, json!({})).await;
    let carried = courier.carry("pickUpDelivery", &delivery, json!({})).await;
    customer.order_when(&order, "OUT_FOR_DELIVERY").await;
    let door = json!({ "kitchenNote": null, "deliveryNote": DOOR, "note": DOOR, "customerFirstName": "Camille",
        "lines": [{ "note": null }, { "note": null }] });
    let at = |api: &Api| api.order(&order, SEEN, &carried["position"]);
    assert_eq!(at(&courier).await, door);
    assert_eq!(at(&other).await, nothing);
    assert_eq!(at(&kitchen).await, nothing, "the kitchen has handed it on");
    // Reading the door's note is recorded like reading a contact.
    let reads = "{ contactReads(first: 100) { nodes { role } } }";
    let reads = shop.person("director").data(reads, Value::Null).await;
    let roles: Vec<_> =
        reads["contactReads"]["nodes"].as_array().unwrap().iter().map(|r| r["role"].clone()).collect();
    assert!(roles.contains(&json!("COURIER")) && !roles.contains(&json!("PIZZAIOLO")), "{roles:?}");
}

#[tokio::test]
async fn the_note_of_an_older_client_reaches_kitchen_and_courier() {
    let shop = Shop::open().await;
    let input = with(
        basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)]),
        json!({ "channel": "WEB", "note": "Sans sel" }),
    );
    let order = shop.person("customer1").placed(input).await;
    let ticket = seen(&shop.person("pizzaiolo1.p1"), &order).await;
    assert_eq!((&ticket["note"], &ticket["kitchenNote"]), (&json!("Sans sel"), &json!("Sans sel")));
}

#[tokio::test]
async fn no_event_contains_the_text_of_a_note_and_a_line_keeps_its_note() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let order = customer.placed(noted()).await;
    let lines = json!([pizza("REI", "M", 2), with(pizza("MAR", "M", 1), json!({})), pizza("CHV", "M", 1)]);
    let changed = customer.to_order("changeOrderLines", &order, json!({ "lines": lines })).await;
    assert_eq!(refusals(&changed), Vec::<&str>::new());
    let notes = |position: Value| customer.order(&order, "lines { code note }", &position);
    let line = |code: &str, note: Value| json!({ "code": code, "note": note });
    let expected = json!([line("MAR", json!(LINE)), line("REI", Value::Null), line("CHV", Value::Null)]);
    assert_eq!(notes(changed["position"].clone()).await["lines"], expected);
    let cleared = json!([
        with(pizza("MAR", "M", 1), json!({ "note": "" })),
        with(pizza("CHV", "M", 1), json!({ "note": "Vite" }))
    ]);
    let changed = customer.to_order("changeOrderLines", &order, json!({ "lines": cleared })).await;
    let expected = json!([line("MAR", Value::Null), line("CHV", json!("Vite"))]);
    assert_eq!(notes(changed["position"].clone()).await["lines"], expected);

    let pool = &shop.database().pool;
    let texts: Vec<String> = sqlx::query_scalar("SELECT payload::text || metadata::text FROM events")
        .fetch_all(pool)
        .await
        .unwrap();
    for note in ["noix", LINE, "12B", "Vite"] {
        assert!(!texts.iter().any(|text| text.contains(note)), "{note}");
    }
    // The event's hash of a note matches the stored row.
    let proven: bool = sqlx::query_scalar(
        "SELECT bool_and(encode(sha256(n.salt || convert_to(n.text, 'UTF8')), 'hex') = r->>'sha256') \
         AND count(*) = 3 FROM events e, json_array_elements(e.payload->'placement'->'notes') AS r \
         JOIN notes n ON n.id = (r->>'id')::uuid WHERE e.event_type = 'OrderPlaced'",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    assert!(proven);
}

#[tokio::test]
async fn staff_read_the_comment_of_a_cancellation() {
    let shop = Shop::open().await;
    let (manager, kitchen) = (shop.person("manager.p1"), shop.person("pizzaiolo1.p1"));
    let order =
        shop.person("receptionist1.p1").placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)])).await;
    let paid = json!({ "method": "CASH", "amount": "11.00" });
    manager.to_order("recordPayment", &order, paid).await;
    let input = json!({ "reason": "OTHER", "comment": "Le four est en panne" });
    manager.to_order("cancelOrder", &order, input).await;
    let back = json!({ "method": "CASH", "amount": "11.00", "comment": "Rendu en billets" });
    let refunded = manager.to_order("refundOrder", &order, back).await;
    assert_eq!(refusals(&refunded), Vec::<&str>::new());
    let comments = "comments { about text } history(first: 10) { nodes { type comments { about text } } }";
    let told = manager.order(&order, comments, &refunded["position"]).await;
    let comment = |about: &str, text: &str| json!({ "about": about, "text": text });
    let (why, refund) =
        (comment("CANCELLATION", "Le four est en panne"), comment("REFUND", "Rendu en billets"));
    assert_eq!(told["comments"], json!([why, refund]));
    let nodes = told["history"]["nodes"].as_array().unwrap();
    let cancelled = nodes.iter().find(|node| node["type"] == "OrderCancelled").unwrap();
    assert_eq!(cancelled["comments"], json!([why]));
    assert_eq!(
        shop.person("auditor").order(&order, "comments { text }", &Value::Null).await["comments"],
        Value::Null
    );

    let lines = json!([{ "ingredient": "TOMATO", "quantity": 100 }]);
    let wasted = json!({ "reason": "OTHER", "lines": lines, "comment": "Tombé du camion" });
    let wasted = kitchen.to_stock("wasteIngredients", "P1", wasted).await;
    assert_eq!(refusals(&wasted), Vec::<&str>::new());
    let document = "{ events(last: 1, filter: { streamId: \"stock:P1\", types: [\"IngredientsWasted\"] }) { nodes { comments { about text } } } }";
    let events = manager.data(document, Value::Null).await;
    assert_eq!(events["events"]["nodes"][0]["comments"], json!([comment("WASTE", "Tombé du camion")]));
    let long = json!({ "reason": "OTHER", "lines": lines, "comment": "é".repeat(501) });
    let refused = kitchen.to_stock("wasteIngredients", "P1", long).await;
    assert_eq!(refused["userErrors"][0]["field"], json!(["input", "comment"]));
}

#[tokio::test]
async fn erases_notes_with_their_customer_and_after_retention() {
    let shop = Shop::open().await;
    let pool = shop.database().pool.clone();
    let count =
        async || -> i64 { sqlx::query_scalar("SELECT count(*) FROM notes").fetch_one(&pool).await.unwrap() };
    let manager = shop.person("manager.p1");
    let theirs = shop.person("customer1").placed(noted()).await;
    let order = shop.person("customer2").placed(noted()).await;
    let cancelled = json!({ "reason": "CUSTOMER_REQUEST", "comment": "A changé d'avis" });
    manager.to_order("cancelOrder", &order, cancelled).await;
    assert_eq!(count().await, 7);
    let id = shop.person("customer1").data("{ me { id } }", Value::Null).await["me"]["id"].clone();
    let erased =
        shop.person("director").mutate("eraseCustomer", "customerId", json!({ "customerId": id })).await;
    assert_eq!(refusals(&erased), Vec::<&str>::new());
    assert_eq!(seen(&manager, &theirs).await["kitchenNote"], Value::Null);
    eventually("the notes are erased", || async { (count().await == 4).then_some(()) }).await;
    // The other customer's order is closed: its notes are erased after the retention time.
    fn later() -> DateTime<Utc> {
        Clock::system().now() + TimeDelta::days(400)
    }
    let retention =
        ContactRetention { pool: pool.clone(), clock: Clock(later), retention: TimeDelta::days(90) };
    eventually("the notes' retention has ended", || async {
        retention.step().await.unwrap();
        (count().await == 0).then_some(())
    })
    .await;
}
