//! Authenticator apps: enrolment, sign-in, single use of codes, recovery, removal.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use event_store::{EventStore, Settings};
use identity::accounts::second_factor::{self, SecondFactorError};
use identity::accounts::{AttemptLimits, ServerKey, account_by_email, remove_second_factor};
use identity::clock::Clock;
use serde_json::{Value, json};
use server::app::Config;
use tests::server::Server;
use tests::{Api, Demo, eventually};
use totp_rs::{Algorithm, Secret, TOTP};

use crate::api::accounts::{MailedDemo, PASSWORD, codes};

const EMAIL: &str = "manager.p1@ocpizza.example";

static STEPS: AtomicI64 = AtomicI64::new(0);

#[allow(clippy::disallowed_methods)] // the tests' clock
fn later() -> DateTime<Utc> {
    Utc::now() + TimeDelta::seconds(30 * STEPS.load(Ordering::Relaxed))
}

/// An authenticator app.
struct App(TOTP);

impl App {
    fn with(secret: &str) -> Self {
        let secret = Secret::Encoded(secret.to_owned()).to_bytes().unwrap();
        Self(TOTP::new(Algorithm::SHA1, 6, 1, 30, secret).unwrap())
    }

    /// A fresh code: advances the time to the next one.
    fn next(&self) -> String {
        STEPS.fetch_add(1, Ordering::Relaxed);
        self.now()
    }

    fn now(&self) -> String {
        self.at(later())
    }

    fn at(&self, now: DateTime<Utc>) -> String {
        self.0.generate(u64::try_from(now.timestamp()).unwrap())
    }
}

async fn sign_in(mailed: &MailedDemo, code: Option<&str>) -> Value {
    let input = json!({ "email": EMAIL, "password": PASSWORD, "totpCode": code });
    mailed.anonymous().mutate("signIn", "token account { totpEnabled }", input).await
}

async fn enrol(api: &Api, password: &str) -> Value {
    api.mutate(
        "enrolTotp",
        "secret otpauthUri account { totpEnabled }",
        json!({ "currentPassword": password }),
    )
    .await
}

async fn confirm(api: &Api, code: &str) -> Value {
    api.mutate("confirmTotp", "recoveryCodes account { totpEnabled }", json!({ "code": code })).await
}

#[tokio::test]
async fn an_authenticator_app_is_enrolled_required_and_removed() {
    let mailed = MailedDemo::open_with(|config| Config {
        clock: Clock(later),
        attempt_limits: AttemptLimits { sign_in_per_account: 6, ..AttemptLimits::default() },
        ..config
    })
    .await;
    let manager = mailed.signed_in(EMAIL, PASSWORD).await;
    assert_eq!(codes(&confirm(&manager, "123456").await), ["TOTP_NOT_ENABLED"]);
    assert_eq!(codes(&enrol(&manager, "not the password").await), ["BAD_CREDENTIALS"]);
    let enrolled = enrol(&manager, PASSWORD).await;
    let secret = enrolled["secret"].as_str().unwrap();
    let uri = enrolled["otpauthUri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/OC%20Pizza:manager.p1%40ocpizza.example?"), "{uri}");
    assert!(uri.contains(&format!("secret={secret}&")), "{uri}");
    let app = App::with(secret);
    // Not required before the first code confirms it.
    assert!(sign_in(&mailed, None).await["token"].is_string());
    assert_eq!(codes(&confirm(&manager, "000000").await), ["BAD_TOTP_CODE"]);
    let first = app.next();
    let confirmed = confirm(&manager, &first).await;
    assert_eq!(codes(&confirmed), Vec::<&str>::new());
    assert!(confirmed["position"].is_string());
    let recovery: Vec<String> = serde_json::from_value(confirmed["recoveryCodes"].clone()).unwrap();
    assert_eq!(recovery.len(), 10);
    assert_eq!(codes(&enrol(&manager, PASSWORD).await), ["TOTP_ALREADY_ENABLED"]);
    assert_eq!(codes(&confirm(&manager, &app.next()).await), ["TOTP_ALREADY_ENABLED"]);

    let needed = sign_in(&mailed, None).await;
    assert_eq!((codes(&needed), &needed["token"]), (vec!["TOTP_REQUIRED"], &Value::Null));
    assert_eq!(needed["userErrors"][0]["field"], json!(["input", "totpCode"]));
    assert_eq!(codes(&sign_in(&mailed, Some(&first)).await), ["BAD_TOTP_CODE"], "it was used to confirm");
    let code = app.next();
    let opened = sign_in(&mailed, Some(&code)).await;
    assert_eq!(opened["account"]["totpEnabled"], true, "{opened}");
    assert_eq!(codes(&sign_in(&mailed, Some(&code)).await), ["BAD_TOTP_CODE"], "a code is good once");
    let code = app.next();
    let (one, two) = tokio::join!(sign_in(&mailed, Some(&code)), sign_in(&mailed, Some(&code)));
    assert_eq!([&one, &two].iter().filter(|session| session["token"].is_string()).count(), 1, "{one} {two}");

    // A recovery code works once, in any spelling.
    let written = recovery[0].to_lowercase().replace('-', " ");
    assert!(sign_in(&mailed, Some(&written)).await["token"].is_string());
    assert_eq!(codes(&sign_in(&mailed, Some(&recovery[0])).await), ["BAD_TOTP_CODE"]);

    // Resetting the password keeps the app.
    mailed.anonymous().mutate("requestPasswordReset", "", json!({ "email": EMAIL })).await;
    let token = mailed.letter(EMAIL, 2).await;
    let input = json!({ "token": token, "newPassword": PASSWORD });
    assert_eq!(codes(&mailed.anonymous().mutate("resetPassword", "", input).await), Vec::<&str>::new());
    assert_eq!(codes(&sign_in(&mailed, None).await), ["TOTP_REQUIRED"]);

    let token = sign_in(&mailed, Some(&app.next())).await["token"].as_str().unwrap().to_owned();
    let manager = mailed.anonymous().with_token(token);
    let disable = async |password: &str, code: &str| {
        let input = json!({ "currentPassword": password, "code": code });
        manager.mutate("disableTotp", "account { totpEnabled }", input).await
    };
    assert_eq!(codes(&disable("not the password", &app.next()).await), ["BAD_CREDENTIALS"]);
    assert_eq!(codes(&disable(PASSWORD, "000000").await), ["BAD_TOTP_CODE"]);
    let disabled = disable(PASSWORD, &app.next()).await;
    assert_eq!((codes(&disabled).len(), &disabled["account"]["totpEnabled"]), (0, &json!(false)));
    assert!(sign_in(&mailed, None).await["token"].is_string());
    assert_eq!(codes(&disable(PASSWORD, &app.next()).await), ["TOTP_NOT_ENABLED"]);

    // Neither the log nor the tables contain the secret or the codes; events say only that something changed.
    let pool = &mailed.demo.database.pool;
    let events: Vec<String> = sqlx::query_scalar(
        "SELECT payload->>'changed' FROM events WHERE event_type = 'StaffAccountUpdated' ORDER BY position",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    assert_eq!(events, ["[\"TOTP\"]", "[\"TOTP\"]"]);
}

