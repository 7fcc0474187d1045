//! Reads of the past: a random history is read while it happens and again as of each position.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::DateTime;
use identity::clock::Clock;
use serde_json::{Value, json};
use tests::orders::{basket, pizza, position, side, with};
use tests::server::Server;
use tests::{Api, Demo, eventually};

/// Number of commands in the history.
const STEPS: usize = 48;

/// Fields that can be read as of a position, in one document each.
const SINGLE: &str = "query($asOf: AsOf, $order: ID!, $delivery: ID!) {
    order(id: $order, asOf: $asOf) { ...Whole }
    delivery(id: $delivery, asOf: $asOf) { ...Carried order { version status } contact { name } }
    p1: stock(pizzeriaId: \"P1\", asOf: $asOf) { ...Left }
    p2: stock(pizzeriaId: \"P2\", asOf: $asOf) { ...Left }
    menu(pizzeriaId: \"P1\", asOf: $asOf) {
        version position
        pizzas { code name allergens ingredients { code }
            sizes { size price { amount } available makeable blocked limitingIngredient { code name } } }
        drinks { code price { amount } available left } desserts { code left } extras { id available }
    }
}
fragment Left on Stock { id version position waitingOrders blocks { code size reason }
    pizzeria { version position takesOrders pause { reason until } minimumOrder { amount } }
    levels { ingredient { code name unit } onHand reserved available threshold low } }
";
/// Fragments shared by the documents.
const PARTS: &str = "
fragment Whole on Order { id number version position status statusLabel channel fulfilment payment
    lines { item name size quantity extras without unitPrice { amount } total { amount } recipeVersion baked }
    subtotal { amount } deliveryFee { amount } vat { rate gross { amount } } total { amount } paid { amount }
    due { amount } payments { kind method amount { amount } at } promisedAt promises { promisedAt givenAt }
    late placedAt expiresAt startedAt readyAt outForDeliveryAt completedAt cancelledAt cancelReason
    deliveryFailure distanceMetres pizzeria { version takesOrders pause { reason } }
    delivery { ...Carried } history(first: 20) { nodes { position type } pageInfo { hasNextPage } } }
fragment Carried on Delivery { id version position number status statusLabel orderId courier { id } attempts
    wrongCodes promisedAt scheduledAt assignedAt pickedUpAt endedAt failure proof distanceMetres
    pizzeria { position } history(first: 12) { nodes { position } } }
";
const LISTS: [&str; 2] = [
    "query($asOf: AsOf) {
        orders(first: 100, orderBy: NUMBER_ASC, asOf: $asOf) { edges { cursor node { ...Whole } }
            pageInfo { hasNextPage hasPreviousPage } }
        kitchenQueue(pizzeriaId: \"P1\", asOf: $asOf) { ...Whole }
    }",
    "query($asOf: AsOf, $from: Date!, $to: Date!) {
        deliveries(first: 100, orderBy: SCHEDULED_AT_ASC, asOf: $asOf) {
            nodes { ...Carried order { version } } pageInfo { hasNextPage } }
        sales(pizzeriaId: \"P1\", from: $from, to: $to, asOf: $asOf) {
            date position orders gross { amount } refused late cancelled returned paidTotal { amount }
            vat { rate net { amount } tax { amount } gross { amount } } paid { method amount { amount } } }
    }",
];
/// Lists with filters on fields that change.
const FILTERED: &str = "query($asOf: AsOf) {
    orders(last: 2, filter: { status: [PLACED, READY, DELIVERED], fulfilment: DELIVERY,
        placedFrom: \"2025-11-20T00:00:00Z\", placedTo: \"2025-12-15T00:00:00Z\" }, asOf: $asOf,
        orderBy: PROMISED_AT_ASC) { nodes { id status } pageInfo { hasNextPage hasPreviousPage } }
    deliveries(first: 1, filter: { status: [SCHEDULED, ASSIGNED] }, asOf: $asOf) {
        nodes { id status } pageInfo { hasNextPage hasPreviousPage } } }";

