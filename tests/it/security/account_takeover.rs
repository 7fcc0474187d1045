//! Account takeover: by a stolen session, from a shared network, or by a flood of requests.

use std::net::IpAddr;

use identity::accounts::AttemptLimits;
use identity::accounts::session::PER_ACCOUNT_MAX;
use serde_json::{Value, json};
use server::app::Config;
use tests::{Answer, Api, eventually};

use crate::api::accounts::{MailedDemo, PASSWORD, codes};

const EMAIL: &str = "customer1@ocpizza.example";
const ACCOUNT: &str = "account { email phone address { street } }";

async fn limited(limits: AttemptLimits) -> MailedDemo {
    MailedDemo::open_with(|config| Config { attempt_limits: limits, ..config }).await
}

fn is_limited(answer: &Answer) -> bool {
    answer.body["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
}

#[tokio::test]
async fn requires_the_password_to_change_the_email_address() {
    let mailed = MailedDemo::open().await;
    let thief = mailed.person("customer1");
    let update = async |input: Value| thief.mutate("updateMyAccount", ACCOUNT, input).await;
    let refused = update(json!({ "email": "thief@example.org", "name": "T" })).await;
    assert_eq!(codes(&refused), ["PASSWORD_REQUIRED"]);
    assert_eq!(refused["userErrors"][0]["field"], json!(["input", "currentPassword"]));
    let wrong = json!({ "email": "thief@example.org", "currentPassword": "not the password" });
    let refused = update(wrong).await;
    assert_eq!(codes(&refused), ["BAD_CREDENTIALS"]);
    assert_eq!(refused["account"]["email"], EMAIL);
    assert_eq!(mailed.mail.sent().len(), 0, "nothing was sent to either address");
    // Without an address or with the same one, no password is needed.
    assert_eq!(
        codes(&update(json!({ "email": EMAIL.to_uppercase(), "name": "Zoé" })).await),
        Vec::<&str>::new()
    );

    // The owner is notified at the previous address.
    let right = json!({ "email": "moved@example.org", "currentPassword": PASSWORD, "idempotencyKey": "m" });
    for _ in 0..2 {
        assert_eq!(update(right.clone()).await["account"]["email"], "moved@example.org");
    }
    let warned = || async { mailed.mail.sent().iter().any(|mail| mail.to == EMAIL).then_some(()) };
    eventually("the previous address is notified", warned).await;
    assert_eq!(mailed.mail.sent().len(), 2);
}

#[tokio::test]
async fn counts_wrong_passwords_of_a_session() {
    let mailed = limited(AttemptLimits { sign_in_per_account: 3, ..AttemptLimits::default() }).await;
    let (thief, owner) = (mailed.person("customer1"), mailed.signed_in(EMAIL, PASSWORD).await);
    let input = json!({ "email": "thief@example.org", "currentPassword": "not the password" });
    let change = json!({ "currentPassword": "not the password", "newPassword": "cent pizzas chaudes" });
    for _ in 0..2 {
        assert_eq!(
            codes(&thief.mutate("updateMyAccount", ACCOUNT, input.clone()).await),
            ["BAD_CREDENTIALS"]
        );
    }
    assert_eq!(codes(&thief.mutate("changePassword", "position", change).await), ["BAD_CREDENTIALS"]);
    // By any mutation that asks for the password.
    for (mutation, selection, mut input) in [
        ("updateMyAccount", ACCOUNT, json!({ "email": "thief@example.org" })),
        ("eraseMyAccount", "customerId", json!({})),
        ("enrolTotp", "secret", json!({})),
    ] {
        input["currentPassword"] = json!(PASSWORD);
        let answer = thief.try_mutate(mutation, selection, input).await;
        assert!(is_limited(&answer), "{mutation}: {}", answer.body);
    }
    // The owner's other session is unaffected.
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "cent pizzas chaudes" });
    assert_eq!(codes(&owner.mutate("changePassword", "position", change).await), Vec::<&str>::new());
}

