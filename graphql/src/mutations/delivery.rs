//! Mutations of deliveries: assigning, carrying, completing and failing. A courier acts on their own
//! deliveries, a manager on any.

use async_graphql::{Context, ID, InputObject, Object, OneofObject};
use domain::access::Permission;
use domain::delivery::{DeliveryCommand, DeliveryError, DeliveryProgress, ProofGiven, ScheduledDelivery};
use domain::ids::{ContactId, StaffId};
use domain::order::PlacedOrder;
use domain::usecase::{AssignDelivery, Noted, ToDelivery};
use domain::{AggregateState, StreamId};
use event_store::{CommandContext, NewContact};
use projections::courier_positions;
use uuid::Uuid;

use super::allowed::{Consistency, allowed_delivery};
use super::notes::{About, references};
use super::run::{Payload, check_options, execute, execute_with, payloads, read_context, settled};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::{open, requires};
use crate::ids::GlobalId;
use crate::inputs::{NAME_MAX, NOTE_MAX, Path, Problems, SHORT_MAX};
use crate::scalars::Position;
use crate::types::actions::{self, acting_courier};
use crate::types::delivery::Delivery;
use crate::types::enums::DeliveryFailure;
use crate::types::user_error::UserError;

/// Defines inputs that name a delivery and nothing else.
macro_rules! delivery_inputs {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Debug, InputObject)]
        pub struct $name {
            /// The delivery.
            pub delivery_id: ID,
            /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
            pub idempotency_key: Option<String>,
            /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
            pub expected_version: Option<i64>,
        }

    )+};
}

delivery_inputs! {
    /// The delivery that the calling courier takes.
    ClaimDeliveryInput,
    /// The delivery that its courier gives back.
    UnassignDeliveryInput,
    /// The delivery that its courier leaves with.
    PickUpDeliveryInput,
    /// The failed delivery to try again.
    RetryDeliveryInput,
    /// The failed delivery to bring back for good.
    ReturnDeliveryInput,
}

/// The delivery to assign, and its courier.
#[derive(Debug, InputObject)]
pub struct AssignDeliveryInput {
    /// The delivery.
    pub delivery_id: ID,
    /// The courier.
    pub courier_id: ID,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

/// The proof of delivery: exactly one of these.
#[derive(Debug, OneofObject)]
pub enum DeliveryProofInput {
    /// The customer's four-digit code.
    Code(String),
    /// The name of the person who received it.
    ReceivedBy(String),
    /// The reference of a photo.
    Photo(String),
}

/// The delivery to complete, with its proof.
#[derive(Debug, InputObject)]
pub struct CompleteDeliveryInput {
    /// The delivery.
    pub delivery_id: ID,
    /// The proof of delivery.
    pub proof: DeliveryProofInput,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

/// The delivery that failed, with the reason.
#[derive(Debug, InputObject)]
pub struct FailDeliveryInput {
    /// The delivery.
    pub delivery_id: ID,
    /// Why the delivery failed.
    pub reason: DeliveryFailure,
    /// A comment on the reason for the staff, at most 500 characters.
    pub comment: Option<String>,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

/// The position of a courier.
#[derive(Debug, InputObject)]
pub struct ReportCourierPositionInput {
    /// The delivery that the courier carries.
    pub delivery_id: ID,
    /// Latitude in degrees, WGS 84, -90 to 90.
    pub latitude: f64,
    /// Longitude in degrees, WGS 84, -180 to 180.
    pub longitude: f64,
    /// Idempotency key (1–255 characters); ignored, since each report replaces the previous one.
    pub idempotency_key: Option<String>,
}

payloads! { delivery: Delivery, Delivery::of_result;
    /// The delivery with its courier.
    ClaimDeliveryPayload,
    /// The delivery with its courier.
    AssignDeliveryPayload,
    /// The delivery, unassigned.
    UnassignDeliveryPayload,
    /// The delivery, on its way.
    PickUpDeliveryPayload,
    /// The completed delivery; unchanged after a wrong code.
    CompleteDeliveryPayload,
    /// The failed delivery.
    FailDeliveryPayload,
    /// The delivery, ready for another attempt.
    RetryDeliveryPayload,
    /// The returned delivery.
    ReturnDeliveryPayload,
}

/// The delivery whose courier reported a position.
#[derive(Debug, async_graphql::SimpleObject)]
#[graphql(directive = open::apply())]
pub struct ReportCourierPositionPayload {
    /// The delivery.
    pub delivery: Option<Delivery>,
    /// Always `null`: a courier's position is not an event.
    pub position: Option<Position>,
    /// Why the report was refused, such as a delivery that is not on its way; empty when it was accepted.
    pub user_errors: Vec<UserError>,
}

impl From<Vec<UserError>> for ReportCourierPositionPayload {
    fn from(user_errors: Vec<UserError>) -> Self {
        Self { delivery: None, position: None, user_errors }
    }
}

/// Mutations of deliveries.
#[derive(Debug, Default)]
pub struct DeliveryMutation;

/// Mutations of deliveries.
#[Object]
impl DeliveryMutation {
    /// Assigns a waiting delivery to the calling courier. Of concurrent claims the first succeeds, the others are
    /// refused with `ALREADY_CLAIMED`. A courier carries at most three deliveries (`COURIER_FULL`).
    #[graphql(directive = requires::apply(Permission::ClaimDelivery))]
    async fn claim_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: ClaimDeliveryInput,
    ) -> Result<ClaimDeliveryPayload, ApiError> {
        let id = &input.delivery_id;
        let (delivery, _) = allowed_delivery(ctx, id, Consistency::AsKnown).await?;
        let courier = StaffId(ctx.caller()?.actor()?.id);
        let use_case = AssignDelivery { delivery: delivery.id, courier, claimed: true, now: ctx.now()? };
        execute_with(ctx, use_case, input.idempotency_key, input.expected_version).await
    }

