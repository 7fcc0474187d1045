//! Account changes that are interrupted: a client that disconnects, a concurrent change of address, a repeated
//! request.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::access::{Actor, Role};
use domain::customer::CustomerCommand;
use domain::ids::CustomerId;
use domain::usecase::ToCustomer;
use event_store::{CommandContext, EventStore, Settings};
use identity::accounts::registration::reserve;
use identity::accounts::{Account, AddressLookUp, hash_now};
use identity::clock::Clock;
use serde_json::{Value, json};
use sqlx::PgPool;
use tests::eventually;
use tests::server::Server;
use uuid::Uuid;

use crate::api::accounts::{MailedDemo, PASSWORD, codes};

const SESSION: &str = "token account { id email }";

fn newcomer(email: &str) -> Value {
    json!({ "name": "Ada", "email": email, "password": "cent pizzas chaudes", "idempotencyKey": "k" })
}

/// Waits until the account reactors have caught up; they lock the same rows.
async fn all_is_quiet(pool: &PgPool) {
    let sql = "SELECT position FROM checkpoints WHERE name = 'reactor:account_access' \
         AND position = (SELECT position FROM event_log_head)";
    let probe = || async {
        let there: Option<i64> = sqlx::query_scalar(sql).fetch_optional(pool).await.unwrap();
        there
    };
    eventually("the accounts have caught up with the log", probe).await;
}

/// Waits until a statement waits for a row lock.
async fn wait_for_row_lock(pool: &PgPool) {
    let sql = "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%accounts%'";
    let probe = || async {
        let waiting: i64 = sqlx::query_scalar(sql).fetch_one(pool).await.unwrap();
        (waiting > 0).then_some(())
    };
    eventually("a statement waits for the account's row", probe).await;
}

#[tokio::test]
async fn a_change_completes_after_its_client_disconnects() {
    let mailed = MailedDemo::open().await;
    let pool = &mailed.demo.database.pool;
    let email = "customer1@ocpizza.example";
    let customer = mailed.signed_in(email, PASSWORD).await;
    all_is_quiet(pool).await;
    let mut held = pool.begin().await.unwrap();
    let hold = "SELECT 1 FROM accounts WHERE email = $1 FOR NO KEY UPDATE";
    sqlx::query(hold).bind(email).execute(&mut *held).await.unwrap();
    let input = json!({ "currentPassword": PASSWORD, "newPassword": "cinq fromages" });
    let request = tokio::spawn(customer.mutate("changePassword", "position", input));
    // The event is stored, the password is not yet.
    wait_for_row_lock(pool).await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    // The server has noticed the disconnect and continues.
    mailed.anonymous().data("{ pizzerias { id } }", Value::Null).await;
    tokio::task::yield_now().await;
    held.commit().await.unwrap();
    let probe = || async { mailed.sign_in(email, "cinq fromages").await["token"].is_string().then_some(()) };
    eventually("the password is the new one", probe).await;
}

#[tokio::test]
async fn sends_no_verification_to_an_address_replaced_meanwhile() {
    let mailed = MailedDemo::open().await;
    let pool = &mailed.demo.database.pool;
    let customer = mailed.person("customer1");
    all_is_quiet(pool).await;
    let mut moving = pool.begin().await.unwrap();
    let to = "UPDATE accounts SET email = 'moved@example.org', email_verified_at = NULL WHERE email = $1";
    sqlx::query("UPDATE accounts SET email_verified_at = NULL WHERE email = 'customer1@ocpizza.example'")
        .execute(pool)
        .await
        .unwrap();
    sqlx::query(to).bind("customer1@ocpizza.example").execute(&mut *moving).await.unwrap();
    let request = tokio::spawn(customer.try_mutate("requestEmailVerification", "position", json!({})));
    wait_for_row_lock(pool).await;
    moving.commit().await.unwrap();
    assert_eq!(request.await.unwrap().code(), "CONFLICT");
    assert_eq!(mailed.mail.sent().len(), 0);
}

