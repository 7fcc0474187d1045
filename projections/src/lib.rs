//! Applies events to read models, and queries read models. Decides nothing: effects of an event beyond rows are
//! policies of the domain, run by reactors.
//!
//! A new read model is one migration, one file (row, apply, queries) and one line in [`registry`].
//!
//! - [`ReadModels::start`] follows the log: a runner for each read model, a reactor for each policy, the timers, and
//!   [`account_access`], which applies staff events to accounts. With [`Sealing`] it also seals the log.
//! - Rows and checkpoint change in one transaction (module `checkpoint`), so an event counts once.
//! - [`rebuild()`] refills a model beside the live one. [`compare`] refills it and compares row by row, [`count`]
//!   compares each checkpoint with the log, [`verify()`] does both.

pub mod account_access;
mod apply_error;
pub mod as_of;
mod batches;
mod checkpoint;
pub mod closings;
pub mod contact_reads;
pub mod courier_positions;
pub mod daily_sales;
pub mod dead_letters;
pub mod deliveries;
mod error;
mod expiry;
mod fold;
mod heavy;
mod kitchen_load;
pub mod kitchen_queue;
pub mod lag;
mod leadership;
pub mod menus;
pub mod order_board;
pub mod order_details;
mod orders;
pub mod page;
pub mod pizzerias;
mod places;
mod progress;
mod reactor;
mod read_models;
mod rebuild;
pub mod registry;
mod runner;
mod scratch;
mod sealer;
mod status;
pub mod stock_levels;
mod time_travel;
mod verify;
pub mod what_if;
pub mod why;

pub use apply_error::ApplyError;
pub use checkpoint::Checkpoint;
pub use error::{ProjectionError, WaitError};
pub use expiry::context as expiry_context;
pub use heavy::{HeavyError, HeavyRead, HeavyReads};
pub use kitchen_load::kitchen_load;
pub use reactor::{Reaction, have_reacted, introduce, react_once, reactions};
pub use read_models::ReadModels;
pub use rebuild::rebuild;
pub use registry::Model;
pub use runner::{catch_up, deliver};
pub use sealer::{DestinationError, HeadsTo, SEALING_DELAY, Sealing, remember_published};
pub use status::{Failure, RunsAt, Status, status};
pub use verify::{Comparison, Count, Difference, ModelReport, OnStep, Step, compare, count, verify};
