//! Checks a request before its execution, the same on every transport. Executes nothing.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Instant;

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType};
use async_graphql::{Name, Positioned, Request, Response, Variables};
use document::completion::{SelectionContext, conditions, find_operation};
use document::{Document, Violation, execution};
use graphql::context::Caller;
use graphql::error::{ErrorCode, finish};

use super::api::Api;
use super::cost::{Cost, MAX_COST};
use super::operation_log::OperationInfo;
use super::rate_limit::RateLimitExceeded;
use super::refusal::{self, refusal};

/// A value, or the response that rejects the request.
type Checked<T> = Result<T, Box<Response>>;

/// An operation with its name, if it has one.
type Operation<'a> = (Option<&'a Name>, &'a Positioned<OperationDefinition>);

impl Api {
    /// Checks a request and replaces its document by the executed operation, whose description and cost become data of
    /// the request.
    ///
    /// The cost, the execution, the completion of the result and the fingerprint of an idempotency key all use the
    /// variables as coerced here.
    ///
    /// # Errors
    /// The response that rejects the request.
    pub fn check(&self, request: &mut Request, caller: &Caller) -> Result<OperationType, Box<Response>> {
        let started = Instant::now();
        let checked = self.check_steps(request, caller);
        if let (Err(response), Some(operation)) = (&checked, operation_info(request)) {
            self.metrics.count(&operation, response, started.elapsed());
        }
        checked
    }

    fn check_steps(&self, request: &mut Request, caller: &Caller) -> Checked<OperationType> {
        let document = self.document_cache.get_or_parse(&request.query)?;
        let name = request.operation_name.clone();
        let check = Check { api: self, caller, document: &document, name: name.as_deref() };
        let found = find_operation(&document.executable, check.name);
        let estimate = found.map(|operation| check.estimate_cost(request, operation));
        check.reject_violations(estimate)?;
        let operation = check.require_operation(found)?;
        check.reject_mutation_in_maintenance(operation)?;
        check.coerce_variables(request, operation)?;
        let cost = check.limit_cost(request, operation)?;
        let plan = check.plan(request, operation)?;
        check.prepare(request, operation, cost, plan);
        Ok(operation.1.node.ty)
    }

    /// Counts the fields with effects of a [checked](Api::check) operation, on every transport before its execution.
    ///
    /// # Errors
    /// [`RateLimitExceeded`], with the time to wait.
    pub fn admit_effects(&self, request: &Request, caller: &Caller) -> Result<(), RateLimitExceeded> {
        operation_info(request).map_or(Ok(()), |operation| self.limiter.effects(caller, operation.effects))
    }
}

/// The steps of a check.
struct Check<'a> {
    api: &'a Api,
    caller: &'a Caller,
    document: &'a Arc<Document>,
    /// The requested name of the operation.
    name: Option<&'a str>,
}

impl<'a> Check<'a> {
    /// Describes the operation by its cost without variables, for requests that are rejected before their coercion.
    fn estimate_cost(&self, request: &mut Request, operation: Operation<'a>) -> Cost {
        let cost = self.cost(operation, &Variables::default());
        request.data.insert(self.info(operation, cost));
        cost
    }

    fn reject_violations(&self, estimate: Option<Cost>) -> Checked<()> {
        match self.document.violations.as_slice() {
            [] => Ok(()),
            violations => Err(Box::new(with_cost(*self.violations(violations), estimate))),
        }
    }

    fn require_operation(&self, found: Option<Operation<'a>>) -> Checked<Operation<'a>> {
        let bad_input = |message| Box::new(refusal(ErrorCode::BadUserInput, message));
        if self.name.is_none() && self.document.executable.operations.iter().len() > 1 {
            return Err(bad_input("operationName is required: the document has several operations"));
        }
        found.ok_or_else(|| bad_input("operationName: the document has no operation of this name"))
    }

    fn reject_mutation_in_maintenance(&self, (_, operation): Operation<'a>) -> Checked<()> {
        let services = &self.api.services;
        if operation.node.ty == OperationType::Mutation
            && let Some(window) = services.maintenance.window()
        {
            return Err(Box::new(refusal::maintenance(&window, services.clock.now())));
        }
        Ok(())
    }

    fn coerce_variables(&self, request: &mut Request, (name, operation): Operation<'a>) -> Checked<()> {
        let validator = self.api.document_cache.validator();
        let given = std::mem::take(&mut request.variables);
        let coerced = self.document.coerce(validator, name.map(Name::as_str), &operation.node, given);
        request.variables = coerced.map_err(|violations| self.violations(&violations))?;
        Ok(())
    }

    fn limit_cost(&self, request: &Request, operation: Operation<'a>) -> Checked<Cost> {
        let cost = self.cost(operation, &request.variables);
        if cost.requested <= MAX_COST {
            return Ok(cost);
        }
        let message = format!(
            "the operation costs {}, the limit is {MAX_COST}: request smaller pages or fewer fields",
            cost.requested
        );
        Err(Box::new(with_cost(refusal(ErrorCode::QueryTooComplex, message), Some(cost))))
    }

    fn plan(&self, request: &Request, (name, operation): Operation<'a>) -> Checked<ExecutableDocument> {
        let schema = self.api.document_cache.validator().schema();
        let plan = execution::plan(schema, &self.document.executable, name, operation, &request.variables);
        plan.map_err(|violation| self.violations(&[violation]))
    }

    /// Adds to the request what its execution needs.
    fn prepare(&self, request: &mut Request, operation: Operation<'a>, cost: Cost, plan: ExecutableDocument) {
        let context = SelectionContext {
            document: self.document.clone(),
            operation: self.name.map(str::to_owned),
            conditions: conditions(&request.variables),
        };
        request.data.insert(Arc::new(context));
        request.data.insert(self.info(operation, cost));
        request.data.insert(cost);
        request.set_parsed_query(plan);
    }

    fn cost(&self, (_, operation): Operation<'a>, variables: &Variables) -> Cost {
        self.api.costs.cost(&self.document.executable, &operation.node, variables)
    }

    fn info(&self, (_, operation): Operation<'a>, cost: Cost) -> Arc<OperationInfo> {
        let document = &self.document.executable;
        Arc::new(OperationInfo::new(document, &operation.node, cost.requested, self.name))
    }

    /// Returns the response that reports violations.
    fn violations(&self, violations: &[Violation]) -> Box<Response> {
        let suggest = self.api.introspection.is_for(self.caller.actor.as_ref());
        let errors = violations.iter().map(|violation| violation.to_error(suggest));
        Box::new(finish(Response::from_errors(errors.collect()), &self.caller.request_id))
    }
}

/// Returns the description of a request's operation, once it was [checked](Api::check).
pub fn operation_info(request: &Request) -> Option<Arc<OperationInfo>> {
    request.data.get(&TypeId::of::<Arc<OperationInfo>>())?.downcast_ref::<Arc<OperationInfo>>().cloned()
}

pub(super) fn cost_of(request: &Request) -> Option<Cost> {
    request.data.get(&TypeId::of::<Cost>()).and_then(|cost| cost.downcast_ref::<Cost>()).copied()
}

pub(super) fn with_cost(mut response: Response, cost: Option<Cost>) -> Response {
    if let Some(cost) = cost {
        response.extensions.insert("cost".to_owned(), cost.to_value());
    }
    response
}
