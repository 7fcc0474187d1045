//! Changing the lines of an order by their ids.

use serde_json::{Value, json};
use tests::Shop;
use tests::orders::{basket, pizza, refusals, side};

#[tokio::test]
async fn lines_are_changed_by_their_ids_and_keep_them() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let lines = [pizza("MAR", "M", 2), side("COLA", 1)];
    let order = customer.placed(basket("P1", "TAKEAWAY", &lines)).await;
    let selection = "lines { id line code quantity unitPrice { amount } } total { amount }";
    let seen = async |position: &Value| customer.order(&order, selection, position).await;
    let placed = seen(&order["position"]).await;
    let id = |of: &Value, index: usize| of["lines"][index]["id"].as_str().unwrap().to_owned();
    let (mar, cola) = (id(&placed, 0), id(&placed, 1));
    assert!(mar.starts_with("orderLine:") && mar.ends_with(":1"), "{mar}");

    // The price of the Margherita rises: two stay at their price, the third has today's.
    let dearer = json!({ "pizzas": [{ "code": "MAR", "sizes": [{ "size": "M", "price": "13.00" }] }] });
    let published = shop.person("director").mutate("publishMenu", "menu { version }", dearer).await;
    assert_eq!(refusals(&published), Vec::<&str>::new());
    let edits =
        json!({ "add": [side("WATER", 1)], "edit": [{ "line": mar, "quantity": 3 }], "remove": [cola] });
    let changed = customer.to_order("changeOrderLines", &order, edits).await;
    assert_eq!(refusals(&changed), Vec::<&str>::new(), "{changed}");
    let now = seen(&changed["position"]).await;
    let line = |index: usize| {
        let line = &now["lines"][index];
        (
            line["line"].clone(),
            line["code"].clone(),
            line["quantity"].clone(),
            line["unitPrice"]["amount"].clone(),
        )
    };
    assert_eq!(id(&now, 0), mar);
    assert_eq!(line(0), (json!(1), json!("MAR"), json!(2), json!("11.00")));
    let added = [line(1), line(2)];
    assert!(added.contains(&(json!(3), json!("MAR"), json!(1), json!("13.00"))), "{now}");
    assert!(added.contains(&(json!(4), json!("WATER"), json!(1), json!("1.80"))), "{now}");
    assert_eq!(now["total"]["amount"], "36.80");

    let refused = async |edits: Value| {
        let payload = customer.to_order("changeOrderLines", &order, edits).await;
        let errors = payload["userErrors"].as_array().unwrap().clone();
        errors.iter().map(|error| (error["code"].clone(), error["field"].clone())).collect::<Vec<_>>()
    };
    let at = |code: &str, field: &[&str]| vec![(json!(code), json!(field))];
    assert_eq!(refused(json!({ "remove": [cola] })).await, at("UNKNOWN_LINE", &["input", "remove", "0"]));
    let edit = json!({ "add": [side("COLA", 1)], "edit": [{ "line": mar, "quantity": 0 }] });
    assert_eq!(refused(edit).await, at("INVALID_INPUT", &["input", "edit", "0", "quantity"]));
    let add = json!({ "add": [pizza("XXX", "M", 1)] });
    assert_eq!(refused(add).await, at("UNKNOWN_PIZZA", &["input", "add", "0", "item"]));
    assert_eq!(refused(json!({})).await, at("INVALID_INPUT", &["input", "lines"]));
    let both = json!({ "lines": [side("COLA", 1)], "remove": [mar] });
    assert_eq!(refused(both).await, at("INVALID_INPUT", &["input", "lines"]));
    let other = json!({ "remove": ["orderLine:0195584e-3c00-7000-8000-000000000001:1"] });
    assert_eq!(refused(other).await, at("UNKNOWN_LINE", &["input", "remove", "0"]));
}
