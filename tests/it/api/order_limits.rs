//! Limits that protect money, stock and the kitchen: payment methods, unpaid orders, card attempts, promised
//! times.

use std::sync::Arc;

use futures_util::future::join_all;
use identity::clock::Clock;
use payments::NoPayments;
use serde_json::{Value, json};
use server::app::Config;
use tests::orders::{basket, level, pizza, refusals, side, with};
use tests::server::Server;
use tests::{Api, Demo, Shop};

fn takeaway(pizzas: i64) -> Value {
    basket("P1", "TAKEAWAY", &[pizza("MAR", "M", pizzas)])
}

/// The same order by a customer on the web.
fn on_the_web(pizzas: i64) -> Value {
    with(takeaway(pizzas), json!({ "channel": "WEB" }))
}

fn cash(amount: &str) -> Value {
    json!({ "method": "CASH", "amount": amount })
}

/// A new account.
async fn fresh(api: &Api, name: &str) -> Api {
    let email = format!("{name}@example.org");
    let input = json!({ "name": name, "email": email, "password": "seven wild horses run" });
    let signed_up = api.mutate("signUp", "token", input).await;
    api.with_token(signed_up["token"].as_str().unwrap_or_else(|| panic!("{signed_up}")))
}

/// Whether an action on an order is enabled for the caller, and otherwise the code of the reason.
async fn action(api: &Api, order: &Value, name: &str, position: &Value) -> (bool, Value) {
    let seen = api.order(order, "allowedActions { action enabled code }", position).await;
    let actions = seen["allowedActions"].as_array().cloned().unwrap_or_default();
    let found = actions.into_iter().find(|action| action["action"] == name);
    let found = found.unwrap_or_else(|| panic!("no {name}: {seen}"));
    (found["enabled"] == true, found["code"].clone())
}

#[tokio::test]
async fn staff_can_not_record_online_payments_and_couriers_record_only_their_deliveries() {
    let shop = Shop::open().await;
    let (order, delivery) = crate::api::deliveries::ready(&shop).await;
    let (courier, other) = (shop.person("courier1.p1"), shop.person("courier2.p1"));
    let online = json!({ "method": "ONLINE", "amount": "1.00" });
    let reception = shop.person("receptionist1.p1");
    let refused = reception.to_order("recordPayment", &order, online.clone()).await;
    assert_eq!(refusals(&refused), ["PAYMENT_METHOD_NOT_ALLOWED"]);
    let refused = shop.person("manager.p1").to_order("refundOrder", &order, online).await;
    assert_eq!(refusals(&refused), ["PAYMENT_METHOD_NOT_ALLOWED"]);

    for courier in [&courier, &other] {
        let refused = courier.to_order("recordPayment", &order, cash("1.00")).await;
        assert_eq!(refusals(&refused), ["NOT_YOUR_DELIVERY"], "{refused}");
    }
    let claimed = courier.carry("claimDelivery", &delivery, json!({})).await;
    let at = &claimed["position"];
    assert_eq!(action(&courier, &order, "RECORD_PAYMENT", at).await, (true, Value::Null));
    assert_eq!(action(&other, &order, "RECORD_PAYMENT", at).await, (false, json!("NOT_YOUR_DELIVERY")));
    let refused = other.to_order("recordPayment", &order, cash("1.00")).await;
    assert_eq!(refusals(&refused), ["NOT_YOUR_DELIVERY"]);
    let paid = courier.to_order("recordPayment", &order, cash("1.00")).await;
    assert_eq!((refusals(&paid), &paid["order"]["paid"]["amount"]), (vec![], &json!("1.00")));
}

