//! Erasure of a customer: from every table, the logs and a later dump, with nothing else changed.

use std::path::PathBuf;
use std::process::Command;

use domain::access::Actor;
use domain::customer::CustomerCommand;
use domain::ids::CustomerId;
use domain::usecase::ToCustomer;
use event_store::{CommandContext, EventStore, Settings};
use futures_util::future::join_all;
use identity::clock::Clock;
use identity::personal_data::erase_all_recorded;
use serde_json::{Value, json};
use simulation::demo::PASSWORD;
use sqlx::PgPool;
use tests::orders::{basket, pizza, side, with};
use tests::processes::{self, Process};
use tests::{Api, Demo, Shop, eventually};
use uuid::Uuid;

/// Every row of every table as text.
async fn rows(pool: &PgPool) -> String {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables \
         WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    assert!(tables.len() > 15, "{tables:?}");
    let mut all = String::new();
    for table in tables {
        let sql = format!("SELECT t::text FROM {table} t");
        for row in sqlx::query_scalar::<_, String>(&sql).fetch_all(pool).await.unwrap() {
            all += &format!("{table}: {row}\n");
        }
    }
    all
}

/// A database's dump by PostgreSQL's own program.
fn dump(url: &str) -> String {
    let beside = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut places: Vec<PathBuf> = beside.map(|version| version.path().join("bin/pg_dump")).collect();
    places.extend(std::env::var_os("PG_BIN_DIR").map(|dir| PathBuf::from(dir).join("pg_dump")));
    let program = places.into_iter().find(|path| path.is_file()).unwrap_or_else(|| "pg_dump".into());
    let output = Command::new(program).arg("--dbname").arg(url).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The lines that contain one of the texts, ignoring case.
fn lines_with<'a>(text: &'a str, secrets: &[String]) -> Vec<&'a str> {
    let secrets: Vec<String> = secrets.iter().map(|secret| secret.to_lowercase()).collect();
    let holds = |line: &&str| {
        let line = line.to_lowercase();
        secrets.iter().any(|secret| line.contains(secret.as_str()))
    };
    text.lines().filter(holds).collect()
}

