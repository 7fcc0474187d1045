//! Access by role and scope: a refusal is an error with a code, and another customer's objects look nonexistent.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::Shop;
use tests::orders::{basket, pizza, side};

/// Each mutation with a valid input about P1.
fn mutations(order: &Value, delivery: &Value, staff: &Value) -> Vec<(&'static str, Value)> {
    let (order, delivery) = (&order["id"], &delivery["id"]);
    let of_order = json!({ "orderId": order });
    let of_delivery = json!({ "deliveryId": delivery });
    let paid = json!({ "orderId": order, "method": "CASH", "amount": "1.00" });
    let lines = json!([{ "ingredient": "TOMATO", "quantity": 1 }]);
    let courier = "staff:0193b3c0-0000-7000-8000-000000000000";
    vec![
        ("placeOrder", basket("P1", "TAKEAWAY", &[side("WATER", 1)])),
        ("changeOrderLines", json!({ "orderId": order, "lines": [side("WATER", 1)] })),
        ("cancelOrder", json!({ "orderId": order, "reason": "OTHER" })),
        ("recordPayment", paid.clone()),
        ("payOnline", of_order.clone()),
        ("refundOrder", paid),
        ("startPreparation", of_order.clone()),
        ("markItemBaked", json!({ "orderId": order, "line": 1 })),
        ("markOrderReady", of_order.clone()),
        ("handOverOrder", of_order),
        ("claimDelivery", of_delivery.clone()),
        ("assignDelivery", json!({ "deliveryId": delivery, "courierId": courier })),
        ("unassignDelivery", of_delivery.clone()),
        ("pickUpDelivery", of_delivery.clone()),
        ("reportCourierPosition", json!({ "deliveryId": delivery, "latitude": 48.9, "longitude": 2.3 })),
        ("completeDelivery", json!({ "deliveryId": delivery, "proof": { "receivedBy": "Zoé" } })),
        ("failDelivery", json!({ "deliveryId": delivery, "reason": "ABSENT" })),
        ("retryDelivery", of_delivery.clone()),
        ("returnDelivery", of_delivery),
        (
            "receiveSupply",
            json!({ "pizzeriaId": "P1", "supplier": "S", "deliveryNote": "1", "lines": lines }),
        ),
        ("countStock", json!({ "pizzeriaId": "P1", "lines": lines })),
        ("wasteIngredients", json!({ "pizzeriaId": "P1", "lines": lines, "reason": "OTHER" })),
        ("transferStock", json!({ "fromPizzeriaId": "P1", "toPizzeriaId": "P2", "lines": lines })),
        ("setStockThreshold", json!({ "pizzeriaId": "P1", "ingredient": "TOMATO", "threshold": 1 })),
        ("blockPizza", json!({ "pizzeriaId": "P1", "pizza": "MAR", "reason": "R" })),
        ("unblockPizza", json!({ "pizzeriaId": "P1", "pizza": "MAR" })),
        ("updatePizzeria", json!({ "pizzeriaId": "P1", "name": "N" })),
        ("pausePizzeria", json!({ "pizzeriaId": "P1" })),
        ("resumePizzeria", json!({ "pizzeriaId": "P1" })),
        (
            "hireStaff",
            json!({ "name": "N", "email": "n@ocpizza.example", "role": "COURIER", "pizzeriaId": "P1" }),
        ),
        ("revokeStaff", json!({ "staffId": staff })),
        ("releaseUnpaidOrders", json!({ "pizzeriaId": "P1", "orderIds": [order] })),
    ]
}

/// Mutations of the group's roles only.
const OF_THE_GROUP: [&str; 3] = ["openPizzeria", "publishMenu", "eraseCustomer"];
/// Mutations of any account about itself.
const OF_ONES_OWN: [&str; 8] = [
    "updateMyAccount",
    "changePassword",
    "signOut",
    "requestEmailVerification",
    "eraseMyAccount",
    "enrolTotp",
    "confirmTotp",
    "disableTotp",
];
/// Mutations with a password or a mailed token, without an account.
const FOR_ANYBODY: [&str; 5] = ["signUp", "signIn", "verifyEmail", "requestPasswordReset", "resetPassword"];

