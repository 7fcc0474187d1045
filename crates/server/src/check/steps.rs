//! Steps of the functional check: one function each, by operations that clients use. Every command has an idempotency key of
//! run and step.

use serde_json::{Map, Value, json};

use super::client::{Refused, Target};

/// Code of the pizzeria that is reserved for the check.
pub(super) const PIZZERIA: &str = "CHECK";
/// Latitude of that pizzeria: near the North Pole, outside every delivery area.
const LATITUDE: f64 = 89.9;
/// Requests within which an order must end.
const MAX_ROUNDS: usize = 6;

/// An order of the check.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub id: String,
    pub status: String,
    pub total: Value,
}

impl Order {
    fn of(order: &Value) -> Result<Self, String> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let order = text(&order["id"]).zip(text(&order["status"])).map(|(id, status)| Self {
            id,
            status,
            total: order["total"]["amount"].clone(),
        });
        order.ok_or_else(|| "no order in the answer".to_owned())
    }
}

/// Client that runs the steps.
#[derive(Debug)]
pub(super) struct Steps {
    pub target: Target,
    /// Name of the run, in keys and request ids.
    pub run: String,
    /// Position of the last answer.
    pub seen: Option<String>,
}

impl Steps {
    /// Executes a command; returns its payload or the refusal.
    async fn command(
        &mut self,
        step: &str,
        name: &str,
        input: Value,
        selection: &str,
    ) -> Result<Value, Refused> {
        let kind = format!("{}{}Input", name[..1].to_ascii_uppercase(), &name[1..]);
        let query = format!(
            "mutation FunctionalCheck($input: {kind}!) {{ {name}(input: $input) {{ {selection} position userErrors {{ code message }} }} }}"
        );
        let mut fields = input.as_object().cloned().unwrap_or_else(Map::new);
        fields.insert("idempotencyKey".to_owned(), format!("{}-{step}", self.run).into());
        let data = self.target.graphql(&query, json!({ "input": fields })).await?;
        let payload = data[name].clone();
        if let Some(position) = payload["position"].as_str() {
            self.seen = Some(position.to_owned());
        }
        match payload["userErrors"].get(0) {
            Some(error) => Err(Refused {
                code: error["code"].as_str().map(str::to_owned),
                message: error["message"].as_str().unwrap_or("refused").to_owned(),
            }),
            None => Ok(payload),
        }
    }

    async fn ask(&self, query: &str, variables: Value) -> Result<Value, Refused> {
        self.target.graphql(query, variables).await
    }

    /// Opens the pizzeria unless it is open.
    pub async fn open(&mut self) -> Result<String, String> {
        let query = "query FunctionalCheck($id: ID!) { pizzeria(id: $id) { code takesOrders } }";
        match self.ask(query, json!({ "id": PIZZERIA })).await {
            Ok(data) if data["pizzeria"]["takesOrders"] == true => return Ok("was open".to_owned()),
            Ok(_) => return Err("the pizzeria of the check takes no orders".to_owned()),
            Err(refused) if refused.code.as_deref() == Some("NOT_FOUND") => {}
            Err(refused) => return Err(refused.into()),
        }
        let day = |day: &str| json!({ "day": day, "opens": "00:00", "closes": "24:00" });
        let hours = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"].map(day);
        let input = json!({
            "code": PIZZERIA, "name": "Functional check", "address": "reserved for the functional check",
            "latitude": LATITUDE, "longitude": 0.0, "hours": hours, "deliveryRadiusMetres": 1000,
            "deliveryFee": "0.00", "minimumOrder": "0.00",
        });
        match self.command("open", "openPizzeria", input, "pizzeria { code }").await {
            Ok(_) => Ok("opened".to_owned()),
            // A concurrent check opened it.
            Err(refused) if refused.code.as_deref() == Some("ALREADY_OPENED") => Ok("was open".to_owned()),
            Err(refused) => Err(refused.into()),
        }
    }

