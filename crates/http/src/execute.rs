//! Executing operations, the same for every transport: limits first, then the schema with its caller,
//! then errors with their codes. Nothing that fails in here panics outside.

use std::any::TypeId;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_graphql::dataloader::DataLoader;
use async_graphql::parser::types::OperationType;
use async_graphql::{Name, Request, Response, ServerError, Variables};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION};
use document::completion::{Asked, find_operation, switches};
use document::{Complaint, execution};
use event_store::SPANS;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use graphql::batching::Batches;
use graphql::context::{Caller, Services};
use graphql::error::{ApiError, ErrorCode, finish, set_code};
use graphql::introspection::{Introspection, Undescribed};
use graphql::loaders::Loaders;
use graphql::progress::Progress;
use graphql::schema::{Executed, Schema};
use identity::accounts::Authenticator;
use identity::client_address::ClientAddress;
use messages::labels::Lang;
use tracing::Instrument;

use super::admission::Subscriptions;
use super::document_cache::Parsed;
use super::persisted_documents::Documents;
use super::rate_limit::{RateLimiter, TooFast, count_refused};
use super::request_id::{RequestId, panic_text};
use super::{maintenance, subscribe};
use crate::cost::{COST, Cost, Costs};
use crate::operation_log::{Described, OperationMetrics, codes, milliseconds};

/// How long a query may take. Mutations are bounded where they wait: giving up on one half-way would
/// leave the caller not knowing what was stored.
const QUERY: Duration = Duration::from_secs(10);

fn with_cost(mut response: Response, cost: Option<Cost>) -> Response {
    if let Some(cost) = cost {
        response.extensions.insert("cost".to_owned(), cost.to_value());
    }
    response
}

fn cost_of(request: &Request) -> Option<Cost> {
    request.data.get(&TypeId::of::<Cost>()).and_then(|cost| cost.downcast_ref::<Cost>()).copied()
}

/// What is known of a request's operation, once it was [checked](Api::check).
pub fn described(request: &Request) -> Option<Arc<Described>> {
    request.data.get(&TypeId::of::<Arc<Described>>())?.downcast_ref::<Arc<Described>>().cloned()
}

/// The schema with everything that an operation needs.
#[derive(Clone)]
pub struct Api {
    /// Schema with its resolvers.
    pub schema: Schema,
    /// Services of the process.
    pub services: Services,
    /// Reads bearer tokens.
    pub authenticator: Authenticator,
    /// Rate limits by account and by address.
    pub limiter: RateLimiter,
    /// Counts open subscriptions by account.
    pub subscriptions: Subscriptions,
    /// Callers to whom the API describes itself.
    pub introspection: Introspection,
    /// What requests may name instead of sending it; see [`super::request::Parameters::into_request`].
    pub documents: Documents,
    /// Those that were parsed lately.
    pub parsed: Parsed,
    /// What the fields of the schema cost.
    pub costs: Costs,
    /// Counts operations.
    pub metrics: OperationMetrics,
}

/// How an operation ended.
#[derive(Debug)]
pub struct Executing {
    /// The answer, every error with its code.
    pub response: Response,
    /// Whether the operation was executed at all: otherwise there is no `data`, not even null.
    pub executed: bool,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Not a bearer token, or one that is unknown or has ended.
    Token,
    /// Sessions cannot be read now.
    Unavailable,
}

/// An answer that is one error.
pub fn refusal(code: ErrorCode, message: impl Into<String>) -> Response {
    let mut error = ServerError::new(message, None);
    set_code(&mut error, code);
    Response::from_errors(vec![error])
}

/// An answer that is one error of a resolver's kind.
pub fn refusal_of(error: ApiError, request_id: &str) -> Response {
    let mut refused = ServerError::new(error.to_string(), None);
    refused.source = Some(Arc::new(error));
    finish(Response::from_errors(vec![refused]), request_id)
}

fn internal(request_id: &str, panic: &(dyn std::any::Any + Send)) -> Response {
    tracing::error!(request_id, panic = panic_text(panic), "an operation panicked");
    let mut response = refusal(ErrorCode::Internal, "internal error");
    for error in &mut response.errors {
        error.extensions.get_or_insert_default().set("requestId", request_id);
    }
    response
}

