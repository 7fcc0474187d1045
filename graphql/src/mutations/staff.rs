//! Mutations of staff: hire, change roles, revoke.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use domain::access::{Permission, Role as ActorRole, Scope};
use domain::account::{AccountError, EmailAddress};
use domain::ids::{PizzeriaId, StaffId};
use domain::pizzeria::Pizzeria;
use domain::staff::StaffError;
use domain::usecase::{ManageStaff, StaffChange};
use domain::{AggregateState, StreamId};
use event_store::{CommandContext, CommandResult};
use identity::accounts::one_time::{self, Purpose};
use identity::accounts::{self, AddressLookUp, AttemptError, credentials, registration, release_unverified};
use mail::Letter;
use projections::account_access;
use uuid::Uuid;

use super::account_steps::{new_account_id, refused};
use super::run::{
    check_options, command_context, execute_in, fresh_id, payload_if_invalid, secret_context, settled,
    user_errors,
};
use crate::context::{ApiContext, Caller, Services};
use crate::error::ApiError;
use crate::field_access::requires;
use crate::ids::GlobalId;
use crate::inputs::{InputRule, NAME_MAX, Problems};
use crate::scalars::Position;
use crate::types::enums::Role;
use crate::types::staff::Staff;
use crate::types::user_error::UserError;

/// The member of staff to hire, or whose role changes.
#[derive(Debug, InputObject)]
pub struct HireStaffInput {
    /// E-mail address. If a current or former employee has this address, they get the role; no second account
    /// is created.
    pub email: String,
    /// The name; ignored for an existing member of staff.
    pub name: String,
    /// Phone number; ignored for an existing member of staff.
    pub phone: Option<String>,
    /// The role. Managers hire receptionists, pizzaiolos and couriers; directors hire every role.
    pub role: Role,
    /// The pizzeria's id or code; omitted for directors and auditors, who belong to the whole group.
    pub pizzeria_id: Option<ID>,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The version of an existing member of staff as last read; if it has changed, the command is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

/// The member of staff to revoke.
#[derive(Debug, InputObject)]
pub struct RevokeStaffInput {
    /// The member of staff.
    pub staff_id: ID,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

macro_rules! staff_payloads {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Debug, SimpleObject)]
        #[graphql(directive = crate::field_access::open::apply())]
        pub struct $name {
            /// The member of staff; `null` when refused for an unknown person.
            pub staff: Option<Staff>,
            /// Log position of the last event that was stored; `null` when nothing was stored.
            pub position: Option<Position>,
            /// Why the command was refused, all reasons at once; empty when it was accepted.
            pub user_errors: Vec<UserError>,
        }

        impl $name {
            fn of(services: &Services, caller: &Caller, id: Uuid, result: &CommandResult) -> Self {
                // After a refusal the stream may be empty.
                let exists = result.version > 0;
                Self {
                    staff: exists.then_some(Staff(StaffId(id))),
                    position: result.position.map(Position),
                    user_errors: user_errors(services, caller, result),
                }
            }
        }

        impl From<UserError> for $name {
            fn from(error: UserError) -> Self {
                vec![error].into()
            }
        }

        impl From<Vec<UserError>> for $name {
            fn from(user_errors: Vec<UserError>) -> Self {
                Self { staff: None, position: None, user_errors }
            }
        }
    )+};
}

staff_payloads! {
    /// The member of staff with the role.
    HireStaffPayload,
    /// The former member of staff.
    RevokeStaffPayload,
}

/// Mutations of staff.
#[derive(Debug, Default)]
pub struct StaffMutation;

/// Mutations of staff.
#[Object]
impl StaffMutation {
    /// Hires a member of staff, or changes the role or the pizzeria of an existing one. A new member receives
    /// a mail with a token for `resetPassword`, to choose a password.
    #[graphql(directive = requires::apply(Permission::ManageStaff))]
    async fn hire_staff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: HireStaffInput,
    ) -> Result<HireStaffPayload, ApiError> {
        settled(ctx, read_and_hire(ctx, input).await)
    }

    /// Revokes a member of staff: their sessions end at once. The last director cannot be revoked
    /// (`LAST_DIRECTOR`).
    #[graphql(directive = requires::apply(Permission::ManageStaff))]
    async fn revoke_staff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: RevokeStaffInput,
    ) -> Result<RevokeStaffPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let id = StaffId::required(&input.staff_id, "input.staffId")?;
        let mut problems = Problems::default();
        check_options(&mut problems, input.idempotency_key.as_deref(), input.expected_version);
        if let Some(payload) = payload_if_invalid(ctx, problems)? {
            return Ok(payload);
        }
        let context = command_context(ctx, input.idempotency_key, input.expected_version)?;
        let (services, caller) = (services.clone(), caller.clone());
        let revoking = tokio::spawn(async move { revoke(&services, &caller, id, context).await });
        revoking.await.map_err(ApiError::internal)?
    }
}

