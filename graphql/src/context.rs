//! Context of every resolver: the services of the process and the caller. Makes no decisions.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::Context;
use async_graphql::dataloader::DataLoader;
use chrono::{DateTime, Utc};
use domain::access::{Actor, Permission, Scope, authorize, reaches};
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

/// Timeout for a read model to reach a given position.
const READ_MODEL_TIMEOUT: Duration = Duration::from_secs(5);

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
    /// HMAC key under which session and one-time tokens are hashed.
    pub key: ServerKey,
    /// Cache of accounts; concurrent lookups of one account share a query.
    pub accounts: Accounts,
    /// Counts attempts to sign in, to sign up and to request mail.
    pub attempt_limiter: AttemptLimiter,
    /// The clock.
    pub clock: Clock,
    /// Password hashing, with limited concurrency.
    pub passwords: Passwords,
    /// The queue of outgoing mail.
    pub mail_queue: MailQueue,
    /// Whether mutations are refused because of maintenance.
    pub maintenance: Maintenance,
    /// The payment provider.
    pub payments: Arc<dyn PaymentService>,
    /// The workload of each kitchen.
    pub kitchens: Kitchens,
}

/// The caller and the form of the response; data of the request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The authenticated actor; `None` for an anonymous caller.
    pub actor: Option<Actor>,
    /// The caller's session; `None` for an anonymous caller.
    pub session: Option<Uuid>,
    /// The client's address.
    pub address: ClientAddress,
    /// The language of messages.
    pub lang: Lang,
    /// The request id; [`Services::correlation_id`] is that of its events.
    pub request_id: Arc<str>,
}

impl Caller {
    /// An anonymous caller without a client address.
    pub fn anonymous(lang: Lang, request_id: Arc<str>) -> Self {
        Self { actor: None, session: None, address: ClientAddress::NONE, lang, request_id }
    }

    /// Authorizes the caller through `domain::access`.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `FORBIDDEN` or `NOT_FOUND`.
    pub fn authorize(&self, permission: Permission, scope: Scope<'_>) -> Result<(), ApiError> {
        Ok(authorize(self.actor.as_ref(), permission, scope)?)
    }

    /// Checks that a scope is within the caller's reach, where the field's declared permission was checked
    /// before.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `FORBIDDEN` or `NOT_FOUND`.
    pub fn reach(&self, scope: Scope<'_>) -> Result<(), ApiError> {
        Ok(reaches(self.actor.as_ref(), scope)?)
    }

    /// Returns whether a scope is within the caller's reach, as [`Caller::reach`].
    pub fn reaches(&self, scope: Scope<'_>) -> bool {
        reaches(self.actor.as_ref(), scope).is_ok()
    }

    /// Returns the origin that limits on this caller's effects count by.
    pub fn origin(&self) -> Origin {
        Origin { account: self.actor.as_ref().map(|actor| actor.id), address: self.address }
    }

    /// Returns whether the caller is authorized.
    pub fn may(&self, permission: Permission, scope: Scope<'_>) -> bool {
        authorize(self.actor.as_ref(), permission, scope).is_ok()
    }

    /// Returns the actor of a command.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for an anonymous caller.
    pub fn actor(&self) -> Result<&Actor, ApiError> {
        self.actor.as_ref().ok_or(ApiError::Unauthenticated)
    }
}

impl Services {
    /// Returns the correlation id of the events of a request: its id if that is a UUID, else a UUID derived from it under
    /// the server's key, because a client's own text may hold what does not belong in the log.
    pub fn correlation_id(&self, request_id: &str) -> String {
        let derived = || {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&self.key.hash(&format!("correlation id of {request_id}"))[..16]);
            uuid::Builder::from_custom_bytes(bytes).into_uuid()
        };
        Uuid::try_parse(request_id).unwrap_or_else(|_| derived()).to_string()
    }

    /// Returns the settlement of interrupted payments.
    pub fn settlement(&self) -> Settlement {
        Settlement {
            pool: self.pool.clone(),
            store: self.store.clone(),
            payments: Arc::clone(&self.payments),
            clock: self.clock,
        }
    }

    /// Waits until the read models include a position. Without one, waits briefly for what this process knows
    /// to be in the log, so that a caller sees its own last change.
    ///
    /// # Errors
    /// `UNAVAILABLE` when they do not reach the given position within five seconds.
    pub async fn at_least(&self, models: &[Model], position: Option<Position>) -> Result<(), ApiError> {
        match position {
            Some(Position(position)) => {
                Ok(self.read_models.wait_for(models, position, READ_MODEL_TIMEOUT).await?)
            }
            None => {
                let known = (*self.follower.head().borrow()).max(self.store.last_stored());
                self.read_models.wait_briefly(models, known).await;
                Ok(())
            }
        }
    }
}

/// The schema was executed without services or without a caller.
#[derive(Debug, thiserror::Error)]
#[error("the schema was run without its context")]
pub(crate) struct NoContext;

/// Typed access to the context's data.
pub trait ApiContext<'a> {
    /// Returns the services of the process.
    ///
    /// # Errors
    /// `INTERNAL` when the schema was built without them.
    fn services(&self) -> Result<&'a Services, ApiError>;

    /// Returns the caller.
    ///
    /// # Errors
    /// `INTERNAL` when the request has no caller.
    fn caller(&self) -> Result<&'a Caller, ApiError>;

    /// Returns this request's batched reads.
    ///
    /// # Errors
    /// `INTERNAL` when the request has no loaders.
    fn loaders(&self) -> Result<&'a DataLoader<Loaders>, ApiError>;

    /// Returns the current time, by the edge's clock.
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
