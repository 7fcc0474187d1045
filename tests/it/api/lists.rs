//! Lists: each row exactly once in both directions, with filters and orders; objects by id; answers in the
//! caller's language.

use std::collections::BTreeSet;

use chrono::{SecondsFormat, TimeDelta};
use identity::clock::Clock;
use serde_json::{Value, json};
use tests::orders::{basket, pizza, position, side, with};
use tests::{Api, Shop};

/// Reads a list page by page; returns `key` of each row in the order of the list.
async fn walk(api: &Api, list: &str, arguments: &str, key: &str, forward: bool, size: usize) -> Vec<Value> {
    let (count, cursor) = if forward { ("first", "after") } else { ("last", "before") };
    let document = format!(
        "query($size: Int!, $cursor: String) {{ {list}({count}: $size, {cursor}: $cursor {arguments}) {{
            edges {{ cursor node {{ {key} }} }} nodes {{ {key} }}
            pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
    );
    let (mut seen, mut at) = (Vec::new(), Value::Null);
    loop {
        let mut page = api.data(&document, json!({ "size": size, "cursor": at })).await[list].take();
        let edges = page["edges"].as_array().unwrap();
        let rows: Vec<Value> = edges.iter().map(|edge| edge["node"].clone()).collect();
        assert_eq!(json!(rows), page["nodes"]);
        assert!(rows.len() <= size);
        let info = &page["pageInfo"];
        assert_eq!(info["startCursor"], edges.first().map_or(Value::Null, |edge| edge["cursor"].clone()));
        assert_eq!(info["endCursor"], edges.last().map_or(Value::Null, |edge| edge["cursor"].clone()));
        let (onward, back) =
            if forward { ("hasNextPage", "hasPreviousPage") } else { ("hasPreviousPage", "hasNextPage") };
        assert_eq!(info[back], !at.is_null(), "{list} {back}");
        let more = info[onward].as_bool().unwrap();
        assert!(!more || rows.len() == size, "a page is full unless it is the last");
        if forward {
            seen.extend(rows);
        } else {
            seen.splice(0..0, rows);
        }
        if !more {
            return seen.into_iter().map(|mut row| row[key].take()).collect();
        }
        at = page["pageInfo"][if forward { "endCursor" } else { "startCursor" }].take();
    }
}

/// A filter's bounds: one day before and after now.
fn range(of: &str) -> String {
    let now = Clock::system().now();
    let at = |days| (now + TimeDelta::days(days)).to_rfc3339_opts(SecondsFormat::Secs, true);
    format!("{of}From: \"{}\", {of}To: \"{}\"", at(-1), at(1))
}

/// Asserts that both directions in pages of several sizes give the same list, and returns it.
async fn walked(api: &Api, list: &str, arguments: &str, key: &str) -> Vec<Value> {
    let all = walk(api, list, arguments, key, true, 100).await;
    for size in [3, 7] {
        assert_eq!(
            walk(api, list, arguments, key, true, size).await,
            all,
            "{list} {arguments} forward by {size}"
        );
        assert_eq!(
            walk(api, list, arguments, key, false, size).await,
            all,
            "{list} {arguments} back by {size}"
        );
    }
    let different: BTreeSet<String> = all.iter().map(Value::to_string).collect();
    assert_eq!(different.len(), all.len(), "{list} {arguments}: a row comes once");
    all
}

