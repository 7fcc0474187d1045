//! Completes answers as the GraphQL specification has it (section 6.4.4): fields in the order in which
//! they were asked for, null where a field that may be null failed, and where it may not, null for what
//! holds it. The library answers in the order in which fields were ready and leaves failed ones out.
//!
//! And checks an invariant: no answer has null in a place that is never null unless an error says why.

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

/// What was asked; data of the request.
#[derive(Debug)]
pub struct Asked {
    /// The document as it was sent, shared by all who have sent the same.
    pub document: Arc<Document>,
    /// Which of its operations, when it has several.
    pub operation: Option<String>,
    /// The coerced variables that `@skip` and `@include` may go by.
    pub switches: Variables,
}

/// A completed answer.
pub struct Completed {
    /// The data.
    pub data: Value,
    /// Where the engine answered null, although the schema says never null, and no error says why.
    pub unexplained: Option<Vec<PathSegment>>,
}

struct Completion<'a> {
    registry: &'a Registry,
    asked: &'a Asked,
    /// The errors of the answer.
    errors: &'a [ServerError],
    /// Whether the engine gave the whole answer up, which any error explains.
    given_up: bool,
    unexplained: RefCell<Option<Vec<PathSegment>>>,
}

/// Where a value stands, from the root of the answer.
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

/// The fields asked for under one key of an answer.
type Fields<'a> = IndexMap<&'a Name, Vec<&'a Field>>;

/// What every object in one place of an answer is to have, in order: worked out once, however many objects there are.
type Shape<'a> = Vec<Part<'a>>;

/// What an object is to have under one key.
struct Part<'a> {
    key: &'a Name,
    /// As written in the schema; none where that does not tell: introspection, and what one of several types has.
    ty: Option<&'a str>,
    /// What is asked of the object, or of each in the list; of a scalar nothing.
    below: Vec<&'a SelectionSet>,
    /// Of the same, once there is one.
    shape: OnceCell<Option<Shape<'a>>>,
    /// Of an abstract type, by the types of its objects.
    shapes: RefCell<Vec<(Name, SharedShape<'a>)>>,
}

type SharedShape<'a> = Rc<Option<Shape<'a>>>;

/// Of the variables given, those that `@skip` and `@include` may go by. All the others are with the request already, and
/// room for even one takes a kilobyte, for as long as a subscription goes on.
pub fn switches(variables: &Variables) -> Variables {
    let mut switches = Variables::default();
    let given = variables.iter().filter(|(_, value)| matches!(value, Value::Boolean(_) | Value::Null));
    switches.extend(given.map(|(name, value)| (name.clone(), value.clone())));
    switches
}

/// The operation that was asked for, with its name if it has one.
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

/// Completes the data of an answer that has these errors.
pub fn complete(registry: &Registry, asked: &Asked, data: Value, errors: &[ServerError]) -> Completed {
    let as_it_is = |data| Completed { data, unexplained: None };
    let document = &asked.document.executable;
    let Some((_, operation)) = find_operation(document, asked.operation.as_deref()) else {
        return as_it_is(data);
    };
    let root = match operation.node.ty {
        OperationType::Query => Some(&registry.query_type),
        OperationType::Mutation => registry.mutation_type.as_ref(),
        OperationType::Subscription => registry.subscription_type.as_ref(),
    };
    let Some(root) = root else { return as_it_is(data) };
    // A root whose fields all failed comes as null: its fields are seen to one by one.
    let (values, given_up) = match data {
        Value::Object(values) => (values, false),
        _ => (IndexMap::new(), !errors.is_empty()),
    };
    let completion = Completion { registry, asked, errors, given_up, unexplained: RefCell::default() };
    let shape = completion.shape(root, &[&operation.node.selection_set.node]);
    let data = shape.map_or(Value::Null, |shape| completion.object(&shape, values, None));
    Completed { data, unexplained: completion.unexplained.into_inner() }
}

/// An object's values in the order asked for, with null for what failed; the others behind. Not built anew when they came so.
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
    /// A value of a type as written in the schema; `None` is a null that goes on to what holds it.
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

    /// Keeps the first null that no error explains.
    fn explain(&self, place: Place<'_>) {
        if self.given_up || self.unexplained.borrow().is_some() {
            return;
        }
        let path = place.path();
        if !self.errors.iter().any(|error| error.path.starts_with(&path)) {
            self.unexplained.replace(Some(path));
        }
    }

    /// What is asked of an object of an abstract type.
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

    /// An object; null when something that may not be null is.
    fn object(&self, shape: &Shape<'a>, values: IndexMap<Name, Value>, above: Option<&Place<'_>>) -> Value {
        let mut values = in_order(shape, values);
        let mut parts = shape.iter();
        for (key, value) in &mut values {
            // Behind them, what an abstract type's own fields do not tell stays as it came.
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

    /// What is asked of a type; none for one that the schema does not have.
    fn shape(&self, ty: &str, selections: &[&'a SelectionSet]) -> Option<Shape<'a>> {
        let meta = self.registry.types.get(ty)?;
        let mut fields = Fields::new();
        for selection in selections {
            self.collect(meta, selection, &mut fields);
        }
        let part = |(key, asked): (&'a Name, Vec<&'a Field>)| {
            let name = asked.first().map(|field| field.name.node.as_str());
            let below = asked.into_iter().map(|field| &field.selection_set.node);
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
                    let Some(fragment) = self.asked.document.executable.fragments.get(name) else { continue };
                    let applies = self.applies(meta, &fragment.node.type_condition.node.on.node);
                    if applies && self.included(&spread.node.directives) {
                        self.collect(meta, &fragment.node.selection_set.node, fields);
                    }
                }
            }
        }
    }

    /// Whether a fragment on a type is for every value of another.
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
                value.into_const_with(|name| self.asked.switches.get(&name).cloned().ok_or(())).ok()
            };
            match directive.node.name.node.as_str() {
                "skip" => condition() != Some(Value::Boolean(true)),
                "include" => condition() != Some(Value::Boolean(false)),
                _ => true,
            }
        })
    }
}