#[tokio::test]
async fn limits_mails_and_answers_about_addresses_over_all_mutations() {
    let limits = AttemptLimits {
        mail_per_account: 3,
        mail_per_address: 12,
        sign_up_per_address: 20,
        ..AttemptLimits::default()
    };
    let mailed = limited(limits).await;
    let customer = mailed.person("customer1");
    let victim = "victim@example.org";
    // To one address: by account updates and by anonymous requests.
    let mut addresses = [victim, "other@example.org"].into_iter().cycle();
    for _ in 0..20 {
        let input = json!({ "email": addresses.next(), "currentPassword": PASSWORD });
        customer.try_mutate("updateMyAccount", ACCOUNT, input).await;
        mailed.anonymous().try_mutate("requestPasswordReset", "", json!({ "email": victim })).await;
    }
    // Three mails that anonymous requests can cause, and three warnings.
    let to_victim = || mailed.mail.sent().iter().filter(|mail| mail.to == victim).count();
    assert!(to_victim() <= 6, "{}", to_victim());
    // To any address: as many as one client may cause.
    for nth in 0..20 {
        let input = json!({ "email": format!("nth{nth}@example.org") });
        mailed.anonymous().try_mutate("requestPasswordReset", "", input).await;
        let input = json!({ "email": format!("{nth}@example.org"), "currentPassword": PASSWORD });
        customer.try_mutate("updateMyAccount", ACCOUNT, input).await;
        let input = json!({ "name": "N", "email": format!("n{nth}@example.org"), "role": "COURIER", "pizzeriaId": "P1" });
        mailed.person("manager.p1").try_mutate("hireStaff", "staff { id }", input).await;
    }
    mailed.anonymous().data("{ pizzerias { id } }", Value::Null).await;
    assert!(mailed.mail.sent().len() <= 12, "{}", mailed.mail.sent().len());

    // Both mutations that reveal a taken address share one limit.
    let mailed = limited(AttemptLimits { sign_up_per_address: 4, ..AttemptLimits::default() }).await;
    let customer = mailed.person("customer1");
    let taken = json!({ "email": "customer2@ocpizza.example", "currentPassword": PASSWORD });
    for _ in 0..4 {
        assert_eq!(codes(&customer.mutate("updateMyAccount", ACCOUNT, taken.clone()).await), ["EMAIL_TAKEN"]);
    }
    assert!(is_limited(&customer.try_mutate("updateMyAccount", ACCOUNT, taken).await));
    let input =
        json!({ "name": "N", "email": "customer2@ocpizza.example", "password": "cent pizzas chaudes" });
    assert!(is_limited(&mailed.anonymous().try_mutate("signUp", "token", input).await));
    let input =
        json!({ "name": "N", "email": "customer2@ocpizza.example", "role": "COURIER", "pizzeriaId": "P1" });
    assert!(is_limited(&mailed.person("manager.p1").try_mutate("hireStaff", "staff { id }", input).await));
}

#[tokio::test]
async fn limits_the_sessions_of_an_account() {
    let mailed = MailedDemo::open().await;
    let first = mailed.signed_in(EMAIL, PASSWORD).await;
    let fields: String = (0..10)
        .map(|nth| {
            format!("s{nth}: signIn(input: {{ email: \"{EMAIL}\", password: \"{PASSWORD}\" }}) {{ token }} ")
        })
        .collect();
    for _ in 0..4 {
        mailed.anonymous().ask(&format!("mutation {{ {fields} }}"), Value::Null).await;
    }
    let pool = &mailed.demo.database.pool;
    let sql = "SELECT count(*) FROM sessions JOIN accounts a ON a.id = account_id WHERE email = $1";
    let count: i64 = sqlx::query_scalar(sql).bind(EMAIL).fetch_one(pool).await.unwrap();
    assert!(count <= PER_ACCOUNT_MAX, "{count}");
    mailed.signed_in(EMAIL, PASSWORD).await;
    for _ in 0..PER_ACCOUNT_MAX {
        mailed.demo.token_for(EMAIL).await;
    }
    let count: i64 = sqlx::query_scalar(sql).bind(EMAIL).fetch_one(pool).await.unwrap();
    assert_eq!(count, PER_ACCOUNT_MAX);
    assert_eq!(first.ask("{ me { id } }", Value::Null).await.code(), "UNAUTHENTICATED");
}

/// A client behind a proxy that reports its address.
struct Place<'a> {
    mailed: &'a MailedDemo,
    address: IpAddr,
}

impl Place<'_> {
    async fn sign_in(&self, email: &str, password: &str, device: Option<&str>) -> Value {
        let document = Api::mutation("signIn", "token deviceToken");
        let input = json!({ "email": email, "password": password, "deviceToken": device });
        let request = reqwest::Client::new()
            .post(format!("{}/graphql", self.mailed.server.base))
            .header("x-forwarded-for", self.address.to_string())
            .json(&json!({ "query": document, "variables": { "input": input } }));
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        match body["errors"][0]["extensions"]["code"].as_str() {
            Some(code) => json!(code),
            None => body["data"]["signIn"].clone(),
        }
    }
}

