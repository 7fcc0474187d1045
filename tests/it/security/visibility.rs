//! Visibility of personal data, delivery codes, event payloads and other customers' orders; lists outside the
//! caller's scope are refused.

use serde_json::{Value, json};
use tests::orders::{basket, pizza, with};
use tests::{Api, Shop};

const SEEN: &str = "contact { name phone address { street } } note deliveryCode \
                    history(first: 1) { nodes { type payload } } delivery { id } pizzeria { code }";

/// What a caller sees of an order: name, note, code, and the event's payload.
async fn seen(api: &Api, order: &Value, position: &Value) -> (Value, Value, bool, bool) {
    let order = api.order(order, SEEN, position).await;
    assert_eq!(order["pizzeria"]["code"], "P1");
    assert_eq!(order["history"]["nodes"][0]["type"], "OrderPlaced");
    let carries = order["history"]["nodes"][0]["payload"].is_object();
    (order["contact"]["name"].clone(), order["note"].clone(), order["deliveryCode"].is_string(), carries)
}

#[tokio::test]
async fn personal_data_is_shown_to_its_customer_and_the_staff_involved() {
    let shop = Shop::open().await;
    let address = json!({ "street": "1 rue du Four", "latitude": 48.893, "longitude": 2.345 });
    let contact = json!({ "name": "Zoé 🍕", "phone": "+33 6 39 98 00 99", "address": address });
    let basket = basket("P1", "DELIVERY", &[pizza("REI", "M", 2)]);
    let input = with(basket, json!({ "contact": contact, "note": "2e étage" }));
    let order = shop.person("customer1").placed(input).await;
    let at = &order["position"];

    let (zoe, note, none) = (json!("Zoé 🍕"), json!("2e étage"), Value::Null);
    for (person, name, note, code, carries) in [
        ("customer1", &zoe, &note, true, false),
        ("receptionist1.p1", &zoe, &note, true, false),
        ("manager.p1", &zoe, &note, true, true),
        ("director", &zoe, &note, true, true),
        // The kitchen reads the note too, for allergies for example.
        ("pizzaiolo1.p1", &none, &note, false, false),
        ("courier1.p1", &none, &none, false, false),
    ] {
        let expected = (name.clone(), note.clone(), code, carries);
        assert_eq!(seen(&shop.person(person), &order, at).await, expected, "{person}");
    }
    let (pseudonym, note, code, carries) = seen(&shop.person("auditor"), &order, at).await;
    assert!(pseudonym.as_str().unwrap().starts_with("contact "), "{pseudonym}");
    assert_eq!((note, code, carries), (Value::Null, false, true));

    // Another customer does not learn whether it exists; staff of another pizzeria is refused.
    let document = "query($id: ID!) { order(id: $id) { id } }";
    let id = json!({ "id": order["id"] });
    assert_eq!(shop.person("customer2").ask(document, id.clone()).await.code(), "NOT_FOUND");
    assert_eq!(shop.person("receptionist1.p2").ask(document, id.clone()).await.code(), "FORBIDDEN");
    assert_eq!(shop.anonymous().ask(document, id).await.code(), "UNAUTHENTICATED");

    let cook = shop.person("pizzaiolo1.p1");
    cook.step("startPreparation", &order).await;
    let ready = cook.step("markOrderReady", &order).await;
    let (name, _, code, _) = seen(&shop.person("courier1.p1"), &order, &ready["position"]).await;
    assert_eq!((name, code), (zoe, false));

    // Once another courier has it, this one sees it no longer.
    let delivery = shop.person("manager.p1").delivery_of(&order).await;
    let claimed = shop.person("courier2.p1").carry("claimDelivery", &delivery, json!({})).await;
    let name = async |person: &str| {
        let document = "query($id: ID!, $at: LogPosition) { delivery(id: $id, atLeastPosition: $at) { contact { name } } }";
        let variables = json!({ "id": delivery["id"], "at": claimed["position"] });
        shop.person(person).data(document, variables).await["delivery"]["contact"]["name"].clone()
    };
    assert_eq!(name("courier2.p1").await, "Zoé 🍕");
    assert_eq!(name("courier1.p1").await, Value::Null);
}

