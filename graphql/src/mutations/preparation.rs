//! The kitchen's and the counter's steps: start, baked, ready, handed over.

use async_graphql::{Context, ID, InputObject, Object};
use domain::access::Permission;
use domain::order::OrderCommand;
use domain::usecase::{self, ToOrder};

use super::allowed::{Consistency, allowed_order};
use super::run::{execute, execute_with, payloads, read_context, settled};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::inputs::Problems;
use crate::roles_directive::{requires, roles};
use crate::types::order::Order;

/// An input that names an order and nothing else.
macro_rules! order_inputs {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Debug, InputObject)]
        pub struct $name {
            /// The order.
            pub order_id: ID,
            /// 1 to 255 characters: the same key with the same input answers the same, for 72 hours or as the operator has set (24 or more).
            pub idempotency_key: Option<String>,
            /// The version that was seen; another one is refused with `STALE_VERSION`.
            pub expected_version: Option<i64>,
        }

    )+};
}

order_inputs! {
    /// An order to be begun.
    StartPreparationInput,
    /// An order that is ready.
    MarkOrderReadyInput,
    /// An order to be handed over.
    HandOverOrderInput,
}

/// A line that is out of the oven.
#[derive(Debug, InputObject)]
pub struct MarkItemBakedInput {
    /// The order.
    pub order_id: ID,
    /// The line's number, from 1.
    pub line: i64,
    /// 1 to 255 characters: the same key with the same input answers the same, for 72 hours or as the operator has set (24 or more).
    pub idempotency_key: Option<String>,
    /// The version that was seen; another one is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

payloads! { order: Order, Order::of_result;
    /// The order in preparation.
    StartPreparationPayload,
    /// The order with the line baked.
    MarkItemBakedPayload,
    /// The order, ready.
    MarkOrderReadyPayload,
    /// The order, handed over.
    HandOverOrderPayload,
}

/// The kitchen and the counter.
#[derive(Debug, Default)]
pub struct PreparationMutation;

/// The kitchen and the counter.
#[Object]
impl PreparationMutation {
    /// Begins an order: what was reserved for it has left the shelf, and it can no longer be changed.
    #[graphql(directive = requires::apply(roles(Permission::PrepareOrder)))]
    async fn start_preparation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which order.")] input: StartPreparationInput,
    ) -> Result<StartPreparationPayload, ApiError> {
        let id = &input.order_id;
        let order = allowed_order(ctx, id, Permission::PrepareOrder, Consistency::AsKnown).await?.id;
        let use_case = usecase::StartPreparation { order, now: ctx.now()? };
        execute_with(ctx, use_case, input.idempotency_key, input.expected_version).await
    }

    /// Says that a line is out of the oven.
    #[graphql(directive = requires::apply(roles(Permission::PrepareOrder)))]
    async fn mark_item_baked(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which line of which order.")] input: MarkItemBakedInput,
    ) -> Result<MarkItemBakedPayload, ApiError> {
        let order =
            allowed_order(ctx, &input.order_id, Permission::PrepareOrder, Consistency::AsKnown).await?.id;
        let payload = async {
            let mut problems = Problems::default();
            let line = problems.number("line", input.line, 1, i64::from(u32::MAX));
            let context = read_context(ctx, &mut problems, input.idempotency_key, input.expected_version)?;
            let command = OrderCommand::MarkItemBaked { line: problems.all(line)?, now: ctx.now()? };
            execute(ctx, ToOrder { name: "markItemBaked", order, command }, context).await
        };
        settled(ctx, payload.await)
    }

    /// Says that everything is ready: to be delivered, or to be fetched.
    #[graphql(directive = requires::apply(roles(Permission::PrepareOrder)))]
    async fn mark_order_ready(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which order.")] input: MarkOrderReadyInput,
    ) -> Result<MarkOrderReadyPayload, ApiError> {
        let id = &input.order_id;
        let order = allowed_order(ctx, id, Permission::PrepareOrder, Consistency::AsKnown).await?.id;
        let command = OrderCommand::MarkReady { now: ctx.now()? };
        let use_case = ToOrder { name: "markOrderReady", order, command };
        execute_with(ctx, use_case, input.idempotency_key, input.expected_version).await
    }

    /// Gives a paid takeaway or on-site order to the customer.
    #[graphql(directive = requires::apply(roles(Permission::HandOverOrder)))]
    async fn hand_over_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which order.")] input: HandOverOrderInput,
    ) -> Result<HandOverOrderPayload, ApiError> {
        let id = &input.order_id;
        let order = allowed_order(ctx, id, Permission::HandOverOrder, Consistency::AsKnown).await?.id;
        let command = OrderCommand::HandOver { now: ctx.now()? };
        let use_case = ToOrder { name: "handOverOrder", order, command };
        execute_with(ctx, use_case, input.idempotency_key, input.expected_version).await
    }
}
