//! Rate limits count fields with effects: a request counts once for each.

use graphql::app::Config;
use graphql::http::rate_limit::{RateLimit, RateLimits};
use serde_json::{Value, json};
use tests::{Api, Item, Shop};

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
    let first = asked(&shop.anybody(), &cheap).await;
    assert_ne!(first.0, 429, "{first:?}");
    // Two requests are left, and not ten for passwords.
    assert_eq!(asked(&shop.anybody(), &sign_ins).await, (429, Some("RATE_LIMITED".to_owned())));
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