    /// Returns a pizza of the menu and a size.
    pub async fn choose(&self) -> Result<(String, String), String> {
        let query =
            "query FunctionalCheck($id: ID!) { menu(pizzeriaId: $id) { pizzas { code sizes { size } } } }";
        let data = self.ask(query, json!({ "id": PIZZERIA })).await?;
        let pizza = &data["menu"]["pizzas"][0];
        let sizes = pizza["sizes"].as_array().into_iter().flatten().filter_map(|size| size["size"].as_str());
        let size = sizes.clone().find(|size| *size == "M").or_else(|| sizes.clone().next());
        match (pizza["code"].as_str(), size) {
            (Some(code), Some(size)) => Ok((code.to_owned(), size.to_owned())),
            _ => Err("no menu is published yet: there is nothing to order".to_owned()),
        }
    }

    /// Returns the ingredients and quantities of a pizza.
    pub async fn recipe(&self, pizza: &str, size: &str) -> Result<Vec<(String, i64)>, String> {
        let query = "query FunctionalCheck($pizza: ID!, $size: PizzaSize!) { recipe(pizza: $pizza, size: $size) \
                     { ingredients { ingredient { code } quantity } } }";
        let data = self.ask(query, json!({ "pizza": pizza, "size": size })).await?;
        let lines = data["recipe"]["ingredients"].as_array().cloned().unwrap_or_default();
        let line = |line: &Value| {
            Some((line["ingredient"]["code"].as_str()?.to_owned(), line["quantity"].as_i64()?))
        };
        lines.iter().map(line).collect::<Option<_>>().ok_or_else(|| "the recipe cannot be read".to_owned())
    }

    /// Returns the stock of ingredients, on hand and reserved, and its position.
    pub async fn stock(&self, of: &[(String, i64)]) -> Result<(Vec<(i64, i64)>, String), String> {
        let query = "query FunctionalCheck($id: ID!, $at: LogPosition) { stock(pizzeriaId: $id, atLeastPosition: $at) \
                     { position levels { ingredient { code } onHand reserved } } }";
        let data = self.ask(query, json!({ "id": PIZZERIA, "at": self.seen })).await?;
        let levels = data["stock"]["levels"].as_array().cloned().unwrap_or_default();
        let level = |code: &str| {
            let found = levels.iter().find(|level| level["ingredient"]["code"] == code);
            let amount = |name: &str| found.and_then(|level| level[name].as_i64()).unwrap_or(0);
            (amount("onHand"), amount("reserved"))
        };
        let position = data["stock"]["position"].as_str().unwrap_or("0").to_owned();
        Ok((of.iter().map(|(code, _)| level(code)).collect(), position))
    }

    /// Receives the ingredients of `pizzas` pizzas.
    pub async fn restock(&mut self, recipe: &[(String, i64)], pizzas: i64) -> Result<String, String> {
        let lines = stock_lines(recipe, |quantity| quantity * pizzas);
        let input = json!({
            "pizzeriaId": PIZZERIA, "supplier": "functional check", "deliveryNote": self.run, "lines": lines,
        });
        self.command("restock", "receiveSupply", input, "stock { version }").await?;
        Ok(format!("for {pizzas} pizzas"))
    }

    /// Wastes the ingredients of `pizzas` pizzas.
    pub async fn tidy_stock(&mut self, recipe: &[(String, i64)], pizzas: i64) -> Result<(), String> {
        let lines = stock_lines(recipe, |quantity| quantity * pizzas);
        let input = json!({ "pizzeriaId": PIZZERIA, "reason": "OTHER", "lines": lines });
        Ok(self.command("tidy", "wasteIngredients", input, "stock { version }").await.map(drop)?)
    }

