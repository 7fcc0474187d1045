//! Explanations: what an event changed in a state, and why a pizza could not be made. Pure, over states and
//! events given by the caller.

mod changes;
#[cfg(test)]
mod tests;
mod unavailable;

pub use changes::{Change, changes};
pub use unavailable::{Block, Explanation, MOVEMENTS_KEPT, Mark, Movement, Shortage, Trace};
