//! Staff: hiring, changing roles, revoking, and the last director.

use std::sync::Arc;

use domain::LogPosition;
use domain::access::{Actor, Role};
use domain::ids::StaffId;
use domain::usecase::{ManageStaff, StaffChange};
use event_store::{CommandContext, EventStore, Settings};
use identity::clock::Clock;
use serde_json::{Value, json};
use tests::orders::places;
use tests::server::Server;
use tests::{Api, eventually};
use uuid::Uuid;

use crate::api::accounts::{MailedDemo, PASSWORD, codes};

const STAFF: &str = "staff { id name role active version email pizzeria { code } }";
const ME: &str = "{ me { id role pizzeria { code } } }";

fn noe(role: &str, pizzeria: Value) -> Value {
    json!({ "name": "Noé Girard", "email": "Noe@example.org", "role": role, "pizzeriaId": pizzeria })
}

/// Accepts an employee's invitation.
async fn accept(mailed: &MailedDemo, email: &str) -> Api {
    let token = mailed.letter(email, 1).await;
    let input = json!({ "token": token, "newPassword": PASSWORD });
    assert_eq!(codes(&mailed.anonymous().mutate("resetPassword", "", input).await), Vec::<&str>::new());
    mailed.signed_in(email, PASSWORD).await
}

