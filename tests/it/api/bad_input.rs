//! Invalid input is refused with a code and stores nothing. Names in any script are valid.

use serde_json::{Value, json};
use tests::Shop;
use tests::orders::{basket, pizza, places, problems, refusals, side, with};

/// Row counts of everything that a command could store.
pub async fn stored(shop: &Shop) -> (i64, i64, i64, i64) {
    let sql = "SELECT (SELECT position FROM event_log_head), (SELECT count(*) FROM events),
        (SELECT count(*) FROM contacts), (SELECT count(*) FROM idempotency_keys)";
    sqlx::query_as(sql).fetch_one(&shop.database().pool).await.unwrap()
}

fn takeaway(lines: Value) -> Value {
    with(basket("P1", "TAKEAWAY", &[]), json!({ "lines": lines }))
}

fn line(quantity: Value) -> Value {
    takeaway(json!([{ "item": "MAR", "size": "M", "quantity": quantity }]))
}

#[tokio::test]
async fn refuses_invalid_inputs_with_a_code_and_stores_nothing() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let before = stored(&shop).await;
    let one = [pizza("MAR", "M", 1)];
    let good = basket("P1", "TAKEAWAY", &one);
    let place = |fields: Value| with(good.clone(), fields);
    let unknown = "order:0193b3c0-0000-7000-8000-000000000000";
    for (mutation, input, code) in [
        ("placeOrder", line(json!(1e30)), "BAD_USER_INPUT"),
        ("placeOrder", line(json!(1.5)), "BAD_USER_INPUT"),
        ("placeOrder", line(json!("2")), "BAD_USER_INPUT"),
        ("placeOrder", line(Value::Null), "BAD_USER_INPUT"),
        ("placeOrder", takeaway(Value::Null), "BAD_USER_INPUT"),
        ("placeOrder", takeaway(json!("nothing")), "BAD_USER_INPUT"),
        ("placeOrder", takeaway(json!([{ "item": "MAR", "size": "XL", "quantity": 1 }])), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "pizzeriaId": "P9" })), "NOT_FOUND"),
        ("placeOrder", place(json!({ "pizzeriaId": "order:P1" })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "pizzeriaId": "" })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "channel": "PIGEON" })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "expectedTotal": "1.001" })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "expectedTotal": 11.0 })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "expectedTotal": "NaN" })), "BAD_USER_INPUT"),
        ("placeOrder", place(json!({ "surprise": true })), "BAD_USER_INPUT"),
        ("placeOrder", json!("an order, please"), "BAD_USER_INPUT"),
        ("placeOrder", json!([]), "BAD_USER_INPUT"),
        ("cancelOrder", json!({ "orderId": unknown, "reason": "OTHER" }), "NOT_FOUND"),
        ("cancelOrder", json!({ "orderId": "order:1", "reason": "OTHER" }), "BAD_USER_INPUT"),
        ("cancelOrder", json!({ "orderId": "🍕", "reason": "OTHER" }), "BAD_USER_INPUT"),
        ("cancelOrder", json!({ "orderId": unknown, "reason": "BOREDOM" }), "BAD_USER_INPUT"),
        ("changeOrderLines", json!({ "orderId": unknown, "lines": one }), "NOT_FOUND"),
        ("payOnline", json!({ "orderId": unknown }), "NOT_FOUND"),
        (
            "payOnline",
            json!({ "orderId": "delivery:0193b3c0-0000-7000-8000-000000000000" }),
            "BAD_USER_INPUT",
        ),
    ] {
        let answer = customer.try_mutate(mutation, "order { id }", input.clone()).await;
        assert_eq!(answer.code(), code, "{mutation}: {input}: {}", answer.body);
        assert!(matches!(answer.status, 200 | 400), "{mutation}: {input}: {}", answer.status);
    }
    for (input, code, field) in [
        (line(json!(0)), "INVALID_INPUT", "lines.0.quantity"),
        (line(json!(-1)), "INVALID_INPUT", "lines.0.quantity"),
        (line(json!(i32::MIN)), "INVALID_INPUT", "lines.0.quantity"),
        (line(json!(100)), "ORDER_TOO_LARGE", "lines.0.quantity"),
        (line(json!(10_000_001)), "ORDER_TOO_LARGE", "lines.0.quantity"),
        (line(json!(i32::MAX)), "ORDER_TOO_LARGE", "lines.0.quantity"),
        (takeaway(json!(vec![side("WATER", 1); 51])), "ORDER_TOO_LARGE", "lines"),
        (takeaway(json!(vec![side("WATER", 1); 1_000])), "ORDER_TOO_LARGE", "lines"),
        (place(json!({ "expectedTotal": "-1.00" })), "INVALID_INPUT", "expectedTotal"),
        (place(json!({ "note": "x".repeat(501) })), "INVALID_INPUT", "note"),
        (place(json!({ "note": "nul\u{0}" })), "INVALID_INPUT", "note"),
        (place(json!({ "contact": { "name": "esc\u{1b}[31m" } })), "INVALID_INPUT", "contact.name"),
        (place(json!({ "contact": { "name": "two\nlines" } })), "INVALID_INPUT", "contact.name"),
        (place(json!({ "contact": { "name": "x".repeat(201) } })), "INVALID_INPUT", "contact.name"),
        (place(json!({ "contact": { "name": "\u{202e}adA" } })), "INVALID_INPUT", "contact.name"),
        (place(json!({ "contact": { "email": "ada" } })), "INVALID_EMAIL", "contact.email"),
        (place(json!({ "contact": { "phone": "abc" } })), "INVALID_INPUT", "contact.phone"),
        (
            place(json!({ "contact": { "address": { "latitude": 48.9 } } })),
            "INVALID_INPUT",
            "contact.address.longitude",
        ),
        (
            place(json!({ "contact": { "address": { "latitude": 91.0, "longitude": 2.0 } } })),
            "INVALID_INPUT",
            "contact.address.latitude",
        ),
        (place(json!({ "idempotencyKey": "" })), "INVALID_INPUT", "idempotencyKey"),
        (place(json!({ "idempotencyKey": "k".repeat(256) })), "INVALID_INPUT", "idempotencyKey"),
        (place(json!({ "channel": "COUNTER" })), "CHANNEL_NOT_ALLOWED", "channel"),
        (place(json!({ "channel": "PHONE" })), "CHANNEL_NOT_ALLOWED", "channel"),
        (place(json!({ "payment": "ON_DELIVERY" })), "PAYMENT_NOT_ALLOWED", "payment"),
        (
            with(basket("P1", "DELIVERY", &[pizza("MAR", "L", 2)]), json!({ "payment": "AT_COUNTER" })),
            "PAYMENT_NOT_ALLOWED",
            "payment",
        ),
        (takeaway(json!([])), "EMPTY_ORDER", "lines"),
        (takeaway(json!([{ "item": "NOTHING", "quantity": 1 }])), "UNKNOWN_PIZZA", "lines.0.item"),
        (
            takeaway(json!([{ "item": "mar'; DROP TABLE events; --", "quantity": 1 }])),
            "UNKNOWN_PIZZA",
            "lines.0.item",
        ),
        (takeaway(json!([{ "item": "MAR", "quantity": 1 }])), "UNKNOWN_PIZZA", "lines.0.size"),
        (takeaway(json!([{ "item": "COLA", "size": "M", "quantity": 1 }])), "UNKNOWN_PIZZA", "lines.0.size"),
        (
            takeaway(json!([{ "item": "MAR", "size": "M", "quantity": 1, "extras": ["HONEY"] }])),
            "UNKNOWN_EXTRA",
            "lines.0.extras.0",
        ),
        (
            takeaway(json!([{ "item": "MAR", "size": "M", "quantity": 1, "without": ["DOUGH"] }])),
            "UNKNOWN_INGREDIENT",
            "lines.0.without.0",
        ),
    ] {
        let payload = customer.place(input.clone()).await;
        assert_eq!(places(&payload), [(code, format!("input.{field}"))], "{input}: {payload}");
    }
    let manager = shop.person("manager.p1");
    let lines = |quantity: Value| json!([{ "ingredient": "TOMATO", "quantity": quantity }]);
    let stocked = |fields: Value| with(json!({ "pizzeriaId": "P1" }), fields);
    for (mutation, input, field) in [
        ("countStock", stocked(json!({ "lines": lines(json!(-1)) })), "lines.0.quantity"),
        ("countStock", stocked(json!({ "lines": lines(json!(10_000_001)) })), "lines.0.quantity"),
        (
            "wasteIngredients",
            stocked(json!({ "lines": lines(json!(0)), "reason": "SPOILED" })),
            "lines.0.quantity",
        ),
        ("setStockThreshold", stocked(json!({ "ingredient": "TOMATO", "threshold": -5 })), "threshold"),
        (
            "receiveSupply",
            stocked(json!({ "lines": lines(json!(1)), "supplier": " ", "deliveryNote": "1" })),
            "supplier",
        ),
    ] {
        let payload = manager.mutate(mutation, "stock { id }", input.clone()).await;
        let expected = [("INVALID_INPUT", format!("input.{field}"))];
        assert_eq!(places(&payload), expected, "{mutation}: {input}: {payload}");
    }
    let unknown = json!({ "lines": [{ "ingredient": "UNOBTAINIUM", "quantity": 1 }] });
    assert_eq!(refusals(&manager.to_stock("countStock", "P1", unknown).await), ["UNKNOWN_INGREDIENT"]);
    assert_eq!(
        refusals(&manager.to_stock("countStock", "P1", json!({ "lines": [] })).await),
        ["EMPTY_LINES"]
    );
    assert_eq!(stored(&shop).await, before);
    // The base of the inputs above is valid.
    assert_eq!(refusals(&customer.place(good).await), Vec::<&str>::new());
}

