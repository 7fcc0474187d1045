//! Texts in French and English for callers: messages of refusals (`refusals`), labels of statuses and amounts
//! (`labels`). Never decides anything and never reads a database. Start at [`refusals::message`].
//!
//! May depend on `domain` only.

pub mod labels;
pub mod refusals;
