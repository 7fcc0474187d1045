//! What follows from a fact: pure rules, without state of their own.

pub mod promise;
