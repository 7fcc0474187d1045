//! The functional check: orders go through their whole life on a live system, in the pizzeria that is reserved
//! for it. Several may run at once; what one leaves behind when it fails, it or the next one ends.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use identity::clock::Clock;
use serde_json::json;

use super::client::{Refused, Socket};
use super::steps::{Order, Steps};
use super::{AGAIN, Report, Target};

/// How long a run may take, and how long ending what it left may take then.
const WHOLE: Duration = Duration::from_secs(120);
const CLEANING: Duration = Duration::from_secs(30);
/// How long what follows by itself may take: a delivery that is scheduled, an order that its delivery ends.
const SOON: Duration = Duration::from_secs(15);
/// Orders of other runs are ended when they are older than any run gets.
const ABANDONED: TimeDelta = TimeDelta::minutes(5);
/// More pizzas than the check ever has the ingredients for; the most that an order may be of.
const TOO_MANY: i64 = 99;
/// Left-overs for more pizzas than this are thrown away, but for a few.
const MUCH: i64 = 30;
/// The states that a delivered order goes through.
const LIFE: [&str; 5] = ["PLACED", "IN_PREPARATION", "READY", "OUT_FOR_DELIVERY", "DELIVERED"];

/// A run under way.
struct Run {
    steps: Steps,
    nobody: Target,
    clock: Clock,
    report: Report,
    /// Orders that it has placed.
    placed: Vec<String>,
}

/// Carries the check out; `run` names it, and no other run. What failed is in the report.
pub async fn check(target: &Target, nobody: &Target, run: &str, clock: Clock) -> Report {
    let steps = Steps { target: target.clone(), run: run.to_owned(), seen: None };
    let mut run = Run { steps, nobody: nobody.clone(), clock, report: Report::default(), placed: Vec::new() };
    let begun = Instant::now();
    let whole = tokio::time::timeout(WHOLE, run.whole()).await;
    if whole.is_err() {
        run.report.note("in time", begun, Err(format!("not through after {} s", WHOLE.as_secs())));
    }
    if run.report.cause().is_some() {
        run.clean_up().await;
    }
    run.report
}

/// A step that must succeed: notes it, and ends the run when it fails.
macro_rules! step {
    ($run:ident, $name:expr, $result:expr) => {{
        let begun = Instant::now();
        match $result.await {
            Ok(value) => {
                $run.report.note($name, begun, Ok(describe(&value)));
                value
            }
            Err(cause) => {
                $run.report.note($name, begun, Err(String::from(cause)));
                return;
            }
        }
    }};
}

/// What a step came to, for its line.
fn describe(value: &impl Described) -> String {
    value.described()
}

trait Described {
    fn described(&self) -> String;
}

impl Described for String {
    fn described(&self) -> String {
        self.clone()
    }
}

impl Described for Order {
    fn described(&self) -> String {
        self.status.clone()
    }
}

impl Described for (String, String) {
    fn described(&self) -> String {
        format!("{} {}", self.0, self.1)
    }
}

impl Described for Vec<(String, i64)> {
    fn described(&self) -> String {
        format!("{} ingredients", self.len())
    }
}

impl Described for (Vec<(i64, i64)>, String) {
    fn described(&self) -> String {
        format!("at {}", self.1)
    }
}

impl Described for Socket {
    fn described(&self) -> String {
        "its present state came".to_owned()
    }
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
        let before = (self.clock.now() - ABANDONED).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
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
        if portions <= MUCH {
            return Ok("few".to_owned());
        }
        self.steps.tidy_stock(recipe, portions - MUCH / 3).await?;
        Ok("thrown away".to_owned())
    }

    async fn refused(&mut self, pizza: (&str, &str)) -> Result<String, String> {
        match self.steps.place("refused", "TAKEAWAY", pizza, TOO_MANY).await {
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
            Some(status) if status == LIFE[0] => Ok(socket),
            status => Err(format!("the order is {}, not {}", status.unwrap_or("nowhere"), LIFE[0])),
        }
    }

    /// Waits for the delivery that a reactor schedules.
    async fn delivery(&self, order: &Order) -> Result<String, String> {
        let begun = Instant::now();
        loop {
            if let (_, _, Some((delivery, _))) = self.steps.look(&order.id).await? {
                return Ok(delivery);
            }
            if begun.elapsed() > SOON {
                return Err(format!("no delivery within {} s of READY", SOON.as_secs()));
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn becomes(&self, order: &Order, wanted: &str) -> Result<String, String> {
        let begun = Instant::now();
        loop {
            let (status, ..) = self.steps.look(&order.id).await?;
            if status == wanted {
                return Ok(status);
            }
            if begun.elapsed() > SOON {
                return Err(format!("still {status} after {} s", SOON.as_secs()));
            }
            tokio::time::sleep(AGAIN).await;
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
        let data = self.nobody.graphql("query FunctionalCheck { pizzerias { code } }", json!({})).await?;
        let mut listed = data["pizzerias"].as_array().into_iter().flatten();
        if listed.any(|pizzeria| pizzeria["code"] == super::steps::PIZZERIA) {
            return Err("its pizzeria is listed".to_owned());
        }
        Ok("not listed".to_owned())
    }

    /// Leaves no order open. What cannot be ended now, the next run ends.
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
        let ended = tokio::time::timeout(CLEANING, ending).await;
        let ended: Result<String, String> = ended.unwrap_or_else(|_| Err("not in time".to_owned()));
        self.report.note("clean up", begun, ended.map_err(|why| format!("{why}; the next run ends it")));
    }
}

fn paid(order: &Order) -> serde_json::Value {
    json!({ "method": "CASH", "amount": order.total })
}

/// Follows an order to its end: every state of its life, in order.
async fn follow(socket: &mut Socket) -> Result<String, String> {
    let following = async {
        let mut at = 0;
        while at + 1 < LIFE.len() {
            let item = socket.item().await?;
            let status = item["orderChanged"]["order"]["status"].as_str().unwrap_or_default().to_owned();
            if status == LIFE[at + 1] {
                at += 1;
            } else if status != LIFE[at] {
                return Err(format!("{status} came after {}", LIFE[at]));
            }
        }
        Ok(LIFE.join(", "))
    };
    let followed = tokio::time::timeout(SOON, following).await;
    followed.unwrap_or_else(|_| Err(format!("not all within {} s", SOON.as_secs())))
}