#[tokio::test]
async fn counts_wrong_codes_and_encrypts_secrets() {
    let mailed = MailedDemo::open_with(|config| Config {
        attempt_limits: AttemptLimits { sign_in_per_account: 4, ..AttemptLimits::default() },
        ..config
    })
    .await;
    let director = mailed.person("director");
    let secret = enrol(&director, PASSWORD).await["secret"].as_str().unwrap().to_owned();
    let app = App::with(&secret);
    let confirmed = confirm(&director, &app.at(Clock::system().now())).await;
    let recovery = confirmed["recoveryCodes"][0].as_str().unwrap().to_owned();
    let document = Api::mutation("signIn", "token");
    let code = async |code: &str| {
        let input = json!({ "email": "director@ocpizza.example", "password": PASSWORD, "totpCode": code });
        mailed.anonymous().ask(&document, json!({ "input": input })).await
    };
    for nth in 0..4 {
        assert_eq!(codes(&code(&format!("00000{nth}")).await.body["data"]["signIn"]), ["BAD_TOTP_CODE"]);
    }
    assert_eq!(code(&recovery).await.code(), "RATE_LIMITED");
    // Within a session too, with the right password.
    let disable = Api::mutation("disableTotp", "account { totpEnabled }");
    let input = json!({ "currentPassword": PASSWORD, "code": "000000" });
    for _ in 0..4 {
        let answer = director.ask(&disable, json!({ "input": input })).await;
        assert_eq!(codes(&answer.body["data"]["disableTotp"]), ["BAD_TOTP_CODE"]);
    }
    let answer = director.ask(&disable, json!({ "input": input })).await;
    assert_eq!(answer.code(), "RATE_LIMITED");

    let raw = Secret::Encoded(secret).to_bytes().unwrap();
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT secret FROM second_factors")
        .fetch_one(&mailed.demo.database.pool)
        .await
        .unwrap();
    assert!(sealed.len() > raw.len() && !sealed.windows(raw.len()).any(|part| part == raw));
}

#[tokio::test]
async fn reencrypts_a_secret_under_the_next_key_and_an_operator_removes_a_lost_app() {
    let demo = Demo::create().await;
    let pool = &demo.database.pool;
    let (old, new) = ("o".repeat(32).into(), "n".repeat(32).into());
    let now = Clock::system().now();
    let account = account_by_email(pool, EMAIL).await.unwrap().unwrap().id;
    second_factor::enrol(pool, &ServerKey::new(&old), account, EMAIL, now).await.unwrap().unwrap();
    let under = async |key: &ServerKey| second_factor::of_account(pool, key, account, now).await;
    assert!(under(&ServerKey::new(&old)).await.unwrap().is_some());
    assert!(matches!(under(&ServerKey::new(&new)).await, Err(SecondFactorError::Sealed(_))));
    let key = Some(ServerKey::rotated(&new, &old, now + TimeDelta::hours(1)));
    let _server = Server::start_with(&demo.database, |config| Config { key, ..config }).await;
    eventually("the secret is encrypted under the new key", async || {
        under(&ServerKey::new(&new)).await.is_ok().then_some(())
    })
    .await;

    second_factor::confirm(pool, &ServerKey::new(&new), account, 1, now).await.unwrap().unwrap();
    let store = EventStore::start(pool.clone(), Settings::default());
    assert!(remove_second_factor(&store, &EMAIL.to_uppercase(), now).await.unwrap());
    assert!(!remove_second_factor(&store, EMAIL, now).await.unwrap());
    assert!(remove_second_factor(&store, "nobody@example.org", now).await.is_err());
    let changed: String =
        sqlx::query_scalar("SELECT payload->>'changed' FROM events ORDER BY position DESC LIMIT 1")
            .fetch_one(pool)
            .await
            .unwrap();
    assert_eq!(changed, "[\"TOTP\"]");
}
