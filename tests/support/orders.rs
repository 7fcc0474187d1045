//! Steps of orders, deliveries and stocks, one mutation each. They assert only that the API answered.

use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::eventually::eventually;

/// Selection of an order.
pub const ORDER: &str =
    "order { id number version position status total { amount } due { amount } paid { amount } }";
/// Selection of a delivery.
pub const DELIVERY: &str = "delivery { id version position status courier { id } }";
/// Selection of a stock.
pub const STOCK: &str =
    "stock { version position levels { ingredient { code } onHand reserved available threshold low } }";

/// Quantities of an ingredient: on hand, reserved, available.
pub type Level = (i64, i64, i64);

/// An order line of pizzas.
pub fn pizza(code: &str, size: &str, quantity: i64) -> Value {
    json!({ "item": code, "size": size, "quantity": quantity })
}

/// An order line of drinks or desserts.
pub fn side(code: &str, quantity: i64) -> Value {
    json!({ "item": code, "quantity": quantity })
}

/// The input of `placeOrder`: by web, paid to the courier if delivered, otherwise at the counter.
pub fn basket(pizzeria: &str, fulfilment: &str, lines: &[Value]) -> Value {
    let payment = if fulfilment == "DELIVERY" { "ON_DELIVERY" } else { "AT_COUNTER" };
    json!({
        "pizzeriaId": pizzeria,
        "channel": "WEB",
        "fulfilment": fulfilment,
        "payment": payment,
        "lines": lines,
    })
}

/// An input with fields replaced.
#[must_use]
pub fn with(input: Value, fields: Value) -> Value {
    let (Value::Object(mut all), Value::Object(fields)) = (input, fields) else { return Value::Null };
    all.extend(fields);
    Value::Object(all)
}

/// A log position, which the API writes as text.
#[track_caller]
pub fn position(value: &Value) -> i64 {
    let text = value.as_str().unwrap_or_else(|| panic!("no position: {value}"));
    text.parse().unwrap_or_else(|_| panic!("no position: {value}"))
}

