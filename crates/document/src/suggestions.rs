//! Messages for names that the schema does not have, and suggestions of similar names.

use apollo_compiler::Schema;
use apollo_compiler::schema::ExtendedType;

/// Upper bound on suggested names.
const MAX_SUGGESTIONS: usize = 3;

/// Rewords the message of an unknown name as graphql-js has it; other messages stay as they are.
pub(super) fn reword(problem: &str, message: String) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (first, second) = (quoted.next().unwrap_or_default(), quoted.next().unwrap_or_default());
    match problem {
        "UndefinedField" => format!("Unknown field \"{second}\" on type \"{first}\"."),
        "UndefinedArgument" => format!("Unknown argument \"{first}\" on field \"{second}\"."),
        "UndefinedDefinition" => format!("Unknown type \"{first}\"."),
        "UndefinedDirective" => format!("Unknown directive \"{first}\"."),
        "UndefinedFragment" => format!("Unknown fragment \"{first}\"."),
        _ => message,
    }
}

/// Suggests names similar to an unknown one: a sentence with a leading space.
///
/// The message quotes two names in backticks: the unknown one and its parent, in the order of the diagnostic.
pub(super) fn of(schema: &Schema, problem: &str, message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (first, second) = (quoted.next()?, quoted.next()?);
    let (unknown, known) = match problem {
        "UndefinedField" => (second, fields(schema, first)),
        "UndefinedArgument" => (first, arguments(schema, second)),
        "UndefinedEnumValue" | "UndefinedInputValue" => (first, fields(schema, second)),
        _ => return None,
    };
    let most = (unknown.chars().count() / 3).max(1);
    let mut similar: Vec<(usize, String)> = known
        .into_iter()
        .map(|name| (strsim::osa_distance(&name.to_lowercase(), &unknown.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= most)
        .collect();
    similar.sort_unstable();
    let names: Vec<String> =
        similar.into_iter().take(MAX_SUGGESTIONS).map(|(_, name)| format!("\"{name}\"")).collect();
    (!names.is_empty()).then(|| format!(" Did you mean {}?", names.join(" or ")))
}

/// Returns the names of a type's fields or values.
fn fields(schema: &Schema, ty: &str) -> Vec<String> {
    match schema.types.get(ty) {
        Some(ExtendedType::Object(object)) => object.fields.keys().map(ToString::to_string).collect(),
        Some(ExtendedType::Interface(interface)) => {
            interface.fields.keys().map(ToString::to_string).collect()
        }
        Some(ExtendedType::Enum(values)) => values.values.keys().map(ToString::to_string).collect(),
        Some(ExtendedType::InputObject(input)) => input.fields.keys().map(ToString::to_string).collect(),
        Some(ExtendedType::Scalar(_) | ExtendedType::Union(_)) | None => Vec::new(),
    }
}

/// Returns the arguments of a field, by its coordinate (`Query.orders`).
fn arguments(schema: &Schema, coordinate: &str) -> Vec<String> {
    let field = coordinate.split_once('.').and_then(|(ty, field)| schema.type_field(ty, field).ok());
    let arguments = field.map_or(&[][..], |field| field.arguments.as_slice());
    arguments.iter().map(|argument| argument.name.to_string()).collect()
}
