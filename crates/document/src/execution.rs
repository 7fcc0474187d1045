//! Builds the executed operation from the requested one: fragments and conditions are resolved, and fields with the
//! same response key are merged (specification, sections 6.3.2 and 6.4.3).
//!
//! async-graphql resolves a repeated field several times, reads an unset variable as null, and ignores variable
//! defaults in `@skip` and `@include`. In the operation built here, none of these cases occurs.

use std::borrow::Cow;

use apollo_compiler::Schema;
use apollo_compiler::schema::ExtendedType;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, Field, InlineFragment, OperationDefinition,
    OperationType, Selection, SelectionSet, TypeCondition,
};
use async_graphql::{Name, Pos, Positioned, Value as Constant, Variables};
use async_graphql_value::Value;

use super::violation::Violation;
use crate::error_code::ErrorCode;

/// Response key of the type of an object of an abstract type, for [completion](crate::completion).
/// A document cannot contain it, because it is not a name.
pub const TYPE_KEY: &str = " type";

/// Builds the executed document, which contains only the operation.
///
/// # Errors
/// A [`Violation`] if fields with the same response key differ, or a condition is null.
pub fn plan(
    schema: &Schema,
    document: &ExecutableDocument,
    name: Option<&Name>,
    operation: &Positioned<OperationDefinition>,
    variables: &Variables,
) -> Result<ExecutableDocument, Violation> {
    let collection = Collection { schema, document, variables: Some(variables) };
    let OperationDefinition { ty, variable_definitions, selection_set, .. } = &operation.node;
    let items = collection.selections(root(schema, *ty), &[&selection_set.node])?;
    let executed = OperationDefinition {
        ty: *ty,
        variable_definitions: variable_definitions.clone(),
        directives: Vec::new(),
        selection_set: Positioned::new(items, selection_set.pos),
    };
    let executed = Positioned::new(executed, operation.pos);
    let operations = match name {
        Some(name) => DocumentOperations::Multiple([(name.clone(), executed)].into()),
        None => DocumentOperations::Single(executed),
    };
    Ok(ExecutableDocument { operations, fragments: Default::default() })
}

/// Finds fields that cannot be merged, and subscriptions without exactly one root field, in an otherwise valid document.
pub(super) fn conflicts(schema: &Schema, document: &ExecutableDocument) -> Option<Violation> {
    let collection = Collection { schema, document, variables: None };
    document.operations.iter().find_map(|(_, operation)| {
        let OperationDefinition { ty, selection_set, .. } = &operation.node;
        match collection.selections(root(schema, *ty), &[&selection_set.node]) {
            Err(conflict) => Some(conflict),
            Ok(set) if *ty == OperationType::Subscription && set.items.len() != 1 => {
                let message = "a subscription has one root field: send one operation for each";
                Some(Violation::invalid(message, Some(operation.pos)))
            }
            Ok(_) => None,
        }
    })
}

fn root(schema: &Schema, kind: OperationType) -> &str {
    let roots = &schema.schema_definition;
    let root = match kind {
        OperationType::Query => &roots.query,
        OperationType::Mutation => &roots.mutation,
        OperationType::Subscription => &roots.subscription,
    };
    root.as_ref().map_or("", |root| root.name.as_str())
}

struct Collection<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    /// The coerced variables; without them, every condition counts as met.
    variables: Option<&'a Variables>,
}

/// Fields with the same response key.
type Group<'a> = Vec<&'a Positioned<Field>>;

/// Selections of a type: fields by response key; for an abstract type, grouped by object type first.
type Groups<'a> = IndexMap<Option<&'a str>, IndexMap<&'a Name, Group<'a>>>;

