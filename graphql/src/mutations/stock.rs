//! Mutations of a stock outside orders: supplies, counts, waste, transfers, thresholds, blocks.

use async_graphql::{Context, ID, InputObject, Object};
use domain::access::{Permission, Scope};
use domain::ids::PizzeriaId;
use domain::stock::StockCommand;
use domain::usecase;
use event_store::CommandContext;
use identity::suppliers;

use super::allowed::allowed_pizzeria;
use super::notes::{About, references};
use super::run::{Payload, execute, execute_in, fresh_id, payload_at, payloads, read_context, settled};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::requires;
use crate::ids::GlobalId;
use crate::inputs::{NAME_MAX, Problems, SHORT_MAX, StockLineInput};
use crate::types::enums::{PizzaSize, WasteReason};
use crate::types::stock::Stock;
use crate::types::user_error_code::UserErrorCode;

/// Defines inputs of stock commands: the common fields and those of one command.
macro_rules! stock_inputs {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$doc])*
        #[derive(Debug, InputObject)]
        pub struct $name {
            /// The pizzeria's id or code.
            pub pizzeria_id: ID,
            $($(#[$field_doc])* pub $field: $type,)*
            /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
            pub idempotency_key: Option<String>,
            /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
            pub expected_version: Option<i64>,
        }

        impl $name {
            fn context(
                &self,
                ctx: &Context<'_>,
                problems: &mut Problems,
            ) -> Result<CommandContext, ApiError> {
                read_context(ctx, problems, self.idempotency_key.clone(), self.expected_version)
            }
        }
    )+};
}

stock_inputs! {
    /// A supplier's delivery.
    ReceiveSupplyInput {
        /// The supplier's name.
        supplier: String,
        /// The delivery note's number. A number among the last 500 received is refused with `DUPLICATE_RECEIPT`
        /// for the same supplier.
        delivery_note: String,
        /// The ingredients and quantities, 1 to 200 lines.
        lines: Vec<StockLineInput>,
    }
    /// Counted quantities.
    CountStockInput {
        /// The quantities on hand, 1 to 200 lines; zero is a valid count.
        lines: Vec<StockLineInput>,
    }
    /// The waste to record.
    WasteIngredientsInput {
        /// The reason for the waste.
        reason: WasteReason,
        /// A comment on the reason for the staff, at most 500 characters.
        comment: Option<String>,
        /// The ingredients and quantities, 1 to 200 lines.
        lines: Vec<StockLineInput>,
    }
    /// The threshold of an ingredient.
    SetStockThresholdInput {
        /// The ingredient's id or code.
        ingredient: ID,
        /// The level is low when the available quantity is below this, in the ingredient's unit; 0 disables
        /// the warning.
        threshold: i64,
    }
    /// The pizza to block.
    BlockPizzaInput {
        /// The pizza's id or code.
        pizza: ID,
        /// The size to block; every size when omitted.
        size: Option<PizzaSize>,
        /// The reason, at most 200 characters.
        reason: Option<String>,
    }
    /// The pizza to unblock.
    UnblockPizzaInput {
        /// The pizza's id or code.
        pizza: ID,
        /// The size as blocked: one size, or omitted for every size.
        size: Option<PizzaSize>,
    }
}

