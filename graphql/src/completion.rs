//! Completes answers as the GraphQL specification has it (section 6.4.4): fields in the order in which
//! they were asked for, null where a field that may be null failed, and where it may not, null for what
//! holds it. The library answers in the order in which fields were ready and leaves failed ones out.

use std::cell::OnceCell;
use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::registry::{MetaType, Registry};
use async_graphql::{Name, Positioned, Value, Variables};

/// What was asked; data of the request.
#[derive(Debug)]
pub struct Asked {
    /// The document as it was sent, shared by all who have sent the same.
    pub document: Arc<ExecutableDocument>,
    /// Which of its operations, when it has several.
    pub operation: Option<String>,
    /// The variables given that `@skip` and `@include` may go by.
    pub switches: Variables,
}

struct Completion<'a> {
    registry: &'a Registry,
    asked: &'a Asked,
    operation: &'a OperationDefinition,
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
}

/// Of the variables given, those that `@skip` and `@include` may go by. All the others are with the request already, and
/// room for even one takes a kilobyte, for as long as a subscription goes on.
pub fn switches(variables: &Variables) -> Variables {
    let mut switches = Variables::default();
    let given = variables.iter().filter(|(_, value)| matches!(value, Value::Boolean(_) | Value::Null));
    switches.extend(given.map(|(name, value)| (name.clone(), value.clone())));
    switches
}

/// The operation that was asked for.
pub fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a OperationDefinition> {
    let mut operations = document.operations.iter();
    let found = operations.find(|(candidate, _)| match name {
        Some(name) => candidate.is_some_and(|candidate| candidate.as_str() == name),
        None => true,
    });
    found.map(|(_, operation)| &operation.node)
}

