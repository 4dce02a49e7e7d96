//! Decides what runs, where, when, and again.
//!
//! [`state::State`] is a pure state machine: events go in, records and actions come out. It has no clock,
//! no randomness, and does no I/O. [`engine::Engine`] is the shell that every dispatcher runs around it: it
//! lets no action out before the records that it rests on are durable. [`store`] says what durable means.
//!
//! - [`model`]: jobs and tasks as they are kept; [`record`]: every change of them.
//! - [`event`]: what the state machine hears and says.
//! - [`config`]: settings and limits.

pub mod config;
pub mod engine;
pub mod event;
pub mod model;
mod planted;
mod ready;
pub mod record;
#[cfg(test)]
mod simulation;
pub mod state;
pub mod store;
pub mod time;