    /// Assigns a delivery to a courier.
    #[graphql(directive = requires::apply(Permission::AssignDelivery))]
    async fn assign_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: AssignDeliveryInput,
    ) -> Result<AssignDeliveryPayload, ApiError> {
        let (delivery, _) = allowed_delivery(ctx, &input.delivery_id, Consistency::AsKnown).await?;
        let courier = StaffId::required(&input.courier_id, "input.courierId")?;
        let use_case = AssignDelivery { delivery: delivery.id, courier, claimed: false, now: ctx.now()? };
        execute_with(ctx, use_case, input.idempotency_key, input.expected_version).await
    }

    /// Returns a delivery to the pizzeria's list before leaving with it.
    #[graphql(directive = requires::apply(Permission::CarryDelivery))]
    async fn unassign_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: UnassignDeliveryInput,
    ) -> Result<UnassignDeliveryPayload, ApiError> {
        let options = (input.idempotency_key, input.expected_version);
        let step = |by, now| DeliveryCommand::Unassign { by, now };
        carry(ctx, "unassignDelivery", &input.delivery_id, options, step).await
    }

    /// Records that the courier leaves with a delivery.
    #[graphql(directive = requires::apply(Permission::CarryDelivery))]
    async fn pick_up_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: PickUpDeliveryInput,
    ) -> Result<PickUpDeliveryPayload, ApiError> {
        let options = (input.idempotency_key, input.expected_version);
        let step = |by, now| DeliveryCommand::PickUp { by, now };
        carry(ctx, "pickUpDelivery", &input.delivery_id, options, step).await
    }

    /// Reports the courier's position: published to the delivery's subscribers; only the latest position is
    /// stored.
    #[graphql(directive = requires::apply(Permission::ReportCourierPosition))]
    async fn report_courier_position(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: ReportCourierPositionInput,
    ) -> Result<ReportCourierPositionPayload, ApiError> {
        settled(ctx, report(ctx, input).await)
    }

    /// Completes a delivery with a proof. A wrong code is refused with `BAD_CODE`, with the number of tries
    /// left of five.
    #[graphql(directive = requires::apply(Permission::CarryDelivery))]
    async fn complete_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: CompleteDeliveryInput,
    ) -> Result<CompleteDeliveryPayload, ApiError> {
        settled(ctx, complete(ctx, input).await)
    }

    /// Records that a delivery failed, and why; the courier still has it.
    #[graphql(directive = requires::apply(Permission::CarryDelivery))]
    async fn fail_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: FailDeliveryInput,
    ) -> Result<FailDeliveryPayload, ApiError> {
        settled(ctx, fail(ctx, input).await)
    }

    /// Tries a failed delivery again.
    #[graphql(directive = requires::apply(Permission::CarryDelivery))]
    async fn retry_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: RetryDeliveryInput,
    ) -> Result<RetryDeliveryPayload, ApiError> {
        let options = (input.idempotency_key, input.expected_version);
        let step = |by, now| DeliveryCommand::Retry { by, now };
        carry(ctx, "retryDelivery", &input.delivery_id, options, step).await
    }

    /// Returns a failed delivery to the pizzeria for good.
    #[graphql(directive = requires::apply(Permission::CarryDelivery))]
    async fn return_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: ReturnDeliveryInput,
    ) -> Result<ReturnDeliveryPayload, ApiError> {
        let options = (input.idempotency_key, input.expected_version);
        let step = |by, now| DeliveryCommand::Return { by, now };
        carry(ctx, "returnDelivery", &input.delivery_id, options, step).await
    }
}

