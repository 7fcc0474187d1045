//! The caller's own account.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use domain::StreamId;
use domain::access::Role as ActorRole;
use domain::ids::{CustomerId, StaffId};
use identity::accounts::{self, second_factor};

use super::contact::Address;
use super::enums::Role;
use super::pizzeria::Pizzeria;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::scalars;

/// Somebody who may sign in.
#[derive(Debug, Clone)]
pub struct Account(pub Arc<accounts::Account>);

/// Somebody who may sign in.
#[Object]
impl Account {
    /// Its id: the customer's, or the staff member's.
    pub async fn id(&self) -> ID {
        match self.0.role {
            ActorRole::Customer => CustomerId(self.0.id).to_global(),
            ActorRole::Receptionist
            | ActorRole::Pizzaiolo
            | ActorRole::Courier
            | ActorRole::Manager
            | ActorRole::Director
            | ActorRole::Auditor
            | ActorRole::System => StaffId(self.0.id).to_global(),
        }
    }

    /// E-mail address. One that ends in `.invalid` reaches nobody: the account's own was never verified, and was
    /// given to an employee; `updateMyAccount` sets another.
    async fn email(&self) -> &str {
        &self.0.email
    }

    /// What they are called.
    async fn name(&self) -> &str {
        &self.0.display_name
    }

    /// Telephone number.
    async fn phone(&self) -> Option<&str> {
        self.0.phone.as_deref()
    }

    /// What they may do.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// Where a member of staff works.
    async fn pizzeria(&self, ctx: &Context<'_>) -> Result<Option<Pizzeria>, ApiError> {
        match &self.0.pizzeria {
            Some(id) => Ok(ctx.loaders()?.load_one(id.clone()).await?.map(Into::into)),
            None => Ok(None),
        }
    }

    /// Where a customer lives.
    async fn address(&self) -> Option<Address> {
        let account = &self.0;
        account.street.as_ref().map(|street| Address {
            street: Some(street.clone()),
            postcode: account.postcode.clone(),
            city: account.city.clone(),
            latitude: account.latitude,
            longitude: account.longitude,
        })
    }

    /// Whether the e-mail address was shown to be theirs.
    async fn email_verified(&self) -> bool {
        self.0.email_verified
    }

    /// Whether signing in to it also needs a code of an authenticator app.
    async fn totp_enabled(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        Ok(second_factor::is_confirmed(&ctx.services()?.pool, self.0.id).await?)
    }

    /// The version that `expectedVersion` of `updateMyAccount` is held against.
    async fn version(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        let stream = match self.0.role {
            ActorRole::Customer => StreamId::customer(CustomerId(self.0.id)),
            _ => StreamId::staff(StaffId(self.0.id)),
        };
        let (_, version) = ctx.services()?.store.recall(&stream).await?;
        scalars::int(version)
    }
}
