//! Tables of the hand-written handler and their initial rows.

use anyhow::Result;
use domain::access::Role;
use domain::demo_data;
use sha2::{Digest, Sha256};
use sqlx::{Executor, PgPool};
use uuid::Uuid;

/// Its tables. Updated rows have free space beside them, as ours.
const TABLES: &str = "
CREATE TABLE accounts (id uuid PRIMARY KEY, name text NOT NULL, email text NOT NULL, phone text, street text,
    postcode text, city text, latitude float8, longitude float8, active boolean NOT NULL DEFAULT true);
CREATE TABLE sessions (token_hash bytea PRIMARY KEY, account_id uuid NOT NULL REFERENCES accounts (id),
    expires_at timestamptz NOT NULL);
CREATE TABLE pizzerias (code text COLLATE \"C\" PRIMARY KEY, latitude float8 NOT NULL, longitude float8 NOT NULL,
    orders bigint NOT NULL DEFAULT 0) WITH (fillfactor = 10);
CREATE TABLE stock (pizzeria text COLLATE \"C\" NOT NULL, ingredient text COLLATE \"C\" NOT NULL,
    available bigint NOT NULL CHECK (available >= 0), PRIMARY KEY (pizzeria, ingredient)) WITH (fillfactor = 10);
CREATE TABLE events (position bigint GENERATED ALWAYS AS IDENTITY UNIQUE, aggregate_type text COLLATE \"C\" NOT NULL,
    aggregate_id text COLLATE \"C\" NOT NULL, sequence bigint NOT NULL, event_type text COLLATE \"C\" NOT NULL,
    event_version text COLLATE \"C\" NOT NULL, recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    payload json NOT NULL, metadata json NOT NULL, PRIMARY KEY (aggregate_type, aggregate_id, sequence));
CREATE TABLE idempotency_keys (actor_id uuid NOT NULL, key text COLLATE \"C\" NOT NULL, fingerprint bytea NOT NULL,
    order_id uuid NOT NULL, recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (actor_id, key));
CREATE TABLE contacts (id uuid PRIMARY KEY, order_id uuid NOT NULL, customer_id uuid NOT NULL, name text, email text,
    phone text, street text, postcode text, city text, latitude float8, longitude float8,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp());
";

/// Fills its tables with the stocked pizzerias of the demo and sessions of its customers in turn; returns the
/// tokens.
pub(crate) async fn fill(pool: &PgPool, each: i64, sessions: usize) -> Result<Vec<String>> {
    pool.execute(TABLES).await?;
    for opening in demo_data::pizzerias() {
        let (latitude, longitude) = (f64::from(opening.place.lat) / 1e6, f64::from(opening.place.lon) / 1e6);
        let pizzeria = opening.pizzeria.as_str();
        sqlx::query("INSERT INTO pizzerias VALUES ($1, $2, $3)")
            .bind(pizzeria)
            .bind(latitude)
            .bind(longitude)
            .execute(pool)
            .await?;
        let stock = demo_data::opening_stock(&opening.pizzeria);
        let ingredients: Vec<&str> = stock.iter().map(|(code, _)| code.as_str()).collect();
        sqlx::query("INSERT INTO stock SELECT $1, unnest($2::text[]), $3")
            .bind(pizzeria)
            .bind(&ingredients)
            .bind(each)
            .execute(pool)
            .await?;
    }
    let mut customers = Vec::new();
    for account in simulation::demo::accounts() {
        if account.role == Role::Customer {
            customers.push(account.id);
        }
        sqlx::query("INSERT INTO accounts VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
            .bind(account.id)
            .bind(account.display_name)
            .bind(account.email)
            .bind(account.phone)
            .bind(account.street)
            .bind(account.postcode)
            .bind(account.city)
            .bind(account.latitude)
            .bind(account.longitude)
            .execute(pool)
            .await?;
    }
    let mut tokens = Vec::with_capacity(sessions);
    for account in customers.iter().cycle().take(sessions) {
        // As long as ours.
        let token = format!("{}{}", Uuid::new_v4().simple(), &Uuid::new_v4().simple().to_string()[..15]);
        sqlx::query("INSERT INTO sessions VALUES ($1, $2, now() + interval '1 day')")
            .bind(Sha256::digest(&token).to_vec())
            .bind(account)
            .execute(pool)
            .await?;
        tokens.push(token);
    }
    pool.execute("ANALYZE").await?;
    Ok(tokens)
}