/// Reads the input and hires, if the caller may hire in that role and pizzeria.
async fn read_and_hire(ctx: &Context<'_>, input: HireStaffInput) -> Result<HireStaffPayload, ApiError> {
    let (services, caller) = (ctx.services()?, ctx.caller()?);
    let role = ActorRole::from(input.role);
    let mut problems = Problems::default();
    let by = caller.actor()?.role;
    let pizzeria = place(&mut problems, by, role, input.pizzeria_id.as_ref())?;
    if problems.is_empty() {
        let scope = pizzeria.as_ref().map_or(Scope::Group, Scope::Pizzeria);
        caller.reach(scope)?;
        if !by.may_hire(role) {
            return Err(ApiError::Forbidden);
        }
    }
    let email = problems.email("email", &input.email);
    let name = problems.text("name", &input.name, NAME_MAX);
    let phone = problems.optional_phone("phone", input.phone.as_deref());
    check_options(&mut problems, input.idempotency_key.as_deref(), input.expected_version);
    let (email, name) = problems.all((email, name))?;
    if let Some(pizzeria) = &pizzeria {
        opened(services, pizzeria).await?;
    }
    let key = input.idempotency_key.as_deref();
    let id = new_account_id(services, "hireStaff", &email, key, ctx.now()?);
    let wanted = Wanted { id, email, name, phone, role, pizzeria };
    // Hashed with the server's key: the input has a name and addresses.
    let actor = caller.actor()?.clone();
    let context = secret_context(ctx, actor, input.idempotency_key, input.expected_version)?;
    let (services, caller) = (services.clone(), caller.clone());
    // Runs in its own task: a disconnecting client must not release the lock before the event is stored.
    let counted = services.attempt_limiter.look_up(caller.origin()).await?;
    let hiring = tokio::spawn(async move { hire(&services, &caller, wanted, counted, context).await });
    hiring.await.map_err(ApiError::internal)?
}

/// Returns where a role works: a pizzeria for its staff, the group otherwise.
///
/// # Errors
/// `BAD_USER_INPUT` for an id of another kind.
fn place(
    problems: &mut Problems,
    by: ActorRole,
    role: ActorRole,
    pizzeria: Option<&ID>,
) -> Result<Option<PizzeriaId>, ApiError> {
    let pizzeria = pizzeria.map(|id| PizzeriaId::required(id, "input.pizzeriaId")).transpose()?;
    match role {
        ActorRole::Receptionist | ActorRole::Pizzaiolo | ActorRole::Courier | ActorRole::Manager => {
            problems.needed("pizzeriaId", pizzeria.as_ref());
            Ok(pizzeria)
        }
        ActorRole::Director | ActorRole::Auditor => {
            if pizzeria.is_some() {
                problems.add("pizzeriaId", InputRule::NotApplicable);
            }
            Ok(None)
        }
        ActorRole::Customer | ActorRole::System => {
            problems.refuse("role", StaffError::RoleNotAllowed { by, role });
            Ok(pizzeria)
        }
    }
}

async fn opened(services: &Services, pizzeria: &PizzeriaId) -> Result<(), ApiError> {
    let (state, _) = services.store.recall(&StreamId::pizzeria(pizzeria)).await?;
    match &*state {
        AggregateState::Pizzeria(Pizzeria::Opened(_)) => Ok(()),
        _ => Err(ApiError::NotFound("pizzeria")),
    }
}

struct Wanted {
    id: Uuid,
    email: EmailAddress,
    name: String,
    phone: Option<String>,
    role: ActorRole,
    pizzeria: Option<PizzeriaId>,
}

impl Wanted {
    fn account(&self) -> accounts::Account {
        accounts::Account {
            pizzeria: self.pizzeria.clone(),
            phone: self.phone.clone(),
            ..accounts::Account::new(self.id, self.email.as_str(), self.role, &*self.name)
        }
    }
}

/// Checks that the caller may change a member of staff: the same pizzeria and no higher role. Former staff
/// belong to no pizzeria.
fn may_change(caller: &Caller, held: &accounts::Account) -> Result<(), ApiError> {
    if held.active {
        let scope = held.pizzeria.as_ref().map_or(Scope::Group, Scope::Pizzeria);
        caller.reach(scope)?;
        if !caller.actor()?.role.may_hire(held.role) {
            return Err(ApiError::Forbidden);
        }
    }
    Ok(())
}

