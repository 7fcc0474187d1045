//! What a wish is known again by: the same text for the same input, however it is written.

use async_graphql::{Context, Value};
use sha2::{Digest, Sha256};

use crate::context::ApiContext;
use crate::error::ApiError;

/// SHA-256 of the mutation and its input, but for the idempotency key: the same for the same wish,
/// however it is written.
pub(super) fn fingerprint(ctx: &Context<'_>) -> Result<[u8; 32], ApiError> {
    Ok(Sha256::digest(wish(ctx, Nulls::Omitted)?.as_bytes()).into())
}

/// The same for a wish that holds a secret, such as a password: under the server's key, so that what is
/// kept of it cannot be guessed at. A `null` counts: in an account it clears what is omitted would keep.
pub(super) fn keyed_fingerprint(ctx: &Context<'_>) -> Result<[u8; 32], ApiError> {
    Ok(ctx.services()?.key.hash(&wish(ctx, Nulls::Kept)?))
}

/// Whether a field that is `null` is told from one that is omitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Omitted,
    Kept,
}

fn wish(ctx: &Context<'_>, nulls: Nulls) -> Result<String, ApiError> {
    let field = ctx.field();
    let arguments =
        field.arguments().map_err(|error| ApiError::bad_input(error.message))?.into_iter().collect();
    let mut text = field.name().to_owned();
    canonical(&Value::Object(arguments), nulls, 0, &mut text);
    Ok(text)
}

/// Keys in order, nulls as if they were not there, an enum's value as its text: a literal and a
/// variable are the same.
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
    fn the_same_wish_has_the_same_text_however_it_is_written() {
        let one =
            value!({ "input": { "size": "M", "lines": [{ "b": 1, "a": "x" }], "idempotencyKey": "k1" } });
        let two = value!({ "input": {
            "idempotencyKey": "k2", "note": null, "lines": [{ "a": "x", "b": 1 }], "size": "M",
        } });
        assert_eq!(text(one), text(two));
        assert_eq!(text(Value::Enum(Name::new("M"))), text(Value::String("M".to_owned())));
    }

    #[test]
    fn another_wish_has_another_text() {
        let wish = |quantity: i32| value!({ "input": { "lines": [{ "quantity": (quantity) }] } });
        assert_ne!(text(wish(1)), text(wish(2)));
        // What is called so further down is part of the wish.
        let below = |key: &str| value!({ "input": { "lines": [{ "idempotencyKey": (key) }] } });
        assert_ne!(text(below("a")), text(below("b")));
        // A text cannot pass for another structure.
        assert_ne!(text(value!({ "a": "x,b:y" })), text(value!({ "a": "x", "b": "y" })));
    }
}
