//! Log entries and metrics of operations: name, kind, cost and outcome, never variables or text. Names from clients are
//! bounded and never label a metric.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType, Selection};
use async_graphql::{Name, Response, Value};
use document::error_code::code_of;
use document::limits::root_fields;
use graphql::error::ErrorCode;
use metrics::{Counter, Histogram};

use crate::cost::Costs;

/// Upper bound on a logged operation name.
const MAX_NAME_BYTES: usize = 64;
/// Upper bound on logged codes of one response.
const MAX_CODES: usize = 5;

/// Description of an operation before its execution.
#[derive(Debug)]
pub struct OperationInfo {
    /// Query, mutation or subscription.
    pub kind: OperationType,
    /// Name that the client chose: letters, digits and underscores, cut to 64 bytes.
    pub name: Option<Box<str>>,
    /// Requested cost.
    pub cost: u64,
    /// Number of fields with effects: the root fields of a mutation, with fragments expanded.
    pub effects: u32,
    /// Name of the mutation, if it is the only root field.
    mutation: Option<Name>,
}

impl OperationInfo {
    /// Describes an operation of a document.
    pub fn new(
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        cost: u64,
        requested_name: Option<&str>,
    ) -> Self {
        let only = document.operations.iter().find(|(_, found)| std::ptr::eq(&found.node, operation));
        let name = requested_name.or(only.and_then(|(name, _)| name.map(Name::as_str)));
        let mutation = match (&operation.selection_set.node.items[..], operation.ty) {
            ([field], OperationType::Mutation) => match &field.node {
                Selection::Field(field) => Some(field.node.name.node.clone()),
                Selection::FragmentSpread(_) | Selection::InlineFragment(_) => None,
            },
            _ => None,
        };
        let effects = match operation.ty {
            OperationType::Mutation => root_fields(document, &operation.selection_set.node),
            OperationType::Query | OperationType::Subscription => 0,
        };
        let effects = u32::try_from(effects).unwrap_or(u32::MAX);
        Self { kind: operation.ty, name: name.map(bounded), cost, effects, mutation }
    }

    /// Returns `query`, `mutation` or `subscription`.
    pub fn kind_str(&self) -> &'static str {
        kind_str(self.kind)
    }
}

fn kind_str(kind: OperationType) -> &'static str {
    match kind {
        OperationType::Query => "query",
        OperationType::Mutation => "mutation",
        OperationType::Subscription => "subscription",
    }
}

/// Bounds a name and drops characters that a GraphQL name cannot contain.
fn bounded(name: &str) -> Box<str> {
    name.chars().filter(|char| char.is_ascii_alphanumeric() || *char == '_').take(MAX_NAME_BYTES).collect()
}

/// Response extension: the answered operation, for the log entry of its request.
#[derive(Debug, Clone)]
pub struct OperationOutcome {
    /// The operation; `None` if the request was rejected before it was known.
    pub operation: Option<Arc<OperationInfo>>,
    /// Codes of errors and refusals.
    pub codes: Option<String>,
}

/// Returns the codes of a response's errors and of the refusals in its payloads.
pub fn codes(response: &Response) -> Option<String> {
    let mut codes: Vec<String> = Vec::new();
    let mut add = |code: &str| {
        if codes.len() < MAX_CODES && codes.iter().all(|known| known != code) {
            codes.push(code.to_owned());
        }
    };
    for error in &response.errors {
        add(code_of(error).unwrap_or(ErrorCode::Internal.as_str()));
    }
    refusals(&response.data, add);
    (!codes.is_empty()).then(|| codes.join(","))
}

/// Passes the codes of the root fields' `userErrors`, if selected, to `found`.
fn refusals(data: &Value, mut found: impl FnMut(&str)) {
    let Value::Object(fields) = data else { return };
    for payload in fields.values() {
        let Value::Object(payload) = payload else { continue };
        let Some(Value::List(errors)) = payload.get("userErrors") else { continue };
        for error in errors {
            let code = match error {
                Value::Object(error) => error.get("code"),
                _ => None,
            };
            match code {
                Some(Value::Enum(code)) => found(code),
                Some(Value::String(code)) => found(code),
                _ => found("REFUSED"),
            }
        }
    }
}

