//! Texts in French and English. Words only: decides nothing.

pub mod labels;
pub mod refusals;
