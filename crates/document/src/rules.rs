//! The rules of the specification that `apollo-compiler` 1.33 lacks or applies too loosely:
//!
//! - input object fields are unique (5.6.3)
//! - exactly one field of a `@oneOf` input object is given, and it is not null (3.10.1, 5.6.4)
//! - variables fit where they are used (5.8.5): inside lists and input objects too, and a default of `null` is none
//! - literals of our own scalars are values of them (5.6.1)
//! - fields under one key have the same arguments (5.3.2): lists of different lengths are not the same
//! - a subscription has one root field (5.2.4.1), however often it is selected

use std::collections::HashSet;

use apollo_compiler::executable::{Operation, Selection, SelectionSet};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{ExecutableDocument, Name, Node, Schema, ast};
use async_graphql::parser::types as engine;

use super::syntax::{Positions, literal};
use super::validation::Validator;
use super::{COMPLAINTS, Complaint, execution};
use crate::error_code::ErrorCode;

/// Checks a document that keeps the rules of `apollo-compiler`.
pub(super) fn check(
    validator: &Validator,
    document: &ExecutableDocument,
    executable: &engine::ExecutableDocument,
    positions: &Positions<'_>,
) -> Vec<Complaint> {
    let schema = validator.schema();
    let mut complaints = Vec::new();
    for operation in document.operations.iter() {
        let walk = Walk {
            validator,
            schema,
            document,
            positions,
            variables: &operation.variables,
            fragments: HashSet::new(),
            complaints: &mut complaints,
        };
        walk.operation(operation);
        if complaints.len() >= COMPLAINTS {
            return complaints;
        }
    }
    if complaints.is_empty() {
        complaints.extend(execution::conflicts(schema, executable));
    }
    complaints
}

/// Whether a type is an input object of which exactly one field is given.
pub(super) fn is_one_of(input: &apollo_compiler::schema::InputObjectType) -> bool {
    input.directives.has("oneOf")
}

struct Walk<'a> {
    validator: &'a Validator,
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    positions: &'a Positions<'a>,
    /// The variables of the operation.
    variables: &'a [Node<ast::VariableDefinition>],
    /// The fragments that were visited for the operation.
    fragments: HashSet<&'a Name>,
    complaints: &'a mut Vec<Complaint>,
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    ty: &'a ast::Type,
    /// Whether the schema has a default for it.
    has_default: bool,
    /// The input object with `@oneOf` that it is a field of.
    one_of: Option<&'a Name>,
}

impl<'a> Place<'a> {
    fn of(definition: &'a ast::InputValueDefinition) -> Self {
        Self { ty: &definition.ty, has_default: definition.default_value.is_some(), one_of: None }
    }
}

impl<'a> Walk<'a> {
    fn operation(mut self, operation: &'a Operation) {
        self.directives(&operation.directives);
        for variable in &operation.variables {
            self.directives(&variable.directives);
            if let Some(default) = &variable.default_value {
                self.value(default, Some(Place { ty: &variable.ty, has_default: false, one_of: None }));
            }
        }
        self.selections(&operation.selection_set);
    }

    fn complain(&mut self, code: ErrorCode, message: String, at: &Node<ast::Value>) {
        let pos = at.location().map(|span| self.positions.of_span(Some(span)));
        self.complaints.push(Complaint::new(code, message, pos));
    }

    /// Nesting is bounded by the limits.
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

    /// Without a place inside a scalar of our own.
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
                let item = place.filter(|place| place.ty.is_list()).map(|place| Place {
                    ty: place.ty.item_type(),
                    has_default: false,
                    one_of: None,
                });
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
                self.complain(ErrorCode::GraphqlValidationFailed, message, field);
            }
        }
        let one_of = input.filter(|input| is_one_of(input)).map(|input| &input.name);
        if let Some(ty) = one_of
            && (names.len() != 1 || fields.iter().any(|(_, field)| field.is_null()))
        {
            let message = format!("{ty} takes exactly one field, which is not null");
            self.complain(ErrorCode::GraphqlValidationFailed, message, value);
        }
        for (name, field) in fields {
            let definition = input.and_then(|input| input.fields.get(name));
            let place = definition.map(|definition| Place { one_of, ..Place::of(definition) });
            self.value(field, place);
        }
    }

    /// A literal of a scalar of our own; one that has variables in it is for the engine to read.
    fn scalar(&mut self, value: &'a Node<ast::Value>, place: Place<'a>) {
        let name = place.ty.inner_named_type();
        let is_ours = matches!(
            self.schema.types.get(name),
            Some(ExtendedType::Scalar(scalar)) if !scalar.is_built_in()
        );
        let is_one_value = !matches!(&**value, ast::Value::List(_) if place.ty.is_list());
        if !is_ours || !is_one_value || value.is_null() {
            return;
        }
        let Some(constant) = literal(value).ok().and_then(async_graphql_value::Value::into_const) else {
            return;
        };
        if let Err(why) = self.validator.check_scalar(name, constant) {
            self.complain(ErrorCode::BadUserInput, why, value);
        }
    }

    fn variable(&mut self, name: &Name, at: &'a Node<ast::Value>, place: Place<'a>) {
        let Some(definition) = self.variables.iter().find(|variable| variable.name == *name) else { return };
        if !is_allowed(definition, place) {
            let (has, needs) = (&definition.ty, place.ty);
            let message =
                format!("the variable ${name} is declared {has}, and is used where {needs} is expected");
            self.complain(ErrorCode::GraphqlValidationFailed, message, at);
        } else if let Some(ty) = place.one_of
            && !definition.ty.is_non_null()
        {
            let message =
                format!("the variable ${name} is used in {ty}, and must be declared {}!", definition.ty);
            self.complain(ErrorCode::GraphqlValidationFailed, message, at);
        }
    }
}

/// `IsVariableUsageAllowed` of the specification.
fn is_allowed(variable: &ast::VariableDefinition, place: Place<'_>) -> bool {
    if !place.ty.is_non_null() || variable.ty.is_non_null() {
        return variable.ty.is_assignable_to(place.ty);
    }
    let has_value = variable.default_value.as_ref().is_some_and(|default| !default.is_null());
    (has_value || place.has_default) && variable.ty.is_assignable_to(&place.ty.clone().nullable())
}
