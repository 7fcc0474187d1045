//! The API served by this process on a free port. Everything runs on the test's runtime and ends with it.

use identity::clock::Clock;
use server::app::{App, Config};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::Database;

/// A server in this process; it accepts no more requests after the value is dropped.
#[derive(Debug)]
pub struct Server {
    /// `http://127.0.0.1:<port>`.
    pub base: String,
    serving: JoinHandle<()>,
}

impl Server {
    /// Starts a server with a clock.
    pub async fn start(database: &Database, clock: Clock) -> Self {
        Self::with(Config::new(database.pool.clone(), clock)).await
    }

    /// Starts a server with changed settings.
    pub async fn start_with(database: &Database, change: impl FnOnce(Config) -> Config) -> Self {
        Self::with(change(Config::new(database.pool.clone(), Clock::system()))).await
    }

    /// Starts a server with a given configuration.
    pub async fn with(config: Config) -> Self {
        let app = App::start(config).await.expect("the app starts");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let serving = tokio::spawn(async move {
            app.serve(listener, std::future::pending()).await.expect("the listener works");
        });
        Self { base, serving }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
