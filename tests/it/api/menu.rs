//! The menu: how many of each pizza can be made from the stock, and the limiting ingredient.

use serde_json::{Map, Value, json};
use tests::orders::{Level, basket, level, missing, pizza, problems, refusals, with};
use tests::{Api, Shop};

/// The goat cheese of P1, once the read models have reached `position`.
async fn goat_cheese(api: &Api, position: &Value) -> Level {
    level(&api.stock("P1", position).await, "GOAT_CHEESE")
}

fn each(s: i64, m: i64, l: i64) -> Map<String, Value> {
    let of = |makeable: i64| json!([makeable, "GOAT_CHEESE"]);
    let sizes = [("S", of(s)), ("M", of(m)), ("L", of(l))];
    sizes.into_iter().map(|(size, seen)| (size.to_owned(), seen)).collect()
}

#[tokio::test]
async fn makeable_pizzas_follow_the_goat_cheese_to_the_gram() {
    let shop = Shop::open().await;
    let reception = shop.person("receptionist1.p1");
    let kitchen = shop.person("pizzaiolo1.p1");
    let anonymous = shop.anonymous();
    let take = |lines: &[Value]| basket("P1", "TAKEAWAY", lines);
    assert_eq!(goat_cheese(&kitchen, &Value::Null).await, (600, 0, 600));

    let mut reserved = 0;
    for (code, size, quantity, left) in [("CHV", "L", 2, 396), ("4FR", "M", 3, 276), ("CHV", "M", 2, 136)] {
        let order = reception.placed(take(&[pizza(code, size, quantity)])).await;
        assert_eq!(order["status"], "PLACED");
        reserved = 600 - left;
        assert_eq!(goat_cheese(&kitchen, &order["position"]).await, (600, reserved, left), "{code} {size}");
    }
    // A Chèvre takes 46, 70 or 102 grams; a Quatre Fromages 26, 40 or 58.
    let head = json!(shop.person("auditor").head().await.to_string());
    assert_eq!(anonymous.makeable("P1", "CHV", &head).await, each(2, 1, 1));
    assert_eq!(anonymous.makeable("P1", "4FR", &head).await, each(5, 3, 2));

    let grams = |grams: i64| json!([{ "ingredient": "GOAT_CHEESE", "quantity": grams }]);
    let wasted = json!({ "reason": "SPOILED", "lines": grams(60) });
    let wasted = kitchen.to_stock("wasteIngredients", "P1", wasted).await;
    assert_eq!(level(&wasted["stock"], "GOAT_CHEESE"), (540, reserved, 76));
    assert_eq!(anonymous.makeable("P1", "CHV", &wasted["position"]).await, each(1, 1, 0));
    let refused = reception.place(take(&[pizza("CHV", "L", 1)])).await;
    assert_eq!(refusals(&refused), ["INSUFFICIENT_STOCK"]);
    assert_eq!(missing(&refused), [("GOAT_CHEESE", 102, 76)]);

    let last = reception.placed(take(&[pizza("CHV", "M", 1)])).await;
    assert_eq!(goat_cheese(&kitchen, &last["position"]).await, (540, 534, 6));
    assert_eq!(anonymous.makeable("P1", "CHV", &last["position"]).await, each(0, 0, 0));
    assert_eq!(anonymous.makeable("P1", "4FR", &last["position"]).await, each(0, 0, 0));
    for (code, needed) in [("CHV", [46, 70, 102]), ("4FR", [26, 40, 58])] {
        for (size, needed) in ["S", "M", "L"].into_iter().zip(needed) {
            let refused = reception.place(take(&[pizza(code, size, 1)])).await;
            assert_eq!(refusals(&refused), ["INSUFFICIENT_STOCK"], "{code} {size}");
            assert_eq!(missing(&refused), [("GOAT_CHEESE", needed, 6)], "{code} {size}");
            assert!(refused["order"].is_null());
            assert!(refused["position"].is_string(), "a refusal for want of stock is a fact: {refused}");
        }
    }
    // Without goat cheese, the pizza can still be made.
    let without = with(pizza("4FR", "M", 1), json!({ "without": ["GOAT_CHEESE"] }));
    let quote = quote_of(&reception, without).await;
    assert_eq!(quote, json!({ "acceptable": true, "missing": [], "total": { "amount": "13.50" } }));

    let payload = reception.to_order("cancelOrder", &last, json!({ "reason": "CUSTOMER_REQUEST" })).await;
    assert_eq!(payload["order"]["status"], "CANCELLED", "{payload}");
    assert_eq!(goat_cheese(&kitchen, &payload["position"]).await, (540, 464, 76));

    let director = shop.person("director");
    let transfer = json!({ "fromPizzeriaId": "P2", "toPizzeriaId": "P1", "lines": grams(500) });
    let moved = director.mutate("transferStock", "stock { version }", transfer).await;
    assert_eq!(refusals(&moved), Vec::<&str>::new());
    assert_eq!(goat_cheese(&kitchen, &moved["position"]).await, (1_040, 464, 576));
    let p2 = shop.person("pizzaiolo1.p2").stock("P2", &moved["position"]).await;
    assert_eq!(level(&p2, "GOAT_CHEESE"), (1_500, 0, 1_500));
    assert_eq!(reception.makeable("P1", "CHV", &moved["position"]).await, each(12, 8, 5));
    // An anonymous caller sees at most ten.
    assert_eq!(anonymous.makeable("P1", "CHV", &moved["position"]).await, each(10, 8, 5));
}

