//! The schema itself, without HTTP: an order from placement to the door, what its followers see, and
//! who may do what under which key.

use std::sync::Arc;

use async_graphql::{Request, Variables};
use chrono::Utc;
use event_store::{EventStore, Follower, Settings};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use graphql::auth::{self, Account, Accounts, BrakeLimits, Brakes, Key, Passwords};
use graphql::batching::Batches;
use graphql::clock::Clock;
use graphql::context::{Caller, Services};
use graphql::demo;
use graphql::error::finish;
use graphql::kitchen::Kitchens;
use graphql::labels::Lang;
use graphql::mail::{MailSettings, Post};
use graphql::maintenance::Maintenance;
use graphql::payment::DemoPayments;
use graphql::schema::{Schema, schema};
use projections::ReadModels;
use serde_json::{Value, json};
use tests::{Database, eventually, within};

#[allow(clippy::disallowed_methods)] // the tests' clock
fn clock() -> Clock {
    Clock(Utc::now)
}

struct Api {
    schema: Schema,
    database: Database,
}

impl Api {
    async fn start() -> Self {
        let database = Database::create().await;
        let pool = database.pool.clone();
        let store = EventStore::start(pool.clone(), Settings::default());
        demo::seed(&store, clock().now()).await.unwrap();
        let follower = Follower::start(pool.clone(), &["courier_positions"]).await.unwrap();
        let read_models = ReadModels::start(pool.clone(), &follower, store.clone(), clock().0).await.unwrap();
        let key = Key::development(&pool).await.unwrap();
        let brakes = Brakes::new(pool.clone(), key.clone(), clock(), BrakeLimits::default());
        let payments = Arc::new(DemoPayments::new(pool.clone()));
        let maintenance = Maintenance::start(&pool, &follower).await.unwrap().0;
        let services = Services {
            kitchens: Kitchens::new(pool.clone()),
            stand_ins: Arc::default(),
            accounts: Accounts::of(pool.clone()),
            pool,
            store,
            follower,
            read_models,
            brakes: brakes.clone(),
            key,
            clock: clock(),
            payments,
            passwords: Passwords::start().await.unwrap(),
            post: Post::new(MailSettings::default(), brakes),
            staff_turn: Arc::default(),
            maintenance,
        };
        Self { schema: schema(services), database }
    }

    async fn account(&self, name: &str) -> Account {
        let email = format!("{name}@ocpizza.example");
        auth::account_by_email(&self.database.pool, &email).await.unwrap().unwrap()
    }

    async fn request(&self, name: Option<&str>, query: &str, variables: Value) -> (Request, Batches) {
        let actor = match name {
            Some(name) => Some(self.account(name).await.actor()),
            None => None,
        };
        let batches = Batches::default();
        let request = Request::new(query)
            .variables(Variables::from_json(variables))
            .data(Caller { actor, ..Caller::nobody(Lang::Fr, "test".into()) })
            .data(batches.loaders(&self.database.pool));
        (request, batches)
    }

    /// The answer, as JSON.
    async fn answer(&self, name: Option<&str>, query: &str, variables: Value) -> Value {
        let (request, batches) = self.request(name, query, variables).await;
        let response = batches.run(self.schema.execute(request)).await;
        serde_json::to_value(finish(response, "test")).unwrap()
    }

    /// The payload of a mutation that takes one input.
    async fn mutate(&self, name: &str, field: &str, input: Value, selection: &str) -> Value {
        let kind = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
        let query = format!(
            "mutation($input: {kind}!) {{ {field}(input: $input) \
             {{ {selection} position userErrors {{ code message field detail {{ triesLeft orderStatus \
             missing {{ ingredient {{ code }} needed available }} allowedActions {{ action enabled }} }} }} }} }}"
        );
        let answer = self.answer(Some(name), &query, json!({ "input": input })).await;
        assert_eq!(answer.get("errors"), None, "{field}: {answer}");
        answer["data"][field].clone()
    }

    /// The code of the error that an operation ends in.
    async fn error(&self, name: Option<&str>, query: &str, variables: Value) -> String {
        let answer = self.answer(name, query, variables).await;
        answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    async fn follow(&self, name: &str, query: &str, variables: Value) -> BoxStream<'static, Value> {
        let (request, batches) = self.request(Some(name), query, variables).await;
        let data = |response| serde_json::to_value(finish(response, "test")).unwrap();
        batches.run_stream(self.schema.execute_stream(request)).map(data).boxed()
    }
}

