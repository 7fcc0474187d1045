//! Orders from placement to every possible end, and what they cost.

use chrono::{TimeDelta, Utc};
use futures_util::FutureExt;
use identity::clock::Clock;
use serde_json::{Value, json};
use tests::orders::{basket, level, pizza, refusals, side, with};
use tests::server::Server;
use tests::{Api, Demo, Shop};

const FOLLOW: &str = "subscription($id: ID!, $after: LogPosition) { orderChanged(id: $id, after: $after) {
    position event order { version status } } }";
const QUEUE: &str =
    "subscription($after: LogPosition) { kitchenQueueChanged(pizzeriaId: \"P1\", after: $after) {
    event queue { id status } order { id } } }";
const READY: &str = "subscription($after: LogPosition) { readyDeliveries(pizzeriaId: \"P1\", after: $after) {
    event delivery { status } } }";

/// Two pizzas and two drinks, delivered to the customer's address.
fn dinner() -> Value {
    basket("P1", "DELIVERY", &[pizza("MAR", "M", 1), pizza("REI", "L", 1), side("COLA", 2)])
}

async fn history(api: &Api, order: &Value, position: &Value) -> Vec<String> {
    let seen = api.order(order, "history(first: 100) { nodes { type } }", position).await;
    let nodes = seen["history"]["nodes"].as_array().unwrap().clone();
    nodes.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

/// The caller's allowed actions, each with the code of the reason if disabled.
async fn actions(api: &Api, order: &Value, position: &Value) -> Vec<(String, Option<String>)> {
    let seen = api.order(order, "allowedActions { action enabled code reason }", position).await;
    let actions = seen["allowedActions"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    actions
        .iter()
        .map(|action| {
            assert_eq!(action["enabled"].as_bool(), Some(action["reason"].is_null()), "{action}");
            assert_eq!(action["reason"].is_null(), action["code"].is_null(), "{action}");
            (text(&action["action"]).unwrap(), text(&action["code"]))
        })
        .collect()
}

#[tokio::test]
async fn followers_receive_each_step_to_the_door_once_and_in_order() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let kitchen = shop.person("pizzaiolo1.p1");
    let courier = shop.person("courier1.p1");

    let placed = customer.place(with(dinner(), json!({ "note": "🍕 שלום" }))).await;
    assert_eq!(refusals(&placed), Vec::<&str>::new());
    let order = &placed["order"];
    // 11.00 + 16.50 + 4.40, and 2.90 for the delivery.
    assert_eq!((&order["status"], &order["total"]["amount"]), (&json!("PLACED"), &json!("34.80")));
    let mut steps = customer.subscribe(FOLLOW, json!({ "id": order["id"] })).await;
    let mut seen = vec![steps.value().await];
    assert_eq!(seen[0]["event"], Value::Null);
    assert_eq!(seen[0]["order"], json!({ "version": 1, "status": "PLACED" }));
    let mut queue = kitchen.subscribe(QUEUE, json!({})).await;
    let waiting = |status: &str| json!([{ "id": order["id"], "status": status }]);
    assert_eq!(queue.value().await["queue"], waiting("PLACED"));

    kitchen.step("startPreparation", order).await;
    let started = kitchen.order(order, "preparedBy { role }", &Value::Null).await;
    assert_eq!(started["preparedBy"]["role"], "PIZZAIOLO");
    let late =
        customer.speaking("fr").to_order("cancelOrder", order, json!({ "reason": "CUSTOMER_REQUEST" })).await;
    let error = &late["userErrors"][0];
    assert_eq!(
        (refusals(&late), &error["detail"]["orderStatus"]),
        (vec!["TOO_LATE"], &json!("IN_PREPARATION"))
    );
    assert_eq!(error["message"], "Trop tard : la commande est en préparation.");
    assert_eq!(error["detail"]["allowedActions"], json!([{ "action": "PAY_ONLINE", "enabled": true }]));
    assert_eq!(late["position"], Value::Null);
    for line in [1, 2] {
        let baked = kitchen.to_order("markItemBaked", order, json!({ "line": line })).await;
        assert_eq!(baked["order"]["status"], "IN_PREPARATION", "{baked}");
    }
    kitchen.step("markOrderReady", order).await;
    let delivery = courier.delivery_of(order).await;
    assert_eq!(delivery["status"], "SCHEDULED");
    courier.carry("claimDelivery", &delivery, json!({})).await;
    courier.carry("pickUpDelivery", &delivery, json!({})).await;
    customer.order_when(order, "OUT_FOR_DELIVERY").await;

    let code = customer.order(order, "deliveryCode", &Value::Null).await["deliveryCode"].take();
    let wrong = json!({ "proof": { "code": "nope" } });
    let refused = courier.to_delivery("completeDelivery", &delivery, wrong).await;
    assert_eq!(refusals(&refused), ["BAD_CODE"]);
    assert_eq!(refused["userErrors"][0]["detail"]["triesLeft"], 4);
    let done = courier.carry("completeDelivery", &delivery, json!({ "proof": { "code": code } })).await;
    assert_eq!(done["status"], "DELIVERED");
    let paid = courier.to_order("recordPayment", order, json!({ "method": "CASH", "amount": "34.80" })).await;
    assert_eq!((refusals(&paid), &paid["order"]["due"]["amount"]), (vec![], &json!("0.00")));
    let order = &customer.order_when(order, "DELIVERED").await;

    let expected = [
        "PreparationStarted",
        "ItemBaked",
        "ItemBaked",
        "OrderReady",
        "OrderOutForDelivery",
        "OrderDelivered",
    ];
    while seen.len() < 8 {
        seen.push(steps.value().await);
    }
    let positions: Vec<i64> = seen.iter().map(|item| tests::orders::position(&item["position"])).collect();
    assert!(positions.is_sorted_by(|one, next| one < next), "{seen:?}");
    let versions: Vec<_> = seen.iter().map(|item| item["order"]["version"].as_i64().unwrap()).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7, 8]);
    let mut statuses: Vec<_> = seen[1..].iter().map(|item| item["order"]["status"].clone()).collect();
    statuses.dedup();
    assert_eq!(statuses, ["IN_PREPARATION", "READY", "OUT_FOR_DELIVERY", "DELIVERED"]);
    // The payment may be recorded before the reactor's last step.
    let followed: Vec<_> =
        seen[1..].iter().map(|item| &item["event"]).filter(|event| *event != "PaymentCaptured").collect();
    assert_eq!(followed, expected);
    let mut events = history(&customer, order, &order["position"]).await;
    events.retain(|event| event != "PaymentCaptured");
    assert_eq!(events[0], "OrderPlaced");
    assert_eq!(events[1..], expected);

    // A client that lost its connection after any item receives the rest, once.
    for (at, item) in seen.iter().enumerate() {
        let after = json!({ "id": order["id"], "after": item["position"] });
        let mut resumed = customer.subscribe(FOLLOW, after).await;
        for expected in &seen[at + 1..] {
            assert_eq!(&resumed.value().await, expected);
        }
        assert!(resumed.item().now_or_never().is_none());
    }
    // The kitchen and the counter see each step with the state of its time, live and after an interruption.
    let mut away = kitchen.subscribe(QUEUE, json!({ "after": placed["position"] })).await;
    for (event, queued) in [
        ("PreparationStarted", waiting("IN_PREPARATION")),
        ("ItemBaked", waiting("IN_PREPARATION")),
        ("ItemBaked", waiting("IN_PREPARATION")),
        ("OrderReady", json!([])),
    ] {
        let change = away.value().await;
        assert_eq!(
            (&change["event"], &change["queue"], &change["order"]["id"]),
            (&json!(event), &queued, &order["id"])
        );
        assert_eq!(change, queue.value().await);
    }
    let mut ready = courier.subscribe(READY, json!({ "after": placed["position"] })).await;
    for (event, status) in [("DeliveryScheduled", "SCHEDULED"), ("DeliveryAssigned", "ASSIGNED")] {
        assert_eq!(ready.value().await, json!({ "event": event, "delivery": { "status": status } }));
    }
}

