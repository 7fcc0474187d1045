//! What the edits of a change ask for: lines that stay, new ones, and those that end. Prices nothing.

use super::LineEdits;
use crate::order::{OrderError, OrderLine, PlacedOrder};
use crate::usecase::BasketLine;

/// What the edits ask for, in terms of the order's lines.
#[derive(Default)]
pub(super) struct Plan<'a> {
    /// Lines that stay, with their new number of pieces and the index of their edit.
    pub kept: Vec<(&'a OrderLine, u32, Option<u32>)>,
    pub added: Vec<(u32, &'a BasketLine)>,
    pub removed: Vec<&'a OrderLine>,
}

impl<'a> Plan<'a> {
    pub(super) fn of(order: &'a PlacedOrder, edits: &'a LineEdits) -> Result<Self, Vec<OrderError>> {
        match edits {
            LineEdits::Whole(lines) => Ok(Self::of_whole(order, lines)),
            LineEdits::ByLine { added, edited, removed } => Self::by_line(order, added, edited, removed),
        }
    }

    fn of_whole(order: &'a PlacedOrder, lines: &'a [BasketLine]) -> Self {
        let mut plan = Self::default();
        let mut left: Vec<&OrderLine> = order.lines.iter().collect();
        for (line, index) in lines.iter().zip(0..) {
            // Of several equal lines, the one with the same number of pieces.
            let same = |exactly: bool| {
                let is = move |there: &&OrderLine| {
                    is_same(there, line) && (!exactly || there.quantity == line.quantity)
                };
                left.iter().position(is)
            };
            match same(true).or_else(|| same(false)) {
                Some(at) => plan.kept.push((left.remove(at), line.quantity, Some(index))),
                None => plan.added.push((index, line)),
            }
        }
        plan.removed = left;
        plan
    }

    fn by_line(
        order: &'a PlacedOrder,
        added: &'a [BasketLine],
        edited: &[(u32, Option<u32>)],
        removed: &[u32],
    ) -> Result<Self, Vec<OrderError>> {
        let named = || edited.iter().map(|(line, _)| *line).chain(removed.iter().copied());
        let is_unknown =
            |line: &u32| order.line(*line).is_none() || named().filter(|again| again == line).count() > 1;
        let unknown: Vec<OrderError> =
            named().filter(is_unknown).map(|line| OrderError::UnknownLine { line }).collect();
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let mut plan = Self { added: (0..).zip(added).collect(), ..Self::default() };
        let first = u32::try_from(added.len()).unwrap_or(u32::MAX);
        for line in &order.lines {
            let edit = edited.iter().zip(first..).find(|((number, _), _)| *number == line.line);
            if removed.contains(&line.line) {
                plan.removed.push(line);
            } else {
                let quantity = edit.and_then(|((_, quantity), _)| *quantity).unwrap_or(line.quantity);
                plan.kept.push((line, quantity, edit.map(|(_, index)| index)));
            }
        }
        Ok(plan)
    }
}

/// Whether two lines are the same but for their number of pieces.
fn is_same(before: &OrderLine, line: &BasketLine) -> bool {
    let mut extras: Vec<_> = before.extras.iter().map(|extra| &extra.ingredient).collect();
    let mut asked: Vec<_> = line.extras.iter().collect();
    let (mut without, mut left_out): (Vec<_>, Vec<_>) =
        (before.without.iter().collect(), line.without.iter().collect());
    extras.sort();
    asked.sort();
    without.sort();
    left_out.sort();
    left_out.dedup();
    before.item == line.item && before.size == line.size && extras == asked && without == left_out
}
