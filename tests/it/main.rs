//! What can only be tested on a real Postgres, and from outside.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod access;
mod bad_input;
mod brakes;
mod browser;
mod commands;
mod conflicts;
mod connections;
mod deliveries;
mod demo;
mod evening;
mod following;
mod frontend;
mod graphiql;
mod http;
mod idempotency;
mod kitchen;
mod lifecycle;
mod log;
mod matrix;
mod menu;
mod ordering;
mod pages;
mod pagination;
mod payments;
mod pizzas;
mod privacy;
mod processes;
mod production;
mod projections;
mod races;
mod reactors;
mod rebuild;
mod resume;
mod sales;
mod sessions;
mod statements;
mod stock;
mod streams;
mod subscriptions;
mod takeover;
mod unreadable;
mod visibility;
mod websocket_limits;
mod websocket_protocol;
