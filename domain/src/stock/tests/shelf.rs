//! Tests of supplies, counts, waste and transfers.

use super::*;

#[test]
fn remembers_the_latest_delivery_notes() {
    let latest = state::RECEIPTS;
    let notes = (0..=latest).map(|note| received(&note.to_string(), &[("TOMATO", 1)]));
    let stock = notes.fold(Stock::default(), |mut stock, event| {
        stock.evolve(&event);
        stock
    });
    let knows = |note: usize| stock.has_receipt("Moulin", &note.to_string());
    assert_eq!([0, 1, latest].map(knows), [false, true, true]);
}

#[test]
fn rejects_duplicate_delivery_notes_per_supplier() {
    let receive = |supplier: &str, note: &str| StockCommand::Receive {
        supplier: supplier.into(),
        delivery_note: note.into(),
        lines: lines(&[("TOMATO", 5), ("EGG", 0)]),
        now: now(),
    };
    let stock = accepts(vec![], receive("Moulin", "1"), vec![received("1", &[("TOMATO", 5)])]);
    holds(&stock, "TOMATO", 5, 0);
    let past = || vec![received("1", &[("TOMATO", 5)])];
    let (supplier, delivery_note) = ("Moulin".to_owned(), "1".to_owned());
    refuses(past(), receive("Moulin", "1"), StockError::DuplicateReceipt { supplier, delivery_note });
    accepts(past(), receive("Moulin", "2"), vec![received("2", &[("TOMATO", 5)])]);
    // An earlier release stored the name, not the id.
    let named = StockCommand::Receive {
        supplier: Supplier { id: "S1".into(), name: "Moulin".into() },
        delivery_note: "1".into(),
        lines: lines(&[("TOMATO", 5)]),
        now: now(),
    };
    let (supplier, delivery_note) = ("Moulin".to_owned(), "1".to_owned());
    refuses(past(), named, StockError::DuplicateReceipt { supplier, delivery_note });
    let other = StockEvent::SupplyReceived {
        supplier: "Halles".into(),
        delivery_note: "1".into(),
        lines: lines(&[("TOMATO", 5)]),
        at: now(),
    };
    accepts(past(), receive("Halles", "1"), vec![other]);
}

#[test]
fn bounds_levels_for_supplies_and_transfers() {
    let millions = |count: u32| lines(&[("TOMATO", count * 1_000_000)]);
    let full = vec![received("1", &[("TOMATO", 1_000_000_000)])];
    let limit =
        |on_hand| StockError::LimitExceeded { ingredient: code("TOMATO"), on_hand, max: Quantity::LEVEL_MAX };
    let receive = |lines| StockCommand::Receive {
        supplier: "Moulin".into(),
        delivery_note: "2".into(),
        lines,
        now: now(),
    };
    refuses(full.clone(), receive(lines(&[("EGG", 1), ("TOMATO", 1)])), limit(1_000_000_000));
    let transferred = |lines| StockCommand::ReceiveTransfer {
        transfer: Uuid::from_u128(5),
        from: "P2".parse().unwrap(),
        lines,
        now: now(),
    };
    refuses(full, transferred(millions(1)), limit(1_000_000_000));
    let half = vec![received("1", &[("TOMATO", 500_000_000)])];
    let fills = received("2", &[("TOMATO", 500_000_000)]);
    let stock = accepts(half.clone(), receive(millions(500)), vec![fills]);
    holds(&stock, "TOMATO", 1_000_000_000, 0);
    refuses(half, receive(millions(501)), limit(500_000_000));
}

#[test]
fn a_count_expects_what_the_movements_leave_even_below_zero() {
    let consumed =
        StockEvent::ReservationConsumed { order: order(1), lines: lines(&[("TOMATO", 8)]), at: now() };
    let mut past =
        vec![received("1", &[("TOMATO", 8)]), reserved(1, &[("TOMATO", 8)]), counted(&[("TOMATO", 8, 3)])];
    past.push(consumed);
    let stock = accepts(past.clone(), count(&[("TOMATO", 0)]), vec![counted(&[("TOMATO", -5, 0)])]);
    holds(&stock, "TOMATO", 0, 0);
    let short = given::<Stock>(past.clone()).state;
    let (level, shown) = (short.level(&code("TOMATO")), short.level(&code("TOMATO")).shown());
    assert_eq!((level.on_hand, shown.on_hand, shown.available()), (-5, 0, 0));
    refuses(past, waste(&[("TOMATO", 1)]), missing(&[("TOMATO", 1, 0)]));
}

