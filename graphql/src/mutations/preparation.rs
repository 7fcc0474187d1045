//! Mutations of kitchen and counter: start, baked, ready, handed over.

use async_graphql::{Context, ID, InputObject, Object};
use domain::access::{Permission, Role};
use domain::ids::StaffId;
use domain::order::OrderCommand;
use domain::usecase::{self, ToOrder};

use super::allowed::{Consistency, allowed_order};
use super::run::{execute, execute_with, payloads, read_context, settled};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::requires;
use crate::inputs::Problems;
use crate::types::order::Order;

/// Defines inputs that name an order and nothing else.
macro_rules! order_inputs {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Debug, InputObject)]
        pub struct $name {
            /// The order.
            pub order_id: ID,
            /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
            pub idempotency_key: Option<String>,
            /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
            pub expected_version: Option<i64>,
        }

    )+};
}

order_inputs! {
    /// The order to start.
    StartPreparationInput,
    /// The order that is ready.
    MarkOrderReadyInput,
    /// The order to hand over.
    HandOverOrderInput,
}

/// The line that came out of the oven.
#[derive(Debug, InputObject)]
pub struct MarkItemBakedInput {
    /// The order.
    pub order_id: ID,
    /// The line's number, from 1.
    pub line: i64,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

payloads! { order: Order, Order::of_result;
    /// The order in preparation.
    StartPreparationPayload,
    /// The order with the line baked.
    MarkItemBakedPayload,
    /// The ready order.
    MarkOrderReadyPayload,
    /// The completed order.
    HandOverOrderPayload,
}

/// Mutations of kitchen and counter.
#[derive(Debug, Default)]
pub struct PreparationMutation;

/// Mutations of kitchen and counter.
#[Object]
impl PreparationMutation {
    /// Starts the preparation of an order: its reserved ingredients are used, and it can no longer be
    /// changed.
    #[graphql(directive = requires::apply(Permission::PrepareOrder))]
    async fn start_preparation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: StartPreparationInput,
    ) -> Result<StartPreparationPayload, ApiError> {
        let id = &input.order_id;
        let order = allowed_order(ctx, id, Consistency::AsKnown).await?.id;
        let actor = ctx.caller()?.actor()?;
        let by = (actor.role != Role::System).then_some(StaffId(actor.id));
        let use_case = usecase::StartPreparation { order, by, now: ctx.now()? };
        execute_with(ctx, use_case, input.idempotency_key, input.expected_version).await
    }

    /// Records that a line came out of the oven.
    #[graphql(directive = requires::apply(Permission::PrepareOrder))]
    async fn mark_item_baked(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: MarkItemBakedInput,
    ) -> Result<MarkItemBakedPayload, ApiError> {
        let order = allowed_order(ctx, &input.order_id, Consistency::AsKnown).await?.id;
        let payload = async {
            let mut problems = Problems::default();
            let line = problems.number("line", input.line, 1, i64::from(u32::MAX));
            let context = read_context(ctx, &mut problems, input.idempotency_key, input.expected_version)?;
            let command = OrderCommand::MarkItemBaked { line: problems.all(line)?, now: ctx.now()? };
            execute(ctx, ToOrder { name: "markItemBaked", order, command }, context).await
        };
        settled(ctx, payload.await)
    }

    /// Records that an order is ready for delivery or collection.
    #[graphql(directive = requires::apply(Permission::PrepareOrder))]
    async fn mark_order_ready(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: MarkOrderReadyInput,
    ) -> Result<MarkOrderReadyPayload, ApiError> {
        let id = &input.order_id;
        let order = allowed_order(ctx, id, Consistency::AsKnown).await?.id;
        let command = OrderCommand::MarkReady { now: ctx.now()? };
        let use_case = ToOrder { name: "markOrderReady", order, command };
        execute_with(ctx, use_case, input.idempotency_key, input.expected_version).await
    }

    /// Hands a paid takeaway or on-site order to the customer.
    #[graphql(directive = requires::apply(Permission::HandOverOrder))]
    async fn hand_over_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: HandOverOrderInput,
    ) -> Result<HandOverOrderPayload, ApiError> {
        let id = &input.order_id;
        let order = allowed_order(ctx, id, Consistency::AsKnown).await?.id;
        let command = OrderCommand::HandOver { now: ctx.now()? };
        let use_case = ToOrder { name: "handOverOrder", order, command };
        execute_with(ctx, use_case, input.idempotency_key, input.expected_version).await
    }
}
