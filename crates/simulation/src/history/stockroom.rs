//! Stock and manager: supplies, some incomplete, counts, waste, transfers, blocks and pauses.

use domain::demo_data;
use domain::ids::{IngredientCode, ItemCode, PizzeriaId};
use domain::ingredients::{Ingredients, Quantity};
use domain::menu::{MenuChanges, MenuCommand};
use domain::money::Cents;
use domain::note::Reason;
use domain::pizzeria::PizzeriaCommand;
use domain::stock::{StockCommand, Supplier, WasteReason};
use domain::usecase::{ToMenu, ToPizzeria, ToStock, TransferStock};
use identity::accounts::Account;
use rand::Rng;
use rand::seq::IndexedRandom;
use uuid::Uuid;

use super::SimulateError;
use super::agenda::{Amount, Task};
use super::play::Play;

/// Orders a day that the opening stock is enough for.
const OPENING_LASTS: u32 = 30;
/// Ingredients of a hundred that the supplier does not bring.
const NOT_BROUGHT: u32 = 9;
const SUPPLIERS: [&str; 3] = ["Halles de Rungis", "Moulins du Bassin", "Frais d'Île-de-France"];

impl Play {
    fn pizzeria(&self, branch: usize) -> PizzeriaId {
        self.branches[branch].opening.pizzeria.clone()
    }

    fn tell_stock(
        &mut self,
        branch: usize,
        by_manager: bool,
        name: &'static str,
        command: StockCommand,
    ) -> Result<bool, SimulateError> {
        let actor = if by_manager { self.manager(branch) } else { self.pizzaiolo(branch) };
        let pizzeria = self.pizzeria(branch);
        self.ask(actor, ToStock { name, pizzeria, command })
    }

    /// Returns every ingredient, its quantity on hand and its reserved quantity.
    fn shelf(&self, branch: usize) -> Vec<(IngredientCode, i64, i64)> {
        let Some(stock) = self.world.stock(&self.branches[branch].opening.pizzeria) else {
            return Vec::new();
        };
        stock.levels().map(|(code, level)| (code.clone(), level.on_hand, level.reserved)).collect()
    }

