//! Daily closings: each past day is closed once and in order. The log is a generated history of a few days without
//! closings.

use chrono::{DateTime, NaiveDate, Utc};
use domain::closing::{Ledger, Totals};
use domain::ids::PizzeriaId;
use domain::{Event, LogPosition};
use event_store::{EventStore, Follower, Settings, log};
use identity::accounts::{self, ServerKey};
use identity::clock::Clock;
use projections::{ReadModels, closings};
use serde_json::{Value, json};
use simulation::history::{self, Options};
use sqlx::PgPool;
use tests::server::Server;
use tests::{Api, Database, eventually};

use crate::log::pizzas::p1;

/// A Thursday; clocks go forward in the night to Sunday.
const FIRST_DAY: &str = "2026-03-26";
const PIZZERIAS: usize = 5;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// 04:01 in Paris: the days from Thursday to Sunday can be closed.
fn monday() -> DateTime<Utc> {
    "2026-03-30T02:01:00Z".parse().unwrap()
}

/// 04:05 in Paris, after Monday's end.
fn tuesday() -> DateTime<Utc> {
    "2026-03-31T02:05:00Z".parse().unwrap()
}

/// Four days and the beginning of the fifth.
async fn history() -> Database {
    let database = Database::create().await;
    let options = Options { days: Some(4), from: Some(day(FIRST_DAY)), ..Options::new(8_000, 3) };
    let later = "2026-11-01T00:00:00Z".parse().unwrap();
    history::generate(&database.pool, &options, later).await.unwrap();
    database
}

async fn start(pool: &PgPool, now: fn() -> DateTime<Utc>) -> (ReadModels, EventStore) {
    let store = EventStore::start(pool.clone(), Settings::default());
    let follower = Follower::start(pool.clone(), &[]).await.unwrap();
    (ReadModels::start(pool.clone(), &follower, store.clone(), now).await.unwrap(), store)
}

async fn rows(pool: &PgPool, pizzeria: &PizzeriaId) -> Vec<closings::Row> {
    closings::range(pool, pizzeria, day("2000-01-01"), day("2100-01-01")).await.unwrap()
}

async fn closed(pool: &PgPool, many: usize) {
    eventually("the days are closed", async || {
        let closed: i64 = sqlx::query_scalar("SELECT count(*) FROM closings").fetch_one(pool).await.unwrap();
        (usize::try_from(closed).unwrap() >= many).then_some(())
    })
    .await;
}

async fn person(database: &Database, base: &str, account: &str) -> Api {
    let key = ServerKey::development(&database.pool).await.unwrap();
    let email = format!("{account}@ocpizza.example");
    let (token, _) = accounts::issue_token(&database.pool, &key, &email, &Clock(monday)).await.unwrap();
    Api::new(base).with_token(token)
}

/// A pizzeria's totals up to a position, folded from the first event.
async fn whole(pool: &PgPool, pizzeria: &PizzeriaId, upto: LogPosition) -> Totals {
    let mut ledger = Ledger::default();
    let entries = log::read_after(pool, LogPosition::START, i64::MAX).await.unwrap();
    for entry in entries.into_iter().take_while(|entry| entry.position() <= upto) {
        let event = entry.readable().unwrap();
        for happened in &event.events {
            let Event::Order(happened) = happened else { continue };
            ledger.apply(event.stream.id.parse().unwrap(), happened);
        }
    }
    ledger.totals(pizzeria)
}

#[tokio::test]
async fn closes_past_days_once_in_order_with_matching_totals() {
    let database = history().await;
    let pool = &database.pool;
    let before = log::head(pool).await.unwrap();
    // Two processes; one closes.
    let (one, other) = (start(pool, monday).await, start(pool, monday).await);
    closed(pool, 4 * PIZZERIAS).await;
    drop((one, other));

    // The night to Sunday is an hour shorter: its day ends at 02:00 UTC, the days before at 03:00.
    let ends =
        ["2026-03-27T03:00:00Z", "2026-03-28T03:00:00Z", "2026-03-29T02:00:00Z", "2026-03-30T02:00:00Z"];
    let rows_of_p1 = rows(pool, &p1()).await;
    assert_eq!(rows_of_p1.len(), 4);
    let mut sum = Totals::default();
    let mut after = LogPosition::START;
    for ((row, end), n) in rows_of_p1.iter().zip(ends).zip(0_u32..) {
        let closing = &row.closing;
        let expected = day(FIRST_DAY) + chrono::Days::new(u64::from(n));
        assert_eq!((closing.day, closing.number, closing.after), (expected, n + 1, after));
        let upto: i64 = sqlx::query_scalar("SELECT max(position) FROM events WHERE recorded_at < $1")
            .bind(end.parse::<DateTime<Utc>>().unwrap())
            .fetch_one(pool)
            .await
            .unwrap();
        assert_eq!(closing.upto, LogPosition(upto), "{expected}");
        sum = sum.plus(&closing.totals);
        assert_eq!(closing.cumulative, sum);
        after = closing.upto;
    }
    assert!(sum.placed > 100 && sum.cancelled > 0 && sum.gross.0 > 0 && sum.payments.len() > 3, "{sum:?}");
    assert_eq!(sum, whole(pool, &p1(), after).await);

    // The audit computes the same figures, and the read models match the log.
    let report = closings::audit(pool, &mut |_, _| {}).await.unwrap();
    assert_eq!((report.closings, report.wrong), (20, None));
    projections::catch_up(pool).await.unwrap();
    for report in projections::verify(pool, &mut |_, _| {}).await.unwrap() {
        assert!(report.is_sound(), "{report:?}");
    }
    assert_eq!(log::head(pool).await.unwrap(), LogPosition(before.0 + 20), "and nothing else was stored");
}

