//! Decides what runs, where, when, and again: a pure state machine and its engine.

pub mod store;
