//! A query executes as many SQL statements for many rows as for few.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{Request, Variables};
use event_store::{EventStore, Follower, Settings};
use futures_util::future::join_all;
use graphql::batching::Batches;
use graphql::context::{Caller, Services};
use graphql::kitchen::Kitchens;
use graphql::schema::{Schema, schema};
use identity::accounts::{self, Accounts, AttemptLimiter, AttemptLimits, Passwords, ServerKey};
use identity::clock::Clock;
use identity::maintenance::Maintenance;
use mail::{MailQueue, MailSettings};
use messages::labels::Lang;
use payments::DemoPayments;
use projections::ReadModels;
use serde_json::{Value, json};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tests::orders::{basket, side};
use tests::{Shop, eventually};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Counts the statements of one pool; no other pool logs its statements at this level.
#[derive(Clone, Default)]
struct Statements(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" && *event.metadata().level() == Level::INFO {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A pool whose statements are counted. It has one connection, because opening another would count.
async fn counted(url: &str) -> PgPool {
    let told = url.parse::<PgConnectOptions>().unwrap().log_statements("info".parse().unwrap());
    let told = told.log_slow_statements("info".parse().unwrap(), std::time::Duration::from_secs(60));
    PgPoolOptions::new().max_connections(1).connect_with(told).await.unwrap()
}

struct Counting {
    schema: Schema,
    pool: PgPool,
    caller: Caller,
    statements: Statements,
}

impl Counting {
    /// The answer and its number of statements.
    async fn run(&self, query: &str, first: i32) -> (Value, usize) {
        let batches = Batches::default();
        let request = Request::new(query)
            .variables(Variables::from_json(json!({ "first": first })))
            .data(self.caller.clone())
            .data(batches.loaders(&self.pool));
        let before = self.statements.0.load(Ordering::Relaxed);
        let response = batches.run(self.schema.execute(request)).await;
        let count = self.statements.0.load(Ordering::Relaxed) - before;
        assert!(response.errors.is_empty(), "{query}: {:?}", response.errors);
        (response.data.into_json().unwrap(), count)
    }
}

/// Fifty orders of P1, each with a delivery to `customer1` that waits for a courier.
async fn fifty(shop: &Shop) {
    let customer = shop.person("customer1");
    let (kitchen, manager) = (shop.person("pizzaiolo1.p1"), shop.person("manager.p1"));
    let drinks = basket("P1", "DELIVERY", &[side("RED_WINE", 1), side("BEER", 1)]);
    let orders = (0..50).map(|_| async {
        let order = customer.placed(drinks.clone()).await;
        kitchen.step("startPreparation", &order).await;
        kitchen.step("markOrderReady", &order).await;
    });
    join_all(orders).await;
    eventually("all deliveries are scheduled", || async {
        let data = manager.data("{ deliveries(first: 50) { nodes { id } } }", Value::Null).await;
        (data["deliveries"]["nodes"].as_array().unwrap().len() == 50).then_some(())
    })
    .await;
    // The first rows have started, so that five rows use the same fields as fifty.
    let firsts = "{ orders(first: 3, orderBy: PLACED_AT_ASC) { nodes { delivery { id } } }
        deliveries(first: 3) { nodes { id } } }";
    let data = manager.data(firsts, Value::Null).await;
    let mut first = data["deliveries"]["nodes"].as_array().unwrap().clone();
    first.extend(data["orders"]["nodes"].as_array().unwrap().iter().map(|order| order["delivery"].clone()));
    let mut ids: Vec<&str> = first.iter().map(|delivery| delivery["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    for (at, id) in ids.into_iter().enumerate() {
        let delivery = json!({ "id": id });
        let courier = shop.person(["courier1.p1", "courier2.p1"][at % 2]);
        courier.carry("claimDelivery", &delivery, json!({})).await;
        courier.carry("pickUpDelivery", &delivery, json!({})).await;
        let here = json!({ "deliveryId": id, "latitude": 48.89, "longitude": 2.34 });
        courier.mutate("reportCourierPosition", "delivery { id }", here).await;
    }
    let head = json!(shop.person("auditor").head().await.to_string());
    shop.person("director").stock("P1", &head).await;
    let of = json!({ "at": head });
    let wait = "query($at: LogPosition) { orders(first: 1, atLeastPosition: $at) { nodes { id } } }";
    manager.data(wait, of).await;
}

const ORDERS: &str =
    "query($first: Int!) { orders(first: $first, orderBy: PLACED_AT_ASC) { edges { cursor } nodes {
    id number statusLabel late note pizzeria { name takesOrders } contact { name address { street } }
    lines { name total { amount } } vat { tax { amount } } allowedActions { action enabled }
    delivery { id statusLabel courier { name role } courierPosition { latitude } pizzeria { name }
        contact { name } order { number } }
    history(first: 5) { nodes { type actor { id } changes { path } cause { type } } } } } }";
