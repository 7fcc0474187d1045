//! The session of an open connection, and whether it is still valid.

use std::time::Duration;

use graphql::context::Caller;
use identity::accounts::AccessChange;
use identity::client_address::ClientAddress;
use messages::labels::Lang;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::api::{Api, AuthenticationError};
use super::request_id::RequestId;

/// Time limit for reading a session.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// The caller of a connection and its token.
pub(super) struct Session {
    token: Option<String>,
    /// The authenticated or anonymous caller.
    pub caller: Caller,
}

impl Session {
    /// Authenticates the caller by an `Authorization`; without one, the caller is anonymous.
    ///
    /// # Errors
    /// [`AuthenticationError`].
    pub async fn open(
        api: &Api,
        token: Option<String>,
        address: ClientAddress,
        lang: Lang,
        id: &RequestId,
    ) -> Result<Self, AuthenticationError> {
        let caller = api.caller(token.as_deref(), address, lang, id);
        let caller = tokio::time::timeout(LOOKUP_TIMEOUT, caller).await;
        Ok(Self { token, caller: caller.unwrap_or(Err(AuthenticationError::Unavailable))? })
    }

    /// Returns whether the token still authenticates the same actor with the same rights. If sessions cannot be read,
    /// the connection continues and is checked again later.
    pub async fn is_valid(&self, api: &Api) -> bool {
        let id = RequestId(self.caller.request_id.clone());
        let Caller { address, lang, .. } = self.caller;
        match Self::open(api, self.token.clone(), address, lang, &id).await {
            Ok(again) => again.caller.actor == self.caller.actor,
            Err(AuthenticationError::InvalidToken) => false,
            Err(AuthenticationError::Unavailable) => true,
        }
    }

    /// Returns when the account's sessions or rights may have changed.
    pub async fn changed(&self, changes: &mut broadcast::Receiver<AccessChange>) {
        let Some(actor) = &self.caller.actor else { return std::future::pending().await };
        loop {
            match changes.recv().await {
                Ok(changed) if changed.concerns(actor.id) => return,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return,
                Err(RecvError::Closed) => return std::future::pending().await,
            }
        }
    }
}
