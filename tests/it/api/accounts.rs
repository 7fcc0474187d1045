//! Accounts: sign-up, verification, sign-in, updates, and the mails that they send.

use std::sync::Arc;
use std::time::Duration;

use identity::accounts::AttemptLimits;
use mail::{MailSettings, Memory};
use serde_json::{Value, json};
use server::app::Config;
use tests::orders::{basket, pizza, places, problems};
use tests::server::Server;
use tests::{Api, Demo, eventually, within};

/// The demo's password.
pub const PASSWORD: &str = simulation::demo::PASSWORD;

const SESSION: &str = "token expiresAt account { id name email role emailVerified version }";

/// No attempt limits: they have tests of their own.
const LOOSE: AttemptLimits = AttemptLimits {
    sign_in_per_account: 1_000,
    sign_in_per_address: 1_000,
    sign_up_per_address: 1_000,
    mail_per_account: 1_000,
    mail_per_address: 1_000,
};

/// The demo behind a server whose mails are recorded.
pub struct MailedDemo {
    pub server: Server,
    pub demo: Demo,
    pub mail: Arc<Memory>,
}

impl MailedDemo {
    pub async fn open() -> Self {
        Self::open_with(|config| Config { attempt_limits: LOOSE, ..config }).await
    }

    /// As [`MailedDemo::open`], with other settings.
    pub async fn open_with(change: impl FnOnce(Config) -> Config) -> Self {
        let demo = Demo::create().await;
        let mail = Arc::new(Memory::default());
        let settings = MailSettings { mailer: mail.clone(), public_url: None };
        let server =
            Server::start_with(&demo.database, |config| change(Config { mail: settings, ..config })).await;
        Self { server, demo, mail }
    }

    pub fn anonymous(&self) -> Api {
        Api::new(&self.server.base)
    }

    pub fn person(&self, account: &str) -> Api {
        self.demo.person(&self.server.base, account)
    }

    /// The token of the `nth` mail (from 1) to an address.
    pub async fn letter(&self, to: &str, nth: usize) -> String {
        let probe = || async {
            let sent = self.mail.sent();
            let mail = sent.iter().filter(|mail| mail.to == to).nth(nth - 1)?;
            Some(mail.body.lines().find(|line| line.starts_with("ocp_")).unwrap().to_owned())
        };
        eventually("a mail comes", probe).await
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Value {
        let input = json!({ "email": email, "password": password });
        self.anonymous().mutate("signIn", SESSION, input).await
    }

    /// A signed-in account.
    pub async fn signed_in(&self, email: &str, password: &str) -> Api {
        let session = self.sign_in(email, password).await;
        let token = session["token"].as_str().unwrap_or_else(|| panic!("{email}: {session}"));
        self.anonymous().with_token(token)
    }
}

pub fn codes(payload: &Value) -> Vec<&str> {
    payload["userErrors"].as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap()).collect()
}

fn ada() -> Value {
    json!({
        "name": "Ada Quenelle", "email": "Ada.Quenelle@Example.org", "phone": "+33 6 39 98 77 77",
        "address": { "street": "8 rue du Cumin", "postcode": "75018", "city": "Paris",
                     "latitude": 48.893, "longitude": 2.343 },
        "password": "cent pizzas chaudes", "idempotencyKey": "ada-1",
    })
}

const ME: &str = "{ me { id name email phone emailVerified version address { street } } }";

