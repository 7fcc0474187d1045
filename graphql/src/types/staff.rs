//! A member of staff as clients see them: name and role, and contact details for callers who may hire.

use async_graphql::{Context, ID, Object};
use domain::StreamId;
use domain::access::{Permission, Role as ActorRole, Scope};
use domain::ids::StaffId;
use identity::accounts::Account;

use super::enums::Role;
use super::pizzeria::Pizzeria;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::{open, requires};
use crate::ids::GlobalId;
use crate::scalars;

/// A member of staff, by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staff(pub StaffId);

impl Staff {
    /// Loads the member's account. A customer's account is treated as missing: its name must not be shown
    /// here.
    pub(crate) async fn account(&self, ctx: &Context<'_>) -> Result<Option<Account>, ApiError> {
        let account: Option<Account> = ctx.loaders()?.load_one(self.0).await?;
        Ok(account.filter(|account| account.role != ActorRole::Customer))
    }

    /// Loads the member's account for a caller who may hire in that pizzeria.
    async fn managed(&self, ctx: &Context<'_>) -> Result<Option<Account>, ApiError> {
        let caller = ctx.caller()?;
        Ok(self.account(ctx).await?.filter(|account| {
            let scope = account.pizzeria.as_ref().map_or(Scope::Group, Scope::Pizzeria);
            caller.reaches(scope)
        }))
    }
}

/// A member of staff.
#[Object]
impl Staff {
    /// The member's id.
    #[graphql(directive = open::apply())]
    pub async fn id(&self) -> ID {
        self.0.to_global()
    }

    /// The name; `null` after the account was deleted. Auditors and the system see a pseudonym.
    #[graphql(directive = requires::apply(Permission::ReadStaffName))]
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

    /// The role; `null` after the account was deleted.
    #[graphql(directive = open::apply())]
    async fn role(&self, ctx: &Context<'_>) -> Result<Option<Role>, ApiError> {
        Ok(self.account(ctx).await?.map(|account| account.role.into()))
    }

    /// The pizzeria where the member works; `null` for staff of the whole group.
    #[graphql(directive = open::apply())]
    async fn pizzeria(&self, ctx: &Context<'_>) -> Result<Option<Pizzeria>, ApiError> {
        match self.account(ctx).await?.and_then(|account| account.pizzeria) {
            Some(id) => Ok(ctx.loaders()?.load_one(id).await?.map(Into::into)),
            None => Ok(None),
        }
    }

    /// Whether the member still works here.
    #[graphql(directive = open::apply())]
    async fn active(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        Ok(self.account(ctx).await?.is_some_and(|account| account.active))
    }

    /// E-mail address; `null` for callers who may not hire in that pizzeria.
    #[graphql(directive = requires::apply(Permission::ManageStaff))]
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Ok(self.managed(ctx).await?.map(|account| account.email))
    }

    /// Phone number; `null` when not set, and for callers who may not hire in that pizzeria.
    #[graphql(directive = requires::apply(Permission::ManageStaff))]
    async fn phone(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Ok(self.managed(ctx).await?.and_then(|account| account.phone))
    }

    /// The account's version, for `expectedVersion` of `hireStaff` and `revokeStaff`.
    #[graphql(directive = open::apply())]
    async fn version(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        let (_, version) = ctx.services()?.store.recall(&StreamId::staff(self.0)).await?;
        scalars::int(version)
    }
}
