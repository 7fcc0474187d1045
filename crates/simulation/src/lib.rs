//! Generated data: [`history`] fills an empty log with events by a seed; [`demo`] has the demo's people, its data and
//! its traffic. Never runs against production.

pub mod demo;
pub mod history;
