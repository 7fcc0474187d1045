//! Staff of the evening: pizzaioli process the kitchen queue, receptionists hand orders over, managers restock.

use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use uuid::Uuid;

use super::api::{ORDER, STOCK, list, text};
use super::{Branch, Traffic};

/// Probability of a supply per step while stock is low.
const SUPPLY: f64 = 0.3;
/// Size of a supply in thresholds: restores about the opening stock.
const REFILL: i64 = 6;

const QUEUE: &str = "query KitchenQueue($pizzeria: ID!) { kitchenQueue(pizzeriaId: $pizzeria) { \
    id number status lines { line name size baked } } }";

const READY: &str = "query Ready($pizzeria: ID!) { orders(first: 20, orderBy: PLACED_AT_ASC, \
    filter: { pizzeriaId: $pizzeria, status: [READY] }) { nodes { id number fulfilment due { amount } } } }";

const LOW: &str = "query Low($pizzeria: ID!) { stock(pizzeriaId: $pizzeria) { \
    levels(lowOnly: true) { ingredient { code } threshold } } }";

impl Traffic {
    /// Each pizzaiolo does one step: the first for the oldest order, the second for the next.
    pub(super) async fn kitchen(&mut self, branch: &Branch) {
        let Some(first) = branch.pizzaioli.first() else { return };
        let pizzeria = json!({ "pizzeria": branch.opening.pizzeria.as_str() });
        let Some(queue) = self.api.query(first, QUEUE, pizzeria).await else { return };
        let at_work = list(&queue, "/kitchenQueue").iter().filter(|order| can_be_worked_on(order));
        for (pizzaiolo, order) in branch.pizzaioli.iter().zip(at_work) {
            let (id, number) = (text(order, "/id"), text(order, "/number"));
            let in_oven =
                list(order, "/lines").iter().find(|line| line["baked"] != true && !line["size"].is_null());
            let (mutation, mut input) = match (text(order, "/status"), in_oven) {
                ("PLACED", _) => ("startPreparation", json!({ "orderId": id })),
                (_, Some(line)) => ("markItemBaked", json!({ "orderId": id, "line": line["line"] })),
                (_, None) => ("markOrderReady", json!({ "orderId": id })),
            };
            input["idempotencyKey"] = json!(Uuid::now_v7());
            if self.api.mutate(pizzaiolo, mutation, ORDER, input).await.is_some() {
                let what = match (mutation, in_oven) {
                    ("startPreparation", _) => "is being prepared".to_owned(),
                    ("markOrderReady", _) => "is ready".to_owned(),
                    (_, line) => format!("{} is baked", line.map_or("", |line| text(line, "/name"))),
                };
                self.api.tally.happened(format!("{number} {what}"));
            }
        }
    }

    /// Takes payment for the oldest order at the counter, and hands it over.
    pub(super) async fn counter(&mut self, branch: &Branch) {
        let Some(receptionist) = branch.receptionists.choose(&mut self.rng) else { return };
        let pizzeria = json!({ "pizzeria": branch.opening.pizzeria.as_str() });
        let Some(ready) = self.api.query(receptionist, READY, pizzeria).await else { return };
        let fetched = list(&ready, "/orders/nodes").iter().find(|order| order["fulfilment"] != "DELIVERY");
        let Some(order) = fetched else { return };
        let id = text(order, "/id");
        if is_due(order) {
            let input = self.payment(id, text(order, "/due/amount"));
            if self.api.mutate(receptionist, "recordPayment", ORDER, input).await.is_none() {
                return;
            }
        }
        let handed_over =
            self.api.mutate(receptionist, "handOverOrder", ORDER, json!({ "orderId": id })).await;
        if handed_over.is_some() {
            self.api.tally.happened(format!("{} handed over", text(order, "/number")));
        }
    }

    /// Records a payment of what is due, by a random method.
    pub(super) fn payment(&mut self, order: &str, amount: &str) -> Value {
        let ways = ["CARD", "CARD", "CARD", "CASH", "CASH", "MEAL_VOUCHER", "CHEQUE"];
        let method = ways[self.rng.random_range(0..ways.len())];
        json!({ "orderId": order, "method": method, "amount": amount })
    }

    /// Restocks what is low, with a certain probability.
    pub(super) async fn supplies(&mut self, branch: &Branch) {
        if !self.rng.random_bool(SUPPLY) {
            return;
        }
        let pizzeria = branch.opening.pizzeria.as_str();
        let Some(low) = self.api.query(&branch.manager, LOW, json!({ "pizzeria": pizzeria })).await else {
            return;
        };
        let levels = list(&low, "/stock/levels");
        if levels.is_empty() {
            return;
        }
        let lines: Vec<Value> = levels
            .iter()
            .map(|level| {
                let threshold = level["threshold"].as_i64().unwrap_or_default().max(1);
                json!({ "ingredient": text(level, "/ingredient/code"), "quantity": threshold * REFILL })
            })
            .collect();
        let what = levels.iter().map(|level| text(level, "/ingredient/code")).collect::<Vec<_>>().join(", ");
        let suppliers = ["Halles du Levant", "Fromagerie des Alpilles", "Primeurs Dupré"];
        let input = json!({
            "pizzeriaId": pizzeria,
            "supplier": suppliers[self.rng.random_range(0..suppliers.len())],
            "deliveryNote": format!("BL-{}", Uuid::now_v7()),
            "lines": lines,
        });
        if self.api.mutate(&branch.manager, "receiveSupply", STOCK, input).await.is_some() {
            self.api.tally.happened(format!("{pizzeria} received {what}"));
        }
    }
}

fn can_be_worked_on(order: &Value) -> bool {
    matches!(text(order, "/status"), "PLACED" | "IN_PREPARATION")
}

/// Returns whether an amount is due.
pub(super) fn is_due(order: &Value) -> bool {
    text(order, "/due/amount").parse::<f64>().is_ok_and(|due| due > 0.0)
}
