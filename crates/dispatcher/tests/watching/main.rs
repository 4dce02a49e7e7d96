//! What can be watched of a dispatcher: its numbers, its traces, its description of itself.
#![allow(clippy::unwrap_used, reason = "a test")]

mod collector;
mod house;
mod metrics;
mod openapi;
