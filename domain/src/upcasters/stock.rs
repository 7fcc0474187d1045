//! Upcasters of a stock's events.

use serde_json::Value;

use super::{FIRST, Piece, piece};

/// `StockCounted` 2 says what was expected; 1 said what differed from it.
pub(super) fn count_1_to_2(mut payload: Value) -> Value {
    let lines = payload.get_mut("lines").and_then(Value::as_array_mut);
    for line in lines.into_iter().flatten().filter_map(Value::as_object_mut) {
        let number = |field: &str| line.get(field).and_then(Value::as_i64);
        if let (Some(counted), Some(difference)) = (number("counted"), number("difference")) {
            line.remove("difference");
            line.insert("expected".to_owned(), counted.saturating_sub(difference).into());
        }
    }
    payload
}

/// `IngredientsWasted` 1 with an order was the waste of a prepared order, whose ingredients had left the shelf already.
pub(super) fn wasted_1(mut payload: Value) -> Piece {
    let order =
        payload.as_object_mut().and_then(|fields| fields.remove("order")).filter(|order| !order.is_null());
    let Some(order) = order else { return piece("IngredientsWasted", "2.0.0", payload) };
    if let Some(fields) = payload.as_object_mut() {
        let lines = fields.remove("lines").unwrap_or_default();
        fields.insert("wasted".to_owned(), lines);
        fields.insert("order".to_owned(), order);
    }
    piece("PreparedOrderDiscarded", FIRST, payload)
}

#[cfg(test)]
mod tests {
    use crate::event::Event;
    use crate::ids::OrderId;
    use crate::stock::{Stock, StockEvent};
    use crate::stream::StreamType;

    const OF_AN_ORDER: &str = include_str!("../../fixtures/events/IngredientsWasted-1.0.0.json");
    const OF_THE_SHELF: &str = include_str!("../../fixtures/events/IngredientsWasted-1.0.0+shelf.json");

    fn read(text: &str) -> StockEvent {
        let events = Event::from_stored(StreamType::Stock, "IngredientsWasted", "1.0.0", text).unwrap();
        match &events[..] {
            [Event::Stock(event)] => event.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// Returns what is on hand of goat cheese after an event.
    fn on_hand(event: &StockEvent) -> i64 {
        let mut stock = Stock::default();
        stock.evolve(event);
        stock.level(&"GOAT_CHEESE".parse().unwrap()).on_hand
    }

    #[test]
    fn waste_of_version_1_moves_the_shelf_only_without_an_order() {
        let event = read(OF_AN_ORDER);
        let StockEvent::PreparedOrderDiscarded { order, wasted, restocked, .. } = &event else {
            panic!("{event:?}")
        };
        let expected: OrderId = "0195584e-3c00-7000-8000-000000000001".parse().unwrap();
        assert_eq!((*order, wasted.iter().count(), restocked.is_empty()), (expected, 3, true));
        assert_eq!(on_hand(&event), 0);
        let event = read(OF_THE_SHELF);
        assert!(matches!(event, StockEvent::IngredientsWasted { .. }), "{event:?}");
        assert_eq!(on_hand(&event), -60);
    }
}
