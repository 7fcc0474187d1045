//! The cqrs-es shim: a thin coat over `decide` and `evolve`.

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;

use super::{Pizzeria, PizzeriaCommand, PizzeriaError, PizzeriaEvent, decide};

crate::aggregate_shim!(Pizzeria, "pizzeria", PizzeriaCommand, PizzeriaEvent, PizzeriaError);
