//! Couriers of the evening: they claim up to three deliveries, leave, report their position, and fail some deliveries.

use std::sync::Arc;

use rand::Rng;
use serde_json::{Value, json};

use super::api::{DELIVERY, ORDER, Person, list, text};
use super::kitchen::is_due;
use super::{Branch, Traffic};

/// Maximum deliveries that a courier carries (DOMAIN.md, Delivery).
const MAX_CARRIED: usize = 3;
/// Position reports between pick-up and arrival.
const LEGS: u32 = 2;

const DELIVERIES: &str = "query Deliveries($pizzeria: ID!) { deliveries(first: 50, filter: { pizzeriaId: $pizzeria, \
    status: [SCHEDULED, ASSIGNED, PICKED_UP, FAILED, RETRY_SCHEDULED] }) { nodes { id number status attempts \
    courier { id } contact { name address { latitude longitude } } order { id channel due { amount } } } } }";

const CODE: &str = "query Code($order: ID!) { order(id: $order) { deliveryCode } }";

impl Traffic {
    /// Each courier does one step.
    pub(super) async fn couriers(&mut self, branch: &Branch) {
        for courier in &branch.couriers {
            let pizzeria = json!({ "pizzeria": branch.opening.pizzeria.as_str() });
            let Some(data) = self.api.query(courier, DELIVERIES, pizzeria).await else { return };
            self.courier(branch, courier, list(&data, "/deliveries/nodes")).await;
        }
    }

    async fn courier(&mut self, branch: &Branch, courier: &Arc<Person>, open: &[Value]) {
        let me = format!("staff:{}", courier.account.id);
        let mine: Vec<&Value> = open.iter().filter(|delivery| text(delivery, "/courier/id") == me).collect();
        let in_state =
            |wanted: &[&str]| mine.iter().find(|delivery| wanted.contains(&text(delivery, "/status")));
        let free = open.iter().find(|delivery| delivery["courier"].is_null());

        if let Some(failed) = in_state(&["FAILED"]) {
            // One retry, then a return.
            let again = failed["attempts"].as_i64().unwrap_or_default() < 2;
            let (mutation, what) = if again {
                ("retryDelivery", "will be tried again")
            } else {
                ("returnDelivery", "brought back")
            };
            self.step(courier, failed, mutation, json!({}), what).await;
        } else if let Some(under_way) = in_state(&["PICKED_UP"]) {
            self.on_the_road(branch, courier, under_way).await;
        } else if let Some(free) = free.filter(|_| mine.len() < MAX_CARRIED) {
            let what = format!("claimed by {}", courier.account.display_name);
            self.step(courier, free, "claimDelivery", json!({}), &what).await;
        } else {
            // Nothing more to claim: leaves with everything.
            for waiting in &mine {
                self.step(courier, waiting, "pickUpDelivery", json!({}), "left the pizzeria").await;
            }
        }
    }

    async fn on_the_road(&mut self, branch: &Branch, courier: &Arc<Person>, delivery: &Value) {
        let id = text(delivery, "/id").to_owned();
        let leg = self.legs.entry(id.clone()).or_default();
        if *leg < LEGS {
            *leg += 1;
            let way = f64::from(*leg) / f64::from(LEGS);
            let start = branch.opening.place;
            let toward = |name: &str, from: f64| {
                let pointer = format!("/contact/address/{name}");
                let to = delivery.pointer(&pointer).and_then(Value::as_f64).unwrap_or(from);
                from + (to - from) * way
            };
            let position = json!({
                "deliveryId": id,
                "latitude": toward("latitude", start.latitude()),
                "longitude": toward("longitude", start.longitude()),
            });
            self.api.mutate(courier, "reportCourierPosition", "", position).await;
            return;
        }
        if self.rng.random_bool(0.12) {
            self.legs.remove(&id);
            let reason =
                json!({ "reason": if self.rng.random_bool(0.8) { "ABSENT" } else { "WRONG_ADDRESS" } });
            self.step(courier, delivery, "failDelivery", reason, "found the door shut").await;
            return;
        }
        let order = &delivery["order"];
        if is_due(order) {
            let input = self.payment(text(order, "/id"), text(order, "/due/amount"));
            self.api.mutate(courier, "recordPayment", ORDER, input).await;
        }
        let proof = self.proof(branch, delivery).await;
        if self.step(courier, delivery, "completeDelivery", json!({ "proof": proof }), "delivered").await {
            self.legs.remove(&id);
        }
    }

    /// Returns the proof: customers of the web give their code, sometimes a wrong one; others their name.
    async fn proof(&mut self, branch: &Branch, delivery: &Value) -> Value {
        if text(delivery, "/order/channel") == "WEB" {
            let order = json!({ "order": text(delivery, "/order/id") });
            let answer = self.api.query(&branch.customer, CODE, order).await.unwrap_or_default();
            let code = text(&answer, "/order/deliveryCode");
            if !code.is_empty() {
                let misheard = self.rng.random_bool(0.05);
                return json!({ "code": if misheard { "0000" } else { code } });
            }
        }
        let name = text(delivery, "/contact/name");
        json!({ "receivedBy": if name.is_empty() { "Gardien de l'immeuble" } else { name } })
    }

    /// Executes a mutation of a delivery; returns whether it succeeded.
    async fn step(
        &mut self,
        courier: &Person,
        delivery: &Value,
        mutation: &str,
        mut input: Value,
        what: &str,
    ) -> bool {
        input["deliveryId"] = delivery["id"].clone();
        let done = self.api.mutate(courier, mutation, DELIVERY, input).await.is_some();
        if done {
            self.api.tally.happened(format!("{} {what}", text(delivery, "/number")));
        }
        done
    }
}
