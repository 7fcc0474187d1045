//! The functional check: orders go through their whole life on a live system, in a pizzeria reserved for it. Several checks
//! may run concurrently; orders that a failed check leaves open are ended by it or by the next one.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use identity::clock::Clock;
use serde_json::json;

use super::client::{Refused, Socket};
use super::steps::{Order, Steps};
use super::{POLL_DELAY, Report, Target};

/// Time within which a run must finish.
const RUN_TIMEOUT: Duration = Duration::from_secs(120);
/// Time within which a failed run must end its orders.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(30);
/// Time within which a reactor must act: schedule a delivery, or end its order.
const REACTION_TIMEOUT: Duration = Duration::from_secs(15);
/// Age from which orders of other runs are ended: longer than any run takes.
const ABANDONED_AGE: TimeDelta = TimeDelta::minutes(5);
/// More pizzas than the check's stock allows; the maximum of an order.
const REFUSED_PIZZAS: i64 = 99;
/// Left-over stock, in pizzas, beyond which most of it is wasted.
const MAX_LEFT_OVER_PIZZAS: i64 = 30;
/// States of a delivered order, in sequence.
const DELIVERED_ORDER_STATES: [&str; 5] =
    ["PLACED", "IN_PREPARATION", "READY", "OUT_FOR_DELIVERY", "DELIVERED"];

/// A run of the check.
struct Run {
    steps: Steps,
    anonymous: Target,
    clock: Clock,
    report: Report,
    /// Orders that the run has placed.
    placed: Vec<String>,
}

/// Runs the check under the unique name `run`. Failures are in the report.
pub async fn check(target: &Target, anonymous: &Target, run: &str, clock: Clock) -> Report {
    let steps = Steps { target: target.clone(), run: run.to_owned(), seen: None };
    let mut run =
        Run { steps, anonymous: anonymous.clone(), clock, report: Report::default(), placed: Vec::new() };
    let begun = Instant::now();
    let whole = tokio::time::timeout(RUN_TIMEOUT, run.whole()).await;
    if whole.is_err() {
        run.report.note("in time", begun, Err(format!("not through after {} s", RUN_TIMEOUT.as_secs())));
    }
    if run.report.cause().is_some() {
        run.clean_up().await;
    }
    run.report
}

/// Runs a step and notes its result; a failure ends the run.
macro_rules! step {
    ($run:ident, $name:expr, $result:expr) => {{
        let begun = Instant::now();
        match $result.await {
            Ok(value) => {
                $run.report.note($name, begun, Ok(value.described()));
                value
            }
            Err(cause) => {
                $run.report.note($name, begun, Err(String::from(cause)));
                return;
            }
        }
    }};
}

/// Result of a step, described in the report.
trait Described {
    fn described(&self) -> String;
}

macro_rules! described {
    ($($type:ty: |$value:ident| $text:expr;)*) => {
        $(impl Described for $type {
            fn described(&self) -> String {
                let $value = self;
                $text
            }
        })*
    };
}

described! {
    String: |text| text.clone();
    Order: |order| order.status.clone();
    (String, String): |pair| format!("{} {}", pair.0, pair.1);
    Vec<(String, i64)>: |recipe| format!("{} ingredients", recipe.len());
    (Vec<(i64, i64)>, String): |stock| format!("at {}", stock.1);
    Socket: |_socket| "its present state came".to_owned();
}