#[tokio::test]
async fn prepares_no_order_that_was_changed_beyond_its_payment() {
    let shop = Shop::open().await;
    let (customer, kitchen) = (shop.person("customer1"), shop.person("pizzaiolo1.p1"));
    let order = customer.placed(with(on_the_web(1), json!({ "payment": "ONLINE" }))).await;
    customer.to_order("payOnline", &order, json!({})).await;
    let lines = json!({ "lines": [pizza("MAR", "M", 8)] });
    let changed = customer.to_order("changeOrderLines", &order, lines).await;
    assert_eq!(
        (&changed["order"]["status"], &changed["order"]["due"]["amount"]),
        (&json!("PLACED"), &json!("77.00"))
    );
    let refused = kitchen.to_order("startPreparation", &order, json!({})).await;
    assert_eq!(refusals(&refused), ["NOT_PAID"]);
    assert_eq!(refused["userErrors"][0]["detail"]["due"]["amount"], "77.00");
    let at = &changed["position"];
    assert_eq!(action(&kitchen, &order, "START_PREPARATION", at).await, (false, json!("NOT_PAID")));
    let paid = customer.to_order("payOnline", &order, json!({})).await;
    assert_eq!(refusals(&paid), Vec::<&str>::new());
    kitchen.step("startPreparation", &order).await;
}

#[tokio::test]
async fn refuses_online_payment_without_a_provider() {
    let demo = Demo::create().await;
    let development = Server::start(&demo.database, Clock::system()).await;
    let production = Server::start_with(&demo.database, |config| Config {
        payments: Some(Arc::new(NoPayments)),
        ..config
    })
    .await;
    let customer = demo.person(&development.base, "customer1");
    let online = with(on_the_web(1), json!({ "payment": "ONLINE" }));
    let order = customer.placed(online.clone()).await;
    let there = customer.at(&production.base);
    let refused = there.place(with(online.clone(), json!({ "idempotencyKey": "k" }))).await;
    assert_eq!(refusals(&refused), ["ONLINE_PAYMENT_UNAVAILABLE"]);
    for token in [json!({}), json!({ "cardToken": "anything" })] {
        let refused = there.to_order("payOnline", &order, token).await;
        assert_eq!(refusals(&refused), ["ONLINE_PAYMENT_UNAVAILABLE"]);
        assert_eq!(refused["order"]["paid"]["amount"], "0.00");
    }
    let quote = "query($input: QuoteOrderInput!) { quoteOrder(input: $input) {
        acceptable paymentIntents userErrors { code } } }";
    let quoted = there.data(quote, json!({ "input": online.clone() })).await["quoteOrder"].take();
    assert_eq!(quoted["paymentIntents"], json!(["AT_COUNTER"]));
    assert_eq!(quoted["userErrors"], json!([{ "code": "ONLINE_PAYMENT_UNAVAILABLE" }]));
    let quoted = customer.data(quote, json!({ "input": online.clone() })).await["quoteOrder"].take();
    assert_eq!(
        (&quoted["paymentIntents"], &quoted["acceptable"]),
        (&json!(["ONLINE", "AT_COUNTER"]), &json!(true))
    );
    // The refusal is not final: the same key is accepted once a provider is configured.
    let accepted = customer.place(with(online, json!({ "idempotencyKey": "k" }))).await;
    assert_eq!(refusals(&accepted), Vec::<&str>::new());
}

#[tokio::test]
async fn limits_unpaid_orders_of_a_new_account_over_two_processes() {
    let demo = Demo::create().await;
    let one = Server::start(&demo.database, Clock::system()).await;
    let two = Server::start(&demo.database, Clock::system()).await;
    let account = fresh(&Api::new(&one.base), "mallory").await;
    let large = account.place(on_the_web(13)).await;
    assert_eq!(refusals(&large), ["VERIFICATION_REQUIRED"]);
    assert_eq!(large["userErrors"][0]["detail"]["max"], 12);
    let places = (0..6).map(|n| {
        let base = if n % 2 == 0 { &one.base } else { &two.base };
        account.at(base).apart().place(on_the_web(5))
    });
    let payloads = join_all(places).await;
    let accepted = payloads.iter().filter(|payload| refusals(payload).is_empty()).count();
    let refused = payloads.iter().filter(|payload| refusals(payload) == ["VERIFICATION_REQUIRED"]).count();
    assert_eq!((accepted, refused), (2, 4), "{payloads:?}");
    // Paying for one order makes room for another.
    let paid = payloads.iter().find(|payload| refusals(payload).is_empty()).unwrap();
    let reception = demo.person(&two.base, "receptionist1.p1");
    let payment = reception.to_order("recordPayment", &paid["order"], cash("55.00")).await;
    assert_eq!(refusals(&payment), Vec::<&str>::new());
    account.placed(on_the_web(5)).await;
}

