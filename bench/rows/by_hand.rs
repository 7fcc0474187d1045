//! Connections and listener of the hand-written reference servers.

use anyhow::Result;
use axum::Router;
use bench::worker::say;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

/// Connections opened before the first request and never checked.
pub(crate) async fn pool(url: &str, connections: u32) -> Result<PgPool> {
    let options = PgPoolOptions::new().max_connections(connections).min_connections(connections);
    Ok(options.test_before_acquire(false).connect(url).await?)
}

/// Serves until it is ended; first sends its address.
pub(crate) async fn serve(router: Router) -> Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    say(&listener.local_addr()?.to_string())?;
    Ok(axum::serve(listener, router).await?)
}
