//! An application: log, read models and API over one database. Used by the binary, the demo and tests.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use chrono::TimeDelta;
use document::{InvalidSchema, Validator};
use event_store::{EventStore, Follower, LogError, Settings};
use graphql::context::Services;
use graphql::introspection::Introspection;
use graphql::kitchen::Kitchens;
use graphql::schema::{schema, sdl};
use http_api::admission::{Admission, StreamLimits, Subscriptions};
use http_api::api::Api;
use http_api::browser::Hardening;
use http_api::client_address::TrustedProxies;
use http_api::connections::{self, Budget, Full, Slots};
use http_api::cost::Costs;
use http_api::document_cache::DocumentCache;
use http_api::operation_log::OperationMetrics;
use http_api::origins::AllowedOrigins;
use http_api::persisted_documents::PersistedDocuments;
use http_api::rate_limit::{RateLimiter, RateLimits};
use http_api::router::router;
use http_api::state::Server;
use identity::accounts::session::{self, Issuer};
use identity::accounts::{
    self, Accounts, AttemptLimiter, AttemptLimits, AuthError, Authenticator, PasswordError, Passwords,
    ServerKey,
};
use identity::clock::Clock;
use identity::maintenance::{self, Maintenance};
use identity::personal_data::ContactRetention;
use mail::{MailQueue, MailSettings};
use payments::intents::Ending;
use payments::{DemoPayments, NoPayments, PaymentService};
use projections::{HeadsTo, ProjectionError, ReadModels, Sealing, courier_positions};
use sqlx::PgPool;
use telemetry::metrics::MetricsAccess;
use telemetry::{self, Metrics};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use transparency::{PublicKey, SealingKey, Signer};

use crate::config::{self, Environment};
use crate::sampler::Sampler;
use crate::stand_ins::{StandIn, stand_ins};

/// Time within which open connections must close, and the last events must be sealed.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Configuration of an application.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database, migrated.
    pub pool: PgPool,
    /// `OCPIZZA_MANAGER_KEY`; without it a key kept in the database is used, for development.
    pub key: Option<ServerKey>,
    /// The clock.
    pub clock: Clock,
    /// Origins of pages that may call the API, besides its own.
    pub origins: AllowedOrigins,
    /// Proxies whose `X-Forwarded-For` header is trusted.
    pub trusted_proxies: TrustedProxies,
    /// Limits of attempts to sign in, to sign up and to cause mails.
    pub attempt_limits: AttemptLimits,
    /// Rate limits of accounts and addresses.
    pub rates: RateLimits,
    /// Roles that may use introspection.
    pub introspection: Introspection,
    /// Documents that requests may name instead of sending them.
    pub documents: PersistedDocuments,
    /// Whether GraphiQL is served, at `/graphiql`.
    pub graphiql: bool,
    /// How mail is sent.
    pub mail: MailSettings,
    /// Payment provider; `None` selects the demo's service.
    pub payments: Option<Arc<dyn PaymentService>>,
    /// Stand-ins for what production needs, as `/readyz` shows them.
    pub stand_ins: Vec<StandIn>,
    /// Limits of WebSockets and event streams.
    pub streams: StreamLimits,
    /// Connections of one client address; `None` derives them from the limit on open files.
    pub connections_per_address: Option<usize>,
    /// Security headers of every answer.
    pub hardening: Hardening,
    /// Time that a contact is kept after its order is over.
    pub contact_retention: TimeDelta,
    /// Minimum time that an idempotency key is kept.
    pub key_age: TimeDelta,
    /// Who may read the metrics.
    pub metrics: MetricsAccess,
    /// Key that signs heads of the log; `None` derives it from the token key.
    pub sealing_key: Option<SealingKey>,
    /// Earlier signing keys: sealing continues only on top of heads by these or the current key.
    pub retired_keys: Vec<PublicKey>,
    /// Time within which an event is sealed if fewer than a thousand follow.
    pub seal_within: Duration,
    /// Destination of heads of the log.
    pub heads_to: Option<Arc<dyn HeadsTo>>,
}

