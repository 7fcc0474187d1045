//! The query for the caller's own account.

use std::sync::Arc;

use async_graphql::{Context, Object};
use identity::accounts;

use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::open;
use crate::types::account::Account;

/// Queries about the caller.
#[derive(Debug, Default)]
pub struct AccountQuery;

/// Loads the caller's account; `None` for an anonymous caller.
pub(super) async fn own_account(ctx: &Context<'_>) -> Result<Option<Account>, ApiError> {
    let Some(actor) = &ctx.caller()?.actor else { return Ok(None) };
    let accounts = accounts::accounts_by_ids(&ctx.services()?.pool, &[actor.id]).await?;
    Ok(accounts.into_iter().next().map(|account| Account(Arc::new(account))))
}

#[Object]
impl AccountQuery {
    /// The caller's own account; `null` for an anonymous caller. Open to every caller.
    #[graphql(directive = open::apply())]
    async fn me(&self, ctx: &Context<'_>) -> Result<Option<Account>, ApiError> {
        own_account(ctx).await
    }
}