fn too_slow(request_id: &str) -> Response {
    tracing::warn!(request_id, "a query took too long");
    let seconds = QUERY.as_secs();
    refusal(ErrorCode::Unavailable, format!("the query took longer than {seconds} seconds; ask for less"))
}

impl Api {
    /// Who is calling, by the `Authorization` of the request or of `connection_init`, and from where.
    ///
    /// # Errors
    /// [`Refused`] for a token that lets nobody in.
    pub async fn caller(
        &self,
        authorization: Option<&str>,
        address: ClientAddress,
        lang: Lang,
        request_id: &RequestId,
    ) -> Result<Caller, Refused> {
        let mut caller = Caller { address, ..Caller::anonymous(lang, request_id.0.clone()) };
        if let Some(authorization) = authorization {
            let (scheme, token) = authorization.trim().split_once(' ').ok_or(Refused::Token)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(Refused::Token);
            }
            let session = self.authenticator.authenticate(token.trim()).await.map_err(|error| {
                let cause = event_store::chain(&error);
                tracing::warn!(request_id = &*request_id.0, cause, "a session could not be read");
                Refused::Unavailable
            })?;
            let session = session.ok_or(Refused::Token)?;
            caller.session = Some(session.id);
            caller.actor = Some(session.actor);
        }
        Ok(caller)
    }

    /// Counts an operation of a caller who was let in.
    ///
    /// # Errors
    /// [`TooFast`], with the time to wait.
    pub fn admit(&self, caller: &Caller) -> Result<(), TooFast> {
        let admitted = caller.actor.as_ref().map_or(Ok(()), |actor| self.limiter.account(actor.id));
        admitted.inspect_err(|_| count_refused("account"))
    }

    /// Counts the fields with effects of an operation that was [checked](Api::check), on every transport before it is
    /// executed.
    ///
    /// # Errors
    /// [`TooFast`], with the time to wait.
    pub fn admit_effects(&self, request: &Request, caller: &Caller) -> Result<(), TooFast> {
        described(request).map_or(Ok(()), |described| self.limiter.effects(caller, described.effects))
    }

    /// Parses and validates a request, coerces its variables, and holds it against the limits: on every transport
    /// before anything else. What it costs becomes data of the request, from where it comes into the answer.
    ///
    /// The coerced variables are the only ones from here on: the cost, the execution, the completion of the answer
    /// and the fingerprint of an idempotency key all see them.
    ///
    /// # Errors
    /// The answer that it gets instead of being executed.
    pub fn check(&self, request: &mut Request, caller: &Caller) -> Result<OperationType, Box<Response>> {
        let begun = Instant::now();
        let checked = self.ready(request, caller);
        if let (Err(response), Some(described)) = (&checked, described(request)) {
            self.metrics.count(&described, response, begun.elapsed());
        }
        checked
    }

    fn ready(&self, request: &mut Request, caller: &Caller) -> Result<OperationType, Box<Response>> {
        let refused = |code, message: String| Box::new(refusal(code, message));
        let bad_input = |message: String| refused(ErrorCode::BadUserInput, message);
        let parsed = self.parsed.of(&request.query)?;
        let document = &parsed.executable;
        let asked_for = request.operation_name.clone();
        let (asked_for, found) = (asked_for.as_deref(), find_operation(document, asked_for.as_deref()));
        // Of what is refused before its variables are known.
        let cost = found.map(|(_, operation)| {
            let cost = self.costs.cost(document, &operation.node, &Variables::default());
            request.data.insert(Arc::new(Described::new(
                document,
                &operation.node,
                cost.requested,
                asked_for,
            )));
            cost
        });
        if !parsed.complaints.is_empty() {
            return Err(Box::new(with_cost(self.complaints(&parsed.complaints, caller), cost)));
        }
        if asked_for.is_none() && document.operations.iter().len() > 1 {
            return Err(bad_input("operationName is needed: there are several".to_owned()));
        }
        let Some((name, operation)) = found else {
            return Err(bad_input("operationName: there is no such operation".to_owned()));
        };
        let kind = operation.node.ty;
        if kind == OperationType::Mutation
            && let Some(window) = self.services.maintenance.window()
        {
            return Err(Box::new(maintenance::refused(&window, self.services.clock.now())));
        }
        let validator = self.parsed.validator();
        let given = std::mem::take(&mut request.variables);
        let coerced = parsed.coerce(validator, name.map(Name::as_str), &operation.node, given);
        request.variables = coerced.map_err(|complaints| Box::new(self.complaints(&complaints, caller)))?;
        let cost = self.costs.cost(document, &operation.node, &request.variables);
        if cost.requested > COST {
            let message = format!(
                "the operation costs {}, and may cost {COST}: ask for smaller pages or fewer fields",
                cost.requested
            );
            let response = refusal(ErrorCode::QueryTooComplex, message);
            return Err(Box::new(with_cost(response, Some(cost))));
        }
        let executed = execution::executed(validator.schema(), document, name, operation, &request.variables);
        let executed = executed.map_err(|complaint| Box::new(self.complaints(&[complaint], caller)))?;
        let described = Arc::new(Described::new(document, &operation.node, cost.requested, asked_for));
        let (operation, switches) = (request.operation_name.clone(), switches(&request.variables));
        request.data.insert(Arc::new(Asked { document: parsed, operation, switches }));
        request.data.insert(described);
        request.data.insert(cost);
        request.set_parsed_query(executed);
        Ok(kind)
    }

    /// The answer to a request that violates rules.
    fn complaints(&self, complaints: &[Complaint], caller: &Caller) -> Response {
        let suggest = self.introspection.is_for(caller.actor.as_ref());
        let errors = complaints.iter().map(|complaint| complaint.to_error(suggest));
        finish(Response::from_errors(errors.collect()), &caller.request_id)
    }

    fn prepare(
        &self,
        mut request: Request,
        caller: &Caller,
        loaders: DataLoader<Loaders>,
        executed: &Executed,
    ) -> Request {
        if !self.introspection.is_for(caller.actor.as_ref()) {
            request = request.disable_introspection().data(Undescribed);
        }
        request.data(caller.clone()).data(loaders).data(executed.clone())
    }

    /// Executes a query or a mutation that was [checked](Api::check) to be one. A query that takes too
    /// long is answered `UNAVAILABLE`, its reads given up.
    pub async fn execute(&self, kind: OperationType, request: Request, caller: &Caller) -> Executing {
        let (begun, described) = (Instant::now(), described(&request));
        let (name, kind_str) = described
            .as_ref()
            .map_or((None, ""), |described| (described.name.as_deref(), described.kind_str()));
        let span = tracing::info_span!(target: SPANS, "operation", operation = name, kind = kind_str);
        let executing = self.run(kind, request, caller).instrument(span).await;
        if let Some(described) = &described {
            self.metrics.count(described, &executing.response, begun.elapsed());
        }
        executing
    }

    async fn run(&self, kind: OperationType, request: Request, caller: &Caller) -> Executing {
        let executed = Executed::default();
        let batches = Batches::default();
        let Services { pool, read_models, .. } = &self.services;
        let loaders = batches.loaders_among(pool, read_models.heavy());
        let cost = cost_of(&request);
        let request = self.prepare(request, caller, loaders, &executed);
        let executing = AssertUnwindSafe(batches.run(self.schema.execute(request))).catch_unwind();
        let response = match kind {
            OperationType::Query => match tokio::time::timeout(QUERY, executing).await {
                Ok(response) => response,
                Err(_) => {
                    let response = with_cost(too_slow(&caller.request_id), cost);
                    return Executing { response, executed: true };
                }
            },
            OperationType::Mutation | OperationType::Subscription => executing.await,
        };
        match response {
            Ok(response) => Executing {
                response: with_cost(finish(response, &caller.request_id), cost),
                executed: executed.0.load(Ordering::Relaxed),
            },
            Err(panic) => Executing { response: internal(&caller.request_id, &*panic), executed: false },
        }
    }

    /// Checks any operation and starts it: a subscription answers many times, others once.
    pub fn start(&self, mut request: Request, caller: Caller) -> Running {
        let begun = Instant::now();
        let kind = match self.check(&mut request, &caller) {
            Ok(kind) => kind,
            Err(response) => {
                note(&caller.request_id, described(&request).as_deref(), &response, begun.elapsed());
                return Running::refused(*response);
            }
        };
        match self.admit_effects(&request, &caller) {
            Ok(()) => self.begin(kind, request, caller, None),
            Err(too_fast) => Running::refused(refusal_of(too_fast.into(), &caller.request_id)),
        }
    }

    /// Starts any operation that was [checked](Api::check) to be of its kind. With the position that a
    /// client has seen last, a subscription resumes there.
    pub fn begin(
        &self,
        kind: OperationType,
        mut request: Request,
        caller: Caller,
        last_seen: Option<&str>,
    ) -> Running {
        if kind == OperationType::Subscription {
            if let Some(last_seen) = last_seen {
                subscribe::resume(&mut request, last_seen);
            }
            return self.follow(request, caller);
        }
        let (api, executed) = (self.clone(), Executed::default());
        let answered = executed.clone();
        let answer = async move {
            let (begun, described) = (Instant::now(), described(&request));
            let executing = api.execute(kind, request, &caller).await;
            note(&caller.request_id, described.as_deref(), &executing.response, begun.elapsed());
            answered.0.store(executing.executed, Ordering::Relaxed);
            executing.response
        };
        Running { answers: stream::once(answer).boxed(), executed, ..Running::of(kind) }
    }

    fn follow(&self, request: Request, caller: Caller) -> Running {
        let place = match self.subscriptions.open(&caller) {
            Ok(place) => place,
            Err(too_many) => return Running::refused(refusal(ErrorCode::RateLimited, too_many.to_string())),
        };
        let running = Running::of(OperationType::Subscription);
        let batches = Batches::default();
        let Services { pool, read_models, .. } = &self.services;
        let loaders = batches.loaders_among(pool, read_models.heavy());
        let mut following = self.metrics.subscribed(described(&request), caller.request_id.clone());
        // What a subscription costs is for each of its items: it is checked, and not said again and again.
        let request = self.prepare(request, &caller, loaders, &running.executed);
        let request = request.data(running.progress.clone());
        let id = caller.request_id;
        let responses = batches.run_stream(self.schema.execute_stream(request));
        let responses = AssertUnwindSafe(responses).catch_unwind();
        let answers = responses.map(move |response| {
            let answer = match response {
                Ok(response) => finish(response, &id),
                Err(panic) => internal(&id, &*panic),
            };
            following.note(&answer);
            // Given back when the stream is dropped.
            let _open = &place;
            answer
        });
        Running { answers: answers.boxed(), ..running }
    }
}