#[tokio::test]
async fn an_employee_is_hired_moved_revoked_and_hired_again() {
    let mailed = MailedDemo::open().await;
    let (manager, director) = (mailed.person("manager.p1"), mailed.person("director"));
    let mut input = noe("COURIER", json!("P1"));
    input["idempotencyKey"] = json!("noe");
    let hired = manager.mutate("hireStaff", STAFF, input.clone()).await;
    assert_eq!(codes(&hired), Vec::<&str>::new());
    let seen = &hired["staff"];
    assert_eq!(
        (&seen["role"], &seen["email"], &seen["active"]),
        (&json!("COURIER"), &json!("noe@example.org"), &json!(true))
    );
    let again = manager.mutate("hireStaff", STAFF, input).await;
    assert_eq!((&again["staff"]["id"], &again["position"]), (&seen["id"], &hired["position"]));
    assert_eq!(
        codes(&manager.mutate("hireStaff", STAFF, noe("COURIER", json!("P1"))).await),
        ["ALREADY_HIRED"]
    );

    // Without a password only the invitation signs in.
    assert_eq!(codes(&mailed.sign_in("noe@example.org", PASSWORD).await), ["BAD_CREDENTIALS"]);
    let noe_api = accept(&mailed, "noe@example.org").await;
    assert_eq!(noe_api.data(ME, Value::Null).await["me"]["role"], "COURIER");
    let list = "{ staff(first: 100) { nodes { id email active } } }";
    let listed = manager.data(list, Value::Null).await;
    assert!(listed["staff"]["nodes"].as_array().unwrap().iter().any(|one| one["id"] == seen["id"]));
    assert_eq!(noe_api.ask(list, Value::Null).await.code(), "FORBIDDEN");

    // The new role and pizzeria apply to the next request of the same session.
    let stock = "{ stock(pizzeriaId: \"P2\") { id } }";
    assert_eq!(noe_api.ask(stock, Value::Null).await.code(), "FORBIDDEN");
    let moved = director.mutate("hireStaff", STAFF, noe("PIZZAIOLO", json!("P2"))).await;
    assert_eq!((codes(&moved).len(), &moved["staff"]["pizzeria"]["code"]), (0, &json!("P2")));
    noe_api.data(stock, Value::Null).await;

    let revoke = json!({ "staffId": seen["id"] });
    assert_eq!(manager.try_mutate("revokeStaff", STAFF, revoke.clone()).await.code(), "FORBIDDEN");
    let stale = json!({ "staffId": seen["id"], "expectedVersion": 1 });
    assert_eq!(codes(&director.mutate("revokeStaff", STAFF, stale).await), ["STALE_VERSION"]);
    let gone = director.mutate("revokeStaff", STAFF, revoke.clone()).await;
    assert_eq!((codes(&gone).len(), &gone["staff"]["active"]), (0, &json!(false)));
    assert_eq!(noe_api.ask(ME, Value::Null).await.code(), "UNAUTHENTICATED");
    assert_eq!(codes(&mailed.sign_in("noe@example.org", PASSWORD).await), ["BAD_CREDENTIALS"]);
    assert_eq!(codes(&director.mutate("revokeStaff", STAFF, revoke).await), ["ALREADY_REVOKED"]);

    let back = manager.mutate("hireStaff", STAFF, noe("RECEPTIONIST", json!("P1"))).await;
    assert_eq!((codes(&back).len(), &back["staff"]["id"]), (0, &seen["id"]));
    mailed.signed_in("noe@example.org", PASSWORD).await;
    let pool = &mailed.demo.database.pool;
    let texts: Vec<String> = sqlx::query_scalar(
        "SELECT payload::text || metadata::text FROM events WHERE aggregate_type = 'staff' UNION ALL \
         SELECT k::text FROM idempotency_keys k",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    assert!(!texts.iter().any(|text| text.contains("Girard") || text.contains("noe@")));
}

#[tokio::test]
async fn refuses_hiring_into_higher_roles_and_other_pizzerias() {
    let mailed = MailedDemo::open().await;
    let (manager, director) = (mailed.person("manager.p1"), mailed.person("director"));
    for (api, input, code) in [
        (&manager, noe("MANAGER", json!("P1")), "FORBIDDEN"),
        (&manager, noe("COURIER", json!("P2")), "FORBIDDEN"),
        (&manager, noe("DIRECTOR", Value::Null), "FORBIDDEN"),
        (&director, noe("COURIER", json!("P9")), "NOT_FOUND"),
        (&mailed.person("receptionist1.p1"), noe("COURIER", json!("P1")), "FORBIDDEN"),
        (&mailed.person("auditor"), noe("COURIER", json!("P1")), "FORBIDDEN"),
        (&mailed.person("customer1"), noe("COURIER", json!("P1")), "FORBIDDEN"),
        (&mailed.anonymous(), noe("COURIER", json!("P1")), "UNAUTHENTICATED"),
    ] {
        let answer = api.try_mutate("hireStaff", STAFF, input.clone()).await;
        assert_eq!(answer.code(), code, "{input}");
    }
    for (input, code, field) in [
        (noe("DIRECTOR", json!("P1")), "INVALID_INPUT", "pizzeriaId"),
        (noe("COURIER", Value::Null), "INVALID_INPUT", "pizzeriaId"),
        (noe("CUSTOMER", Value::Null), "ROLE_NOT_ALLOWED", "role"),
    ] {
        let payload = director.mutate("hireStaff", STAFF, input.clone()).await;
        assert_eq!(places(&payload), [(code, format!("input.{field}"))], "{input}");
    }
    let wrong =
        json!({ "name": "", "email": "noe", "phone": "abc", "role": "COURIER", "idempotencyKey": "" });
    let payload = manager.mutate("hireStaff", STAFF, wrong).await;
    let fields = ["pizzeriaId", "email", "name", "phone", "idempotencyKey"];
    let told: Vec<String> = places(&payload).into_iter().map(|(_, field)| field).collect();
    assert_eq!(told, fields.map(|field| format!("input.{field}")), "{payload}");
    // Addresses of existing accounts.
    for (email, expected) in [
        ("courier1.p2@ocpizza.example", "FORBIDDEN"),
        ("manager.p1@ocpizza.example", "FORBIDDEN"),
        ("director@ocpizza.example", "FORBIDDEN"),
    ] {
        let mut input = noe("COURIER", json!("P1"));
        input["email"] = json!(email);
        assert_eq!(manager.try_mutate("hireStaff", STAFF, input).await.code(), expected, "{email}");
    }
    let mut customer = noe("COURIER", json!("P1"));
    customer["email"] = json!("customer1@ocpizza.example");
    assert_eq!(codes(&manager.mutate("hireStaff", STAFF, customer).await), ["EMAIL_TAKEN"]);
    let customer = mailed.person("customer1").data("{ me { id } }", Value::Null).await["me"]["id"].clone();
    let as_staff = customer.as_str().unwrap().replace("customer:", "staff:");
    let answer = director.try_mutate("revokeStaff", STAFF, json!({ "staffId": as_staff })).await;
    assert_eq!(answer.code(), "NOT_FOUND");
    assert_eq!(mailed.mail.sent().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_two_directors_who_revoke_each_other_remains() {
    let mailed = MailedDemo::open().await;
    let second = Server::start(&mailed.demo.database, Clock::system()).await;
    let mut one = mailed.person("director");
    let first_id = one.data(ME, Value::Null).await["me"]["id"].clone();
    let alone = one.mutate("revokeStaff", STAFF, json!({ "staffId": first_id })).await;
    assert_eq!(codes(&alone), ["LAST_DIRECTOR"]);
    let demoted = json!({ "name": "D", "email": "director@ocpizza.example", "role": "AUDITOR" });
    assert_eq!(codes(&one.mutate("hireStaff", STAFF, demoted).await), ["LAST_DIRECTOR"]);

    let hired = one.mutate("hireStaff", STAFF, noe("DIRECTOR", Value::Null)).await;
    let second_id = hired["staff"]["id"].clone();
    let mut two = accept(&mailed, "noe@example.org").await;
    for round in 0..5 {
        let (there, revoke_one) = (two.at(&second.base), json!({ "staffId": first_id }));
        let (by_one, by_two) = tokio::join!(
            one.try_mutate("revokeStaff", STAFF, json!({ "staffId": second_id })),
            there.try_mutate("revokeStaff", STAFF, revoke_one),
        );
        // The first to commit ended the other's session, or the other is the last director.
        let done = |answer: &tests::Answer| {
            let payload = &answer.body["data"]["revokeStaff"];
            payload.is_object() && codes(payload).is_empty()
        };
        assert_eq!(
            [done(&by_one), done(&by_two)].iter().filter(|done| **done).count(),
            1,
            "round {round}: {} {}",
            by_one.body,
            by_two.body
        );
        let pool = &mailed.demo.database.pool;
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM accounts WHERE role = 'DIRECTOR' AND active")
                .fetch_one(pool)
                .await
                .unwrap();
        assert_eq!(left, 1, "round {round}");
        if done(&by_one) {
            assert_eq!(codes(&one.mutate("hireStaff", STAFF, noe("DIRECTOR", Value::Null)).await).len(), 0);
            two = mailed.signed_in("noe@example.org", PASSWORD).await;
        } else {
            let input = json!({ "name": "D", "email": "director@ocpizza.example", "role": "DIRECTOR" });
            assert_eq!(codes(&two.mutate("hireStaff", STAFF, input).await).len(), 0);
            one = mailed.signed_in("director@ocpizza.example", PASSWORD).await;
        }
    }
}

#[tokio::test]
async fn interrupted_staff_changes_are_completed_from_the_log() {
    let mailed = MailedDemo::open().await;
    let courier = mailed.person("courier1.p1");
    let id = courier.data(ME, Value::Null).await["me"]["id"].clone();
    let staff: Uuid = id.as_str().unwrap().strip_prefix("staff:").unwrap().parse().unwrap();
    let store = EventStore::start(mailed.demo.database.pool.clone(), Settings::default());
    let use_case = ManageStaff {
        staff: StaffId(staff),
        change: StaffChange::Revoke,
        by: Role::System,
        within: None,
        directors: Vec::new(),
        now: Clock::system().now(),
    };
    let context = CommandContext::new(Actor::system(), Uuid::now_v7(), "test");
    assert_eq!(store.execute(Arc::new(use_case), context).await.unwrap().refusal, None);
    let probe = || async { (courier.ask(ME, Value::Null).await.status == 401).then_some(()) };
    eventually("the session ends", probe).await;
}

#[tokio::test]
async fn events_of_staff_belong_to_their_pizzeria_at_that_time() {
    let mailed = MailedDemo::open().await;
    let (there, here) = (mailed.person("manager.p1"), mailed.person("manager.p2"));
    let director = mailed.person("director");
    let hired = there.mutate("hireStaff", STAFF, noe("COURIER", json!("P1"))).await;
    let id = hired["staff"]["id"].clone();
    accept(&mailed, "noe@example.org").await;
    let moved = director.mutate("hireStaff", STAFF, noe("PIZZAIOLO", json!("P2"))).await;
    let after = moved["position"].as_str().unwrap().to_owned();
    let noe_api = mailed.signed_in("noe@example.org", PASSWORD).await;
    noe_api.mutate("updateMyAccount", "position", json!({ "name": "Noé Petit" })).await;
    let promoted = director.mutate("hireStaff", STAFF, noe("DIRECTOR", Value::Null)).await;
    assert_eq!(codes(&promoted), Vec::<&str>::new());

    let document =
        "query($id: ID!) { events(first: 100, filter: { streamId: $id }) { nodes { type position } } }";
    let seen = async |api: &Api| -> Vec<String> {
        let data = api.data(document, json!({ "id": id })).await;
        let nodes = data["events"]["nodes"].as_array().unwrap().clone();
        nodes.iter().map(|node| node["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(seen(&there).await, ["StaffHired", "StaffPasswordChanged"]);
    let moves = ["StaffTransferred", "RoleChanged", "StaffAccountUpdated", "RoleChanged"];
    assert_eq!(seen(&here).await, moves);
    assert_eq!(seen(&director).await.len(), 7);
    let document = "subscription($id: ID!, $after: LogPosition) { \
        eventAppended(after: $after, filter: { streamId: $id }) { event { type } } }";
    let variables = json!({ "id": id, "after": after });
    let mut followed = here.subscribe(document, variables).await;
    let item = followed.item().await;
    let tests::Item::Next(item) = item else { panic!("{item:?}") };
    assert_eq!(item["event"]["type"], "StaffAccountUpdated");
    // Postings are rebuilt from the log.
    let pool = &mailed.demo.database.pool;
    sqlx::query("DELETE FROM staff_postings").execute(pool).await.unwrap();
    let unknown = seen(&here).await;
    assert_eq!(unknown, Vec::<String>::new(), "without postings the first pizzeria counts");
    projections::account_access::fill_postings(pool, LogPosition(i64::MAX)).await.unwrap();
    assert_eq!(seen(&here).await, moves);
}
