//! Allergens in menus, quotes, orders and the kitchen, and recipes as they were sold.

use serde_json::{Value, json};
use tests::orders::{basket, pizza, refusals, side, with};
use tests::{Api, Shop};

async fn publish(director: &Api, input: Value) -> Value {
    let payload = director.mutate("publishMenu", "menu { version }", input).await;
    assert_eq!(refusals(&payload), Vec::<&str>::new(), "{payload}");
    payload
}

#[tokio::test]
async fn publishing_a_new_name_keeps_allergens_and_sizes() {
    let shop = Shop::open().await;
    let director = shop.person("director");
    let mozzarella =
        json!({ "code": "MOZZARELLA", "name": "Mozzarella di bufala", "unit": "GRAM", "removable": true });
    let dearer = json!({ "code": "MAR", "sizes": [{ "size": "M", "price": "11.50" }] });
    let input = json!({ "ingredients": [mozzarella], "pizzas": [dearer] });
    let published = publish(&director, input).await;
    let document = "query($at: LogPosition) { menu(pizzeriaId: \"P1\", atLeastPosition: $at) {
        pizzas { code allergens sizes { size price { amount } } } extras { ingredient { code name } allergens } } }";
    let data = shop.anonymous().data(document, json!({ "at": published["position"] })).await;
    let find = |list: &Value, code: &str| {
        list.as_array().unwrap().iter().find(|one| one["code"] == code).unwrap().clone()
    };
    let mar = find(&data["menu"]["pizzas"], "MAR");
    assert_eq!(mar["allergens"], json!(["GLUTEN", "MILK"]));
    let price = |size: &str, amount: &str| json!({ "size": size, "price": { "amount": amount } });
    assert_eq!(mar["sizes"], json!([price("S", "8.50"), price("M", "11.50"), price("L", "15.00")]));
    let extras = data["menu"]["extras"].as_array().unwrap();
    let extra = extras.iter().find(|extra| extra["ingredient"]["code"] == "MOZZARELLA").unwrap();
    assert_eq!(extra["ingredient"]["name"], "Mozzarella di bufala");
    assert_eq!(extra["allergens"], json!(["MILK"]));

    // Removal is explicit, and new ingredients need all values.
    let cheeseless = json!({ "ingredients": [{ "code": "MOZZARELLA", "allergens": [] }],
        "pizzas": [{ "code": "MAR", "withdrawnSizes": ["L"] }] });
    publish(&director, cheeseless).await;
    let new =
        json!({ "ingredients": [{ "code": "NUT", "name": "Noix", "unit": "GRAM", "removable": true }] });
    let refused = director.mutate("publishMenu", "menu { version }", new).await;
    assert_eq!(refusals(&refused), ["VALUE_REQUIRED"]);
    let in_pieces = json!({ "ingredients": [{ "code": "MOZZARELLA", "unit": "PIECE" }] });
    let refused = director.mutate("publishMenu", "menu { version }", in_pieces).await;
    assert_eq!(refusals(&refused), ["UNIT_FIXED"]);
    assert_eq!(refused["userErrors"][0]["field"], json!(["input", "ingredients", "0", "unit"]));
}

#[tokio::test]
async fn updating_hours_keeps_days_that_are_not_named() {
    let shop = Shop::open().await;
    let director = shop.person("director");
    let input = json!({ "pizzeriaId": "P1", "closedDays": ["SUN"],
        "hours": [{ "day": "MON", "opens": "18:00", "closes": "22:00" }] });
    let updated = director.mutate("updatePizzeria", "pizzeria { hours { day opens } }", input).await;
    assert_eq!(refusals(&updated), Vec::<&str>::new());
    let hours = updated["pizzeria"]["hours"].as_array().unwrap();
    let days: Vec<_> = hours.iter().map(|span| span["day"].as_str().unwrap()).collect();
    assert_eq!(days, ["MON", "TUE", "WED", "THU", "FRI", "SAT"]);
    assert_eq!(hours[0]["opens"], "18:00");
}