const DELIVERIES: &str = "query($first: Int!) { deliveries(first: $first) { nodes {
    id pizzeria { name } contact { name } courier { name } courierPosition { latitude }
    order { number contact { name } pizzeria { code } delivery { id } }
    allowedActions { action enabled }
    history(first: 5) { nodes { type changes { path } cause { type } } } } } }";
const EVENTS: &str = "query($first: Int!) { events(first: $first) { nodes {
    position type sealed payload stream { id } actor { id role } command changes { path } cause { type } } } }";

#[tokio::test]
async fn executes_no_more_statements_for_fifty_rows_than_for_five() {
    let shop = Shop::open().await;
    fifty(&shop).await;

    let database = shop.database();
    let store = EventStore::start(database.pool.clone(), Settings::default());
    let follower = Follower::start(database.pool.clone(), &[]).await.unwrap();
    let clock = Clock::system();
    let read_models =
        ReadModels::start(database.pool.clone(), &follower, store.clone(), clock.0).await.unwrap();
    let pool = counted(&database.url).await;
    let payments = Arc::new(DemoPayments::new(pool.clone()));
    let key = ServerKey::development(&pool).await.unwrap();
    let attempt_limiter = AttemptLimiter::new(pool.clone(), key.clone(), clock, AttemptLimits::default());
    let maintenance = Maintenance::start(&pool, &follower).await.unwrap().0;
    let services = Services {
        kitchens: Kitchens::new(pool.clone()),
        pool: pool.clone(),
        accounts: Accounts::of(pool.clone()),
        store,
        follower,
        read_models,
        attempt_limiter: attempt_limiter.clone(),
        key,
        clock,
        payments,
        passwords: Passwords::start().await.unwrap(),
        mail_queue: MailQueue::new(MailSettings::default(), attempt_limiter),
        maintenance,
    };
    let director = accounts::account_by_email(&pool, "director@ocpizza.example").await.unwrap().unwrap();
    let caller = Caller { actor: Some(director.actor()), ..Caller::anonymous(Lang::Fr, "test".into()) };
    let statements = Statements::default();
    let heard = tracing_subscriber::registry().with(statements.clone());
    let _guard = tracing::subscriber::set_default(heard);
    let counting = Counting { schema: schema(services), pool, caller, statements };

    for (list, query) in [("orders", ORDERS), ("deliveries", DELIVERIES), ("events", EVENTS)] {
        let (few, for_few) = counting.run(query, 5).await;
        let (many, for_many) = counting.run(query, 50).await;
        let rows = |data: &Value| data[list]["nodes"].as_array().unwrap().len();
        assert_eq!((rows(&few), rows(&many)), (5, 50), "{list}");
        assert!(for_few > 0, "{list}: nothing was counted");
        assert_eq!(for_many, for_few, "{list}");
    }
    // Lists without pages: a constant number, however many ingredients, pizzas and pizzerias exist.
    for (query, bound) in [
        ("{ stock(pizzeriaId: \"P1\") { pizzeria { name } levels { available ingredient { name } } } }", 4),
        (
            "{ menu(pizzeriaId: \"P1\") { pizzas { name sizes { makeable limitingIngredient { name } } } } }",
            4,
        ),
        ("{ pizzerias { name takesOrders } }", 1),
        ("{ orderBoard(pizzeriaId: \"P1\") { orders { number } counts { orders } } }", 3),
    ] {
        let (_, count) = counting.run(query, 5).await;
        assert!((1..=bound).contains(&count), "{query}: {count}");
    }
}
