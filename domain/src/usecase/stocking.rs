//! Commands to a stock that belong to no order. The menu decides which ingredients and pizzas exist.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Decision, Refusal, States, UseCase};
use crate::ids::{IngredientCode, PizzeriaId};
use crate::ingredients::Ingredients;
use crate::menu::Menu;
use crate::pizzeria::PizzeriaError;
use crate::stock::{self, Stock, StockCommand, StockError};
use crate::stream::StreamId;

/// `receiveSupply`, `countStock`, `wasteIngredients`, `setStockThreshold`, `blockPizza`, `unblockPizza`.
#[derive(Debug, Clone)]
pub struct ToStock {
    /// Name of the command.
    pub name: &'static str,
    /// The pizzeria, which must have opened.
    pub pizzeria: PizzeriaId,
    /// The command.
    pub command: StockCommand,
}

/// `transferStock`: sends and receives in one transaction.
#[derive(Debug, Clone)]
pub struct TransferStock {
    /// The transfer.
    pub transfer: Uuid,
    /// The pizzeria that sends.
    pub from: PizzeriaId,
    /// The pizzeria that receives.
    pub to: PizzeriaId,
    /// Quantities by ingredient.
    pub lines: Ingredients,
    /// Current time, given by the caller.
    pub now: DateTime<Utc>,
}

impl UseCase for ToStock {
    fn name(&self) -> &'static str {
        self.name
    }

    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        vec![StreamId::stock(&self.pizzeria), StreamId::menu(), StreamId::pizzeria(&self.pizzeria)]
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        opened(states, &self.pizzeria)?;
        let stock = states.stock(&self.pizzeria);
        all_of(unknown(states.menu(), &self.command).chain(over_limit(stock, &self.command)))?;
        let events = stock::decide(stock, self.command.clone())?;
        Ok(Decision::on(StreamId::stock(&self.pizzeria), events))
    }
}

impl UseCase for TransferStock {
    fn name(&self) -> &'static str {
        "transferStock"
    }

    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        let mut streams = vec![StreamId::stock(&self.from), StreamId::menu(), StreamId::pizzeria(&self.from)];
        if self.to != self.from {
            streams.extend([StreamId::stock(&self.to), StreamId::pizzeria(&self.to)]);
        }
        streams
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        opened(states, &self.from)?;
        opened(states, &self.to)?;
        if self.from == self.to {
            return Err(StockError::SamePizzeria { pizzeria: self.from.clone() }.into());
        }
        let unknown = unlisted(states.menu(), self.lines.iter().map(|(code, _)| code));
        all_of(unknown.chain(stock::over_limit(states.stock(&self.to), &self.lines)))?;
        let sent = StockCommand::SendTransfer {
            transfer: self.transfer,
            to: self.to.clone(),
            lines: self.lines.clone(),
            now: self.now,
        };
        let received = StockCommand::ReceiveTransfer {
            transfer: self.transfer,
            from: self.from.clone(),
            lines: self.lines.clone(),
            now: self.now,
        };
        let sent = stock::decide(states.stock(&self.from), sent)?;
        let received = stock::decide(states.stock(&self.to), received)?;
        Ok(Decision::on(StreamId::stock(&self.from), sent).and(StreamId::stock(&self.to), received))
    }
}

fn opened(states: &States<'_>, pizzeria: &PizzeriaId) -> Result<(), Refusal> {
    states.pizzeria(pizzeria).opened().map(|_| ()).ok_or(PizzeriaError::NotFound.into())
}

/// Refuses with every error at once.
fn all_of(errors: impl Iterator<Item = StockError>) -> Result<(), Refusal> {
    Refusal::all(errors.map(Refusal::from).collect()).map_or(Ok(()), Err)
}

/// Returns the ingredients and pizzas of a command that were never published.
fn unknown<'a>(menu: &'a Menu, command: &'a StockCommand) -> Box<dyn Iterator<Item = StockError> + 'a> {
    match command {
        StockCommand::Reserve { lines, .. }
        | StockCommand::ChangeReservation { lines, .. }
        | StockCommand::DiscardOrder { lines, .. }
        | StockCommand::Receive { lines, .. }
        | StockCommand::Count { lines, .. }
        | StockCommand::Waste { lines, .. }
        | StockCommand::SendTransfer { lines, .. }
        | StockCommand::ReceiveTransfer { lines, .. } => {
            Box::new(unlisted(menu, lines.iter().map(|(code, _)| code)))
        }
        StockCommand::SetThreshold { ingredient, .. } => {
            Box::new(unlisted(menu, std::iter::once(ingredient)))
        }
        StockCommand::Block { pizza, .. } | StockCommand::Unblock { pizza, .. } => {
            let unknown =
                (!menu.pizzas.contains_key(pizza)).then(|| StockError::UnknownPizza { pizza: pizza.clone() });
            Box::new(unknown.into_iter())
        }
        StockCommand::Release { .. } | StockCommand::Consume { .. } => Box::new(std::iter::empty()),
    }
}

/// Returns the ingredients whose level a command would raise above the limit.
fn over_limit<'a>(stock: &'a Stock, command: &'a StockCommand) -> Box<dyn Iterator<Item = StockError> + 'a> {
    match command {
        StockCommand::Receive { lines, .. } | StockCommand::ReceiveTransfer { lines, .. } => {
            Box::new(stock::over_limit(stock, lines))
        }
        // A count is bounded by the maximum of one line, which is far below the limit.
        StockCommand::Count { .. }
        | StockCommand::Reserve { .. }
        | StockCommand::ChangeReservation { .. }
        | StockCommand::DiscardOrder { .. }
        | StockCommand::Waste { .. }
        | StockCommand::SendTransfer { .. }
        | StockCommand::SetThreshold { .. }
        | StockCommand::Block { .. }
        | StockCommand::Unblock { .. }
        | StockCommand::Release { .. }
        | StockCommand::Consume { .. } => Box::new(std::iter::empty()),
    }
}

fn unlisted<'a>(
    menu: &'a Menu,
    codes: impl Iterator<Item = &'a IngredientCode> + 'a,
) -> impl Iterator<Item = StockError> + 'a {
    codes
        .filter(|code| !menu.ingredients.contains_key(*code))
        .map(|code| StockError::UnknownIngredient { ingredient: code.clone() })
}
