//! Explanations: what each event changed and followed from, and what used up an ingredient.

use serde_json::{Value, json};
use tests::orders::{basket, pizza, position, refusals, with};
use tests::{Api, Shop};

const WHY: &str = "query($pizza: ID!, $size: PizzaSize!, $at: DateTime, $position: LogPosition) {
    whyUnavailable(pizzeriaId: \"P1\", pizza: $pizza, size: $size, at: $at, position: $position) {
        position at available reasons makeable limitingIngredient { code } complete
        since { position at } blockedReason blockedSince { position } pausedReason
        shortages { ingredient { code unit } needed available lacking since { position }
            replenishedBy { position type quantity after } movementCount
            movements { position at type orderId quantity before after } } } }";

/// A pizza's explanation as of an event.
async fn why_at(api: &Api, pizza: &str, size: &str, position: i64) -> Value {
    let asked = json!({ "pizza": pizza, "size": size, "position": position.to_string() });
    api.data(WHY, asked).await["whyUnavailable"].take()
}

/// A pizza's explanation as of an instant.
async fn why_when(api: &Api, pizza: &str, size: &str, at: &Value) -> Value {
    api.data(WHY, json!({ "pizza": pizza, "size": size, "at": at })).await["whyUnavailable"].take()
}

/// An event of the evening: its position, its time, and the stock available after it.
pub struct Step {
    position: i64,
    at: Value,
    kind: &'static str,
    order: Value,
    quantity: i64,
    after: i64,
}

/// The latest event of a type in P1's stock.
async fn latest(api: &Api, kind: &str) -> Value {
    let document =
        "query($type: String!) { events(filter: { streamId: \"stock:P1\", types: [$type] }, last: 1) {
        nodes { position recordedAt type } } }";
    api.data(document, json!({ "type": kind })).await["events"]["nodes"][0].take()
}

async fn step(api: &Api, kind: &'static str, order: Value, quantity: i64, after: i64) -> Step {
    let event = latest(api, kind).await;
    let at = event["recordedAt"].clone();
    Step { position: position(&event["position"]), at, kind, order, quantity, after }
}

/// Each event of the evening that changed the goat cheese.
pub async fn evening(shop: &Shop) -> Vec<Step> {
    let (reception, kitchen) = (shop.person("receptionist1.p1"), shop.person("pizzaiolo1.p1"));
    let director = shop.person("director");
    let grams = |grams: i64| json!([{ "ingredient": "GOAT_CHEESE", "quantity": grams }]);
    let mut steps = Vec::new();
    let mut last = Value::Null;
    for (code, size, pieces, grams, after) in
        [("CHV", "L", 2, 204, 396), ("4FR", "M", 3, 120, 276), ("CHV", "M", 2, 140, 136)]
    {
        last = reception.placed(basket("P1", "TAKEAWAY", &[pizza(code, size, pieces)])).await;
        steps.push(step(&director, "IngredientsReserved", last["id"].clone(), -grams, after).await);
    }
    assert_eq!(steps.len(), 3, "{last}");
    let spoiled = json!({ "reason": "SPOILED", "lines": grams(60) });
    assert_eq!(refusals(&kitchen.to_stock("wasteIngredients", "P1", spoiled).await), Vec::<&str>::new());
    steps.push(step(&director, "IngredientsWasted", Value::Null, -60, 76).await);
    let last = reception.placed(basket("P1", "TAKEAWAY", &[pizza("CHV", "M", 1)])).await;
    steps.push(step(&director, "IngredientsReserved", last["id"].clone(), -70, 6).await);
    for code in ["CHV", "4FR"] {
        for size in ["S", "M", "L"] {
            let refused = reception.place(basket("P1", "TAKEAWAY", &[pizza(code, size, 1)])).await;
            assert_eq!(refusals(&refused), ["INSUFFICIENT_STOCK"], "{code} {size}");
        }
    }
    let cancelled = reception.to_order("cancelOrder", &last, json!({ "reason": "CUSTOMER_REQUEST" })).await;
    assert_eq!(refusals(&cancelled), Vec::<&str>::new());
    steps.push(step(&director, "ReservationReleased", last["id"].clone(), 70, 76).await);
    let transfer = json!({ "fromPizzeriaId": "P2", "toPizzeriaId": "P1", "lines": grams(500) });
    let sent = director.mutate("transferStock", "stock { version }", transfer).await;
    assert_eq!(refusals(&sent), Vec::<&str>::new());
    steps.push(step(&director, "TransferReceived", Value::Null, 500, 576).await);
    steps
}