/// One line an operation, of those that share a connection: a request of its own has the request's line.
fn note(request_id: &str, described: Option<&Described>, response: &Response, took: Duration) {
    tracing::info!(
        request_id,
        operation = described.and_then(|described| described.name.as_deref()),
        kind = described.map(Described::kind_str),
        cost = described.map(|described| described.cost),
        duration_ms = milliseconds(took),
        codes = codes(response).as_deref(),
        "answered an operation"
    );
}

/// An operation that answers over time. Dropped, it is given up.
pub struct Running {
    /// Of which kind it is.
    pub kind: OperationType,
    /// Its answers, every error with its code.
    pub answers: BoxStream<'static, Response>,
    /// Whether it has been executed: otherwise an answer says what is wrong with the request.
    pub executed: Executed,
    /// How far a subscription has come.
    pub progress: Progress,
}

impl Running {
    fn of(kind: OperationType) -> Self {
        let (executed, progress) = Default::default();
        Self { kind, answers: stream::empty().boxed(), executed, progress }
    }

    /// One that ends with what is wrong with its request.
    pub fn refused(response: Response) -> Self {
        let answers = stream::once(std::future::ready(response)).boxed();
        Self { answers, ..Self::of(OperationType::Query) }
    }

    /// Whether what it has answered is an answer, and no refusal of the request.
    pub fn is_executed(&self) -> bool {
        self.executed.0.load(Ordering::Relaxed)
    }
}

/// The language that a request asks for.
pub fn lang(headers: &HeaderMap) -> Lang {
    let header = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    header.map_or_else(Lang::default, Lang::from_accept_language)
}

/// The `Authorization` of a request; one that is not even text lets nobody in.
pub fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default())
}