#[tokio::test]
async fn a_failed_delivery_is_retried_and_then_returned() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let kitchen = shop.person("pizzaiolo1.p1");
    let courier = shop.person("courier1.p1");
    let order = customer.placed(dinner()).await;
    kitchen.step("startPreparation", &order).await;
    kitchen.step("markOrderReady", &order).await;
    let delivery = courier.delivery_of(&order).await;
    courier.carry("claimDelivery", &delivery, json!({})).await;
    for _ in 0..2 {
        courier.carry("pickUpDelivery", &delivery, json!({})).await;
        customer.order_when(&order, "OUT_FOR_DELIVERY").await;
        courier.carry("failDelivery", &delivery, json!({ "reason": "ABSENT" })).await;
        let seen = customer.order_when(&order, "NOT_DELIVERED").await;
        let failure = customer.order(&seen, "deliveryFailure", &Value::Null).await;
        assert_eq!(failure["deliveryFailure"], "ABSENT");
        let again = courier.carry("retryDelivery", &delivery, json!({})).await;
        assert_eq!(again["status"], "RETRY_SCHEDULED");
    }
    courier.carry("pickUpDelivery", &delivery, json!({})).await;
    customer.order_when(&order, "OUT_FOR_DELIVERY").await;
    courier.carry("failDelivery", &delivery, json!({ "reason": "REFUSED" })).await;
    assert_eq!(courier.carry("returnDelivery", &delivery, json!({})).await["status"], "RETURNED");
    customer.order_when(&order, "RETURNED").await;
    let late = customer.to_order("cancelOrder", &order, json!({ "reason": "CUSTOMER_REQUEST" })).await;
    assert_eq!(refusals(&late), ["ALREADY_CLOSED"]);
}

