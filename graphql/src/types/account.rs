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
use crate::field_access::open;
use crate::ids::GlobalId;
use crate::scalars;

/// The account of a customer or of a member of staff.
#[derive(Debug, Clone)]
pub struct Account(pub Arc<accounts::Account>);

/// The account of a customer or of a member of staff.
#[Object(directive = open::apply())]
impl Account {
    /// The id of the customer or of the member of staff.
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

    /// E-mail address. An address that ends in `.invalid` cannot receive mail: the account's own was never
    /// verified and was given to an employee. `updateMyAccount` sets another.
    async fn email(&self) -> &str {
        &self.0.email
    }

    /// The account holder's name.
    async fn name(&self) -> &str {
        &self.0.display_name
    }

    /// Phone number; `null` when not set.
    async fn phone(&self) -> Option<&str> {
        self.0.phone.as_deref()
    }

    /// The role, which decides what the account may do.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// The pizzeria where a member of staff works; `null` for customers and for staff of the whole group.
    async fn pizzeria(&self, ctx: &Context<'_>) -> Result<Option<Pizzeria>, ApiError> {
        match &self.0.pizzeria {
            Some(id) => Ok(ctx.loaders()?.load_one(id.clone()).await?.map(Into::into)),
            None => Ok(None),
        }
    }

    /// A customer's address; `null` when not set.
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

    /// Whether the e-mail address is verified.
    async fn email_verified(&self) -> bool {
        self.0.email_verified
    }

    /// Whether signing in requires a code of an authenticator app.
    async fn totp_enabled(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        Ok(second_factor::is_confirmed(&ctx.services()?.pool, self.0.id).await?)
    }

    /// The account's version, for `expectedVersion` of `updateMyAccount`.
    async fn version(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        let stream = match self.0.role {
            ActorRole::Customer => StreamId::customer(CustomerId(self.0.id)),
            _ => StreamId::staff(StaffId(self.0.id)),
        };
        let (_, version) = ctx.services()?.store.recall(&stream).await?;
        scalars::int(version)
    }
}
