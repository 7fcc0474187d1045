//! The rules of the specification that `apollo-compiler` 1.33 lacks or applies too loosely:
//!
//! - input object fields are unique (5.6.3)
//! - exactly one field of a `@oneOf` input object is set, and it is not null (3.10.1, 5.6.4)
//! - variables have a type that is allowed at their use (5.8.5): also inside lists and input objects; a default of
//!   `null` does not count as a default
//! - literals of custom scalars are valid (5.6.1)
//! - fields with the same response key have the same arguments (5.3.2): lists of different lengths are different
//! - a subscription has one root field (5.2.4.1), which may be repeated

use std::collections::HashSet;

use apollo_compiler::executable::{Operation, Selection, SelectionSet};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{ExecutableDocument, Name, Node, Schema, ast};
use async_graphql::parser::types as engine;

use super::execution;
use super::syntax::{Positions, literal};
use super::validator::Validator;
use super::violation::{MAX_VIOLATIONS, Violation};
use crate::error_code::ErrorCode;

/// Checks a document that `apollo-compiler` accepts.
pub(super) fn check(
    validator: &Validator,
    document: &ExecutableDocument,
    executable: &engine::ExecutableDocument,
    positions: &Positions<'_>,
) -> Vec<Violation> {
    let schema = validator.schema();
    let mut violations = Vec::new();
    for operation in document.operations.iter() {
        let walk = Walk {
            validator,
            schema,
            document,
            positions,
            variables: &operation.variables,
            fragments: HashSet::new(),
            violations: &mut violations,
        };
        walk.operation(operation);
        if violations.len() >= MAX_VIOLATIONS {
            return violations;
        }
    }
    if violations.is_empty() {
        violations.extend(execution::conflicts(schema, executable));
    }
    violations
}

/// Returns whether an input object has `@oneOf`: exactly one field must be set.
pub(super) fn is_one_of(input: &apollo_compiler::schema::InputObjectType) -> bool {
    input.directives.has("oneOf")
}

struct Walk<'a> {
    validator: &'a Validator,
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    positions: &'a Positions<'a>,
    /// Variables of the operation.
    variables: &'a [Node<ast::VariableDefinition>],
    /// Fragments already visited for the operation.
    fragments: HashSet<&'a Name>,
    violations: &'a mut Vec<Violation>,
}

/// The expected type of a value, and its context.
#[derive(Clone, Copy)]
struct Place<'a> {
    ty: &'a ast::Type,
    /// Whether the schema defines a default.
    has_default: bool,
    /// The input object with `@oneOf` whose field the value is.
    one_of: Option<&'a Name>,
}

impl<'a> Place<'a> {
    fn bare(ty: &'a ast::Type) -> Self {
        Self { ty, has_default: false, one_of: None }
    }

    fn of(definition: &'a ast::InputValueDefinition) -> Self {
        Self { has_default: definition.default_value.is_some(), ..Self::bare(&definition.ty) }
    }
}

impl<'a> Walk<'a> {
    fn operation(mut self, operation: &'a Operation) {
        self.directives(&operation.directives);
        for variable in &operation.variables {
            self.directives(&variable.directives);
            if let Some(default) = &variable.default_value {
                self.value(default, Some(Place::bare(&variable.ty)));
            }
        }
        self.selections(&operation.selection_set);
    }

    fn report(&mut self, code: ErrorCode, message: String, at: &Node<ast::Value>) {
        let pos = at.location().map(|span| self.positions.of_span(Some(span)));
        self.violations.push(Violation::new(code, message, pos));
    }

