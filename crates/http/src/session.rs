//! Who a connection that stays open was opened for, and whether they may still be there.

use std::time::Duration;

use graphql::context::Caller;
use identity::accounts::AccessChange;
use identity::client_address::ClientAddress;
use messages::labels::Lang;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::execute::{Api, Refused};
use super::request_id::RequestId;

/// How long a session may take to be read.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who a connection was opened for, and by which token.
pub(super) struct Session {
    token: Option<String>,
    /// Who.
    pub caller: Caller,
}

impl Session {
    /// Lets somebody in by an `Authorization`, or nobody in particular without one.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn open(
        api: &Api,
        token: Option<String>,
        address: ClientAddress,
        lang: Lang,
        id: &RequestId,
    ) -> Result<Self, Refused> {
        let caller = tokio::time::timeout(PATIENCE, api.caller(token.as_deref(), address, lang, id)).await;
        Ok(Self { token, caller: caller.unwrap_or(Err(Refused::Unavailable))? })
    }

    /// Whether the token still lets the same somebody in, who may the same. When sessions cannot be
    /// read the connection goes on, and is asked about again.
    pub async fn holds(&self, api: &Api) -> bool {
        let id = RequestId(self.caller.request_id.clone());
        let Caller { address, lang, .. } = self.caller;
        match Self::open(api, self.token.clone(), address, lang, &id).await {
            Ok(again) => again.caller.actor == self.caller.actor,
            Err(Refused::Token) => false,
            Err(Refused::Unavailable) => true,
        }
    }

    /// Returns when something about the account's sessions or rights may have changed.
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
