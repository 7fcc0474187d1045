//! Web pages: only listed origins and the API's own host may call.

use http_api::origins::AllowedOrigins;
use reqwest::Method;
use server::app::Config;
use tests::server::Server;
use tests::{Database, within};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

async fn server() -> Server {
    let database = Database::create().await;
    Server::start_with(&database, |config| Config {
        origins: AllowedOrigins::parse("https://shop.example").unwrap(),
        ..config
    })
    .await
}

/// The status of a WebSocket upgrade.
async fn upgraded(server: &Server, origins: &[&str]) -> u16 {
    let mut request = (server.base.replacen("http", "ws", 1) + "/graphql").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
    for origin in origins {
        request.headers_mut().append("origin", origin.parse().unwrap());
    }
    match within(connect_async(request)).await {
        Ok((_, response)) => response.status().as_u16(),
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn opens_sockets_for_listed_and_own_origins_only() {
    let server = server().await;
    let own = server.base.clone();
    for (origins, status) in [
        (&[][..], 101),
        (&["https://shop.example"], 101),
        (&[own.as_str()], 101),
        (&["https://evil.example"], 403),
        (&["http://shop.example"], 403),
        (&["http://localhost:3000"], 403),
        (&["null"], 403),
        (&["https://shop.example", "https://evil.example"], 403),
    ] {
        assert_eq!(upgraded(&server, origins).await, status, "{origins:?}");
    }
}

#[tokio::test]
async fn answers_cors_requests_of_listed_origins_only() {
    let server = server().await;
    let http = reqwest::Client::new();
    let preflight = async |origin: &str| {
        let request = http.request(Method::OPTIONS, format!("{}/graphql", server.base));
        let request =
            request.header("origin", origin).header("access-control-request-method", "POST").header(
                "access-control-request-headers",
                "authorization,content-type,last-event-id,x-request-id",
            );
        let response = within(request.send()).await.unwrap();
        let header = |name: &str| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_ascii_lowercase())
        };
        (
            header("access-control-allow-origin"),
            header("access-control-allow-methods"),
            header("access-control-allow-headers"),
            header("access-control-allow-credentials"),
        )
    };
    let (origin, methods, headers, credentials) = preflight("https://shop.example").await;
    assert_eq!((origin.as_deref(), methods.as_deref()), (Some("https://shop.example"), Some("get,post")));
    let headers = headers.unwrap();
    for header in ["authorization", "content-type", "last-event-id", "x-request-id"] {
        assert!(headers.split(',').any(|allowed| allowed == header), "{headers}");
    }
    assert_eq!(credentials, None, "no cookies");
    assert_eq!(preflight("https://evil.example").await.0, None);

    let request = http.post(format!("{}/graphql", server.base)).header("origin", "https://shop.example");
    let request = request.header("content-type", "application/json").body("{\"query\":\"{ __typename }\"}");
    let response = within(request.send()).await.unwrap();
    let header = |name: &str| {
        let values = response.headers().get_all(name).iter().map(|value| value.to_str().unwrap());
        values.collect::<Vec<_>>().join(",").to_ascii_lowercase()
    };
    assert_eq!(header("access-control-allow-origin"), "https://shop.example");
    let exposed = header("access-control-expose-headers");
    assert!(exposed.contains("retry-after") && exposed.contains("x-request-id"), "{exposed}");
    let vary = header("vary");
    assert!(vary.contains("origin") && vary.contains("accept"), "{vary}");
    assert_eq!(header("x-content-type-options"), "nosniff");
}