impl Config {
    /// Returns the defaults of development over a migrated database.
    pub fn new(pool: PgPool, clock: Clock) -> Self {
        Self {
            pool,
            key: None,
            clock,
            origins: AllowedOrigins::default().and_localhost(),
            trusted_proxies: TrustedProxies::default(),
            attempt_limits: AttemptLimits::default(),
            rates: RateLimits::OFF,
            introspection: Introspection::EveryCaller,
            documents: PersistedDocuments::default(),
            graphiql: true,
            mail: MailSettings::default(),
            payments: None,
            stand_ins: Vec::new(),
            streams: StreamLimits::default(),
            connections_per_address: None,
            hardening: Hardening { https_only: false },
            contact_retention: TimeDelta::days(i64::from(config::CONTACT_RETENTION_DAYS)),
            key_age: TimeDelta::hours(i64::from(config::IDEMPOTENCY_HOURS)),
            metrics: MetricsAccess::Public,
            sealing_key: None,
            retired_keys: Vec::new(),
            seal_within: projections::SEALING_DELAY,
            heads_to: None,
        }
    }

    /// Returns the configuration that the settings describe.
    ///
    /// # Errors
    /// [`config::SettingsError`] when a setting cannot be used.
    pub fn of(
        pool: PgPool,
        clock: Clock,
        settings: &config::Settings,
    ) -> Result<Self, config::SettingsError> {
        Ok(Self {
            key: settings.signing_key(),
            sealing_key: settings.heads_key.clone(),
            retired_keys: settings.heads_keys_retired.clone(),
            heads_to: settings.heads_destination()?,
            origins: settings.origins(),
            trusted_proxies: settings.trusted_proxies.clone(),
            attempt_limits: settings.attempt_limits(),
            rates: settings.rates(),
            introspection: settings.introspection(),
            documents: settings.documents()?,
            graphiql: settings.graphiql(),
            mail: settings.mail()?,
            contact_retention: TimeDelta::days(settings.contact_retention_days.into()),
            key_age: TimeDelta::hours(settings.idempotency_hours.into()),
            metrics: settings.metrics_readers(),
            payments: match settings.environment {
                Environment::Production => Some(Arc::new(NoPayments)),
                Environment::Development => None,
            },
            stand_ins: stand_ins(settings),
            streams: settings.streams(),
            connections_per_address: settings.connections_per_address.map(|most| most as usize),
            hardening: settings.hardening(),
            ..Self::new(pool, clock)
        })
    }
}

