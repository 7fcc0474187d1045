//! A member of staff as clients see them: never more than a name and a role.

use async_graphql::{Context, ID, Object};
use domain::access::{Permission, Role as ActorRole};
use domain::ids::StaffId;

use super::enums::Role;
use crate::auth::Account;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::requires::{requires, roles};

/// A member of staff, by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staff(pub StaffId);

impl Staff {
    /// Their account. A customer's is nobody's colleague: its name is not for here.
    pub(crate) async fn account(&self, ctx: &Context<'_>) -> Result<Option<Account>, ApiError> {
        let account: Option<Account> = ctx.loaders()?.load_one(self.0).await?;
        Ok(account.filter(|account| account.role != ActorRole::Customer))
    }
}

/// A member of staff.
#[Object]
impl Staff {
    /// Their id.
    pub async fn id(&self) -> ID {
        self.0.to_global()
    }

    /// What they are called; none once the account is gone. Auditors and the system see a pseudonym.
    #[graphql(directive = requires::apply(roles(Permission::ReadStaffName)))]
    async fn name(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        let pseudonym = ctx.caller()?.actor.as_ref().is_none_or(|actor| match actor.role {
            ActorRole::Auditor | ActorRole::System => true,
            ActorRole::Customer
            | ActorRole::Receptionist
            | ActorRole::Pizzaiolo
            | ActorRole::Courier
            | ActorRole::Manager
            | ActorRole::Director => false,
        });
        let account = self.account(ctx).await?;
        Ok(account.map(|account| if pseudonym { format!("staff {}", self.0) } else { account.display_name }))
    }

    /// What they may do; none once the account is gone.
    async fn role(&self, ctx: &Context<'_>) -> Result<Option<Role>, ApiError> {
        Ok(self.account(ctx).await?.map(|account| account.role.into()))
    }
}