#[tokio::test]
async fn hands_takeaway_over_once_it_is_paid() {
    let shop = Shop::open().await;
    let reception = shop.person("receptionist1.p1");
    let kitchen = shop.person("pizzaiolo1.p1");
    let order = reception.placed(basket("P1", "TAKEAWAY", &[pizza("PEP", "S", 2)])).await;
    assert_eq!(order["total"]["amount"], "21.00");
    kitchen.step("startPreparation", &order).await;
    let early = reception.to_order("handOverOrder", &order, json!({})).await;
    assert_eq!(refusals(&early), ["WRONG_STATE"]);
    kitchen.step("markOrderReady", &order).await;
    let unpaid = reception.to_order("handOverOrder", &order, json!({})).await;
    assert_eq!(refusals(&unpaid), ["NOT_PAID"]);
    assert_eq!(unpaid["userErrors"][0]["detail"]["due"]["amount"], "21.00");

    let pay = |method: &str, amount: &str| json!({ "method": method, "amount": amount });
    let over = reception.to_order("recordPayment", &order, pay("CARD", "21.01")).await;
    assert_eq!(refusals(&over), ["OVERPAID"]);
    for (method, amount, due) in [("MEAL_VOUCHER", "8.00", "13.00"), ("CARD", "13.00", "0.00")] {
        let paid = reception.to_order("recordPayment", &order, pay(method, amount)).await;
        assert_eq!(paid["order"]["due"]["amount"], due, "{paid}");
    }
    assert_eq!(reception.step("handOverOrder", &order).await["status"], "HANDED_OVER");

    let manager = shop.person("manager.p1");
    let much = manager.to_order("refundOrder", &order, pay("CARD", "13.01")).await;
    assert_eq!(refusals(&much), ["OVER_REFUND"]);
    let back = manager.to_order("refundOrder", &order, pay("CARD", "13.00")).await;
    assert_eq!((refusals(&back), &back["order"]["paid"]["amount"]), (vec![], &json!("8.00")));
}