#[tokio::test]
async fn limits_phone_orders_by_number_except_for_managers() {
    let shop = Shop::open().await;
    let limits = json!({ "caller": { "orders": 2, "pieces": 20 } });
    let update = json!({ "pizzeriaId": "P1", "unpaidLimits": limits });
    let selection = "pizzeria { unpaidLimits { caller { orders } account { orders } } }";
    let updated = shop.person("director").mutate("updatePizzeria", selection, update).await;
    let kept = json!({ "caller": { "orders": 2 }, "account": { "orders": 200 } });
    assert_eq!(updated["pizzeria"]["unpaidLimits"], kept);
    let reception = shop.person("receptionist1.p1");
    let call = |phone: &str| {
        let contact = json!({ "name": "Camille Martin", "phone": phone });
        with(takeaway(1), json!({ "channel": "PHONE", "contact": contact }))
    };
    reception.placed(call("06 12 34 56 78")).await;
    reception.placed(call("+33 6 12 34 56 78")).await;
    let refused = reception.place(call("0612345678")).await;
    assert_eq!(refusals(&refused), ["UNPAID_LIMIT"]);
    reception.placed(call("06 12 34 56 79")).await;
    shop.person("manager.p1").placed(call("0612345678")).await;
}

#[tokio::test]
async fn a_manager_lists_and_releases_unpaid_orders() {
    let shop = Shop::open().await;
    let (customer, manager) = (shop.person("customer1"), shop.person("manager.p1"));
    let reception = shop.person("receptionist1.p1");
    let order = || basket("P1", "TAKEAWAY", &[side("COLA", 5)]);
    let first = reception.placed(order()).await;
    let second = reception.placed(order()).await;
    let paid = reception.placed(order()).await;
    reception.to_order("recordPayment", &paid, cash("11.00")).await;
    let begun = reception.placed(order()).await;
    let begun = shop.person("pizzaiolo1.p1").step("startPreparation", &begun).await;
    let list = "query($at: LogPosition) { orders(first: 10, orderBy: NUMBER_ASC, atLeastPosition: $at,
        filter: { pizzeriaId: \"P1\", unpaidForMinutes: 0 }) { nodes { id } } }";
    let listed = manager.data(list, json!({ "at": begun["position"] })).await["orders"]["nodes"].take();
    assert_eq!(listed, json!([{ "id": first["id"] }, { "id": second["id"] }]));
    let of_an_hour = list.replace("unpaidForMinutes: 0", "unpaidForMinutes: 60");
    assert_eq!(manager.data(&of_an_hour, json!({})).await["orders"]["nodes"], json!([]));

    let ids = json!([first["id"], second["id"], paid["id"], begun["id"]]);
    let input = json!({ "pizzeriaId": "P1", "orderIds": ids });
    let before = level(&manager.stock("P1", &begun["position"]).await, "COLA");
    let released = manager.mutate("releaseUnpaidOrders", "orders { id status }", input.clone()).await;
    let statuses: Vec<_> =
        released["orders"].as_array().unwrap().iter().map(|order| order["status"].clone()).collect();
    assert_eq!(statuses, ["CANCELLED", "CANCELLED", "PLACED", "IN_PREPARATION"], "{released}");
    let after = level(&manager.stock("P1", &released["position"]).await, "COLA");
    assert_eq!(after, (before.0, before.1 - 10, before.2 + 10));
    for person in [&customer, &reception] {
        let answer = person.try_mutate("releaseUnpaidOrders", "orders { id }", input.clone()).await;
        assert_eq!(answer.code(), "FORBIDDEN");
    }
}

#[tokio::test]
async fn limits_declined_cards_to_five_an_order_and_ten_an_account() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let online = || with(on_the_web(1), json!({ "payment": "ONLINE" }));
    let declined = json!({ "cardToken": "tok_declined" });
    for order in [customer.placed(online()).await, customer.placed(online()).await] {
        for _ in 0..5 {
            let payload = customer.to_order("payOnline", &order, declined.clone()).await;
            assert_eq!(refusals(&payload), ["PAYMENT_DECLINED"]);
        }
        let payload = customer.to_order("payOnline", &order, declined.clone()).await;
        assert_eq!(refusals(&payload), ["TOO_MANY_DECLINES"]);
        assert_eq!(payload["position"], Value::Null);
    }
    let third = customer.placed(online()).await;
    let payload = customer.to_order("payOnline", &third, json!({})).await;
    assert_eq!(refusals(&payload), ["TOO_MANY_DECLINES"]);
    assert_eq!(
        (&payload["userErrors"][0]["detail"]["max"], &payload["order"]["version"]),
        (&json!(10), &json!(1))
    );
    // Another account has its own limit.
    let other = shop.person("customer2");
    let order = other.placed(online()).await;
    assert_eq!(refusals(&other.to_order("payOnline", &order, json!({})).await), Vec::<&str>::new());
}

