//! First start in production: the operator invites the first director.

use serde_json::{Value, json};
use tests::orders::refusals;
use tests::processes::{Process, command};
use tests::{Api, Database};

const PRODUCTION: [(&str, &str); 2] =
    [("ENV", "PRODUCTION"), ("OCPIZZA_MANAGER_KEY", "a key of more than thirty-two bytes, for a test")];
const PASSWORD: &str = "seize ingrédients";

/// Runs `director`; returns the token, or the line on stderr.
async fn invite(database: &Database, email: &str) -> Result<String, String> {
    let mut director = command(&database.url);
    director.args(["director", email, "--name", "Anne Martin"]).envs(PRODUCTION);
    let output = director.output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(text(&output.stdout)),
        Some(1) => Err(text(&output.stderr)),
        code => panic!("{code:?}: {}", text(&output.stderr)),
    }
}

async fn set_password(api: &Api, token: &str) -> Value {
    let input = json!({ "token": token, "newPassword": PASSWORD });
    api.mutate("resetPassword", "", input).await
}

#[tokio::test]
async fn the_operator_invites_only_the_first_director() {
    let database = Database::create().await;
    for wrong in ["nobody", ""] {
        assert!(invite(&database, wrong).await.is_err(), "{wrong:?}");
    }
    let lost = invite(&database, "Anne@ocpizza.example").await.unwrap();
    let refused = invite(&database, "ben@ocpizza.example").await.unwrap_err();
    assert!(refused.contains("has a director already"), "{refused}");
    // A lost token is replaced by the next one.
    let token = invite(&database, "anne@ocpizza.example").await.unwrap();

    let process = Process::serve_with(&database.url, &PRODUCTION).await;
    let api = Api::new(&process.base);
    assert_eq!(refusals(&set_password(&api, &lost).await), ["BAD_TOKEN"]);
    assert_eq!(refusals(&set_password(&api, &token).await), Vec::<&str>::new());
    let input = json!({ "email": "anne@ocpizza.example", "password": PASSWORD });
    let session = api.mutate("signIn", "token account { role }", input).await;
    assert_eq!(session["account"]["role"], "DIRECTOR");
    let director = api.with_token(session["token"].as_str().unwrap());
    let staff = director.data("{ staff(first: 10) { nodes { name role active } } }", Value::Null).await;
    let anne = json!({ "name": "Anne Martin", "role": "DIRECTOR", "active": true });
    assert_eq!(staff["staff"]["nodes"], json!([anne]));

    // A director with a password can not be invited again through access to the database.
    let refused = invite(&database, "anne@ocpizza.example").await.unwrap_err();
    assert!(refused.contains("has a director already"), "{refused}");
}
