//! The command line on a real database.

mod check;
mod commands;
mod demo;
mod simulate;
mod what_if;