#[tokio::test]
async fn another_process_continues_after_the_last_closing() {
    let database = history().await;
    let pool = &database.pool;
    let first = start(pool, monday).await;
    closed(pool, 4 * PIZZERIAS).await;
    drop(first);
    let before = rows(pool, &p1()).await;

    let second = start(pool, tuesday).await;
    closed(pool, 5 * PIZZERIAS).await;
    drop(second);

    let after = rows(pool, &p1()).await;
    assert_eq!(after[..4], before[..], "what is closed does not change");
    let last = &after[4].closing;
    assert_eq!((last.day, last.number, last.after), (day("2026-03-30"), 5, before[3].closing.upto));
    assert_eq!(last.cumulative, whole(pool, &p1(), last.upto).await);
    let report = closings::audit(pool, &mut |_, _| {}).await.unwrap();
    assert_eq!((report.closings, report.wrong), (25, None));
}

#[tokio::test]
async fn the_audit_names_the_first_closing_that_differs_from_the_log() {
    let database = history().await;
    let pool = &database.pool;
    let running = start(pool, monday).await;
    closed(pool, 4 * PIZZERIAS).await;
    drop(running);
    // Tampering as the database's owner: one amount in the middle of a day.
    let row = rows(pool, &p1()).await.remove(1);
    sqlx::raw_sql("ALTER TABLE events DISABLE TRIGGER USER").execute(pool).await.unwrap();
    let figure = format!("\"totals\":{{\"placed\":{}", row.closing.totals.placed);
    let changed = format!("\"totals\":{{\"placed\":{}", row.closing.totals.placed + 1);
    sqlx::raw_sql("GRANT UPDATE ON events TO CURRENT_USER").execute(pool).await.unwrap();
    let done =
        sqlx::query("UPDATE events SET payload = replace(payload::text, $2, $3)::json WHERE position = $1")
            .bind(row.position.0)
            .bind(&figure)
            .bind(&changed)
            .execute(pool)
            .await
            .unwrap();
    assert_eq!(done.rows_affected(), 1);

    let wrong = closings::audit(pool, &mut |_, _| {}).await.unwrap().wrong.unwrap();

    assert_eq!((wrong.position, wrong.closing.day), (row.position, day("2026-03-27")));
    assert_eq!(wrong.what, "its figures are not those of the log");
}

#[tokio::test]
async fn managers_read_the_closings_of_their_own_pizzeria() {
    let database = history().await;
    let server = Server::start(&database, Clock(monday)).await;
    closed(&database.pool, 4 * PIZZERIAS).await;
    let document =
        "query($of: ID!, $from: Date!, $to: Date!) { closings(pizzeriaId: $of, from: $from, to: $to) {
        date number after upto position pizzeria { code } head { size }
        totals { placed gross { amount } vat { rate net { amount } tax { amount } gross { amount } }
                 payments { method captured { amount } refunded { amount } } }
        cumulative { placed } } }";
    let variables = json!({ "of": "P1", "from": "2026-03-27", "to": "2026-03-28" });
    for who in ["manager.p1", "director", "auditor"] {
        let person = person(&database, &server.base, who).await;
        let data = person.data(document, variables.clone()).await;
        let days: Vec<&Value> = data["closings"].as_array().unwrap().iter().collect();
        assert_eq!(days.len(), 2, "{who}");
        let row = rows(&database.pool, &p1()).await.remove(1).closing;
        assert_eq!(days[0]["date"], "2026-03-27");
        assert_eq!(days[0]["number"], 2);
        assert_eq!(days[0]["upto"], row.upto.to_string());
        assert_eq!(days[0]["totals"]["gross"]["amount"], row.totals.gross.to_string());
        assert_eq!(days[0]["cumulative"]["placed"], row.cumulative.placed);
        assert_eq!(days[1]["after"], row.upto.to_string());
    }
    let stranger = person(&database, &server.base, "manager.p2").await;
    assert_eq!(stranger.ask(document, variables.clone()).await.code(), "FORBIDDEN");
    let manager = person(&database, &server.base, "manager.p1").await;
    let backwards = json!({ "of": "P1", "from": "2026-03-28", "to": "2026-03-27" });
    assert_eq!(manager.ask(document, backwards).await.code(), "BAD_USER_INPUT");
}
