//! The cqrs-es shim: a thin coat over `decide` and `evolve`.

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;

use super::{Stock, StockCommand, StockError, StockEvent, decide};

crate::aggregate_shim!(Stock, "stock", StockCommand, StockEvent, StockError);