    /// Places an order.
    pub async fn place(
        &mut self,
        step: &str,
        fulfilment: &str,
        (pizza, size): (&str, &str),
        quantity: i64,
    ) -> Result<Order, Refused> {
        let mut input = json!({
            "pizzeriaId": PIZZERIA, "channel": "COUNTER", "fulfilment": fulfilment, "payment": "AT_COUNTER",
            "lines": [{ "item": pizza, "size": size, "quantity": quantity }],
        });
        if fulfilment == "DELIVERY" {
            let address = json!({ "street": "Functional check", "latitude": LATITUDE, "longitude": 0.0 });
            // A number that the French regulator reserves for fiction.
            input["contact"] =
                json!({ "name": "Functional check", "phone": "+33199000000", "address": address });
            input["payment"] = json!("ON_DELIVERY");
        }
        let payload = self.command(step, "placeOrder", input, "order { id status total { amount } }").await?;
        Order::of(&payload["order"]).map_err(|message| Refused { code: None, message })
    }

    /// Executes a command on an order; fails unless the order is then in `status`.
    pub async fn step(
        &mut self,
        name: &str,
        order: &Order,
        more: Value,
        status: &str,
    ) -> Result<String, String> {
        let mut input = json!({ "orderId": order.id });
        for (field, value) in more.as_object().into_iter().flatten() {
            input[field] = value.clone();
        }
        let key = format!("{name}-{}", order.id);
        let payload = self.command(&key, name, input, "order { id status total { amount } }").await?;
        let found = Order::of(&payload["order"])?.status;
        if found == status { Ok(found) } else { Err(format!("the order is {found}, not {status}")) }
    }

    /// Executes a command on a delivery; fails unless the delivery is then in `status`.
    pub async fn deliver(
        &mut self,
        name: &str,
        delivery: &str,
        more: Value,
        status: &str,
    ) -> Result<String, String> {
        let mut input = json!({ "deliveryId": delivery });
        for (field, value) in more.as_object().into_iter().flatten() {
            input[field] = value.clone();
        }
        let key = format!("{name}-{delivery}");
        let payload = self.command(&key, name, input, "delivery { status }").await?;
        let found = payload["delivery"]["status"].as_str().unwrap_or("nowhere").to_owned();
        if found == status { Ok(found) } else { Err(format!("the delivery is {found}, not {status}")) }
    }

    /// Returns an order's status, whether it is delivered, and its delivery with status.
    pub async fn look(&self, order: &str) -> Result<(String, bool, Option<(String, String)>), String> {
        let query = "query FunctionalCheck($id: ID!, $at: LogPosition) { order(id: $id, atLeastPosition: $at) \
                     { status fulfilment delivery { id status } } }";
        let data = self.ask(query, json!({ "id": order, "at": self.seen })).await?;
        let order = &data["order"];
        let status = order["status"].as_str().ok_or("no order in the answer")?.to_owned();
        let delivery = &order["delivery"];
        let delivery = delivery["id"].as_str().zip(delivery["status"].as_str());
        let delivery = delivery.map(|(id, status)| (id.to_owned(), status.to_owned()));
        Ok((status, order["fulfilment"] == "DELIVERY", delivery))
    }

    /// Returns the open orders placed before a time.
    pub async fn left_open(&self, placed_before: &str) -> Result<Vec<String>, String> {
        let query = "query FunctionalCheck($filter: OrderFilter!) { orders(filter: $filter, first: 100) { nodes { id } } }";
        let open =
            ["AWAITING_PAYMENT", "PLACED", "IN_PREPARATION", "READY", "OUT_FOR_DELIVERY", "NOT_DELIVERED"];
        // A filter by status needs a range of at most 31 days.
        let to = chrono::DateTime::parse_from_rfc3339(placed_before).map_err(|error| error.to_string())?;
        let from = (to - chrono::TimeDelta::days(30)).to_rfc3339();
        let filter =
            json!({ "pizzeriaId": PIZZERIA, "status": open, "placedFrom": from, "placedTo": placed_before });
        let data = self.ask(query, json!({ "filter": filter })).await?;
        let nodes = data["orders"]["nodes"].as_array().cloned().unwrap_or_default();
        Ok(nodes.iter().filter_map(|order| order["id"].as_str().map(str::to_owned)).collect())
    }

