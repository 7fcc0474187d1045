//! Executes checked queries and mutations, the same on every transport. A panic in a resolver is answered as `INTERNAL`.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_graphql::dataloader::DataLoader;
use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response};
use event_store::SPANS;
use futures_util::FutureExt;
use graphql::batching::Batches;
use graphql::context::{Caller, Services};
use graphql::error::{ErrorCode, finish};
use graphql::introspection::Undescribed;
use graphql::loaders::Loaders;
use graphql::schema::Executed;
use tracing::Instrument;

use super::api::Api;
use super::check::{cost_of, operation_info, with_cost};
use super::refusal::{internal, refusal};

/// Time limit of a query. Mutations are bounded where they wait: if one were cancelled, the caller would not know what
/// was stored.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);

/// The result of an operation.
#[derive(Debug)]
pub struct Execution {
    /// The response; every error has a code.
    pub response: Response,
    /// Whether the operation was executed; if not, the response has no `data`, not even null.
    pub executed: bool,
}

impl Api {
    /// Executes a query or mutation that was [checked](Api::check). A query that exceeds its time limit is cancelled and
    /// answered `UNAVAILABLE`.
    pub async fn execute(&self, kind: OperationType, request: Request, caller: &Caller) -> Execution {
        let (started, operation) = (Instant::now(), operation_info(&request));
        let (name, kind_str) = operation
            .as_ref()
            .map_or((None, ""), |operation| (operation.name.as_deref(), operation.kind_str()));
        let span = tracing::info_span!(target: SPANS, "operation", operation = name, kind = kind_str);
        let execution = self.run(kind, request, caller).instrument(span).await;
        if let Some(operation) = &operation {
            self.metrics.count(operation, &execution.response, started.elapsed());
        }
        execution
    }

    async fn run(&self, kind: OperationType, request: Request, caller: &Caller) -> Execution {
        let executed = Executed::default();
        let (batches, loaders) = self.batches();
        let cost = cost_of(&request);
        let request = self.with_context(request, caller, loaders, &executed);
        let executing = AssertUnwindSafe(batches.run(self.schema.execute(request))).catch_unwind();
        let response = match kind {
            OperationType::Query => match tokio::time::timeout(QUERY_TIMEOUT, executing).await {
                Ok(response) => response,
                Err(_) => {
                    let response = with_cost(query_timeout(&caller.request_id), cost);
                    return Execution { response, executed: true };
                }
            },
            OperationType::Mutation | OperationType::Subscription => executing.await,
        };
        match response {
            Ok(response) => Execution {
                response: with_cost(finish(response, &caller.request_id), cost),
                executed: executed.0.load(Ordering::Relaxed),
            },
            Err(panic) => Execution { response: internal(&caller.request_id, &*panic), executed: false },
        }
    }

    /// Returns the batches of an operation and the loaders that use them.
    pub(super) fn batches(&self) -> (Batches, DataLoader<Loaders>) {
        let batches = Batches::default();
        let Services { pool, read_models, .. } = &self.services;
        let loaders = batches.loaders_among(pool, read_models.heavy());
        (batches, loaders)
    }

    /// Adds the context of resolvers to a request.
    pub(super) fn with_context(
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
}

fn query_timeout(request_id: &str) -> Response {
    tracing::warn!(request_id, "a query took too long");
    let seconds = QUERY_TIMEOUT.as_secs();
    refusal(ErrorCode::Unavailable, format!("the query took longer than {seconds} seconds; ask for less"))
}
