//! Differences between two states of a stream, by JSON pointer (RFC 6901) into the state's JSON:
//! `/progress/status`, `/lines/0/baked`, `/levels/EGG/reserved`. Pure; never reads the log.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::stream::AggregateState;

/// Changed place of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// JSON pointer of the shallowest place that differs: a new subtree is one change.
    pub path: String,
    /// Value before; `None` if the place did not exist.
    pub before: Option<Value>,
    /// Value after; `None` if the place does not exist any more.
    pub after: Option<Value>,
}

/// Returns the differences from `before` to `after`, by place, ascending. Of a stock only levels and blocks
/// are compared ([`crate::stock::Stock::levels_only`]): reservations are in the events themselves.
///
/// # Errors
/// If a state cannot be written as JSON, which is possible for every state of the domain.
pub fn changes(before: &AggregateState, after: &AggregateState) -> Result<Vec<Change>, serde_json::Error> {
    let mut found = Vec::new();
    compare(&mut String::new(), &document(before)?, &document(after)?, &mut found);
    Ok(found)
}

fn document(state: &AggregateState) -> Result<Value, serde_json::Error> {
    match state {
        AggregateState::Order(order) => serde_json::to_value(order),
        AggregateState::Stock(stock) => serde_json::to_value(stock.clone().levels_only()),
        AggregateState::Delivery(delivery) => serde_json::to_value(delivery),
        AggregateState::Pizzeria(pizzeria) => serde_json::to_value(pizzeria),
        AggregateState::Menu(menu) => serde_json::to_value(menu),
        AggregateState::Staff(staff) => serde_json::to_value(staff),
        AggregateState::Customer(customer) => serde_json::to_value(customer),
        AggregateState::Closing(closing) => serde_json::to_value(closing),
    }
}

fn compare(path: &mut String, before: &Value, after: &Value, found: &mut Vec<Change>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Value::Object(was), Value::Object(is)) => {
            let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
            for name in names {
                let token = name.replace('~', "~0").replace('/', "~1");
                let (was, is) = (was.get(name), is.get(name));
                within(path, &token, was, is, found);
            }
        }
        (Value::Array(was), Value::Array(is)) => {
            for index in 0..was.len().max(is.len()) {
                within(path, &index.to_string(), was.get(index), is.get(index), found);
            }
        }
        (before, after) => {
            let some = |value: &Value| Some(value.clone()).filter(|value| !value.is_null());
            found.push(Change { path: path.clone(), before: some(before), after: some(after) });
        }
    }
}

fn within(
    path: &mut String,
    token: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    found: &mut Vec<Change>,
) {
    let length = path.len();
    path.push('/');
    path.push_str(token);
    compare(path, before.unwrap_or(&Value::Null), after.unwrap_or(&Value::Null), found);
    path.truncate(length);
}