async fn id_of(api: &Api) -> Uuid {
    let me = api.data("{ me { id } }", Value::Null).await;
    me["me"]["id"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap()
}

/// What the erasure must not change.
async fn figures(director: &Api) -> Value {
    let head = json!(director.head().await.to_string());
    let document = "query($at: LogPosition) { \
        orders(first: 100, orderBy: NUMBER_ASC, atLeastPosition: $at) { nodes { \
          number status total { amount } paid { amount } version deliveryCode } } \
        sales(pizzeriaId: \"P1\", from: \"2020-01-01\", to: \"2020-12-31\") { gross { amount } } }";
    director.data(document, json!({ "at": head })).await
}

/// An order delivered to another person at the door.
async fn delivered(shop: impl Fn(&str) -> Api, order: &Value) {
    let (cook, courier) = (shop("pizzaiolo1.p1"), shop("courier1.p1"));
    cook.step("startPreparation", order).await;
    cook.step("markOrderReady", order).await;
    let delivery = shop("manager.p1").delivery_of(order).await;
    courier.carry("claimDelivery", &delivery, json!({})).await;
    courier.carry("pickUpDelivery", &delivery, json!({})).await;
    let here = json!({ "deliveryId": delivery["id"], "latitude": 48.897, "longitude": 2.34 });
    courier.mutate("reportCourierPosition", "delivery { id }", here).await;
    courier.carry("completeDelivery", &delivery, json!({ "proof": { "receivedBy": "Témoin Voisin" } })).await;
    shop("manager.p1").order_when(order, "DELIVERED").await;
}

#[tokio::test]
async fn an_erasure_clears_tables_logs_and_dumps_and_changes_nothing_else() {
    let demo = Demo::create().await;
    let process = Process::serve_logging(&demo.database.url, "trace").await;
    let shop = |account: &str| demo.person(&process.base, account);
    let (customer, reception, director) = (shop("customer1"), shop("receptionist1.p1"), shop("director"));
    let me = customer.data("{ me { id name email phone address { street } } }", Value::Null).await;
    let text = |path: &str| me["me"].pointer(path).unwrap().as_str().unwrap().to_owned();
    let phone = text("/phone");
    let mut secrets = vec![text("/name"), text("/email"), phone.clone(), text("/address/street")];
    secrets
        .extend(["Zébulon Fictif", "+33639985555", "3 venelle Secrète", "Témoin Voisin"].map(str::to_owned));
    secrets.push("sonnette cassée".to_owned());

    let first = with(basket("P1", "DELIVERY", &[pizza("MAR", "M", 2)]), json!({ "note": "sonnette cassée" }));
    let first = customer.placed(first).await;
    delivered(shop, &first).await;
    let address = json!({ "street": "3 venelle Secrète", "latitude": 48.893, "longitude": 2.345 });
    let contact = json!({ "name": "Zébulon Fictif", "phone": "+33 6 39 98 55 55", "address": address });
    let open = with(
        basket("P1", "DELIVERY", &[pizza("REI", "M", 2)]),
        json!({ "contact": contact, "idempotencyKey": "k1" }),
    );
    let open = customer.placed(open).await;
    // The same customer by phone, identified by the verified e-mail address.
    let contact =
        json!({ "name": "Camille", "email": text("/email").to_uppercase(), "phone": phone.replace(' ', "") });
    let called = json!({ "channel": "PHONE", "contact": contact });
    let called = reception.placed(with(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)]), called)).await;
    reception.to_order("cancelOrder", &called, json!({ "reason": "OTHER" })).await;
    secrets.push(phone.replace(' ', ""));
    let pool = &demo.database.pool;
    eventually("the orders are closed in the read model", || async {
        let closed: i64 = sqlx::query_scalar("SELECT count(*) FROM contacts WHERE closed_at IS NOT NULL")
            .fetch_one(pool)
            .await
            .unwrap();
        (closed >= 3).then_some(())
    })
    .await;
    let seen = reception.order(&open, "contact { name }", &open["position"]).await;
    assert_eq!(seen["contact"]["name"], "Zébulon Fictif");
    for secret in &secrets {
        let found = rows(pool).await;
        assert!(!lines_with(&found, std::slice::from_ref(secret)).is_empty(), "{secret} was never there");
    }
    let before = figures(&director).await;

    let wrong = json!({ "currentPassword": "quatre saisons" });
    let refused = customer.mutate("eraseMyAccount", "customerId", wrong).await;
    assert_eq!(refused["userErrors"][0]["code"], "BAD_CREDENTIALS", "{refused}");
    let payload =
        customer.mutate("eraseMyAccount", "customerId", json!({ "currentPassword": PASSWORD })).await;
    assert_eq!(payload["customerId"], me["me"]["id"]);
    let at = payload["position"].clone();

    assert_eq!(lines_with(&rows(pool).await, &secrets), Vec::<&str>::new(), "in the tables");
    assert_eq!(lines_with(&dump(&demo.database.url), &secrets), Vec::<&str>::new(), "in the dump");
    assert_eq!(customer.ask("{ me { id } }", Value::Null).await.code(), "UNAUTHENTICATED");
    assert_eq!(figures(&director).await, before);
    let seen = reception.order(&open, "number contact { name } note", &at).await;
    assert_eq!((&seen["contact"], &seen["note"]), (&Value::Null, &Value::Null));
    let seen = shop("auditor").order(&open, "contact { name }", &at).await;
    assert!(seen["contact"]["name"].as_str().unwrap().starts_with("contact "), "{seen}");
    let verified = processes::run(&demo.database.url, &["projections", "verify"]).await;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let log = process.end_and_read_log().await;
    assert!(log.lines().count() > 20, "it was to say much: {log}");
    assert_eq!(lines_with(&log, &secrets), Vec::<&str>::new(), "in the log");
}

