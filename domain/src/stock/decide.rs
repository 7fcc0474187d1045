//! Decisions: the events that follow from a command, or its refusal. Pure, by arithmetic on the named levels:
//! it never copies the stock, because every order of a pizzeria passes through it.

use chrono::{DateTime, Utc};

use super::{BlockKey, Counted, Held, Level, Stock, StockCommand, StockError, StockEvent, Supplier};
use crate::ids::{IngredientCode, OrderId};
use crate::ingredients::{Ingredients, Quantity};
use crate::order::Missing;

/// Returns the events that follow from a command.
///
/// # Errors
/// A [`StockError`] if the command is refused.
pub fn decide(state: &Stock, command: StockCommand) -> Result<Vec<StockEvent>, StockError> {
    match command {
        StockCommand::Reserve { order, lines, held, now } => {
            reserve(state, order, more_than_zero(lines), held, now)
        }
        StockCommand::ChangeReservation { order, lines, pieces, now } => {
            change(state, order, more_than_zero(lines), pieces, now)
        }
        StockCommand::Release { order, now } => {
            let lines = reservation(state, order)?.clone();
            let moves = lines.iter().map(|(code, held)| Move::reserved(code, -held.signed()));
            let crossed = crossings(state, moves, now);
            Ok(first(StockEvent::ReservationReleased { order, lines, at: now }, crossed))
        }
        StockCommand::Consume { order, now } => {
            let lines = reservation(state, order)?.clone();
            let moves = lines.iter().map(|(ingredient, held)| Move {
                ingredient,
                on_hand: -held.signed(),
                reserved: -held.signed(),
            });
            let crossed = crossings(state, moves, now);
            Ok(first(StockEvent::ReservationConsumed { order, lines, at: now }, crossed))
        }
        StockCommand::DiscardOrder { order, lines, reason, now } => {
            let restocked = Ingredients::new();
            Ok(vec![StockEvent::PreparedOrderDiscarded { order, wasted: lines, restocked, reason, at: now }])
        }
        StockCommand::Receive { supplier, delivery_note, lines, now } => {
            let lines = some(more_than_zero(lines))?;
            let Supplier { id, name } = supplier;
            // An earlier release stored the name.
            if [&id, &name].into_iter().any(|supplier| state.has_receipt(supplier, &delivery_note)) {
                return Err(StockError::DuplicateReceipt { supplier: name, delivery_note });
            }
            within_limit(state, &lines)?;
            let crossed = crossings(state, shelved(&lines, 1), now);
            Ok(first(StockEvent::SupplyReceived { supplier: id, delivery_note, lines, at: now }, crossed))
        }
        StockCommand::Count { lines, now } => count(state, &some(lines)?, now),
        StockCommand::Waste { reason, lines, now } => {
            let lines = some(more_than_zero(lines))?;
            enough(missing_on_hand(state, &lines))?;
            let mut follow = crossings(state, shelved(&lines, -1), now);
            follow.extend(shortages(state, shelved(&lines, -1), now));
            Ok(first(StockEvent::IngredientsWasted { reason, lines, at: now, note: None }, follow))
        }
        StockCommand::SendTransfer { transfer, to, lines, now } => {
            let lines = some(more_than_zero(lines))?;
            enough(state.missing(&lines, &Ingredients::new()))?;
            let crossed = crossings(state, shelved(&lines, -1), now);
            Ok(first(StockEvent::TransferSent { transfer, to, lines, at: now }, crossed))
        }
        StockCommand::ReceiveTransfer { transfer, from, lines, now } => {
            let lines = some(more_than_zero(lines))?;
            within_limit(state, &lines)?;
            let crossed = crossings(state, shelved(&lines, 1), now);
            Ok(first(StockEvent::TransferReceived { transfer, from, lines, at: now }, crossed))
        }
        StockCommand::SetThreshold { ingredient, threshold, now } => {
            let level = state.level(&ingredient);
            let crossed = crossing(&ingredient, level.low, level.available(), threshold, now);
            Ok(first(StockEvent::ThresholdSet { ingredient, threshold, at: now }, crossed))
        }
        StockCommand::Block { pizza, size, reason, now } => {
            let held = |key: &BlockKey| key.pizza == pizza && (key.size.is_none() || key.size == size);
            if state.blocks().any(|(key, _)| held(key)) {
                return Err(StockError::AlreadyBlocked { pizza });
            }
            Ok(vec![StockEvent::PizzaBlocked { pizza, size, reason, at: now }])
        }
        StockCommand::Unblock { pizza, size, now } => {
            if !state.blocks().any(|(key, _)| key.pizza == pizza && key.size == size) {
                return Err(StockError::NotBlocked { pizza });
            }
            Ok(vec![StockEvent::PizzaUnblocked { pizza, size, at: now }])
        }
    }
}

