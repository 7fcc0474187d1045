//! Limits of a request's variables, checked before coercion.

use serde_json::Value;

/// Upper bound on nested lists and objects.
const MAX_NESTING: usize = 16;
/// Upper bound on items of a list; inputs have narrower bounds.
const MAX_LIST_ITEMS: usize = 2_000;

/// The limit that variables exceed.
#[allow(missing_docs)] // the messages describe the variants
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VariableLimitExceeded {
    #[error("variables nest deeper than {MAX_NESTING}")]
    Nesting,
    #[error("a list in variables is longer than {MAX_LIST_ITEMS}")]
    List,
}

/// Rejects variables with too deep nesting or too long lists.
///
/// # Errors
/// [`VariableLimitExceeded`].
pub fn check_variables(variables: &Value) -> Result<(), VariableLimitExceeded> {
    fn check(value: &Value, depth: usize) -> Result<(), VariableLimitExceeded> {
        match value {
            Value::Array(_) | Value::Object(_) if depth > MAX_NESTING => Err(VariableLimitExceeded::Nesting),
            Value::Array(items) if items.len() > MAX_LIST_ITEMS => Err(VariableLimitExceeded::List),
            Value::Array(items) => items.iter().try_for_each(|item| check(item, depth + 1)),
            Value::Object(fields) => fields.values().try_for_each(|field| check(field, depth + 1)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }
    check(variables, 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn limits_nesting_and_lists() {
        let nested = |times: usize| (0..times).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(check_variables(&json!({ "a": nested(MAX_NESTING) })), Ok(()));
        assert_eq!(
            check_variables(&json!({ "a": nested(MAX_NESTING + 1) })),
            Err(VariableLimitExceeded::Nesting)
        );
        assert_eq!(check_variables(&json!({ "a": vec![1; MAX_LIST_ITEMS] })), Ok(()));
        assert_eq!(
            check_variables(&json!({ "a": vec![1; MAX_LIST_ITEMS + 1] })),
            Err(VariableLimitExceeded::List)
        );
    }
}
