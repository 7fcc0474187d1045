//! GraphiQL is served completely from the binary, and only where it is enabled.

use identity::clock::Clock;
use reqwest::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use serde_json::Value;
use server::app::{App, Config};
use tests::server::Server;
use tests::{Api, Database};

#[tokio::test]
async fn serves_graphiql_with_its_files_and_examples() {
    let database = Database::create().await;
    let server = Server::start(&database, Clock::system()).await;
    let at = |path: &str| format!("{}{path}", server.base);

    let page = reqwest::get(at("/graphiql")).await.unwrap();
    assert_eq!((page.status().as_u16(), &page.headers()[CONTENT_TYPE]), (200, &html()));
    let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("script-src 'self';") && policy.contains("default-src 'none'"), "{policy}");
    let text = page.text().await.unwrap();
    // Every file that the page names is served by this process.
    let named: Vec<&str> = text.split('"').filter(|part| part.starts_with("/graphiql/")).collect();
    assert_eq!(named, ["/graphiql/graphiql.css", "/graphiql/graphiql.js"]);
    assert!(!text.contains("//"), "{text}");

    let http = reqwest::Client::new();
    for path in named {
        let first = http.get(at(path)).send().await.unwrap();
        assert_eq!(
            (first.status().as_u16(), &first.headers()[CACHE_CONTROL]),
            (200, &"no-cache".parse().unwrap())
        );
        let again = http.get(at(path)).header(IF_NONE_MATCH, &first.headers()[ETAG]).send().await.unwrap();
        assert_eq!(again.status(), 304);
        assert_eq!(again.bytes().await.unwrap().len(), 0);
    }

    let examples: Value =
        http.get(at("/graphiql/operations.json")).send().await.unwrap().json().await.unwrap();
    let areas: Vec<&str> =
        examples.as_array().unwrap().iter().filter_map(|area| area["area"].as_str()).collect();
    assert!(areas.contains(&"orders") && areas.contains(&"subscriptions"), "{areas:?}");
    assert_eq!(Api::new(&server.base).get("/graphiql/..%2Foperations").await.unwrap().status, 404);
}

#[tokio::test]
async fn serves_no_graphiql_where_it_is_disabled() {
    let database = Database::create().await;
    let config = Config { graphiql: false, ..Config::new(database.pool.clone(), Clock::system()) };
    let app = App::start(config).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = Api::new(format!("http://{}", listener.local_addr().unwrap()));
    let serving = tokio::spawn(async move { app.serve(listener, std::future::pending()).await });
    for path in ["/graphiql", "/graphiql/graphiql.js", "/graphiql/operations.json"] {
        assert_eq!(api.get(path).await.unwrap().status, 404, "{path}");
    }
    serving.abort();
}

fn html() -> reqwest::header::HeaderValue {
    reqwest::header::HeaderValue::from_static("text/html; charset=utf-8")
}