    /// Ends an order in any state.
    pub async fn end(&mut self, id: &str) -> Result<(), String> {
        for _ in 0..MAX_ROUNDS {
            let (status, delivered, delivery) = self.look(id).await?;
            let order = Order { id: id.to_owned(), status: status.clone(), total: Value::Null };
            match (status.as_str(), delivery) {
                ("AWAITING_PAYMENT" | "PLACED" | "IN_PREPARATION", _) => {
                    self.step("cancelOrder", &order, json!({ "reason": "OTHER" }), "CANCELLED").await?;
                }
                ("READY", _) if !delivered => {
                    self.step("cancelOrder", &order, json!({ "reason": "OTHER" }), "CANCELLED").await?;
                }
                ("READY" | "OUT_FOR_DELIVERY" | "NOT_DELIVERED", Some((delivery, status))) => {
                    let proof = json!({ "proof": { "photo": "functional check" } });
                    match status.as_str() {
                        "SCHEDULED" | "RETRY_SCHEDULED" => {
                            self.deliver("claimDelivery", &delivery, json!({}), "ASSIGNED").await?;
                        }
                        "ASSIGNED" => {
                            self.deliver("pickUpDelivery", &delivery, json!({}), "PICKED_UP").await?;
                        }
                        "PICKED_UP" => {
                            self.deliver("completeDelivery", &delivery, proof, "DELIVERED").await?;
                        }
                        "FAILED" => {
                            self.deliver("returnDelivery", &delivery, json!({}), "RETURNED").await?;
                        }
                        // The delivery is over; its order follows.
                        _ => tokio::time::sleep(super::POLL_DELAY).await,
                    }
                }
                ("READY" | "OUT_FOR_DELIVERY" | "NOT_DELIVERED", None) => {
                    tokio::time::sleep(super::POLL_DELAY).await;
                }
                _ => return Ok(()),
            }
        }
        match self.look(id).await?.0.as_str() {
            "CANCELLED" | "EXPIRED" | "DELIVERED" | "RETURNED" | "HANDED_OVER" => Ok(()),
            status => Err(format!("an order stays {status}")),
        }
    }

    /// Returns the number of days with sales of the check's pizzeria.
    pub async fn sales(&self, from: &str, to: &str) -> Result<usize, String> {
        let query = "query FunctionalCheck($id: ID!, $from: Date!, $to: Date!, $at: LogPosition) \
                     { sales(pizzeriaId: $id, from: $from, to: $to, atLeastPosition: $at) { orders } }";
        let variables = json!({ "id": PIZZERIA, "from": from, "to": to, "at": self.seen });
        let data = self.ask(query, variables).await?;
        Ok(data["sales"].as_array().map_or(0, Vec::len))
    }

    /// Returns whether another client has changed the stock since a position.
    pub async fn disturbed(&self, since: &str) -> Result<bool, String> {
        let query = "query FunctionalCheck($filter: EventFilter!) { events(filter: $filter, first: 100) { nodes { correlationId } } }";
        let filter = json!({ "streamId": format!("stock:{PIZZERIA}"), "pizzeriaId": PIZZERIA, "afterPosition": since });
        let data = self.ask(query, json!({ "filter": filter })).await?;
        let nodes = data["events"]["nodes"].as_array().cloned().unwrap_or_default();
        let ours = |id: &Value| id.as_str().is_some_and(|id| self.target.sent(id));
        Ok(nodes.iter().any(|event| !ours(&event["correlationId"])))
    }
}

fn stock_lines(recipe: &[(String, i64)], quantity: impl Fn(i64) -> i64) -> Vec<Value> {
    let line = |(code, of_one): &(String, i64)| json!({ "ingredient": code, "quantity": quantity(*of_one) });
    recipe.iter().map(line).collect()
}