#[tokio::test]
async fn refuses_mutations_of_anonymous_callers_auditors_and_other_pizzerias() {
    let shop = Shop::open().await;
    let (order, delivery) = crate::api::deliveries::ready(&shop).await;
    let courier = shop.person("courier1.p1").data("{ me { id } }", Value::Null).await["me"]["id"].clone();
    let head = shop.person("auditor").head().await;
    let all = mutations(&order, &delivery, &courier);
    for (name, input) in &all {
        for (person, code) in [
            (shop.anonymous(), "UNAUTHENTICATED"),
            (shop.person("auditor"), "FORBIDDEN"),
            (shop.person("manager.p2"), "FORBIDDEN"),
            (shop.person("receptionist1.p2"), "FORBIDDEN"),
            (shop.person("pizzaiolo1.p2"), "FORBIDDEN"),
            (shop.person("courier1.p2"), "FORBIDDEN"),
        ] {
            let answer = person.try_mutate(name, "__typename", input.clone()).await;
            assert_eq!(answer.code(), code, "{name}: {}", answer.body);
        }
        if *name != "placeOrder" {
            let answer = shop.person("customer2").try_mutate(name, "__typename", input.clone()).await;
            assert!(matches!(answer.code(), "NOT_FOUND" | "FORBIDDEN"), "{name}: {}", answer.body);
        }
    }
    for name in ["changeOrderLines", "cancelOrder", "payOnline"] {
        let input = all.iter().find(|(listed, _)| *listed == name).unwrap().1.clone();
        let answer = shop.person("customer2").try_mutate(name, "__typename", input).await;
        assert_eq!(answer.code(), "NOT_FOUND", "{name}");
    }
    let unknown = json!({ "orderId": "order:00000000-0000-0000-0000-000000000000", "reason": "OTHER" });
    for (who, input, code) in [
        ("courier1.p1", json!({ "orderId": order["id"], "reason": "OTHER" }), "FORBIDDEN"),
        ("manager.p1", unknown, "NOT_FOUND"),
    ] {
        assert_eq!(
            shop.person(who).try_mutate("cancelOrder", "__typename", input).await.code(),
            code,
            "{who}"
        );
    }
    assert_eq!(shop.person("auditor").head().await, head);

    // The list above is complete.
    let document = "{ __schema { mutationType { fields { name } } } }";
    let data = shop.anonymous().data(document, Value::Null).await;
    let fields = data["__schema"]["mutationType"]["fields"].as_array().unwrap();
    let exist: BTreeSet<&str> = fields.iter().map(|field| field["name"].as_str().unwrap()).collect();
    let listed = all.iter().map(|(name, _)| *name);
    let listed = listed.chain(OF_THE_GROUP).chain(OF_ONES_OWN).chain(FOR_ANYBODY).collect();
    assert_eq!(exist.difference(&listed).collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[tokio::test]
async fn shows_orders_to_their_customer_and_their_pizzeria() {
    let shop = Shop::open().await;
    let order = shop.person("customer1").placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)])).await;
    let document = "query($id: ID!, $at: LogPosition) { order(id: $id, atLeastPosition: $at) { id } }";
    let variables = json!({ "id": order["id"], "at": order["position"] });
    for who in ["customer1", "receptionist1.p1", "pizzaiolo1.p1", "manager.p1", "director", "auditor"] {
        let data = shop.person(who).data(document, variables.clone()).await;
        assert_eq!(data["order"]["id"], order["id"], "{who}");
    }
    // To another customer it looks nonexistent.
    let none = json!({ "id": "order:0193b3c0-0000-7000-8000-000000000000" });
    let foreign = shop.person("customer2").ask(document, variables.clone()).await;
    let unknown = shop.person("customer2").ask(document, none).await;
    assert_eq!((foreign.code(), &foreign.body["data"]), ("NOT_FOUND", &json!({ "order": null })));
    assert_eq!(foreign.body, unknown.body);
    for who in ["receptionist1.p2", "manager.p2", "pizzaiolo1.p2"] {
        assert_eq!(shop.person(who).ask(document, variables.clone()).await.code(), "FORBIDDEN", "{who}");
    }
    assert_eq!(shop.anonymous().ask(document, variables).await.code(), "UNAUTHENTICATED");

    for (who, query, code) in [
        ("customer1", "{ stock(pizzeriaId: \"P1\") { id } }", "FORBIDDEN"),
        ("customer1", "{ kitchenQueue(pizzeriaId: \"P1\") { id } }", "FORBIDDEN"),
        ("customer1", "{ events(first: 1) { nodes { id } } }", "FORBIDDEN"),
        ("customer1", "{ deliveries(first: 1) { nodes { id } } }", "FORBIDDEN"),
        ("courier1.p1", "{ orders(first: 1) { nodes { id } } }", "FORBIDDEN"),
        ("pizzaiolo1.p1", "{ orders(first: 1) { nodes { id } } }", "FORBIDDEN"),
        ("receptionist1.p1", "{ events(first: 1) { nodes { id } } }", "FORBIDDEN"),
        ("receptionist1.p1", "{ stock(pizzeriaId: \"P2\") { id } }", "FORBIDDEN"),
        ("manager.p1", "{ orders(first: 1, filter: { pizzeriaId: \"P2\" }) { nodes { id } } }", "FORBIDDEN"),
        ("manager.p1", "{ events(first: 1, filter: { pizzeriaId: \"P2\" }) { nodes { id } } }", "FORBIDDEN"),
        (
            "receptionist1.p1",
            "{ sales(pizzeriaId: \"P1\", from: \"2026-01-01\", to: \"2026-01-02\") { date } }",
            "FORBIDDEN",
        ),
    ] {
        assert_eq!(shop.person(who).ask(query, Value::Null).await.code(), code, "{who}: {query}");
    }
}