/// Seconds since 1970 by the clock of this test's server.
static NOW: AtomicI64 = AtomicI64::new(1_764_266_400);

/// Pseudo-random numbers, equal in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
    }

    fn one_of<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

struct History {
    demo: Demo,
    server: Server,
    random: Random,
    orders: Vec<Value>,
}

/// The data and the paths of failed fields, without the cost.
async fn seen(api: &Api, document: &str, variables: &Value, as_of: Value) -> Value {
    let variables = with(variables.clone(), json!({ "asOf": as_of }));
    let answer = api.ask(document, variables).await;
    let errors = answer.body["errors"].as_array().cloned().unwrap_or_default();
    let errors: Vec<_> =
        errors.iter().map(|error| json!([error["path"], error["extensions"]["code"]])).collect();
    let mut data = answer.body["data"].clone();
    without_time(&mut data);
    json!([data, errors])
}

/// Removes the `asOf` part of each id, which ids of the present do not have.
fn without_time(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(id) if name == "id" => {
                        if let Some(at) = id.find('@') {
                            id.truncate(at);
                        }
                    }
                    value => without_time(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_time),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

impl History {
    async fn begin() -> Self {
        let demo = Demo::create().await;
        let clock = Clock(|| DateTime::from_timestamp(NOW.load(Ordering::SeqCst), 0).unwrap());
        let server = Server::start(&demo.database, clock).await;
        Self { demo, server, random: Random(0x9E37_79B9_7F4A_7C15), orders: Vec::new() }
    }

    fn person(&self, account: &str) -> Api {
        self.demo.person(&self.server.base, account)
    }

    /// One random command; it may be refused.
    async fn step(&mut self) {
        NOW.fetch_add(60 * (1 + i64::try_from(self.random.below(14)).unwrap()), Ordering::SeqCst);
        let (manager, courier) = (self.person("manager.p1"), self.person("courier1.p1"));
        let quantity = i64::try_from(1 + self.random.below(4)).unwrap();
        let lines = [
            pizza(
                self.random.one_of(&["MAR", "CHV", "4FR", "SAU"]),
                self.random.one_of(&["S", "M", "L"]),
                quantity,
            ),
            side("COLA", 1),
        ];
        let order = if self.orders.is_empty() { Value::Null } else { self.random.one_of(&self.orders) };
        let money = json!({ "method": self.random.one_of(&["CASH", "CARD"]), "amount": "9.00" });
        let what = if order.is_null() { 0 } else { self.random.below(24) };
        let selection = "order { id }";
        match what {
            0..=4 => {
                let fulfilment = self.random.one_of(&["DELIVERY", "TAKEAWAY", "ON_SITE"]);
                let online = json!({ "channel": "WEB", "payment": "ONLINE" });
                let mut input = basket("P1", fulfilment, &lines);
                if what == 4 {
                    input = with(input, online);
                }
                let who =
                    if fulfilment == "DELIVERY" || what == 4 { "customer1" } else { "receptionist1.p1" };
                let mut placed = self.person(who).mutate("placeOrder", selection, input).await;
                if !placed["order"].is_null() {
                    self.orders.push(placed["order"].take());
                }
            }
            5..=7 => drop(manager.to_order("startPreparation", &order, json!({})).await),
            8..=10 => drop(manager.to_order("markOrderReady", &order, json!({})).await),
            11 => drop(manager.to_order("handOverOrder", &order, json!({})).await),
            12 | 13 => drop(manager.to_order("recordPayment", &order, money).await),
            14 => {
                drop(manager.to_order("refundOrder", &order, with(money, json!({ "amount": "3.00" }))).await)
            }
            15 => drop(manager.to_order("cancelOrder", &order, json!({ "reason": "OTHER" })).await),
            16 => drop(manager.to_order("changeOrderLines", &order, json!({ "lines": lines })).await),
            17 => {
                let grams = json!([{ "ingredient": "GOAT_CHEESE", "quantity": 100 * quantity }]);
                let name = self.random.one_of(&["wasteIngredients", "countStock"]);
                let reason = if name == "countStock" { json!({}) } else { json!({ "reason": "SPOILED" }) };
                manager.to_stock(name, "P1", with(reason, json!({ "lines": grams }))).await;
            }
            18 => {
                let block = json!({ "pizza": "MAR", "reason": "No basil" });
                if self.random.below(2) == 0 {
                    manager.to_stock("blockPizza", "P1", block).await;
                } else {
                    manager.to_stock("unblockPizza", "P1", json!({ "pizza": "MAR" })).await;
                }
            }
            19 => {
                let moved = json!([{ "ingredient": "MOZZARELLA", "quantity": 10 * quantity }]);
                let input = json!({ "fromPizzeriaId": "P1", "toPizzeriaId": "P2", "lines": moved });
                self.person("director").mutate("transferStock", "stock { version }", input).await;
            }
            20 => {
                let sizes = json!([{ "size": "M", "price": format!("{}.00", 10 + quantity),
                    "recipe": [{ "ingredient": "DOUGH", "quantity": 260 }] }]);
                let input = json!({ "pizzas": [{ "code": "ROM", "name": "Romaine", "sizes": sizes }] });
                self.person("director").mutate("publishMenu", "menu { version }", input).await;
            }
            _ => drop(self.carry(&courier).await),
        }
    }

    /// The courier's next step with a delivery, or the beginning or end of a pause.
    async fn carry(&mut self, courier: &Api) -> Value {
        let pause = self.random.below(5) == 0;
        if pause {
            let name = self.random.one_of(&["pausePizzeria", "resumePizzeria"]);
            let input = json!({ "pizzeriaId": "P1" });
            return self.person("manager.p1").mutate(name, "pizzeria { version }", input).await;
        }
        let document = "{ deliveries(first: 100) { nodes { id status } } }";
        let all = courier.data(document, Value::Null).await;
        let all = all["deliveries"]["nodes"].as_array().cloned().unwrap_or_default();
        if all.is_empty() {
            return Value::Null;
        }
        let delivery = self.random.one_of(&all);
        let name = match delivery["status"].as_str().unwrap() {
            "SCHEDULED" => "claimDelivery",
            "ASSIGNED" | "RETRY_SCHEDULED" => self.random.one_of(&["pickUpDelivery", "unassignDelivery"]),
            "PICKED_UP" => self.random.one_of(&["completeDelivery", "failDelivery"]),
            _ => self.random.one_of(&["retryDelivery", "returnDelivery"]),
        };
        let more = match name {
            "completeDelivery" => json!({ "proof": { "receivedBy": "A neighbour" } }),
            "failDelivery" => json!({ "reason": "ABSENT" }),
            _ => json!({}),
        };
        courier.to_delivery(name, &delivery, more).await
    }

    /// Variables of the documents, the same throughout.
    fn variables(&self) -> Value {
        let order = self.orders.first().map_or(json!("order:none"), |order| order["id"].clone());
        let id = order.as_str().unwrap_or_default().trim_start_matches("order:").parse();
        let delivery = id.map_or_else(
            |_| "delivery:none".to_owned(),
            |id| format!("delivery:{}", domain::ids::DeliveryId::of(domain::ids::OrderId(id))),
        );
        json!({ "order": order, "delivery": delivery, "from": "2025-11-20", "to": "2025-12-05" })
    }

    /// All documents as of now, once the log is quiet; `None` while it moves.
    async fn record(&self, auditor: &Api) -> Option<(i64, Vec<Value>)> {
        let head = auditor.head().await;
        self.settle(auditor, head).await;
        let answers = self.answers(auditor, Value::Null).await;
        (auditor.head().await == head).then_some((head, answers))
    }

    /// Waits until every read model has reached the log's head.
    async fn settle(&self, auditor: &Api, head: i64) {
        let document = "query($at: LogPosition) { kitchenQueue(pizzeriaId: \"P1\", atLeastPosition: $at) { id }
            orders(first: 1, atLeastPosition: $at) { nodes { id } } stock(pizzeriaId: \"P1\", atLeastPosition: $at) { id }
            deliveries(first: 1, atLeastPosition: $at) { nodes { id } }
            sales(pizzeriaId: \"P1\", from: \"2025-11-20\", to: \"2025-11-20\", atLeastPosition: $at) { date } }";
        auditor.data(document, json!({ "at": head.to_string() })).await;
    }

    async fn answers(&self, auditor: &Api, as_of: Value) -> Vec<Value> {
        let mut answers = Vec::new();
        let variables = self.variables();
        let single = format!("{SINGLE}{PARTS}");
        answers.push(seen(auditor, &single, &variables, as_of.clone()).await);
        for list in LISTS {
            // An unused fragment is invalid.
            let parts = if list.contains("Whole") {
                PARTS
            } else {
                &PARTS[PARTS.find("fragment Carried").unwrap()..]
            };
            answers.push(seen(auditor, &format!("{list}{parts}"), &variables, as_of.clone()).await);
        }
        answers.push(seen(auditor, FILTERED, &variables, as_of).await);
        answers
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shows_as_of_each_position_what_was_shown_then() {
    let mut history = History::begin().await;
    let auditor = history.person("auditor");
    let mut recorded: Vec<(i64, Vec<Value>)> = Vec::new();
    let mut last = 0;
    while history.orders.is_empty() {
        history.step().await;
    }
    for _ in 0..STEPS {
        let (position, answers) = {
            let history = &history;
            let auditor = &auditor;
            eventually("the log is quiet", move || async move { history.record(auditor).await }).await
        };
        if position > last {
            recorded.push((position, answers));
            last = position;
        }
        history.step().await;
    }
    assert!(recorded.len() > STEPS / 3, "{} positions", recorded.len());
    let types: i64 = sqlx::query_scalar("SELECT count(DISTINCT event_type) FROM events")
        .fetch_one(&history.demo.database.pool)
        .await
        .unwrap();
    assert!(types > 25, "a history of {types} kinds of events");
    for (position, then) in &recorded {
        let now = history.answers(&auditor, json!({ "position": position.to_string() })).await;
        for (now, then) in now.iter().zip(then) {
            assert_eq!(now, then, "as of {position}");
        }
    }
}

#[tokio::test]
async fn refuses_positions_and_instants_outside_the_log() {
    let shop = tests::Shop::open().await;
    let (auditor, reception) = (shop.person("auditor"), shop.person("receptionist1.p1"));
    let order = reception.placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)])).await;
    let placed = position(&order["position"]);
    reception.to_order("cancelOrder", &order, json!({ "reason": "OTHER" })).await;
    let head = auditor.head().await;
    let document =
        "query($id: ID!, $asOf: AsOf, $at: LogPosition) { order(id: $id, asOf: $asOf, atLeastPosition: $at) {
        status asOfPosition allowedActions { enabled reason } history(first: 9) { nodes { type } }
        pizzeria { asOfPosition } } }";
    let ask = |as_of: Value, at: Value| {
        auditor.ask(document, json!({ "id": order["id"], "asOf": as_of, "at": at }))
    };
    let then = ask(json!({ "position": placed.to_string() }), Value::Null).await.data()["order"].take();
    assert_eq!((&then["status"], &then["asOfPosition"]), (&json!("PLACED"), &json!(placed.to_string())));
    assert_eq!(then["history"]["nodes"], json!([{ "type": "OrderPlaced" }]));
    assert_eq!(then["pizzeria"]["asOfPosition"], then["asOfPosition"]);
    let now = ask(Value::Null, json!(head.to_string())).await.data()["order"].take();
    assert_eq!((&now["status"], &now["asOfPosition"]), (&json!("CANCELLED"), &Value::Null));
    // Before the placement the order does not exist; the reservation is a separate event.
    let before = ask(json!({ "position": (placed - 2).to_string() }), Value::Null).await;
    assert_eq!(before.code(), "NOT_FOUND");
    // At the instant of its recording, the event is included.
    let events = "query($id: ID!) { events(first: 1, filter: { streamId: $id }) { nodes { recordedAt } } }";
    let first =
        auditor.data(events, json!({ "id": order["id"] })).await["events"]["nodes"][0]["recordedAt"].take();
    let at = ask(json!({ "at": first }), Value::Null).await.data()["order"].take();
    assert_eq!(at["status"], "PLACED", "{at}");
    for (as_of, at) in [
        (json!({ "position": (head + 1).to_string() }), Value::Null),
        (json!({ "position": i64::MAX.to_string() }), Value::Null),
        (json!({ "at": "2100-01-01T00:00:00Z" }), Value::Null),
        (json!({ "position": "1" }), json!("1")),
        (json!({}), Value::Null),
        (json!({ "position": "1", "at": "2026-01-01T00:00:00Z" }), Value::Null),
    ] {
        let refused = ask(as_of.clone(), at).await;
        assert!(
            ["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"].contains(&refused.code()),
            "{as_of}: {}",
            refused.body
        );
    }
}