#[tokio::test]
async fn explains_the_goat_cheese_at_each_instant_of_the_evening() {
    let shop = Shop::open().await;
    let auditor = shop.person("auditor");
    let opening = latest(&shop.person("director"), "SupplyReceived").await;
    let opened = position(&opening["position"]);
    let steps = evening(&shop).await;
    // Before the evening and after each event: every size of both pizzas.
    let after = std::iter::once((opened, 600)).chain(steps.iter().map(|step| (step.position, step.after)));
    let instants: Vec<(i64, i64)> = after.collect();
    for (index, (at, left)) in instants.iter().enumerate() {
        for (code, grams) in [("CHV", [46, 70, 102]), ("4FR", [26, 40, 58])] {
            for (size, needed) in ["S", "M", "L"].into_iter().zip(grams) {
                let told = why_at(&auditor, code, size, *at).await;
                let what = format!("{code} {size} after step {index}: {told}");
                assert_eq!(told["complete"], true, "{what}");
                assert_eq!(told["limitingIngredient"]["code"], "GOAT_CHEESE", "{what}");
                assert_eq!(
                    (&told["makeable"], &told["available"]),
                    (&json!(left / needed), &json!(*left >= needed)),
                    "{what}"
                );
                if *left >= needed {
                    assert_eq!((&told["shortages"], &told["since"]), (&json!([]), &Value::Null), "{what}");
                    assert_eq!(told["reasons"], json!([]), "{what}");
                    continue;
                }
                assert_eq!(told["reasons"], json!(["INSUFFICIENT_STOCK"]), "{what}");
                let [short] = &told["shortages"].as_array().unwrap()[..] else { panic!("{what}") };
                assert_eq!(short["ingredient"], json!({ "code": "GOAT_CHEESE", "unit": "GRAM" }));
                assert_eq!(
                    [&short["needed"], &short["available"], &short["lacking"]],
                    [&json!(needed), &json!(left), &json!(needed - left)],
                    "{what}"
                );
                // Since the first event that left too little, without a gap.
                let enough = instants[..=index].iter().rposition(|(_, left)| *left >= needed).unwrap();
                let since = json!(instants[enough + 1].0.to_string());
                assert_eq!(
                    (&told["since"]["position"], &short["since"]["position"]),
                    (&since, &since),
                    "{what}"
                );
                let opening = &short["replenishedBy"];
                assert_eq!((&opening["type"], &opening["quantity"]), (&json!("SupplyReceived"), &json!(600)));
                assert_eq!(opening["position"], json!(opened.to_string()));
                let mut before = 600;
                let movements = steps[..index].iter().map(|step| {
                    let moved = json!({
                        "position": step.position.to_string(), "at": step.at, "type": step.kind,
                        "orderId": step.order, "quantity": step.quantity, "before": before,
                        "after": step.after,
                    });
                    before = step.after;
                    moved
                });
                assert_eq!(short["movements"], movements.collect::<Value>(), "{what}");
                assert_eq!(short["movementCount"], json!(index), "{what}");
            }
        }
    }
    // By instant as by position: at each event, and now.
    for step in &steps {
        let (by_instant, by_position) = (
            why_when(&auditor, "CHV", "L", &step.at).await,
            why_at(&auditor, "CHV", "L", step.position).await,
        );
        assert_eq!(by_instant["shortages"], by_position["shortages"]);
        assert_eq!(by_instant["makeable"], by_position["makeable"]);
    }
    let now = why_when(&auditor, "CHV", "L", &Value::Null).await;
    assert_eq!((&now["available"], &now["makeable"]), (&json!(true), &json!(5)));
    let told = why_at(&shop.person("receptionist1.p1"), "CHV", "M", steps[4].position).await;
    assert_eq!(told["shortages"][0]["lacking"], 64);
}