impl Run {
    async fn whole(&mut self) {
        step!(self, "open the pizzeria", self.steps.open());
        step!(self, "end what earlier runs left", self.end_abandoned());
        let pizza = step!(self, "choose from the menu", self.steps.choose());
        let recipe = step!(self, "read the recipe", self.steps.recipe(&pizza.0, &pizza.1));
        step!(self, "look after left-overs", self.tidy(&recipe));
        let before = step!(self, "count the stock", self.steps.stock(&recipe));
        let pizza = (pizza.0.as_str(), pizza.1.as_str());
        step!(self, "refuse for want of stock", self.refused(pizza));
        step!(self, "restock", self.steps.restock(&recipe, 2));
        let order = step!(self, "place an order", self.place("cancelled", "TAKEAWAY", pizza));
        let why = json!({ "reason": "OTHER" });
        step!(self, "cancel it", self.steps.step("cancelOrder", &order, why, "CANCELLED"));

        let order = step!(self, "place one for delivery", self.place("delivered", "DELIVERY", pizza));
        let mut socket = step!(self, "subscribe to it", self.subscribe(&order));
        step!(self, "pay", self.steps.step("recordPayment", &order, paid(&order), "PLACED"));
        step!(self, "start", self.steps.step("startPreparation", &order, json!({}), "IN_PREPARATION"));
        let line = json!({ "line": 1 });
        step!(self, "bake", self.steps.step("markItemBaked", &order, line, "IN_PREPARATION"));
        step!(self, "ready", self.steps.step("markOrderReady", &order, json!({}), "READY"));
        let delivery = step!(self, "its delivery is scheduled", self.delivery(&order));
        step!(self, "claim", self.steps.deliver("claimDelivery", &delivery, json!({}), "ASSIGNED"));
        step!(self, "pick up", self.steps.deliver("pickUpDelivery", &delivery, json!({}), "PICKED_UP"));
        let proof = json!({ "proof": { "photo": "functional check" } });
        step!(self, "complete", self.steps.deliver("completeDelivery", &delivery, proof, "DELIVERED"));
        step!(self, "the subscription saw it all", follow(&mut socket));
        step!(self, "the order is delivered", self.becomes(&order, "DELIVERED"));

        let order = step!(self, "place one to take away", self.place("taken-away", "TAKEAWAY", pizza));
        step!(self, "pay at the counter", self.steps.step("recordPayment", &order, paid(&order), "PLACED"));
        step!(self, "start it", self.steps.step("startPreparation", &order, json!({}), "IN_PREPARATION"));
        step!(self, "it is ready", self.steps.step("markOrderReady", &order, json!({}), "READY"));
        step!(self, "hand it over", self.steps.step("handOverOrder", &order, json!({}), "HANDED_OVER"));

        step!(self, "the stock is as before", self.compare(&recipe, &before));
        step!(self, "no sale is counted", self.no_sale());
        step!(self, "the public does not see it", self.unseen());
    }

    async fn place(&mut self, step: &str, fulfilment: &str, pizza: (&str, &str)) -> Result<Order, String> {
        let order = self.steps.place(step, fulfilment, pizza, 1).await?;
        self.placed.push(order.id.clone());
        Ok(order)
    }

    async fn end_abandoned(&mut self) -> Result<String, String> {
        let before = (self.clock.now() - ABANDONED_AGE).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let left = self.steps.left_open(&before).await?;
        for order in &left {
            self.steps.end(order).await?;
        }
        Ok(format!("{} orders", left.len()))
    }

    async fn tidy(&mut self, recipe: &[(String, i64)]) -> Result<String, String> {
        let (levels, _) = self.steps.stock(recipe).await?;
        let portions =
            levels.iter().zip(recipe).map(|((on_hand, _), (_, of_one))| on_hand / (*of_one).max(1));
        let portions = portions.min().unwrap_or(0);
        if portions <= MAX_LEFT_OVER_PIZZAS {
            return Ok("few".to_owned());
        }
        self.steps.tidy_stock(recipe, portions - MAX_LEFT_OVER_PIZZAS / 3).await?;
        Ok("thrown away".to_owned())
    }

    async fn refused(&mut self, pizza: (&str, &str)) -> Result<String, String> {
        match self.steps.place("refused", "TAKEAWAY", pizza, REFUSED_PIZZAS).await {
            Err(Refused { code: Some(code), .. }) if code == "INSUFFICIENT_STOCK" => Ok(code),
            Err(refused) => Err(refused.into()),
            Ok(order) => {
                self.placed.push(order.id);
                Err("an order of 99 pizzas was not refused".to_owned())
            }
        }
    }

    async fn subscribe(&self, order: &Order) -> Result<Socket, String> {
        let mut socket = self.steps.target.socket().await?;
        let query = "subscription FunctionalCheck($id: ID!) { orderChanged(id: $id) { order { status } } }";
        socket.subscribe(query, json!({ "id": order.id })).await?;
        let first = socket.item().await?;
        match first["orderChanged"]["order"]["status"].as_str() {
            Some(status) if status == DELIVERED_ORDER_STATES[0] => Ok(socket),
            status => Err(format!(
                "the order is {}, not {}",
                status.unwrap_or("nowhere"),
                DELIVERED_ORDER_STATES[0]
            )),
        }
    }

