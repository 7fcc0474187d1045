//! The cqrs-es shim: a thin coat over `decide` and `evolve`.

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;

use super::{Menu, MenuCommand, MenuError, MenuEvent, decide};

crate::aggregate_shim!(Menu, "menu", MenuCommand, MenuEvent, MenuError);
