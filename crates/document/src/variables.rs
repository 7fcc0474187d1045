//! Coercion of a request's variables to the types that its operation declares (specification, section 6.1.2). Only
//! this module applies defaults of variables and rejects values, before execution.
//!
//! Schema defaults of input object fields are not filled in: async-graphql applies them to variables and literals
//! alike, so the fingerprint of an idempotency key does not depend on how its input is written.

use apollo_compiler::ast::Type;
use apollo_compiler::schema::{ExtendedType, InputObjectType};
use apollo_compiler::{Node, ast};
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::OperationDefinition;
use async_graphql::{Name, Value, Variables};

use super::rules::is_one_of;
use super::validator::Validator;
use super::violation::{MAX_VIOLATIONS, Violation};
use crate::error_code::ErrorCode;

/// Upper bound on the characters of an unknown name in an error.
const MAX_NAME_CHARS: usize = 64;

/// Coerces variables. Variables that the operation does not declare are dropped.
///
/// # Errors
/// One [`Violation`] for each value of a wrong type, with its path: `$input.lines[0].quantity`.
pub(super) fn coerce(
    validator: &Validator,
    definitions: &[Node<ast::VariableDefinition>],
    operation: &OperationDefinition,
    mut given: Variables,
) -> Result<Variables, Vec<Violation>> {
    let mut coercion = Coercion { validator, path: String::new(), violations: Vec::new() };
    let mut coerced = Variables::default();
    for (definition, engine) in definitions.iter().zip(&operation.variable_definitions) {
        let name = &engine.node.name.node;
        coercion.path = format!("${name}");
        let value = match given.remove(name) {
            Some(value) => coercion.value(&definition.ty, value),
            None => match &engine.node.default_value {
                Some(default) => coercion.value(&definition.ty, default.node.clone()),
                None if definition.ty.is_non_null() => {
                    coercion.refuse(format!("{} is required", definition.ty))
                }
                // Not set, which differs from null.
                None => None,
            },
        };
        coerced.extend(value.map(|value| (name.clone(), value)));
    }
    if coercion.violations.is_empty() { Ok(coerced) } else { Err(coercion.violations) }
}

struct Coercion<'a> {
    validator: &'a Validator,
    /// Path of the value being coerced.
    path: String,
    violations: Vec<Violation>,
}

/// Describes the kind of a value, without the value.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Number(_) => "this number",
        Value::String(_) => "this text",
        Value::Boolean(_) => "a boolean",
        Value::Binary(_) => "bytes",
        Value::Enum(_) => "an enum value",
        Value::List(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl Coercion<'_> {
    fn refuse(&mut self, problem: String) -> Option<Value> {
        if self.violations.len() < MAX_VIOLATIONS {
            let message = format!("the variable {}: {problem}", self.path);
            self.violations.push(Violation::new(ErrorCode::BadUserInput, message, None));
        }
        None
    }

    /// Runs `act` with the path extended by `step`.
    fn below<T>(&mut self, step: &str, act: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path.push_str(step);
        let done = act(self);
        self.path.truncate(length);
        done
    }

    /// Coerces a value; the limits bound its nesting.
    fn value(&mut self, ty: &Type, value: Value) -> Option<Value> {
        if value == Value::Null {
            return if ty.is_non_null() {
                self.refuse(format!("{ty} is required, not null"))
            } else {
                Some(Value::Null)
            };
        }
        match ty {
            Type::List(inner) | Type::NonNullList(inner) => match value {
                Value::List(items) => {
                    let items = items.into_iter().enumerate();
                    let coerced: Vec<_> = items
                        .map(|(at, item)| self.below(&format!("[{at}]"), |this| this.value(inner, item)))
                        .collect();
                    coerced.into_iter().collect::<Option<_>>().map(Value::List)
                }
                one => self.value(inner, one).map(|one| Value::List(vec![one])),
            },
            Type::Named(name) | Type::NonNullNamed(name) => match self.validator.schema().types.get(name) {
                Some(ExtendedType::Scalar(_)) => self.scalar(name, ty, value),
                Some(ExtendedType::Enum(values)) => match value {
                    Value::String(text) if values.values.contains_key(text.as_str()) => {
                        Some(Value::Enum(Name::new(text)))
                    }
                    // A default, which validation has checked.
                    Value::Enum(name) => Some(Value::Enum(name)),
                    Value::String(_) => self.refuse(format!("this text is not a value of {name}")),
                    other => self.refuse(format!("{ty} is expected, not {}", kind(&other))),
                },
                Some(ExtendedType::InputObject(input)) => match value {
                    Value::Object(fields) => self.object(input, fields),
                    other => self.refuse(format!("{ty} is expected, not {}", kind(&other))),
                },
                Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_))
                | None => self.refuse(format!("{name} is not an input type")),
            },
        }
    }

    fn scalar(&mut self, name: &str, ty: &Type, value: Value) -> Option<Value> {
        let coerced = match (name, &value) {
            ("Int", Value::Number(number)) => {
                whole(number).and_then(|whole| i32::try_from(whole).ok()).map(Value::from)
            }
            ("Float", Value::Number(_))
            | ("String" | "ID", Value::String(_))
            | ("Boolean", Value::Boolean(_)) => {
                return Some(value);
            }
            ("ID", Value::Number(number)) => whole(number).map(|whole| Value::String(whole.to_string())),
            ("Int" | "Float" | "String" | "ID" | "Boolean", _) => None,
            (name, _) => {
                return match self.validator.check_scalar(name, value.clone()) {
                    Ok(()) => Some(value),
                    Err(why) => self.refuse(why),
                };
            }
        };
        match coerced {
            Some(value) => Some(value),
            None => self.refuse(format!("{ty} is expected, not {}", kind(&value))),
        }
    }

    fn object(&mut self, input: &InputObjectType, mut fields: IndexMap<Name, Value>) -> Option<Value> {
        let name = &input.name;
        if is_one_of(input) && (fields.len() != 1 || fields.values().any(|value| *value == Value::Null)) {
            return self.refuse(format!("{name} takes exactly one field, which is not null"));
        }
        let mut coerced = IndexMap::with_capacity(fields.len());
        let before = self.violations.len();
        for definition in input.fields.values() {
            let field = definition.name.as_str();
            match fields.shift_remove(field) {
                Some(value) => {
                    let value = self.below(&format!(".{field}"), |this| this.value(&definition.ty, value));
                    coerced.extend(value.map(|value| (Name::new(field), value)));
                }
                None if definition.is_required() => {
                    let ty = &definition.ty;
                    self.below(&format!(".{field}"), |this| this.refuse(format!("{ty} is required")));
                }
                None => {}
            }
        }
        if let Some(unknown) = fields.keys().next() {
            let unknown: String = unknown.chars().take(MAX_NAME_CHARS).collect();
            self.refuse(format!("{name} has no field called {unknown}"));
        }
        (self.violations.len() == before).then_some(Value::Object(coerced))
    }
}

/// Returns a whole number, also if JSON writes it as `1.0`.
fn whole(number: &async_graphql::Number) -> Option<i64> {
    let of_float = || {
        let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
        // Above 2^53, floats do not represent whole numbers exactly.
        (float.abs() <= 9_007_199_254_740_992.0).then(|| format!("{float:.0}").parse().ok()).flatten()
    };
    number.as_i64().or_else(of_float)
}

#[cfg(test)]
mod tests;
