//! Contact reads: recorded before the contact is shown, once a minute; contacts are erased after retention.

use chrono::{DateTime, TimeDelta, Utc};
use identity::clock::Clock;
use identity::personal_data::ContactRetention;
use serde_json::{Value, json};
use tests::orders::{basket, pizza};
use tests::{Api, Shop, eventually};

/// The reads of an order's contact as the director sees them: reader, role, customer.
async fn reads(shop: &Shop, order: &Value) -> Vec<(String, String, Value)> {
    let document = "query($filter: ContactReadFilter!) { contactReads(first: 100, filter: $filter) { nodes { \
        reader { id name } role customerId contactId orderId order { id } pizzeriaCode readAt } } }";
    let now = Clock::system().now();
    let (from, to) = (now - TimeDelta::days(1), now + TimeDelta::days(1));
    let filter = json!({ "orderId": order["id"], "from": from, "to": to });
    let data = shop.person("director").data(document, json!({ "filter": filter })).await;
    let nodes = data["contactReads"]["nodes"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    nodes
        .iter()
        .map(|node| {
            assert_eq!((&node["orderId"], &node["order"]["id"]), (&order["id"], &order["id"]));
            assert_eq!(node["pizzeriaCode"], "P1");
            assert!(node["contactId"].is_string() && node["readAt"].is_string(), "{node}");
            (text(&node["reader"]["id"]), text(&node["role"]), node["customerId"].clone())
        })
        .collect()
}

async fn id_of(api: &Api) -> Value {
    api.data("{ me { id } }", Value::Null).await["me"]["id"].clone()
}

#[tokio::test]
async fn lists_each_read_by_staff_to_the_director_only() {
    let shop = Shop::open().await;
    let (order, delivery) = crate::api::deliveries::ready(&shop).await;
    let reception = shop.person("receptionist1.p1");
    assert_eq!(reads(&shop, &order).await, []);
    // Own contacts, pseudonyms and `null` are no reads.
    for person in ["customer1", "auditor", "pizzaiolo1.p1"] {
        shop.person(person).order(&order, "contact { name } note", &Value::Null).await;
    }
    reception.order(&order, "number status", &Value::Null).await;
    assert_eq!(reads(&shop, &order).await, []);

    let all = "{ orders(first: 10) { nodes { contact { name phone } note delivery { contact { name } } } } }";
    reception.data(all, Value::Null).await;
    let seen = reads(&shop, &order).await;
    let reader = id_of(&reception).await.as_str().unwrap().to_owned();
    assert_eq!(seen, [(reader, "RECEPTIONIST".to_owned(), id_of(&shop.person("customer1")).await)]);

    // By other ways: a node, a delivery, a command's payload, a subscription.
    let courier = shop.person("courier1.p1");
    let node = "query($id: ID!) { node(id: $id) { ... on Delivery { contact { name } } } }";
    courier.data(node, json!({ "id": delivery["id"] })).await;
    let manager = shop.person("manager.p1");
    let document = "subscription($id: ID!) { orderChanged(id: $id) { order { contact { name } } } }";
    let item = manager.subscribe(document, json!({ "id": order["id"] })).await.value().await;
    assert!(item["order"]["contact"]["name"].is_string(), "{item}");
    let input = json!({ "orderId": order["id"], "reason": "OTHER", "expectedVersion": 1_000_000 });
    let director = shop.person("director");
    director.mutate("cancelOrder", "order { contact { name } }", input).await;
    let mut roles: Vec<String> = reads(&shop, &order).await.into_iter().map(|(_, role, _)| role).collect();
    roles.sort_unstable();
    assert_eq!(roles, ["COURIER", "DIRECTOR", "MANAGER", "RECEPTIONIST"]);
}

#[tokio::test]
async fn records_a_reader_of_an_order_once_a_minute() {
    let shop = Shop::open().await;
    let order = shop.person("customer1").placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)])).await;
    let reception = shop.person("receptionist1.p1");
    let began = Clock::system().now().timestamp() / 60;
    for _ in 0..5 {
        reception.order(&order, "contact { name }", &order["position"]).await;
    }
    let minutes = usize::try_from(Clock::system().now().timestamp() / 60 - began + 1).unwrap();
    let noted = reads(&shop, &order).await.len();
    assert!((1..=minutes).contains(&noted), "{noted} in {minutes} minutes");
}

#[tokio::test]
async fn hides_contacts_whose_read_can_not_be_recorded() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let order = customer.placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)])).await;
    sqlx::query("ALTER TABLE contact_reads RENAME TO elsewhere")
        .execute(&shop.database().pool)
        .await
        .unwrap();
    let document =
        "query($id: ID!, $at: LogPosition) { order(id: $id, atLeastPosition: $at) { contact { name } } }";
    let variables = json!({ "id": order["id"], "at": order["position"] });
    let answer = shop.person("receptionist1.p1").ask(document, variables.clone()).await;
    assert_eq!(answer.code(), "UNAVAILABLE");
    assert_eq!(answer.body["data"]["order"]["contact"], Value::Null);
    let own = customer.data(document, variables).await;
    assert!(own["order"]["contact"]["name"].is_string());
}

/// One day more than the retention.
fn later() -> DateTime<Utc> {
    Clock::system().now() + TimeDelta::days(91)
}

/// One day less.
fn sooner() -> DateTime<Utc> {
    Clock::system().now() + TimeDelta::days(89)
}

#[tokio::test]
async fn erases_contacts_after_their_retention() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let take = || basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)]);
    let over = customer.placed(take()).await;
    let open = customer.placed(take()).await;
    customer.to_order("cancelOrder", &over, json!({ "reason": "OTHER" })).await;
    let pool = &shop.database().pool;
    let kept = async || {
        let sql = "SELECT order_id::text, closed_at IS NOT NULL FROM contacts ORDER BY order_id";
        sqlx::query_as::<_, (String, bool)>(sql).fetch_all(pool).await.unwrap()
    };
    let bare = |order: &Value| order["id"].as_str().unwrap().replace("order:", "");
    let both = vec![(bare(&over), true), (bare(&open), false)];
    eventually("the order is closed", || async { (kept().await == both).then_some(()) }).await;
    let retention =
        |now| ContactRetention { pool: pool.clone(), clock: Clock(now), retention: TimeDelta::days(90) };
    // Repeated, since another process may be doing the same.
    for _ in 0..3 {
        retention(sooner).step().await.unwrap();
    }
    assert_eq!(kept().await, both);
    eventually("the contact is erased, and the other is not", || async {
        retention(later).step().await.unwrap();
        (kept().await == [(bare(&open), false)]).then_some(())
    })
    .await;
}