/// Completes the data of an answer.
pub fn complete(registry: &Registry, asked: &Asked, data: Value) -> Value {
    let Some(operation) = operation(&asked.document, asked.operation.as_deref()) else { return data };
    let root = match operation.ty {
        OperationType::Query => Some(&registry.query_type),
        OperationType::Mutation => registry.mutation_type.as_ref(),
        OperationType::Subscription => registry.subscription_type.as_ref(),
    };
    let Some(root) = root else { return data };
    let completion = Completion { registry, asked, operation };
    // A root whose fields all failed comes as null: its fields are seen to one by one.
    let values = match data {
        Value::Object(values) => values,
        _ => IndexMap::new(),
    };
    let shape = completion.shape(root, &[&operation.selection_set.node]);
    shape.map_or(Value::Null, |shape| completion.object(&shape, values))
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
    fn typed(&self, ty: &str, part: &Part<'a>, value: Value) -> Option<Value> {
        if let Some(inner) = ty.strip_suffix('!') {
            return self.typed(inner, part, value).filter(|value| *value != Value::Null);
        }
        let inner = ty.strip_prefix('[').and_then(|ty| ty.strip_suffix(']'));
        match (inner, value) {
            (Some(inner), Value::List(items)) => {
                let items = items.into_iter().map(|item| self.typed(inner, part, item));
                Some(items.collect::<Option<Vec<_>>>().map_or(Value::Null, Value::List))
            }
            (None, Value::Object(values)) if !part.below.is_empty() => {
                let shape = part.shape.get_or_init(|| self.shape(ty, &part.below));
                Some(shape.as_ref().map_or(Value::Null, |shape| self.object(shape, values)))
            }
            (_, value) => Some(value),
        }
    }

    /// An object; null when something that may not be null is.
    fn object(&self, shape: &Shape<'a>, values: IndexMap<Name, Value>) -> Value {
        let mut values = in_order(shape, values);
        let mut parts = shape.iter();
        for (key, value) in &mut values {
            // Behind them, what an abstract type's own fields do not tell stays as it came.
            let Some(part) = parts.find(|part| part.key == key) else { break };
            let Some(ty) = part.ty else { continue };
            match self.typed(ty, part, std::mem::take(value)) {
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
                    let Some(fragment) = self.asked.document.fragments.get(name) else { continue };
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
                value.into_const_with(|name| self.variable(&name).ok_or(())).ok()
            };
            match directive.node.name.node.as_str() {
                "skip" => condition() != Some(Value::Boolean(true)),
                "include" => condition() != Some(Value::Boolean(false)),
                _ => true,
            }
        })
    }

    fn variable(&self, name: &Name) -> Option<Value> {
        let default = || {
            let mut definitions = self.operation.variable_definitions.iter();
            let definition = definitions.find(|definition| definition.node.name.node == *name)?;
            definition.node.default_value().cloned()
        };
        self.asked.switches.get(name).cloned().or_else(default)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{EmptyMutation, EmptySubscription, Interface, Object, Request, SimpleObject};
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::schema::{Executed, Phases};

    struct Query;

    struct Thing(i32);

    #[derive(SimpleObject)]
    struct Other {
        id: i32,
    }

    #[derive(Interface)]
    #[graphql(field(name = "id", ty = "&i32"))]
    enum Any {
        Other(Other),
    }

    async fn later() {
        tokio::task::yield_now().await;
    }

    #[Object]
    impl Thing {
        async fn slow(&self) -> i32 {
            later().await;
            self.0
        }
        async fn quick(&self) -> i32 {
            self.0
        }
        async fn failing(&self) -> Result<i32, async_graphql::Error> {
            if self.0 == 2 { Err("no".into()) } else { Ok(self.0) }
        }
        async fn failing_or_null(&self) -> Result<Option<i32>, async_graphql::Error> {
            Err("no".into())
        }
    }

    #[Object]
    impl Query {
        async fn things(&self) -> Vec<Thing> {
            later().await;
            vec![Thing(1), Thing(2)]
        }
        async fn maybe_things(&self) -> Vec<Option<Thing>> {
            vec![Some(Thing(1)), Some(Thing(2))]
        }
        async fn optional(&self) -> Option<Thing> {
            Some(Thing(2))
        }
        async fn quick(&self) -> i32 {
            1
        }
        async fn any(&self) -> Any {
            Any::Other(Other { id: 3 })
        }
    }

    async fn data(query: &str, variables: Json) -> String {
        let schema = async_graphql::Schema::build(Query, EmptyMutation, EmptySubscription)
            .extension(Phases::default())
            .finish();
        let variables = Variables::from_json(variables);
        let document = Arc::new(async_graphql::parser::parse_query(query).unwrap());
        let asked = Asked { document, operation: None, switches: switches(&variables) };
        let request =
            Request::new(query).variables(variables).data(Executed::default()).data(Arc::new(asked));
        let response = schema.execute(request).await;
        serde_json::to_string(&response.data).unwrap()
    }

    #[tokio::test]
    async fn fields_come_in_the_order_in_which_they_were_asked_for() {
        let asked = "query($no: Boolean = false) { things { slow ...F quick @include(if: $no) } quick \
                     other: quick @skip(if: true) optional { slow quick } any { __typename id ...on Other { b: id } } \
                     __schema { queryType { name } } } fragment F on Thing { a: slow quick slow }";
        let expected = r#"{"things":[{"slow":1,"a":1,"quick":1},{"slow":2,"a":2,"quick":2}],"quick":1,"#
            .to_owned()
            + r#""optional":{"slow":2,"quick":2},"any":{"__typename":"Other","id":3,"b":3},"#
            + r#""__schema":{"queryType":{"name":"Query"}}}"#;
        assert_eq!(data(asked, json!({ "no": true })).await, expected);
    }

    #[test]
    fn only_what_a_condition_may_go_by_is_kept_of_variables() {
        let given = json!({ "id": "1", "no": false, "after": null, "filter": { "a": true } });
        let kept = switches(&Variables::from_json(given));
        assert_eq!(kept, Variables::from_json(json!({ "no": false, "after": null })));
    }

    #[tokio::test]
    async fn a_failure_is_null_where_null_may_be() {
        let none = json!({});
        assert_eq!(
            data("{ optional { quick failingOrNull slow } }", none.clone()).await,
            r#"{"optional":{"quick":2,"failingOrNull":null,"slow":2}}"#
        );
        assert_eq!(
            data("{ quick optional { failing quick } }", none.clone()).await,
            r#"{"quick":1,"optional":null}"#
        );
        assert_eq!(
            data("{ maybeThings { failing } quick }", none.clone()).await,
            r#"{"maybeThings":[{"failing":1},null],"quick":1}"#
        );
        assert_eq!(data("{ quick things { failing } }", none).await, "null");
    }
}
