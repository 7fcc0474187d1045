//! A day's sales: orders, VAT by rate, payments, refusals.

use identity::clock::Clock;
use serde_json::{Value, json};
use tests::Demo;
use tests::orders::{basket, pizza, side};
use tests::server::Server;

#[tokio::test]
async fn the_sales_of_a_day_add_up() {
    let demo = Demo::create().await;
    // 00:30 in Paris: sales of the evening before.
    let server = Server::start(&demo.database, Clock(|| "2026-11-23T23:30:00Z".parse().unwrap())).await;
    let person = |account: &str| demo.person(&server.base, account);
    let (reception, manager) = (person("receptionist1.p1"), person("manager.p1"));
    // 11.00 for the pizza and 2.20 for the cola, twice; one order on site.
    let lines = [pizza("MAR", "M", 1), side("COLA", 1)];
    let mut orders = Vec::new();
    for fulfilment in ["TAKEAWAY", "ON_SITE", "TAKEAWAY"] {
        orders.push(reception.placed(basket("P1", fulfilment, &lines)).await);
    }
    for (order, method) in orders.iter().zip(["CARD", "CASH"]) {
        reception.to_order("recordPayment", order, json!({ "method": method, "amount": "13.20" })).await;
    }
    reception.to_order("cancelOrder", &orders[2], json!({ "reason": "CUSTOMER_REQUEST" })).await;
    reception.place(basket("P1", "TAKEAWAY", &[pizza("CHV", "L", 9)])).await;
    let head = json!(person("auditor").head().await.to_string());

    let days = json!({ "from": "2026-11-01", "to": "2026-11-30", "at": head });
    let document = "query($from: Date!, $to: Date!, $at: LogPosition) {
        sales(pizzeriaId: \"P1\", from: $from, to: $to, atLeastPosition: $at) {
            date orders gross { amount } refused cancelled returned paidTotal { amount }
            vat { rate gross { amount } } paid { method amount { amount } } } }";
    let data = manager.data(document, days.clone()).await;
    let mut day = data["sales"][0].clone();
    assert_eq!(data["sales"].as_array().unwrap().len(), 1);
    day["paid"].as_array_mut().unwrap().sort_by_key(|paid| paid["method"].to_string());
    // The cola taken away is at 5.5 %, the one on site at 10 %.
    insta::assert_json_snapshot!(day);
    let other = document.replacen("P1", "P2", 1);
    assert_eq!(manager.ask(&other, days.clone()).await.code(), "FORBIDDEN");
    let none = person("director").data(&other, days).await;
    assert_eq!(none["sales"], Value::Array(vec![]));
}