#[tokio::test]
async fn vat_depends_on_fulfilment_and_adds_up() {
    let shop = Shop::open().await;
    let reception = shop.person("receptionist1.p1");
    let lines = [pizza("MAR", "M", 1), side("COLA", 1), side("BEER", 1), side("ICE_CREAM", 1)];
    // 11.00 + 2.20 + 3.80 + 3.50 = 20.50. On site the soft drink and the ice cream are at 10 %.
    for fulfilment in ["ON_SITE", "TAKEAWAY"] {
        let order = reception.placed(basket("P1", fulfilment, &lines)).await;
        assert_eq!(order["total"]["amount"], "20.50");
        let selection = "vat { rate net { amount } tax { amount } gross { amount } }";
        let seen = reception.order(&order, selection, &order["position"]).await;
        insta::assert_compact_json_snapshot!(format!("vat_{}", fulfilment.to_lowercase()), seen["vat"]);
    }
}

#[tokio::test]
async fn orders_can_be_changed_and_cancelled_until_preparation_starts() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let kitchen = shop.person("pizzaiolo1.p1");
    let mozzarella = |stock: &Value| level(stock, "MOZZARELLA");

    let order = customer.placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)])).await;
    assert_eq!(mozzarella(&kitchen.stock("P1", &order["position"]).await), (9_000, 120, 8_880));
    let lines = json!({ "lines": [pizza("MAR", "M", 2), side("WATER", 1)] });
    let changed = customer.to_order("changeOrderLines", &order, lines.clone()).await;
    assert_eq!(changed["order"]["total"]["amount"], "23.80", "{changed}");
    assert_eq!(mozzarella(&kitchen.stock("P1", &changed["position"]).await), (9_000, 240, 8_760));
    let stale = with(lines.clone(), json!({ "expectedVersion": 1 }));
    let stale = customer.to_order("changeOrderLines", &order, stale).await;
    assert_eq!(refusals(&stale), ["STALE_VERSION"]);
    assert_eq!(stale["userErrors"][0]["detail"]["actualVersion"], 2);
    let none = customer.to_order("changeOrderLines", &order, json!({ "lines": [] })).await;
    assert_eq!(refusals(&none), ["EMPTY_ORDER"]);

    let free = actions(&customer, &order, &changed["position"]).await;
    assert!(free.contains(&("CHANGE_ORDER_LINES".into(), None)), "{free:?}");
    assert!(free.contains(&("CANCEL_ORDER".into(), None)), "{free:?}");
    let started = kitchen.step("startPreparation", &order).await;
    let late = actions(&customer, &order, &started["position"]).await;
    assert!(late.contains(&("CHANGE_ORDER_LINES".into(), Some("TOO_LATE".into()))), "{late:?}");
    assert!(late.contains(&("CANCEL_ORDER".into(), Some("TOO_LATE".into()))), "{late:?}");
    assert!(!late.iter().any(|(action, _)| action == "START_PREPARATION"), "{late:?}");

    let head = kitchen_head(&shop).await;
    let refused = customer.to_order("changeOrderLines", &order, lines).await;
    assert_eq!(refusals(&refused), ["TOO_LATE"]);
    assert_eq!(refused["userErrors"][0]["detail"]["orderStatus"], "IN_PREPARATION");
    let cancel = json!({ "reason": "CUSTOMER_REQUEST" });
    let refused = customer.to_order("cancelOrder", &order, cancel.clone()).await;
    assert_eq!(refusals(&refused), ["TOO_LATE"]);
    assert_eq!(
        refusals(&shop.person("receptionist1.p1").to_order("cancelOrder", &order, cancel.clone()).await),
        ["TOO_LATE"]
    );
    assert_eq!(kitchen_head(&shop).await, head, "a refusal stores nothing");

    let other = customer.placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)])).await;
    let cancelled = customer.to_order("cancelOrder", &other, cancel.clone()).await;
    assert_eq!(cancelled["order"]["status"], "CANCELLED");
    assert_eq!(mozzarella(&kitchen.stock("P1", &cancelled["position"]).await), (8_760, 0, 8_760));
    assert_eq!(refusals(&customer.to_order("cancelOrder", &other, cancel.clone()).await), ["ALREADY_CLOSED"]);
}

