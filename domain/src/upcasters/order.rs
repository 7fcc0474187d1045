//! Upcasters of an order's events.

use serde_json::{Map, Value, json};

/// `OrderPlaced` 2 leaves out what adds up from the rest (totals, VAT amounts, needs), states and nulls. The amounts and
/// needs of 1 stay as they were stored, and a line keeps its number as its id.
pub(super) fn placed_1_to_2(mut payload: Value) -> Value {
    if let Some(placement) = payload.get_mut("placement").and_then(Value::as_object_mut) {
        let promised_at = take(placement, "promisedAt");
        placement.insert("promise".to_owned(), json!({ "at": promised_at }));
        let lines = take(placement, "lines");
        placement.insert("lines".to_owned(), sold_lines(lines));
        placement.retain(|_, value| !value.is_null());
    }
    payload
}

/// `OrderLinesChanged` 2 says what changed; 1 listed the complete new lines, numbered anew.
pub(super) fn lines_changed_1_to_2(mut payload: Value) -> Value {
    if let Some(fields) = payload.as_object_mut() {
        let promised_at = take(fields, "promisedAt");
        fields.insert("promise".to_owned(), json!({ "at": promised_at }));
        let lines = take(fields, "lines");
        fields.insert("added".to_owned(), sold_lines(lines));
        fields.insert("replaces".to_owned(), Value::Bool(true));
    }
    payload
}

fn take(fields: &mut Map<String, Value>, name: &str) -> Value {
    fields.remove(name).unwrap_or_default()
}

fn sold_lines(lines: Value) -> Value {
    match lines {
        Value::Array(lines) => lines.into_iter().map(sold_line).collect(),
        other => other,
    }
}

fn sold_line(mut line: Value) -> Value {
    let Some(fields) = line.as_object_mut() else { return line };
    let extras = take(fields, "extras");
    let extras = extras.as_array().into_iter().flatten().map(|extra| {
        let part = |name: &str| extra.get(name).cloned().unwrap_or_default();
        json!({ "kind": "EXTRA", "ingredient": part("ingredient"), "quantity": part("quantity"), "price": part("price") })
    });
    let without = take(fields, "without");
    let without = without.as_array().into_iter().flatten();
    let without = without.map(|ingredient| json!({ "kind": "WITHOUT", "ingredient": ingredient }));
    let options: Vec<Value> = extras.chain(without).collect();
    let part = json!({
        "item": take(fields, "item"),
        "size": take(fields, "size"),
        "name": take(fields, "name"),
        "recipeVersion": take(fields, "recipeVersion"),
    });
    json!({
        "id": take(fields, "line"),
        "parts": [part],
        "options": options,
        "quantity": take(fields, "quantity"),
        "unitPrice": take(fields, "unitPrice"),
        "vat": { "class": take(fields, "vatClass"), "rate": take(fields, "vatRate") },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::order::{Order, OrderEvent, PlacedOrder};
    use crate::stream::StreamType;

    const PLACED_1: &str = include_str!("../../fixtures/events/OrderPlaced-1.0.0.json");
    const PLACED_2: &str = include_str!("../../fixtures/events/OrderPlaced-2.0.0.json");
    const CHANGED_1: &str = include_str!("../../fixtures/events/OrderLinesChanged-1.0.0.json");
    const CHANGED_2: &str = include_str!("../../fixtures/events/OrderLinesChanged-2.0.0.json");

    fn fold(stored: &[(&str, &str, &str)]) -> PlacedOrder {
        let mut order = Order::default();
        for (event_type, version, text) in stored {
            for event in Event::from_stored(StreamType::Order, event_type, version, text).unwrap() {
                let Event::Order(event) = event else { panic!("{event:?}") };
                order.evolve(&event);
            }
        }
        order.placed().unwrap().clone()
    }

    /// What an order shows of a version 1 event, from the event's own text.
    fn shown(fields: &Value, order: &PlacedOrder) {
        assert_eq!(serde_json::to_value(&order.pricing).unwrap(), fields["pricing"]);
        assert_eq!(serde_json::to_value(&order.lines).unwrap(), fields["lines"]);
        assert_eq!(serde_json::to_value(order.promised_at()).unwrap(), fields["promisedAt"]);
    }

    #[test]
    fn orders_of_version_1_keep_their_lines_prices_and_promise() {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let placed = [("OrderPlaced", "1.0.0", PLACED_1)];
        shown(&value(PLACED_1)["placement"], &fold(&placed));
        shown(&value(CHANGED_1), &fold(&[placed[0], ("OrderLinesChanged", "1.0.0", CHANGED_1)]));
    }

    #[test]
    fn line_numbers_go_on_after_those_of_version_1() {
        let placed = ("OrderPlaced", "1.0.0", PLACED_1);
        let order = fold(&[placed, ("OrderLinesChanged", "1.0.0", CHANGED_1)]);
        assert_eq!((order.lines.len(), order.next_line()), (1, 2));
        let order = fold(&[placed, ("OrderLinesChanged", "2.0.0", CHANGED_2)]);
        assert_eq!(order.lines.iter().map(|line| line.line).collect::<Vec<_>>(), [2, 3]);
    }

    /// Release 0.1 reads every version of a known type as version 1. It must fail to, so that it answers `UNAVAILABLE`.
    #[test]
    fn version_2_lacks_fields_that_version_1_requires() {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        for required in ["needs", "pricing", "promisedAt"] {
            assert_eq!(value(PLACED_2)["placement"].get(required), None);
            assert_eq!(value(CHANGED_2).get(required), None);
        }
    }

    #[test]
    fn a_line_of_several_parts_is_unreadable() {
        let mut halves: Value = serde_json::from_str(PLACED_2).unwrap();
        let parts = halves["placement"]["lines"][0]["parts"].as_array_mut().unwrap();
        parts.push(parts[0].clone());
        assert!(serde_json::from_value::<OrderEvent>(halves).is_err());
    }
}