/// Why an application could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log could not be followed.
    #[error("the log cannot be followed")]
    Log(#[from] LogError),
    /// The read side could not start.
    #[error("the read models cannot be started")]
    ReadModels(#[from] ProjectionError),
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The schema's own text could not be read.
    #[error("the schema cannot be read")]
    Schema(async_graphql::parser::Error),
    /// Documents cannot be validated against the schema's own text.
    #[error("the schema cannot be validated against")]
    Validation(#[from] InvalidSchema),
    /// Passwords cannot be computed.
    #[error("passwords cannot be computed")]
    Passwords(#[from] PasswordError),
}

/// A running application; dropping it stops its tasks.
pub struct App {
    /// Router of the API, for in-process calls.
    pub router: Router,
    /// The write side.
    pub store: EventStore,
    /// Reader of new events.
    pub follower: Follower,
    /// The read side.
    pub read_models: ReadModels,
    /// Key under which tokens are hashed.
    pub key: ServerKey,
    /// The clock.
    pub clock: Clock,
    pool: PgPool,
    slots: Slots,
    stopping: Arc<watch::Sender<bool>>,
    housekeeping: JoinHandle<()>,
}

impl Drop for App {
    fn drop(&mut self) {
        self.housekeeping.abort();
    }
}

impl App {
    /// Starts everything but the listening.
    ///
    /// # Errors
    /// [`StartError`], mostly when the database does not answer.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let Config {
            pool,
            key,
            clock,
            origins,
            trusted_proxies,
            attempt_limits,
            rates,
            introspection,
            documents,
            graphiql,
            mail,
            payments,
            stand_ins,
            streams,
            connections_per_address,
            hardening,
            contact_retention,
            key_age,
            metrics,
            sealing_key,
            retired_keys,
            seal_within,
            heads_to,
        } = config;
        telemetry::metrics::record();
        Full::begin_counters();
        Ending::begin_counters();
        let key = ServerKey::or_development(key, &pool).await?;
        let store = EventStore::start(pool.clone(), Settings::default());
        let channels = [courier_positions::CHANNEL, session::CHANNEL, maintenance::CHANNEL];
        let follower = Follower::start(pool.clone(), &channels).await?;
        let (maintenance, watching) = Maintenance::start(&pool, &follower).await?;
        let sealing = Sealing {
            signer: Signer::new(sealing_key.unwrap_or_else(|| key.sealing_key()), retired_keys),
            within: seal_within,
            to: heads_to,
        };
        let read_models =
            ReadModels::start_and_seal(pool.clone(), &follower, store.clone(), clock.0, Some(sealing))
                .await?;
        let attempt_limiter = AttemptLimiter::new(pool.clone(), key.clone(), clock, attempt_limits);
        let services = Services {
            pool: pool.clone(),
            accounts: Accounts::of(pool.clone()),
            store: store.clone(),
            follower: follower.clone(),
            read_models: read_models.clone(),
            attempt_limiter: attempt_limiter.clone(),
            key: key.clone(),
            clock,
            passwords: Passwords::start().await?,
            mail_queue: MailQueue::new(mail, attempt_limiter),
            maintenance,
            payments: payments.unwrap_or_else(|| Arc::new(DemoPayments::new(pool.clone()))),
            kitchens: Kitchens::new(pool.clone()),
        };
        let settling = services.settlement().sweep();
        let authenticator = Authenticator::start(pool.clone(), key.clone(), clock);
        authenticator.listen(&follower);
        let stopping = Arc::new(watch::Sender::new(false));
        let limiter = RateLimiter::new(rates);
        let database_connections = pool.options().get_max_connections() + config::CONNECTIONS_BESIDE_POOL;
        let budget = Budget::of_process(database_connections, connections_per_address);
        let slots = Slots::new(budget, trusted_proxies.clone());
        let streams = Admission::new(streams.within(budget), trusted_proxies.clone());
        let sdl = sdl();
        let costs = Costs::of(&sdl).map_err(StartError::Schema)?;
        let metrics = Metrics::new(Arc::new(Sampler::new(services.clone())), metrics);
        let api = Api {
            metrics: OperationMetrics::new(&costs),
            schema: schema(services.clone()),
            services,
            authenticator,
            limiter: limiter.clone(),
            subscriptions: Subscriptions::new(streams.limits.clone()),
            introspection,
            persisted_documents: documents,
            document_cache: DocumentCache::new(Validator::new(&sdl, graphql::scalars::check)?),
            costs,
        };
        let router = router(Server {
            api,
            stopping: stopping.clone(),
            streams,
            origins,
            metrics,
            proxies: trusted_proxies,
            graphiql,
            hardening,
            stand_ins: stand_ins.into_iter().map(StandIn::to_json).collect(),
        });
        let contact_retention = ContactRetention { pool: pool.clone(), clock, retention: contact_retention };
        let (sweeping, tidying) =
            (limiter.sweep(), accounts::housekeeping::run(pool.clone(), key.clone(), clock, key_age));
        let housekeeping = tokio::spawn(async {
            tokio::join!(sweeping, tidying, settling, contact_retention.run(), watching);
        });
        Ok(Self { router, store, follower, read_models, key, clock, pool, slots, stopping, housekeeping })
    }

    /// Issues a bearer token for an account by its e-mail address.
    ///
    /// # Errors
    /// [`AuthError`] when the account does not exist or the database does not answer.
    pub async fn issue_token(&self, email: &str) -> Result<String, AuthError> {
        let account = accounts::account_by_email(&self.pool, email).await?;
        let account = account.ok_or_else(|| AuthError::UnknownAccount(email.trim().to_owned()))?;
        let now = self.clock.now();
        let (token, _) = session::open(&self.pool, &self.key, account.id, Issuer::Operator, now).await?;
        Ok(token)
    }

    /// Serves until `shutdown` completes; then stops accepting connections, finishes open requests, and closes the
    /// WebSockets with a close frame.
    ///
    /// # Errors
    /// [`std::io::Error`] when the listener fails.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let stopping = self.stopping.clone();
        let told = async move {
            shutdown.await;
            stopping.send_replace(true);
        };
        connections::serve(listener, self.router.clone(), self.slots.clone(), told).await;
        // Every connection holds a receiver.
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, self.stopping.closed()).await;
        Ok(())
    }

    /// Seals the last events before the process ends; otherwise they would wait for the next process. Bounded in time; logs a
    /// failure.
    pub async fn seal_rest(&self) {
        match tokio::time::timeout(SHUTDOWN_TIMEOUT, self.read_models.seal_rest(self.clock.now())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last events could not be sealed"),
            Err(_elapsed) => tracing::warn!("the last events could not be sealed in time"),
        }
    }
}
