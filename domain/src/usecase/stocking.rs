//! Commands to a stock from outside an order; the menu says which ingredients and pizzas exist.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Decision, Refusal, States, UseCase};
use crate::ids::{IngredientCode, PizzeriaId};
use crate::ingredients::Ingredients;
use crate::menu::Menu;
use crate::pizzeria::PizzeriaError;
use crate::stock::{self, StockCommand, StockError};
use crate::stream::StreamId;

/// `receiveSupply`, `countStock`, `wasteIngredients`, `setStockThreshold`, `blockPizza`, `unblockPizza`.
#[derive(Debug, Clone)]
pub struct ToStock {
    /// The command's name.
    pub name: &'static str,
    /// Whose stock; the pizzeria must have opened.
    pub pizzeria: PizzeriaId,
    /// The command.
    pub command: StockCommand,
}

/// `transferStock`: sent here and received there, in one transaction.
#[derive(Debug, Clone)]
pub struct TransferStock {
    /// The transfer.
    pub transfer: Uuid,
    /// Where from.
    pub from: PizzeriaId,
    /// Where to.
    pub to: PizzeriaId,
    /// How much of what.
    pub lines: Ingredients,
    /// Now.
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
        on_the_menu(states.menu(), &self.command)?;
        let events = stock::decide(states.stock(&self.pizzeria), self.command.clone())?;
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
        known(states.menu(), self.lines.iter().map(|(code, _)| code))?;
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

/// What a command names must have been published.
fn on_the_menu(menu: &Menu, command: &StockCommand) -> Result<(), StockError> {
    match command {
        StockCommand::Reserve { lines, .. }
        | StockCommand::ChangeReservation { lines, .. }
        | StockCommand::WasteOrder { lines, .. }
        | StockCommand::Receive { lines, .. }
        | StockCommand::Count { lines, .. }
        | StockCommand::Waste { lines, .. }
        | StockCommand::SendTransfer { lines, .. }
        | StockCommand::ReceiveTransfer { lines, .. } => known(menu, lines.iter().map(|(code, _)| code)),
        StockCommand::SetThreshold { ingredient, .. } => known(menu, [ingredient]),
        StockCommand::Block { pizza, .. } | StockCommand::Unblock { pizza, .. }
            if !menu.pizzas.contains_key(pizza) =>
        {
            Err(StockError::UnknownPizza { pizza: pizza.clone() })
        }
        StockCommand::Block { .. }
        | StockCommand::Unblock { .. }
        | StockCommand::Release { .. }
        | StockCommand::Consume { .. } => Ok(()),
    }
}

fn known<'a>(menu: &Menu, codes: impl IntoIterator<Item = &'a IngredientCode>) -> Result<(), StockError> {
    match codes.into_iter().find(|code| !menu.ingredients.contains_key(*code)) {
        Some(code) => Err(StockError::UnknownIngredient { ingredient: code.clone() }),
        None => Ok(()),
    }
}