/// A transfer between two pizzerias.
#[derive(Debug, InputObject)]
pub struct TransferStockInput {
    /// The id or code of the sending pizzeria.
    pub from_pizzeria_id: ID,
    /// The id or code of the receiving pizzeria.
    pub to_pizzeria_id: ID,
    /// The ingredients and quantities, 1 to 200 lines.
    pub lines: Vec<StockLineInput>,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The version of the sender's stock as last read; if it has changed, the command is refused with
    /// `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

payloads! { stock: Stock, Stock::of_result;
    /// The stock with the supply.
    ReceiveSupplyPayload,
    /// The stock with the counted quantities.
    CountStockPayload,
    /// The stock without the waste.
    WasteIngredientsPayload,
    /// The stock of the sending pizzeria.
    TransferStockPayload,
    /// The stock with the threshold.
    SetStockThresholdPayload,
    /// The stock with the pizza blocked.
    BlockPizzaPayload,
    /// The stock with the pizza unblocked.
    UnblockPizzaPayload,
}

/// Mutations of stocks.
#[derive(Debug, Default)]
pub struct StockMutation;

/// Mutations of stocks.
#[Object]
impl StockMutation {
    /// Receives a supplier's delivery. A delivery note that was received before is refused with
    /// `DUPLICATE_RECEIPT`.
    #[graphql(directive = requires::apply(Permission::KeepStock))]
    async fn receive_supply(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: ReceiveSupplyInput,
    ) -> Result<ReceiveSupplyPayload, ApiError> {
        let payload = async {
            let pizzeria = allowed_pizzeria(ctx, &input.pizzeria_id)?;
            let mut problems = Problems::default();
            let supplier = problems.text("supplier", &input.supplier, NAME_MAX);
            let delivery_note = problems.text("deliveryNote", &input.delivery_note, SHORT_MAX);
            let lines = problems.stock_lines("lines", &input.lines, 1);
            let context = input.context(ctx, &mut problems)?;
            let (supplier, delivery_note, lines) = problems.all((supplier, delivery_note, lines))?;
            let supplier = suppliers::named(&ctx.services()?.pool, supplier, ctx.now()?).await?;
            let command = StockCommand::Receive { supplier, delivery_note, lines, now: ctx.now()? };
            let use_case = usecase::ToStock { name: "receiveSupply", pizzeria, command };
            execute_on_lines(ctx, use_case, context, &input.lines).await
        };
        settled(ctx, payload.await)
    }

    /// Records counted quantities. A count below the reserved quantity is accepted; an event then names the
    /// orders that are short.
    #[graphql(directive = requires::apply(Permission::KeepStock))]
    async fn count_stock(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: CountStockInput,
    ) -> Result<CountStockPayload, ApiError> {
        let payload = async {
            let pizzeria = allowed_pizzeria(ctx, &input.pizzeria_id)?;
            let mut problems = Problems::default();
            let lines = problems.stock_lines("lines", &input.lines, 0);
            let context = input.context(ctx, &mut problems)?;
            let command = StockCommand::Count { lines: problems.all(lines)?, now: ctx.now()? };
            let use_case = usecase::ToStock { name: "countStock", pizzeria, command };
            execute_on_lines(ctx, use_case, context, &input.lines).await
        };
        settled(ctx, payload.await)
    }

    /// Records waste of ingredients.
    #[graphql(directive = requires::apply(Permission::KeepStock))]
    async fn waste_ingredients(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: WasteIngredientsInput,
    ) -> Result<WasteIngredientsPayload, ApiError> {
        let payload = async {
            let pizzeria = allowed_pizzeria(ctx, &input.pizzeria_id)?;
            let mut problems = Problems::default();
            let lines = problems.stock_lines("lines", &input.lines, 1);
            let comment = problems.note("comment", input.comment.as_deref());
            let context = input.context(ctx, &mut problems)?;
            let (lines, reason) = (problems.all(lines)?, input.reason.into());
            let command = StockCommand::Waste { reason, lines, now: ctx.now()? };
            let waste = usecase::ToStock { name: "wasteIngredients", pizzeria, command };
            let notes = About::default().comment(comment);
            let use_case = usecase::Noted { use_case: waste, notes: references(&notes) };
            let context = CommandContext { notes, ..context };
            execute_on_lines(ctx, use_case, context, &input.lines).await
        };
        settled(ctx, payload.await)
    }