#[tokio::test]
async fn everything_sold_shows_its_allergens() {
    let shop = Shop::open().await;
    let document = "{ menu(pizzeriaId: \"P2\") { drinks { code allergens } desserts { code allergens } } }";
    let menu = shop.anonymous().data(document, Value::Null).await["menu"].take();
    let with_some = |list: &Value| -> Vec<Value> {
        list.as_array().unwrap().iter().filter(|side| side["allergens"] != json!([])).cloned().collect()
    };
    let of = |code: &str, allergen: &str| json!({ "code": code, "allergens": [allergen] });
    assert_eq!(with_some(&menu["drinks"]), [of("BEER", "GLUTEN"), of("RED_WINE", "SULPHITES")]);
    assert_eq!(with_some(&menu["desserts"]), [of("ICE_CREAM", "MILK")]);

    let margherita = with(pizza("MAR", "M", 1), json!({ "without": ["MOZZARELLA"], "extras": ["EGG"] }));
    let lines = [margherita, pizza("SAU", "M", 1), side("BEER", 1), side("WATER", 1)];
    let expected = json!([
        { "allergens": ["GLUTEN", "EGG"] },
        { "allergens": ["GLUTEN", "MILK", "FISH"] },
        { "allergens": ["GLUTEN"] },
        { "allergens": [] },
    ]);
    let quote = "query($input: QuoteOrderInput!) { quoteOrder(input: $input) { lines { allergens } } }";
    let input = json!({ "pizzeriaId": "P2", "fulfilment": "TAKEAWAY", "lines": lines });
    let quoted = shop.anonymous().data(quote, json!({ "input": input })).await;
    assert_eq!(quoted["quoteOrder"]["lines"], expected);
    let order = shop.person("receptionist1.p2").placed(basket("P2", "TAKEAWAY", &lines)).await;
    let queue = "query($at: LogPosition) { kitchenQueue(pizzeriaId: \"P2\", atLeastPosition: $at) {
        lines { allergens } } }";
    let kitchen = shop.person("pizzaiolo1.p2");
    let queue = kitchen.data(queue, json!({ "at": order["position"] })).await;
    assert_eq!(queue["kitchenQueue"][0]["lines"], expected);
}

const SOLD: &str = "lines { code recipeVersion allergens recipe { version pizza { id code } ingredients {
    quantity ingredient { id code } } } }";

#[tokio::test]
async fn the_kitchen_reads_the_sold_recipe_after_it_changed_or_was_withdrawn() {
    let shop = Shop::open().await;
    let director = shop.person("director");
    let kitchen = shop.person("pizzaiolo1.p1");
    let lines = [pizza("MAR", "M", 1), side("COLA", 1)];
    let order = shop.person("receptionist1.p1").placed(basket("P1", "TAKEAWAY", &lines)).await;
    let with_tuna =
        json!([{ "ingredient": "DOUGH", "quantity": 250 }, { "ingredient": "TUNA", "quantity": 60 }]);
    let changed = json!({ "pizzas": [{ "code": "MAR", "sizes": [{ "size": "M", "recipe": with_tuna }] }] });
    publish(&director, changed).await;
    publish(&director, json!({ "withdrawn": ["MAR"] })).await;

    let seen = kitchen.order(&order, SOLD, &order["position"]).await;
    let line = &seen["lines"][0];
    assert_eq!((&line["recipeVersion"], &line["allergens"]), (&json!(1), &json!(["GLUTEN", "MILK"])));
    let quantity = |recipe: &Value, code: &str| {
        let lines = recipe["ingredients"].as_array().unwrap();
        lines.iter().find(|line| line["ingredient"]["code"] == code).map(|line| line["quantity"].clone())
    };
    assert_eq!(line["recipe"]["version"], 1);
    assert_eq!(line["recipe"]["pizza"]["id"], "item:MAR@v1");
    assert_eq!(quantity(&line["recipe"], "MOZZARELLA"), Some(json!(120)));
    assert_eq!(seen["lines"][1]["recipe"], Value::Null);

    let document = "query($version: Int) { recipe(pizza: \"MAR\", size: M, version: $version) {
        version ingredients { quantity ingredient { id code } } } }";
    let recipe = |version: Value| {
        let kitchen = kitchen.clone();
        async move { kitchen.ask(document, json!({ "version": version })).await }
    };
    let second = recipe(json!(2)).await.data();
    assert_eq!(
        (second["recipe"]["version"].as_i64(), quantity(&second["recipe"], "TUNA")),
        (Some(2), Some(json!(60)))
    );
    assert_eq!(quantity(&second["recipe"], "MOZZARELLA"), None);
    for none in [json!(3), json!(4), json!(0), json!(2_000_000_000), Value::Null] {
        assert_eq!(recipe(none.clone()).await.code(), "NOT_FOUND", "{none}");
    }
    let customer = shop.anonymous().ask(document, json!({ "version": 1 })).await;
    assert_eq!(customer.code(), "UNAUTHENTICATED");
    // The recipe of a line is for the kitchen, its allergens for every reader of the order.
    let reception = shop.person("receptionist1.p1");
    let allergens = reception.order(&order, "lines { allergens }", &Value::Null).await;
    assert_eq!(allergens["lines"][0]["allergens"], json!(["GLUTEN", "MILK"]));
    let refused = "query($id: ID!) { order(id: $id) { lines { recipe { version } } } }";
    let hidden = reception.data(refused, json!({ "id": order["id"] })).await;
    assert_eq!(hidden["order"]["lines"][0]["recipe"], Value::Null);
}