#[tokio::test]
async fn names_blocks_pauses_and_items_that_are_not_sold() {
    let shop = Shop::open().await;
    let manager = shop.person("manager.p1");
    let now = || json!(null);
    let told = why_when(&manager, "MAR", "M", &now()).await;
    assert_eq!((&told["available"], &told["reasons"]), (&json!(true), &json!([])), "{told}");
    manager.to_stock("blockPizza", "P1", json!({ "pizza": "MAR", "size": "M", "reason": "oven" })).await;
    let blocked = latest(&manager, "PizzaBlocked").await;
    let pause = json!({ "pizzeriaId": "P1", "reason": "rush" });
    manager.mutate("pausePizzeria", "pizzeria { id }", pause).await;
    let told = why_when(&manager, "MAR", "M", &now()).await;
    assert_eq!(told["reasons"], json!(["BLOCKED", "PAUSED"]), "{told}");
    assert_eq!((&told["blockedReason"], &told["pausedReason"]), (&json!("oven"), &json!("rush")));
    assert_eq!(told["blockedSince"]["position"], blocked["position"]);
    assert_eq!((&told["since"]["position"], &told["available"]), (&blocked["position"], &json!(false)));
    assert_eq!(why_when(&manager, "MAR", "L", &now()).await["reasons"], json!(["PAUSED"]));
    let told = why_at(&manager, "MAR", "M", position(&blocked["position"]) - 1).await;
    assert_eq!(told["reasons"], json!([]), "right before the block: {told}");
    let document = "{ events(filter: { streamId: \"pizzeria:P1\" }, first: 1) { nodes { position type } } }";
    let opened = manager.data(document, json!({})).await["events"]["nodes"][0].take();
    assert_eq!(opened["type"], "PizzeriaOpened");
    let opened = position(&opened["position"]);
    let told = why_at(&manager, "NOPE", "M", opened).await;
    assert_eq!(told["reasons"], json!(["NOT_ON_MENU"]), "as soon as it is open: {told}");
    // The demo loads with concurrent commands: the evening starts after all of them.
    if opened > 1 {
        let told = why_at(&manager, "NOPE", "M", opened - 1).await;
        assert_eq!(told["reasons"], json!(["NOT_ON_MENU", "CLOSED"]), "right before it opens: {told}");
    }
    for (asked, code) in [
        (json!({ "pizza": "MAR", "size": "M", "position": "0" }), "BAD_USER_INPUT"),
        (
            json!({ "pizza": "MAR", "size": "M", "position": "1", "at": "2026-01-01T00:00:00Z" }),
            "BAD_USER_INPUT",
        ),
        (json!({ "pizza": "no pizza", "size": "M" }), "NOT_FOUND"),
    ] {
        assert_eq!(manager.ask(WHY, asked.clone()).await.code(), code, "{asked}");
    }
    let old = why_when(&manager, "MAR", "M", &json!("2020-01-01T00:00:00Z")).await;
    assert_eq!((&old["position"], &old["reasons"]), (&json!("0"), &json!(["NOT_ON_MENU", "CLOSED"])));
}

const CHANGES: &str = "nodes { type command actor { role } cause { type stream { id } }
    changes { path before after } }";

fn change(path: &str, before: Value, after: Value) -> Value {
    json!({ "path": path, "before": before, "after": after })
}

/// The event of a type in a history.
fn of_type<'a>(history: &'a Value, kind: &str) -> &'a Value {
    let events = history["nodes"].as_array().unwrap();
    events.iter().find(|event| event["type"] == kind).unwrap_or_else(|| panic!("no {kind}: {history}"))
}