#[tokio::test]
async fn a_repeated_sign_up_finds_the_account_after_its_address_changed() {
    let mailed = MailedDemo::open().await;
    let first = mailed.anonymous().mutate("signUp", SESSION, newcomer("ada@example.org")).await;
    let ada = mailed.anonymous().with_token(first["token"].as_str().unwrap());
    let moving = json!({ "email": "moved@example.org", "currentPassword": "cent pizzas chaudes" });
    ada.mutate("updateMyAccount", "position", moving).await;
    let again = mailed.anonymous().mutate("signUp", SESSION, newcomer("ada@example.org")).await;
    assert_eq!(codes(&again), Vec::<&str>::new());
    let expected = json!({ "id": first["account"]["id"], "email": "moved@example.org" });
    assert_eq!(again["account"], expected);

    let manager = mailed.person("manager.p1");
    let hire = json!({ "name": "Cuisine", "email": "cook@example.org", "role": "PIZZAIOLO",
                       "pizzeriaId": "P1", "idempotencyKey": "h" });
    let hired = manager.mutate("hireStaff", "position staff { id }", hire.clone()).await;
    let sql = "UPDATE accounts SET email = 'moved.cook@example.org' WHERE email = 'cook@example.org'";
    sqlx::query(sql).execute(&mailed.demo.database.pool).await.unwrap();
    assert_eq!(manager.mutate("hireStaff", "position staff { id }", hire).await, hired);
}

#[tokio::test]
async fn keeps_no_row_for_accounts_that_were_not_created() {
    let mailed = MailedDemo::open().await;
    let pool = &mailed.demo.database.pool;
    let kept = async |email: &str| {
        let sql = "SELECT count(*) FROM accounts WHERE email = $1";
        sqlx::query_scalar::<_, i64>(sql).bind(email).fetch_one(pool).await.unwrap()
    };
    let email = "erased@example.org";
    let first = mailed.anonymous().mutate("signUp", SESSION, newcomer(email)).await;
    let customer = mailed.anonymous().with_token(first["token"].as_str().unwrap());
    let input = json!({ "currentPassword": "cent pizzas chaudes" });
    assert_eq!(codes(&customer.mutate("eraseMyAccount", "customerId", input).await), Vec::<&str>::new());
    let again = mailed.anonymous().mutate("signUp", SESSION, newcomer(email)).await;
    assert_eq!((&again["token"], kept(email).await), (&Value::Null, 0), "{again}");

    let (long_ago, just_now) = ("long.ago@example.org", "just.now@example.org");
    let now = Clock::system().now();
    for (id, email, at) in [(1, long_ago, now - TimeDelta::hours(2)), (2, just_now, now)] {
        let operator = AddressLookUp::by_operator();
        assert!(reserve(pool, &account(id, email), None, at, &operator).await.unwrap());
    }
    let _other = Server::start_with(&mailed.demo.database, |config| config).await;
    let probe = || async { (kept(long_ago).await == 0).then_some(()) };
    eventually("the abandoned row is removed", probe).await;
    assert_eq!(kept(just_now).await, 1);
}

fn account(id: u128, email: &str) -> Account {
    Account::new(Uuid::from_u128(id), email, Role::Customer, "Ada")
}

#[tokio::test]
async fn an_interrupted_sign_up_is_completed_or_frees_the_address() {
    let mailed = MailedDemo::open().await;
    let pool = &mailed.demo.database.pool;
    let hash = hash_now(&"cent pizzas chaudes".to_owned().into()).unwrap();
    let sign_up = async |email: &str| {
        let mut input = newcomer(email);
        input["idempotencyKey"] = Value::Null;
        mailed.anonymous().mutate("signUp", SESSION, input).await
    };

    // Interrupted before the event: the address is reserved for a moment, then free.
    let (now, email) = (Clock::system().now(), "cut@example.org");
    let operator = AddressLookUp::by_operator();
    assert!(reserve(pool, &account(1, email), Some(&hash), now, &operator).await.unwrap());
    assert_eq!(codes(&sign_up(email).await), ["EMAIL_TAKEN"]);
    assert_eq!(codes(&mailed.sign_in(email, "cent pizzas chaudes").await), ["BAD_CREDENTIALS"]);
    let past = now - TimeDelta::minutes(2);
    sqlx::query("UPDATE accounts SET created_at = $1 WHERE email = $2")
        .bind(past)
        .bind(email)
        .execute(pool)
        .await
        .unwrap();
    assert_eq!(codes(&sign_up(email).await), Vec::<&str>::new());

    // Interrupted after the event: the account is activated from the log.
    let (id, email) = (Uuid::from_u128(2), "mended@example.org");
    assert!(reserve(pool, &account(2, email), Some(&hash), now, &operator).await.unwrap());
    let store = EventStore::start(pool.clone(), Settings::default());
    let (customer, actor) = (CustomerId(id), Actor { id, role: Role::Customer, pizzeria: None });
    let command = CustomerCommand::Register { customer, now };
    let use_case = Arc::new(ToCustomer { name: "signUp", customer, command });
    store.execute(use_case, CommandContext::new(actor, Uuid::now_v7(), "test")).await.unwrap();
    let probe = || async {
        let session = mailed.sign_in(email, "cent pizzas chaudes").await;
        session["token"].is_string().then_some(())
    };
    eventually("the account is active", probe).await;
}
