//! The cqrs-es shim: a thin coat over `decide` and `evolve`.

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;

use super::{Delivery, DeliveryCommand, DeliveryError, DeliveryEvent, decide};

crate::aggregate_shim!(Delivery, "delivery", DeliveryCommand, DeliveryEvent, DeliveryError);
