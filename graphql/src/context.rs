//! What every resolver can reach: the services of the process and who is calling. Decides nothing.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::Context;
use async_graphql::dataloader::DataLoader;
use chrono::{DateTime, Utc};
use domain::access::{Actor, Permission, Scope, authorize};
use event_store::{EventStore, Follower};
use identity::accounts::{Accounts, AttemptLimiter, Origin, Passwords, ServerKey};
use identity::client_address::ClientAddress;
use identity::clock::Clock;
use identity::maintenance::Maintenance;
use mail::MailQueue;
use messages::labels::Lang;
use payments::{PaymentService, Settlement};
use projections::{Model, ReadModels};
use sqlx::PgPool;
use uuid::Uuid;

use crate::error::ApiError;
use crate::kitchen::Kitchens;
use crate::loaders::Loaders;
use crate::scalars::Position;

/// How long a query waits for a read model at most.
const WAIT: Duration = Duration::from_secs(5);

/// The services of the process; data of the schema.
#[derive(Debug, Clone)]
pub struct Services {
    /// The database.
    pub pool: PgPool,
    /// The write side.
    pub store: EventStore,
    /// The log as it grows.
    pub follower: Follower,
    /// The read side.
    pub read_models: ReadModels,
    /// The key that what lets somebody in is stored under.
    pub key: ServerKey,
    /// Accounts, one for each of many who wait for theirs.
    pub accounts: Accounts,
    /// Counts attempts to sign in, to sign up and to be sent mail.
    pub attempt_limiter: AttemptLimiter,
    /// The clock.
    pub clock: Clock,
    /// Passwords, a few at once.
    pub passwords: Passwords,
    /// Who carries mail.
    pub mail_queue: MailQueue,
    /// Whose turn it is in this process to change who works here: the database's lock is waited for by one
    /// connection at most.
    pub staff_turn: Arc<tokio::sync::Mutex<()>>,
    /// Whether mutations are refused.
    pub maintenance: Maintenance,
    /// Who takes money online.
    pub payments: Arc<dyn PaymentService>,
    /// The work ahead in each kitchen.
    pub kitchens: Kitchens,
}

/// Who is calling, and how they want to be answered; data of the request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who; none when nobody has signed in.
    pub actor: Option<Actor>,
    /// By which session; none when nobody has signed in.
    pub session: Option<Uuid>,
    /// From where.
    pub address: ClientAddress,
    /// In which language.
    pub lang: Lang,
    /// The request's id, which is the correlation id of its events.
    pub request_id: Arc<str>,
}

impl Caller {
    /// Nobody in particular, from nowhere.
    pub fn nobody(lang: Lang, request_id: Arc<str>) -> Self {
        Self { actor: None, session: None, address: ClientAddress::NONE, lang, request_id }
    }

    /// Decides by the one function whether the caller may.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `FORBIDDEN` or `NOT_FOUND`.
    pub fn authorize(&self, permission: Permission, scope: Scope<'_>) -> Result<(), ApiError> {
        Ok(authorize(self.actor.as_ref(), permission, scope)?)
    }

    /// What the effects of this caller are counted for.
    pub fn origin(&self) -> Origin {
        Origin { account: self.actor.as_ref().map(|actor| actor.id), address: self.address }
    }

    /// Whether the caller may.
    pub fn may(&self, permission: Permission, scope: Scope<'_>) -> bool {
        authorize(self.actor.as_ref(), permission, scope).is_ok()
    }

    /// Who acts, for a command.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` when nobody has signed in.
    pub fn actor(&self) -> Result<&Actor, ApiError> {
        self.actor.as_ref().ok_or(ApiError::Unauthenticated)
    }
}

impl Services {
    /// What settles payments that were interrupted.
    pub fn settlement(&self) -> Settlement {
        Settlement {
            pool: self.pool.clone(),
            store: self.store.clone(),
            payments: Arc::clone(&self.payments),
            clock: self.clock,
        }
    }

    /// Waits until read models have come as far as a caller knows the log to be; without a position,
    /// a moment for what this process knows to be in the log, so that who has just changed something
    /// sees it.
    ///
    /// # Errors
    /// `UNAVAILABLE` when they have not come to a named position after five seconds.
    pub async fn at_least(&self, models: &[Model], position: Option<Position>) -> Result<(), ApiError> {
        match position {
            Some(Position(position)) => Ok(self.read_models.wait_for(models, position, WAIT).await?),
            None => {
                let known = (*self.follower.head().borrow()).max(self.store.last_stored());
                self.read_models.wait_briefly(models, known).await;
                Ok(())
            }
        }
    }
}

/// A program that runs the schema without its services or without a caller.
#[derive(Debug, thiserror::Error)]
#[error("the schema was run without its context")]
pub(crate) struct NoContext;

/// The context, typed.
pub trait ApiContext<'a> {
    /// The services of the process.
    ///
    /// # Errors
    /// `INTERNAL` when the schema was built without them.
    fn services(&self) -> Result<&'a Services, ApiError>;

    /// Who is calling.
    ///
    /// # Errors
    /// `INTERNAL` when the request came without.
    fn caller(&self) -> Result<&'a Caller, ApiError>;

    /// Batched reads, for this request.
    ///
    /// # Errors
    /// `INTERNAL` when the request came without.
    fn loaders(&self) -> Result<&'a DataLoader<Loaders>, ApiError>;

    /// Now, by the edge's clock.
    ///
    /// # Errors
    /// `INTERNAL` when the schema was built without its services.
    fn now(&self) -> Result<DateTime<Utc>, ApiError> {
        Ok(self.services()?.clock.now())
    }
}

impl<'a> ApiContext<'a> for Context<'a> {
    fn services(&self) -> Result<&'a Services, ApiError> {
        self.data_opt::<Services>().ok_or_else(|| ApiError::permanent(NoContext))
    }

    fn loaders(&self) -> Result<&'a DataLoader<Loaders>, ApiError> {
        self.data_opt::<DataLoader<Loaders>>().ok_or_else(|| ApiError::permanent(NoContext))
    }

    fn caller(&self) -> Result<&'a Caller, ApiError> {
        self.data_opt::<Caller>().ok_or_else(|| ApiError::permanent(NoContext))
    }
}
