//! The schema with everything that operations need, and the authentication and rate limits of their callers.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION};
use graphql::context::{Caller, Services};
use graphql::introspection::Introspection;
use graphql::schema::Schema;
use identity::accounts::Authenticator;
use identity::client_address::ClientAddress;
use messages::labels::Lang;

use super::admission::Subscriptions;
use super::cost::Costs;
use super::document_cache::DocumentCache;
use super::operation_log::OperationMetrics;
use super::persisted_documents::PersistedDocuments;
use super::rate_limit::{RateLimitExceeded, RateLimiter, count_refused};
use super::request_id::RequestId;

/// The schema with everything that an operation needs.
#[derive(Clone)]
pub struct Api {
    /// Schema with its resolvers.
    pub schema: Schema,
    /// Services of the process.
    pub services: Services,
    /// Authenticates bearer tokens.
    pub authenticator: Authenticator,
    /// Rate limits by account and by address.
    pub limiter: RateLimiter,
    /// Counts open subscriptions by account.
    pub subscriptions: Subscriptions,
    /// Callers for whom introspection is enabled.
    pub introspection: Introspection,
    /// Documents that requests may name instead of sending them.
    pub persisted_documents: PersistedDocuments,
    /// Recently parsed documents.
    pub document_cache: DocumentCache,
    /// Costs of the schema's fields.
    pub costs: Costs,
    /// Counts operations.
    pub metrics: OperationMetrics,
}

/// Why a caller is not authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthenticationError {
    /// The header is not a bearer token, or the token is unknown or has expired.
    InvalidToken,
    /// Sessions cannot be read now.
    Unavailable,
}

impl Api {
    /// Returns the caller, by the `Authorization` of the request or of `connection_init`.
    ///
    /// # Errors
    /// [`AuthenticationError`].
    pub async fn caller(
        &self,
        authorization: Option<&str>,
        address: ClientAddress,
        lang: Lang,
        request_id: &RequestId,
    ) -> Result<Caller, AuthenticationError> {
        let mut caller = Caller { address, ..Caller::anonymous(lang, request_id.0.clone()) };
        if let Some(authorization) = authorization {
            let given = authorization.trim().split_once(' ');
            let bearer = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
            let (_, token) = bearer.ok_or(AuthenticationError::InvalidToken)?;
            let session = self.authenticator.authenticate(token.trim()).await.map_err(|error| {
                let cause = event_store::chain(&error);
                tracing::warn!(request_id = &*request_id.0, cause, "a session could not be read");
                AuthenticationError::Unavailable
            })?;
            let session = session.ok_or(AuthenticationError::InvalidToken)?;
            caller.session = Some(session.id);
            caller.actor = Some(session.actor);
        }
        Ok(caller)
    }

    /// Counts an operation of an authenticated caller.
    ///
    /// # Errors
    /// [`RateLimitExceeded`], with the time to wait.
    pub fn admit(&self, caller: &Caller) -> Result<(), RateLimitExceeded> {
        let admitted = caller.actor.as_ref().map_or(Ok(()), |actor| self.limiter.account(actor.id));
        admitted.inspect_err(|_| count_refused("account"))
    }
}

/// Returns the language of a request.
pub fn lang(headers: &HeaderMap) -> Lang {
    let header = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    header.map_or_else(Lang::default, Lang::from_accept_language)
}

/// Returns the `Authorization` of a request; empty, which is invalid, if it is not text.
pub fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default())
}
