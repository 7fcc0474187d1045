//! Commands to a stock from outside an order; the menu says which ingredients and pizzas exist.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Decision, Refusal, States, UseCase};
use crate::ids::PizzeriaId;
use crate::ingredients::Ingredients;
use crate::stock::StockCommand;
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

macro_rules! stub { ($($t:ident => $n:literal),*) => {$(
impl UseCase for $t {
    fn name(&self) -> &'static str { $n }
    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> { todo!() }
    fn decide(&self, _states: &States<'_>) -> Result<Decision, Refusal> { todo!() }
}
)*}}
stub!(ToStock => "toStock", TransferStock => "transferStock");
