//! The operations that run on one connection, in the connection's own task: an idle one costs its state
//! and nothing else. Whatever else the task waits for, it lets them go on meanwhile: one that was left
//! in the middle of a query would keep its connection to the database from everybody.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_graphql::Response;
use async_graphql::parser::types::OperationType;
use domain::LogPosition;
use futures_util::stream::{AbortHandle, Abortable, FuturesUnordered, StreamFuture};
use futures_util::{Stream, StreamExt};
use graphql::progress::Progress;

use crate::execute::Running;

/// What became of an operation.
pub(super) enum Outcome {
    /// It has answered.
    Next(Box<Response>),
    /// Its request was refused; it is over.
    Refused(Box<Response>),
    /// It is over.
    Complete,
}

/// An operation that goes on by itself.
struct Operation {
    id: Arc<str>,
    /// Tells it from an earlier one of the same id.
    number: u64,
    running: Abortable<Answers>,
}

struct Answers(Running);

impl Stream for Answers {
    type Item = Outcome;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        self.0.answers.poll_next_unpin(cx).map(|answer| {
            Some(match answer {
                Some(response) if self.0.is_executed() => Outcome::Next(Box::new(response)),
                Some(response) => Outcome::Refused(Box::new(response)),
                None => Outcome::Complete,
            })
        })
    }
}

impl Stream for Operation {
    type Item = Outcome;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        self.running.poll_next_unpin(cx)
    }
}

/// What is known of an operation while it goes on.
struct Handle {
    number: u64,
    kind: OperationType,
    progress: Progress,
    abort: AbortHandle,
}

/// The operations of a connection, by id.
#[derive(Default)]
pub(super) struct Operations {
    handles: HashMap<Arc<str>, Handle>,
    going: FuturesUnordered<StreamFuture<Operation>>,
    /// Those that have said something which was not heard yet: they wait until it is.
    waiting: VecDeque<(Outcome, Operation)>,
    started: u64,
}

impl Operations {
    pub fn contains(&self, id: &str) -> bool {
        self.handles.contains_key(id)
    }

    pub fn len(&self) -> usize {
        self.handles.len()
    }

    pub fn start(&mut self, id: String, running: Running) {
        self.started += 1;
        let (id, number): (Arc<str>, _) = (id.into(), self.started);
        let (abort, registration) = AbortHandle::new_pair();
        let (kind, progress) = (running.kind, running.progress.clone());
        self.handles.insert(id.clone(), Handle { number, kind, progress, abort });
        let running = Abortable::new(Answers(running), registration);
        self.going.push(Operation { id, number, running }.into_future());
    }

    /// Gives an operation up, if it runs; its id is free again.
    pub fn stop(&mut self, id: &str) {
        if let Some(handle) = self.handles.remove(id) {
            handle.abort.abort();
            self.waiting.retain(|(_, operation)| operation.number != handle.number);
        }
    }

    /// Gives up what would never end by itself.
    pub fn stop_subscriptions(&mut self) {
        let endless = self.handles.iter().filter(|(_, handle)| handle.kind == OperationType::Subscription);
        let ids: Vec<_> = endless.map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.stop(&id);
        }
    }

    /// Lets operations go on until each has something to say.
    fn poll(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some((outcome, operation))) = self.going.poll_next_unpin(cx) {
            let current =
                self.handles.get(&operation.id).is_some_and(|handle| handle.number == operation.number);
            if let Some(outcome) = outcome.filter(|_| current) {
                self.waiting.push_back((outcome, operation));
            }
        }
    }

    /// Lets operations go on, and never returns.
    pub async fn go_on(&mut self) {
        poll_fn(|cx| {
            self.poll(cx);
            Poll::Pending
        })
        .await
    }

    /// What happens next; never, while nothing runs.
    pub async fn next(&mut self) -> (Arc<str>, Outcome) {
        poll_fn(|cx| {
            self.poll(cx);
            let Some((outcome, operation)) = self.waiting.pop_front() else { return Poll::Pending };
            if self.waiting.is_empty() {
                // Seldom does anything wait: its room is not kept for that.
                self.waiting = VecDeque::new();
            }
            let id = operation.id.clone();
            match outcome {
                Outcome::Next(_) => self.going.push(operation.into_future()),
                Outcome::Refused(_) | Outcome::Complete => {
                    self.handles.remove(&id);
                }
            }
            Poll::Ready((id, outcome))
        })
        .await
    }

    /// Up to where every subscription has come, of a log that ends at `head`: whoever resumes there misses
    /// nothing of any. None while one of them has only begun.
    pub fn passed(&self, head: LogPosition) -> Option<LogPosition> {
        let subscriptions = self.handles.values().filter(|handle| handle.kind == OperationType::Subscription);
        let positions: Option<Vec<_>> = subscriptions.map(|handle| handle.progress.passed()).collect();
        Some(positions?.into_iter().min().unwrap_or(head))
    }
}
