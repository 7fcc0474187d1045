//! Rate limits by account and real client address; a request counts once for each field with effects.

use http_api::rate_limit::{RateLimit, RateLimits};
use reqwest::header::{AUTHORIZATION, RETRY_AFTER};
use serde_json::{Value, json};
use server::app::Config;
use tests::server::Server;
use tests::{Api, Demo, Item, Shop, within};

/// A mutation of ten aliased fields, and one with fields from a fragment and repeated names.
fn ten(field: &str) -> [String; 2] {
    let aliased: String = (0..10).map(|nth| format!("a{nth}: {field} ")).collect();
    let spread = format!(
        "mutation {{ ...F {field} {field} {field} }} fragment F on Mutation {{ {} }}",
        (0..7).map(|nth| format!("a{nth}: {field} ")).collect::<String>()
    );
    [format!("mutation {{ {aliased} }}"), spread]
}

const CANCEL: &str = "cancelOrder(input: { orderId: \"order:0193b3c0-0000-7000-8000-000000000000\", reason: OTHER }) { position }";
const SIGN_IN: &str = "signIn(input: { email: \"nobody@example.org\", password: \"wrong\" }) { position }";

async fn limited(account: RateLimit, address: RateLimit) -> Shop {
    Shop::open_with(|config| Config { rates: RateLimits { account, address }, ..config }).await
}

/// The status, and the code of an answer without data.
async fn asked(api: &Api, document: &str) -> (u16, Option<String>) {
    let answer = api.ask(document, json!({})).await;
    let code = &answer.body["errors"][0]["extensions"]["code"];
    (answer.status, code.as_str().filter(|_| answer.body["data"].is_null()).map(str::to_owned))
}

#[tokio::test]
async fn ten_fields_of_a_request_count_ten_times_for_the_account() {
    for document in ten(CANCEL) {
        // A little more than the first request takes, with a refill slower than the second follows.
        let shop = limited(RateLimit::of(1, 13), RateLimit::OFF).await;
        let customer = shop.person("customer1");
        let first = asked(&customer, &document).await;
        assert_ne!(first.0, 429, "{first:?}");
        assert_eq!(asked(&customer, &document).await, (429, Some("RATE_LIMITED".to_owned())), "{document}");
        // Reads count once, and other accounts are unaffected.
        assert_eq!(customer.ask("{ me { id } }", json!({})).await.status, 200);
        assert_ne!(asked(&shop.person("customer2"), &document).await.0, 429);
    }
}

#[tokio::test]
async fn ten_sign_ins_of_a_request_count_ten_times_for_the_address() {
    let [[cheap, _], [sign_ins, _]] = [ten(CANCEL), ten(SIGN_IN)];
    let shop = limited(RateLimit::OFF, RateLimit::of(1, 12)).await;
    let first = asked(&shop.anonymous(), &cheap).await;
    assert_ne!(first.0, 429, "{first:?}");
    // Two requests are left, and not ten for passwords.
    assert_eq!(asked(&shop.anonymous(), &sign_ins).await, (429, Some("RATE_LIMITED".to_owned())));
}

#[tokio::test]
async fn fields_count_equally_over_websocket_and_http() {
    let [document, _] = ten(CANCEL);
    let shop = limited(RateLimit::of(1, 11), RateLimit::OFF).await;
    let customer = shop.person("customer1");
    assert_ne!(asked(&customer, &document).await.0, 429);
    let Item::Failed(errors) = customer.subscribe(&document, Value::Null).await.item().await else {
        panic!("it is executed")
    };
    assert_eq!(errors[0]["extensions"]["code"], "RATE_LIMITED", "{errors}");
    assert!(errors[0]["extensions"]["retryAfter"].as_u64() >= Some(1), "{errors}");
}

/// Status, `Retry-After` and body.
async fn ask(base: &str, token: Option<&str>, forwarded: &str) -> (u16, Option<u64>, Value) {
    let mut request = reqwest::Client::new()
        .post(format!("{base}/graphql"))
        .header("x-forwarded-for", forwarded)
        .json(&json!({ "query": "{ __typename }" }));
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let response = within(request.send()).await.unwrap();
    let wait = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().parse().unwrap());
    (response.status().as_u16(), wait, response.json().await.unwrap())
}

#[track_caller]
fn assert_too_fast((status, wait, body): (u16, Option<u64>, Value)) {
    let extensions = &body["errors"][0]["extensions"];
    assert_eq!((status, extensions["code"].as_str()), (429, Some("RATE_LIMITED")), "{body}");
    assert_eq!(extensions["retryAfter"].as_u64(), wait, "{body}");
    assert!(wait.is_some_and(|wait| wait >= 1));
}

#[tokio::test]
async fn limits_requests_by_the_real_client_address() {
    let demo = Demo::create().await;
    let slow = RateLimits { account: RateLimit::OFF, address: RateLimit::of(1, 5) };
    let behind_nothing = Server::start_with(&demo.database, |config| Config { rates: slow, ..config }).await;
    let mut refused = Vec::new();
    for nth in 0..20 {
        let answer = ask(&behind_nothing.base, None, &format!("198.51.100.{nth}")).await;
        if answer.0 != 200 {
            refused.push(answer);
        }
    }
    // Five were allowed, and the refill since.
    assert!(refused.len() >= 5, "{}", refused.len());
    refused.into_iter().for_each(assert_too_fast);

    // Behind a trusted proxy, the address that the proxy saw counts, not the one that the client claims.
    let trusted_proxies = "127.0.0.0/8".parse().unwrap();
    let behind_a_proxy =
        Server::start_with(&demo.database, |config| Config { rates: slow, trusted_proxies, ..config }).await;
    let mut status = Vec::new();
    for nth in 0..20 {
        status.push(ask(&behind_a_proxy.base, None, &format!("6.6.6.{nth}, 198.51.100.7")).await.0);
    }
    assert!(status.contains(&429), "{status:?}");
    assert_eq!(ask(&behind_a_proxy.base, None, "198.51.100.8").await.0, 200);
    // Health checks have no limit.
    for _ in 0..20 {
        let health = within(reqwest::get(format!("{}/healthz", behind_nothing.base))).await.unwrap();
        assert_eq!(health.status().as_u16(), 200);
    }
}

#[tokio::test]
async fn limits_requests_of_an_account_over_http_and_websocket() {
    let demo = Demo::create().await;
    let slow = RateLimits { account: RateLimit::of(1, 3), address: RateLimit::OFF };
    let server = Server::start_with(&demo.database, |config| Config { rates: slow, ..config }).await;
    let customer = demo.person(&server.base, "customer1");
    let mut refused = 0;
    for _ in 0..20 {
        let answer = customer.ask("{ __typename }", json!({})).await;
        if answer.status != 200 {
            assert_eq!((answer.status, answer.code()), (429, "RATE_LIMITED"), "{}", answer.body);
            refused += 1;
        }
    }
    assert!(refused >= 5, "{refused}");
    let mut last = Item::Gone;
    for _ in 0..20 {
        last = customer.subscribe("{ __typename }", json!({})).await.item().await;
        if matches!(last, Item::Failed(_)) {
            break;
        }
    }
    let Item::Failed(errors) = last else { panic!("{last:?}") };
    let extensions = &errors[0]["extensions"];
    assert_eq!(extensions["code"], "RATE_LIMITED", "{errors}");
    assert!(extensions["retryAfter"].as_u64() >= Some(1), "{errors}");
    // Other accounts are unaffected.
    demo.person(&server.base, "customer2").data("{ __typename }", json!({})).await;
}
