//! Changing the lines of a placed order. The domain decides; see [`domain::usecase::ChangeOrderLines`].

use async_graphql::{Context, ID, InputObject};
use domain::access::Role;
use domain::note::NotePurpose;
use domain::order::OrderError;
use domain::policies::promise::KitchenLoad;
use domain::usecase::{self, LineEdits, Refusal};

use super::allowed::{Consistency, allowed_order};
use super::notes::{About, references};
use super::order::{ChangeOrderLinesPayload, bound_of};
use super::run::{add_refusals, execute_in, payload_at, read_context};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids;
use crate::inputs::{InputRule, LineNotes, ORDER_LINES_MAX, OrderLineInput, Path, Problems, ReadLines};
use crate::scalars::Decimal;
use crate::types::user_error::UserError;

/// The changed lines of an order: either `lines`, or any of `add`, `edit` and `remove`.
#[derive(Debug, InputObject)]
pub struct ChangeOrderLinesInput {
    /// The order.
    pub order_id: ID,
    /// The complete list of lines, 1 to 50. A line that the order has already, with the same item, size, extras and
    /// omissions, stays.
    pub lines: Option<Vec<OrderLineInput>>,
    /// New lines, at most 50.
    pub add: Option<Vec<OrderLineInput>>,
    /// Lines with another number of pieces or another note, at most 50. The others stay.
    pub edit: Option<Vec<OrderLineEditInput>>,
    /// The ids of the lines to remove (`OrderLine.id`), at most 50.
    pub remove: Option<Vec<ID>>,
    /// The total that the client displayed; if the price differs, the change is refused with `PRICE_CHANGED`.
    pub expected_total: Option<Decimal>,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

/// A change of one line of an order.
#[derive(Debug, InputObject)]
pub struct OrderLineEditInput {
    /// The line (`OrderLine.id`).
    pub line: ID,
    /// How many pieces; unchanged when omitted. More pieces than before are priced and checked as new: if their price,
    /// VAT or recipe has changed since, they become a line of their own.
    pub quantity: Option<i64>,
    /// A note to the kitchen about the line, at most 500 characters; unchanged when omitted, removed when empty.
    pub note: Option<String>,
}

/// The edits of an input, as far as they can be read.
struct ReadEdits {
    edits: LineEdits,
    notes: LineNotes,
    /// The new lines, or the complete list.
    lines: ReadLines,
    /// Whether lines are named one by one.
    by_line: bool,
}

fn read_edits(problems: &mut Problems, input: &ChangeOrderLinesInput) -> ReadEdits {
    let by_line = input.add.is_some() || input.edit.is_some() || input.remove.is_some();
    if let Some(given) = input.lines.as_ref().filter(|_| !by_line) {
        let lines = problems.basket_lines("lines", given);
        let notes = problems.line_notes("lines", given);
        return ReadEdits { edits: LineEdits::Whole(lines.lines.clone()), notes, lines, by_line };
    }
    if input.lines.is_some() {
        problems.add(Path::from("lines"), InputRule::NotApplicable);
    } else if !by_line {
        problems.add(Path::from("lines"), InputRule::Missing);
    }
    let add = input.add.as_deref().unwrap_or_default();
    let lines = problems.basket_lines("add", add);
    let mut notes = problems.line_notes("add", add);
    let edit = bounded(problems, "edit", input.edit.as_deref().unwrap_or_default());
    let (list, mut edited) = (Path::from("edit"), Vec::new());
    for (given, index) in edit.iter().zip(0..) {
        let at = list.item(index);
        let Some(line) = line_number(problems, at.field("line"), &given.line, &input.order_id) else {
            continue;
        };
        // A quantity beyond 32 bits is out of range for the domain too.
        let quantity = given.quantity.map(|pieces| u32::try_from(pieces.max(0)).unwrap_or(u32::MAX));
        edited.push((line, quantity));
        let number = u32::try_from(add.len() + index + 1).unwrap_or(u32::MAX);
        let Some(note) = &given.note else { continue };
        match problems.note(at.field("note"), Some(note)) {
            Some(text) => notes.given.push((number, text)),
            None => notes.cleared.push(number),
        }
    }
    let remove = bounded(problems, "remove", input.remove.as_deref().unwrap_or_default());
    let list = Path::from("remove");
    let removed = remove.iter().enumerate();
    let removed = removed
        .filter_map(|(index, id)| line_number(problems, list.item(index), id, &input.order_id))
        .collect();
    let edits = LineEdits::ByLine { added: lines.lines.clone(), edited, removed };
    ReadEdits { edits, notes, lines, by_line }
}

/// Returns the list, or none of it if it is too long.
fn bounded<'a, T>(problems: &mut Problems, name: &'static str, given: &'a [T]) -> &'a [T] {
    if problems.list(name, given, ORDER_LINES_MAX) { given } else { &[] }
}

/// Reads the number of a line from its id, which names the order too.
fn line_number(problems: &mut Problems, at: Path<'_>, id: &ID, order: &ID) -> Option<u32> {
    let number = ids::order_line_number(id, order);
    if number.is_none() {
        problems.refuse(at, OrderError::UnknownLine { line: 0 });
    }
    number
}

impl ReadEdits {
    /// Moves an error's path from `lines` to the list that the edit is in.
    fn locate(&self, mut error: UserError, refusal: &Refusal) -> UserError {
        error = error.at_line_of(refusal, &self.lines.lines);
        let LineEdits::ByLine { added, edited, removed } = &self.edits else { return error };
        let path = |list: &str, index: usize, name: Option<&str>| {
            let parts = ["input", list].map(str::to_owned).into_iter().chain([index.to_string()]);
            Some(parts.chain(name.map(str::to_owned)).collect::<Vec<String>>())
        };
        if let Refusal::Order(OrderError::UnknownLine { line }) = refusal {
            let edit = edited.iter().position(|(number, _)| number == line);
            let removal = removed.iter().position(|number| number == line);
            error.field = edit
                .and_then(|index| path("edit", index, Some("line")))
                .or_else(|| removal.and_then(|index| path("remove", index, None)));
            return error;
        }
        let Some([_, list, rest @ ..]) = error.field.as_deref() else { return error };
        if list != "lines" {
            return error;
        }
        let index = rest.first().and_then(|index| index.parse::<usize>().ok());
        error.field = index.and_then(|index| match index.checked_sub(added.len()) {
            Some(edit) => path("edit", edit, Some("quantity")),
            None => {
                let list = ["input", "add"].map(str::to_owned).into_iter();
                Some(list.chain(rest.iter().cloned()).collect())
            }
        });
        error
    }
}

/// Changes the lines of an order that the caller may change.
pub(super) async fn change_lines(
    ctx: &Context<'_>,
    input: ChangeOrderLinesInput,
) -> Result<ChangeOrderLinesPayload, ApiError> {
    let order = allowed_order(ctx, &input.order_id, Consistency::AsKnown).await?;
    let mut problems = Problems::default();
    let read = read_edits(&mut problems, &input);
    let expected_total = input.expected_total.and_then(|total| problems.amount("expectedTotal", total));
    let context = read_context(ctx, &mut problems, input.idempotency_key, input.expected_version)?;
    let (services, actor, now) = (ctx.services()?, ctx.caller()?.actor()?, ctx.now()?);
    let account = match actor.role {
        Role::Customer => services.accounts.by_id(actor.id).await?,
        _ => None,
    };
    let load = match order.pizzeria() {
        Some(pizzeria) => services.kitchens.load(pizzeria, now).await?,
        None => KitchenLoad::default(),
    };
    let about = About { order: Some(order.id), customer: order.customer() };
    let given = read.notes.given.iter();
    let notes: Vec<_> =
        given.map(|(line, text)| about.note(NotePurpose::Kitchen, Some(*line), text.clone())).collect();
    let command = usecase::ChangeOrderLines {
        order: order.id,
        edits: read.edits.clone(),
        notes: references(&notes),
        unnoted: read.notes.cleared.clone(),
        expected_total,
        bound: bound_of(actor, account.as_ref()),
        load,
        now,
    };
    if !problems.is_empty() && !read.by_line {
        add_refusals(ctx, &mut problems, &command, None, |refusal| read.lines.in_input(refusal)).await?;
    }
    problems.check()?;
    let result = execute_in(services, command, event_store::CommandContext { notes, ..context }).await?;
    payload_at(ctx, &result, |error, refusal| read.locate(error, refusal))
}