#[tokio::test]
async fn lists_outside_the_callers_scope_are_refused() {
    let shop = Shop::open().await;
    let take = || basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)]);
    let first = shop.person("customer1").placed(take()).await;
    let second = shop.person("customer2").placed(take()).await;
    let document = "query($filter: OrderFilter, $at: LogPosition) { \
                    orders(filter: $filter, first: 10, orderBy: NUMBER_ASC, atLeastPosition: $at) { nodes { id } } }";
    let orders = async |person: &str, filter: Value| {
        let asked = json!({ "filter": filter, "at": second["position"] });
        shop.person(person).ask(document, asked).await
    };
    let both = json!([{ "id": first["id"] }, { "id": second["id"] }]);
    let own = json!([{ "id": first["id"] }]);
    assert_eq!(orders("customer1", json!({})).await.data()["orders"]["nodes"], own);
    assert_eq!(orders("receptionist1.p1", json!({})).await.data()["orders"]["nodes"], both);
    assert_eq!(orders("director", json!({ "pizzeriaId": "P1" })).await.data()["orders"]["nodes"], both);
    assert_eq!(orders("director", json!({ "pizzeriaId": "P2" })).await.data()["orders"]["nodes"], json!([]));
    assert_eq!(orders("receptionist1.p1", json!({ "pizzeriaId": "P2" })).await.code(), "FORBIDDEN");
    assert_eq!(orders("courier1.p1", json!({})).await.code(), "FORBIDDEN");
    let other = json!({ "customerId": "customer:00000000-0000-0000-0000-000000000001" });
    assert_eq!(orders("customer1", other).await.code(), "NOT_FOUND");
}

#[tokio::test]
async fn finds_events_by_their_attributes() {
    let shop = Shop::open().await;
    let order = shop.person("customer1").placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)])).await;
    shop.person("customer1").placed(basket("P2", "TAKEAWAY", &[pizza("MAR", "M", 1)])).await;
    let found = async |person: &str, mut filter: Value| {
        filter["afterPosition"] = json!("0");
        let document = "query($filter: EventFilter) { events(filter: $filter, last: 10) { \
                        nodes { type stream { type id } command } pageInfo { hasNextPage } } }";
        let data = shop.person(person).data(document, json!({ "filter": filter })).await;
        let nodes = data["events"]["nodes"].as_array().unwrap().clone();
        let name = |node: &Value| {
            format!("{} {}", node["type"].as_str().unwrap(), node["stream"]["type"].as_str().unwrap())
        };
        nodes.iter().map(name).collect::<Vec<_>>()
    };
    let placed = ["OrderPlaced ORDER", "IngredientsReserved STOCK"];
    assert_eq!(found("director", json!({ "command": "placeOrder" })).await, [placed, placed].concat());
    assert_eq!(found("manager.p1", json!({ "command": "placeOrder" })).await, placed);
    assert_eq!(found("director", json!({ "streamId": order["id"] })).await, placed[..1]);
    let bare = order["id"].as_str().unwrap().strip_prefix("order:").unwrap();
    let kinds = |kinds: &[&str]| json!({ "streamId": bare, "streamTypes": kinds });
    assert_eq!(found("director", kinds(&["ORDER"])).await, placed[..1]);
    let document =
        "query($filter: EventFilter) { events(filter: $filter, last: 1) { nodes { stream { id } } } }";
    let asked = json!({ "filter": kinds(&["ORDER", "STOCK"]) });
    assert_eq!(shop.person("director").ask(document, asked).await.code(), "BAD_USER_INPUT");
    let asked = json!({ "filter": { "streamId": order["id"] } });
    let data = shop.person("director").data(document, asked).await;
    assert_eq!(data["events"]["nodes"][0]["stream"]["id"], order["id"]);
    let stocks = json!({ "command": "placeOrder", "streamTypes": ["STOCK"], "pizzeriaId": "P2" });
    assert_eq!(found("director", stocks).await, placed[1..]);
    assert_eq!(found("director", json!({ "correlationId": "nobody's\u{0}" })).await, Vec::<String>::new());
    let document =
        "{ events(first: 1, filter: { types: [\"OrderPlaced\", \"orderPlaced\"] }) { nodes { id } } }";
    let refused = shop.person("director").ask(document, json!({})).await;
    assert_eq!(refused.code(), "BAD_USER_INPUT");
    let message = refused.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("filter.types") && message.contains("OrderRefused"), "{message}");
    let document = "{ events(first: 1) { nodes { id } } }";
    assert_eq!(shop.person("customer1").ask(document, json!({})).await.code(), "FORBIDDEN");
    let document = "{ events(first: 1, filter: { pizzeriaId: \"P2\" }) { nodes { id } } }";
    assert_eq!(shop.person("manager.p1").ask(document, json!({})).await.code(), "FORBIDDEN");
}