async fn quote_of(api: &Api, line: Value) -> Value {
    let input = json!({ "pizzeriaId": "P1", "fulfilment": "TAKEAWAY", "lines": [line] });
    let document = "query($input: QuoteOrderInput!) { quoteOrder(input: $input) {
        acceptable missing { needed } total { amount } } }";
    api.data(document, json!({ "input": input })).await["quoteOrder"].take()
}

#[tokio::test]
async fn a_blocked_pizza_is_not_makeable_until_it_is_unblocked() {
    let shop = Shop::open().await;
    let manager = shop.person("manager.p1");
    let reception = shop.person("receptionist1.p1");
    let order = basket("P1", "TAKEAWAY", &[pizza("SAU", "M", 1)]);
    let blocked = json!({ "pizza": "SAU", "size": "M", "reason": "Saumon douteux" });
    let blocked = manager.to_stock("blockPizza", "P1", blocked).await;
    let sizes = shop.anonymous().makeable("P1", "SAU", &blocked["position"]).await;
    assert_eq!((sizes["M"][0].as_i64(), sizes["S"][0].as_i64() > Some(0)), (Some(0), true));
    assert_eq!(refusals(&reception.place(order.clone()).await), ["PIZZA_BLOCKED"]);
    manager.to_stock("unblockPizza", "P1", json!({ "pizza": "SAU", "size": "M" })).await;
    assert_eq!(reception.placed(order).await["status"], "PLACED");
}

#[tokio::test]
async fn the_menu_is_public_and_recipes_are_for_the_kitchen() {
    let shop = Shop::open().await;
    let document = "{ pizzerias { code } menu(pizzeriaId: \"P2\") { version
        pizzas { code allergens sizes { size price { amount currency } } } drinks { code price { amount } }
        desserts { code } extras { ingredient { code } price { amount } } } }";
    let data = shop.anonymous().data(document, Value::Null).await;
    let codes = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(codes(&data["pizzerias"]), ["P1", "P2", "P3", "P4", "P5"]);
    let menu = &data["menu"];
    assert_eq!(menu["pizzas"].as_array().unwrap().len(), 14);
    let saumon = menu["pizzas"].as_array().unwrap().iter().find(|pizza| pizza["code"] == "SAU").unwrap();
    let price =
        |size: &str, amount: &str| json!({ "size": size, "price": { "amount": amount, "currency": "EUR" } });
    assert_eq!(saumon["sizes"], json!([price("S", "12.00"), price("M", "14.50"), price("L", "18.50")]));
    assert_eq!(saumon["allergens"], json!(["GLUTEN", "MILK", "FISH"]));
    assert_eq!(codes(&menu["drinks"]).len(), 6);
    assert_eq!(codes(&menu["desserts"]), ["ICE_CREAM"]);

    let recipe = "{ recipe(pizza: \"FER\", size: L) { ingredients { ingredient { code } quantity } } }";
    let lines = shop.person("pizzaiolo1.p1").data(recipe, Value::Null).await;
    let lines = lines["recipe"]["ingredients"].as_array().unwrap().clone();
    let quantity = |code: &str| {
        lines.iter().find(|line| line["ingredient"]["code"] == code).unwrap()["quantity"].as_i64().unwrap()
    };
    // 260, 60 and 30 grams × 1.45, rounded half up; two eggs; one box.
    let expected = [("DOUGH", 377), ("CREAM", 87), ("MUSHROOM", 44), ("EGG", 2), ("BXL", 1)];
    for (code, grams) in expected {
        assert_eq!(quantity(code), grams, "{code}");
    }
    assert_eq!(shop.person("courier1.p1").ask(recipe, Value::Null).await.code(), "FORBIDDEN");
    assert_eq!(shop.anonymous().ask(recipe, Value::Null).await.code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn publishing_a_menu_reports_every_problem_at_once() {
    let shop = Shop::open().await;
    let director = shop.person("director");
    let publish = async |input: Value| director.mutate("publishMenu", "menu { version }", input).await;
    let recipe =
        json!([{ "ingredient": "TOMATO", "quantity": 0 }, { "ingredient": "tomato", "quantity": 1 }]);
    let input = json!({
        "ingredients": [{ "code": "lower", "name": " " }],
        "pizzas": [{ "code": "NEW", "name": "a\nb", "sizes": [
            { "size": "M", "price": "-1.00", "recipe": recipe },
            { "size": "M", "price": "1.00" },
        ] }],
        "withdrawn": ["🍕"],
        "idempotencyKey": "",
    });
    insta::assert_snapshot!(problems(&publish(input).await));
    // Problems that depend on the current menu.
    let recipe =
        json!([{ "ingredient": "TRUFFLE", "quantity": 1 }, { "ingredient": "TOMATO", "quantity": 10_001 }]);
    let input = json!({
        "pizzas": [{ "code": "NEW", "name": "New", "sizes": [{ "size": "M", "price": "0.00", "recipe": recipe }] }],
        "withdrawn": ["NOTHING"],
    });
    insta::assert_snapshot!(problems(&publish(input).await));
}
