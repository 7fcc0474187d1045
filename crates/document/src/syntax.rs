//! Parses documents with `apollo-compiler` and converts its syntax tree into the one that async-graphql executes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::validation::DiagnosticList;
use apollo_compiler::{Name as ApolloName, Node, ast};
use async_graphql::parser::types as engine;
use async_graphql::{Name, Pos, Positioned};
use async_graphql_value::Value;

use super::violation::Violation;
use crate::error_code::ErrorCode;

/// Arguments in async-graphql's form, in document order.
type Arguments = Vec<(Positioned<Name>, Positioned<Value>)>;

/// Converts byte offsets of a document into lines and columns.
pub(super) struct Positions<'a> {
    text: &'a str,
    is_ascii: bool,
    /// Offsets of line starts.
    lines: Vec<usize>,
}

impl<'a> Positions<'a> {
    pub fn of(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let mut lines = vec![0];
        for (at, byte) in bytes.iter().enumerate() {
            let ends = *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
            if ends {
                lines.push(at + 1);
            }
        }
        Self { text, is_ascii: text.is_ascii(), lines }
    }

    fn at(&self, offset: usize) -> Pos {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|line| self.lines.get(line)).copied().unwrap_or_default();
        let before = offset - start;
        let column = if self.is_ascii {
            before
        } else {
            self.text.get(start..offset).map_or(before, |before| before.chars().count())
        };
        Pos { line, column: column + 1 }
    }

    pub fn of_span(&self, span: Option<SourceSpan>) -> Pos {
        span.map(|span| self.at(span.offset())).unwrap_or_default()
    }
}

/// Parses a document that has passed [`check_text`](crate::limits::check_text).
pub(super) fn parse(text: &str) -> Result<ast::Document, Violation> {
    if text.chars().any(|character| character < ' ' && !"\t\n\r".contains(character)) {
        return Err(syntax_error("the document contains a control character", None));
    }
    ast::Document::parse(text, "request.graphql").map_err(|invalid| first_error(text, &invalid.errors))
}

/// Returns the first error: later ones are often its consequences.
fn first_error(text: &str, errors: &DiagnosticList) -> Violation {
    let positions = Positions::of(text);
    let first = errors.iter().min_by_key(|error| error.error.location().map(|span| span.offset()));
    let Some(first) = first else { return syntax_error("the text is not a document", None) };
    let pos = first.error.location().map(|span| positions.at(span.offset()));
    let message = first.error.to_string();
    syntax_error(message.strip_prefix("syntax error: ").unwrap_or(&message), pos)
}

fn syntax_error(message: &str, pos: Option<Pos>) -> Violation {
    Violation::new(ErrorCode::GraphqlParseFailed, format!("syntax error: {message}"), pos)
}

/// Converts a syntax tree into async-graphql's.
pub(super) fn convert(
    document: &ast::Document,
    positions: &Positions<'_>,
) -> Result<engine::ExecutableDocument, Violation> {
    let conversion = Conversion { positions };
    let mut anonymous = None;
    let mut named: HashMap<Name, Positioned<engine::OperationDefinition>> = HashMap::new();
    let mut fragments: HashMap<Name, Positioned<engine::FragmentDefinition>> = HashMap::new();
    for definition in &document.definitions {
        let pos = positions.of_span(definition.location());
        let several = || {
            let message = "an operation without a name must be the only operation of its document";
            Violation::invalid(message, Some(pos))
        };
        let twice = |what: &str, name: &ApolloName| {
            Violation::invalid(format!("the document has two {what} called {name}"), Some(pos))
        };
        match definition {
            ast::Definition::OperationDefinition(operation) => {
                if anonymous.is_some() || (operation.name.is_none() && !named.is_empty()) {
                    return Err(several());
                }
                let converted = Positioned::new(conversion.operation(operation)?, pos);
                match &operation.name {
                    None => anonymous = Some(converted),
                    Some(name) => match named.entry(Name::new(name)) {
                        Entry::Vacant(entry) => drop(entry.insert(converted)),
                        Entry::Occupied(_) => return Err(twice("operations", name)),
                    },
                }
            }
            ast::Definition::FragmentDefinition(fragment) => {
                let converted = Positioned::new(conversion.fragment(fragment)?, pos);
                match fragments.entry(Name::new(&fragment.name)) {
                    Entry::Vacant(entry) => drop(entry.insert(converted)),
                    Entry::Occupied(_) => return Err(twice("fragments", &fragment.name)),
                }
            }
            _ => {
                let message = "a document may define operations and fragments only, not types or directives";
                return Err(syntax_error(message, Some(pos)));
            }
        }
    }
    let operations = match anonymous {
        Some(operation) => engine::DocumentOperations::Single(operation),
        None if named.is_empty() => return Err(syntax_error("the document has no operation", None)),
        None => engine::DocumentOperations::Multiple(named),
    };
    Ok(engine::ExecutableDocument { operations, fragments })
}