    /// Transfers ingredients to another pizzeria; both stocks change at once.
    #[graphql(directive = requires::apply(Permission::TransferStock))]
    async fn transfer_stock(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: TransferStockInput,
    ) -> Result<TransferStockPayload, ApiError> {
        let payload = async {
            ctx.caller()?.actor()?;
            let from = PizzeriaId::required(&input.from_pizzeria_id, "input.fromPizzeriaId")?;
            ctx.caller()?.reach(Scope::Pizzeria(&from))?;
            let to = PizzeriaId::required(&input.to_pizzeria_id, "input.toPizzeriaId")?;
            if to.is_functional_check() {
                return Err(ApiError::NotFound("pizzeria"));
            }
            let mut problems = Problems::default();
            let lines = problems.stock_lines("lines", &input.lines, 1);
            let context = read_context(ctx, &mut problems, input.idempotency_key, input.expected_version)?;
            let (lines, now) = (problems.all(lines)?, ctx.now()?);
            let command = usecase::TransferStock { transfer: fresh_id(now), from, to, lines, now };
            execute_on_lines(ctx, command, context, &input.lines).await
        };
        settled(ctx, payload.await)
    }

    /// Sets the threshold below which an ingredient is low.
    #[graphql(directive = requires::apply(Permission::SetStockThreshold))]
    async fn set_stock_threshold(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: SetStockThresholdInput,
    ) -> Result<SetStockThresholdPayload, ApiError> {
        let payload = async {
            let pizzeria = allowed_pizzeria(ctx, &input.pizzeria_id)?;
            let mut problems = Problems::default();
            let unknown = UserErrorCode::UnknownIngredient;
            let ingredient = problems.code("ingredient", &input.ingredient, unknown);
            let threshold = problems.quantity("threshold", input.threshold, 0);
            let context = input.context(ctx, &mut problems)?;
            let (ingredient, threshold) = problems.all((ingredient, threshold))?;
            let command = StockCommand::SetThreshold { ingredient, threshold, now: ctx.now()? };
            execute(ctx, usecase::ToStock { name: "setStockThreshold", pizzeria, command }, context).await
        };
        settled(ctx, payload.await)
    }

    /// Blocks a pizza, in one size or in every size.
    #[graphql(directive = requires::apply(Permission::BlockPizza))]
    async fn block_pizza(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: BlockPizzaInput,
    ) -> Result<BlockPizzaPayload, ApiError> {
        let payload = async {
            let pizzeria = allowed_pizzeria(ctx, &input.pizzeria_id)?;
            let mut problems = Problems::default();
            let pizza = problems.code("pizza", &input.pizza, UserErrorCode::UnknownPizza);
            let reason = problems.optional_text("reason", input.reason.as_deref(), NAME_MAX);
            let context = input.context(ctx, &mut problems)?;
            let (pizza, size) = (problems.all(pizza)?, input.size.map(Into::into));
            let (reason, notes) = About::default().reason(reason);
            let context = CommandContext { notes, ..context };
            let command = StockCommand::Block { pizza, size, reason, now: ctx.now()? };
            execute(ctx, usecase::ToStock { name: "blockPizza", pizzeria, command }, context).await
        };
        settled(ctx, payload.await)
    }

    /// Unblocks a pizza.
    #[graphql(directive = requires::apply(Permission::BlockPizza))]
    async fn unblock_pizza(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: UnblockPizzaInput,
    ) -> Result<UnblockPizzaPayload, ApiError> {
        let payload = async {
            let pizzeria = allowed_pizzeria(ctx, &input.pizzeria_id)?;
            let mut problems = Problems::default();
            let pizza = problems.code("pizza", &input.pizza, UserErrorCode::UnknownPizza);
            let context = input.context(ctx, &mut problems)?;
            let (pizza, size) = (problems.all(pizza)?, input.size.map(Into::into));
            let command = StockCommand::Unblock { pizza, size, now: ctx.now()? };
            execute(ctx, usecase::ToStock { name: "unblockPizza", pizzeria, command }, context).await
        };
        settled(ctx, payload.await)
    }
}

/// Executes a use case whose refusals may concern a line of the input.
async fn execute_on_lines<P: Payload>(
    ctx: &Context<'_>,
    use_case: impl usecase::UseCase + 'static,
    context: CommandContext,
    lines: &[StockLineInput],
) -> Result<P, ApiError> {
    let result = execute_in(ctx.services()?, use_case, context).await?;
    payload_at(ctx, &result, |error, refusal| {
        error.at_stock_line_of(refusal, lines.iter().map(|line| &line.ingredient))
    })
}