#[tokio::test]
async fn a_customer_signs_up_orders_verifies_the_address_and_signs_in() {
    let mailed = MailedDemo::open().await;
    let signed_up = mailed.anonymous().speaking("fr").mutate("signUp", SESSION, ada()).await;
    assert_eq!(codes(&signed_up), Vec::<&str>::new());
    assert_eq!(signed_up["account"]["role"], "CUSTOMER");
    let api = mailed.anonymous().with_token(signed_up["token"].as_str().unwrap());
    let me = api.data(ME, Value::Null).await["me"].clone();
    assert_eq!((&me["email"], &me["emailVerified"]), (&json!("ada.quenelle@example.org"), &json!(false)));
    let order = api.placed(basket("P1", "DELIVERY", &[pizza("MAR", "M", 2)])).await;
    assert!(order["id"].is_string());

    // A repeated request under the same key gives the same account and another session.
    let again = mailed.anonymous().mutate("signUp", SESSION, ada()).await;
    assert_eq!(
        (&again["account"]["id"], &again["position"]),
        (&signed_up["account"]["id"], &signed_up["position"])
    );
    assert_ne!(again["token"], signed_up["token"]);
    let mut other = ada();
    other["name"] = json!("Ada Autre");
    assert_eq!(
        codes(&mailed.anonymous().mutate("signUp", SESSION, other.clone()).await),
        ["IDEMPOTENCY_KEY_REUSED"]
    );
    other["idempotencyKey"] = Value::Null;
    assert_eq!(codes(&mailed.anonymous().mutate("signUp", SESSION, other).await), ["EMAIL_TAKEN"]);

    let token = mailed.letter("ada.quenelle@example.org", 1).await;
    let verify = async |api: &Api| {
        api.mutate("verifyEmail", "account { emailVerified }", json!({ "token": token })).await
    };
    let verified = verify(&api).await;
    assert_eq!((codes(&verified).len(), &verified["account"]["emailVerified"]), (0, &json!(true)));
    assert_eq!(codes(&verify(&mailed.anonymous()).await), ["BAD_TOKEN"]);
    assert_eq!(
        codes(&api.mutate("requestEmailVerification", "account { id }", json!({})).await),
        ["ALREADY_VERIFIED"]
    );
    let session = mailed.sign_in("ADA.quenelle@example.ORG", "cent pizzas chaudes").await;
    assert_eq!(session["account"]["id"], signed_up["account"]["id"]);
    let sent = mailed.mail.sent();
    let subjects: Vec<&str> = sent.iter().map(|mail| mail.subject.as_str()).collect();
    assert_eq!(subjects, ["Confirmez votre adresse e-mail"]);

    // Neither the log nor the stored keys contain personal data.
    let pool = &mailed.demo.database.pool;
    let texts: Vec<String> = sqlx::query_scalar(
        "SELECT lower(payload::text || metadata::text) FROM events UNION ALL \
         SELECT lower(k::text) FROM idempotency_keys k",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    for personal in ["quenelle", "ada.q", "98 77 77", "cumin", "pizzas chaudes"] {
        assert!(!texts.iter().any(|text| text.contains(personal)), "{personal}");
    }
    let stored: String =
        sqlx::query_scalar("SELECT password_hash FROM accounts WHERE email = 'ada.quenelle@example.org'")
            .fetch_one(pool)
            .await
            .unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
}

#[tokio::test]
async fn sign_in_gives_one_answer_for_every_refusal() {
    let mailed = MailedDemo::open().await;
    // As of a later event, so that the log does not activate the account again.
    let revoke = "UPDATE accounts SET active = false, access_position = 1000000 \
                  WHERE email = 'customer2@ocpizza.example'";
    sqlx::query(revoke).execute(&mailed.demo.database.pool).await.unwrap();
    let document = Api::mutation("signIn", SESSION);
    let mut bodies = Vec::new();
    for (email, password) in [
        ("customer1@ocpizza.example", "not the password"),
        ("nobody@ocpizza.example", PASSWORD),
        ("customer2@ocpizza.example", PASSWORD),
        ("no address", PASSWORD),
    ] {
        let input = json!({ "email": email, "password": password });
        let answer = mailed.anonymous().ask(&document, json!({ "input": input })).await;
        assert_eq!(codes(&answer.body["data"]["signIn"]), ["BAD_CREDENTIALS"], "{email}");
        bodies.push(answer.body);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");

    for (field, value, code) in [
        ("password", "neuf lett", "WEAK_PASSWORD"),
        ("password", "ada.quenelle@example.org", "WEAK_PASSWORD"),
        ("email", "ada", "INVALID_EMAIL"),
        ("email", "Director@ocpizza.example", "EMAIL_TAKEN"),
    ] {
        let mut input = ada();
        input[field] = json!(value);
        let payload = mailed.anonymous().mutate("signUp", SESSION, input).await;
        assert_eq!((codes(&payload), &payload["token"]), (vec![code], &Value::Null), "{value}");
    }
    let mut input = ada();
    input["name"] = json!(" ");
    let payload = mailed.anonymous().mutate("signUp", SESSION, input).await;
    assert_eq!(places(&payload), [("INVALID_INPUT", "input.name".to_owned())]);
}

#[tokio::test]
async fn sign_up_reports_every_problem_at_once() {
    let mailed = MailedDemo::open().await;
    let input = json!({
        "name": "A\nB", "email": "ada", "phone": "abc", "password": "court",
        "address": { "street": "\u{202e}", "latitude": 91.0, "longitude": 2.3 }, "idempotencyKey": "",
    });
    let payload = mailed.anonymous().mutate("signUp", SESSION, input).await;
    insta::assert_snapshot!(problems(&payload));
    let customer = mailed.person("customer1");
    let input = json!({ "name": " ", "email": "a@b", "phone": "12", "expectedVersion": -1 });
    let payload = customer.mutate("updateMyAccount", "account { id }", input).await;
    insta::assert_snapshot!(problems(&payload));
    assert_ne!(payload["account"]["id"], Value::Null);
}

#[tokio::test]
async fn resetting_a_password_ends_every_session() {
    let mailed = MailedDemo::open().await;
    let email = "customer1@ocpizza.example";
    let (one, two) = (mailed.signed_in(email, PASSWORD).await, mailed.person("customer1"));
    let request = Api::mutation("requestPasswordReset", "");
    let ask = async |email: &str| {
        mailed.anonymous().ask(&request, json!({ "input": { "email": email } })).await.body
    };
    assert_eq!(ask(email).await, ask("nobody@ocpizza.example").await);
    let token = mailed.letter(email, 1).await;
    let reset = async |password: &str| {
        let input = json!({ "token": token, "newPassword": password });
        mailed.anonymous().mutate("resetPassword", "", input).await
    };
    assert_eq!(codes(&reset("short").await), ["WEAK_PASSWORD"]);
    assert_eq!(reset("short").await["userErrors"][0]["field"], json!(["input", "newPassword"]));
    let (first, second) = tokio::join!(reset("cinq fromages"), reset("cinq fromages"));
    let mut outcomes = [codes(&first).len(), codes(&second).len()];
    outcomes.sort_unstable();
    assert_eq!(outcomes, [0, 1], "a token is good once: {first} {second}");
    for api in [&one, &two] {
        assert_eq!(api.ask(ME, Value::Null).await.code(), "UNAUTHENTICATED");
    }
    assert_eq!(codes(&reset("six fromages frais").await), ["BAD_TOKEN"]);
    assert_eq!(codes(&mailed.sign_in(email, PASSWORD).await), ["BAD_CREDENTIALS"]);
    assert!(mailed.sign_in(email, "cinq fromages").await["token"].is_string());
    assert!(mailed.mail.sent().iter().all(|mail| mail.to == email), "no other address gets a mail");
}

#[tokio::test]
async fn mailed_tokens_are_valid_for_one_purpose_until_they_expire() {
    let mailed = MailedDemo::open().await;
    let email = "customer1@ocpizza.example";
    mailed.anonymous().mutate("requestPasswordReset", "", json!({ "email": email })).await;
    let token = mailed.letter(email, 1).await;
    let verified = mailed.anonymous().mutate("verifyEmail", "", json!({ "token": token })).await;
    assert_eq!(codes(&verified), ["BAD_TOKEN"]);
    let late = "UPDATE account_tokens SET expires_at = now() - interval '1 second'";
    sqlx::query(late).execute(&mailed.demo.database.pool).await.unwrap();
    let input = json!({ "token": token, "newPassword": "cinq fromages" });
    assert_eq!(codes(&mailed.anonymous().mutate("resetPassword", "", input).await), ["BAD_TOKEN"]);
}

#[tokio::test]
async fn sign_out_ends_one_session_or_all() {
    let mailed = MailedDemo::open().await;
    let email = "customer1@ocpizza.example";
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(mailed.signed_in(email, PASSWORD).await);
    }
    let lets_in = async |at: usize| sessions[at].ask(ME, Value::Null).await.status == 200;
    sessions[0].mutate("signOut", "account { id }", json!({})).await;
    assert_eq!([lets_in(0).await, lets_in(1).await], [false, true]);

    let change = json!({ "currentPassword": "not the password", "newPassword": "cinq fromages" });
    let refused = sessions[1].mutate("changePassword", "account { id }", change).await;
    assert_eq!(codes(&refused), ["BAD_CREDENTIALS"]);
    let change =
        json!({ "currentPassword": PASSWORD, "newPassword": "cinq fromages", "idempotencyKey": "c" });
    for _ in 0..2 {
        let changed = sessions[1].mutate("changePassword", "account { id }", change.clone()).await;
        assert_eq!(codes(&changed), Vec::<&str>::new());
    }
    assert_eq!([lets_in(1).await, lets_in(2).await, lets_in(3).await], [true, false, false]);
    assert_eq!(codes(&mailed.sign_in(email, PASSWORD).await), ["BAD_CREDENTIALS"]);

    let other = mailed.signed_in(email, "cinq fromages").await;
    other.mutate("signOut", "account { id }", json!({ "everywhere": true })).await;
    assert!(!lets_in(1).await);
    assert_eq!(other.ask(ME, Value::Null).await.code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_holder_updates_the_account() {
    let mailed = MailedDemo::open().await;
    let api = mailed.person("customer1");
    let selection = "account { name email phone emailVerified version address { street city } }";
    let before = api.data(ME, Value::Null).await["me"].clone();
    let update = async |input: Value| api.mutate("updateMyAccount", selection, input).await;

    let named = update(json!({ "name": "Zoé Panais", "idempotencyKey": "n" })).await;
    assert_eq!((codes(&named).len(), &named["account"]["name"]), (0, &json!("Zoé Panais")));
    assert_eq!(named["account"]["phone"], before["phone"]);
    let version = &named["account"]["version"];
    let stale = update(json!({ "name": "Z", "expectedVersion": before["version"] })).await;
    assert_eq!(codes(&stale), ["STALE_VERSION"]);
    let moved = update(
        json!({ "address": { "street": "1 rue du Thym", "city": "Paris" }, "expectedVersion": version }),
    )
    .await;
    assert_eq!(moved["account"]["address"], json!({ "street": "1 rue du Thym", "city": "Paris" }));
    update(json!({ "name": "Zoé Navet" })).await;
    // Repeating the request under its key does not revert later changes.
    let again = update(json!({ "name": "Zoé Panais", "idempotencyKey": "n" })).await;
    assert_eq!((&again["position"], &again["account"]["name"]), (&named["position"], &json!("Zoé Navet")));
    assert_eq!(codes(&update(json!({ "name": "Zoé Navet" })).await), ["NOTHING_TO_CHANGE"]);

    let taken = json!({ "email": "CUSTOMER2@ocpizza.example", "currentPassword": PASSWORD });
    assert_eq!(codes(&update(taken).await), ["EMAIL_TAKEN"]);
    assert_eq!(codes(&update(json!({ "email": "zoé" })).await), ["INVALID_EMAIL"]);
    let moved = update(json!({ "email": "Zoe@example.org", "currentPassword": PASSWORD })).await;
    assert_eq!(moved["account"]["email"], "zoe@example.org");
    assert_eq!(moved["account"]["emailVerified"], false);
    let token = mailed.letter("zoe@example.org", 1).await;
    mailed.anonymous().mutate("verifyEmail", "", json!({ "token": token })).await;
    assert_eq!(api.data(ME, Value::Null).await["me"]["emailVerified"], true);
    assert_eq!(codes(&mailed.sign_in("customer1@ocpizza.example", PASSWORD).await), ["BAD_CREDENTIALS"]);
    assert!(mailed.sign_in("zoe@example.org", PASSWORD).await["token"].is_string());

    let courier = mailed.person("courier1.p1");
    let phoned = courier.mutate("updateMyAccount", selection, json!({ "phone": "+33 6 39 98 66 66" })).await;
    assert_eq!((codes(&phoned).len(), &phoned["account"]["phone"]), (0, &json!("+33639986666")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn serves_requests_during_two_hundred_sign_ins() {
    let mailed = MailedDemo::open().await;
    let document = Api::mutation("signIn", "token");
    let signing_in: Vec<_> = (0..200)
        .map(|_| {
            let (api, document) = (mailed.anonymous(), document.clone());
            let input = json!({ "email": "customer1@ocpizza.example", "password": PASSWORD });
            tokio::spawn(async move { api.try_ask(&document, json!({ "input": input })).await.unwrap() })
        })
        .collect();
    let mut served = 0;
    while !signing_in.iter().all(tokio::task::JoinHandle::is_finished) {
        mailed.anonymous().data("{ pizzerias { id } }", Value::Null).await;
        served += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(served > 0, "other requests were served");
    let mut let_in = 0;
    for answer in signing_in {
        let answer = within(answer).await.unwrap();
        if answer.body["data"]["signIn"]["token"].is_string() {
            let_in += 1;
        } else {
            assert!(matches!(answer.code(), "OVERLOADED" | "RATE_LIMITED"), "{}", answer.body);
        }
    }
    assert!(let_in > 0);
}
