//! Completes results (specification, section 6.4.4): fields in the requested order, null for failed nullable fields,
//! and for a failed non-null field null in its nearest nullable parent. async-graphql returns fields in the order of
//! their completion and omits failed ones.
//!
//! Also checks that a null in a non-null place has an error that explains it.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::registry::{MetaType, Registry};
use async_graphql::{Name, PathSegment, Positioned, ServerError, Value, Variables};

use crate::Document;
use crate::execution::TYPE_KEY;

/// The requested operation; data of the request.
#[derive(Debug)]
pub struct SelectionContext {
    /// The document as sent, shared by all requests with the same text.
    pub document: Arc<Document>,
    /// Name of the requested operation, if set.
    pub operation: Option<String>,
    /// The coerced variables that `@skip` and `@include` may use.
    pub conditions: Variables,
}

/// A completed result.
pub struct CompletedData {
    /// Data of the response.
    pub data: Value,
    /// Path of the first null in a non-null place that no error explains.
    pub unexplained: Option<Vec<PathSegment>>,
}

struct Completion<'a> {
    registry: &'a Registry,
    context: &'a SelectionContext,
    /// Errors of the response.
    errors: &'a [ServerError],
    /// Whether async-graphql returned null for the whole operation, which any error explains.
    is_aborted: bool,
    unexplained: RefCell<Option<Vec<PathSegment>>>,
}

/// Position of a value in the result.
#[derive(Clone, Copy)]
struct Place<'p> {
    above: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Key(&'p Name),
    Index(usize),
}

impl Place<'_> {
    fn path(&self) -> Vec<PathSegment> {
        let mut path = self.above.map(Place::path).unwrap_or_default();
        path.push(match self.step {
            Step::Key(key) => PathSegment::Field(key.to_string()),
            Step::Index(at) => PathSegment::Index(at),
        });
        path
    }
}

/// Requested fields by response key.
type Fields<'a> = IndexMap<&'a Name, Vec<&'a Field>>;

/// Expected keys of the objects at one place of the result, in order: computed once for all of them.
type Shape<'a> = Vec<Part<'a>>;

/// An expected key of an object.
struct Part<'a> {
    key: &'a Name,
    /// Type as written in the schema; `None` in introspection, and for fields that the abstract type itself lacks.
    ty: Option<&'a str>,
    /// Selections of the object or of each list item; empty for a scalar.
    below: Vec<&'a SelectionSet>,
    /// Shape of these objects, computed on first use.
    shape: OnceCell<Option<Shape<'a>>>,
    /// Shapes by object type, if the type is abstract.
    shapes: RefCell<Vec<(Name, SharedShape<'a>)>>,
}

type SharedShape<'a> = Rc<Option<Shape<'a>>>;

/// Returns the variables that `@skip` and `@include` may use. The request holds the others, and a copy would take about
/// a kilobyte per subscription.
pub fn conditions(variables: &Variables) -> Variables {
    let mut conditions = Variables::default();
    let given = variables.iter().filter(|(_, value)| matches!(value, Value::Boolean(_) | Value::Null));
    conditions.extend(given.map(|(name, value)| (name.clone(), value.clone())));
    conditions
}

/// Returns the operation with this name, or the first one, and its name if it has one.
pub fn find_operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<(Option<&'a Name>, &'a Positioned<OperationDefinition>)> {
    let mut operations = document.operations.iter();
    operations.find(|(candidate, _)| match name {
        Some(name) => candidate.is_some_and(|candidate| candidate.as_str() == name),
        None => true,
    })
}

/// Completes the data of a response with these errors.
pub fn complete(
    registry: &Registry,
    context: &SelectionContext,
    data: Value,
    errors: &[ServerError],
) -> CompletedData {
    let unchanged = |data| CompletedData { data, unexplained: None };
    let document = &context.document.executable;
    let Some((_, operation)) = find_operation(document, context.operation.as_deref()) else {
        return unchanged(data);
    };
    let root = match operation.node.ty {
        OperationType::Query => Some(&registry.query_type),
        OperationType::Mutation => registry.mutation_type.as_ref(),
        OperationType::Subscription => registry.subscription_type.as_ref(),
    };
    let Some(root) = root else { return unchanged(data) };
    // If every root field failed, the data is null: each field is completed on its own.
    let (values, is_aborted) = match data {
        Value::Object(values) => (values, false),
        _ => (IndexMap::new(), !errors.is_empty()),
    };
    let completion = Completion { registry, context, errors, is_aborted, unexplained: RefCell::default() };
    let shape = completion.shape(root, &[&operation.node.selection_set.node]);
    let data = shape.map_or(Value::Null, |shape| completion.object(&shape, values, None));
    CompletedData { data, unexplained: completion.unexplained.into_inner() }
}

/// Returns an object's values in the requested order, with null for failed fields, and other values last. Values that
/// are already in order are returned as they are.
fn in_order(shape: &Shape<'_>, mut values: IndexMap<Name, Value>) -> IndexMap<Name, Value> {
    if shape.iter().map(|part| part.key).eq(values.keys()) {
        return values;
    }
    let mut ordered = IndexMap::with_capacity(shape.len());
    for part in shape {
        let given = values.swap_remove(part.key);
        if let Some(value) = given.or_else(|| part.ty.map(|_| Value::Null)) {
            ordered.insert(part.key.clone(), value);
        }
    }
    ordered.extend(values);
    ordered
}

