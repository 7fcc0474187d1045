//! Order: from placement to the customer, with its prices, VAT and payments.

mod commands;
mod decide;
mod error;
mod events;
mod placed;
mod sold;
mod state;
#[cfg(test)]
mod tests;
mod values;

pub use commands::{OnlinePayment, OrderCommand};
pub use decide::decide;
pub(crate) use decide::{changeable, expect_total, paid_as_agreed, paid_by};
pub use error::{LinePart, OrderError};
pub use events::{AskedLine, CancelReason, Missing, OrderEvent, Placement};
pub use placed::MAX_DECLINES;
pub use sold::{LineOption, LineQuantity, LinesChange, Part, Pricing, Promised, SoldLine, SoldVat, Whole};
pub use state::{Order, PlacedOrder, Progress, RefusedOrder};
pub use values::{
    Fulfilment, OrderChannel, OrderLine, OrderStatus, Payment, PaymentIntent, PaymentKind, PaymentMethod,
    Promise, TakenExtra,
};
