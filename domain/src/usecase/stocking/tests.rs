//! Tests of commands to a stock, over the demo's pizzerias and menu.

use super::*;
use crate::ids::ItemCode;
use crate::ingredients::Quantity;
use crate::stock::{StockEvent, WasteReason};
use crate::testing::MemoryStore;

fn pizzeria(code: &str) -> PizzeriaId {
    code.parse().unwrap()
}

fn code(text: &str) -> IngredientCode {
    text.parse().unwrap()
}

fn lines(items: &[(&str, u32)]) -> Ingredients {
    items.iter().map(|(ingredient, quantity)| (code(ingredient), Quantity(*quantity))).collect()
}

fn to_stock(at: &str, command: StockCommand) -> ToStock {
    ToStock { name: "test", pizzeria: pizzeria(at), command }
}

fn waste(items: &[(&str, u32)]) -> StockCommand {
    StockCommand::Waste { reason: WasteReason::Spoiled, lines: lines(items), now: MemoryStore::now() }
}

fn transfer(from: &str, to: &str, items: &[(&str, u32)]) -> TransferStock {
    TransferStock {
        transfer: Uuid::from_u128(5),
        from: pizzeria(from),
        to: pizzeria(to),
        lines: lines(items),
        now: MemoryStore::now(),
    }
}

fn on_hand(store: &MemoryStore, at: &str, ingredient: &str) -> i64 {
    store.stock(&pizzeria(at)).level(&code(ingredient)).on_hand
}

#[test]
fn passes_a_command_to_the_stock_of_its_pizzeria() {
    let mut store = MemoryStore::demo();
    let wasted = StockEvent::IngredientsWasted {
        reason: WasteReason::Spoiled,
        lines: lines(&[("GOAT_CHEESE", 60)]),
        at: MemoryStore::now(),
        note: None,
    };
    assert_eq!(
        store.execute(&to_stock("P1", waste(&[("GOAT_CHEESE", 60)]))),
        Ok(Decision::on(StreamId::stock(&pizzeria("P1")), vec![wasted]))
    );
    assert_eq!(on_hand(&store, "P1", "GOAT_CHEESE"), 540);
    assert_eq!(on_hand(&store, "P2", "GOAT_CHEESE"), 2_000);
    assert!(matches!(
        store.execute(&to_stock("P1", waste(&[("GOAT_CHEESE", 541)]))),
        Err(Refusal::Stock(StockError::Insufficient { .. }))
    ));
}

#[test]
fn rejects_stock_commands_before_opening() {
    let mut store = MemoryStore::demo();
    let not_found: Result<Decision, Refusal> = Err(PizzeriaError::NotFound.into());
    assert_eq!(store.execute(&to_stock("P9", waste(&[("TOMATO", 1)]))), not_found);
    assert_eq!(store.execute(&transfer("P1", "P9", &[("TOMATO", 1)])), not_found);
    assert_eq!(store.execute(&transfer("P9", "P1", &[("TOMATO", 1)])), not_found);
}

#[test]
fn rejects_unknown_ingredients_and_pizzas() {
    let mut store = MemoryStore::demo();
    let unknown = |text: &str| Err(StockError::UnknownIngredient { ingredient: code(text) }.into());
    assert_eq!(store.execute(&to_stock("P1", waste(&[("TOMATO", 1), ("TRUFFLE", 1)]))), unknown("TRUFFLE"));
    assert_eq!(store.execute(&transfer("P1", "P2", &[("TRUFFLE", 1)])), unknown("TRUFFLE"));
    let (ingredient, threshold, now) = (code("TRUFFLE"), Quantity(1), MemoryStore::now());
    let command = StockCommand::SetThreshold { ingredient, threshold, now };
    assert_eq!(store.execute(&to_stock("P1", command)), unknown("TRUFFLE"));

    let block = |pizza: ItemCode| StockCommand::Block { pizza, size: None, reason: "four".into(), now };
    let (known, other): (ItemCode, ItemCode) = ("CHV".parse().unwrap(), "COLA".parse().unwrap());
    store.execute(&to_stock("P1", block(known))).unwrap();
    let unknown = || Err(StockError::UnknownPizza { pizza: other.clone() }.into());
    assert_eq!(store.execute(&to_stock("P1", block(other.clone()))), unknown());
    let unblock = StockCommand::Unblock { pizza: other.clone(), size: None, now };
    assert_eq!(store.execute(&to_stock("P1", unblock)), unknown());
}

#[test]
fn reports_all_unknown_and_excessive_lines() {
    let mut store = MemoryStore::demo();
    let unknown = |text: &str| Refusal::from(StockError::UnknownIngredient { ingredient: code(text) });
    let asked = [("TRUFFLE", 1), ("AMBER", 1), ("TOMATO", 4_000_000_000)];
    let on_hand = on_hand(&store, "P1", "TOMATO");
    let too_much =
        StockError::LimitExceeded { ingredient: code("TOMATO"), on_hand, max: Quantity::LEVEL_MAX };
    let receive = StockCommand::Receive {
        supplier: "Moulin".into(),
        delivery_note: "1".into(),
        lines: lines(&asked),
        now: MemoryStore::now(),
    };
    let expected = vec![unknown("AMBER"), unknown("TRUFFLE"), too_much.into()];
    assert_eq!(store.execute(&to_stock("P1", receive)), Err(Refusal::Several(expected)));
}

#[test]
fn sends_and_receives_a_transfer_in_one_decision() {
    let mut store = MemoryStore::demo();
    let (p1, p2, at) = (pizzeria("P1"), pizzeria("P2"), MemoryStore::now());
    let use_case = transfer("P2", "P1", &[("GOAT_CHEESE", 500)]);
    assert_eq!(use_case.streams(&States::default()).first(), Some(&StreamId::stock(&p2)));
    let (transfer, lines) = (use_case.transfer, use_case.lines.clone());
    let sent = StockEvent::TransferSent { transfer, to: p1.clone(), lines: lines.clone(), at };
    let received = StockEvent::TransferReceived { transfer, from: p2.clone(), lines, at };
    assert_eq!(
        store.execute(&use_case),
        Ok(Decision::on(StreamId::stock(&p2), vec![sent]).and(StreamId::stock(&p1), vec![received]))
    );
    assert_eq!(on_hand(&store, "P2", "GOAT_CHEESE"), 1_500);
    assert_eq!(on_hand(&store, "P1", "GOAT_CHEESE"), 1_100);
}

#[test]
fn rejects_transfers_to_itself_or_above_the_stock() {
    let mut store = MemoryStore::demo();
    assert_eq!(
        store.execute(&transfer("P1", "P1", &[("TOMATO", 1)])),
        Err(StockError::SamePizzeria { pizzeria: pizzeria("P1") }.into())
    );
    assert!(matches!(
        store.execute(&transfer("P1", "P2", &[("GOAT_CHEESE", 601)])),
        Err(Refusal::Stock(StockError::Insufficient { .. }))
    ));
    assert_eq!(on_hand(&store, "P2", "GOAT_CHEESE"), 2_000);
}