/// Returns the ingredients that would exceed the limit of a stock if these lines came in.
pub fn over_limit<'a>(state: &'a Stock, lines: &'a Ingredients) -> impl Iterator<Item = StockError> + 'a {
    let max = Quantity::LEVEL_MAX;
    lines.iter().filter_map(move |(ingredient, quantity)| {
        let on_hand = state.level(ingredient).on_hand;
        let exceeds = on_hand.saturating_add(quantity.signed()) > max;
        exceeds.then(|| StockError::LimitExceeded { ingredient: ingredient.clone(), on_hand, max })
    })
}

fn within_limit(state: &Stock, lines: &Ingredients) -> Result<(), StockError> {
    over_limit(state, lines).next().map_or(Ok(()), Err)
}

fn reserve(
    state: &Stock,
    order: OrderId,
    lines: Ingredients,
    held: Option<Held>,
    now: DateTime<Utc>,
) -> Result<Vec<StockEvent>, StockError> {
    if state.reservation(order).is_some() {
        return Err(StockError::AlreadyReserved { order });
    }
    enough(state.missing(&lines, &Ingredients::new()))?;
    let moves = lines.iter().map(|(code, needed)| Move::reserved(code, needed.signed()));
    let crossed = crossings(state, moves, now);
    Ok(first(StockEvent::IngredientsReserved { order, lines, held, at: now }, crossed))
}

fn change(
    state: &Stock,
    order: OrderId,
    lines: Ingredients,
    pieces: u32,
    now: DateTime<Utc>,
) -> Result<Vec<StockEvent>, StockError> {
    // Pieces count only for a bounded reservation.
    let pieces = state.held(order).map(|_| pieces);
    let held = reservation(state, order)?;
    // An order keeps what it has reserved, even if a count has since left the stock short.
    let grown = lines.iter().filter(|(code, needed)| *needed > held.get(code));
    let grown: Ingredients = grown.map(|(code, needed)| (code.clone(), needed)).collect();
    enough(state.missing(&grown, held))?;
    let given_up = held.iter().filter(|(code, _)| !lines.contains(code));
    let moves = lines
        .iter()
        .map(|(code, needed)| Move::reserved(code, needed.signed() - held.get(code).signed()))
        .chain(given_up.map(|(code, held)| Move::reserved(code, -held.signed())));
    let crossed = crossings(state, moves, now);
    Ok(first(
        StockEvent::ReservationChanged { order, lines, previous: held.clone(), pieces, at: now },
        crossed,
    ))
}

fn count(state: &Stock, lines: &Ingredients, now: DateTime<Utc>) -> Result<Vec<StockEvent>, StockError> {
    let line = |(code, counted): (&IngredientCode, Quantity)| Counted {
        ingredient: code.clone(),
        expected: state.level(code).on_hand,
        counted,
    };
    let counted: Vec<Counted> = lines.iter().map(line).collect();
    let moves = || counted.iter().map(|line| Move::on_hand(&line.ingredient, line.variance()));
    let mut follow = crossings(state, moves(), now);
    follow.extend(shortages(state, moves(), now));
    Ok(first(StockEvent::StockCounted { lines: counted, at: now }, follow))
}

/// Movement of one ingredient's level.
struct Move<'a> {
    ingredient: &'a IngredientCode,
    on_hand: i64,
    reserved: i64,
}

impl<'a> Move<'a> {
    fn reserved(ingredient: &'a IngredientCode, reserved: i64) -> Self {
        Self { ingredient, on_hand: 0, reserved }
    }