#[test]
fn counts_record_what_was_expected_and_allow_zero() {
    let past = vec![received("1", &[("TOMATO", 100), ("EGG", 5)])];
    let stock = accepts(
        past,
        count(&[("TOMATO", 90), ("EGG", 0), ("HAM", 7)]),
        vec![counted(&[("EGG", 5, 0), ("HAM", 0, 7), ("TOMATO", 100, 90)])],
    );
    holds(&stock, "TOMATO", 90, 0);
    holds(&stock, "EGG", 0, 0);
    holds(&stock, "HAM", 7, 0);
}

#[test]
fn counts_below_reservations_name_the_orders_oldest_first() {
    let mut past = vec![
        received("1", &[("TOMATO", 100), ("EGG", 5)]),
        reserved(2, &[("TOMATO", 30)]),
        reserved(3, &[("EGG", 1)]),
        reserved(1, &[("TOMATO", 50), ("EGG", 1)]),
    ];
    accepts(past.clone(), count(&[("TOMATO", 80)]), vec![counted(&[("TOMATO", 100, 80)])]);
    let first = vec![counted(&[("TOMATO", 100, 79)]), short("TOMATO", 1, &[1, 2])];
    accepts(past.clone(), count(&[("TOMATO", 79)]), first.clone());
    past.extend(first);
    accepts(past.clone(), count(&[("TOMATO", 79)]), vec![counted(&[("TOMATO", 79, 79)])]);
    accepts(
        past,
        count(&[("TOMATO", 0), ("EGG", 1)]),
        vec![
            counted(&[("EGG", 5, 1), ("TOMATO", 79, 0)]),
            short("EGG", 1, &[1, 3]),
            short("TOMATO", 80, &[1, 2]),
        ],
    );
}

#[test]
fn wastes_at_most_what_is_on_hand() {
    let past = || vec![received("1", &[("TOMATO", 100)]), reserved(1, &[("TOMATO", 80)])];
    let stock = accepts(past(), waste(&[("TOMATO", 20), ("EGG", 0)]), vec![wasted(&[("TOMATO", 20)])]);
    holds(&stock, "TOMATO", 80, 80);
    accepts(past(), waste(&[("TOMATO", 100)]), vec![wasted(&[("TOMATO", 100)]), short("TOMATO", 80, &[1])]);
    refuses(past(), waste(&[("TOMATO", 101), ("HAM", 1)]), missing(&[("HAM", 1, 0), ("TOMATO", 101, 100)]));
}

#[test]
fn transfers_at_most_what_is_available() {
    let (transfer, to) = (Uuid::from_u128(9), "P2".parse::<PizzeriaId>().unwrap());
    let past = || vec![received("1", &[("TOMATO", 100)]), reserved(1, &[("TOMATO", 80)])];
    let send = |quantity| StockCommand::SendTransfer {
        transfer,
        to: to.clone(),
        lines: lines(&[("TOMATO", quantity)]),
        now: now(),
    };
    let sent =
        StockEvent::TransferSent { transfer, to: to.clone(), lines: lines(&[("TOMATO", 20)]), at: now() };
    holds(&accepts(past(), send(20), vec![sent]), "TOMATO", 80, 80);
    refuses(past(), send(21), missing(&[("TOMATO", 21, 20)]));
}

#[test]
fn receives_a_transfer() {
    let (transfer, from) = (Uuid::from_u128(9), "P2".parse::<PizzeriaId>().unwrap());
    let command = StockCommand::ReceiveTransfer {
        transfer,
        from: from.clone(),
        lines: lines(&[("TOMATO", 20)]),
        now: now(),
    };
    let event = StockEvent::TransferReceived { transfer, from, lines: lines(&[("TOMATO", 20)]), at: now() };
    holds(&accepts(vec![], command, vec![event]), "TOMATO", 20, 0);
}

#[test]
fn rejects_commands_without_quantities() {
    let nothing = || lines(&[("TOMATO", 0)]);
    let (transfer, pizzeria) = (Uuid::nil(), "P2".parse::<PizzeriaId>().unwrap());
    for command in [
        StockCommand::Receive {
            supplier: "Moulin".into(),
            delivery_note: "1".into(),
            lines: nothing(),
            now: now(),
        },
        StockCommand::Waste { reason: WasteReason::Other, lines: nothing(), now: now() },
        StockCommand::SendTransfer { transfer, to: pizzeria.clone(), lines: nothing(), now: now() },
        StockCommand::ReceiveTransfer { transfer, from: pizzeria, lines: nothing(), now: now() },
        count(&[]),
    ] {
        refuses(vec![], command, StockError::NoLines);
    }
}
