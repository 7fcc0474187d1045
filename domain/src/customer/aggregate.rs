//! The cqrs-es shim: a thin coat over `decide` and `evolve`.

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;

use super::{Customer, CustomerCommand, CustomerError, CustomerEvent, decide};

crate::aggregate_shim!(Customer, "customer", CustomerCommand, CustomerEvent, CustomerError);