async fn hire(
    services: &Services,
    caller: &Caller,
    wanted: Wanted,
    counted: AddressLookUp,
    context: CommandContext,
) -> Result<HireStaffPayload, ApiError> {
    let mut held = registration::holder_of(&services.pool, &wanted.email, &counted).await?;
    if let Some(customer) = held.take_if(|held| held.role == ActorRole::Customer) {
        let now = services.clock.now();
        let correlation_id = services.correlation_id(&caller.request_id);
        let own = CommandContext::new(caller.actor()?.clone(), fresh_id(now), correlation_id);
        // A verified address belongs to its customer; an unverified one is released.
        if !release_unverified(&services.store, &customer, own, now).await? {
            return Ok(refused(caller, AccountError::EmailTaken).into());
        }
    }
    if held.is_none() {
        // A repetition under the same key, after the employee has changed the address.
        held = accounts::accounts_by_ids(&services.pool, &[wanted.id])
            .await?
            .into_iter()
            .find(|held| held.active);
    }
    let id = match &held {
        Some(held) => {
            may_change(caller, held)?;
            held.id
        }
        None => {
            let now = services.clock.now();
            if !registration::reserve(&services.pool, &wanted.account(), None, now, &counted).await? {
                // A sign-up with this address is in progress.
                return Ok(refused(caller, AccountError::EmailTaken).into());
            }
            wanted.id
        }
    };
    let change = StaffChange::Hire { role: wanted.role, pizzeria: wanted.pizzeria.clone() };
    // After an error it is unknown whether the event was stored: the reactor decides about the reserved row.
    let result = manage(services, caller, id, change, context).await?;
    if held.is_none() && result.refusal.is_some() {
        registration::release(&services.pool, id).await?;
    }
    if let Some(position) = result.accepted_at() {
        let now = services.clock.now();
        let mut transaction = services.pool.begin().await?;
        account_access::hired(&mut transaction, id, wanted.role, wanted.pizzeria.as_ref(), position).await?;
        let stored = credentials::of_account(&mut *transaction, id).await?;
        let invited = if held.as_ref().is_none_or(|held| !held.active)
            && stored.is_some_and(|stored| stored.usable_hash().is_none())
        {
            let purpose = Purpose::Invitation;
            Some(one_time::issue(&mut transaction, &services.key, id, purpose, now).await?)
        } else {
            None
        };
        transaction.commit().await?;
        if let Some(token) = invited {
            let to = wanted.email.as_str();
            match services.mail_queue.permit(Letter::Invitation, to, caller.origin()).await {
                Ok(permit) => services.mail_queue.send(permit, &token, caller.lang),
                // The hire is stored: `requestPasswordReset` sends another mail later.
                Err(AttemptError::TooMany(_)) => {
                    tracing::warn!(account = %id, "an invitation was not sent: too many")
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(HireStaffPayload::of(services, caller, id, &result))
}

async fn revoke(
    services: &Services,
    caller: &Caller,
    id: StaffId,
    context: CommandContext,
) -> Result<RevokeStaffPayload, ApiError> {
    let held = accounts::accounts_by_ids(&services.pool, &[id.0]).await?.into_iter().next();
    let held = held.filter(|held| held.role != ActorRole::Customer).ok_or(ApiError::NotFound("staff"))?;
    let scope = held.pizzeria.as_ref().map_or(Scope::Group, Scope::Pizzeria);
    caller.reach(scope)?;
    may_change(caller, &held)?;
    let result = manage(services, caller, id.0, StaffChange::Revoke, context).await?;
    if let Some(position) = result.accepted_at() {
        let mut transaction = services.pool.begin().await?;
        account_access::revoked(&mut transaction, id.0, position).await?;
        transaction.commit().await?;
    }
    Ok(RevokeStaffPayload::of(services, caller, id.0, &result))
}

async fn manage(
    services: &Services,
    caller: &Caller,
    id: Uuid,
    change: StaffChange,
    context: CommandContext,
) -> Result<CommandResult, ApiError> {
    let directors = registration::directors(&services.pool).await?.into_iter().map(StaffId).collect();
    let (actor, now) = (caller.actor()?, services.clock.now());
    let (by, within) = (actor.role, actor.pizzeria.clone());
    let use_case = ManageStaff { staff: StaffId(id), change, by, within, directors, now };
    execute_in(services, use_case, context).await
}