async fn kitchen_head(shop: &Shop) -> i64 {
    shop.person("auditor").head().await
}

#[tokio::test]
async fn a_manager_cancels_a_started_order_and_its_ingredients_are_wasted() {
    let shop = Shop::open().await;
    let manager = shop.person("manager.p1");
    let kitchen = shop.person("pizzaiolo1.p1");
    let order = manager.placed(basket("P1", "TAKEAWAY", &[pizza("CHV", "M", 1)])).await;
    let started = kitchen.step("startPreparation", &order).await;
    assert_eq!(level(&kitchen.stock("P1", &started["position"]).await, "GOAT_CHEESE"), (530, 0, 530));
    let payload = manager.to_order("cancelOrder", &order, json!({ "reason": "PIZZERIA_REQUEST" })).await;
    assert_eq!(payload["order"]["status"], "CANCELLED", "{payload}");
    assert_eq!(level(&kitchen.stock("P1", &payload["position"]).await, "GOAT_CHEESE"), (530, 0, 530));
    let document = "query($stream: ID!) { events(filter: { streamId: $stream }, last: 1) {
        nodes { type payload command actor { role } } } }";
    let data = manager.data(document, json!({ "stream": "stock:P1" })).await;
    let event = &data["events"]["nodes"][0];
    assert_eq!(
        (&event["type"], &event["command"]),
        (&json!("PreparedOrderDiscarded"), &json!("cancelOrder"))
    );
    assert_eq!(event["actor"]["role"], "MANAGER");
    assert!(event["payload"].to_string().contains("GOAT_CHEESE"), "{event}");

    // Ready, and not collected.
    let order = manager.placed(basket("P1", "TAKEAWAY", &[pizza("CHV", "M", 1)])).await;
    kitchen.step("startPreparation", &order).await;
    kitchen.step("markOrderReady", &order).await;
    let payload = manager.to_order("cancelOrder", &order, json!({ "reason": "PIZZERIA_REQUEST" })).await;
    assert_eq!(payload["order"]["status"], "CANCELLED", "{payload}");
    let data = manager.data(document, json!({ "stream": "stock:P1" })).await;
    let event = &data["events"]["nodes"][0];
    assert!(event["payload"].to_string().contains("UNCOLLECTED"), "{event}");
    let lines = json!({ "lines": [pizza("MAR", "M", 1)] });
    assert_eq!(refusals(&manager.to_order("changeOrderLines", &order, lines).await), ["TOO_LATE"]);
}

