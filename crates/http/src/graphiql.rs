//! `GET /graphiql`: GraphiQL and its files, out of the binary, with the example operations. It needs no other
//! origin. Knows no schema: the page asks for it as any client does.

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::browser;
use super::router::nowhere;
use crate::examples;

/// How they are made: `crates/http/graphiql/README.md`.
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

/// The hash of a file's content.
fn tag(file: &EmbeddedFile) -> String {
    format!("\"{}\"", hex::encode(file.metadata.sha256_hash()))
}

/// An answer with its file's tag; the tag alone to those who have the file already.
fn tagged(file: &EmbeddedFile, whole: Response, headers: &HeaderMap) -> Response {
    let tag = tag(file);
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|tags| tags.split(',')).map(|known| known.trim().trim_start_matches("W/"));
    let mut response = whole;
    if known.any(|known| known == tag) {
        // With the headers of the whole: a browser takes them over for what it has kept.
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    // Kept, and asked for by its tag: the next release may have another.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The page.
pub async fn page(headers: HeaderMap) -> Response {
    match Assets::get("index.html") {
        Some(file) => {
            let whole = browser::page(file.data.clone().into_owned());
            tagged(&file, whole, &headers)
        }
        None => nowhere().await,
    }
}

/// What the page loads.
pub async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    match Assets::get(&path).filter(|_| path != "index.html") {
        Some(file) => {
            // A worker is bound by the policy of its own file.
            let stated =
                [(CONTENT_TYPE, content_type(&path)), (CONTENT_SECURITY_POLICY, browser::PAGE_CONTENT)];
            let whole = (stated, file.data.clone().into_owned()).into_response();
            tagged(&file, whole, &headers)
        }
        None => nowhere().await,
    }
}

/// The example operations, by area.
pub async fn examples() -> Response {
    ([(CACHE_CONTROL, "no-cache")], Json(examples::examples())).into_response()
}