/// Executes a step by the delivery's courier or by their manager.
async fn carry<P: Payload>(
    ctx: &Context<'_>,
    name: &'static str,
    id: &ID,
    (idempotency_key, expected_version): (Option<String>, Option<i64>),
    step: impl FnOnce(Option<StaffId>, chrono::DateTime<chrono::Utc>) -> DeliveryCommand,
) -> Result<P, ApiError> {
    let (delivery, _) = allowed_delivery(ctx, id, Consistency::AsKnown).await?;
    let by = acting_courier(ctx.caller()?.actor()?);
    let use_case = ToDelivery { name, delivery: delivery.id, command: step(by, ctx.now()?) };
    execute_with(ctx, use_case, idempotency_key, expected_version).await
}

/// Fails a delivery, with the comment on the reason.
async fn fail(ctx: &Context<'_>, input: FailDeliveryInput) -> Result<FailDeliveryPayload, ApiError> {
    let id = &input.delivery_id;
    let (delivery, _) = allowed_delivery(ctx, id, Consistency::AsKnown).await?;
    let mut problems = Problems::default();
    let comment = problems.note("comment", input.comment.as_deref());
    let context = read_context(ctx, &mut problems, input.idempotency_key, input.expected_version)?;
    problems.check()?;
    let by = acting_courier(ctx.caller()?.actor()?);
    let command = DeliveryCommand::Fail { by, reason: input.reason.into(), now: ctx.now()? };
    let fail = ToDelivery { name: "failDelivery", delivery: delivery.id, command };
    let notes = About { order: Some(delivery.order), customer: delivery.customer }.comment(comment);
    let use_case = Noted { use_case: fail, notes: references(&notes) };
    execute(ctx, use_case, CommandContext { notes, ..context }).await
}

/// Completes a delivery; validates the proof before it looks up the delivery.
async fn complete(
    ctx: &Context<'_>,
    input: CompleteDeliveryInput,
) -> Result<CompleteDeliveryPayload, ApiError> {
    let of = &input.delivery_id;
    let (delivery, _) = allowed_delivery(ctx, of, Consistency::AsKnown).await?;
    let mut problems = Problems::default();
    let derived = ctx.services()?.key.delivery_codes(delivery.order, ctx.now()?);
    let proof = proof(&mut problems, input.proof, derived, ContactId(Uuid::new_v4()));
    let context = read_context(ctx, &mut problems, input.idempotency_key, input.expected_version)?;
    let (proof, contact) = problems.all(proof)?;
    let whose = |contact| NewContact { customer: delivery.customer, order: Some(delivery.order), ..contact };
    let context = CommandContext { contact: contact.map(whose), ..context };
    let by = acting_courier(ctx.caller()?.actor()?);
    let command = DeliveryCommand::Complete { by, proof, now: ctx.now()? };
    let use_case = ToDelivery { name: "completeDelivery", delivery: delivery.id, command };
    execute(ctx, use_case, context).await
}