#[tokio::test]
async fn a_history_shows_changes_and_causes_of_each_event() {
    let shop = Shop::open().await;
    let (customer, kitchen, manager) =
        (shop.person("customer1"), shop.person("pizzaiolo1.p1"), shop.person("manager.p1"));
    let near = json!({ "name": "Madame Secret", "address": { "street": "1 rue Cachée", "latitude": 48.893, "longitude": 2.345 } });
    let input = with(basket("P1", "DELIVERY", &[pizza("CHV", "M", 2)]), json!({ "contact": near }));
    let order = customer.placed(input).await;
    kitchen.step("startPreparation", &order).await;
    kitchen.to_order("markItemBaked", &order, json!({ "line": 1 })).await;
    let ready = kitchen.step("markOrderReady", &order).await;
    let delivery = manager.delivery_of(&order).await;
    shop.person("courier1.p1").carry("claimDelivery", &delivery, json!({})).await;

    let document = format!(
        "query($order: ID!, $delivery: ID!) {{ order(id: $order) {{ history(first: 20) {{ {CHANGES} }} }}
            delivery(id: $delivery) {{ history(first: 20) {{ {CHANGES} }} }}
            stock(pizzeriaId: \"P1\") {{ history(first: 100, after: \"{}\") {{ {CHANGES} }} }} }}",
        position(&order["position"]) - 1
    );
    let asked = json!({ "order": order["id"], "delivery": delivery["id"] });
    let data = manager.data(&document, asked.clone()).await;
    let of_order = &data["order"]["history"];
    let baked = of_type(of_order, "ItemBaked");
    assert_eq!(baked["changes"], json!([change("/lines/0/baked", json!(false), json!(true))]));
    assert_eq!((&baked["command"], &baked["cause"]), (&json!("markItemBaked"), &Value::Null));
    let at = &of_type(of_order, "OrderReady")["changes"][2];
    assert_eq!((&at["path"], &at["before"]), (&json!("/readyAt"), &Value::Null), "{of_order}");
    let placed = of_type(of_order, "OrderPlaced")["changes"].as_array().unwrap();
    let state = placed.iter().find(|change| change["path"] == "/state").unwrap();
    assert_eq!(*state, change("/state", json!("NOT_PLACED"), json!("PLACED")));

    // An event names the event that caused it.
    let scheduled = of_type(&data["delivery"]["history"], "DeliveryScheduled");
    let cause = json!({ "type": "OrderReady", "stream": { "id": ready["id"] } });
    assert_eq!((&scheduled["cause"], &scheduled["actor"]["role"]), (&cause, &json!("SYSTEM")));
    let assigned = of_type(&data["delivery"]["history"], "DeliveryAssigned")["changes"].to_string();
    assert!(assigned.contains("/progress/courier"), "{assigned}");

    let reserved = of_type(&data["stock"]["history"], "IngredientsReserved")["changes"].clone();
    assert!(
        reserved.as_array().unwrap().contains(&change("/levels/GOAT_CHEESE/reserved", json!(0), json!(140))),
        "{reserved}"
    );
    let consumed = of_type(&data["stock"]["history"], "ReservationConsumed")["changes"].clone();
    let shelf = change("/levels/GOAT_CHEESE/onHand", json!(600), json!(460));
    assert!(consumed.as_array().unwrap().contains(&shelf), "{consumed}");

    // An auditor sees everything except the code and names; a customer sees that it happened.
    let audited = shop.person("auditor").data(&document, asked).await;
    assert_eq!(of_type(&audited["order"]["history"], "ItemBaked"), baked);
    let text = audited.to_string();
    assert!(!text.contains("deliveryCode") && !text.contains("\"/code\""), "{text}");
    assert!(!text.contains("Secret") && !text.contains("Cachée"), "{text}");
    let own = format!("query($order: ID!) {{ order(id: $order) {{ history(first: 20) {{ {CHANGES} }} }} }}");
    let seen = customer.data(&own, json!({ "order": order["id"] })).await["order"]["history"].take();
    let baked = of_type(&seen, "ItemBaked");
    assert_eq!((&baked["changes"], &baked["cause"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn hides_causes_in_other_pizzerias_and_limits_the_distance_of_positions() {
    let shop = Shop::open().await;
    let manager = shop.person("manager.p1");
    let all = format!(
        "{{ events(last: 100, filter: {{ streamTypes: [STOCK, PIZZERIA, MENU], afterPosition: \"0\" }}) {{ {CHANGES} }} }}"
    );
    let events = shop.person("auditor").data(&all, Value::Null).await["events"].take();
    for event in events["nodes"].as_array().unwrap() {
        assert!(event["changes"].as_array().is_some_and(|changes| !changes.is_empty()), "{event}");
    }
    let why = "{ whyUnavailable(pizzeriaId: \"P2\", pizza: \"MAR\", size: M) { available } }";
    assert_eq!(manager.ask(why, Value::Null).await.code(), "FORBIDDEN");
    assert_eq!(
        shop.person("courier1.p1").ask(WHY, json!({ "pizza": "MAR", "size": "M" })).await.code(),
        "FORBIDDEN"
    );
}
