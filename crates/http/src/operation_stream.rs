//! Operations as streams of responses, for connections that carry several: WebSockets and event streams.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use graphql::context::Caller;
use graphql::error::{ErrorCode, finish};
use graphql::progress::Progress;
use graphql::schema::Executed;

use super::api::Api;
use super::check::operation_info;
use super::operation_log::{OperationInfo, codes, milliseconds};
use super::refusal::{internal, refusal, refusal_of};
use super::subscribe;

/// A started operation. Dropping it cancels the operation.
pub struct OperationStream {
    /// Query, mutation or subscription.
    pub kind: OperationType,
    /// The responses; every error has a code.
    pub responses: BoxStream<'static, Response>,
    /// Whether the operation was executed; if not, the response rejects the request.
    pub executed: Executed,
    /// Log position that a subscription has reached.
    pub progress: Progress,
}

impl OperationStream {
    fn of(kind: OperationType) -> Self {
        let (executed, progress) = Default::default();
        Self { kind, responses: stream::empty().boxed(), executed, progress }
    }

    /// Returns a stream of the response that rejects a request.
    pub fn refused(response: Response) -> Self {
        let responses = stream::once(std::future::ready(response)).boxed();
        Self { responses, ..Self::of(OperationType::Query) }
    }

    /// Returns whether the last response is a result, not a rejection of the request.
    pub fn is_executed(&self) -> bool {
        self.executed.0.load(Ordering::Relaxed)
    }
}

impl Api {
    /// Checks and starts an operation.
    pub fn start(&self, mut request: Request, caller: Caller) -> OperationStream {
        let started = Instant::now();
        let kind = match self.check(&mut request, &caller) {
            Ok(kind) => kind,
            Err(response) => {
                log(&caller.request_id, operation_info(&request).as_deref(), &response, started.elapsed());
                return OperationStream::refused(*response);
            }
        };
        match self.admit_effects(&request, &caller) {
            Ok(()) => self.begin(kind, request, caller, None),
            Err(error) => OperationStream::refused(refusal_of(error.into(), &caller.request_id)),
        }
    }

    /// Starts an operation of this kind that was [checked](Api::check). A subscription resumes after `last_seen`.
    pub fn begin(
        &self,
        kind: OperationType,
        mut request: Request,
        caller: Caller,
        last_seen: Option<&str>,
    ) -> OperationStream {
        if kind == OperationType::Subscription {
            if let Some(last_seen) = last_seen {
                subscribe::resume(&mut request, last_seen);
            }
            return self.subscribe(request, caller);
        }
        let (api, executed) = (self.clone(), Executed::default());
        let is_executed = executed.clone();
        let response = async move {
            let (started, operation) = (Instant::now(), operation_info(&request));
            let execution = api.execute(kind, request, &caller).await;
            log(&caller.request_id, operation.as_deref(), &execution.response, started.elapsed());
            is_executed.0.store(execution.executed, Ordering::Relaxed);
            execution.response
        };
        OperationStream { responses: stream::once(response).boxed(), executed, ..OperationStream::of(kind) }
    }

    fn subscribe(&self, request: Request, caller: Caller) -> OperationStream {
        let place = match self.subscriptions.open(&caller) {
            Ok(place) => place,
            Err(error) => {
                return OperationStream::refused(refusal(ErrorCode::RateLimited, error.to_string()));
            }
        };
        let stream = OperationStream::of(OperationType::Subscription);
        let (batches, loaders) = self.batches();
        let mut record = self.metrics.subscribed(operation_info(&request), caller.request_id.clone());
        // The cost is per item; it is checked, but not reported with each item.
        let request = self.with_context(request, &caller, loaders, &stream.executed);
        let request = request.data(stream.progress.clone());
        let id = caller.request_id;
        let responses = batches.run_stream(self.schema.execute_stream(request));
        let responses = AssertUnwindSafe(responses).catch_unwind();
        let responses = responses.map(move |response| {
            let response = match response {
                Ok(response) => finish(response, &id),
                Err(panic) => internal(&id, &*panic),
            };
            record.note(&response);
            // Released when the stream is dropped.
            let _open = &place;
            response
        });
        OperationStream { responses: responses.boxed(), ..stream }
    }
}

/// Logs an operation of a connection that carries several; other operations are logged with their HTTP request.
fn log(request_id: &str, operation: Option<&OperationInfo>, response: &Response, elapsed: Duration) {
    tracing::info!(
        request_id,
        operation = operation.and_then(|operation| operation.name.as_deref()),
        kind = operation.map(OperationInfo::kind_str),
        cost = operation.map(|operation| operation.cost),
        duration_ms = milliseconds(elapsed),
        codes = codes(response).as_deref(),
        "answered an operation"
    );
}