/// Stores the position of a delivery's courier.
async fn report(
    ctx: &Context<'_>,
    input: ReportCourierPositionInput,
) -> Result<ReportCourierPositionPayload, ApiError> {
    let services = ctx.services()?;
    let id = &input.delivery_id;
    let (delivery, version) = allowed_delivery(ctx, id, Consistency::AsStored).await?;
    let mut problems = Problems::default();
    let place = problems.place(Path::Input, input.latitude, input.longitude);
    // A report stores no event and no key; an invalid key is still refused.
    check_options(&mut problems, input.idempotency_key.as_deref(), None);
    let place = problems.all(place)?;
    let caller = ctx.caller()?;
    let actor = caller.actor()?;
    let now = ctx.now()?;
    let user_errors = match carrier(&delivery, acting_courier(actor)) {
        Ok(courier) => {
            courier_positions::report(&services.pool, delivery.id, courier, place, now).await?;
            Vec::new()
        }
        Err(refusal) => {
            let (order, _) = services.store.recall(&StreamId::order(delivery.order)).await?;
            let owed = match &*order {
                AggregateState::Order(order) => order.placed().and_then(PlacedOrder::owed_online),
                _ => None,
            };
            let actions = actions::on_delivery(&delivery, Some(actor), owed, now, caller.lang);
            vec![UserError::new(&refusal.into(), caller.lang, actions)]
        }
    };
    let seen = *services.follower.head().borrow();
    let delivery = Some(Delivery { delivery: delivery.into(), version, position: seen, as_of: None });
    Ok(ReportCourierPositionPayload { delivery, position: None, user_errors })
}

/// Returns the courier who is out with the delivery, if the caller may act for that courier.
fn carrier(delivery: &ScheduledDelivery, by: Option<StaffId>) -> Result<StaffId, DeliveryError> {
    match delivery.progress {
        DeliveryProgress::PickedUp { courier } if by.is_none_or(|by| by == courier) => Ok(courier),
        DeliveryProgress::PickedUp { .. } => Err(DeliveryError::NotYours),
        DeliveryProgress::Scheduled
        | DeliveryProgress::Assigned { .. }
        | DeliveryProgress::Delivered { .. }
        | DeliveryProgress::Failed { .. }
        | DeliveryProgress::RetryScheduled { .. }
        | DeliveryProgress::Returned { .. } => Err(DeliveryError::WrongState { status: delivery.status() }),
    }
}

/// Reads the proof, and the row of personal data that stores a name or a photo's reference.
fn proof(
    problems: &mut Problems,
    given: DeliveryProofInput,
    derived: Vec<String>,
    id: ContactId,
) -> Option<(ProofGiven, Option<NewContact>)> {
    let at = Path::from("proof");
    let mut row = problems.contact(at, id, None, None);
    Some(match given {
        DeliveryProofInput::Code(code) => {
            let given = problems.text(at.field("code"), &code, SHORT_MAX)?;
            (ProofGiven::Code { given, derived }, None)
        }
        DeliveryProofInput::ReceivedBy(name) => {
            row.name = Some(problems.text(at.field("receivedBy"), &name, NAME_MAX)?);
            (ProofGiven::ReceivedBy(id), Some(row))
        }
        DeliveryProofInput::Photo(reference) => {
            row.note = Some(problems.text(at.field("photo"), &reference, NOTE_MAX)?);
            (ProofGiven::Photo(id), Some(row))
        }
    })
}
