//! Load during the manual: customers who order, and a subscriber of the log. As the API asks of clients, temporary
//! failures are repeated under the same key at any process, and an interrupted subscription resumes after its last
//! position.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tests::orders::{basket, position, refusals, side, with};
use tests::{Api, Item, eventually};
use tokio::task::JoinHandle;

const CUSTOMERS: usize = 4;
/// Delay between a customer's orders: the rate of a busy evening, below the limits of an account.
const PACE: Duration = Duration::from_millis(100);
/// Delay between tries without an answer.
const PAUSE: Duration = Duration::from_millis(50);
const EVENTS: &str = "subscription($after: LogPosition) { eventAppended(after: $after) { position } }";
const PASSWORD: &str = "seize ingrédients";

/// Running load.
#[derive(Debug)]
pub struct Load {
    over: Arc<AtomicBool>,
    customers: Vec<JoinHandle<Vec<i64>>>,
    follower: JoinHandle<(i64, Vec<i64>)>,
    reader: Api,
    bases: Arc<Vec<String>>,
}

/// Results of the load.
#[derive(Debug)]
pub struct Report {
    /// Positions of acknowledged orders.
    pub acknowledged: Vec<i64>,
    /// The position after which the subscription started, and those that it received.
    pub seen: (i64, Vec<i64>),
}

impl Report {
    /// Asserts that no acknowledged order is missing, and that the subscription missed and repeated nothing.
    pub fn check(&self) {
        let (start, seen) = &self.seen;
        let wanted: Vec<i64> = (start + 1..=seen.last().copied().unwrap_or(*start)).collect();
        assert_eq!(*seen, wanted, "the subscription lost or repeated items");
        for position in &self.acknowledged {
            assert!(
                seen.binary_search(position).is_ok(),
                "{position} was acknowledged, and is not in the log"
            );
        }
        assert!(self.acknowledged.len() > CUSTOMERS, "hardly anything was ordered");
    }
}

/// Repeats a request at the processes until one gives a final answer.
async fn ask(api: &Api, bases: &[String], document: &str, variables: &Value) -> Value {
    let mut at = 0;
    eventually("an answer", || {
        let base = &bases[at % bases.len()];
        at += 1;
        async move {
            let tried = api.at(base).try_ask(document, variables.clone()).await;
            if let Ok(answer) = tried {
                let error = &answer.body["errors"][0];
                if error.is_null() && !answer.body["data"].is_null() {
                    return Some(answer.data());
                }
                let retryable = error["extensions"]["retryable"] == true;
                assert!(retryable || error.is_null(), "{} {}", answer.status, answer.body);
            }
            tokio::time::sleep(PAUSE).await;
            None
        }
    })
    .await
}

async fn order(customer: Api, bases: Arc<Vec<String>>, over: Arc<AtomicBool>, name: String) -> Vec<i64> {
    let document = Api::mutation("placeOrder", "order { id }");
    let mut positions = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let key = json!({ "idempotencyKey": format!("{name}-{}", positions.len()) });
        let input = with(basket("P1", "TAKEAWAY", &[side("WATER", 1)]), key);
        let mut data = ask(&customer, &bases, &document, &json!({ "input": input })).await;
        let payload = data["placeOrder"].take();
        assert_eq!(refusals(&payload), Vec::<&str>::new());
        positions.push(position(&payload["position"]));
        tokio::time::sleep(PACE).await;
    }
    positions
}

async fn follow(reader: Api, bases: Arc<Vec<String>>, over: Arc<AtomicBool>, start: i64) -> (i64, Vec<i64>) {
    let mut seen: Vec<i64> = Vec::new();
    let mut at = 0;
    loop {
        let head = ask(&reader, &bases, "{ log { position } }", &Value::Null).await;
        let last = seen.last().copied().unwrap_or(start);
        if over.load(Ordering::Relaxed) && last >= position(&head["log"]["position"]) {
            return (start, seen);
        }
        let after = json!({ "after": last.to_string() });
        at += 1;
        let Ok(mut events) = reader.at(&bases[at % bases.len()]).try_subscribe(EVENTS, after).await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        // Until the connection is cut or the load has ended.
        while let Ok(item) = tokio::time::timeout(Duration::from_secs(1), events.item()).await {
            match item {
                Item::Next(value) => seen.push(position(&value["position"])),
                Item::Failed(_) | Item::Complete | Item::Gone => break,
            }
            if over.load(Ordering::Relaxed) {
                break;
            }
        }
    }
}

impl Load {
    /// Starts the load at `bases`, of which some may not respond, with a director who follows the log. `round`
    /// distinguishes the customers of several loads.
    pub async fn begin(bases: Vec<String>, director: &str, round: usize) -> Self {
        let bases = Arc::new(bases);
        let over = Arc::new(AtomicBool::new(false));
        let anonymous = Api::new(&bases[0]);
        let reader = anonymous.with_token(director);
        let head = ask(&reader, &bases, "{ log { position } }", &Value::Null).await;
        let start = position(&head["log"]["position"]);
        let follower = tokio::spawn(follow(reader.apart(), bases.clone(), over.clone(), start));
        let mut customers = Vec::new();
        for number in 0..CUSTOMERS {
            let name = format!("load-{round}-{number}");
            let input = json!({ "input": {
                "email": format!("{name}@example.org"), "password": PASSWORD, "name": name, "idempotencyKey": name
            } });
            let signed = ask(&anonymous, &bases, &Api::mutation("signUp", "token"), &input).await;
            let token = signed["signUp"]["token"].as_str().unwrap_or_else(|| panic!("{signed}"));
            let customer = anonymous.with_token(token).apart();
            customers.push(tokio::spawn(order(customer, bases.clone(), over.clone(), name)));
        }
        Self { over, customers, follower, reader, bases }
    }

    /// Waits until another order was placed.
    pub async fn goes_on(&self) {
        let head = || async {
            let data = ask(&self.reader, &self.bases, "{ log { position } }", &Value::Null).await;
            position(&data["log"]["position"])
        };
        let before = head().await;
        eventually("more orders", || async { (head().await > before + 20).then_some(()) }).await;
    }

    /// Ends the load and returns its results.
    pub async fn end(self) -> Report {
        self.over.store(true, Ordering::Relaxed);
        let mut acknowledged = Vec::new();
        for customer in self.customers {
            acknowledged.extend(
                customer.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic())),
            );
        }
        let seen =
            self.follower.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
        Report { acknowledged, seen }
    }
}