#[tokio::test]
async fn lists_each_row_once_in_both_directions_and_each_order() {
    let shop = Shop::open().await;
    let reception = shop.person("receptionist1.p1");
    let kitchen = shop.person("pizzaiolo1.p1");
    let mut placed = Vec::new();
    for at in 0..14 {
        let fulfilment = if at % 2 == 0 { "TAKEAWAY" } else { "ON_SITE" };
        let walk_in = with(basket("P1", fulfilment, &[side("WATER", 1)]), json!({ "channel": "COUNTER" }));
        placed.push(reception.placed(walk_in).await);
    }
    shop.person("receptionist1.p2").placed(basket("P2", "TAKEAWAY", &[side("WATER", 1)])).await;
    for order in &placed[..4] {
        kitchen.step("startPreparation", order).await;
    }
    let mut deliveries = Vec::new();
    for _ in 0..8 {
        deliveries.push(crate::api::deliveries::ready(&shop).await.1["id"].clone());
    }
    let head = shop.person("auditor").head().await;
    reception.order(&placed[0], "id", &json!(head.to_string())).await;

    let numbers: Vec<Value> = (1..=22).map(|number| json!(format!("P1-{number:06}"))).collect();
    let backwards: Vec<Value> = numbers.iter().rev().cloned().collect();
    assert_eq!(walked(&reception, "orders", "orderBy: NUMBER_ASC", "number").await, numbers);
    assert_eq!(walked(&reception, "orders", "orderBy: NUMBER_DESC", "number").await, backwards);
    assert_eq!(walked(&reception, "orders", "orderBy: PLACED_AT_ASC", "number").await, numbers);
    assert_eq!(walked(&reception, "orders", "", "number").await, backwards);
    assert_eq!(walked(&reception, "orders", "orderBy: PROMISED_AT_ASC", "number").await.len(), 22);
    for (filter, expected) in [
        ("fulfilment: ON_SITE", 7),
        ("status: [IN_PREPARATION]", 4),
        ("status: [IN_PREPARATION, READY]", 12),
        ("status: [CANCELLED]", 0),
        ("number: \"P1-000003\"", 1),
        ("channel: WEB", 8),
        ("channel: WEB, fulfilment: ON_SITE", 0),
    ] {
        // Filters without an index need a time range.
        let arguments = format!("filter: {{ {filter}, {} }}", range("placed"));
        assert_eq!(walked(&reception, "orders", &arguments, "number").await.len(), expected, "{filter}");
    }
    assert_eq!(walked(&shop.person("director"), "orders", "", "number").await.len(), 23);
    assert_eq!(walked(&shop.person("customer1"), "orders", "", "number").await.len(), 8);

    let courier = shop.person("courier1.p1");
    let sorted = |mut ids: Vec<Value>| {
        ids.sort_by_key(Value::to_string);
        ids
    };
    let scheduled = format!("orderBy: SCHEDULED_AT_DESC, filter: {{ {} }}", range("scheduled"));
    for arguments in ["", &scheduled, "filter: { status: [SCHEDULED] }"] {
        let seen = walked(&courier, "deliveries", arguments, "id").await;
        assert_eq!(sorted(seen), sorted(deliveries.clone()), "{arguments}");
    }
    assert_eq!(walked(&courier, "deliveries", "orderBy: SCHEDULED_AT_ASC", "id").await, deliveries);

    let auditor = shop.person("auditor");
    let positions = walked(&auditor, "events", "", "position").await;
    assert_eq!(positions.iter().map(position).collect::<Vec<_>>(), (1..=head).collect::<Vec<_>>());
    let placements =
        walked(&auditor, "events", "filter: { types: [\"OrderPlaced\"], afterPosition: \"0\" }", "position")
            .await;
    assert_eq!(placements.len(), 23);
    let own = walked(
        &shop.person("manager.p2"),
        "events",
        "filter: { types: [\"OrderPlaced\"], afterPosition: \"0\" }",
        "position",
    )
    .await;
    assert_eq!(own.len(), 1, "a manager reads the events of the manager's pizzeria");
}

#[tokio::test]
async fn refuses_page_sizes_out_of_range_and_malformed_cursors() {
    let shop = Shop::open().await;
    let director = shop.person("director");
    for arguments in [
        "first: 1000",
        "first: 101",
        "first: 0",
        "first: -1",
        "last: 101",
        "",
        "first: 1, last: 1",
        "first: 1, after: \"nonsense\"",
        "first: 1, after: \"\"",
        "first: 1, before: \"!!!!\"",
    ] {
        for list in ["orders", "deliveries", "events"] {
            let document = if arguments.is_empty() {
                format!("{{ {list} {{ nodes {{ id }} }} }}")
            } else {
                format!("{{ {list}({arguments}) {{ nodes {{ id }} }} }}")
            };
            let answer = director.ask(&document, Value::Null).await;
            assert_eq!(answer.code(), "BAD_USER_INPUT", "{document}: {}", answer.body);
        }
    }
}

/// A cursor belongs to one list, order and object; elsewhere it is refused, never answered by an empty page.
#[tokio::test]
async fn refuses_cursors_of_another_list_or_order() {
    let shop = Shop::open().await;
    let (order, delivery) = crate::api::deliveries::ready(&shop).await;
    let (other, _) = crate::api::deliveries::ready(&shop).await;
    let director = shop.person("director");
    let (order, other, delivery) = (&order["id"], &other["id"], &delivery["id"]);
    let history = |of: &str, id: &Value| {
        (format!("{of}(id: {id}) {{ history(first: 1$) {{ ! }} }}"), format!("/{of}/history"))
    };
    let list = |list: &str, by: &str| (format!("{list}(first: 1{by}$) {{ ! }}"), format!("/{list}"));
    let lists = [
        list("orders", ""),
        list("orders", ", orderBy: PLACED_AT_ASC"),
        list("orders", ", orderBy: PROMISED_AT_ASC"),
        list("orders", ", orderBy: NUMBER_ASC"),
        list("orders", ", orderBy: NUMBER_DESC"),
        list("deliveries", ""),
        list("deliveries", ", orderBy: SCHEDULED_AT_ASC, filter: { pizzeriaId: \"P1\" }"),
        list("deliveries", ", orderBy: SCHEDULED_AT_DESC, filter: { pizzeriaId: \"P1\" }"),
        list("staff", ""),
        list("events", ""),
        list("contactReads", ""),
        history("order", order),
        history("order", other),
        history("delivery", delivery),
        ("stock(pizzeriaId: \"P1\") { history(first: 1$) { ! } }".to_owned(), "/stock/history".to_owned()),
    ];
    let ask = async |(field, path): &(String, String), after: &str| {
        let field = field.replace('$', after).replace('!', "edges { cursor } pageInfo { endCursor }");
        let answer = director.ask(&format!("{{ {field} }}"), Value::Null).await;
        let page = answer.body["data"].pointer(path).cloned().unwrap_or_default();
        (answer, page)
    };
    let contact = format!("{{ order(id: {order}) {{ contact {{ phone }} }} }}");
    director.data(&contact, Value::Null).await;
    let mut cursors = Vec::new();
    for list in &lists {
        let (answer, page) = ask(list, "").await;
        let cursor =
            page["pageInfo"]["endCursor"].as_str().unwrap_or_else(|| panic!("{list:?}: {}", answer.body));
        cursors.push(cursor.to_owned());
    }
    for (at, list) in lists.iter().enumerate() {
        for (of, cursor) in cursors.iter().enumerate() {
            let (answer, page) = ask(list, &format!(", after: \"{cursor}\"")).await;
            // The default order and its explicit name share their cursors.
            if cursors[at] == cursors[of] {
                assert!(page["edges"].is_array(), "{list:?}: {}", answer.body);
            } else {
                assert_eq!(answer.code(), "BAD_USER_INPUT", "{list:?} after a cursor of {:?}", lists[of]);
            }
        }
    }
    // Cursors of releases before they named their list: refused, except in lists whose cursors are positions.
    for (list, after, taken) in [
        (&lists[0], "WzE3NjQwMDAwMDAsIngiXQ", false),
        (&lists[11], "1", false),
        (&lists[9], "1", true),
        (&lists[14], "1", true),
    ] {
        let (_, page) = ask(list, &format!(", after: \"{after}\"")).await;
        assert_eq!(page["edges"].is_array(), taken, "{list:?}");
    }
}

