//! What the variables of a request may be, before they are looked at.

use serde_json::Value;

/// How deep lists and objects may nest in variables.
const NESTING: usize = 16;
/// How many values a list of variables may hold; inputs have narrower bounds of their own.
const LIST: usize = 2_000;

/// Why variables are not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooManyVariables {
    /// Lists and objects in lists and objects.
    #[error("variables nest deeper than {NESTING}")]
    Nesting,
    /// A long list.
    #[error("a list in variables is longer than {LIST}")]
    List,
}

/// Refuses variables that nest too deep, or have too long a list.
///
/// # Errors
/// [`TooManyVariables`].
pub fn check_variables(variables: &Value) -> Result<(), TooManyVariables> {
    fn check(value: &Value, depth: usize) -> Result<(), TooManyVariables> {
        match value {
            Value::Array(_) | Value::Object(_) if depth > NESTING => Err(TooManyVariables::Nesting),
            Value::Array(items) if items.len() > LIST => Err(TooManyVariables::List),
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
    fn variables_nest_and_list_to_a_bound() {
        let nested = |times: usize| (0..times).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(check_variables(&json!({ "a": nested(NESTING) })), Ok(()));
        assert_eq!(check_variables(&json!({ "a": nested(NESTING + 1) })), Err(TooManyVariables::Nesting));
        assert_eq!(check_variables(&json!({ "a": vec![1; LIST] })), Ok(()));
        assert_eq!(check_variables(&json!({ "a": vec![1; LIST + 1] })), Err(TooManyVariables::List));
    }
}
