//! `GET /graphiql`: GraphiQL with the example operations, embedded in the binary. It loads nothing from other origins and
//! reads the schema by introspection, as any client does.

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::browser;
use super::reply::not_found;
use crate::examples;

/// The files of GraphiQL, built as `crates/http/graphiql/README.md` describes.
#[derive(RustEmbed)]
#[folder = "assets/graphiql"]
struct Assets;

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    }
}

/// Returns the entity tag of a file: the hash of its content.
fn tag(file: &EmbeddedFile) -> String {
    format!("\"{}\"", hex::encode(file.metadata.sha256_hash()))
}

/// Adds a file's entity tag to its response; without the body if the client has this version.
fn tagged(file: &EmbeddedFile, whole: Response, headers: &HeaderMap) -> Response {
    let tag = tag(file);
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|tags| tags.split(',')).map(|known| known.trim().trim_start_matches("W/"));
    let mut response = whole;
    if known.any(|known| known == tag) {
        // With the headers of the full response: a browser applies them to its cached copy.
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    // Cached, and revalidated by its tag: the next release may have another version.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// `GET /graphiql`.
pub async fn page(headers: HeaderMap) -> Response {
    match Assets::get("index.html") {
        Some(file) => {
            let whole = browser::page(file.data.clone().into_owned());
            tagged(&file, whole, &headers)
        }
        None => not_found(),
    }
}

/// `GET /graphiql/{file}`.
pub async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    match Assets::get(&path).filter(|_| path != "index.html") {
        Some(file) => {
            // The content policy of a worker is that of its own response.
            let stated =
                [(CONTENT_TYPE, content_type(&path)), (CONTENT_SECURITY_POLICY, browser::PAGE_POLICY)];
            let whole = (stated, file.data.clone().into_owned()).into_response();
            tagged(&file, whole, &headers)
        }
        None => not_found(),
    }
}

/// `GET /graphiql/operations.json`: the example operations, by area.
pub async fn examples() -> Response {
    ([(CACHE_CONTROL, "no-cache")], Json(examples::examples())).into_response()
}