#[tokio::test]
async fn wrong_passwords_on_a_shared_network_do_not_lock_staff_out() {
    let mailed = MailedDemo::open_with(|config| Config {
        attempt_limits: AttemptLimits {
            sign_in_per_account: 5,
            sign_in_per_address: 30,
            ..AttemptLimits::default()
        },
        trusted_proxies: "127.0.0.0/8".parse().unwrap(),
        ..config
    })
    .await;
    let at = |last: u8| Place { mailed: &mailed, address: IpAddr::from([192, 0, 2, last]) };
    let (shop, elsewhere) = (at(1), at(2));
    let (manager, courier) = ("manager.p1@ocpizza.example", "courier1.p1@ocpizza.example");
    let known = shop.sign_in(manager, PASSWORD, None).await;
    let device = known["deviceToken"].as_str().unwrap();
    assert!(shop.sign_in(courier, PASSWORD, None).await["token"].is_string());

    // A guest of the same network tries a hundred passwords on all accounts.
    for nth in 0..100 {
        shop.sign_in(&format!("customer{}@ocpizza.example", nth % 5 + 1), "not the password", None).await;
    }
    let stranger = shop.sign_in("receptionist1.p1@ocpizza.example", PASSWORD, None).await;
    assert_eq!(stranger, "RATE_LIMITED", "spraying is still slowed down");
    assert!(shop.sign_in(manager, PASSWORD, None).await["token"].is_string());
    // On one account from there: other accounts of the network and known devices can still sign in.
    for _ in 0..10 {
        shop.sign_in(manager, "not the password", None).await;
    }
    assert_eq!(shop.sign_in(manager, PASSWORD, None).await, "RATE_LIMITED");
    assert!(shop.sign_in(courier, PASSWORD, None).await["token"].is_string());
    let again = shop.sign_in(manager, PASSWORD, Some(device)).await;
    assert_eq!(again["deviceToken"], device);
    // A device token of another account, or a forged one, has no effect.
    for device in [device, "ocd_AAAA"] {
        for _ in 0..6 {
            elsewhere.sign_in("customer1@ocpizza.example", "not the password", Some(device)).await;
        }
        let refused = elsewhere.sign_in("customer1@ocpizza.example", PASSWORD, Some(device)).await;
        assert_eq!(refused, "RATE_LIMITED");
    }
    // A device has its own limit too.
    for _ in 0..6 {
        elsewhere.sign_in(manager, "not the password", Some(device)).await;
    }
    assert_eq!(elsewhere.sign_in(manager, PASSWORD, Some(device)).await, "RATE_LIMITED");

    let rows: Vec<String> = sqlx::query_scalar("SELECT k::text FROM known_addresses k")
        .fetch_all(&mailed.demo.database.pool)
        .await
        .unwrap();
    assert!(rows.len() >= 2 && !rows.iter().any(|row| row.contains("192.0.2")), "{rows:?}");
}

#[tokio::test]
async fn null_clears_phone_and_address_and_omission_keeps_them() {
    let mailed = MailedDemo::open().await;
    let customer = mailed.person("customer1");
    let update =
        async |input: Value| customer.mutate("updateMyAccount", ACCOUNT, input).await["account"].clone();
    let named = update(json!({ "name": "Zoé Panais", "idempotencyKey": "z" })).await;
    assert!(named["phone"].is_string() && named["address"].is_object(), "{named}");
    let without = update(json!({ "phone": null })).await;
    assert_eq!((&without["phone"], &without["address"]), (&Value::Null, &named["address"]));
    let without = update(json!({ "address": null })).await;
    assert_eq!((&without["phone"], &without["address"]), (&Value::Null, &Value::Null));
    assert_eq!(update(json!({ "phone": "+33 6 39 98 66 66" })).await["phone"], "+33639986666");
    let nothing = customer.mutate("updateMyAccount", ACCOUNT, json!({ "address": null })).await;
    assert_eq!(codes(&nothing), ["NOTHING_TO_CHANGE"]);
    // Clearing and keeping are different inputs.
    let reused = json!({ "name": "Zoé Panais", "phone": null, "idempotencyKey": "z" });
    assert_eq!(codes(&customer.mutate("updateMyAccount", ACCOUNT, reused).await), ["IDEMPOTENCY_KEY_REUSED"]);
}

#[tokio::test]
async fn refuses_easily_guessed_passwords_wherever_one_is_set() {
    let mailed = MailedDemo::open().await;
    for password in ["1234567890", "aaaaaaaaaa", "ada.quenelle", "password123"] {
        let input = json!({ "name": "Ada Quenelle", "email": "ada@example.org", "password": password });
        assert_eq!(
            codes(&mailed.anonymous().mutate("signUp", "token", input).await),
            ["WEAK_PASSWORD"],
            "{password}"
        );
    }
    let customer = mailed.person("customer1");
    let input = json!({ "currentPassword": PASSWORD, "newPassword": "aaaaaaaaaa" });
    assert_eq!(codes(&customer.mutate("changePassword", "position", input).await), ["WEAK_PASSWORD"]);
    mailed.anonymous().mutate("requestPasswordReset", "", json!({ "email": EMAIL })).await;
    let token = mailed.letter(EMAIL, 1).await;
    let input = json!({ "token": token, "newPassword": "1234567890" });
    assert_eq!(codes(&mailed.anonymous().mutate("resetPassword", "", input).await), ["WEAK_PASSWORD"]);
}
