//! Response headers for browsers and caches on every answer, including errors, event streams and metrics.

use http_api::browser::Hardening;
use reqwest::Method;
use reqwest::header::HeaderMap;
use server::app::Config;
use tests::{Shop, within};

/// Status and headers of an answer.
async fn head(
    shop: &Shop,
    method: Method,
    path: &str,
    lines: &[(&str, &str)],
    body: &str,
) -> (u16, HeaderMap) {
    let mut request = reqwest::Client::new().request(method, format!("{}{path}", shop.server.base));
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    let answer = within(request.body(body.to_owned()).send()).await.unwrap();
    (answer.status().as_u16(), answer.headers().clone())
}

#[tokio::test]
async fn every_answer_has_security_headers_and_forbids_caching() {
    let shop = Shop::open_with(|config| Config { hardening: Hardening { https_only: true }, ..config }).await;
    let json = ("content-type", "application/json");
    let events = ("accept", "text/event-stream");
    let query = r#"{"query":"{ __typename }"}"#;
    let subscription = "/graphql?query=subscription%7BmaintenanceChanged%7Bposition%7D%7D";
    for (method, path, lines, body, status, cached) in [
        (Method::POST, "/graphql", &[json][..], query, 200, "no-store"),
        (Method::POST, "/graphql", &[json], "{", 400, "no-store"),
        (Method::POST, "/graphql", &[json, ("authorization", "Bearer ocp_x")], query, 401, "no-store"),
        (Method::POST, "/graphql", &[json, ("accept", "text/html")], query, 406, "no-store"),
        (Method::POST, "/graphql", &[("content-type", "text/plain")], query, 415, "no-store"),
        (Method::PUT, "/graphql", &[], "", 405, "no-store"),
        (Method::GET, "/graphql?query=%7B__typename%7D", &[], "", 200, "no-store"),
        (Method::GET, subscription, &[events], "", 200, "no-store, no-transform"),
        (Method::GET, "/nowhere", &[], "", 404, "no-store"),
        (Method::GET, "/metrics", &[], "", 200, "no-store"),
        (Method::GET, "/healthz", &[], "", 200, "no-store"),
        (Method::GET, "/readyz", &[], "", 200, "no-store"),
        (Method::GET, "/version", &[], "", 200, "no-store"),
        (Method::GET, "/version", &[("authorization", "a"), ("authorization", "b")], "", 400, "no-store"),
        // Public files are cached by entity tag.
        (Method::GET, "/graphiql", &[], "", 200, "no-cache"),
        (Method::GET, "/graphiql/operations.json", &[], "", 200, "no-cache"),
        (Method::GET, "/graphiql/none.js", &[], "", 404, "no-store"),
    ] {
        let (answered, headers) = head(&shop, method, path, lines, body).await;
        let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
        assert_eq!((answered, header("cache-control")), (status, cached), "{path} {lines:?}");
        assert_eq!(header("strict-transport-security"), "max-age=31536000", "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        if path.starts_with("/graphql") {
            let varies = headers.get_all("vary").iter().map(|value| value.to_str().unwrap().to_lowercase());
            let varies = varies.collect::<Vec<_>>().join(", ");
            for name in ["accept", "accept-language", "authorization", "origin"] {
                assert!(varies.split(", ").any(|varies| varies == name), "{path}: {varies}");
            }
        }
    }
}

#[tokio::test]
async fn development_sends_no_strict_transport_security() {
    let shop = Shop::open().await;
    let (_, headers) = head(&shop, Method::GET, "/version", &[], "").await;
    assert!(!headers.contains_key("strict-transport-security"));
}