#[tokio::test]
async fn finds_each_kind_of_object_by_id() {
    let shop = Shop::open().await;
    let (order, delivery) = crate::api::deliveries::ready(&shop).await;
    let manager = shop.person("manager.p1");
    let me = |person: Api| async move { person.data("{ me { id } }", Value::Null).await["me"]["id"].take() };
    let courier = me(shop.person("courier1.p1")).await;
    let document = "query($id: ID!) { node(id: $id) { __typename id } }";
    for (id, kind) in [
        (order["id"].clone(), "Order"),
        (delivery["id"].clone(), "Delivery"),
        (json!("pizzeria:P1"), "Pizzeria"),
        (json!("item:MAR"), "Pizza"),
        (json!("stock:P1"), "Stock"),
        (courier, "Staff"),
        (json!("event:2"), "Event"),
    ] {
        let by = if kind == "Event" { shop.person("auditor") } else { manager.clone() };
        let node = by.data(document, json!({ "id": id })).await["node"].take();
        assert_eq!(node, json!({ "__typename": kind, "id": id }));
    }
    let customer = shop.person("customer1");
    let own = me(customer.clone()).await;
    let node = customer.data(document, json!({ "id": own })).await["node"].take();
    assert_eq!(node, json!({ "__typename": "Account", "id": own }));
    for nothing in [
        "",
        "order:x",
        "nothing:1",
        "pizzeria:P9",
        "event:999999",
        "🍕",
        "order:0193b3c0-0000-7000-8000-000000000000",
    ] {
        let node = shop.person("director").data(document, json!({ "id": nothing })).await["node"].take();
        assert!(node.is_null(), "{nothing}: {node}");
    }
    // Codes are accepted as ids of pizzerias and items.
    let both = "{ a: pizzeria(id: \"P1\") { id } b: pizzeria(id: \"pizzeria:P1\") { id } }";
    let data = shop.anonymous().data(both, Value::Null).await;
    assert_eq!(data["a"], data["b"]);
}

#[tokio::test]
async fn answers_in_the_language_of_the_caller() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let order = customer.placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)])).await;
    shop.person("pizzaiolo1.p1").step("startPreparation", &order).await;
    let (mut labels, mut messages, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
    for language in ["fr-FR,fr;q=0.9,en;q=0.5", "en", "de, fr;q=0.2, en;q=0.1"] {
        let customer = customer.speaking(language);
        customer.order_when(&order, "IN_PREPARATION").await;
        let seen = customer.order(&order, "statusLabel allowedActions { action reason }", &Value::Null).await;
        labels.push(seen["statusLabel"].as_str().unwrap().to_owned());
        let actions = seen["allowedActions"].as_array().unwrap();
        let cancel = actions.iter().find(|action| action["action"] == "CANCEL_ORDER").unwrap();
        reasons.push(cancel["reason"].as_str().unwrap().to_owned());
        let input = json!({ "orderId": order["id"], "reason": "OTHER" });
        let document = "mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { userErrors { code message } } }";
        let data = customer.data(document, json!({ "input": input })).await;
        let error = &data["cancelOrder"]["userErrors"][0];
        assert_eq!(error["code"], "TOO_LATE");
        messages.push(error["message"].as_str().unwrap().to_owned());
    }
    assert_eq!(labels, ["En préparation", "In preparation", "En préparation"]);
    for said in [&messages, &reasons] {
        assert_ne!(said[0], said[1]);
        assert_eq!(said[0], said[2]);
    }
}
