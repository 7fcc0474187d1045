//! Completion of responses: of a small schema, and of an engine with given results.

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute};
use async_graphql::{
    EmptyMutation, EmptySubscription, Interface, Object, Request, SimpleObject, ValidationMode, value,
};
use serde_json::{Value as Json, json};
use document::completion::{SelectionContext, find_operation, conditions};
use document::{Validator, execution};

use super::{Executed, RequestLifecycle};

struct Query;

struct Thing(i32);

#[derive(SimpleObject)]
#[graphql(complex)]
struct Other {
    id: i32,
}

#[async_graphql::ComplexObject]
impl Other {
    async fn failing(&self) -> Result<Option<i32>, async_graphql::Error> {
        Err("no".into())
    }
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

fn schema() -> async_graphql::Schema<Query, EmptyMutation, EmptySubscription> {
    async_graphql::Schema::build(Query, EmptyMutation, EmptySubscription)
        .extension(RequestLifecycle::default())
        .validation_mode(ValidationMode::Fast)
        .finish()
}

fn asked(validator: &Validator, query: &str, variables: Json) -> (SelectionContext, Request) {
    let document = validator.document(query).unwrap();
    assert_eq!(document.violations, [], "{query}");
    let (name, operation) = find_operation(&document.executable, None).unwrap();
    let given = Variables::from_json(variables);
    let variables = document.coerce(validator, name.map(Name::as_str), &operation.node, given).unwrap();
    let executed = execution::plan(validator.schema(), &document.executable, name, operation, &variables);
    let conditions = conditions(&variables);
    let mut request = Request::new(query).variables(variables).data(Executed::default());
    request.set_parsed_query(executed.unwrap());
    (SelectionContext { document: Arc::new(document), operation: None, conditions }, request)
}

async fn data(query: &str, variables: Json) -> String {
    let schema = schema();
    let validator = Validator::new(&schema.sdl()).unwrap();
    let (asked, request) = asked(&validator, query, variables);
    let response = schema.execute(request.data(Arc::new(asked))).await;
    serde_json::to_string(&response.data).unwrap()
}

/// An engine with a given result for every document.
struct Answering(Value, Vec<ServerError>);

impl ExtensionFactory for Answering {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Answering(self.0.clone(), self.1.clone()))
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for Answering {
    async fn execute(
        &self,
        _: &ExtensionContext<'_>,
        _: Option<&str>,
        _: NextExecute<'_>,
    ) -> async_graphql::Response {
        let mut response = async_graphql::Response::new(self.0.clone());
        response.errors.clone_from(&self.1);
        response
    }
}

/// Returns the path of an unexplained null in the response.
async fn unexplained(query: &str, data: Value, errors: &[ServerError]) -> Option<Vec<PathSegment>> {
    let schema = async_graphql::Schema::build(Query, EmptyMutation, EmptySubscription)
        .extension(RequestLifecycle::default())
        .extension(Answering(data, errors.to_vec()))
        .validation_mode(ValidationMode::Fast)
        .finish();
    let validator = Validator::new(&schema.sdl()).unwrap();
    let (asked, request) = asked(&validator, query, json!({}));
    let response = schema.execute(request.data(Arc::new(asked))).await;
    let told = crate::error::finish(response, "test").errors.into_iter().nth(errors.len())?;
    assert_eq!(told.message, "internal error");
    let extensions = serde_json::to_value(&told.extensions).unwrap();
    assert_eq!(extensions, json!({ "code": "INTERNAL", "requestId": "test", "retryable": false }));
    Some(told.path)
}

#[tokio::test]
async fn finds_unexplained_nulls() {
    let query = "{ things { quick slow } optional { quick } }";
    let path = |steps: &[Json]| {
        let step = |step: &Json| match step.as_u64() {
            Some(at) => PathSegment::Index(usize::try_from(at).unwrap()),
            None => PathSegment::Field(step.as_str().unwrap().to_owned()),
        };
        Some(steps.iter().map(step).collect::<Vec<_>>())
    };
    let whole = value!({ "things": [{ "quick": 1, "slow": 2 }], "optional": null });
    assert_eq!(unexplained(query, whole, &[]).await, None);
    let null =
        || value!({ "things": [{ "quick": 1, "slow": 2 }, { "quick": 1, "slow": null }], "optional": null });
    let place = path(&[json!("things"), json!(1), json!("slow")]);
    assert_eq!(unexplained(query, null(), &[]).await, place);
    let error = |path: Option<Vec<PathSegment>>| {
        let mut error = ServerError::new("failed", None);
        error.path = path.unwrap_or_default();
        [error]
    };
    assert_eq!(unexplained(query, null(), &error(place.clone())).await, None);
    assert_eq!(unexplained(query, null(), &error(path(&[json!("optional"), json!("quick")]))).await, place);
    // An omitted field is null too; any error explains a root that was dropped.
    let left_out = value!({ "optional": { "quick": 1 } });
    assert_eq!(unexplained(query, left_out, &[]).await, path(&[json!("things")]));
    assert_eq!(unexplained(query, Value::Null, &error(path(&[json!("optional")]))).await, None);
    assert_eq!(unexplained(query, Value::Null, &[]).await, path(&[json!("things")]));
}

#[tokio::test]
async fn applies_variable_defaults_to_conditions() {
    let asked = "query($s: Boolean! = true) { quick @include(if: $s) other: quick @skip(if: $s) }";
    assert_eq!(data(asked, json!({})).await, r#"{"quick":1}"#);
    assert_eq!(data(asked, json!({ "s": false })).await, r#"{"other":1}"#);
}

#[tokio::test]
async fn completes_objects_by_their_concrete_type() {
    let asked = "{ any { ... on Other { failing } __typename ... on Other { b: id failing } id } }";
    let expected = r#"{"any":{"failing":null,"__typename":"Other","b":3,"id":3}}"#;
    assert_eq!(data(asked, json!({})).await, expected);
}

#[tokio::test]
async fn returns_fields_in_selection_order() {
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
fn keeps_only_variables_of_conditions() {
    let given = json!({ "id": "1", "no": false, "after": null, "filter": { "a": true } });
    let kept = conditions(&Variables::from_json(given));
    assert_eq!(kept, Variables::from_json(json!({ "no": false, "after": null })));
}

#[tokio::test]
async fn propagates_null_to_the_nearest_nullable_field() {
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
