//! Upcasters of a stock's events.

use serde_json::Value;

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