/// Converts an operation type.
pub(super) fn kind(kind: ast::OperationType) -> engine::OperationType {
    match kind {
        ast::OperationType::Query => engine::OperationType::Query,
        ast::OperationType::Mutation => engine::OperationType::Mutation,
        ast::OperationType::Subscription => engine::OperationType::Subscription,
    }
}

/// Converts parts of a syntax tree. The limit on nested brackets bounds the recursion.
struct Conversion<'a> {
    positions: &'a Positions<'a>,
}

impl Conversion<'_> {
    fn name(&self, name: &ApolloName) -> Positioned<Name> {
        Positioned::new(Name::new(name), self.positions.of_span(name.location()))
    }

    fn pos<T>(&self, node: &Node<T>) -> Pos {
        self.positions.of_span(node.location())
    }

    fn operation(
        &self,
        operation: &ast::OperationDefinition,
    ) -> Result<engine::OperationDefinition, Violation> {
        let variables = operation.variables.iter().map(|variable| self.variable(variable));
        Ok(engine::OperationDefinition {
            ty: kind(operation.operation_type),
            variable_definitions: variables.collect::<Result<_, _>>()?,
            directives: self.directives(&operation.directives)?,
            selection_set: self.selections(&operation.selection_set, Pos::default())?,
        })
    }

    fn fragment(&self, fragment: &ast::FragmentDefinition) -> Result<engine::FragmentDefinition, Violation> {
        Ok(engine::FragmentDefinition {
            type_condition: self.condition(&fragment.type_condition),
            directives: self.directives(&fragment.directives)?,
            selection_set: self.selections(&fragment.selection_set, Pos::default())?,
        })
    }

    fn condition(&self, on: &ApolloName) -> Positioned<engine::TypeCondition> {
        let on = self.name(on);
        Positioned::new(engine::TypeCondition { on: on.clone() }, on.pos)
    }

    fn variable(
        &self,
        variable: &Node<ast::VariableDefinition>,
    ) -> Result<Positioned<engine::VariableDefinition>, Violation> {
        let constant = |value: &Node<ast::Value>| {
            let pos = self.pos(value);
            let converted = self.value(value)?.into_const();
            let converted = converted
                .ok_or_else(|| syntax_error("a default value must not contain variables", Some(pos)))?;
            Ok(Positioned::new(converted, pos))
        };
        let definition = engine::VariableDefinition {
            name: self.name(&variable.name),
            var_type: Positioned::new(type_of(&variable.ty), self.pos(&variable.ty)),
            directives: self.directives(&variable.directives)?,
            default_value: variable.default_value.as_ref().map(constant).transpose()?,
        };
        Ok(Positioned::new(definition, self.pos(variable)))
    }

    fn directives(
        &self,
        directives: &ast::DirectiveList,
    ) -> Result<Vec<Positioned<engine::Directive>>, Violation> {
        let converted = directives.iter().map(|directive| {
            let name = self.name(&directive.name);
            let arguments = self.arguments(&directive.arguments)?;
            Ok(Positioned::new(engine::Directive { name, arguments }, self.pos(directive)))
        });
        converted.collect()
    }

    fn arguments(&self, arguments: &[Node<ast::Argument>]) -> Result<Arguments, Violation> {
        let converted = arguments.iter().map(|argument| {
            let value = Positioned::new(self.value(&argument.value)?, self.pos(&argument.value));
            Ok((self.name(&argument.name), value))
        });
        converted.collect()
    }

    fn selections(
        &self,
        selections: &[ast::Selection],
        pos: Pos,
    ) -> Result<Positioned<engine::SelectionSet>, Violation> {
        let items = selections.iter().map(|selection| {
            let pos = self.positions.of_span(selection.location());
            let converted = match selection {
                ast::Selection::Field(field) => {
                    engine::Selection::Field(Positioned::new(self.field(field, pos)?, pos))
                }
                ast::Selection::FragmentSpread(spread) => {
                    let spread = engine::FragmentSpread {
                        fragment_name: self.name(&spread.fragment_name),
                        directives: self.directives(&spread.directives)?,
                    };
                    engine::Selection::FragmentSpread(Positioned::new(spread, pos))
                }
                ast::Selection::InlineFragment(inline) => {
                    let inline = engine::InlineFragment {
                        type_condition: inline.type_condition.as_ref().map(|on| self.condition(on)),
                        directives: self.directives(&inline.directives)?,
                        selection_set: self.selections(&inline.selection_set, pos)?,
                    };
                    engine::Selection::InlineFragment(Positioned::new(inline, pos))
                }
            };
            Ok(Positioned::new(converted, pos))
        });
        Ok(Positioned::new(engine::SelectionSet { items: items.collect::<Result<_, _>>()? }, pos))
    }

    fn field(&self, field: &ast::Field, pos: Pos) -> Result<engine::Field, Violation> {
        Ok(engine::Field {
            alias: field.alias.as_ref().map(|alias| self.name(alias)),
            name: self.name(&field.name),
            arguments: self.arguments(&field.arguments)?,
            directives: self.directives(&field.directives)?,
            selection_set: self.selections(&field.selection_set, pos)?,
        })
    }

    fn value(&self, value: &Node<ast::Value>) -> Result<Value, Violation> {
        literal(value).map_err(|number| {
            let message = format!("the number {number} is too large");
            syntax_error(&message, Some(self.pos(value)))
        })
    }
}