async fn next(stream: &mut BoxStream<'static, Value>) -> Value {
    within(stream.next()).await.unwrap()
}

fn order(extra: Value) -> Value {
    let mut input = json!({
        "pizzeriaId": "P1", "channel": "WEB", "fulfilment": "DELIVERY", "payment": "ON_DELIVERY",
        "lines": [{ "item": "MAR", "size": "M", "quantity": 2 }],
    });
    input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    input
}

const ORDER: &str = "order { id version status total { amount } due { amount } }";
const DELIVERY: &str = "delivery { id version status }";
const ORDER_CHANGED: &str = "subscription($id: ID!, $after: LogPosition) \
    { orderChanged(id: $id, after: $after) { position event order { status version } } }";

async fn delivery_of(api: &Api, order: &Value) -> Value {
    eventually("the delivery is scheduled", || async {
        let query = "query($id: ID!) { order(id: $id) { delivery { id } } }";
        let answer = api.answer(Some("manager.p1"), query, json!({ "id": order })).await;
        Some(answer["data"]["order"]["delivery"]["id"].clone()).filter(|id| !id.is_null())
    })
    .await
}

#[tokio::test]
async fn an_order_goes_to_the_door_and_its_followers_see_every_step_once() {
    let api = Api::start().await;
    let placed = api.mutate("customer1", "placeOrder", order(json!({ "note": "🍕 שלום" })), ORDER).await;
    assert_eq!(placed["userErrors"], json!([]));
    assert_eq!(placed["order"]["status"], "PLACED");
    let id = placed["order"]["id"].clone();

    let mut followed = api.follow("customer1", ORDER_CHANGED, json!({ "id": id })).await;
    let first = next(&mut followed).await["data"]["orderChanged"].clone();
    assert_eq!((&first["event"], &first["order"]["status"]), (&Value::Null, &json!("PLACED")));
    let mut queue = api
        .follow(
            "pizzaiolo1.p1",
            "subscription { kitchenQueueChanged(pizzeriaId: \"P1\") { position event queue { id status } order { id } } }",
            json!({}),
        )
        .await;
    let waiting = next(&mut queue).await["data"]["kitchenQueueChanged"].clone();
    assert_eq!(waiting["queue"], json!([{ "id": id, "status": "PLACED" }]), "{waiting}");

    let input = json!({ "orderId": id });
    let started = api.mutate("pizzaiolo1.p1", "startPreparation", input.clone(), ORDER).await;
    assert_eq!(started["order"]["status"], "IN_PREPARATION");
    let change = next(&mut queue).await["data"]["kitchenQueueChanged"].clone();
    assert_eq!(change["event"], "PreparationStarted");
    assert_eq!(change["queue"][0]["status"], "IN_PREPARATION");

    let reason = json!({ "orderId": id, "reason": "CUSTOMER_REQUEST" });
    let late = api.mutate("customer1", "cancelOrder", reason, ORDER).await;
    let error = &late["userErrors"][0];
    assert_eq!(
        (&error["code"], &error["detail"]["orderStatus"]),
        (&json!("TOO_LATE"), &json!("IN_PREPARATION"))
    );
    assert_eq!(error["message"], "Trop tard : la commande est en préparation.");
    assert_eq!(error["detail"]["allowedActions"], json!([{ "action": "PAY_ONLINE", "enabled": true }]));
    assert_eq!(late["position"], Value::Null);

    let baked = json!({ "orderId": id, "line": 1 });
    api.mutate("pizzaiolo1.p1", "markItemBaked", baked, ORDER).await;
    api.mutate("pizzaiolo1.p1", "markOrderReady", input.clone(), ORDER).await;
    let gone = [next(&mut queue).await, next(&mut queue).await];
    assert_eq!(gone[1]["data"]["kitchenQueueChanged"]["queue"], json!([]));

    let delivery = delivery_of(&api, &id).await;
    let input = json!({ "deliveryId": delivery });
    let (one, other) = tokio::join!(
        api.mutate("courier1.p1", "claimDelivery", input.clone(), DELIVERY),
        api.mutate("courier2.p1", "claimDelivery", input.clone(), DELIVERY),
    );
    let codes: Vec<_> = [&one, &other].iter().map(|claim| claim["userErrors"][0]["code"].clone()).collect();
    assert!(codes.contains(&Value::Null) && codes.contains(&json!("ALREADY_CLAIMED")), "{codes:?}");
    let courier = if codes[0].is_null() { "courier1.p1" } else { "courier2.p1" };

    let query = "subscription($id: ID!) { deliveryChanged(id: $id) \
        { event delivery { status } courierPosition { latitude } } }";
    let mut ride = api.follow("customer1", query, json!({ "id": delivery })).await;
    assert_eq!(next(&mut ride).await["data"]["deliveryChanged"]["delivery"]["status"], "ASSIGNED");
    let at = json!({ "deliveryId": delivery, "latitude": 48.89, "longitude": 2.34 });
    let early = api.mutate(courier, "reportCourierPosition", at.clone(), DELIVERY).await;
    assert_eq!(early["userErrors"][0]["code"], "WRONG_STATE");
    api.mutate(courier, "pickUpDelivery", input.clone(), DELIVERY).await;
    assert_eq!(next(&mut ride).await["data"]["deliveryChanged"]["event"], "DeliveryPickedUp");
    let reported = api.mutate(courier, "reportCourierPosition", at, DELIVERY).await;
    assert_eq!(reported["userErrors"], json!([]));
    assert_eq!(next(&mut ride).await["data"]["deliveryChanged"]["courierPosition"]["latitude"], 48.89);

    let wrong = json!({ "deliveryId": delivery, "proof": { "code": "nope" } });
    let wrong = api.mutate(courier, "completeDelivery", wrong, DELIVERY).await;
    assert_eq!(wrong["userErrors"][0]["code"], "BAD_CODE");
    assert_eq!(wrong["userErrors"][0]["detail"]["triesLeft"], 4);
    let name = json!({ "deliveryId": delivery, "proof": { "receivedBy": "La voisine" } });
    let completed = api.mutate(courier, "completeDelivery", name, DELIVERY).await;
    assert_eq!(completed["delivery"]["status"], "DELIVERED");
    let noted: i64 = sqlx::query_scalar("SELECT count(*) FROM contacts WHERE name = 'La voisine'")
        .fetch_one(&api.database.pool)
        .await
        .unwrap();
    assert_eq!(noted, 1);

    let steps = ["PreparationStarted", "ItemBaked", "OrderReady", "OrderOutForDelivery", "OrderDelivered"];
    let mut seen = Vec::new();
    for step in steps {
        let item = next(&mut followed).await["data"]["orderChanged"].clone();
        assert_eq!(item["event"], step);
        seen.push(item);
    }
    assert_eq!(seen[4]["order"], json!({ "status": "DELIVERED", "version": 6 }));

    // Whoever lost the connection after any item sees the rest, once.
    for (at, position) in std::iter::once(&first).chain(&seen).map(|item| &item["position"]).enumerate() {
        let mut resumed =
            api.follow("customer1", ORDER_CHANGED, json!({ "id": id, "after": position })).await;
        for expected in &seen[at..] {
            assert_eq!(&next(&mut resumed).await["data"]["orderChanged"], expected);
        }
        assert!(resumed.next().now_or_never().is_none());
    }
    followers_of_the_pizzeria_catch_up(&api, &placed["position"], &id).await;
}