impl<'a> Completion<'a> {
    /// Completes a value of a type as written in the schema; `None` is a null that propagates to the parent.
    fn typed(&self, ty: &str, part: &Part<'a>, value: Value, place: Place<'_>) -> Option<Value> {
        if let Some(inner) = ty.strip_suffix('!') {
            let completed = self.typed(inner, part, value, place).filter(|value| *value != Value::Null);
            if completed.is_none() {
                self.explain(place);
            }
            return completed;
        }
        let inner = ty.strip_prefix('[').and_then(|ty| ty.strip_suffix(']'));
        match (inner, value) {
            (Some(inner), Value::List(items)) => {
                let items = items.into_iter().enumerate().map(|(at, item)| {
                    let place = Place { above: Some(&place), step: Step::Index(at) };
                    self.typed(inner, part, item, place)
                });
                Some(items.collect::<Option<Vec<_>>>().map_or(Value::Null, Value::List))
            }
            (None, Value::Object(mut values)) if !part.below.is_empty() => {
                if let Some(Value::String(object)) = values.shift_remove(TYPE_KEY) {
                    let shape = self.shape_of_object(part, &object);
                    return Some(self.object_of(shape.as_ref().as_ref(), values, place));
                }
                let shape = part.shape.get_or_init(|| self.shape(ty, &part.below));
                Some(self.object_of(shape.as_ref(), values, place))
            }
            (_, value) => Some(value),
        }
    }

    /// Records the first null that no error explains.
    fn explain(&self, place: Place<'_>) {
        if self.is_aborted || self.unexplained.borrow().is_some() {
            return;
        }
        let path = place.path();
        if !self.errors.iter().any(|error| error.path.starts_with(&path)) {
            self.unexplained.replace(Some(path));
        }
    }

    /// Returns the shape of an object of an abstract type.
    fn shape_of_object(&self, part: &Part<'a>, object: &str) -> SharedShape<'a> {
        let known =
            part.shapes.borrow().iter().find(|(name, _)| *name == *object).map(|(_, shape)| shape.clone());
        known.unwrap_or_else(|| {
            let shape = Rc::new(self.shape(object, &part.below));
            part.shapes.borrow_mut().push((Name::new(object), shape.clone()));
            shape
        })
    }

    fn object_of(&self, shape: Option<&Shape<'a>>, values: IndexMap<Name, Value>, place: Place<'_>) -> Value {
        shape.map_or(Value::Null, |shape| self.object(shape, values, Some(&place)))
    }

    /// Completes an object; null if a non-null field is null.
    fn object(&self, shape: &Shape<'a>, values: IndexMap<Name, Value>, above: Option<&Place<'_>>) -> Value {
        let mut values = in_order(shape, values);
        let mut parts = shape.iter();
        for (key, value) in &mut values {
            // The remaining values are not in the shape and stay as they are.
            let Some(part) = parts.find(|part| part.key == key) else { break };
            let Some(ty) = part.ty else { continue };
            let place = Place { above, step: Step::Key(part.key) };
            match self.typed(ty, part, std::mem::take(value), place) {
                Some(completed) => *value = completed,
                None => return Value::Null,
            }
        }
        Value::Object(values)
    }

    /// Returns the shape of a type; `None` if the schema does not have the type.
    fn shape(&self, ty: &str, selections: &[&'a SelectionSet]) -> Option<Shape<'a>> {
        let meta = self.registry.types.get(ty)?;
        let mut fields = Fields::new();
        for selection in selections {
            self.collect(meta, selection, &mut fields);
        }
        let part = |(key, fields): (&'a Name, Vec<&'a Field>)| {
            let name = fields.first().map(|field| field.name.node.as_str());
            let below = fields.into_iter().map(|field| &field.selection_set.node);
            Part {
                key,
                ty: name.and_then(|name| meta.field_by_name(name)).map(|field| field.ty.as_str()),
                below: below.filter(|selections| !selections.items.is_empty()).collect(),
                shape: OnceCell::new(),
                shapes: RefCell::default(),
            }
        };
        Some(fields.into_iter().map(part).collect())
    }

    fn collect(&self, meta: &MetaType, selections: &'a SelectionSet, fields: &mut Fields<'a>) {
        for selection in &selections.items {
            match &selection.node {
                Selection::Field(field) => {
                    if self.included(&field.node.directives) {
                        let key = &field.node.response_key().node;
                        fields.entry(key).or_default().push(&field.node);
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let applies = condition.is_none_or(|on| self.applies(meta, &on.node.on.node));
                    if applies && self.included(&fragment.node.directives) {
                        self.collect(meta, &fragment.node.selection_set.node, fields);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let Some(fragment) = self.context.document.executable.fragments.get(name) else {
                        continue;
                    };
                    let applies = self.applies(meta, &fragment.node.type_condition.node.on.node);
                    if applies && self.included(&spread.node.directives) {
                        self.collect(meta, &fragment.node.selection_set.node, fields);
                    }
                }
            }
        }
    }

    /// Returns whether a fragment on `condition` applies to every value of a type.
    fn applies(&self, meta: &MetaType, condition: &Name) -> bool {
        let condition = condition.as_str();
        meta.name() == condition
            || self
                .registry
                .types
                .get(condition)
                .is_some_and(|condition| condition.is_possible_type(meta.name()))
    }

    fn included(&self, directives: &'a [Positioned<Directive>]) -> bool {
        directives.iter().all(|directive| {
            let condition = || {
                let value = directive.node.get_argument("if")?.node.clone();
                value.into_const_with(|name| self.context.conditions.get(&name).cloned().ok_or(())).ok()
            };
            match directive.node.name.node.as_str() {
                "skip" => condition() != Some(Value::Boolean(true)),
                "include" => condition() != Some(Value::Boolean(false)),
                _ => true,
            }
        })
    }
}