    fn on_hand(ingredient: &'a IngredientCode, on_hand: i64) -> Self {
        Self { ingredient, on_hand, reserved: 0 }
    }

    /// Returns the level after the movement, as `evolve` leaves it.
    fn apply(&self, level: &Level) -> Level {
        Level {
            on_hand: level.on_hand + self.on_hand,
            reserved: level.reserved + self.reserved,
            ..level.clone()
        }
    }
}

fn shelved(lines: &Ingredients, sign: i64) -> impl Iterator<Item = Move<'_>> {
    lines.iter().map(move |(code, quantity)| Move::on_hand(code, sign * quantity.signed()))
}

/// Returns the events of thresholds that the movements cross, in either direction.
fn crossings<'a>(
    state: &Stock,
    moves: impl Iterator<Item = Move<'a>>,
    now: DateTime<Utc>,
) -> Vec<StockEvent> {
    moves
        .filter_map(|change| {
            let level = change.apply(&state.level(change.ingredient));
            crossing(change.ingredient, level.low, level.available(), level.threshold, now)
        })
        .collect()
}

fn crossing(
    ingredient: &IngredientCode,
    was_low: bool,
    available: i64,
    threshold: Quantity,
    at: DateTime<Utc>,
) -> Option<StockEvent> {
    // A threshold of 0 is never crossed, even if more is reserved than is on hand.
    let low = threshold.0 > 0 && available < threshold.signed();
    let ingredient = || ingredient.clone();
    match (was_low, low) {
        (false, true) => Some(StockEvent::StockLow { ingredient: ingredient(), available, threshold, at }),
        (true, false) => {
            Some(StockEvent::StockRecovered { ingredient: ingredient(), available, threshold, at })
        }
        (true, true) | (false, false) => None,
    }
}

/// Returns the events of ingredients that the movements leave with less on hand than reserved, or make
/// shorter.
fn shortages<'a>(
    state: &Stock,
    moves: impl Iterator<Item = Move<'a>>,
    now: DateTime<Utc>,
) -> Vec<StockEvent> {
    moves
        .filter_map(|change| {
            let before = state.level(change.ingredient);
            let missing = -change.apply(&before).available();
            (missing > 0 && missing > -before.available()).then(|| StockEvent::ReservationShort {
                ingredient: change.ingredient.clone(),
                missing: Quantity(u32::try_from(missing).unwrap_or(u32::MAX)),
                orders: state
                    .reservations()
                    .filter(|(_, lines)| lines.get(change.ingredient).0 > 0)
                    .map(|(order, _)| order)
                    .collect(),
                at: now,
            })
        })
        .collect()
}

/// Returns the ingredients of which less is on hand than is wasted.
fn missing_on_hand(state: &Stock, lines: &Ingredients) -> Vec<Missing> {
    let short = lines.iter().filter(|(code, wasted)| wasted.signed() > state.level(code).on_hand);
    short
        .map(|(code, needed)| Missing {
            ingredient: code.clone(),
            needed,
            available: Quantity(u32::try_from(state.level(code).shown().on_hand).unwrap_or(u32::MAX)),
        })
        .collect()
}

fn reservation(state: &Stock, order: OrderId) -> Result<&Ingredients, StockError> {
    state.reservation(order).ok_or(StockError::NoReservation { order })
}

fn enough(missing: Vec<Missing>) -> Result<(), StockError> {
    if missing.is_empty() { Ok(()) } else { Err(StockError::Insufficient { missing }) }
}

fn some(lines: Ingredients) -> Result<Ingredients, StockError> {
    if lines.is_empty() { Err(StockError::NoLines) } else { Ok(lines) }
}

/// Removes lines with quantity 0.
fn more_than_zero(lines: Ingredients) -> Ingredients {
    if lines.iter().all(|(_, quantity)| quantity.0 > 0) {
        return lines;
    }
    let lines = lines.iter().filter(|(_, quantity)| quantity.0 > 0);
    lines.map(|(code, quantity)| (code.clone(), quantity)).collect()
}

fn first(event: StockEvent, follow: impl IntoIterator<Item = StockEvent>) -> Vec<StockEvent> {
    std::iter::once(event).chain(follow).collect()
}