async fn contacts_of(pool: &PgPool, customer: Uuid) -> i64 {
    let sql = "SELECT count(*) FROM contacts WHERE customer_id = $1";
    sqlx::query_scalar(sql).bind(customer).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn an_interrupted_erasure_is_completed() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    customer.placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)])).await;
    let (id, pool) = (id_of(&customer).await, &shop.database().pool);
    assert_eq!(contacts_of(pool, id).await, 1);
    // The process ends between the event and the erasure of the rows.
    let store = EventStore::start(pool.clone(), Settings::default());
    let command = CustomerCommand::Erase { now: Clock::system().now() };
    let erase = ToCustomer { name: "eraseMyAccount", customer: CustomerId(id), command };
    let context = CommandContext::new(Actor::system(), Uuid::new_v4(), "test");
    store.execute(std::sync::Arc::new(erase), context).await.unwrap();
    eventually("the rows are erased", || async {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM accounts WHERE id = $1")
            .bind(id)
            .fetch_one(pool)
            .await
            .unwrap();
        (left == 0 && contacts_of(pool, id).await == 0).then_some(())
    })
    .await;
    assert_eq!(customer.ask("{ me { id } }", Value::Null).await.code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn an_open_order_keeps_no_contact_of_an_erased_customer() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let (id, pool) = (id_of(&customer).await, &shop.database().pool);
    let orders = (0..40).map(|_| {
        let customer = customer.clone();
        async move {
            let input = json!({ "input": basket("P1", "TAKEAWAY", &[side("WATER", 1)]) });
            customer.ask(&Api::mutation("placeOrder", "order { id }"), input).await
        }
    });
    let erased = customer.mutate("eraseMyAccount", "customerId", json!({ "currentPassword": PASSWORD }));
    let (orders, _) = tokio::join!(join_all(orders), erased);
    let placed =
        orders.iter().filter(|answer| answer.body["data"]["placeOrder"]["order"].is_object()).count();
    eventually(&format!("the contacts of {placed} orders are erased"), || async {
        let followed: bool = sqlx::query_scalar(
            "SELECT p.position = h.position FROM personal_data_progress p, event_log_head h",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        (followed && contacts_of(pool, id).await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn erases_again_what_an_older_backup_restores() {
    let shop = Shop::open().await;
    let customer = shop.person("customer2");
    customer.placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)])).await;
    let (id, pool) = (id_of(&customer).await, &shop.database().pool);
    sqlx::raw_sql(
        "CREATE TABLE older AS SELECT * FROM contacts; CREATE TABLE older_accounts AS SELECT * FROM accounts",
    )
    .execute(pool)
    .await
    .unwrap();
    let input = json!({ "customerId": format!("customer:{id}") });
    let director = shop.person("director");
    let first = director.mutate("eraseCustomer", "customerId", input.clone()).await;
    assert!(first["position"].is_string(), "{first}");
    // Repeating it changes nothing.
    let again = director.mutate("eraseCustomer", "customerId", input).await;
    assert_eq!((&again["position"], &again["userErrors"]), (&Value::Null, &json!([])));
    let unknown = json!({ "customerId": Uuid::new_v4() });
    assert_eq!(director.try_mutate("eraseCustomer", "customerId", unknown).await.code(), "NOT_FOUND");

    sqlx::raw_sql(
        "INSERT INTO accounts SELECT * FROM older_accounts WHERE email = 'customer2@ocpizza.example'; \
         INSERT INTO contacts SELECT * FROM older; DROP TABLE older, older_accounts",
    )
    .execute(pool)
    .await
    .unwrap();
    assert_eq!(contacts_of(pool, id).await, 1);
    let mut db = pool.acquire().await.unwrap();
    assert_eq!(erase_all_recorded(&mut db).await.unwrap(), 1);
    assert_eq!(contacts_of(pool, id).await, 0);
    assert_eq!(lines_with(&rows(pool).await, &["customer2@ocpizza.example".to_owned()]), Vec::<&str>::new());
}

#[tokio::test]
async fn unverified_claims_erase_no_data_of_others() {
    let shop = Shop::open().await;
    let (reception, pool) = (shop.person("receptionist1.p1"), &shop.database().pool);
    let (phone, email) = ("+33639984444", "victim@example.org");
    let contact = json!({ "name": "Victime", "phone": phone, "email": email });
    let called = json!({ "channel": "PHONE", "contact": contact });
    let order = reception.placed(with(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)]), called)).await;
    reception.to_order("cancelOrder", &order, json!({ "reason": "OTHER" })).await;
    let left = async |closed: bool| -> i64 {
        let sql = "SELECT count(*) FROM contacts WHERE phone = $1 AND (closed_at IS NOT NULL) = $2";
        sqlx::query_scalar(sql).bind(phone).bind(closed).fetch_one(pool).await.unwrap()
    };
    eventually("the order is closed in the read model", async || (left(true).await == 1).then_some(())).await;
    // Signed up with the phone number and e-mail address of the victim, both unverified.
    let password = "cent pizzas chaudes";
    let input = json!({ "name": "Voleur", "email": email, "phone": phone, "password": password });
    let thief = shop.anonymous().mutate("signUp", "token", input).await;
    let thief = shop.anonymous().with_token(thief["token"].as_str().unwrap());
    let erased = thief.mutate("eraseMyAccount", "customerId", json!({ "currentPassword": password })).await;
    assert!(erased["customerId"].is_string(), "{erased}");
    assert_eq!(left(true).await, 1, "the contact of another customer's order is still there");
}
