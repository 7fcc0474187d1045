//! Fingerprint of a mutation's input: the same for the same input, however it is written.

use async_graphql::{Context, Value};
use sha2::{Digest, Sha256};

use crate::context::ApiContext;
use crate::error::ApiError;

/// SHA-256 of the mutation and its input without the idempotency key.
pub(super) fn fingerprint(ctx: &Context<'_>) -> Result<[u8; 32], ApiError> {
    Ok(Sha256::digest(canonical_input(ctx, Nulls::Omitted)?.as_bytes()).into())
}

/// Returns the fingerprint of an input with a secret such as a password: keyed with the server's key, so that
/// the stored hash does not allow guessing. A `null` counts, because it clears a value of an account that an
/// omitted field keeps.
pub(super) fn keyed_fingerprint(ctx: &Context<'_>) -> Result<[u8; 32], ApiError> {
    Ok(ctx.services()?.key.hash(&canonical_input(ctx, Nulls::Kept)?))
}

/// Whether `null` differs from an omitted field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Omitted,
    Kept,
}

fn canonical_input(ctx: &Context<'_>, nulls: Nulls) -> Result<String, ApiError> {
    let field = ctx.field();
    let arguments =
        field.arguments().map_err(|error| ApiError::bad_input(error.message))?.into_iter().collect();
    let mut text = field.name().to_owned();
    canonical(&Value::Object(arguments), nulls, 0, &mut text);
    Ok(text)
}

/// Writes keys in order, omits nulls, and writes an enum's value as text: literals and variables are equal.
fn canonical(value: &Value, nulls: Nulls, depth: usize, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields
                .iter()
                .filter(|(_, value)| nulls == Nulls::Kept || **value != Value::Null)
                .filter(|(name, _)| !(depth == 1 && *name == "idempotencyKey"))
                .collect();
            fields.sort_unstable_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (name, value) in fields {
                out.push_str(name);
                out.push(':');
                canonical(value, nulls, depth + 1, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::List(items) => {
            out.push('[');
            for item in items {
                canonical(item, nulls, depth + 1, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Enum(name) => out.push_str(&Value::String(name.to_string()).to_string()),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Boolean(_) | Value::Binary(_) => {
            out.push_str(&value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{Name, value};

    use super::*;

    fn text(arguments: Value) -> String {
        let mut text = String::new();
        canonical(&arguments, Nulls::Omitted, 0, &mut text);
        text
    }

    #[test]
    fn equal_inputs_have_one_text() {
        let one =
            value!({ "input": { "size": "M", "lines": [{ "b": 1, "a": "x" }], "idempotencyKey": "k1" } });
        let two = value!({ "input": {
            "idempotencyKey": "k2", "note": null, "lines": [{ "a": "x", "b": 1 }], "size": "M",
        } });
        assert_eq!(text(one), text(two));
        assert_eq!(text(Value::Enum(Name::new("M"))), text(Value::String("M".to_owned())));
    }

    #[test]
    fn different_inputs_have_different_texts() {
        let input = |quantity: i32| value!({ "input": { "lines": [{ "quantity": (quantity) }] } });
        assert_ne!(text(input(1)), text(input(2)));
        // A nested field of this name is part of the input.
        let below = |key: &str| value!({ "input": { "lines": [{ "idempotencyKey": (key) }] } });
        assert_ne!(text(below("a")), text(below("b")));
        // A text must not pass for another structure.
        assert_ne!(text(value!({ "a": "x,b:y" })), text(value!({ "a": "x", "b": "y" })));
    }
}