#[tokio::test]
async fn stores_names_of_any_script_unchanged() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    for name in [
        "Zoé 🍕",
        "محمد بن سلمان",
        "שלום עולם",
        "李小龍",
        "👩‍👩‍👧‍👦",
        "Zo\u{eb}",
        "O'Brien; DROP TABLE \"orders\"; --",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    ] {
        let note = format!("{name}\n— {name}");
        let input = with(
            basket("P1", "TAKEAWAY", &[side("WATER", 1)]),
            json!({ "contact": { "name": name }, "note": note, "idempotencyKey": name }),
        );
        let order = customer.placed(input).await;
        let seen = customer.order(&order, "contact { name } note", &order["position"]).await;
        assert_eq!(seen, json!({ "contact": { "name": name }, "note": note }));
    }
}

#[tokio::test]
async fn reports_every_problem_of_an_order_at_once() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let before = stored(&shop).await;
    let lines = json!([
        { "item": "🍕", "quantity": 1 },
        { "item": "MAR", "size": "M", "quantity": 200, "extras": ["EGG", "HONEY"] },
        { "item": "COLA", "size": "L", "quantity": 0 },
        { "item": "NOTHING", "quantity": 1 },
    ]);
    let contact = json!({ "name": "\u{0}", "phone": "12", "email": "ada", "address": { "latitude": 99.0, "longitude": 2.3 } });
    let input = json!({
        "pizzeriaId": "P1", "channel": "COUNTER", "fulfilment": "DELIVERY", "payment": "AT_COUNTER",
        "lines": lines, "contact": contact, "note": "x".repeat(501), "expectedTotal": "-1.00",
        "idempotencyKey": "",
    });
    let payload = customer.place(input.clone()).await;
    insta::assert_snapshot!("order_problems", problems(&payload));
    assert_eq!(payload["userErrors"][1]["detail"]["maxLength"], 500);
    let quantity = &payload["userErrors"][12]["detail"];
    assert_eq!(
        (&quantity["min"], &quantity["max"], &quantity["rule"]),
        (&json!(1), &json!(99), &json!("OUT_OF_RANGE"))
    );
    // A quote of the same order; it ignores the note and the contact.
    let document = "query($input: QuoteOrderInput!) { quoteOrder(input: $input) {
        acceptable lines { line } userErrors { code field message } } }";
    let quote = customer.speaking("fr").data(document, json!({ "input": input })).await["quoteOrder"].take();
    insta::assert_snapshot!("quote_problems", problems(&quote));
    assert_eq!((&quote["acceptable"], &quote["lines"]), (&json!(false), &json!([])));
    assert_eq!(quote["userErrors"][7]["message"], "Une quantité va de 1 à 99.");
    assert_eq!(stored(&shop).await, before);
}