    /// Restocks for a day of `orders` orders.
    pub(super) fn supply(&mut self, branch: usize, orders: u32) -> Result<(), SimulateError> {
        let opening = demo_data::opening_stock(&self.branches[branch].opening.pizzeria);
        let mut lines = Ingredients::new();
        for (code, on_hand, _) in self.shelf(branch) {
            let full =
                opening.get(&code).signed() * i64::from(orders.max(OPENING_LASTS)) / i64::from(OPENING_LASTS);
            let lacks = full - on_hand;
            if lacks * 4 > full && !self.chance(NOT_BROUGHT) {
                lines.add(&code, Quantity(u32::try_from(lacks).unwrap_or_default()));
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        self.supplies += 1;
        let supplier = SUPPLIERS.choose(&mut self.rng).copied().unwrap_or_default();
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, supplier.as_bytes()).to_string();
        let supplier = Supplier { id, name: supplier.to_owned() };
        let delivery_note = format!("BL-{:06}", self.supplies);
        let command = StockCommand::Receive { supplier, delivery_note, lines, now: self.now };
        self.tell_stock(branch, false, "receiveSupply", command).map(|_| ())
    }

    /// Counts some ingredients in the evening, mostly with a difference.
    pub(super) fn count(&mut self, branch: usize) -> Result<(), SimulateError> {
        let shelf = self.shelf(branch);
        let some: Vec<_> = shelf.choose_multiple(&mut self.rng, 6).cloned().collect();
        let mut lines = Ingredients::new();
        for (code, on_hand, reserved) in some {
            let off = on_hand * self.rng.random_range(-15..=5) / 1_000;
            let counted = (on_hand + off).max(reserved);
            lines.add(&code, Quantity(u32::try_from(counted).unwrap_or_default()));
        }
        let command = StockCommand::Count { lines, now: self.now };
        self.tell_stock(branch, false, "countStock", command).map(|_| ())
    }

    /// Counts less than is reserved, during service.
    pub(super) fn count_short(&mut self, branch: usize) -> Result<(), SimulateError> {
        let reserved: Vec<_> =
            self.shelf(branch).into_iter().filter(|(.., reserved)| *reserved > 1).collect();
        let Some((code, _, reserved)) = reserved.choose(&mut self.rng) else { return Ok(()) };
        let mut lines = Ingredients::new();
        lines.add(code, Quantity(u32::try_from(reserved / 2).unwrap_or_default()));
        let command = StockCommand::Count { lines, now: self.now };
        self.tell_stock(branch, false, "countStock", command).map(|_| ())
    }

    pub(super) fn waste(&mut self, branch: usize) -> Result<(), SimulateError> {
        let shelf: Vec<_> = self.shelf(branch).into_iter().filter(|(_, on_hand, _)| *on_hand > 0).collect();
        let Some((code, on_hand, _)) = shelf.choose(&mut self.rng) else { return Ok(()) };
        let quantity = (on_hand * self.rng.random_range(1..=12) / 100).max(1);
        let reasons = [WasteReason::Spoiled, WasteReason::Dropped, WasteReason::Mistake, WasteReason::Other];
        let reason = reasons.choose(&mut self.rng).copied().unwrap_or(WasteReason::Other);
        let mut lines = Ingredients::new();
        lines.add(code, Quantity(u32::try_from(quantity).unwrap_or_default()));
        let command = StockCommand::Waste { reason, lines, now: self.now };
        self.tell_stock(branch, false, "wasteIngredients", command).map(|_| ())
    }

    /// Transfers an ingredient that is low from the pizzeria that has most of it.
    pub(super) fn transfer(&mut self, branch: usize) -> Result<(), SimulateError> {
        let Some((code, quantity)) = self.lacking(branch) else { return Ok(()) };
        let has = |from: &usize| {
            self.world.stock(&self.branches[*from].opening.pizzeria).map_or(0, |stock| stock.available(&code))
        };
        let others = (0..self.branches.len()).filter(|other| *other != branch);
        let Some(from) = others.max_by_key(has).filter(|from| has(from) > i64::from(quantity) * 2) else {
            return Ok(());
        };
        let mut lines = Ingredients::new();
        lines.add(&code, Quantity(quantity));
        let transfer = TransferStock {
            transfer: self.command_id(),
            from: self.pizzeria(from),
            to: self.pizzeria(branch),
            lines,
            now: self.now,
        };
        let sender = self.manager(from);
        self.ask(sender, transfer).map(|_| ())
    }

    fn lacking(&self, branch: usize) -> Option<Amount> {
        let stock = self.world.stock(&self.branches[branch].opening.pizzeria)?;
        let least = stock
            .levels()
            .min_by_key(|(_, level)| level.available() * 1_000 / level.threshold.signed().max(1));
        least.map(|(code, level)| (code.clone(), level.threshold.0.max(2)))
    }

    pub(super) fn threshold(&mut self, branch: usize) -> Result<(), SimulateError> {
        let thresholds = demo_data::thresholds(&self.branches[branch].opening.pizzeria);
        let all: Vec<(IngredientCode, Quantity)> =
            thresholds.iter().map(|(code, threshold)| (code.clone(), threshold)).collect();
        let Some((ingredient, threshold)) = all.choose(&mut self.rng).cloned() else { return Ok(()) };
        let threshold = Quantity(threshold.0 * self.rng.random_range(70..=160) / 100);
        let command = StockCommand::SetThreshold { ingredient, threshold, now: self.now };
        self.tell_stock(branch, true, "setStockThreshold", command).map(|_| ())
    }

    pub(super) fn block(&mut self, branch: usize) -> Result<(), SimulateError> {
        let pizzas: Vec<ItemCode> =
            self.world.menu().map_or_else(Vec::new, |menu| menu.pizzas.keys().cloned().collect());
        let Some(pizza) = pizzas.choose(&mut self.rng).cloned() else { return Ok(()) };
        let reason = Reason::default();
        let command = StockCommand::Block { pizza: pizza.clone(), size: None, reason, now: self.now };
        if self.tell_stock(branch, true, "blockPizza", command)? {
            self.later(3_600, 10_800, Task::Unblock { branch, pizza });
        }
        Ok(())
    }

    pub(super) fn unblock(&mut self, branch: usize, pizza: ItemCode) -> Result<(), SimulateError> {
        let command = StockCommand::Unblock { pizza, size: None, now: self.now };
        self.tell_stock(branch, true, "unblockPizza", command).map(|_| ())
    }

    pub(super) fn pause(&mut self, branch: usize) -> Result<(), SimulateError> {
        let command = PizzeriaCommand::Pause { reason: Reason::default(), until: None, now: self.now };
        let (manager, pizzeria) = (self.manager(branch), self.pizzeria(branch));
        if self.ask(manager, ToPizzeria { name: "pausePizzeria", pizzeria, command })? {
            self.later(600, 1_500, Task::Resume { branch });
        }
        Ok(())
    }

    pub(super) fn resume(&mut self, branch: usize) -> Result<(), SimulateError> {
        let command = PizzeriaCommand::Resume { now: self.now };
        let (manager, pizzeria) = (self.manager(branch), self.pizzeria(branch));
        self.ask(manager, ToPizzeria { name: "resumePizzeria", pizzeria, command }).map(|_| ())
    }

    /// Changes the price of one pizza by 50 cents.
    pub(super) fn publish(&mut self) -> Result<(), SimulateError> {
        let pizzas = self.world.menu().map_or_else(Vec::new, |menu| menu.pizzas.values().cloned().collect());
        let Some(mut pizza) = pizzas.choose(&mut self.rng).cloned() else { return Ok(()) };
        let change = if self.chance(70) { Cents(50) } else { Cents(-50) };
        for sized in pizza.sizes.values_mut() {
            sized.price = sized.price + change;
        }
        let changes = Box::new(MenuChanges { pizzas: vec![pizza], ..MenuChanges::default() });
        let Some(director) = self.director.as_ref().map(Account::actor) else { return Ok(()) };
        self.ask(director, ToMenu { command: MenuCommand::Publish { changes, now: self.now } }).map(|_| ())
    }
}
