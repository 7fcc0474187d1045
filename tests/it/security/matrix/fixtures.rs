//! The targets of the operations and their callers: an order with a delivery of `customer1` in the callers'
//! pizzeria, one of theirs in another pizzeria, and one of another customer.

use serde_json::{Value, json};
use tests::orders::{basket, pizza, with};
use tests::{Api, Shop};
use uuid::Uuid;

/// A target of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Of `customer1`, in the callers' pizzeria.
    Own,
    /// Of `customer1`, in another pizzeria.
    OtherPizzeria,
    /// Of another customer, in the callers' pizzeria.
    OtherCustomer,
}

pub const TARGETS: [Target; 3] = [Target::Own, Target::OtherPizzeria, Target::OtherCustomer];

/// The callers: anonymous, and one of each role.
pub const CALLERS: [&str; 9] = [
    "anonymous",
    "CUSTOMER",
    "RECEPTIONIST",
    "PIZZAIOLO",
    "COURIER",
    "MANAGER",
    "DIRECTOR",
    "AUDITOR",
    "SYSTEM",
];

pub struct Fixtures {
    pub shop: Shop,
    system: String,
    spare: String,
    /// The value of each placeholder, by target.
    places: [Vec<(&'static str, String)>; 3],
}

async fn id_of(api: &Api) -> String {
    api.data("{ me { id } }", Value::Null).await["me"]["id"].as_str().unwrap().to_owned()
}

impl Fixtures {
    pub async fn open() -> Self {
        let shop = Shop::open().await;
        let own = things(&shop, "customer1", "P1").await;
        let elsewhere = things(&shop, "customer1", "P2").await;
        let anothers = things(&shop, "customer2", "P1").await;
        let pool = &shop.database().pool;
        sqlx::query(
            "INSERT INTO accounts (id, email, role, display_name, created_at) \
             VALUES ($1, 'system@ocpizza.example', 'SYSTEM', 'System', now())",
        )
        .bind(Uuid::new_v4())
        .execute(pool)
        .await
        .unwrap();
        let spare = Uuid::new_v4();
        sqlx::query(
            "INSERT INTO accounts (id, email, role, display_name, created_at) \
             VALUES ($1, 'spare@ocpizza.example', 'CUSTOMER', 'Spare', now())",
        )
        .bind(spare)
        .execute(pool)
        .await
        .unwrap();
        let system = shop.demo.token_for("system@ocpizza.example").await;
        Self { places: [own, elsewhere, anothers], spare: format!("customer:{spare}"), system, shop }
    }

    pub fn caller(&self, name: &str) -> Api {
        match name {
            "anonymous" => self.shop.anonymous(),
            "CUSTOMER" => self.shop.person("customer1"),
            "RECEPTIONIST" => self.shop.person("receptionist1.p1"),
            "PIZZAIOLO" => self.shop.person("pizzaiolo1.p1"),
            "COURIER" => self.shop.person("courier1.p1"),
            "MANAGER" => self.shop.person("manager.p1"),
            "DIRECTOR" => self.shop.person("director"),
            "AUDITOR" => self.shop.person("auditor"),
            "SYSTEM" => self.shop.anonymous().with_token(&self.system),
            other => panic!("{other}"),
        }
    }

    /// A spare account with a role.
    pub async fn spare(&self, role: &str) -> Api {
        if role == "anonymous" {
            return self.shop.anonymous();
        }
        let id = Uuid::new_v4();
        let email = format!("{id}@ocpizza.example");
        let pizzeria = ["RECEPTIONIST", "PIZZAIOLO", "COURIER", "MANAGER"].contains(&role).then_some("P1");
        sqlx::query(
            "INSERT INTO accounts (id, email, role, pizzeria, display_name, created_at) \
             VALUES ($1, $2, $3, $4, 'Spare', now())",
        )
        .bind(id)
        .bind(&email)
        .bind(role)
        .bind(pizzeria)
        .execute(&self.shop.database().pool)
        .await
        .unwrap();
        self.shop.anonymous().with_token(self.shop.demo.token_for(&email).await)
    }

    /// An operation about a target.
    pub fn about(&self, document: &str, target: Target) -> String {
        let places = &self.places[TARGETS.iter().position(|one| *one == target).unwrap()];
        places.iter().fold(document.replace("$spare", &self.spare), |text, (name, id)| text.replace(name, id))
    }
}

/// An order that waits for its courier, its delivery, its customer and its pizzeria.
async fn things(shop: &Shop, customer: &str, place: &str) -> Vec<(&'static str, String)> {
    let near = match place {
        "P1" => json!({ "street": "1 rue du Four", "latitude": 48.893, "longitude": 2.345 }),
        _ => json!({ "street": "1 rue du Four", "latitude": 48.860, "longitude": 2.380 }),
    };
    let line = with(pizza("MAR", "M", 2), json!({ "note": "Bien cuite" }));
    let input = basket(place, "DELIVERY", &[line]);
    let input = with(
        input,
        json!({ "contact": { "name": "Camille Martin", "address": near }, "note": "2e étage",
        "kitchenNote": "Sans sel", "deliveryNote": "Porte B" }),
    );
    let order = shop.person(customer).placed(input).await;
    let cook = shop.person(&format!("pizzaiolo1.{}", place.to_lowercase()));
    cook.step("startPreparation", &order).await;
    cook.step("markOrderReady", &order).await;
    let manager = shop.person(&format!("manager.{}", place.to_lowercase()));
    let delivery = manager.delivery_of(&order).await;
    let events = "query($id: ID!) { order(id: $id) { history(first: 1) { nodes { id } } } }";
    let event = manager.data(events, json!({ "id": order["id"] })).await;
    let courier = id_of(&shop.person(&format!("courier1.{}", place.to_lowercase()))).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    vec![
        ("$order", text(&order["id"])),
        ("$delivery", text(&delivery["id"])),
        ("$event", text(&event["order"]["history"]["nodes"][0]["id"])),
        ("$customer", id_of(&shop.person(customer)).await),
        ("$pizzeria", place.to_owned()),
        ("$stock", format!("stock:{place}")),
        ("$staff", courier),
    ]
}