/// Returns the outcome of an operation, as metrics label it.
fn outcome(response: &Response) -> &'static str {
    match response.errors.first() {
        Some(error) => {
            let code = code_of(error);
            let known = ErrorCode::ALL.into_iter().find(|known| code == Some(known.as_str()));
            known.unwrap_or(ErrorCode::Internal).as_str()
        }
        None => {
            let mut refused = false;
            refusals(&response.data, |_| refused = true);
            if refused { "refused" } else { "ok" }
        }
    }
}

/// Counters by outcome, created on first use: a bounded set.
#[derive(Debug)]
struct ByOutcome {
    metric: &'static str,
    label: (&'static str, String),
    counters: [OnceLock<Counter>; ErrorCode::ALL.len() + 2],
    seconds: Option<Histogram>,
}

impl ByOutcome {
    fn new(
        metric: &'static str,
        (label, value): (&'static str, &str),
        seconds: Option<&'static str>,
    ) -> Self {
        let value = value.to_owned();
        let seconds = seconds.map(|name| metrics::histogram!(name, label => value.clone()));
        Self { metric, label: (label, value), counters: Default::default(), seconds }
    }

    fn count(&self, outcome: &'static str, took: Option<Duration>) {
        let of_code = ErrorCode::ALL.iter().position(|code| code.as_str() == outcome);
        let at = of_code.map_or(usize::from(outcome == "ok"), |at| at + 2);
        let (label, value) = &self.label;
        let counter = self.counters[at].get_or_init(|| {
            let labels = [(*label, value.clone()), ("outcome", outcome.to_owned())];
            metrics::counter!(self.metric, &labels)
        });
        counter.increment(1);
        if let (Some(seconds), Some(took)) = (&self.seconds, took) {
            seconds.record(took.as_secs_f64());
        }
    }
}

/// Counts operations. Clones share the counters.
#[derive(Debug, Clone)]
pub struct OperationMetrics(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    query: ByOutcome,
    mutation: ByOutcome,
    subscription: ByOutcome,
    /// By mutation of the schema.
    mutations: HashMap<Name, ByOutcome>,
}

impl OperationMetrics {
    /// Creates the counters for the mutations of a schema.
    pub fn new(costs: &Costs) -> Self {
        let of_kind =
            |kind, seconds| ByOutcome::new("ocpizza_operations_total", ("kind", kind_str(kind)), seconds);
        let mutation = |name: &Name| {
            let of = ByOutcome::new(
                "ocpizza_mutations_total",
                ("mutation", name),
                Some("ocpizza_mutation_seconds"),
            );
            (name.clone(), of)
        };
        let seconds = Some("ocpizza_operation_seconds");
        Self(Arc::new(Counters {
            query: of_kind(OperationType::Query, seconds),
            mutation: of_kind(OperationType::Mutation, seconds),
            // Subscriptions have no meaningful duration.
            subscription: of_kind(OperationType::Subscription, None),
            mutations: costs.fields_of("Mutation").map(mutation).collect(),
        }))
    }

    fn of(&self, kind: OperationType) -> &ByOutcome {
        match kind {
            OperationType::Query => &self.0.query,
            OperationType::Mutation => &self.0.mutation,
            OperationType::Subscription => &self.0.subscription,
        }
    }

    /// Counts an answered operation.
    pub fn count(&self, operation: &OperationInfo, response: &Response, took: Duration) {
        let outcome = outcome(response);
        self.of(operation.kind).count(outcome, Some(took));
        if let Some(of) = operation.mutation.as_ref().and_then(|name| self.0.mutations.get(name)) {
            of.count(outcome, Some(took));
        }
    }