#[tokio::test]
async fn callers_without_stock_access_see_at_most_ten() {
    let shop = Shop::open().await;
    let document =
        "{ menu(pizzeriaId: \"P1\") { drinks { code left available } pizzas { code sizes { makeable } } } }";
    let seen = |api: Api| async move {
        let menu = api.data(document, Value::Null).await["menu"].take();
        let left = menu["drinks"][0]["left"].as_i64().unwrap();
        let pizzas = menu["pizzas"].as_array().unwrap();
        let most = pizzas.iter().flat_map(|pizza| pizza["sizes"].as_array().unwrap().clone());
        (left, most.map(|size| size["makeable"].as_i64().unwrap()).max().unwrap())
    };
    for who in ["receptionist1.p1", "pizzaiolo1.p1", "manager.p1", "director"] {
        assert_eq!(seen(shop.person(who)).await, (60, 60), "{who}");
    }
    for who in [shop.anonymous(), shop.person("customer1"), shop.person("manager.p2")] {
        assert_eq!(seen(who).await, (10, 10));
    }
    let much = basket("P1", "TAKEAWAY", &[pizza("CHV", "L", 20)]);
    let quote = "query($input: QuoteOrderInput!) { quoteOrder(input: $input) {
        missing { ingredient { code } needed available }
        userErrors { message detail { missing { available } } } } }";
    let goat = |api: Api, input: Value| async move {
        let quote = api.data(quote, json!({ "input": input })).await["quoteOrder"].take();
        let missing = quote["missing"].as_array().unwrap();
        let at = missing.iter().position(|one| one["ingredient"]["code"] == "GOAT_CHEESE").unwrap();
        let error = &quote["userErrors"][0];
        let detail = error["detail"]["missing"][at]["available"].as_i64();
        let told = error["message"].as_str().unwrap().contains("600");
        (missing[at]["available"].as_i64(), detail, told)
    };
    let input = json!({ "pizzeriaId": "P1", "fulfilment": "TAKEAWAY", "lines": much["lines"] });
    assert_eq!(goat(shop.person("manager.p1"), input.clone()).await, (Some(600), Some(600), true));
    assert_eq!(goat(shop.anonymous(), input).await, (Some(10), Some(10), false));
    let web = with(much, json!({ "channel": "WEB" }));
    let refused = shop.person("customer1").place(web).await;
    assert_eq!(refusals(&refused), ["INSUFFICIENT_STOCK"]);
    let missing = tests::orders::missing(&refused);
    assert!(
        missing.iter().all(|(_, needed, available)| *available <= 10 && needed > available),
        "{missing:?}"
    );
}