/// A kitchen and a counter that were away since the order was placed see what they missed, as it was then.
async fn followers_of_the_pizzeria_catch_up(api: &Api, placed: &Value, order: &Value) {
    let query = "subscription($after: LogPosition) { kitchenQueueChanged(pizzeriaId: \"P1\", after: $after) \
        { event queue { id status } order { id } } }";
    let mut queue = api.follow("pizzaiolo1.p1", query, json!({ "after": placed })).await;
    for (event, waiting) in [
        ("PreparationStarted", json!([{ "id": order, "status": "IN_PREPARATION" }])),
        ("ItemBaked", json!([{ "id": order, "status": "IN_PREPARATION" }])),
        ("OrderReady", json!([])),
    ] {
        let expected = json!({ "event": event, "queue": waiting, "order": { "id": order } });
        assert_eq!(next(&mut queue).await["data"]["kitchenQueueChanged"], expected);
    }
    let query = "subscription($after: LogPosition) { readyDeliveries(pizzeriaId: \"P1\", after: $after) \
        { event delivery { status } } }";
    let mut ready = api.follow("courier1.p1", query, json!({ "after": placed })).await;
    for (event, status) in [("DeliveryScheduled", "SCHEDULED"), ("DeliveryAssigned", "ASSIGNED")] {
        let expected = json!({ "event": event, "delivery": { "status": status } });
        assert_eq!(next(&mut ready).await["data"]["readyDeliveries"], expected);
    }
}

