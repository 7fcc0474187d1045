//! The cqrs-es shim: a thin coat over `decide` and `evolve`.

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;

use super::{Closing, ClosingCommand, ClosingError, ClosingEvent, decide};

crate::aggregate_shim!(Closing, "closing", ClosingCommand, ClosingEvent, ClosingError);
