//! Subcommands: their effect, output and exit code.

use std::process::{Output, Stdio};

use identity::accounts::{Authenticator, ServerKey, account_by_email};
use identity::clock::Clock;
use sqlx::Executor;
use tests::processes::{command, run};
use tests::{Database, Demo, eventually, within};
use tokio::process::Child;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Asserts exit code 0 without output on stderr; returns stdout.
#[track_caller]
fn done(output: &Output) -> String {
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    text(&output.stdout)
}

/// Asserts exit code 1 with one line on stderr; returns it.
#[track_caller]
fn refused(output: &Output) -> String {
    let line = text(&output.stderr);
    assert_eq!((output.status.code(), line.lines().count()), (Some(1), 1), "{line}");
    line
}

/// As Ctrl-C or a platform's stop.
async fn signal(child: &Child, name: &str) {
    let pid = child.id().expect("it has not ended").to_string();
    assert!(std::process::Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
}

#[tokio::test]
async fn concurrent_migrations_run_once_and_serve_does_not_migrate() {
    let database = Database::create().await;
    database.pool.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
    let all = event_store::MIGRATOR.iter().count();

    let line = refused(&run(&database.url, &["serve"]).await);
    assert!(line.contains(&format!("lacks {all} migrations: run ocpizza-manager migrate")), "{line}");

    let (one, other) = tokio::join!(run(&database.url, &["migrate"]), run(&database.url, &["migrate"]));
    let said = done(&one) + &done(&other);
    assert_eq!(said.lines().filter(|line| line.starts_with("applied ")).count(), all, "{said}");
    assert!(said.contains(&format!("up to date: {all} migrations, 0 of them new")), "{said}");
    let events: i64 =
        sqlx::query_scalar("SELECT count(*) FROM events").fetch_one(&database.pool).await.unwrap();
    assert_eq!(events, 0);
}

#[tokio::test]
async fn serve_exits_with_0_on_sigterm() {
    let database = Database::create().await;
    let mut child = command(&database.url)
        .arg("serve")
        .env("PORT", "0")
        .env("RUST_LOG", "error,ocpizza_manager=info")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = tokio::io::BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    within(async {
        while !said.contains("serving") {
            assert_ne!(
                tokio::io::AsyncBufReadExt::read_line(&mut log, &mut said).await.unwrap(),
                0,
                "{said}"
            );
        }
    })
    .await;
    signal(&child, "TERM").await;
    assert_eq!(within(child.wait()).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn issues_a_token_for_the_given_account() {
    let demo = Demo::create().await;
    let pool = &demo.database.pool;
    let token = done(&run(&demo.database.url, &["token", "Courier2.P1@ocpizza.example"]).await);
    let key = ServerKey::development(pool).await.unwrap();
    let session =
        Authenticator::start(pool.clone(), key, Clock::system()).authenticate(token.trim_end()).await;
    let courier = account_by_email(pool, "courier2.p1@ocpizza.example").await.unwrap().unwrap();
    assert_eq!(session.unwrap().unwrap().actor, courier.actor());

    let line = refused(&run(&demo.database.url, &["token", "nobody@ocpizza.example"]).await);
    assert!(line.contains("no account with the e-mail address nobody@ocpizza.example"), "{line}");
}

#[tokio::test]
async fn finds_and_rebuilds_a_wrong_read_model() {
    let demo = Demo::create().await;
    let (url, pool) = (&demo.database.url, &demo.database.pool);
    projections::catch_up(pool).await.unwrap();
    let sound = done(&run(url, &["projections", "verify"]).await);
    assert_eq!(sound.lines().filter(|line| line.contains(" equal: ")).count(), projections::Model::ALL.len());

    pool.execute("DELETE FROM pizzerias WHERE id = 'P1'").await.unwrap();
    let verified = run(url, &["projections", "verify"]).await;
    let line = refused(&verified);
    assert!(line.contains("not what the log says: pizzerias;"), "{line}");
    let report = text(&verified.stdout);
    assert!(report.contains("  pizzerias P1 missing"), "{report}");

    done(&run(url, &["projections", "rebuild", "pizzerias"]).await);
    done(&run(url, &["projections", "verify"]).await);
    let status = done(&run(url, &["projections", "status"]).await);
    assert!(status.lines().any(|line| line.starts_with("pizzerias ") && line.ends_with(" no")), "{status}");
}

#[tokio::test]
async fn the_demo_plays_an_evening_and_stops_cleanly() {
    let database = Database::create().await;
    let child = command(&database.url)
        .args(["demo", "--simulate", "--speed", "100"])
        .env("PORT", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    for status in ["DELIVERED", "HANDED_OVER", "AWAITING_PAYMENT"] {
        eventually(status, async || {
            let sql = "SELECT count(*) FROM order_details WHERE status = $1";
            let orders: i64 = sqlx::query_scalar(sql).bind(status).fetch_one(&database.pool).await.unwrap();
            (orders > 0).then_some(())
        })
        .await;
    }
    signal(&child, "INT").await;
    let said = done(&within(child.wait_with_output()).await.unwrap());
    assert!(said.contains("Authorization: Bearer ocp_"), "{said}");
    assert!(said.contains("orders: none | stock low: none"), "{said}");
    assert!(!said.contains("last error"), "{said}");
    assert!(said.ends_with("\nStopped.\n"), "{said}");
    done(&run(&database.url, &["projections", "verify"]).await);
}

#[tokio::test]
async fn lists_sends_and_discards_dead_letters() {
    let database = Database::create().await;
    let (url, pool) = (&database.url, &database.pool);
    assert_eq!(done(&run(url, &["dead-letters", "list"]).await), "0 dead letters\n");
    let letter = "INSERT INTO dead_letters (key, policy, position, command, target, reason) VALUES \
                  ('k', 'delivery_scheduling', 7, 'scheduleDelivery', 'delivery:d', 'NOT_READY') RETURNING id";
    let id: i64 = sqlx::query_scalar(letter).fetch_one(pool).await.unwrap();
    let listed = done(&run(url, &["dead-letters", "list"]).await);
    assert!(
        listed.starts_with(&format!(
            "{id}: delivery_scheduling sent scheduleDelivery to delivery:d after position 7: NOT_READY, 1 times"
        )),
        "{listed}"
    );
    // The log has no such event.
    let line = refused(&run(url, &["dead-letters", "retry", "--all"]).await);
    assert!(line.contains("1 dead letters did not get through"), "{line}");
    let line = refused(&run(url, &["dead-letters", "retry", "99"]).await);
    assert!(line.contains("there is no dead letter 99"), "{line}");
    done(&run(url, &["dead-letters", "discard", &id.to_string()]).await);
    assert_eq!(done(&run(url, &["dead-letters", "list"]).await), "0 dead letters\n");
}
