//! The cqrs-es shim: a thin coat over `decide` and `evolve`.

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;

use super::{Order, OrderCommand, OrderError, OrderEvent, decide};

crate::aggregate_shim!(Order, "order", OrderCommand, OrderEvent, OrderError);
