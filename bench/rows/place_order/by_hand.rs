//! The reference of `placeOrder`: a hand-written handler with axum and sqlx in one transaction. It checks the
//! token, prices the basket from a cached menu, takes the stock, numbers the order, and writes the same rows: two
//! events, a contact, an idempotency key. It has no log in commit order, read models, subscriptions, permissions
//! or limits.

mod data;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::Result;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use chrono::{DateTime, TimeDelta, Utc};
use domain::demo_data;
use domain::menu::PizzaSize;
use identity::clock::Clock;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use sqlx::types::Json as SqlJson;
use uuid::Uuid;

pub(crate) use data::fill;

use crate::by_hand;

/// Name of the worker.
pub(crate) const NAME: &str = "orders-by-hand";

/// Its database and number of connections.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub database_url: String,
    pub connections: u32,
}

/// The token's customer and address.
const SESSION: &str = "SELECT a.id, a.name, a.email, a.phone, a.street, a.postcode, a.city, a.latitude, a.longitude \
    FROM sessions s JOIN accounts a ON a.id = s.account_id \
    WHERE s.token_hash = $1 AND s.expires_at > $2 AND a.active";
const BESIDE: &str = "WITH contact AS (INSERT INTO contacts (id, order_id, customer_id, name, email, phone, street, \
    postcode, city, latitude, longitude) VALUES ($5, $3, $1, $6, $7, $8, $9, $10, $11, $12, $13)) \
    INSERT INTO idempotency_keys (actor_id, key, order_id, fingerprint) VALUES ($1, $2, $3, $4)";
/// Locks the pizzeria's row first, so that the stock's rows can be locked in any order.
const NUMBER: &str = "UPDATE pizzerias SET orders = orders + 1 WHERE code = $1 RETURNING orders";
const TAKE: &str = "UPDATE stock SET available = available - needed.quantity \
    FROM unnest($2::text[], $3::bigint[]) AS needed (ingredient, quantity) \
    WHERE pizzeria = $1 AND stock.ingredient = needed.ingredient AND available >= needed.quantity";
const EVENTS: &str = "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, \
    metadata) VALUES ('order', $1, 1, 'OrderPlaced', '1', $2, $5), \
    ('stock', $3, $4, 'IngredientsReserved', '1', $6, $5)";

/// Price and recipe of an item.
#[derive(Debug)]
struct Sold {
    name: String,
    price: i64,
    vat: i64,
    takes: Vec<(String, i64)>,
}

#[derive(Debug)]
struct Handler {
    pool: PgPool,
    clock: Clock,
    menu: HashMap<(String, Option<PizzaSize>), Sold>,
    places: HashMap<String, (f64, f64)>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Basket {
    pizzeria_id: String,
    channel: String,
    fulfilment: String,
    payment: String,
    lines: Vec<AskedLine>,
    idempotency_key: String,
}

#[derive(Debug, Deserialize)]
struct AskedLine {
    item: String,
    size: Option<PizzaSize>,
    quantity: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    line: usize,
    item: &'a str,
    name: &'a str,
    size: Option<PizzaSize>,
    quantity: i64,
    unit_price: i64,
    total: i64,
    vat_rate: i64,
}

#[derive(Debug, Serialize)]
struct Vat {
    rate: i64,
    gross: i64,
    vat: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Placed<'a> {
    #[serde(rename = "type")]
    event: &'static str,
    order: Uuid,
    number: String,
    pizzeria: &'a str,
    channel: &'a str,
    fulfilment: &'a str,
    payment: &'a str,
    customer: Uuid,
    contact: Uuid,
    distance_m: i64,
    lines: Vec<Line<'a>>,
    needs: &'a BTreeMap<&'a str, i64>,
    subtotal: i64,
    delivery_fee: i64,
    vat: Vec<Vat>,
    total: i64,
    promised_at: DateTime<Utc>,
    at: DateTime<Utc>,
}

#[derive(Debug, Serialize)]
struct Reserved<'a> {
    #[serde(rename = "type")]
    event: &'static str,
    order: Uuid,
    lines: &'a BTreeMap<&'a str, i64>,
    at: DateTime<Utc>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    actor: Uuid,
    role: &'static str,
    command: &'static str,
    command_id: Uuid,
    correlation_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    id: Uuid,
    number: &'a str,
    status: &'static str,
    total: i64,
    lines: &'a [Line<'a>],
    promised_at: DateTime<Utc>,
}

