//! A member of staff as clients see them: never more than a name and a role.

use async_graphql::{Context, ID, Object};
use domain::ids::StaffId;

use super::enums::Role;
use crate::auth::Account;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;

/// A member of staff, by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staff(pub StaffId);

impl Staff {
    async fn account(&self, ctx: &Context<'_>) -> Result<Option<Account>, ApiError> {
        ctx.loaders()?.load_one(self.0).await
    }
}

/// A member of staff.
#[Object]
impl Staff {
    /// Their id.
    pub async fn id(&self) -> ID {
        self.0.to_global()
    }

    /// What they are called; none once the account is gone.
    async fn name(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Ok(self.account(ctx).await?.map(|account| account.display_name))
    }

    /// What they may do; none once the account is gone.
    async fn role(&self, ctx: &Context<'_>) -> Result<Option<Role>, ApiError> {
        Ok(self.account(ctx).await?.map(|account| account.role.into()))
    }
}
