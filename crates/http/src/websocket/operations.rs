//! The operations of one connection, which run in the connection's task: an idle one takes only its state. While the
//! task waits for anything else, it polls them too: a paused query would keep its database connection.

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

use crate::operation_stream::OperationStream;

/// An event of an operation.
pub(super) enum OperationEvent {
    /// A response.
    Next(Box<Response>),
    /// The rejection of its request, which ends it.
    Refused(Box<Response>),
    /// Its end.
    Complete,
}

/// A running operation.
struct Operation {
    id: Arc<str>,
    /// Distinguishes it from an earlier one with the same id.
    number: u64,
    events: Abortable<Events>,
}

struct Events(OperationStream);

impl Stream for Events {
    type Item = OperationEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<OperationEvent>> {
        self.0.responses.poll_next_unpin(cx).map(|response| {
            Some(match response {
                Some(response) if self.0.is_executed() => OperationEvent::Next(Box::new(response)),
                Some(response) => OperationEvent::Refused(Box::new(response)),
                None => OperationEvent::Complete,
            })
        })
    }
}

impl Stream for Operation {
    type Item = OperationEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<OperationEvent>> {
        self.events.poll_next_unpin(cx)
    }
}

/// Handle of a running operation.
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
    running: FuturesUnordered<StreamFuture<Operation>>,
    /// Events that are not sent yet, with their operations, which are paused meanwhile.
    waiting: VecDeque<(OperationEvent, Operation)>,
    started: u64,
}

impl Operations {
    pub fn contains(&self, id: &str) -> bool {
        self.handles.contains_key(id)
    }

    pub fn len(&self) -> usize {
        self.handles.len()
    }

    pub fn start(&mut self, id: String, operation: OperationStream) {
        self.started += 1;
        let (id, number): (Arc<str>, _) = (id.into(), self.started);
        let (abort, registration) = AbortHandle::new_pair();
        let (kind, progress) = (operation.kind, operation.progress.clone());
        self.handles.insert(id.clone(), Handle { number, kind, progress, abort });
        let events = Abortable::new(Events(operation), registration);
        self.running.push(Operation { id, number, events }.into_future());
    }

    /// Stops an operation, if it runs, and frees its id.
    pub fn stop(&mut self, id: &str) {
        if let Some(handle) = self.handles.remove(id) {
            handle.abort.abort();
            self.waiting.retain(|(_, operation)| operation.number != handle.number);
        }
    }

    /// Stops all subscriptions, which would not end by themselves.
    pub fn stop_subscriptions(&mut self) {
        let endless = self.handles.iter().filter(|(_, handle)| handle.kind == OperationType::Subscription);
        let ids: Vec<_> = endless.map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.stop(&id);
        }
    }

    /// Polls operations until each is pending or has an event.
    fn poll(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some((event, operation))) = self.running.poll_next_unpin(cx) {
            let current =
                self.handles.get(&operation.id).is_some_and(|handle| handle.number == operation.number);
            if let Some(event) = event.filter(|_| current) {
                self.waiting.push_back((event, operation));
            }
        }
    }

    /// Polls operations and never returns.
    pub async fn run(&mut self) {
        poll_fn(|cx| {
            self.poll(cx);
            Poll::Pending
        })
        .await
    }

    /// Returns the next event; never while no operation runs.
    pub async fn next(&mut self) -> (Arc<str>, OperationEvent) {
        poll_fn(|cx| {
            self.poll(cx);
            let Some((event, operation)) = self.waiting.pop_front() else { return Poll::Pending };
            if self.waiting.is_empty() {
                // Events rarely wait: the memory of the queue is released.
                self.waiting = VecDeque::new();
            }
            let id = operation.id.clone();
            match event {
                OperationEvent::Next(_) => self.running.push(operation.into_future()),
                OperationEvent::Refused(_) | OperationEvent::Complete => {
                    self.handles.remove(&id);
                }
            }
            Poll::Ready((id, event))
        })
        .await
    }

    /// Returns the position that every subscription has reached, in a log that ends at `head`: resuming there misses no
    /// item. `None` while one of them has not started.
    pub fn passed(&self, head: LogPosition) -> Option<LogPosition> {
        let subscriptions = self.handles.values().filter(|handle| handle.kind == OperationType::Subscription);
        let positions: Option<Vec<_>> = subscriptions.map(|handle| handle.progress.passed()).collect();
        Some(positions?.into_iter().min().unwrap_or(head))
    }
}
