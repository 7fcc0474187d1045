//! An id stands for one value: a normalising cache never mixes objects of two pizzerias or two points in time.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::Shop;
use tests::orders::{basket, pizza};

/// A normalising cache: fields by type and id. Panics if two values share a key.
#[derive(Default)]
struct Cache(BTreeMap<(String, String), BTreeMap<String, Value>>);

impl Cache {
    /// Adds an answer. Each selection in these tests names `__typename` and `id` and has no aliases.
    fn write(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                if let (Some(kind), Some(id)) = (fields.get("__typename"), fields.get("id")) {
                    let key = (kind.as_str().unwrap().to_owned(), id.as_str().unwrap().to_owned());
                    let kept = self.0.entry(key.clone()).or_default();
                    for (name, value) in fields {
                        let there = kept.entry(name.clone()).or_insert_with(|| value.clone());
                        assert_eq!(there, value, "{key:?} has two values of {name}");
                    }
                }
                fields.values().for_each(|value| self.write(value));
            }
            Value::Array(items) => items.iter().for_each(|item| self.write(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

const MENU: &str = "query($pizzeria: ID!, $asOf: AsOf) { menu(pizzeriaId: $pizzeria, asOf: $asOf) {
    pizzas { __typename id code name allergens sizes { price { amount } available makeable blocked
        limitingIngredient { __typename id name } } ingredients { __typename id name allergens removable } }
    drinks { __typename id code name price { amount } available left }
    extras { __typename id price { amount } available ingredient { __typename id name allergens } } } }";

#[tokio::test]
async fn ids_differ_between_pizzerias_and_points_in_time() {
    let shop = Shop::open().await;
    let director = shop.person("director");
    let mut cache = Cache::default();
    let order = director.placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)])).await;
    let before = order["position"].clone();
    let started = shop.person("pizzaiolo1.p1").step("startPreparation", &order).await;
    let blocked = json!({ "pizza": "MAR", "reason": "Four" });
    shop.person("manager.p1").to_stock("blockPizza", "P1", blocked).await;
    let published = json!({ "ingredients": [{ "code": "EGG", "name": "Œuf bio" }],
        "pizzas": [{ "code": "MAR", "name": "Margherita DOP" }], "sides": [{ "code": "COLA", "price": "2.50" }],
        "extras": [{ "ingredient": "EGG", "price": "1.20" }] });
    director.mutate("publishMenu", "menu { version }", published).await;
    let renamed = json!({ "pizzeriaId": "P1", "name": "Abbesses" });
    let renamed = director.mutate("updatePizzeria", "pizzeria { name }", renamed).await;
    let head = renamed["position"].clone();

    director.order(&order, "status", &head).await;
    let then = json!({ "position": before });
    for (pizzeria, as_of) in
        [("P1", Value::Null), ("P2", Value::Null), ("P1", then.clone()), ("P2", then.clone())]
    {
        // Waits for the read models, because reads of the past do not.
        director.stock(pizzeria, &head).await;
        cache.write(&director.data(MENU, json!({ "pizzeria": pizzeria, "asOf": as_of })).await);
    }
    let things = "query($id: ID!, $asOf: AsOf) {
        order(id: $id, asOf: $asOf) { __typename id status version startedAt
            pizzeria { __typename id name version } lines { recipe { pizza { __typename id name }
                ingredients { quantity ingredient { __typename id name } } } } }
        stock(pizzeriaId: \"P1\", asOf: $asOf) { __typename id version waitingOrders
            levels { onHand ingredient { __typename id name } } }
        recipe(pizza: \"MAR\", size: M) { pizza { __typename id name }
            ingredients { ingredient { __typename id name } } }
        node(id: \"MAR\") { __typename id ... on Pizza { name } }
        events(first: 20) { nodes { __typename id type actor { __typename id role } } } }";
    for as_of in [Value::Null, then] {
        cache.write(&director.data(things, json!({ "id": order["id"], "asOf": as_of })).await);
    }
    assert_eq!(started["status"], "IN_PREPARATION");
    let of = |kind: &str, id: &str| cache.0.get(&(kind.to_owned(), id.to_owned())).cloned().unwrap();
    let id = order["id"].as_str().unwrap();
    assert_eq!(of("Order", id)["status"], "IN_PREPARATION");
    assert_eq!(of("Order", &format!("{id}@{}", before.as_str().unwrap()))["status"], "PLACED");
    assert_eq!(of("Pizza", "menuItem:P1:MAR")["sizes"][0]["blocked"], "Four");
    assert_eq!(of("Pizza", "menuItem:P2:MAR")["sizes"][0]["blocked"], Value::Null);
}

#[tokio::test]
async fn each_id_leads_back_to_its_value_and_is_accepted_as_an_input() {
    let shop = Shop::open().await;
    let director = shop.person("director");
    let order = director.placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)])).await;
    let before = order["position"].as_str().unwrap().to_owned();
    let started = shop.person("pizzaiolo1.p1").step("startPreparation", &order).await;
    // Waits for the read models.
    director.order(&order, "status", &started["position"]).await;
    let id = order["id"].as_str().unwrap();
    let document = "query($id: ID!) { node(id: $id) { __typename id ... on Order { status } } }";
    for (id, kind) in [
        (id.to_owned(), "Order"),
        (format!("{id}@{before}"), "Order"),
        (format!("pizzeria:P1@{before}"), "Pizzeria"),
        (format!("stock:P1@{before}"), "Stock"),
        ("menuItem:P1:MAR".to_owned(), "Pizza"),
        (format!("menuItem:P2:COLA@{before}"), "Side"),
        ("item:MAR@v1".to_owned(), "Pizza"),
        ("ingredient:EGG@v1".to_owned(), "Ingredient"),
        ("extra:P1:EGG".to_owned(), "Extra"),
        ("extra:EGG".to_owned(), "Extra"),
    ] {
        let node = director.data(document, json!({ "id": id })).await["node"].take();
        assert_eq!((&node["__typename"], &node["id"]), (&json!(kind), &json!(id)));
        if kind == "Order" {
            let status = if id.contains('@') { "PLACED" } else { "IN_PREPARATION" };
            assert_eq!(node["status"], status);
        }
    }
    for none in
        ["item:MAR@v9", "menuItem:P9:MAR", "menuItem:P1:NOPE", "extra:P1:MAR", "item:MAR@1", "order:x@1"]
    {
        assert_eq!(director.data(document, json!({ "id": none })).await["node"], Value::Null, "{none}");
    }
    let stranger = shop.person("customer2").ask(document, json!({ "id": format!("{id}@{before}") })).await;
    assert_eq!(stranger.body["data"]["node"], Value::Null);
    let line = json!({ "item": "menuItem:P1:MAR", "size": "M", "quantity": 1, "extras": ["extra:P1:EGG"] });
    let placed = director.placed(basket("P1", "TAKEAWAY", &[line])).await;
    assert_eq!(placed["total"]["amount"], "12.00");
}