#[tokio::test]
async fn a_key_answers_once_and_only_for_the_same_wish() {
    let api = Api::start().await;
    let input = order(json!({ "idempotencyKey": "k" }));
    let (one, two) = tokio::join!(
        api.mutate("customer1", "placeOrder", input.clone(), ORDER),
        api.mutate("customer1", "placeOrder", input.clone(), ORDER),
    );
    assert_eq!(one, two);
    let mut other = input.clone();
    other["lines"][0]["quantity"] = json!(3);
    let reused = api.mutate("customer1", "placeOrder", other, ORDER).await;
    assert_eq!(reused["userErrors"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
    let theirs = api.mutate("customer2", "placeOrder", input, ORDER).await;
    assert_ne!(theirs["order"]["id"], one["order"]["id"]);
}

#[tokio::test]
async fn money_is_asked_for_once_and_a_declined_card_is_told() {
    let api = Api::start().await;
    let input = order(json!({ "payment": "ONLINE" }));
    let placed = api.mutate("customer1", "placeOrder", input, ORDER).await;
    assert_eq!(placed["order"]["status"], "AWAITING_PAYMENT");
    let id = &placed["order"]["id"];
    let card = json!({ "orderId": id, "cardToken": "tok_declined" });
    let declined = api.mutate("customer1", "payOnline", card, ORDER).await;
    assert_eq!(declined["userErrors"][0]["code"], "PAYMENT_DECLINED");
    assert_eq!(declined["order"]["status"], "AWAITING_PAYMENT");
    assert_ne!(declined["position"], Value::Null);
    let key = json!({ "orderId": id, "idempotencyKey": "pay" });
    let paid = api.mutate("customer1", "payOnline", key.clone(), ORDER).await;
    assert_eq!((&paid["userErrors"], &paid["order"]["status"]), (&json!([]), &json!("PLACED")));
    assert_eq!(api.mutate("customer1", "payOnline", key, ORDER).await, paid);
    let again = api.mutate("customer1", "payOnline", json!({ "orderId": id }), ORDER).await;
    assert_eq!(again["userErrors"][0]["code"], "OVERPAID");
}

#[tokio::test]
async fn what_is_not_ones_own_is_denied_and_bad_input_changes_nothing() {
    let api = Api::start().await;
    let placed = api.mutate("customer1", "placeOrder", order(json!({})), ORDER).await;
    let id = &placed["order"]["id"];
    let head = || async { event_store::log::head(&api.database.pool).await.unwrap() };
    let before = head().await;
    let cancel = "mutation($id: ID!) { cancelOrder(input: { orderId: $id, reason: OTHER }) { position } }";
    let variables = json!({ "id": id });
    for (name, code) in [
        (None, "UNAUTHENTICATED"),
        (Some("customer2"), "NOT_FOUND"),
        (Some("receptionist1.p2"), "FORBIDDEN"),
        (Some("courier1.p1"), "FORBIDDEN"),
        (Some("auditor"), "FORBIDDEN"),
    ] {
        assert_eq!(api.error(name, cancel, variables.clone()).await, code, "{name:?}");
    }
    let unknown = json!({ "id": "order:00000000-0000-0000-0000-000000000000" });
    assert_eq!(api.error(Some("manager.p1"), cancel, unknown).await, "NOT_FOUND");
    assert_eq!(api.error(Some("manager.p1"), cancel, json!({ "id": "🍕" })).await, "BAD_USER_INPUT");

    let place = "mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { position } }";
    let line = json!({ "item": "MAR", "size": "M", "quantity": 1 });
    let bad = json!({ "lines": "nothing" });
    assert_eq!(api.error(Some("customer1"), place, json!({ "input": order(bad) })).await, "BAD_USER_INPUT");
    let told = "mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { position userErrors { code field } } }";
    for (bad, code, field) in [
        (json!({ "lines": [{ "item": "MAR", "size": "M", "quantity": -1 }] }), "INVALID_INPUT", "lines"),
        (
            json!({ "lines": [{ "item": "MAR", "size": "M", "quantity": 10_000_001 }] }),
            "ORDER_TOO_LARGE",
            "lines",
        ),
        (json!({ "lines": vec![line; 10_000] }), "ORDER_TOO_LARGE", "lines"),
        (json!({ "note": "a\u{0}b" }), "INVALID_INPUT", "note"),
        (json!({ "note": "x".repeat(501) }), "INVALID_INPUT", "note"),
        (json!({ "idempotencyKey": "" }), "INVALID_INPUT", "idempotencyKey"),
        (json!({ "idempotencyKey": "x".repeat(256) }), "INVALID_INPUT", "idempotencyKey"),
        (json!({ "expectedTotal": "-1" }), "INVALID_INPUT", "expectedTotal"),
        (
            json!({ "contact": { "address": { "latitude": 91.0, "longitude": 0.0 } } }),
            "INVALID_INPUT",
            "contact",
        ),
    ] {
        let answer = api.answer(Some("customer1"), told, json!({ "input": order(bad.clone()) })).await;
        let payload = &answer["data"]["placeOrder"];
        let error = &payload["userErrors"][0];
        assert_eq!((&error["code"], &error["field"][1]), (&json!(code), &json!(field)), "{bad}: {answer}");
        assert_eq!(payload["position"], Value::Null, "{bad}");
    }
    assert_eq!(api.error(None, place, json!({ "input": order(json!({})) })).await, "UNAUTHENTICATED");
    let elsewhere = order(json!({ "pizzeriaId": "P9" }));
    assert_eq!(api.error(Some("customer1"), place, json!({ "input": elsewhere })).await, "NOT_FOUND");
    let after = json!({ "id": id, "after": (before.0 + 1).to_string() });
    let own = json!({ "id": id });
    for (name, variables, code) in [
        ("customer1", after, "BAD_USER_INPUT"),
        ("customer2", own.clone(), "NOT_FOUND"),
        ("receptionist1.p2", own, "FORBIDDEN"),
    ] {
        let mut refused = api.follow(name, ORDER_CHANGED, variables).await;
        assert_eq!(next(&mut refused).await["errors"][0]["extensions"]["code"], code, "{name}");
    }
    assert_eq!(head().await, before);
}

#[tokio::test]
async fn a_stock_and_the_log_are_followed_by_those_who_may() {
    let api = Api::start().await;
    let query = "subscription { stockChanged(pizzeriaId: \"P1\") { position event stock { version } \
        changes { ingredient { code } onHand reserved } } }";
    let mut stock = api.follow("manager.p1", query, json!({})).await;
    assert_eq!(next(&mut stock).await["data"]["stockChanged"]["changes"], json!([]));
    let head = event_store::log::head(&api.database.pool).await.unwrap();
    let query = "subscription($after: LogPosition) \
        { eventAppended(after: $after) { event { type stream { type id } } } }";
    let mut events = api.follow("manager.p1", query, json!({ "after": head.to_string() })).await;
    let query = "mutation($input: WasteIngredientsInput!) { wasteIngredients(input: $input) { position } }";
    let denied = json!({ "input": { "pizzeriaId": "P2", "reason": "SPOILED", "lines": [] } });
    assert_eq!(api.error(Some("manager.p1"), query, denied).await, "FORBIDDEN");

    let lines = json!([{ "ingredient": "GOAT_CHEESE", "quantity": 60 }]);
    for (name, pizzeria) in [("manager.p2", "P2"), ("manager.p1", "P1")] {
        let input = json!({ "pizzeriaId": pizzeria, "reason": "SPOILED", "lines": lines });
        let wasted = api.mutate(name, "wasteIngredients", input, "stock { version }").await;
        assert_eq!(wasted["userErrors"], json!([]));
    }
    let change = next(&mut stock).await["data"]["stockChanged"].clone();
    assert_eq!(change["event"], "IngredientsWasted");
    assert_eq!(
        change["changes"],
        json!([{ "ingredient": { "code": "GOAT_CHEESE" }, "onHand": -60, "reserved": 0 }])
    );
    let event = next(&mut events).await["data"]["eventAppended"]["event"].clone();
    assert_eq!(
        event,
        json!({ "type": "IngredientsWasted", "stream": { "type": "STOCK", "id": "stock:P1" } })
    );
}
