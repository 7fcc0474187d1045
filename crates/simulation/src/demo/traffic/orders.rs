//! Customers of the evening: their orders on the web, by phone and at the counter, and their later steps. Some requests are
//! refused, as in a real evening.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::pizzeria::Place;
use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::api::{ORDER, Person, list, text};
use super::{Branch, Traffic};
use crate::demo::people;

/// Probability of an order per step: four per minute at speed 1.
const ORDER_PROBABILITY: f64 = 0.2;
/// Pizzas considered before an unavailable one is ordered.
const MAX_CONSIDERED_PIZZAS: usize = 6;

const MENU: &str = "query Menu($pizzeria: ID!) { menu(pizzeriaId: $pizzeria) { \
    pizzas { code name sizes { size available } } drinks { code name available } desserts { code name available } } }";

/// A planned step of a customer on an order.
pub(super) struct Plan {
    /// First step at which it may happen.
    from: usize,
    customer: Arc<Person>,
    order: String,
    number: String,
    order_step: OrderStep,
}

enum OrderStep {
    PayOnline { card_token: Option<&'static str> },
    Cancel,
    ChangeLines { lines: Vec<Value> },
}

/// Lines of an order, and their description.
struct Basket {
    lines: Vec<Value>,
    words: String,
}

impl Traffic {
    pub(super) async fn customers(&mut self, branch: &Branch, step: usize) {
        self.carry_out_plans(step).await;
        if !self.rng.random_bool(ORDER_PROBABILITY) {
            return;
        }
        let pizzeria = branch.opening.pizzeria.as_str();
        let menu = self.api.query(&branch.customer, MENU, json!({ "pizzeria": pizzeria })).await;
        let Some(basket) = menu.and_then(|menu| self.basket(&menu["menu"])) else { return };
        match self.rng.random_range(0..100) {
            0..55 => self.order_on_the_web(branch, basket, step).await,
            55..80 => self.order_by_phone(branch, basket).await,
            _ => self.order_at_the_counter(branch, basket).await,
        }
    }

    async fn order_on_the_web(&mut self, branch: &Branch, basket: Basket, step: usize) {
        let delivered = self.rng.random_bool(0.75);
        let online = self.rng.random_bool(0.6);
        let payment = match (online, delivered) {
            (true, _) => "ONLINE",
            (false, true) => "ON_DELIVERY",
            (false, false) => "AT_COUNTER",
        };
        let input = json!({
            "pizzeriaId": branch.opening.pizzeria.as_str(),
            "channel": "WEB",
            "fulfilment": if delivered { "DELIVERY" } else { "TAKEAWAY" },
            "lines": basket.lines.clone(),
            "payment": payment,
        });
        let customer = branch.customer.clone();
        let Some(order) = self.place(&customer, input, "on the web", &basket).await else { return };
        let order_steps = match self.rng.random_range(0..100) {
            // Cancels.
            0..8 => vec![OrderStep::Cancel],
            8..14 => {
                // Adds one more of the first line.
                let mut lines = basket.lines;
                lines.extend(lines.first().cloned());
                vec![OrderStep::ChangeLines { lines }, OrderStep::PayOnline { card_token: None }]
            }
            // Does not pay: the order expires.
            14..26 => vec![],
            26..36 => vec![
                OrderStep::PayOnline { card_token: Some("tok_declined") },
                OrderStep::PayOnline { card_token: None },
            ],
            _ => vec![OrderStep::PayOnline { card_token: None }],
        };
        for (after, order_step) in order_steps.into_iter().enumerate() {
            if !online && matches!(order_step, OrderStep::PayOnline { .. }) {
                continue;
            }
            self.plans.push_back(Plan {
                from: step + 2 * (after + 1),
                customer: customer.clone(),
                order: text(&order, "/id").to_owned(),
                number: text(&order, "/number").to_owned(),
                order_step,
            });
        }
    }

    async fn order_by_phone(&mut self, branch: &Branch, basket: Basket) {
        let Some(receptionist) = branch.receptionists.choose(&mut self.rng).cloned() else { return };
        let rank = self.rng.random_range(0..208);
        let home = self.home(branch);
        let streets = ["rue du Thym", "rue du Laurier", "place de la Cannelle", "rue du Safran"];
        let street = streets[self.rng.random_range(0..streets.len())];
        let input = json!({
            "pizzeriaId": branch.opening.pizzeria.as_str(),
            "channel": "PHONE",
            "fulfilment": "DELIVERY",
            "lines": basket.lines.clone(),
            "payment": "ON_DELIVERY",
            "contact": {
                "name": people::name(rank),
                "phone": format!("+33 6 39 98 01 {:02}", rank % 100),
                "address": {
                    "street": format!("{} {street}", self.rng.random_range(1..80)),
                    "latitude": home.latitude(),
                    "longitude": home.longitude(),
                },
            },
        });
        self.place(&receptionist, input, "by phone", &basket).await;
    }

