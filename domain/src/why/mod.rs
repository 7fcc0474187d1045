//! Why something is as it is: what an event changed of a state, and what used up what a pizza needs.
//! Pure, over states and events that somebody else read.

mod changes;
#[cfg(test)]
mod tests;
mod unavailable;

pub use changes::{Change, changes};
pub use unavailable::{Block, Explanation, MOVEMENTS_KEPT, Mark, Movement, Shortage, Trace};