#[tokio::test]
async fn a_delivery_needs_a_contact_and_an_address() {
    let shop = Shop::open().await;
    let staff = shop.person("receptionist1.p1");
    let delivery = basket("P1", "DELIVERY", &[pizza("MAR", "L", 2)]);
    let address = json!({ "street": "1 rue du Four", "latitude": 48.893, "longitude": 2.345 });
    let missing = staff.place(with(delivery.clone(), json!({ "channel": "PHONE" }))).await;
    let at = |code: &'static str, field: &str| (code, format!("input.contact.{field}"));
    let expected = [
        at("INVALID_INPUT", "name"),
        at("INVALID_INPUT", "phone"),
        at("INVALID_INPUT", "address.street"),
        at("ADDRESS_REQUIRED", "address"),
    ];
    assert_eq!(places(&missing), expected, "{missing}");
    assert_eq!(missing["userErrors"][0]["detail"]["rule"], "MISSING");
    let contact = json!({ "name": " Zoe\u{301}\tMartin ", "phone": "06.39.98.00.99", "address": address });
    let note = "2e étage\r\nCode :\t12";
    let order = staff.placed(with(delivery, json!({ "contact": contact, "note": note }))).await;
    let seen = staff.order(&order, "contact { name phone } note", &order["position"]).await;
    let kept = json!({ "name": "Zoé Martin", "phone": "+33639980099" });
    assert_eq!(seen, json!({ "contact": kept, "note": "2e étage\nCode : 12" }));
    // A collected order needs no address, and an address given for it is not stored.
    let fetched = with(
        basket("P1", "TAKEAWAY", &[side("WATER", 1)]),
        json!({ "contact": { "name": "Zoé", "address": address } }),
    );
    let order = staff.placed(fetched).await;
    let seen = staff.order(&order, "contact { name address { street } }", &order["position"]).await;
    assert_eq!(seen["contact"]["address"]["street"], Value::Null, "{seen}");
}