    async fn order_at_the_counter(&mut self, branch: &Branch, basket: Basket) {
        let Some(receptionist) = branch.receptionists.choose(&mut self.rng).cloned() else { return };
        let input = json!({
            "pizzeriaId": branch.opening.pizzeria.as_str(),
            "channel": "COUNTER",
            "fulfilment": if self.rng.random_bool(0.5) { "TAKEAWAY" } else { "ON_SITE" },
            "lines": basket.lines.clone(),
            "payment": "AT_COUNTER",
            "contact": { "name": people::name(self.rng.random_range(0..208)) },
        });
        self.place(&receptionist, input, "at the counter", &basket).await;
    }

    async fn place(&self, who: &Person, input: Value, how: &str, basket: &Basket) -> Option<Value> {
        let mut placed = self.api.mutate(who, "placeOrder", ORDER, input).await?;
        let order = placed["order"].take();
        let (number, total) = (text(&order, "/number"), text(&order, "/total/amount"));
        self.api.tally.happened(format!("{number} ordered {how}: {}, {total} €", basket.words));
        Some(order)
    }

    async fn carry_out_plans(&mut self, step: usize) {
        let (due, later): (VecDeque<Plan>, _) = self.plans.drain(..).partition(|plan| plan.from <= step);
        self.plans = later;
        for Plan { customer, order, number, order_step, .. } in due {
            let (mutation, input, what) = match order_step {
                OrderStep::PayOnline { card_token } => {
                    ("payOnline", json!({ "orderId": order, "cardToken": card_token }), "paid online")
                }
                OrderStep::Cancel => {
                    let input = json!({ "orderId": order, "reason": "CUSTOMER_REQUEST" });
                    ("cancelOrder", input, "cancelled by its customer")
                }
                OrderStep::ChangeLines { lines } => (
                    "changeOrderLines",
                    json!({ "orderId": order, "lines": lines }),
                    "changed by its customer",
                ),
            };
            if self.api.mutate(&customer, mutation, ORDER, input).await.is_some() {
                self.api.tally.happened(format!("{number} {what}"));
            }
        }
    }

    /// Chooses pizzas and a side from a menu; `None` if the menu is empty.
    fn basket(&mut self, menu: &Value) -> Option<Basket> {
        let mut basket = Basket { lines: Vec::new(), words: String::new() };
        for _ in 0..self.rng.random_range(1..=2) {
            let (pizza, size) = self.pizza(menu)?;
            // Mostly two: one alone is below the minimum for delivery.
            let quantity = if self.rng.random_bool(0.7) { 2 } else { 1 };
            let mut line = json!({ "item": text(pizza, "/code"), "size": size, "quantity": quantity });
            if self.rng.random_bool(0.15) {
                line["extras"] = json!(["MOZZARELLA"]);
            }
            basket.add(line, &format!("{quantity} {} {size}", text(pizza, "/name")));
        }
        let sides = if self.rng.random_bool(0.8) { "/drinks" } else { "/desserts" };
        if self.rng.random_bool(0.4)
            && let Some(side) = list(menu, sides).choose(&mut self.rng)
        {
            basket.add(json!({ "item": text(side, "/code"), "quantity": 1 }), text(side, "/name"));
        }
        Some(basket)
    }

    fn pizza<'a>(&mut self, menu: &'a Value) -> Option<(&'a Value, &'a str)> {
        let mut chosen = None;
        for _ in 0..MAX_CONSIDERED_PIZZAS {
            let pizza = list(menu, "/pizzas").choose(&mut self.rng)?;
            let size = list(pizza, "/sizes").choose(&mut self.rng)?;
            chosen = Some((pizza, text(size, "/size")));
            if size["available"] == true {
                break;
            }
        }
        chosen
    }

    /// Returns a random place around a pizzeria, sometimes outside its delivery area.
    fn home(&mut self, branch: &Branch) -> Place {
        // A degree of latitude is 111.2 km, one of longitude 73.2 km at 48.85° north.
        let reach = f64::from(branch.opening.radius_m) * self.rng.random_range(0.1..1.05);
        let angle = self.rng.random_range(0.0..std::f64::consts::TAU);
        let Place { lat, lon } = branch.opening.place;
        let micro = |metres: f64, metres_a_degree: f64| metres / metres_a_degree * 1e6;
        #[allow(clippy::cast_possible_truncation)] // some ten thousand millionths
        let (north, east) =
            (micro(reach * angle.sin(), 111_200.0) as i32, micro(reach * angle.cos(), 73_200.0) as i32);
        Place { lat: lat + north, lon: lon + east }
    }
}

impl Basket {
    fn add(&mut self, line: Value, words: &str) {
        self.lines.push(line);
        if !self.words.is_empty() {
            self.words.push_str(", ");
        }
        self.words.push_str(words);
    }
}
