//! The cqrs-es shim: a thin coat over `decide` and `evolve`.

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;

use super::{Staff, StaffCommand, StaffError, StaffEvent, decide};

crate::aggregate_shim!(Staff, "staff", StaffCommand, StaffEvent, StaffError);
