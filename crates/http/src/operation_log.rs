//! What is told of an operation, in the log and in the metrics: its name and kind, what it cost and how it ended.
//! Never its variables or its text. What a client has named is bounded, and never a label of a metric.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType, Selection};
use async_graphql::{Name, Response, Value};
use document::limits::root_fields;
use graphql::error::ErrorCode;
use metrics::{Counter, Histogram};

use crate::cost::Costs;

/// The longest name of an operation that is written down, in bytes.
const NAME: usize = 64;
/// The most codes that are written down of one answer.
const CODES: usize = 5;

/// What is known of an operation before it is executed.
#[derive(Debug)]
pub struct Described {
    /// Query, mutation or subscription.
    pub kind: OperationType,
    /// What its client calls it: letters, digits and underscores, cut to 64 bytes.
    pub name: Option<Box<str>>,
    /// What it costs, as asked for.
    pub cost: u64,
    /// How many fields with effects it has, fragments expanded: those at the root of a mutation.
    pub effects: u32,
    /// The mutation that it is; none for several at once.
    mutation: Option<Name>,
}

impl Described {
    /// Describes an operation of a document.
    pub fn new(
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        cost: u64,
        asked_for: Option<&str>,
    ) -> Self {
        let only = document.operations.iter().find(|(_, found)| std::ptr::eq(&found.node, operation));
        let name = asked_for.or(only.and_then(|(name, _)| name.map(Name::as_str)));
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

    /// `query`, `mutation` or `subscription`.
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

/// A name of GraphQL's grammar is ASCII; what else comes this way is left out.
fn bounded(name: &str) -> Box<str> {
    name.chars().filter(|char| char.is_ascii_alphanumeric() || *char == '_').take(NAME).collect()
}

/// What is told of a request's operation once it has been answered; travels with the HTTP response.
#[derive(Debug, Clone)]
pub struct Told {
    /// The operation; none when the request never came so far.
    pub operation: Option<Arc<Described>>,
    /// The codes of errors and of refusals.
    pub codes: Option<Cow<'static, str>>,
}

/// The codes of an answer: of its errors, and of the refusals in its payloads.
pub fn codes(response: &Response) -> Option<Cow<'static, str>> {
    let mut codes = codes_of(response);
    match codes.len() {
        0 => None,
        1 => codes.pop(),
        _ => Some(codes.join(",").into()),
    }
}

fn codes_of(response: &Response) -> Vec<Cow<'static, str>> {
    let mut codes: Vec<Cow<'static, str>> = Vec::new();
    let mut add = |code: Cow<'static, str>| {
        if codes.len() < CODES && !codes.contains(&code) {
            codes.push(code);
        }
    };
    for error in &response.errors {
        match error.extensions.as_ref().and_then(|extensions| extensions.get("code")) {
            Some(Value::String(code)) => add(code.clone().into()),
            _ => add(ErrorCode::Internal.as_str().into()),
        }
    }
    refusals(&response.data, |code| add(code.to_owned().into()));
    codes
}

/// The codes of the `userErrors` of an answer's root fields, where they were asked for.
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

/// How an operation ended, for counting.
fn outcome(response: &Response) -> &'static str {
    match response.errors.first() {
        Some(error) => {
            let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
            let known = ErrorCode::ALL.into_iter().find(|known| match code {
                Some(Value::String(code)) => known.as_str() == code,
                _ => false,
            });
            known.unwrap_or(ErrorCode::Internal).as_str()
        }
        None => {
            let mut refused = false;
            refusals(&response.data, |_| refused = true);
            if refused { "refused" } else { "ok" }
        }
    }
}

/// Counters of one thing by outcome, each made when it is needed first: a bounded set.
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
    /// The schema's mutations, by name.
    mutations: HashMap<Name, ByOutcome>,
}

impl OperationMetrics {
    /// For the mutations of a schema.
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
            // What follows the log has no end to wait for.
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

    /// Counts an operation that was answered.
    pub fn count(&self, operation: &Described, response: &Response, took: Duration) {
        let outcome = outcome(response);
        self.of(operation.kind).count(outcome, Some(took));
        if let Some(of) = operation.mutation.as_ref().and_then(|name| self.0.mutations.get(name)) {
            of.count(outcome, Some(took));
        }
    }

    /// Counts a subscription that was begun, until the value goes.
    pub fn subscribed(&self, operation: Option<Arc<Described>>, request_id: Arc<str>) -> Following {
        metrics::gauge!("ocpizza_subscriptions").increment(1.0);
        let name = operation.as_ref().and_then(|operation| operation.name.as_deref());
        tracing::info!(request_id = &*request_id, operation = name, "a subscription has begun");
        Following {
            metrics: self.clone(),
            operation,
            request_id,
            begun: Instant::now(),
            items: 0,
            failed: None,
        }
    }
}

/// A subscription that goes on. Its end is told when it is dropped, however it ended.
#[derive(Debug)]
pub struct Following {
    metrics: OperationMetrics,
    operation: Option<Arc<Described>>,
    request_id: Arc<str>,
    begun: Instant,
    items: u64,
    failed: Option<&'static str>,
}

impl Following {
    /// An item, or what it ended with.
    pub fn note(&mut self, response: &Response) {
        if response.errors.is_empty() {
            self.items += 1;
        } else {
            self.failed = Some(outcome(response));
        }
    }
}

impl Drop for Following {
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

/// A duration as it is written down: milliseconds, to the microsecond.
pub fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use async_graphql::{ServerError, value};

    use super::*;

    #[test]
    fn what_a_client_names_is_bounded() {
        assert_eq!(&*bounded("PlaceOrder"), "PlaceOrder");
        assert_eq!(&*bounded("a b\n\"é;x"), "abx");
        assert_eq!(bounded(&"x".repeat(1_000)).len(), NAME);
    }

    #[test]
    fn an_operation_is_known_by_its_own_name_and_field() {
        let describe = |text: &str| {
            let document = parse_query(text).unwrap();
            let (_, operation) = document.operations.iter().next().unwrap();
            let described = Described::new(&document, &operation.node, 3, None);
            (described.name.map(String::from), described.mutation.map(|name| name.to_string()))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(describe("mutation Mine { a: placeOrder { x } }"), (some("Mine"), some("placeOrder")));
        assert_eq!(describe("mutation { placeOrder { x } cancelOrder { x } }"), (None, None));
        assert_eq!(describe("query Q { placeOrder }"), (some("Q"), None));
        let effects = |text: &str| {
            let document = parse_query(text).unwrap();
            let (_, operation) = document.operations.iter().next().unwrap();
            Described::new(&document, &operation.node, 3, None).effects
        };
        let spread =
            "mutation { a: f { x } ...F ... { f { x } } } fragment F on Mutation { b: f { x } c: f { x } }";
        assert_eq!((effects(spread), effects("{ a: f b: f }")), (4, 0));
    }

    #[test]
    fn errors_and_refusals_are_told_by_their_codes() {
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
