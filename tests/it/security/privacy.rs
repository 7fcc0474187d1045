//! Personal data is shown only to its readers, through every way to query it.

use serde_json::{Value, json};
use tests::Shop;

#[tokio::test]
async fn customers_see_no_staff_and_auditors_see_no_names() {
    let shop = Shop::open().await;
    let id_of = async |person: &str| {
        let me = shop.person(person).data("{ me { id } }", Value::Null).await;
        me["me"]["id"].as_str().unwrap().rsplit(':').next().unwrap().to_owned()
    };
    let node = "query($id: ID!) { node(id: $id) { id ... on Staff { name role } } }";
    let customer = json!({ "id": format!("staff:{}", id_of("customer1").await) });
    for person in ["customer1", "auditor", "director", "manager.p1", "receptionist1.p1"] {
        let data = shop.person(person).data(node, customer.clone()).await;
        assert_eq!(data["node"], Value::Null, "{person}");
    }
    let courier = json!({ "id": format!("staff:{}", id_of("courier1.p1").await) });
    // A customer does not learn whether one exists.
    let unknown = json!({ "id": "staff:0193b3c0-0000-7000-8000-000000000000" });
    let answers = [courier.clone(), unknown, customer].map(|id| shop.person("customer2").ask(node, id));
    for answer in futures_util::future::join_all(answers).await {
        assert_eq!((answer.code(), &answer.body["data"]["node"]), ("FORBIDDEN", &Value::Null));
    }
    let seen = shop.person("manager.p1").data(node, courier.clone()).await["node"]["name"].clone();
    let pseudonym = shop.person("auditor").data(node, courier.clone()).await["node"]["name"].clone();
    assert_eq!(pseudonym, courier["id"].as_str().unwrap().replace(':', " "));
    assert_ne!(seen, pseudonym);
}

#[tokio::test]
async fn a_courier_reads_the_contact_until_the_delivery_ends() {
    let shop = Shop::open().await;
    let courier = shop.person("courier1.p1");
    let (order, delivery) = crate::api::deliveries::ready(&shop).await;
    let contact = async |position: &Value| {
        let seen =
            courier.order(&order, "note contact { name } delivery { contact { name } }", position).await;
        [seen["contact"].is_object(), seen["delivery"]["contact"].is_object()]
    };
    courier.carry("claimDelivery", &delivery, json!({})).await;
    let gone = courier.carry("pickUpDelivery", &delivery, json!({})).await;
    assert_eq!(contact(&gone["position"]).await, [true, true]);
    let done =
        courier.carry("completeDelivery", &delivery, json!({ "proof": { "receivedBy": "Inès" } })).await;
    assert_eq!(contact(&done["position"]).await, [false, false]);
}

#[tokio::test]
async fn notes_for_couriers_are_not_in_the_events_of_auditors() {
    let shop = Shop::open().await;
    let (order, delivery) = crate::api::deliveries::ready(&shop).await;
    let document = "query($order: ID!, $delivery: ID!) { \
        order(id: $order) { deliveryCode history(first: 1) { nodes { payload } } } \
        delivery(id: $delivery) { history(first: 1) { nodes { payload } } } }";
    let ids = json!({ "order": order["id"], "delivery": delivery["id"] });
    let codes = async |person: &str| {
        let data = shop.person(person).data(document, ids.clone()).await;
        let placed = &data["order"]["history"]["nodes"][0]["payload"]["placement"];
        let scheduled = &data["delivery"]["history"]["nodes"][0]["payload"];
        assert!(placed["lines"].is_array() && scheduled["number"].is_string(), "{data}");
        assert!(placed.get("deliveryCode").is_none() && scheduled.get("code").is_none(), "{data}");
        data["order"]["deliveryCode"].clone()
    };
    assert!(codes("manager.p1").await.is_string());
    assert_eq!(codes("auditor").await, Value::Null);
}