impl<'a> Collection<'a> {
    /// Returns the merged selections of a type. The limits bound their nesting and expanded number.
    fn selections(&self, ty: &str, sets: &[&'a SelectionSet]) -> Result<SelectionSet, Violation> {
        let mut groups = Groups::new();
        for set in sets {
            self.gather(ty, None, set, &mut groups)?;
        }
        let mut items = Vec::new();
        for (object, keys) in &groups {
            let fields = keys.values().map(|group| self.merged(object.unwrap_or(ty), group));
            let fields = fields.collect::<Result<Vec<_>, _>>()?;
            match object {
                None => items.extend(fields),
                Some(object) => items.push(on_object(object, fields)),
            }
        }
        if self.is_abstract(ty) {
            items.push(type_name());
        }
        Ok(SelectionSet { items })
    }

    fn gather(
        &self,
        ty: &str,
        object: Option<&'a str>,
        set: &'a SelectionSet,
        groups: &mut Groups<'a>,
    ) -> Result<(), Violation> {
        for selection in &set.items {
            if !self.is_included(selection.node.directives())? {
                continue;
            }
            match &selection.node {
                Selection::Field(field) => {
                    let key = &field.node.response_key().node;
                    groups.entry(object).or_default().entry(key).or_default().push(field);
                }
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref().map(|on| on.node.on.node.as_str());
                    self.fragment(ty, object, on, &inline.node.selection_set.node, groups)?;
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        let on = fragment.node.type_condition.node.on.node.as_str();
                        self.fragment(ty, object, Some(on), &fragment.node.selection_set.node, groups)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn fragment(
        &self,
        ty: &str,
        object: Option<&'a str>,
        on: Option<&'a str>,
        set: &'a SelectionSet,
        groups: &mut Groups<'a>,
    ) -> Result<(), Violation> {
        let known = object.unwrap_or(ty);
        match on {
            Some(on) if on != known && !self.schema.is_subtype(on, known) => {
                if !self.is_abstract(known) {
                    // The fragment is for another object type.
                    return Ok(());
                }
                if !self.is_abstract(on) {
                    return self.gather(ty, Some(on), set, groups);
                }
                for both in self.objects_of(on).filter(|both| self.schema.is_subtype(known, both)) {
                    self.gather(ty, Some(both), set, groups)?;
                }
                Ok(())
            }
            Some(_) | None => self.gather(ty, object, set, groups),
        }
    }

    fn is_abstract(&self, ty: &str) -> bool {
        matches!(self.schema.types.get(ty), Some(ExtendedType::Interface(_) | ExtendedType::Union(_)))
    }

    fn objects_of(&self, ty: &'a str) -> impl Iterator<Item = &'a str> {
        let schema = self.schema;
        let objects = schema.types.iter().filter(|(_, definition)| definition.is_object());
        objects.map(|(name, _)| name.as_str()).filter(move |name| schema.is_subtype(ty, name))
    }

    /// Merges fields with the same response key.
    fn merged(&self, ty: &str, group: &[&'a Positioned<Field>]) -> Result<Positioned<Selection>, Violation> {
        let Some((first, others)) = group.split_first() else { return Ok(type_name()) };
        if let Some(other) = others.iter().find(|other| !is_same(&first.node, &other.node)) {
            let key = &first.node.response_key().node;
            let message = format!("two different fields, or arguments, are selected under the key {key}");
            return Err(Violation::invalid(message, Some(other.pos)));
        }
        let below: Vec<_> = group.iter().map(|field| &field.node.selection_set.node).collect();
        let is_leaf = below.iter().all(|set| set.items.is_empty());
        let inner =
            self.schema.type_field(ty, &first.node.name.node).map(|field| field.ty.inner_named_type());
        let selections = match inner {
            Ok(inner) if !is_leaf => self.selections(inner, &below)?,
            // Validation has rejected fields that the schema does not have.
            Ok(_) | Err(_) => SelectionSet::default(),
        };
        let arguments = first.node.arguments.iter().filter_map(|(name, value)| {
            let given = self.given(&value.node)?.into_owned();
            Some((name.clone(), Positioned::new(given, value.pos)))
        });
        let field = Field {
            alias: first.node.alias.clone(),
            name: first.node.name.clone(),
            arguments: arguments.collect(),
            directives: Vec::new(),
            selection_set: Positioned::new(selections, first.node.selection_set.pos),
        };
        Ok(Positioned::new(Selection::Field(Positioned::new(field, first.pos)), first.pos))
    }

    /// Returns a value without unset variables: the argument or input field is then unset too, so its default
    /// applies.
    fn given<'v>(&self, value: &'v Value) -> Option<Cow<'v, Value>> {
        match value {
            Value::Variable(name) => {
                let is_given = self.variables.is_none_or(|variables| variables.contains_key(name));
                is_given.then_some(Cow::Borrowed(value))
            }
            Value::List(items) => {
                // An unset variable in a list is null.
                let items = items.iter().map(|item| self.given(item).map_or(Value::Null, Cow::into_owned));
                Some(Cow::Owned(Value::List(items.collect())))
            }
            Value::Object(fields) => {
                let given =
                    |(name, value): (&Name, &'v Value)| Some((name.clone(), self.given(value)?.into_owned()));
                Some(Cow::Owned(Value::Object(fields.iter().filter_map(given).collect())))
            }
            Value::Null
            | Value::Number(_)
            | Value::String(_)
            | Value::Boolean(_)
            | Value::Binary(_)
            | Value::Enum(_) => Some(Cow::Borrowed(value)),
        }
    }

    fn is_included(&self, directives: &[Positioned<Directive>]) -> Result<bool, Violation> {
        let Some(variables) = self.variables else { return Ok(true) };
        for directive in directives {
            let wanted = match directive.node.name.node.as_str() {
                "skip" => false,
                "include" => true,
                _ => continue,
            };
            let condition = directive.node.get_argument("if").map(|condition| &condition.node);
            let holds = match condition {
                Some(Value::Boolean(holds)) => *holds,
                Some(Value::Variable(name)) => match variables.get(name) {
                    Some(Constant::Boolean(holds)) => *holds,
                    _ => {
                        let message =
                            format!("the variable ${name} is null, and a condition needs true or false");
                        return Err(Violation::new(ErrorCode::BadUserInput, message, Some(directive.pos)));
                    }
                },
                // Validation has rejected it.
                Some(_) | None => continue,
            };
            if holds != wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Returns whether two fields have the same name and arguments.
fn is_same(one: &Field, other: &Field) -> bool {
    let has = |(name, value): &(Positioned<Name>, Positioned<Value>)| {
        other.get_argument(&name.node).is_some_and(|given| given.node == value.node)
    };
    one.name.node == other.name.node
        && one.arguments.len() == other.arguments.len()
        && one.arguments.iter().all(has)
}

fn on_object(object: &str, items: Vec<Positioned<Selection>>) -> Positioned<Selection> {
    let pos = items.first().map_or_else(Pos::default, |item| item.pos);
    let on = Positioned::new(TypeCondition { on: Positioned::new(Name::new(object), pos) }, pos);
    let selection_set = Positioned::new(SelectionSet { items }, pos);
    let inline = InlineFragment { type_condition: Some(on), directives: Vec::new(), selection_set };
    Positioned::new(Selection::InlineFragment(Positioned::new(inline, pos)), pos)
}

fn type_name() -> Positioned<Selection> {
    let at = |name: &str| Positioned::new(Name::new(name), Pos::default());
    let field = Field {
        alias: Some(at(TYPE_KEY)),
        name: at("__typename"),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::default(),
    };
    Positioned::new(Selection::Field(Positioned::new(field, Pos::default())), Pos::default())
}

#[cfg(test)]
mod tests;
