//! The demo data, loaded once per run into a template database, with a token for each account.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use event_store::EventStore;
use identity::accounts::{self, ServerKey};
use identity::clock::Clock;
use server::app::Config;
use simulation::demo;
use sqlx::PgPool;

use crate::Database;
use crate::api::Api;
use crate::server::Server;

/// The accounts that tests act as, without `@ocpizza.example`.
const ACCOUNTS: [&str; 19] = [
    "director",
    "auditor",
    "manager.p1",
    "manager.p2",
    "receptionist1.p1",
    "receptionist1.p2",
    "pizzaiolo1.p1",
    "pizzaiolo2.p1",
    "pizzaiolo1.p2",
    "courier1.p1",
    "courier2.p1",
    "courier3.p1",
    "courier1.p2",
    "customer1",
    "customer2",
    "customer3",
    "customer4",
    "customer5",
    "receptionist2.p1",
];

struct Template {
    /// Never dropped: the others are copied from it.
    name: String,
    tokens: Arc<HashMap<&'static str, String>>,
}

static TEMPLATE: OnceLock<Template> = OnceLock::new();

/// A database with the demo data and its accounts.
#[derive(Debug)]
pub struct Demo {
    /// The database.
    pub database: Database,
    tokens: Arc<HashMap<&'static str, String>>,
}

impl Demo {
    /// Creates a copy of the template.
    pub async fn create() -> Self {
        let template = tokio::task::spawn_blocking(|| TEMPLATE.get_or_init(load))
            .await
            .expect("the demo data is loaded");
        let database = Database::copy_of(&template.name).await;
        Self { database, tokens: Arc::clone(&template.tokens) }
    }

    /// Bearer token of an account of `ACCOUNTS`.
    #[track_caller]
    pub fn token(&self, account: &str) -> &str {
        self.tokens.get(account).unwrap_or_else(|| panic!("no account {account}"))
    }

    /// Client of an account at a process.
    #[track_caller]
    pub fn person(&self, base: &str, account: &str) -> Api {
        Api::new(base).with_token(self.token(account))
    }
}

impl Demo {
    /// Issues a token for the account with this e-mail address.
    pub async fn token_for(&self, email: &str) -> String {
        let pool = &self.database.pool;
        let key = ServerKey::development(pool).await.expect("a key");
        accounts::issue_token(pool, &key, email, &Clock::system()).await.expect("a token").0
    }
}

/// The demo data behind a server in this process, the fixture of most tests.
#[derive(Debug)]
pub struct Shop {
    /// The server.
    pub server: Server,
    /// The data.
    pub demo: Demo,
}

impl Shop {
    /// Starts a server on a copy of the demo data.
    pub async fn open() -> Self {
        let demo = Demo::create().await;
        let server = Server::start(&demo.database, Clock::system()).await;
        Self { server, demo }
    }

    /// As [`Shop::open`], with changed settings.
    pub async fn open_with(change: impl FnOnce(Config) -> Config) -> Self {
        let demo = Demo::create().await;
        let server = Server::start_with(&demo.database, change).await;
        Self { server, demo }
    }

    /// Client of an account.
    #[track_caller]
    pub fn person(&self, account: &str) -> Api {
        self.demo.person(&self.server.base, account)
    }

    /// Client of an anonymous caller.
    pub fn anonymous(&self) -> Api {
        Api::new(&self.server.base)
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.demo.database
    }
}

/// Runs on a thread and a runtime of its own, so that no connection stays open afterwards.
fn load() -> Template {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let database = Database::create().await;
        let pool = database.pool.clone();
        let tokens = fill(&pool).await;
        pool.close().await;
        Template { name: database.keep(), tokens: Arc::new(tokens) }
    })
}

/// Loads the demo data into a migrated, empty database; returns a token for each of `ACCOUNTS`.
pub async fn fill(pool: &PgPool) -> HashMap<&'static str, String> {
    let clock = Clock::system();
    let store = EventStore::start(pool.clone(), event_store::Settings::default());
    demo::seed(&store, clock.now()).await.expect("the demo data is loaded");
    projections::catch_up(pool).await.expect("the read models are filled");
    let key = ServerKey::development(pool).await.expect("a key");
    let mut tokens = HashMap::new();
    for account in ACCOUNTS {
        let email = format!("{account}@ocpizza.example");
        let (token, _) = accounts::issue_token(pool, &key, &email, &clock).await.expect("a token");
        tokens.insert(account, token);
    }
    tokens
}
