//! An unverified e-mail address does not block hiring, and its claimant gains nothing.

use event_store::{EventStore, Settings};
use identity::accounts::{InviteError, ServerKey, invite_first_director};
use identity::clock::Clock;
use serde_json::{Value, json};
use tests::server::Server;
use tests::{Api, Database};

use crate::api::accounts::{MailedDemo, PASSWORD, codes};

const EMAIL: &str = "cook@example.org";
const STAFF: &str = "staff { id role }";
const ME: &str = "{ me { id role email emailVerified } }";

fn squat(email: &str) -> Value {
    json!({ "name": "Voleur", "email": email, "password": "cent pizzas chaudes" })
}

fn hire(email: &str) -> Value {
    json!({ "name": "Noé Girard", "email": email, "role": "PIZZAIOLO", "pizzeriaId": "P1" })
}

#[tokio::test]
async fn an_unverified_customer_does_not_block_hiring_and_never_becomes_staff() {
    let mailed = MailedDemo::open().await;
    let signed_up = mailed.anonymous().mutate("signUp", "token account { id }", squat(EMAIL)).await;
    let squatter = mailed.anonymous().with_token(signed_up["token"].as_str().unwrap());
    let verification = mailed.letter(EMAIL, 1).await;
    let hired = mailed.person("manager.p1").mutate("hireStaff", STAFF, hire(EMAIL)).await;
    assert_eq!((codes(&hired).len(), &hired["staff"]["role"]), (0, &json!("PIZZAIOLO")), "{hired}");

    // The customer's session continues without the address.
    let me = squatter.data(ME, Value::Null).await["me"].clone();
    assert_eq!((&me["id"], &me["role"]), (&signed_up["account"]["id"], &json!("CUSTOMER")));
    assert!(me["email"].as_str().unwrap().ends_with(".invalid"), "{me}");
    // Neither the password nor the earlier mail opens the new account or verifies the old one.
    assert_eq!(codes(&mailed.sign_in(EMAIL, "cent pizzas chaudes").await), ["BAD_CREDENTIALS"]);
    let spent = mailed.anonymous().mutate("verifyEmail", "", json!({ "token": verification })).await;
    assert_eq!(codes(&spent), ["BAD_TOKEN"]);
    let back = json!({ "email": EMAIL, "currentPassword": "cent pizzas chaudes" });
    assert_eq!(codes(&squatter.mutate("updateMyAccount", "position", back).await), ["EMAIL_TAKEN"]);
    assert_eq!(
        codes(&squatter.mutate("requestEmailVerification", "position", json!({})).await),
        Vec::<&str>::new()
    );

    // The invitation does.
    let token = mailed.letter(EMAIL, 2).await;
    let input = json!({ "token": token, "newPassword": PASSWORD });
    assert_eq!(codes(&mailed.anonymous().mutate("resetPassword", "", input).await), Vec::<&str>::new());
    let cook = mailed.signed_in(EMAIL, PASSWORD).await;
    assert_eq!(cook.data(ME, Value::Null).await["me"]["role"], "PIZZAIOLO");
    assert!(
        mailed.mail.sent().iter().all(|mail| mail.to == EMAIL),
        "no mail to an address that none reaches"
    );

    // The customer may set another address.
    let own = json!({ "email": "voleur@example.org", "currentPassword": "cent pizzas chaudes" });
    let moved = squatter.mutate("updateMyAccount", "account { email }", own).await;
    assert_eq!(moved["account"]["email"], "voleur@example.org");
}

#[tokio::test]
async fn a_verified_address_stays_with_its_customer() {
    let mailed = MailedDemo::open().await;
    mailed.anonymous().mutate("signUp", "token", squat(EMAIL)).await;
    let token = mailed.letter(EMAIL, 1).await;
    mailed.anonymous().mutate("verifyEmail", "", json!({ "token": token })).await;
    assert_eq!(
        codes(&mailed.person("manager.p1").mutate("hireStaff", STAFF, hire(EMAIL)).await),
        ["EMAIL_TAKEN"]
    );
}

#[tokio::test]
async fn an_unverified_customer_does_not_block_the_first_director() {
    let database = Database::create().await;
    let server = Server::start(&database, Clock::system()).await;
    let api = Api::new(&server.base);
    let signed_up = api.mutate("signUp", "token", squat("anne@example.org")).await;
    assert!(signed_up["token"].is_string(), "{signed_up}");
    let (pool, now) = (&database.pool, Clock::system().now());
    let (store, key) =
        (EventStore::start(pool.clone(), Settings::default()), ServerKey::development(pool).await.unwrap());
    let token = invite_first_director(&store, &key, "anne@example.org", "Anne Martin", now).await.unwrap();
    let input = json!({ "token": token, "newPassword": PASSWORD });
    assert_eq!(codes(&api.mutate("resetPassword", "", input).await), Vec::<&str>::new());
    let squatter = api.with_token(signed_up["token"].as_str().unwrap());
    assert_eq!(squatter.data(ME, Value::Null).await["me"]["role"], "CUSTOMER");
    // Once a director exists, the operator's command takes no address away.
    api.mutate("signUp", "token", squat("ben@example.org")).await;
    let refused = invite_first_director(&store, &key, "ben@example.org", "Ben", now).await;
    assert!(matches!(refused, Err(InviteError::NotTheFirst)), "{refused:?}");
}
