//! Deliveries: claims, limits for couriers, and proof of delivery.

use serde_json::{Value, json};
use tests::orders::{basket, pizza, refusals};
use tests::{Api, Shop};

/// An order of `customer1` that is ready, and its delivery.
pub async fn ready(shop: &Shop) -> (Value, Value) {
    let kitchen = shop.person("pizzaiolo1.p1");
    let order = shop.person("customer1").placed(basket("P1", "DELIVERY", &[pizza("MAR", "M", 2)])).await;
    kitchen.step("startPreparation", &order).await;
    kitchen.step("markOrderReady", &order).await;
    let delivery = shop.person("courier1.p1").delivery_of(&order).await;
    (order, delivery)
}

async fn id_of(person: &Api) -> Value {
    person.data("{ me { id } }", Value::Null).await["me"]["id"].take()
}

#[tokio::test]
async fn a_courier_carries_at_most_three_deliveries_and_can_return_one() {
    let shop = Shop::open().await;
    let courier = shop.person("courier1.p1");
    let mut deliveries = Vec::new();
    for _ in 0..4 {
        deliveries.push(ready(&shop).await.1);
    }
    for delivery in &deliveries[..3] {
        let claimed = courier.carry("claimDelivery", delivery, json!({})).await;
        assert_eq!(
            (&claimed["status"], &claimed["courier"]["id"]),
            (&json!("ASSIGNED"), &id_of(&courier).await)
        );
    }
    let full = courier.to_delivery("claimDelivery", &deliveries[3], json!({})).await;
    assert_eq!(refusals(&full), ["COURIER_FULL"]);
    assert_eq!(full["userErrors"][0]["detail"]["max"], 3);

    let other = shop.person("courier2.p1");
    let taken = other.to_delivery("claimDelivery", &deliveries[0], json!({})).await;
    assert_eq!(refusals(&taken), ["ALREADY_CLAIMED"]);
    let not_theirs = other.to_delivery("pickUpDelivery", &deliveries[0], json!({})).await;
    assert_eq!(refusals(&not_theirs), ["NOT_YOUR_DELIVERY"]);

    let back = courier.carry("unassignDelivery", &deliveries[0], json!({})).await;
    assert_eq!((&back["status"], back["courier"].is_null()), (&json!("SCHEDULED"), true));
    courier.carry("claimDelivery", &deliveries[3], json!({})).await;
    let manager = shop.person("manager.p1");
    let assign = json!({ "courierId": id_of(&other).await });
    let assigned = manager.carry("assignDelivery", &deliveries[0], assign).await;
    assert_eq!(assigned["courier"]["id"], id_of(&other).await);
    let cook = json!({ "courierId": id_of(&shop.person("pizzaiolo1.p1")).await });
    manager.carry("unassignDelivery", &deliveries[0], json!({})).await;
    let refused = manager.to_delivery("assignDelivery", &deliveries[0], cook).await;
    assert_eq!(refusals(&refused), ["UNKNOWN_COURIER"]);
}

#[tokio::test]
async fn refuses_codes_after_five_wrong_ones_and_accepts_a_name() {
    let shop = Shop::open().await;
    let courier = shop.person("courier1.p1");
    let (order, delivery) = ready(&shop).await;
    courier.carry("claimDelivery", &delivery, json!({})).await;
    let early =
        courier.to_delivery("completeDelivery", &delivery, json!({ "proof": { "receivedBy": "Zoé" } })).await;
    assert_eq!(refusals(&early), ["WRONG_STATE"]);
    courier.carry("pickUpDelivery", &delivery, json!({})).await;
    let code =
        shop.person("customer1").order(&order, "deliveryCode", &Value::Null).await["deliveryCode"].take();
    let wrong = if code == "0000" { "0001" } else { "0000" };
    for left in [4, 3, 2, 1, 0] {
        let refused =
            courier.to_delivery("completeDelivery", &delivery, json!({ "proof": { "code": wrong } })).await;
        assert_eq!(refusals(&refused), ["BAD_CODE"]);
        assert_eq!(refused["userErrors"][0]["detail"]["triesLeft"], left);
    }
    let right =
        courier.to_delivery("completeDelivery", &delivery, json!({ "proof": { "code": code } })).await;
    assert_eq!(refusals(&right), ["BAD_CODE"], "after five wrong ones the right one is too late");
    let done =
        courier.carry("completeDelivery", &delivery, json!({ "proof": { "receivedBy": "Zoé 🍕" } })).await;
    assert_eq!(done["status"], "DELIVERED");
    let noted = "SELECT count(*) FROM contacts WHERE name = 'Zoé 🍕'";
    assert_eq!(sqlx::query_scalar::<_, i64>(noted).fetch_one(&shop.database().pool).await.unwrap(), 1);
    shop.person("customer1").order_when(&order, "DELIVERED").await;
}

#[tokio::test]
async fn couriers_see_only_the_addresses_of_their_deliveries() {
    let shop = Shop::open().await;
    let (order, delivery) = ready(&shop).await;
    let document = "query($id: ID!) { delivery(id: $id) { status contact { name address { street } } } }";
    let seen = |api: Api| {
        let id = json!({ "id": delivery["id"] });
        async move { api.data(document, id).await["delivery"].take() }
    };
    let street = "4 rue du Fenouil";
    let carrier = shop.person("courier1.p1");
    carrier.carry("claimDelivery", &delivery, json!({})).await;
    carrier.carry("pickUpDelivery", &delivery, json!({})).await;
    shop.person("customer1").order_when(&order, "OUT_FOR_DELIVERY").await;
    tests::eventually("the delivery is picked up", || async {
        Some(seen(shop.person("courier1.p1")).await).filter(|seen| seen["status"] == "PICKED_UP")
    })
    .await;
    assert_eq!(seen(carrier).await["contact"]["address"]["street"], street);
    assert_eq!(seen(shop.person("customer1")).await["contact"]["address"]["street"], street);
    assert!(seen(shop.person("courier2.p1")).await["contact"].is_null());
    let pseudonym = seen(shop.person("auditor")).await["contact"].take();
    assert!(pseudonym["address"].is_null(), "{pseudonym}");
    assert!(pseudonym["name"].as_str().unwrap().starts_with("contact "), "{pseudonym}");
}