#[tokio::test]
async fn refuses_cancellation_reasons_of_the_pizzeria_from_customers() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let order = customer.placed(basket("P1", "TAKEAWAY", &[side("WATER", 1)])).await;
    for reason in ["PIZZERIA_REQUEST", "OUT_OF_STOCK", "PAYMENT_FAILED"] {
        let refused = customer.to_order("cancelOrder", &order, json!({ "reason": reason })).await;
        assert_eq!(places(&refused), [("REASON_NOT_ALLOWED", "input.reason".to_owned())], "{refused}");
    }
    let cancelled = customer.to_order("cancelOrder", &order, json!({ "reason": "OTHER" })).await;
    assert_eq!((places(&cancelled), &cancelled["order"]["status"]), (vec![], &json!("CANCELLED")));
    let order = customer.placed(basket("P1", "TAKEAWAY", &[side("WATER", 1)])).await;
    let staff = shop.person("receptionist1.p1");
    let cancelled = staff.to_order("cancelOrder", &order, json!({ "reason": "OUT_OF_STOCK" })).await;
    assert_eq!(places(&cancelled), []);
}

#[tokio::test]
async fn refuses_stock_beyond_its_limit() {
    let shop = Shop::open().await;
    let manager = shop.person("manager.p1");
    let tonnes = json!(vec![json!({ "ingredient": "TOMATO", "quantity": 10_000_000 }); 50]);
    let receipt =
        |note: u32| json!({ "supplier": "Moulin", "deliveryNote": note.to_string(), "lines": tonnes });
    // The stock starts at 25,000 g: one receipt of 500,000,000 g fits, a second exceeds the limit.
    assert_eq!(refusals(&manager.to_stock("receiveSupply", "P1", receipt(1)).await), Vec::<&str>::new());
    let before = stored(&shop).await;
    for note in 2..=6 {
        let refused = manager.to_stock("receiveSupply", "P1", receipt(note)).await;
        let place = ("STOCK_LIMIT_EXCEEDED", "input.lines.0.quantity".to_owned());
        assert_eq!(places(&refused), [place], "{refused}");
        assert_eq!(refused["userErrors"][0]["detail"]["max"], 1_000_000_000);
    }
    assert_eq!(stored(&shop).await, before);
    // Transfers from another pizzeria count too.
    let moved = json!({ "fromPizzeriaId": "P1", "toPizzeriaId": "P2", "lines": tonnes });
    let selection = "stock { id }";
    let sent = manager.mutate("transferStock", selection, moved.clone()).await;
    assert_eq!(refusals(&sent), Vec::<&str>::new(), "{sent}");
    assert_eq!(refusals(&manager.to_stock("receiveSupply", "P1", receipt(7)).await), Vec::<&str>::new());
    let sent = manager.mutate("transferStock", selection, moved).await;
    assert_eq!(refusals(&sent), ["STOCK_LIMIT_EXCEEDED"], "{sent}");
    let unknown = json!({ "lines": [
        { "ingredient": "UNOBTAINIUM", "quantity": 1 },
        { "ingredient": "TOMATO", "quantity": 1 },
        { "ingredient": "NOTHING", "quantity": 1 },
    ] });
    let counted = manager.to_stock("countStock", "P1", unknown).await;
    // In the order of the ingredients' codes.
    let expected = [2, 0].map(|line| ("UNKNOWN_INGREDIENT", format!("input.lines.{line}.ingredient")));
    assert_eq!(places(&counted), expected, "{counted}");
}