    /// Counts a started subscription until the value is dropped.
    pub fn subscribed(
        &self,
        operation: Option<Arc<OperationInfo>>,
        request_id: Arc<str>,
    ) -> SubscriptionRecord {
        metrics::gauge!("ocpizza_subscriptions").increment(1.0);
        let name = operation.as_ref().and_then(|operation| operation.name.as_deref());
        tracing::info!(request_id = &*request_id, operation = name, "a subscription has begun");
        SubscriptionRecord {
            metrics: self.clone(),
            operation,
            request_id,
            begun: Instant::now(),
            items: 0,
            failed: None,
        }
    }
}

/// An open subscription. Its end is logged and counted when the value is dropped.
#[derive(Debug)]
pub struct SubscriptionRecord {
    metrics: OperationMetrics,
    operation: Option<Arc<OperationInfo>>,
    request_id: Arc<str>,
    begun: Instant,
    items: u64,
    failed: Option<&'static str>,
}

impl SubscriptionRecord {
    /// Records an item or the final error.
    pub fn note(&mut self, response: &Response) {
        if response.errors.is_empty() {
            self.items += 1;
        } else {
            self.failed = Some(outcome(response));
        }
    }
}

impl Drop for SubscriptionRecord {
    fn drop(&mut self) {
        metrics::gauge!("ocpizza_subscriptions").decrement(1.0);
        self.metrics.of(OperationType::Subscription).count(self.failed.unwrap_or("ok"), None);
        let name = self.operation.as_ref().and_then(|operation| operation.name.as_deref());
        let cost = self.operation.as_ref().map(|operation| operation.cost);
        tracing::info!(
            request_id = &*self.request_id,
            operation = name,
            kind = "subscription",
            cost,
            items = self.items,
            seconds = self.begun.elapsed().as_secs(),
            codes = self.failed,
            "a subscription has ended"
        );
    }
}

/// Returns a duration in milliseconds, rounded to microseconds.
pub fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use async_graphql::{ServerError, value};

    use super::*;

    #[test]
    fn bounds_names_from_clients() {
        assert_eq!(&*bounded("PlaceOrder"), "PlaceOrder");
        assert_eq!(&*bounded("a b\n\"é;x"), "abx");
        assert_eq!(bounded(&"x".repeat(1_000)).len(), MAX_NAME_BYTES);
    }

    #[test]
    fn describes_an_operation_by_its_name_and_field() {
        let describe = |text: &str| {
            let document = parse_query(text).unwrap();
            let (_, operation) = document.operations.iter().next().unwrap();
            let info = OperationInfo::new(&document, &operation.node, 3, None);
            (info.name.map(String::from), info.mutation.map(|name| name.to_string()))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(describe("mutation Mine { a: placeOrder { x } }"), (some("Mine"), some("placeOrder")));
        assert_eq!(describe("mutation { placeOrder { x } cancelOrder { x } }"), (None, None));
        assert_eq!(describe("query Q { placeOrder }"), (some("Q"), None));
        let effects = |text: &str| {
            let document = parse_query(text).unwrap();
            let (_, operation) = document.operations.iter().next().unwrap();
            OperationInfo::new(&document, &operation.node, 3, None).effects
        };
        let spread =
            "mutation { a: f { x } ...F ... { f { x } } } fragment F on Mutation { b: f { x } c: f { x } }";
        assert_eq!((effects(spread), effects("{ a: f b: f }")), (4, 0));
    }

    #[test]
    fn reports_the_codes_of_errors_and_refusals() {
        assert_eq!(codes(&Response::new(value!({ "a": 1 }))), None);
        let refused = Response::new(value!({
            "placeOrder": { "userErrors": [{ "code": "EMPTY_ORDER" }, { "message": "no" }] },
        }));
        assert_eq!((codes(&refused).as_deref(), outcome(&refused)), (Some("EMPTY_ORDER,REFUSED"), "refused"));
        let mut error = ServerError::new("somebody@example.com", None);
        graphql::error::set_code(&mut error, ErrorCode::Conflict);
        let failed = Response::from_errors(vec![error, ServerError::new("anything", None)]);
        assert_eq!((codes(&failed).as_deref(), outcome(&failed)), (Some("CONFLICT,INTERNAL"), "CONFLICT"));
    }
}
