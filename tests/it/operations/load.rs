//! Clients that order without a pause, as a frontend does: each order has its own key and is repeated at any
//! process until it is answered.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::orders::{basket, position, side, with};
use tests::{Api, eventually, within};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Delay before a retry.
const PAUSE: Duration = Duration::from_millis(100);

/// Results of one client.
#[derive(Debug, Default)]
pub struct Told {
    /// Acknowledged orders: key and position.
    pub placed: Vec<(String, i64)>,
    /// Outcome and duration of each unanswered try.
    pub failed: Vec<(String, Duration)>,
}

/// Clients that order until they are stopped.
pub struct Load {
    stop: watch::Sender<bool>,
    clients: Vec<JoinHandle<Told>>,
}

impl Load {
    /// Starts the clients with enough stock. `person` manages P1 and orders there; each client has its own
    /// connections.
    pub async fn begin(clients: usize, person: &Api, bases: watch::Receiver<Vec<String>>) -> Self {
        let lines = json!([{ "ingredient": "WATER", "quantity": 100_000 }]);
        let supply = json!({
            "pizzeriaId": "P1", "supplier": "Source", "deliveryNote": uuid::Uuid::now_v7().to_string(), "lines": lines,
            "idempotencyKey": "water",
        });
        eventually("there is water", || async {
            let answer = person.try_mutate("receiveSupply", "position", supply.clone()).await;
            answer.body["data"]["receiveSupply"]["position"].is_string().then_some(())
        })
        .await;
        let (stop, stopped) = watch::channel(false);
        let clients = (0..clients)
            .map(|client| tokio::spawn(order(client, person.apart(), bases.clone(), stopped.clone())))
            .collect();
        Self { stop, clients }
    }

    /// Stops after each started order is answered.
    pub async fn end(self) -> Vec<Told> {
        self.stop.send_replace(true);
        let mut told = Vec::new();
        for client in self.clients {
            told.push(client.await.unwrap());
        }
        told
    }
}

async fn order(
    client: usize,
    person: Api,
    bases: watch::Receiver<Vec<String>>,
    stopped: watch::Receiver<bool>,
) -> Told {
    let document = Api::mutation("placeOrder", "order { id }");
    let mut told = Told::default();
    let mut number = 0;
    let mut turn = client;
    while !*stopped.borrow() {
        number += 1;
        let key = format!("load-{client}-{number}");
        let input = with(basket("P1", "TAKEAWAY", &[side("WATER", 1)]), json!({ "idempotencyKey": key }));
        let input = json!({ "input": input });
        let at = within(async {
            loop {
                turn += 1;
                let base = {
                    let bases = bases.borrow();
                    bases[turn % bases.len()].clone()
                };
                let began = Instant::now();
                let why = match person.at(&base).try_ask(&document, input.clone()).await {
                    Ok(answer) => {
                        let placed = &answer.body["data"]["placeOrder"];
                        if answer.status == 200 && answer.body["errors"].is_null() {
                            assert_eq!(placed["userErrors"], json!([]), "{}", answer.body);
                            return position(&placed["position"]);
                        }
                        let error = &answer.body["errors"][0]["extensions"];
                        // Any other error is a failed command.
                        assert_eq!(error["retryable"], true, "{} {}", answer.status, answer.body);
                        error["code"].as_str().unwrap_or_default().to_owned()
                    }
                    Err(_) => "connection".to_owned(),
                };
                told.failed.push((why, began.elapsed()));
                tokio::time::sleep(PAUSE).await;
            }
        })
        .await;
        told.placed.push((key, at));
    }
    told
}