#[tokio::test]
async fn an_online_order_waits_for_its_payment() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let online = with(dinner(), json!({ "payment": "ONLINE" }));
    let order = customer.placed(online).await;
    assert_eq!(order["status"], "AWAITING_PAYMENT");
    let early = shop.person("pizzaiolo1.p1").to_order("startPreparation", &order, json!({})).await;
    assert_eq!(refusals(&early), ["WRONG_STATE"]);

    let declined = customer.to_order("payOnline", &order, json!({ "cardToken": "tok_declined" })).await;
    assert_eq!(refusals(&declined), ["PAYMENT_DECLINED"]);
    assert_eq!(declined["order"]["status"], "AWAITING_PAYMENT");
    assert_ne!(declined["position"], Value::Null);
    let card = json!({ "cardToken": "tok_visa", "idempotencyKey": "pay" });
    let paid = customer.to_order("payOnline", &order, card.clone()).await;
    assert_eq!(customer.to_order("payOnline", &order, card).await, paid);
    assert_eq!((refusals(&paid), &paid["order"]["status"]), (vec![], &json!("PLACED")));
    assert_eq!(paid["order"]["due"]["amount"], "0.00");
    assert_eq!(refusals(&customer.to_order("payOnline", &order, json!({})).await), ["OVERPAID"]);
    assert_eq!(
        history(&customer, &order, &paid["position"]).await,
        ["OrderPlaced", "PaymentDeclined", "PaymentAuthorised", "PaymentCaptured"]
    );
    let cancelled = customer.to_order("cancelOrder", &order, json!({ "reason": "CUSTOMER_REQUEST" })).await;
    assert_eq!(cancelled["order"]["paid"]["amount"], "0.00", "what was paid online goes back");
}

#[tokio::test]
async fn an_unpaid_online_order_expires_and_releases_its_ingredients() {
    let demo = Demo::create().await;
    let server = Server::start(&demo.database, Clock::system()).await;
    let customer = demo.person(&server.base, "customer1");
    let kitchen = demo.person(&server.base, "pizzaiolo1.p1");
    let online = with(dinner(), json!({ "payment": "ONLINE" }));
    let in_time = customer.placed(online.clone()).await;
    // The read model is ahead, so this process runs the timer and the next one does not.
    assert_eq!(level(&kitchen.stock("P1", &in_time["position"]).await, "COLA"), (60, 2, 58));

    // Placed by a process whose clock is eleven minutes behind: for this one, ten minutes have passed.
    #[allow(clippy::disallowed_methods)] // the clock that the test gives
    let behind = Server::start(&demo.database, Clock(|| Utc::now() - TimeDelta::minutes(11))).await;
    let order = customer.at(&behind.base).placed(online).await;
    let order = customer.order_when(&order, "EXPIRED").await;
    assert_eq!(level(&kitchen.stock("P1", &order["position"]).await, "COLA"), (60, 2, 58));
    assert_eq!(refusals(&customer.to_order("payOnline", &order, json!({})).await), ["ALREADY_CLOSED"]);
    let in_time = customer.order(&in_time, "status", &order["position"]).await;
    assert_eq!(in_time["status"], "AWAITING_PAYMENT");
}

#[tokio::test]
async fn refused_placements_name_the_reason_and_store_nothing() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let head = kitchen_head(&shop).await;
    let far = json!({ "contact": { "address": { "street": "1 quai du Vieux-Port", "postcode": "13002",
        "city": "Marseille", "latitude": 43.2965, "longitude": 5.3698 } } });
    let one = [pizza("MAR", "S", 1)];
    for (input, code) in [
        (basket("P1", "DELIVERY", &[]), "EMPTY_ORDER"),
        (basket("P1", "DELIVERY", &one), "BELOW_MINIMUM"),
        (with(dinner(), far), "OUT_OF_DELIVERY_AREA"),
        (basket("P1", "TAKEAWAY", &[pizza("XXX", "M", 1)]), "UNKNOWN_PIZZA"),
        (with(basket("P1", "TAKEAWAY", &one), json!({ "expectedTotal": "8.49" })), "PRICE_CHANGED"),
    ] {
        let payload = customer.place(input).await;
        assert_eq!((refusals(&payload), payload["position"].is_null()), (vec![code], true), "{payload}");
    }
    assert_eq!(kitchen_head(&shop).await, head);

    let pause = json!({ "pizzeriaId": "P1", "reason": "Four en panne" });
    shop.person("manager.p1").mutate("pausePizzeria", "pizzeria { id }", pause).await;
    let paused = customer.place(basket("P1", "TAKEAWAY", &one)).await;
    assert_eq!(refusals(&paused), ["PIZZERIA_CLOSED"]);
}