/// Codes of a payload's user errors.
pub fn refusals(payload: &Value) -> Vec<&str> {
    let errors = payload["userErrors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().filter_map(|error| error["code"].as_str()).collect()
}

/// Codes of a payload's user errors, each with its field path.
pub fn places(payload: &Value) -> Vec<(&str, String)> {
    let errors = payload["userErrors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let place = |error: &Value| {
        let field = error["field"].as_array().map(Vec::as_slice).unwrap_or_default();
        field.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(".")
    };
    errors.iter().map(|error| (error["code"].as_str().unwrap_or_default(), place(error))).collect()
}

/// A payload's user errors, one a line: code and field path.
pub fn problems(payload: &Value) -> String {
    places(payload).iter().map(|(code, field)| format!("{code} {field}\n")).collect()
}

/// Missing ingredients of a refusal: code, needed, available.
pub fn missing(payload: &Value) -> Vec<(&str, i64, i64)> {
    let missing = payload["userErrors"][0]["detail"]["missing"].as_array();
    let missing = missing.map(Vec::as_slice).unwrap_or_default();
    let number = |value: &Value| value.as_i64().unwrap_or(i64::MIN);
    missing
        .iter()
        .map(|m| {
            (
                m["ingredient"]["code"].as_str().unwrap_or_default(),
                number(&m["needed"]),
                number(&m["available"]),
            )
        })
        .collect()
}

/// Level of an ingredient in a stock.
#[track_caller]
pub fn level(stock: &Value, ingredient: &str) -> Level {
    let levels = stock["levels"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = levels.iter().find(|level| level["ingredient"]["code"] == ingredient);
    let found = found.unwrap_or_else(|| panic!("no {ingredient}: {stock}"));
    let number = |name: &str| found[name].as_i64().unwrap_or(i64::MIN);
    (number("onHand"), number("reserved"), number("available"))
}

impl Api {
    /// `placeOrder`; returns the payload.
    #[track_caller]
    pub fn place(&self, input: Value) -> impl Future<Output = Value> + use<> {
        self.mutate("placeOrder", ORDER, input)
    }

    /// `placeOrder` that must succeed; returns the order.
    #[track_caller]
    pub fn placed(&self, input: Value) -> impl Future<Output = Value> + use<> {
        let caller = std::panic::Location::caller();
        let payload = self.place(input);
        async move {
            let mut payload = payload.await;
            assert!(refusals(&payload).is_empty(), "{caller}: {payload}");
            payload["order"].take()
        }
    }

    /// A mutation with an order's id and `more`; returns the payload.
    #[track_caller]
    pub fn to_order(&self, name: &str, order: &Value, more: Value) -> impl Future<Output = Value> + use<> {
        self.mutate(name, ORDER, with(json!({ "orderId": order["id"] }), more))
    }

    /// As [`Api::to_order`], for a delivery.
    #[track_caller]
    pub fn to_delivery(
        &self,
        name: &str,
        delivery: &Value,
        more: Value,
    ) -> impl Future<Output = Value> + use<> {
        self.mutate(name, DELIVERY, with(json!({ "deliveryId": delivery["id"] }), more))
    }

    /// As [`Api::to_order`], for the stock of a pizzeria.
    #[track_caller]
    pub fn to_stock(&self, name: &str, pizzeria: &str, more: Value) -> impl Future<Output = Value> + use<> {
        self.mutate(name, STOCK, with(json!({ "pizzeriaId": pizzeria }), more))
    }

    /// A step that must succeed; returns the order.
    #[track_caller]
    pub fn step(&self, name: &str, order: &Value) -> impl Future<Output = Value> + use<> {
        let caller = std::panic::Location::caller();
        let name = name.to_owned();
        let payload = self.to_order(&name, order, json!({}));
        async move {
            let mut payload = payload.await;
            assert!(refusals(&payload).is_empty(), "{caller}: {name}: {payload}");
            payload["order"].take()
        }
    }

    /// As [`Api::step`], for a delivery.
    #[track_caller]
    pub fn carry(&self, name: &str, delivery: &Value, more: Value) -> impl Future<Output = Value> + use<> {
        let caller = std::panic::Location::caller();
        let name = name.to_owned();
        let payload = self.to_delivery(&name, delivery, more);
        async move {
            let mut payload = payload.await;
            assert!(refusals(&payload).is_empty(), "{caller}: {name}: {payload}");
            payload["delivery"].take()
        }
    }

    /// An order from the read model at `position` or later; `null` if it does not exist.
    #[track_caller]
    pub fn order(
        &self,
        order: &Value,
        selection: &str,
        position: &Value,
    ) -> impl Future<Output = Value> + use<> {
        let document = format!(
            "query($id: ID!, $at: LogPosition) {{ order(id: $id, atLeastPosition: $at) {{ {selection} }} }}"
        );
        let caller = std::panic::Location::caller();
        let answer = self.ask(&document, json!({ "id": order["id"], "at": position }));
        async move {
            let mut answer = answer.await;
            let missing = answer.body["errors"][0]["extensions"]["code"] == "NOT_FOUND";
            assert!(missing || answer.body["errors"].is_null(), "{caller}: {}", answer.body);
            answer.body["data"]["order"].take()
        }
    }

    /// Waits until an order has a status; returns it.
    #[track_caller]
    pub fn order_when(&self, order: &Value, status: &'static str) -> impl Future<Output = Value> + use<> {
        let (api, order) = (self.clone(), order.clone());
        eventually(status, move || {
            let selection = ORDER.trim_start_matches("order { ").trim_end_matches('}');
            let seen = api.order(&order, selection, &Value::Null);
            async move { Some(seen.await).filter(|seen| seen["status"] == status) }
        })
    }

    /// Waits until an order's delivery is scheduled; returns it.
    #[track_caller]
    pub fn delivery_of(&self, order: &Value) -> impl Future<Output = Value> + use<> {
        let (api, order) = (self.clone(), order.clone());
        eventually("the delivery is scheduled", move || {
            let seen = api.order(&order, "delivery { id status version position }", &Value::Null);
            async move { Some(seen.await["delivery"].take()).filter(|delivery| !delivery.is_null()) }
        })
    }

    /// A pizzeria's stock from the read model at `position` or later.
    #[track_caller]
    pub fn stock(&self, pizzeria: &str, position: &Value) -> impl Future<Output = Value> + use<> {
        let document = format!(
            "query($id: ID!, $at: LogPosition) {{ {} }}",
            STOCK.replacen("stock {", "stock(pizzeriaId: $id, atLeastPosition: $at) {", 1)
        );
        let data = self.data(&document, json!({ "id": pizzeria, "at": position }));
        async move { data.await["stock"].take() }
    }

    /// Makeable quantities of a pizza by size, with the limiting ingredient.
    #[track_caller]
    pub fn makeable(
        &self,
        pizzeria: &str,
        pizza: &'static str,
        position: &Value,
    ) -> impl Future<Output = Map<String, Value>> + use<> {
        let document = "query($id: ID!, $at: LogPosition) { menu(pizzeriaId: $id, atLeastPosition: $at) {
            pizzas { code sizes { size makeable available limitingIngredient { code } } } } }";
        let data = self.data(document, json!({ "id": pizzeria, "at": position }));
        async move {
            let data = data.await;
            let pizzas = data["menu"]["pizzas"].as_array().cloned().unwrap_or_default();
            let sizes = pizzas.iter().find(|found| found["code"] == pizza).map(|found| &found["sizes"]);
            let sizes = sizes.and_then(Value::as_array).cloned().unwrap_or_default();
            sizes
                .into_iter()
                .map(|sized| {
                    let seen = json!([sized["makeable"], sized["limitingIngredient"]["code"]]);
                    (sized["size"].as_str().unwrap_or_default().to_owned(), seen)
                })
                .collect()
        }
    }

    /// Position of the log's last event.
    #[track_caller]
    pub fn head(&self) -> impl Future<Output = i64> + use<> {
        let data = self.data("{ log { position } }", Value::Null);
        async move { position(&data.await["log"]["position"]) }
    }
}