#[derive(Debug, sqlx::FromRow)]
struct Customer {
    id: Uuid,
    name: String,
    email: String,
    phone: Option<String>,
    street: Option<String>,
    postcode: Option<String>,
    city: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// Its answers without an order.
struct Refused(StatusCode);

impl<E: Into<anyhow::Error>> From<E> for Refused {
    fn from(_: E) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Serves until it is ended; first sends its address.
pub(crate) async fn serve(task: String) -> Result<()> {
    let task: Task = serde_json::from_str(&task)?;
    let pool = by_hand::pool(&task.database_url, task.connections).await?;
    let places: Vec<(String, f64, f64)> =
        sqlx::query_as("SELECT code, latitude, longitude FROM pizzerias").fetch_all(&pool).await?;
    let places =
        places.into_iter().map(|(code, latitude, longitude)| (code, (latitude, longitude))).collect();
    let handler = Handler { pool, clock: Clock::system(), menu: menu(), places };
    let router = Router::new().route("/orders", axum::routing::post(place)).with_state(Arc::new(handler));
    by_hand::serve(router).await
}

fn menu() -> HashMap<(String, Option<PizzaSize>), Sold> {
    let menu = demo_data::menu();
    let mut sold = HashMap::new();
    for pizza in menu.pizzas {
        for (size, of) in pizza.sizes {
            let takes = of.recipe.iter().map(|(code, of)| (code.as_str().to_owned(), of.signed())).collect();
            let price = of.price.0;
            sold.insert(
                (pizza.code.as_str().to_owned(), Some(size)),
                Sold { name: pizza.name.clone(), price, vat: 1000, takes },
            );
        }
    }
    for side in menu.sides {
        let code = side.code.as_str().to_owned();
        let takes = vec![(code.clone(), 1)];
        sold.insert((code, None), Sold { name: side.name, price: side.price.0, vat: 550, takes });
    }
    sold
}

/// Distance in metres on a plane.
#[allow(clippy::cast_possible_truncation)] // metres of the earth
fn distance(from: (f64, f64), to: (f64, f64)) -> i64 {
    let (north, east) = (to.0 - from.0, (to.1 - from.1) * from.0.to_radians().cos());
    (north.hypot(east) * 111_195.0) as i64
}

async fn place(
    State(handler): State<Arc<Handler>>,
    headers: HeaderMap,
    Json(basket): Json<Basket>,
) -> Response {
    match handler.place(&headers, &basket).await {
        Ok(answer) => answer,
        Err(Refused(status)) => status.into_response(),
    }
}

impl Handler {
    async fn place(&self, headers: &HeaderMap, basket: &Basket) -> Result<Response, Refused> {
        let bad = || Refused(StatusCode::UNPROCESSABLE_ENTITY);
        let token =
            headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let token = token.ok_or(Refused(StatusCode::UNAUTHORIZED))?;
        let now = self.clock.now();
        let customer: Option<Customer> = sqlx::query_as(SESSION)
            .bind(&Sha256::digest(token)[..])
            .bind(now)
            .fetch_optional(&self.pool)
            .await?;
        let customer = customer.ok_or(Refused(StatusCode::UNAUTHORIZED))?;
        let place = *self.places.get(&basket.pizzeria_id).ok_or_else(bad)?;
        let home = (customer.latitude.ok_or_else(bad)?, customer.longitude.ok_or_else(bad)?);

        let mut needs = BTreeMap::new();
        let mut vat = BTreeMap::<i64, i64>::new();
        let mut lines = Vec::with_capacity(basket.lines.len());
        for (at, asked) in basket.lines.iter().enumerate() {
            if !(1..=99).contains(&asked.quantity) {
                return Err(bad());
            }
            let sold = self.menu.get(&(asked.item.clone(), asked.size)).ok_or_else(bad)?;
            let total = asked.quantity * sold.price;
            *vat.entry(sold.vat).or_default() += total;
            for (ingredient, quantity) in &sold.takes {
                *needs.entry(&**ingredient).or_default() += asked.quantity * quantity;
            }
            lines.push(Line {
                line: at + 1,
                item: &asked.item,
                name: &sold.name,
                size: asked.size,
                quantity: asked.quantity,
                unit_price: sold.price,
                total,
                vat_rate: sold.vat,
            });
        }
        let subtotal: i64 = lines.iter().map(|line| line.total).sum();
        let (order, contact) = (Uuid::now_v7(), Uuid::new_v4());
        let fingerprint = Sha256::digest(format!("{basket:?}"));

        let mut transaction = self.pool.begin().await?;
        sqlx::query(BESIDE)
            .bind(customer.id)
            .bind(&basket.idempotency_key)
            .bind(order)
            .bind(&fingerprint[..])
            .bind(contact)
            .bind(&customer.name)
            .bind(&customer.email)
            .bind(&customer.phone)
            .bind(&customer.street)
            .bind(&customer.postcode)
            .bind(&customer.city)
            .bind(customer.latitude)
            .bind(customer.longitude)
            .execute(&mut *transaction)
            .await?;
        let number: i64 =
            sqlx::query_scalar(NUMBER).bind(&basket.pizzeria_id).fetch_one(&mut *transaction).await?;
        let (ingredients, quantities): (Vec<&str>, Vec<i64>) = needs.iter().map(|(of, n)| (*of, *n)).unzip();
        let taken = sqlx::query(TAKE)
            .bind(&basket.pizzeria_id)
            .bind(&ingredients)
            .bind(&quantities)
            .execute(&mut *transaction)
            .await?;
        if taken.rows_affected() != u64::try_from(ingredients.len()).unwrap_or_default() {
            return Err(Refused(StatusCode::CONFLICT));
        }
        let placed = Placed {
            event: "OrderPlaced",
            order,
            number: format!("{}-{number:06}", basket.pizzeria_id),
            pizzeria: &basket.pizzeria_id,
            channel: &basket.channel,
            fulfilment: &basket.fulfilment,
            payment: &basket.payment,
            customer: customer.id,
            contact,
            distance_m: distance(place, home),
            lines,
            needs: &needs,
            subtotal,
            delivery_fee: 290,
            vat: vat.iter().map(|(rate, gross)| vat_part(*rate, *gross)).collect(),
            total: subtotal + 290,
            promised_at: now + TimeDelta::minutes(45),
            at: now,
        };
        let metadata = Metadata {
            actor: customer.id,
            role: "CUSTOMER",
            command: "placeOrder",
            command_id: Uuid::now_v7(),
            correlation_id: Uuid::new_v4().to_string(),
        };
        sqlx::query(EVENTS)
            .bind(order.to_string())
            .bind(SqlJson(&placed))
            .bind(&basket.pizzeria_id)
            .bind(number)
            .bind(SqlJson(&metadata))
            .bind(SqlJson(Reserved { event: "IngredientsReserved", order, lines: &needs, at: now }))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        let answer = Answer {
            id: order,
            number: &placed.number,
            status: "PLACED",
            total: placed.total,
            lines: &placed.lines,
            promised_at: placed.promised_at,
        };
        Ok(Json(answer).into_response())
    }
}

/// Tax in a gross amount, at hundredths of a percent.
fn vat_part(rate: i64, gross: i64) -> Vat {
    Vat { rate, gross, vat: gross * rate / (10_000 + rate) }
}
