//! A member of staff as clients see them: a name and a role, and for those who hire how to reach them.

use async_graphql::{Context, ID, Object};
use domain::StreamId;
use domain::access::{Permission, Role as ActorRole, Scope};
use domain::ids::StaffId;
use identity::accounts::Account;

use super::enums::Role;
use super::pizzeria::Pizzeria;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::roles_directive::{requires, roles};
use crate::scalars;

/// A member of staff, by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staff(pub StaffId);

impl Staff {
    /// Their account. A customer's is nobody's colleague: its name is not for here.
    pub(crate) async fn account(&self, ctx: &Context<'_>) -> Result<Option<Account>, ApiError> {
        let account: Option<Account> = ctx.loaders()?.load_one(self.0).await?;
        Ok(account.filter(|account| account.role != ActorRole::Customer))
    }

    /// Their account, for a caller who hires in their pizzeria.
    async fn managed(&self, ctx: &Context<'_>) -> Result<Option<Account>, ApiError> {
        let caller = ctx.caller()?;
        Ok(self.account(ctx).await?.filter(|account| {
            let scope = account.pizzeria.as_ref().map_or(Scope::Group, Scope::Pizzeria);
            caller.may(Permission::ManageStaff, scope)
        }))
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

    /// Where they work; none for the group's people.
    async fn pizzeria(&self, ctx: &Context<'_>) -> Result<Option<Pizzeria>, ApiError> {
        match self.account(ctx).await?.and_then(|account| account.pizzeria) {
            Some(id) => Ok(ctx.loaders()?.load_one(id).await?.map(Into::into)),
            None => Ok(None),
        }
    }

    /// Whether they still work here.
    async fn active(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        Ok(self.account(ctx).await?.is_some_and(|account| account.active))
    }

    /// E-mail address, for those who hire in their pizzeria.
    #[graphql(directive = requires::apply(roles(Permission::ManageStaff)))]
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Ok(self.managed(ctx).await?.map(|account| account.email))
    }

    /// Telephone number, for those who hire in their pizzeria.
    #[graphql(directive = requires::apply(roles(Permission::ManageStaff)))]
    async fn phone(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Ok(self.managed(ctx).await?.and_then(|account| account.phone))
    }

    /// The version that `expectedVersion` of `hireStaff` and `revokeStaff` is held against.
    async fn version(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        let (_, version) = ctx.services()?.store.recall(&StreamId::staff(self.0)).await?;
        scalars::int(version)
    }
}
