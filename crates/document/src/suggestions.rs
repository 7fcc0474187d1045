//! What is said of a name that the schema does not have, and the names that are similar to it.

use apollo_compiler::Schema;
use apollo_compiler::schema::ExtendedType;

/// Upper bound on the names that are suggested.
const NAMES: usize = 3;

/// Describes an unknown name in the words of other servers of GraphQL; other problems are told as they came.
pub(super) fn told(problem: &str, message: String) -> String {
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

/// Suggests names for what a problem says is unknown: as a sentence, with a space before it.
///
/// The problem's message quotes names in backticks: the unknown one, and what it was looked up in.
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
    let names: Vec<String> = similar.into_iter().take(NAMES).map(|(_, name)| format!("\"{name}\"")).collect();
    (!names.is_empty()).then(|| format!(" Did you mean {}?", names.join(" or ")))
}

/// The fields or values of a type.
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

/// The arguments of a field, by its coordinate (`Query.orders`).
fn arguments(schema: &Schema, coordinate: &str) -> Vec<String> {
    let field = coordinate.split_once('.').and_then(|(ty, field)| schema.type_field(ty, field).ok());
    let arguments = field.map_or(&[][..], |field| field.arguments.as_slice());
    arguments.iter().map(|argument| argument.name.to_string()).collect()
}