    /// Waits for the delivery that a reactor schedules.
    async fn delivery(&self, order: &Order) -> Result<String, String> {
        let begun = Instant::now();
        loop {
            if let (_, _, Some((delivery, _))) = self.steps.look(&order.id).await? {
                return Ok(delivery);
            }
            if begun.elapsed() > REACTION_TIMEOUT {
                return Err(format!("no delivery within {} s of READY", REACTION_TIMEOUT.as_secs()));
            }
            tokio::time::sleep(POLL_DELAY).await;
        }
    }

    async fn becomes(&self, order: &Order, wanted: &str) -> Result<String, String> {
        let begun = Instant::now();
        loop {
            let (status, ..) = self.steps.look(&order.id).await?;
            if status == wanted {
                return Ok(status);
            }
            if begun.elapsed() > REACTION_TIMEOUT {
                return Err(format!("still {status} after {} s", REACTION_TIMEOUT.as_secs()));
            }
            tokio::time::sleep(POLL_DELAY).await;
        }
    }

    async fn compare(
        &self,
        recipe: &[(String, i64)],
        (before, since): &(Vec<(i64, i64)>, String),
    ) -> Result<String, String> {
        let (now, _) = self.steps.stock(recipe).await?;
        if now == *before {
            return Ok("to the gram".to_owned());
        }
        if self.steps.disturbed(since).await? {
            return Ok("not compared: another check is at work".to_owned());
        }
        let differing = now.iter().zip(before).zip(recipe).find(|((now, before), _)| now != before);
        let ingredient = differing.map_or("?", |(_, (code, _))| code.as_str());
        Err(format!("{ingredient} differs from what it was"))
    }

    async fn no_sale(&self) -> Result<String, String> {
        let day = |days| (self.clock.now() + TimeDelta::days(days)).format("%Y-%m-%d").to_string();
        match self.steps.sales(&day(-1), &day(1)).await? {
            0 => Ok("none".to_owned()),
            days => Err(format!("sales on {days} days")),
        }
    }

    async fn unseen(&self) -> Result<String, String> {
        let data = self.anonymous.graphql("query FunctionalCheck { pizzerias { code } }", json!({})).await?;
        let mut listed = data["pizzerias"].as_array().into_iter().flatten();
        if listed.any(|pizzeria| pizzeria["code"] == super::steps::PIZZERIA) {
            return Err("its pizzeria is listed".to_owned());
        }
        Ok("not listed".to_owned())
    }

    /// Ends the run's open orders. Those that cannot be ended now are left to the next run.
    async fn clean_up(&mut self) {
        let placed = std::mem::take(&mut self.placed);
        if placed.is_empty() {
            return;
        }
        let begun = Instant::now();
        let ending = async {
            for order in &placed {
                self.steps.end(order).await?;
            }
            Ok(format!("{} orders ended", placed.len()))
        };
        let ended = tokio::time::timeout(CLEAN_UP_TIMEOUT, ending).await;
        let ended: Result<String, String> = ended.unwrap_or_else(|_| Err("not in time".to_owned()));
        self.report.note("clean up", begun, ended.map_err(|why| format!("{why}; the next run ends it")));
    }
}

fn paid(order: &Order) -> serde_json::Value {
    json!({ "method": "CASH", "amount": order.total })
}

/// Follows an order through its states by the subscription.
async fn follow(socket: &mut Socket) -> Result<String, String> {
    let following = async {
        let mut at = 0;
        while at + 1 < DELIVERED_ORDER_STATES.len() {
            let item = socket.item().await?;
            let status = item["orderChanged"]["order"]["status"].as_str().unwrap_or_default().to_owned();
            if status == DELIVERED_ORDER_STATES[at + 1] {
                at += 1;
            } else if status != DELIVERED_ORDER_STATES[at] {
                return Err(format!("{status} came after {}", DELIVERED_ORDER_STATES[at]));
            }
        }
        Ok(DELIVERED_ORDER_STATES.join(", "))
    };
    let followed = tokio::time::timeout(REACTION_TIMEOUT, following).await;
    followed.unwrap_or_else(|_| Err(format!("not all within {} s", REACTION_TIMEOUT.as_secs())))
}
