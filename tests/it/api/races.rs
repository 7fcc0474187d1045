//! Concurrent clients: one of them gets the last item, and one key places one order.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use identity::clock::Clock;
use serde_json::{Value, json};
use tests::orders::{basket, level, missing, pizza, refusals, side, with};
use tests::processes::Process;
use tests::server::Server;
use tests::{Api, Demo, Shop};

const CLIENTS: usize = 64;

/// Count of each answer.
fn tally(payloads: &[Value]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for payload in payloads {
        let answer = refusals(payload).first().map_or("accepted", |code| code);
        *tally.entry(answer.to_owned()).or_default() += 1;
    }
    tally
}

fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(answer, count)| ((*answer).to_owned(), *count)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_64_clients_gets_the_last_pizza() {
    let shop = Shop::open().await;
    let kitchen = shop.person("pizzaiolo1.p1");
    let left = json!({ "lines": [{ "ingredient": "BASIL", "quantity": 4 }] });
    let counted = kitchen.to_stock("countStock", "P1", left).await;
    assert_eq!(shop.anonymous().makeable("P1", "MAR", &counted["position"]).await["M"], json!([1, "BASIL"]));

    // Half of the clients use a second server with its own log, cache and queue.
    let other = Server::start(shop.database(), Clock::system()).await;
    let buyers = ["customer1", "customer2", "customer3", "receptionist1.p1"].map(|who| shop.person(who));
    let bases = [&shop.server.base, &other.base];
    let client = |at: usize| buyers[at / 2 % buyers.len()].apart().at(bases[at % bases.len()]);
    let clients: Vec<Api> = (0..CLIENTS).map(client).collect();
    let order = basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)]);
    let answers = join_all(clients.iter().map(|client| client.place(order.clone()))).await;
    assert_eq!(tally(&answers), counts(&[("INSUFFICIENT_STOCK", CLIENTS - 1), ("accepted", 1)]));
    for answer in answers.iter().filter(|answer| !refusals(answer).is_empty()) {
        assert_eq!(missing(answer), [("BASIL", 4, 0)]);
    }
    let head = json!(shop.person("auditor").head().await.to_string());
    assert_eq!(level(&kitchen.stock("P1", &head).await, "BASIL"), (4, 4, 0));
    // Every refusal is stored, and one order exists.
    let document = "{ placed: events(filter: { types: [\"OrderPlaced\"], afterPosition: \"0\" }, first: 100) { nodes { type } }
        refused: events(filter: { types: [\"OrderRefused\"], afterPosition: \"0\" }, first: 100) { nodes { type } } }";
    let data = shop.person("auditor").data(document, Value::Null).await;
    let stored = |what: &str| data[what]["nodes"].as_array().unwrap().len();
    assert_eq!((stored("placed"), stored("refused")), (1, CLIENTS - 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_couriers_gets_the_delivery() {
    let shop = Shop::open().await;
    let couriers = [shop.person("courier1.p1"), shop.person("courier2.p1")];
    let mut claimed_at = Value::Null;
    for _ in 0..3 {
        let (_, delivery) = crate::api::deliveries::ready(&shop).await;
        let claims =
            couriers.iter().map(|courier| courier.to_delivery("claimDelivery", &delivery, json!({})));
        let answers = join_all(claims).await;
        assert_eq!(tally(&answers), counts(&[("ALREADY_CLAIMED", 1), ("accepted", 1)]));
        claimed_at =
            answers.iter().map(|answer| answer["position"].clone()).find(|at| !at.is_null()).unwrap();
    }
    // Six claims assigned three deliveries.
    let document = "query($at: LogPosition) {
        deliveries(first: 10, filter: { status: [ASSIGNED] }, atLeastPosition: $at) { nodes { id } } }";
    let mut carried = 0;
    for courier in &couriers {
        let data = courier.data(document, json!({ "at": claimed_at })).await;
        carried += data["deliveries"]["nodes"].as_array().unwrap().len();
    }
    assert_eq!(carried, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_sent_64_times_to_two_processes_places_one_order() {
    let demo = Demo::create().await;
    let (a, b) = tokio::join!(Process::serve(&demo.database.url), Process::serve(&demo.database.url));
    let customer = demo.person(&a.base, "customer1");
    let clients: Vec<Api> =
        [&a, &b].iter().cycle().take(CLIENTS).map(|process| customer.apart().at(&process.base)).collect();
    let head = demo.person(&a.base, "auditor").head().await;
    let order = |quantity: i64| {
        with(basket("P1", "TAKEAWAY", &[side("WATER", quantity)]), json!({ "idempotencyKey": "dinner-1" }))
    };
    let answers = join_all(clients.iter().map(|client| client.place(order(1)))).await;
    assert_eq!(tally(&answers), counts(&[("accepted", CLIENTS)]));
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    assert_eq!(demo.person(&b.base, "auditor").head().await, head + 2, "one order and its reservation");

    let other = clients[1].place(order(2)).await;
    assert_eq!((refusals(&other), other["position"].is_null()), (vec!["IDEMPOTENCY_KEY_REUSED"], true));
    // Keys of different accounts are independent.
    let neighbour = demo.person(&b.base, "customer2").place(order(1)).await;
    assert_ne!(neighbour["order"]["id"], answers[0]["order"]["id"]);
    // A stored refusal is repeated too.
    let many = |client: &Api| {
        let keyed = json!({ "idempotencyKey": "dinner-2" });
        client.place(with(basket("P1", "TAKEAWAY", &[pizza("CHV", "M", 9)]), keyed))
    };
    let refused = many(&clients[0]).await;
    assert_eq!(refusals(&refused), ["INSUFFICIENT_STOCK"]);
    assert_eq!(many(&clients[1]).await, refused);
}