#[tokio::test]
async fn extends_a_running_pause_and_bakes_only_pizzas() {
    let shop = Shop::open().await;
    let manager = shop.person("manager.p1");
    let pause = |fields: Value| {
        let input = with(json!({ "pizzeriaId": "P1" }), fields);
        manager.mutate("pausePizzeria", "pizzeria { pause { reason until } }", input)
    };
    let later = |minutes: i64| {
        let at = identity::clock::Clock::system().now() + chrono::TimeDelta::minutes(minutes);
        json!(at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    };
    let (first, second) = (later(30), later(60));
    let paused = pause(json!({ "reason": "four en panne", "until": first })).await;
    assert_eq!(refusals(&paused), Vec::<&str>::new(), "{paused}");
    let again = pause(json!({ "until": first })).await;
    assert_eq!(refusals(&again), ["ALREADY_PAUSED"]);
    let longer = pause(json!({ "until": second })).await;
    assert_eq!(refusals(&longer), Vec::<&str>::new(), "{longer}");
    assert_eq!(longer["pizzeria"]["pause"]["reason"], "four en panne");
    let past = pause(json!({ "until": later(-1) })).await;
    assert_eq!(places(&past), [("OUT_OF_RANGE", "input.until".to_owned())]);
    let resume = json!({ "pizzeriaId": "P1" });
    manager.mutate("resumePizzeria", "pizzeria { id }", resume).await;

    let order = shop
        .person("customer1")
        .placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1), side("COLA", 1)]))
        .await;
    let kitchen = shop.person("pizzaiolo1.p1");
    kitchen.step("startPreparation", &order).await;
    let cola = kitchen.to_order("markItemBaked", &order, json!({ "line": 2 })).await;
    assert_eq!(places(&cola), [("NOT_BAKED", "input.line".to_owned())], "{cola}");
    let none = kitchen.to_order("markItemBaked", &order, json!({ "line": 0 })).await;
    assert_eq!(places(&none), [("INVALID_INPUT", "input.line".to_owned())]);
    let baked = kitchen.to_order("markItemBaked", &order, json!({ "line": 1 })).await;
    assert_eq!(refusals(&baked), Vec::<&str>::new());
}