#[tokio::test]
async fn reading_the_past_needs_the_rights_of_the_present() {
    let shop = tests::Shop::open().await;
    let customer = shop.person("customer1");
    let order = customer.placed(basket("P1", "DELIVERY", &[pizza("MAR", "M", 2)])).await;
    let as_of = json!({ "position": order["position"] });
    let one = "query($id: ID!, $asOf: AsOf) { order(id: $id, asOf: $asOf) { contact { name }
        allowedActions { action enabled code reason } } }";
    let ask = |who: &str| shop.person(who).ask(one, json!({ "id": order["id"], "asOf": as_of }));
    for (who, code) in [("customer2", "NOT_FOUND"), ("receptionist1.p2", "FORBIDDEN")] {
        assert_eq!(ask(who).await.code(), code, "{who}");
    }
    let own = ask("customer1").await.data()["order"].take();
    let actions = own["allowedActions"].as_array().unwrap();
    assert!(!actions.is_empty() && own["contact"]["name"].is_string(), "{own}");
    for action in actions {
        assert_eq!((&action["enabled"], &action["code"]), (&json!(false), &Value::Null));
        assert!(action["reason"].as_str().unwrap().contains("the past does not change"), "{action}");
    }
    // A courier sees the customer only while carrying the delivery.
    assert_eq!(ask("courier1.p1").await.data()["order"]["contact"], Value::Null);
    let name = own["contact"]["name"].as_str().unwrap();
    let audited = ask("auditor").await.data()["order"]["contact"]["name"].take();
    assert_ne!(audited, name, "a pseudonym");
    let kitchen = "query($asOf: AsOf) { kitchenQueue(pizzeriaId: \"P1\", asOf: $asOf) { id }
        sales(pizzeriaId: \"P1\", from: \"2026-01-01\", to: \"2026-01-02\", asOf: $asOf) { date } }";
    let refused = customer.ask(kitchen, json!({ "asOf": as_of })).await;
    assert_eq!(refused.code(), "FORBIDDEN");
    shop.person("auditor").data(kitchen, json!({ "asOf": as_of })).await;
    let menu = "query($asOf: AsOf) { menu(pizzeriaId: \"P1\", asOf: $asOf) { version asOfPosition } }";
    let menu = shop.anonymous().data(menu, json!({ "asOf": as_of })).await;
    assert_eq!(menu["menu"]["asOfPosition"], order["position"]);
}