#[tokio::test]
async fn stores_twenty_refused_orders_and_answers_the_others_alike() {
    let shop = Shop::open().await;
    let (customer, director) = (shop.person("customer1"), shop.person("director"));
    let before = director.head().await;
    for number in 1..=25 {
        let payload = customer.place(on_the_web(99)).await;
        assert_eq!(refusals(&payload), ["INSUFFICIENT_STOCK"]);
        assert!(payload["userErrors"][0]["detail"]["missing"][0]["needed"].is_number(), "{payload}");
        assert_eq!(payload["position"].is_null(), number > 20, "{number}: {payload}");
    }
    assert_eq!(director.head().await - before, 20);
}

#[tokio::test]
async fn started_orders_and_waiting_deliveries_do_not_shorten_the_promised_time() {
    let shop = Shop::open().await;
    let (reception, kitchen) = (shop.person("receptionist1.p1"), shop.person("pizzaiolo1.p1"));
    let promised = async |fulfilment: &str, at: &Value| {
        let contact =
            json!({ "address": { "street": "1 rue des Abbesses", "latitude": 48.89, "longitude": 2.34 } });
        let input = json!({ "pizzeriaId": "P1", "fulfilment": fulfilment, "contact": contact,
            "lines": [pizza("MAR", "M", 2)] });
        let document = "query($input: QuoteOrderInput!, $at: LogPosition) {
            quoteOrder(input: $input, atLeastPosition: $at) { promisedAt } }";
        let data = reception.data(document, json!({ "input": input, "at": at })).await;
        let at: chrono::DateTime<chrono::Utc> =
            serde_json::from_value(data["quoteOrder"]["promisedAt"].clone()).unwrap();
        at
    };
    let idle = promised("TAKEAWAY", &json!("1")).await;
    let mut orders = Vec::new();
    for _ in 0..12 {
        orders.push(reception.placed(takeaway(4)).await);
    }
    let waiting = promised("TAKEAWAY", &orders[11]["position"]).await;
    assert!(waiting - idle >= chrono::TimeDelta::minutes(20), "{idle} {waiting}");
    let mut at = Value::Null;
    for order in &orders {
        at = kitchen.step("startPreparation", order).await["position"].clone();
    }
    let started = promised("TAKEAWAY", &at).await;
    assert!(started >= waiting, "{waiting} {started}");

    for order in &orders {
        at = kitchen.step("markOrderReady", order).await["position"].clone();
    }
    let without_deliveries = promised("DELIVERY", &at).await;
    for _ in 0..3 {
        crate::api::deliveries::ready(&shop).await;
    }
    let at = shop.person("director").head().await.to_string();
    let with_deliveries = promised("DELIVERY", &json!(at)).await;
    assert!(
        with_deliveries - without_deliveries >= chrono::TimeDelta::minutes(5),
        "{without_deliveries} {with_deliveries}"
    );
}