/// Converts a type.
fn type_of(ty: &ast::Type) -> engine::Type {
    let nullable = !ty.is_non_null();
    let base = match ty {
        ast::Type::Named(name) | ast::Type::NonNullNamed(name) => engine::BaseType::Named(Name::new(name)),
        ast::Type::List(inner) | ast::Type::NonNullList(inner) => {
            engine::BaseType::List(Box::new(type_of(inner)))
        }
    };
    engine::Type { base, nullable }
}

/// Converts a value.
///
/// # Errors
/// The number that async-graphql cannot represent.
pub(super) fn literal(value: &ast::Value) -> Result<Value, String> {
    let number = |text: &str| text.parse().map(Value::Number).map_err(|_| text.to_owned());
    Ok(match value {
        ast::Value::Null => Value::Null,
        ast::Value::Enum(name) => Value::Enum(Name::new(name)),
        ast::Value::Variable(name) => Value::Variable(Name::new(name)),
        ast::Value::String(text) => Value::String(text.clone()),
        ast::Value::Float(float) => number(float.as_str())?,
        ast::Value::Int(int) => number(int.as_str())?,
        ast::Value::Boolean(value) => Value::Boolean(*value),
        ast::Value::List(items) => {
            Value::List(items.iter().map(|item| literal(item)).collect::<Result<_, _>>()?)
        }
        ast::Value::Object(fields) => {
            let fields =
                fields.iter().map(|(name, value)| Ok::<_, String>((Name::new(name), literal(value)?)));
            Value::Object(fields.collect::<Result<_, _>>()?)
        }
    })
}