    /// Visits selections; the limits bound their nesting.
    fn selections(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    self.arguments(&field.arguments, &field.definition.arguments);
                    self.selections(&field.selection_set);
                }
                Selection::InlineFragment(inline) => self.selections(&inline.selection_set),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name)
                        && self.fragments.insert(&spread.fragment_name)
                    {
                        self.directives(&fragment.directives);
                        self.selections(&fragment.selection_set);
                    }
                }
            }
        }
    }

    fn directives(&mut self, directives: &'a ast::DirectiveList) {
        for directive in directives.iter() {
            if let Some(definition) = self.schema.directive_definitions.get(&directive.name) {
                self.arguments(&directive.arguments, &definition.arguments);
            }
        }
    }

    fn arguments(
        &mut self,
        given: &'a [Node<ast::Argument>],
        definitions: &'a [Node<ast::InputValueDefinition>],
    ) {
        for argument in given {
            let definition = definitions.iter().find(|definition| definition.name == argument.name);
            self.value(&argument.value, definition.map(|definition| Place::of(definition)));
        }
    }

    /// Checks a value; inside a custom scalar, `place` is `None`.
    fn value(&mut self, value: &'a Node<ast::Value>, place: Option<Place<'a>>) {
        if let Some(place) = place {
            self.scalar(value, place);
        }
        match &**value {
            ast::Value::Variable(name) => {
                if let Some(place) = place {
                    self.variable(name, value, place);
                }
            }
            ast::Value::List(items) => {
                let item = place.filter(|place| place.ty.is_list());
                let item = item.map(|place| Place::bare(place.ty.item_type()));
                for item_value in items {
                    self.value(item_value, item);
                }
            }
            ast::Value::Object(fields) => self.object(value, fields, place),
            ast::Value::Null
            | ast::Value::Enum(_)
            | ast::Value::String(_)
            | ast::Value::Float(_)
            | ast::Value::Int(_)
            | ast::Value::Boolean(_) => {}
        }
    }

    fn object(
        &mut self,
        value: &'a Node<ast::Value>,
        fields: &'a [(Name, Node<ast::Value>)],
        place: Option<Place<'a>>,
    ) {
        let input = place.and_then(|place| match self.schema.types.get(place.ty.inner_named_type()) {
            Some(ExtendedType::InputObject(input)) => Some(input),
            _ => None,
        });
        let mut names = HashSet::new();
        for (name, field) in fields {
            if !names.insert(name) {
                let message = format!("the input field {name} is given twice");
                self.report(ErrorCode::GraphqlValidationFailed, message, field);
            }
        }
        let one_of = input.filter(|input| is_one_of(input)).map(|input| &input.name);
        if let Some(ty) = one_of
            && (names.len() != 1 || fields.iter().any(|(_, field)| field.is_null()))
        {
            let message = format!("{ty} takes exactly one field, which is not null");
            self.report(ErrorCode::GraphqlValidationFailed, message, value);
        }
        for (name, field) in fields {
            let definition = input.and_then(|input| input.fields.get(name));
            let place = definition.map(|definition| Place { one_of, ..Place::of(definition) });
            self.value(field, place);
        }
    }

    /// Checks a literal of a custom scalar; one that contains variables is checked on execution.
    fn scalar(&mut self, value: &'a Node<ast::Value>, place: Place<'a>) {
        let name = place.ty.inner_named_type();
        let is_custom = matches!(
            self.schema.types.get(name),
            Some(ExtendedType::Scalar(scalar)) if !scalar.is_built_in()
        );
        let is_one_value = !matches!(&**value, ast::Value::List(_) if place.ty.is_list());
        if !is_custom || !is_one_value || value.is_null() {
            return;
        }
        let Some(constant) = literal(value).ok().and_then(async_graphql_value::Value::into_const) else {
            return;
        };
        if let Err(why) = self.validator.check_scalar(name, constant) {
            self.report(ErrorCode::BadUserInput, why, value);
        }
    }

    fn variable(&mut self, name: &Name, at: &'a Node<ast::Value>, place: Place<'a>) {
        let Some(definition) = self.variables.iter().find(|variable| variable.name == *name) else { return };
        if !is_allowed(definition, place) {
            let (has, needs) = (&definition.ty, place.ty);
            let message =
                format!("the variable ${name} is declared {has}, and is used where {needs} is expected");
            self.report(ErrorCode::GraphqlValidationFailed, message, at);
        } else if let Some(ty) = place.one_of
            && !definition.ty.is_non_null()
        {
            let message =
                format!("the variable ${name} is used in {ty}, and must be declared {}!", definition.ty);
            self.report(ErrorCode::GraphqlValidationFailed, message, at);
        }
    }
}

/// Implements `IsVariableUsageAllowed` of the specification.
fn is_allowed(variable: &ast::VariableDefinition, place: Place<'_>) -> bool {
    if !place.ty.is_non_null() || variable.ty.is_non_null() {
        return variable.ty.is_assignable_to(place.ty);
    }
    let has_value = variable.default_value.as_ref().is_some_and(|default| !default.is_null());
    (has_value || place.has_default) && variable.ty.is_assignable_to(&place.ty.clone().nullable())
}
